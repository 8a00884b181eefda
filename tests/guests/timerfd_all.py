"""timerfd: settings, reading that waits and begins anew, readiness, errors in the kernel's order."""

from say import check, result
from signal_tools import install
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Epoll, EpollOp, Fcntl, Open, Poll
from syscalls.flags.clock import Clock, Timerfd, TimerfdTimer
from syscalls.flags.signals import SigAction, Signal

MS = 1000000
SECOND = 1000000000
BAD = 0x10


@struct
class Setting:
    """struct itimerspec."""

    interval: i64
    interval_rest: i64
    value: i64
    rest: i64


@struct
class PollFd:
    """struct pollfd."""

    fd: i32
    events: u16
    revents: u16


@struct
class Time:
    """struct timespec."""

    seconds: i64
    nanoseconds: i64


setting: Setting
old: Setting
count: u64
me: i64
calls: i64


def now(clock: i64) -> i64:
    """A clock in ns."""
    time = Time()
    syscall(numbers.clock_gettime, clock, addr(time))
    return time.seconds * SECOND + time.nanoseconds


def nap(ns: i64) -> None:
    """Sleep."""
    time = Time(ns // SECOND, ns % SECOND)
    syscall(numbers.nanosleep, addr(time), 0)


def put(ns: i64, every: i64) -> u64:
    """A setting; its address."""
    setting.value = ns // SECOND
    setting.rest = ns % SECOND
    setting.interval = every // SECOND
    setting.interval_rest = every % SECOND
    return u64(addr(setting))


def start(fd: i64, flags: i64, ns: i64, every: i64) -> i64:
    """timerfd_settime."""
    return syscall(numbers.timerfd_settime, fd, flags, put(ns, every), addr(old))


def take(fd: i64) -> i64:
    """Read the count of expiries."""
    global count
    count = 0
    return syscall(numbers.read, fd, addr(count), 8)


def errors() -> None:
    """Everything that is refused."""
    result(b"clock 99", syscall(numbers.timerfd_create, 99, 0))
    result(b"processor clock", syscall(numbers.timerfd_create, Clock.CLOCK_PROCESS_CPUTIME_ID, 0))
    result(b"raw clock", syscall(numbers.timerfd_create, Clock.CLOCK_MONOTONIC_RAW, 0))
    result(b"flag 1", syscall(numbers.timerfd_create, Clock.CLOCK_MONOTONIC, 1))
    result(b"clock 99, flag 1", syscall(numbers.timerfd_create, 99, 1))
    fd = syscall(numbers.timerfd_create, Clock.CLOCK_REALTIME, Timerfd.TFD_NONBLOCK | Timerfd.TFD_CLOEXEC)
    result(b"flags", syscall(numbers.fcntl, fd, Fcntl.F_GETFL, 0) & (Open.O_ACCMODE | Open.O_NONBLOCK))
    result(b"cloexec", syscall(numbers.fcntl, fd, Fcntl.F_GETFD, 0))
    result(b"off", take(fd))
    result(b"room 7", syscall(numbers.read, fd, addr(count), 7))
    result(b"write", syscall(numbers.write, fd, addr(count), 8))
    result(b"lseek", syscall(numbers.lseek, fd, 0, 0))
    result(b"FIOASYNC", syscall(numbers.ioctl, fd, 0x5452, addr(fd)))
    result(b"no setting", syscall(numbers.timerfd_settime, fd, 0, 0, 0))
    result(b"bad setting", syscall(numbers.timerfd_settime, fd, 0, BAD, 0))
    result(b"bad setting, no descriptor", syscall(numbers.timerfd_settime, 99, 0, BAD, 0))
    result(b"no descriptor", syscall(numbers.timerfd_settime, 99, 0, put(SECOND, 0), 0))
    result(b"stdout", syscall(numbers.timerfd_settime, 1, 0, put(SECOND, 0), 0))
    result(b"flag 8", syscall(numbers.timerfd_settime, fd, 8, put(SECOND, 0), 0))
    setting.rest = SECOND
    result(b"invalid", syscall(numbers.timerfd_settime, fd, 0, addr(setting), 0))
    result(b"bad old", syscall(numbers.timerfd_settime, fd, 0, put(1000 * SECOND, 0), BAD))
    result(b"get", syscall(numbers.timerfd_gettime, fd, addr(old)))
    check(b"but set", old.value >= 990 and old.value <= 1000)
    result(b"get bad", syscall(numbers.timerfd_gettime, fd, BAD))
    result(b"get of none", syscall(numbers.timerfd_gettime, 99, BAD))
    result(
        b"cancel", start(fd, TimerfdTimer.TFD_TIMER_ABSTIME | TimerfdTimer.TFD_TIMER_CANCEL_ON_SET, SECOND, 0)
    )
    result(b"expired long ago", take(fd))
    syscall(numbers.close, fd)


def times(clock: i64) -> None:
    """One clock: relative and absolute times, intervals."""
    result(b"clock", clock)
    fd = syscall(numbers.timerfd_create, clock, 0)
    begin = now(clock)
    result(b"  set", start(fd, 0, 3 * MS, 0))
    result(b"  read waits", take(fd))
    check(b"  once", count == 1)
    check(b"  not early", now(clock) - begin >= 3 * MS)
    begin = now(clock)
    result(b"  absolute", start(fd, TimerfdTimer.TFD_TIMER_ABSTIME, begin + 4 * MS, 0))
    result(b"  read waits", take(fd))
    check(b"  not early", now(clock) - begin >= 4 * MS)
    start(fd, 0, MS, 2 * MS)
    nap(20 * MS)
    result(b"  interval", take(fd))
    check(b"  10 at least", count >= 10)
    syscall(numbers.timerfd_gettime, fd, addr(old))
    check(b"  the interval", old.interval == 0 and old.interval_rest == 2 * MS and old.rest <= 2 * MS)
    result(b"  off", start(fd, 0, 0, 5))
    check(b"  it was on", old.interval_rest == 2 * MS)
    syscall(numbers.timerfd_gettime, fd, addr(old))
    check(b"  all is 0", old.value == 0 and old.rest == 0)
    syscall(numbers.close, fd)


def counts(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler."""
    global calls
    calls += 1


def interrupts(fd: u64) -> i64:
    """The thread that sends a signal, and then lets the timer expire."""
    nap(60 * MS)
    syscall(numbers.tgkill, syscall(numbers.getpid), me, Signal.SIGUSR1)
    nap(60 * MS)
    soon = Setting()
    soon.rest = 1
    syscall(numbers.timerfd_settime, fd, 0, addr(soon), 0)
    return 0


def interrupted() -> None:
    """A signal while a read waits."""
    fd = syscall(numbers.timerfd_create, Clock.CLOCK_MONOTONIC, 0)
    install(Signal.SIGUSR1, counts, SigAction.SA_SIGINFO, 0)
    spawn_in(0, interrupts, u64(fd))
    result(b"interrupted", take(fd))
    result(b"handlers", calls)
    join(0)
    result(b"then", take(fd))
    install(Signal.SIGUSR1, counts, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    spawn_in(0, interrupts, u64(fd))
    result(b"begun anew", take(fd))
    result(b"handlers", calls)
    join(0)
    syscall(numbers.close, fd)


def ready() -> None:
    """poll and epoll."""
    fd = syscall(numbers.timerfd_create, Clock.CLOCK_BOOTTIME, 0)
    one = PollFd()
    one.fd = i32(fd)
    one.events = u16(Poll.POLLIN)
    result(b"poll", syscall(numbers.poll, addr(one), 1, 0))
    start(fd, 0, 2 * MS, 0)
    result(b"poll waits", syscall(numbers.poll, addr(one), 1, -1))
    result(b"revents", i64(one.revents))
    result(b"read", take(fd))
    epoll = syscall(numbers.epoll_create1, 0)
    event = array[u64, 2]()
    event[0] = u64(Epoll.EPOLLIN | Epoll.EPOLLET)
    result(b"add", syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_ADD, fd, addr(event[0])))
    start(fd, 0, 2 * MS, 2 * MS)
    i = 0
    while i < 3:  # edge-triggered: the next expiry comes only when the one before is read
        result(b"epoll_wait", syscall(numbers.epoll_wait, epoll, addr(event[0]), 1, -1))
        result(b"again", syscall(numbers.epoll_wait, epoll, addr(event[0]), 1, 0))
        result(b"read", take(fd))
        i += 1


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    global me
    me = syscall(numbers.gettid)
    errors()
    times(Clock.CLOCK_REALTIME)
    times(Clock.CLOCK_MONOTONIC)
    times(Clock.CLOCK_BOOTTIME)
    interrupted()
    ready()
    return 0
