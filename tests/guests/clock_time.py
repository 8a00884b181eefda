"""Clocks and sleeping: which clocks there are, what they refuse, and that time passes as it was asked to."""

from say import check, result, say, say_number

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.clock import Clock, Timer


@struct
class Timespec:
    """struct timespec."""

    tv_sec: i64
    tv_nsec: i64


UNMAPPED = 0x10000
BILLION = 1000000000


def clock(number: i64) -> i64:
    """A clock in nanoseconds."""
    now = Timespec()
    syscall(numbers.clock_gettime, number, addr(now))
    return now.tv_sec * BILLION + now.tv_nsec


def labelled(label: bytes, number: i64) -> None:
    """Print a clock's number before what follows."""
    say(label)
    say(b" of clock ")
    say_number(number)
    say(b" ")


def clocks() -> None:
    """clock_gettime and clock_getres for every id."""
    now = Timespec()
    for number in range(-8, 17):
        # The clocks of alarms need a device that a machine has or has not.
        if number != 8 and number != 9 and number != 10:
            labelled(b"time", number)
            result(b"is", syscall(numbers.clock_gettime, number, addr(now)))
            labelled(b"resolution", number)
            result(b"is", syscall(numbers.clock_getres, number, addr(now)))
    result(b"time to a bad pointer", syscall(numbers.clock_gettime, 1, UNMAPPED))
    result(b"time to null", syscall(numbers.clock_gettime, 1, 0))
    result(b"bad clock to a bad pointer", syscall(numbers.clock_gettime, 99, UNMAPPED))
    result(b"resolution to null", syscall(numbers.clock_getres, 1, 0))
    result(b"resolution of a bad clock to null", syscall(numbers.clock_getres, 99, 0))
    result(b"resolution to a bad pointer", syscall(numbers.clock_getres, 1, UNMAPPED))
    syscall(numbers.clock_getres, 1, addr(now))
    result(b"monotonic resolution", now.tv_nsec)
    a = clock(Clock.CLOCK_MONOTONIC)
    b = clock(Clock.CLOCK_MONOTONIC)
    check(b"monotonic never steps back", b >= a)
    check(b"coarse is at most 100 ms behind", b - clock(Clock.CLOCK_MONOTONIC_COARSE) < 100000000)
    real = clock(Clock.CLOCK_REALTIME_COARSE)  # time(2) is that one: up to a tick behind CLOCK_REALTIME
    check(b"the year is after 2020", real > 1577836800 * BILLION)
    stored = i64(0)
    seconds = syscall(numbers.time, addr(stored))
    check(b"time agrees", seconds - real // BILLION <= 1 and seconds >= real // BILLION)
    check(b"time stores what it returns", seconds == stored)
    result(b"time to a bad pointer", syscall(numbers.time, UNMAPPED))
    check(b"time to null", syscall(numbers.time, 0) >= seconds)
    value = Timespec()
    zone = u64(1)
    result(b"gettimeofday", syscall(numbers.gettimeofday, addr(value), addr(zone)))
    check(b"it agrees", value.tv_sec - seconds <= 1 and value.tv_nsec < 1000000)
    result(b"the zone", i64(zone))
    result(b"gettimeofday of nothing", syscall(numbers.gettimeofday, 0, 0))
    result(b"gettimeofday, bad pointer", syscall(numbers.gettimeofday, UNMAPPED, 0))
    result(b"gettimeofday, bad zone", syscall(numbers.gettimeofday, 0, UNMAPPED))


def sleep(label: bytes, number: i64, flags: i64, ns: i64) -> None:
    """clock_nanosleep of `ns`, and whether that much time has passed."""
    span = Timespec()
    until = ns
    before = clock(Clock.CLOCK_MONOTONIC)
    if flags & Timer.TIMER_ABSTIME != 0:
        until += clock(number)
    span.tv_sec = until // BILLION
    span.tv_nsec = until % BILLION
    result(label, syscall(numbers.clock_nanosleep, number, flags, addr(span), 0))
    if ns > 0:
        check(b"  took at least 2 ms", clock(Clock.CLOCK_MONOTONIC) - before >= 2000000)


def sleeps() -> None:
    """nanosleep, clock_nanosleep."""
    sleep(b"relative, monotonic", Clock.CLOCK_MONOTONIC, 0, 3000000)
    sleep(b"relative, real time", Clock.CLOCK_REALTIME, 0, 3000000)
    sleep(b"relative, boot time", Clock.CLOCK_BOOTTIME, 0, 3000000)
    sleep(b"absolute, monotonic", Clock.CLOCK_MONOTONIC, Timer.TIMER_ABSTIME, 3000000)
    sleep(b"absolute, real time", Clock.CLOCK_REALTIME, Timer.TIMER_ABSTIME, 3000000)
    sleep(b"absolute, TAI", Clock.CLOCK_TAI, Timer.TIMER_ABSTIME, 3000000)
    sleep(b"absolute, in the past", Clock.CLOCK_MONOTONIC, Timer.TIMER_ABSTIME, -BILLION)
    sleep(b"unknown flags", Clock.CLOCK_MONOTONIC, 6, 3000000)
    span = Timespec()
    at = addr(span)
    for number in range(-8, 17):
        # Process clocks would sleep until the process has worked; 2 and -6 are such, -8 and -7 too.
        if number > -6 and number != 2 and number != 8 and number != 9 and number != 10:
            labelled(b"no sleep", number)
            result(b"is", syscall(numbers.clock_nanosleep, number, 0, at, 0))
    result(b"sleep, bad pointer", syscall(numbers.clock_nanosleep, 1, 0, UNMAPPED, 0))
    result(b"sleep on a clock that cannot, bad pointer", syscall(numbers.clock_nanosleep, 4, 0, UNMAPPED, 0))
    result(b"nanosleep of zero", syscall(numbers.nanosleep, at, 0))
    result(b"nanosleep, bad pointer", syscall(numbers.nanosleep, UNMAPPED, 0))
    result(b"nanosleep, null", syscall(numbers.nanosleep, 0, 0))
    span.tv_nsec = BILLION
    result(b"nanoseconds too many", syscall(numbers.nanosleep, at, 0))
    span.tv_nsec = -1
    result(b"nanoseconds negative", syscall(numbers.nanosleep, at, 0))
    span.tv_nsec = 0
    span.tv_sec = -1
    result(b"seconds negative", syscall(numbers.nanosleep, at, 0))
    result(b"clock_nanosleep, seconds negative", syscall(numbers.clock_nanosleep, 1, 1, at, 0))
    span.tv_sec = 0
    span.tv_nsec = 2500000
    before = clock(Clock.CLOCK_MONOTONIC)
    result(b"nanosleep", syscall(numbers.nanosleep, at, at))
    check(b"  took at least 2 ms", clock(Clock.CLOCK_MONOTONIC) - before >= 2000000)
    result(b"  the rest is untouched", span.tv_nsec)


def usage() -> None:
    """times and getrusage."""
    buffer = array[i64, 18]()
    check(b"times", syscall(numbers.times, buffer.ptr) > 0)
    check(b"times of nothing", syscall(numbers.times, 0) > 0)
    result(b"times, bad pointer", syscall(numbers.times, UNMAPPED))
    result(b"getrusage", syscall(numbers.getrusage, 0, buffer.ptr))
    check(b"microseconds", buffer[1] >= 0 and buffer[1] < 1000000)
    result(b"getrusage of children", syscall(numbers.getrusage, -1, buffer.ptr))
    result(b"they used", buffer[0] + buffer[1])
    result(b"getrusage of the thread", syscall(numbers.getrusage, 1, buffer.ptr))
    result(b"getrusage of what", syscall(numbers.getrusage, 2, buffer.ptr))
    result(b"getrusage, bad pointer", syscall(numbers.getrusage, 0, UNMAPPED))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    clocks()
    sleeps()
    usage()
    return 0
