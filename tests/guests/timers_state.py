"""Timers that are set, asked and deleted: results, errors in the kernel's order, what is left; no signal is waited for."""

from say import check, result
from signal_tools import bit, mask_of

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.clock import Clock, Itimer, SigevNotify, Timer
from syscalls.flags.signals import SigMask, Signal
from syscalls.flags.threads import Rlimit

SECOND = 1000000000
BAD = 0x10


@struct
class Setting:
    """struct itimerspec, or itimerval."""

    interval: i64
    interval_rest: i64
    value: i64
    rest: i64


@struct
class Event:
    """struct sigevent."""

    value: u64
    signo: i32
    notify: i32
    thread: i32
    gap: i32
    more: array[u64, 5]


setting: Setting
old: Setting
event: Event
timer: i32


def put(seconds: i64, rest: i64, every: i64, every_rest: i64) -> u64:
    """A setting; its address."""
    setting.value = seconds
    setting.rest = rest
    setting.interval = every
    setting.interval_rest = every_rest
    return u64(addr(setting))


def send(notify: i64, signo: i64) -> u64:
    """An event; its address."""
    event.value = 7
    event.signo = i32(signo)
    event.notify = i32(notify)
    event.thread = i32(syscall(numbers.gettid))
    return u64(addr(event))


def left(label: bytes, least: i64, most: i64) -> None:
    """Say whether what is left of the old setting, in whole seconds, is within bounds."""
    check(label, least <= old.value and old.value <= most)


def alarms() -> None:
    """alarm(2)."""
    result(b"alarm first", syscall(numbers.alarm, 1000))
    check(b"alarm again", syscall(numbers.alarm, 2000) >= 990)
    check(b"alarm 32 bits", syscall(numbers.alarm, (7 << 32) + 500) >= 1990)
    check(b"alarm off", syscall(numbers.alarm, 0) >= 490)
    result(b"alarm none", syscall(numbers.alarm, 0))
    syscall(numbers.alarm, 0xFFFFFFFF)
    check(b"alarm cut", syscall(numbers.alarm, 0) > 2000000000)


def intervals() -> None:
    """setitimer(2) and getitimer(2)."""
    which = Itimer.ITIMER_REAL
    while which <= Itimer.ITIMER_PROF:
        result(b"itimer", which)
        result(b"  set", syscall(numbers.setitimer, which, put(1000, 0, 5, 250000), addr(old)))
        check(b"  was off", old.value == 0 and old.rest == 0 and old.interval == 0)
        result(b"  get", syscall(numbers.getitimer, which, addr(old)))
        left(b"  left", 990, 1000)
        check(b"  interval", old.interval == 5 and old.interval_rest == 250000)
        result(b"  set once more", syscall(numbers.setitimer, which, put(0, 0, 9, 0), addr(old)))
        left(b"  left then", 990, 1000)
        result(b"  get of none", syscall(numbers.getitimer, which, addr(old)))
        result(b"  value", old.value)
        result(b"  interval of none", old.interval)
        syscall(numbers.setitimer, which, put(0, 0, 0, 0), 0)
        which += 1
    result(b"which 3", syscall(numbers.setitimer, 3, put(1, 0, 0, 0), 0))
    result(b"which 3, bad", syscall(numbers.setitimer, 3, BAD, 0))
    result(b"which 3, invalid", syscall(numbers.setitimer, 3, put(1, -1, 0, 0), 0))
    result(b"get 3", syscall(numbers.getitimer, 3, BAD))
    result(b"get bad", syscall(numbers.getitimer, 0, BAD))
    result(b"negative", syscall(numbers.setitimer, 0, put(-1, 0, 0, 0), 0))
    result(b"a million", syscall(numbers.setitimer, 0, put(1, 1000000, 0, 0), 0))
    result(b"interval a million", syscall(numbers.setitimer, 0, put(1, 0, 0, 1000000), 0))
    result(b"bad old", syscall(numbers.setitimer, 0, put(1000, 0, 0, 0), BAD))
    result(b"but set", syscall(numbers.getitimer, 0, addr(old)))
    left(b"left", 990, 1000)
    result(b"alarm is the same", i64(syscall(numbers.alarm, 0) > 0))
    result(b"huge", syscall(numbers.setitimer, 0, put(0x7FFFFFFFFFFFFFFF, 0, 0, 0), 0))
    syscall(numbers.getitimer, 0, addr(old))
    check(b"left of huge", old.value > 9000000000)
    syscall(numbers.setitimer, 0, put(0, 0, 0, 0), 0)


def made() -> None:
    """timer_create(2): ids and errors."""
    result(b"create", syscall(numbers.timer_create, Clock.CLOCK_REALTIME, 0, addr(timer)))
    result(b"id", i64(timer))
    at = send(SigevNotify.SIGEV_NONE, 0)
    result(b"none", syscall(numbers.timer_create, Clock.CLOCK_MONOTONIC, at, addr(timer)))
    result(b"id", i64(timer))
    at = send(SigevNotify.SIGEV_THREAD_ID, Signal.SIGUSR1)
    result(b"thread", syscall(numbers.timer_create, Clock.CLOCK_BOOTTIME, at, addr(timer)))
    event.thread = 1
    result(b"no thread of ours", syscall(numbers.timer_create, Clock.CLOCK_BOOTTIME, at, addr(timer)))
    at = send(SigevNotify.SIGEV_THREAD, 64)
    event.thread = 0x123456
    result(b"as a libc", syscall(numbers.timer_create, Clock.CLOCK_TAI, at, addr(timer)))
    at = send(SigevNotify.SIGEV_SIGNAL, 65)
    result(b"signal 65", syscall(numbers.timer_create, 0, at, addr(timer)))
    at = send(SigevNotify.SIGEV_SIGNAL, 0)
    result(b"signal 0", syscall(numbers.timer_create, 0, at, addr(timer)))
    at = send(3, 10)
    result(b"notify 3", syscall(numbers.timer_create, 0, at, addr(timer)))
    at = send(77, 10)
    result(b"notify 77", syscall(numbers.timer_create, 0, at, addr(timer)))
    result(b"clock 99", syscall(numbers.timer_create, 99, at, addr(timer)))
    result(b"clock 99, bad event", syscall(numbers.timer_create, 99, BAD, addr(timer)))
    result(b"bad event", syscall(numbers.timer_create, 0, BAD, addr(timer)))
    result(b"bad id", syscall(numbers.timer_create, 0, 0, BAD))
    result(b"raw clock", syscall(numbers.timer_create, Clock.CLOCK_MONOTONIC_RAW, 0, addr(timer)))
    result(b"coarse clock", syscall(numbers.timer_create, Clock.CLOCK_REALTIME_COARSE, 0, addr(timer)))
    result(b"process", syscall(numbers.timer_create, Clock.CLOCK_PROCESS_CPUTIME_ID, 0, addr(timer)))
    result(b"thread clock", syscall(numbers.timer_create, Clock.CLOCK_THREAD_CPUTIME_ID, 0, addr(timer)))
    result(b"clock of nobody", syscall(numbers.timer_create, -(1 << 28) | 2, 0, addr(timer)))
    result(b"clock of a descriptor", syscall(numbers.timer_create, -5, 0, addr(timer)))


def set_and_asked(clock: i64, flags: i64) -> None:
    """timer_settime(2) and timer_gettime(2) of a timer that does not expire."""
    result(b"clock", clock)
    syscall(numbers.timer_create, clock, 0, addr(timer))
    result(b"  get", syscall(numbers.timer_gettime, timer, addr(old)))
    check(b"  off", old.value == 0 and old.rest == 0 and old.interval == 0 and old.interval_rest == 0)
    now = array[i64, 2]()
    if flags != 0:
        syscall(numbers.clock_gettime, clock, addr(now[0]))
    at = put(now[0] + 1000, now[1], 3, 5)
    result(b"  set", syscall(numbers.timer_settime, timer, flags, at, addr(old)))
    check(b"  was off", old.value == 0 and old.interval == 0)
    syscall(numbers.timer_gettime, timer, addr(old))
    left(b"  left", 990, 1000)
    check(b"  interval", old.interval == 3 and old.interval_rest == 5)
    result(b"  overrun", syscall(numbers.timer_getoverrun, timer))
    result(b"  off", syscall(numbers.timer_settime, timer, 0, put(0, 0, 8, 8), addr(old)))
    left(b"  left then", 990, 1000)
    syscall(numbers.timer_gettime, timer, addr(old))
    check(b"  all 0", old.value == 0 and old.rest == 0 and old.interval == 0 and old.interval_rest == 0)
    result(b"  delete", syscall(numbers.timer_delete, timer))
    result(b"  again", syscall(numbers.timer_delete, timer))


def refused() -> None:
    """Errors of timer_settime(2) and its kin."""
    syscall(numbers.timer_create, Clock.CLOCK_MONOTONIC, 0, addr(timer))
    t = i64(timer)
    result(b"no setting", syscall(numbers.timer_settime, t, 0, 0, 0))
    result(b"bad setting", syscall(numbers.timer_settime, t, 0, BAD, 0))
    result(b"bad setting, no timer", syscall(numbers.timer_settime, 999, 0, BAD, 0))
    result(b"no timer", syscall(numbers.timer_settime, 999, 0, put(1, 0, 0, 0), 0))
    result(b"negative", syscall(numbers.timer_settime, t, 0, put(-1, 0, 0, 0), 0))
    result(b"a second of ns", syscall(numbers.timer_settime, t, 0, put(1, SECOND, 0, 0), 0))
    result(b"bad interval", syscall(numbers.timer_settime, t, 0, put(1, 0, 0, SECOND), 0))
    result(b"unknown flags", syscall(numbers.timer_settime, t, 0xFFFE, put(1000, 0, 0, 0), 0))
    result(b"bad old", syscall(numbers.timer_settime, t, 0, put(2000, 0, 0, 0), BAD))
    syscall(numbers.timer_gettime, t, addr(old))
    left(b"but set", 1990, 2000)
    result(b"get bad", syscall(numbers.timer_gettime, t, BAD))
    result(b"get of none", syscall(numbers.timer_gettime, -1, BAD))
    result(b"overrun of none", syscall(numbers.timer_getoverrun, -1))
    result(b"delete none", syscall(numbers.timer_delete, -1))


def silent() -> None:
    """SIGEV_NONE: a timer to be asked."""
    at = send(SigevNotify.SIGEV_NONE, 0)
    syscall(numbers.timer_create, Clock.CLOCK_MONOTONIC, at, addr(timer))
    syscall(numbers.timer_settime, timer, 0, put(0, 1, 0, 0), 0)
    pause = array[i64, 2]()
    pause[1] = 2000000
    syscall(numbers.nanosleep, addr(pause[0]), 0)
    syscall(numbers.timer_gettime, timer, addr(old))
    check(b"expired", old.value == 0 and old.rest == 0)
    syscall(numbers.timer_settime, timer, Timer.TIMER_ABSTIME, put(0, 1, 1000, 0), 0)
    syscall(numbers.timer_gettime, timer, addr(old))
    check(b"the next one", old.value > 0 and old.value <= 1000)


def too_many() -> None:
    """RLIMIT_SIGPENDING bounds the timers of a process."""
    limit = array[u64, 2]()
    syscall(numbers.prlimit64, 0, Rlimit.RLIMIT_SIGPENDING, 0, addr(limit[0]))
    limit[0] = 0
    syscall(numbers.prlimit64, 0, Rlimit.RLIMIT_SIGPENDING, addr(limit[0]), 0)
    result(b"limit 0", syscall(numbers.timer_create, 0, 0, addr(timer)))
    result(b"limit 0, no clock", syscall(numbers.timer_create, 99, 0, addr(timer)))
    result(b"limit 0, bad", syscall(numbers.timer_create, 0, send(3, 10), addr(timer)))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGALRM) | bit(Signal.SIGPROF) | bit(Signal.SIGVTALRM))
    alarms()
    intervals()
    made()
    set_and_asked(Clock.CLOCK_REALTIME, 0)
    set_and_asked(Clock.CLOCK_REALTIME, Timer.TIMER_ABSTIME)
    set_and_asked(Clock.CLOCK_MONOTONIC, Timer.TIMER_ABSTIME)
    set_and_asked(Clock.CLOCK_BOOTTIME, Timer.TIMER_ABSTIME)
    set_and_asked(Clock.CLOCK_TAI, Timer.TIMER_ABSTIME)
    set_and_asked(Clock.CLOCK_PROCESS_CPUTIME_ID, 0)
    set_and_asked(Clock.CLOCK_PROCESS_CPUTIME_ID, Timer.TIMER_ABSTIME)
    refused()
    silent()
    too_many()
    return 0
