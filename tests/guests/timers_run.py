"""Timers that expire: which signal, what it carries, overruns, who gets it; and that none is early."""

from say import check, result, say, say_number
from signal_tools import bit, install, mask_of
from spawn import join, spawn_in

from guest.lang import addr, array, atomic, i32, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.clock import Clock, Itimer, SigevNotify, Timer
from syscalls.flags.signals import SigAction, SigMask, Signal

MS = 1000000
SECOND = 1000000000


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


@struct
class Time:
    """struct timespec."""

    seconds: i64
    nanoseconds: i64


calls: i64
last: array[i32, 32]  # the siginfo of the last handler
on: i64  # the thread that it ran on
ended: u32
timer: i32
setting: Setting
old: Setting


def now() -> i64:
    """CLOCK_MONOTONIC in ns."""
    time = Time()
    syscall(numbers.clock_gettime, Clock.CLOCK_MONOTONIC, addr(time))
    return time.seconds * SECOND + time.nanoseconds


def counts(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler."""
    global calls, on
    for i in range(32):
        last[i] = info[i]
    on = syscall(numbers.gettid)
    calls += 1


def created(clock: i64, notify: i64, signo: i64, thread: i64) -> i64:
    """A timer whose value is 0x1122334455."""
    event = Event()
    event.value = 0x1122334455
    event.signo = i32(signo)
    event.notify = i32(notify)
    event.thread = i32(thread)
    syscall(numbers.timer_create, clock, addr(event), addr(timer))
    return i64(timer)


def start(number: i64, ns: i64, every: i64) -> None:
    """Arm a timer."""
    setting.value = ns // SECOND
    setting.rest = ns % SECOND
    setting.interval = every // SECOND
    setting.interval_rest = every % SECOND
    syscall(numbers.timer_settime, number, 0, addr(setting), 0)


def arm(which: i64, microseconds: i64, every: i64) -> None:
    """Arm an interval timer."""
    setting.value = microseconds // 1000000
    setting.rest = microseconds % 1000000
    setting.interval = every // 1000000
    setting.interval_rest = every % 1000000
    syscall(numbers.setitimer, which, addr(setting), 0)


def nap(ns: i64) -> i64:
    """Sleep."""
    time = Time(ns // SECOND, ns % SECOND)
    return syscall(numbers.nanosleep, addr(time), 0)


def until(count: i64) -> None:
    """Pause until so many handlers have run. The signals are blocked but while it waits: none is missed."""
    empty = u64(0)
    while atomic.load(addr(calls)) < count:
        syscall(numbers.rt_sigsuspend, addr(empty), 8)


def told(label: bytes) -> None:
    """What the last handler was told."""
    say(label)
    say(b": signo ")
    say_number(i64(last[0]))
    say(b" errno ")
    say_number(i64(last[1]))
    say(b" code ")
    say_number(i64(last[2]))
    if last[2] == -2:
        say(b" timer ")
        say_number(i64(last[4]))
        say(b" value ")
        say_number(i64(last[6]))
        say(b" ")
        say_number(i64(last[7]))
    say(b"\n")


def alarms() -> None:
    """alarm(2) and ITIMER_REAL."""
    global calls
    calls = 0
    begin = now()
    syscall(numbers.alarm, 1)
    until(1)
    check(b"a second has passed", now() - begin >= SECOND)
    told(b"alarm")
    result(b"nothing is left", syscall(numbers.alarm, 0))
    calls = 0
    begin = now()
    arm(Itimer.ITIMER_REAL, 2000, 3000)
    until(5)
    check(b"itimer: 2 + 4 * 3 ms", now() - begin >= 14 * MS)
    arm(Itimer.ITIMER_REAL, 0, 0)
    mask_of(SigMask.SIG_UNBLOCK, bit(Signal.SIGALRM))
    calls = 0
    arm(Itimer.ITIMER_REAL, 1000, 1000)
    result(b"a sleep is interrupted", nap(20 * SECOND))
    check(b"by a handler", calls > 0)
    arm(Itimer.ITIMER_REAL, 0, 0)
    mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGALRM))
    arm(Itimer.ITIMER_REAL, 1000, 100000000)
    nap(20 * MS)
    syscall(numbers.getitimer, 0, addr(old))
    check(b"waits until the signal is taken", old.value == 0 and old.rest == 0 and old.interval == 100)
    calls = 0
    until(1)
    syscall(numbers.getitimer, 0, addr(old))
    check(b"and goes on", old.value >= 90 and old.value < 100)
    arm(Itimer.ITIMER_REAL, 0, 0)
    zero = Time()
    alarm = bit(Signal.SIGALRM)
    syscall(numbers.rt_sigtimedwait, addr(alarm), 0, addr(zero), 8)


def processor(which: i64, signal: i64) -> None:
    """ITIMER_VIRTUAL and ITIMER_PROF: a thread that computes is interrupted."""
    global calls
    mask_of(SigMask.SIG_UNBLOCK, bit(signal))
    calls = 0
    arm(which, 5000, 5000)
    work = u64(1)
    while atomic.load(addr(calls)) < 3:
        work = work * 6364136223846793005 + 1
    arm(which, 0, 0)
    told(b"processor time")
    mask_of(SigMask.SIG_BLOCK, bit(signal))


def posix(clock: i64) -> None:
    """Timers of timer_create(2), one expiry and several."""
    global calls
    calls = 0
    number = created(clock, SigevNotify.SIGEV_SIGNAL, Signal.SIGUSR1, 0)
    begin = now()
    start(number, 3 * MS, 0)
    until(1)
    check(b"not early", now() - begin >= 3 * MS)
    told(b"once")
    result(b"  overrun told", i64(last[5]))
    result(b"  overrun", syscall(numbers.timer_getoverrun, number))
    syscall(numbers.timer_gettime, number, addr(old))
    check(b"  off", old.value == 0 and old.rest == 0)
    calls = 0
    begin = now()
    start(number, 1 * MS, 2 * MS)
    seen = i64(0)
    missed = i64(0)
    empty = u64(0)
    while seen < 5:
        before = calls
        syscall(numbers.rt_sigsuspend, addr(empty), 8)
        seen += calls - before
        missed += i64(last[5])
    check(b"no drift", now() - begin >= (1 + 2 * (seen + missed - 1)) * MS)
    syscall(numbers.timer_delete, number)
    zero = Time()
    mine = bit(Signal.SIGUSR1)
    syscall(numbers.rt_sigtimedwait, addr(mine), 0, addr(zero), 8)


def overruns() -> None:
    """What passes while the signal is pending counts; it is told, once, with the signal."""
    global calls
    calls = 0
    number = created(Clock.CLOCK_MONOTONIC, SigevNotify.SIGEV_SIGNAL, Signal.SIGRTMIN + 2, 0)
    start(number, 1 * MS, 1 * MS)
    nap(30 * MS)
    pending = u64(0)
    syscall(numbers.rt_sigpending, addr(pending), 8)
    check(b"pending", pending == bit(Signal.SIGRTMIN + 2))
    result(b"overrun before", syscall(numbers.timer_getoverrun, number))
    until(1)
    check(b"29 at least", last[5] >= 29)
    check(b"the same", syscall(numbers.timer_getoverrun, number) == i64(last[5]))
    told(b"overrun")
    result(b"one signal for all", calls)
    start(number, 0, 0)
    result(b"none when set anew", syscall(numbers.timer_getoverrun, number))
    setting.value = 0
    setting.rest = 1
    setting.interval = 1000
    setting.interval_rest = 0
    zero = Time()
    wanted = bit(Signal.SIGRTMIN + 2)
    syscall(numbers.rt_sigtimedwait, addr(wanted), 0, addr(zero), 8)
    calls = 0
    syscall(numbers.timer_settime, number, Timer.TIMER_ABSTIME, addr(setting), 0)
    until(1)
    check(b"since the machine was started", last[5] >= 0)
    syscall(numbers.timer_delete, number)


def two_at_once() -> None:
    """Each timer has a signal of its own, also where they are of one standard number."""
    global calls
    first = created(Clock.CLOCK_MONOTONIC, SigevNotify.SIGEV_SIGNAL, Signal.SIGUSR2, 0)
    second = created(Clock.CLOCK_MONOTONIC, SigevNotify.SIGEV_SIGNAL, Signal.SIGUSR2, 0)
    start(first, 1 * MS, 0)
    start(second, 1 * MS, 0)
    nap(10 * MS)
    calls = 0
    until(2)
    result(b"both", calls)
    syscall(numbers.timer_delete, first)
    syscall(numbers.timer_delete, second)


def ignored() -> None:
    """A timer whose signal is ignored repeats all the same, and is heard later."""
    global calls
    mask_of(SigMask.SIG_UNBLOCK, bit(Signal.SIGUSR2))
    action = array[u64, 4]()
    action[0] = 1
    syscall(numbers.rt_sigaction, Signal.SIGUSR2, addr(action[0]), 0, 8)
    number = created(Clock.CLOCK_MONOTONIC, SigevNotify.SIGEV_SIGNAL, Signal.SIGUSR2, 0)
    start(number, 1 * MS, 1 * MS)
    nap(20 * MS)
    syscall(numbers.timer_gettime, number, addr(old))
    check(b"it runs", old.rest > 0 and old.rest <= 1 * MS)
    calls = 0
    install(Signal.SIGUSR2, counts, SigAction.SA_SIGINFO, 0)
    while atomic.load(addr(calls)) < 2:
        nap(1 * MS)
    check(b"it is heard", calls >= 2)
    syscall(numbers.timer_delete, number)
    mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR2))


def waits(unused: u64) -> i64:
    """A thread that has nothing blocked."""
    mask_of(SigMask.SIG_SETMASK, 0)
    while atomic.load(addr(ended)) == 0:
        syscall(numbers.futex, addr(ended), 0, 0, 0)
    return 0


def threads() -> None:
    """SIGEV_THREAD_ID: one thread gets it, though another one could."""
    global calls, ended
    ended = 0
    other = spawn_in(0, waits, 0)
    calls = 0
    number = created(
        Clock.CLOCK_MONOTONIC, SigevNotify.SIGEV_THREAD_ID, Signal.SIGUSR1, syscall(numbers.gettid)
    )
    start(number, 1 * MS, 0)
    until(1)
    check(b"this thread", on == syscall(numbers.gettid))
    syscall(numbers.timer_delete, number)
    calls = 0
    number = created(Clock.CLOCK_MONOTONIC, SigevNotify.SIGEV_THREAD_ID, Signal.SIGUSR1, other)
    start(number, 1 * MS, 0)
    while atomic.load(addr(calls)) == 0:
        nap(1 * MS)
    check(b"the other thread", on == other)
    calls = 0
    shared = created(Clock.CLOCK_MONOTONIC, SigevNotify.SIGEV_SIGNAL, Signal.SIGUSR1, 0)
    start(shared, 1 * MS, 0)
    while atomic.load(addr(calls)) == 0:
        nap(1 * MS)
    check(b"whoever has it unblocked", on == other)
    atomic.store(addr(ended), 1)
    syscall(numbers.futex, addr(ended), 1, 1)
    join(0)
    calls = 0
    start(number, 1 * MS, 1 * MS)
    nap(5 * MS)
    result(b"a thread that has ended gets nothing", calls)
    syscall(numbers.timer_delete, number)
    syscall(numbers.timer_delete, shared)


def busy() -> None:
    """A thread that only computes, and one that makes short calls without end, are interrupted."""
    global calls
    mask_of(SigMask.SIG_UNBLOCK, bit(Signal.SIGUSR1))
    number = created(Clock.CLOCK_MONOTONIC, SigevNotify.SIGEV_SIGNAL, Signal.SIGUSR1, 0)
    calls = 0
    start(number, 1 * MS, 0)
    work = u64(1)
    while atomic.load(addr(calls)) == 0:
        work = work * 6364136223846793005 + 1
    say(b"computing\n")
    calls = 0
    start(number, 1 * MS, 0)
    while atomic.load(addr(calls)) == 0:
        syscall(numbers.getppid)
    say(b"calling\n")
    mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR1))
    syscall(numbers.timer_delete, number)


def taken() -> None:
    """rt_sigtimedwait(2) takes a timer's signal, and so lets the timer go on."""
    number = created(Clock.CLOCK_MONOTONIC, SigevNotify.SIGEV_SIGNAL, Signal.SIGRTMIN + 3, 0)
    start(number, 1 * MS, 1 * MS)
    wanted = bit(Signal.SIGRTMIN + 3)
    for _i in range(3):
        result(b"taken", syscall(numbers.rt_sigtimedwait, addr(wanted), addr(last[0]), 0, 8))
    told(b"taken")
    syscall(numbers.timer_delete, number)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    handled = array[i64, 7]([14, 26, 27, 10, 12, 34, 35])
    blocked = u64(0)
    for i in range(7):
        install(handled[i], counts, SigAction.SA_SIGINFO, 0)
        blocked |= bit(handled[i])
    mask_of(SigMask.SIG_BLOCK, blocked)
    alarms()
    processor(Itimer.ITIMER_VIRTUAL, Signal.SIGVTALRM)
    processor(Itimer.ITIMER_PROF, Signal.SIGPROF)
    posix(Clock.CLOCK_REALTIME)
    posix(Clock.CLOCK_MONOTONIC)
    posix(Clock.CLOCK_BOOTTIME)
    overruns()
    two_at_once()
    ignored()
    threads()
    busy()
    taken()
    return 0
