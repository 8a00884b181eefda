"""Timers that send signals: alarm, the interval timers, and those of timer_create(2)."""

import errno

from syscalls.args import Result, UInt
from syscalls.calls.clock import FOREVER, SECOND, is_own_cpu_clock, now
from syscalls.flags.clock import Clock, Itimer, SigevNotify, Timer
from syscalls.flags.signals import Signal
from syscalls.flags.threads import Rlimit
from syscalls.limits import limit
from syscalls.process import Thread
from syscalls.signals import COUNT
from syscalls.structs import Timespec, Timeval
from syscalls.table import syscall
from syscalls.timers import PosixTimer, ProcessorTimer, RealTimer, Setting, may_add, timers_of
from syscalls.types_threads import ClockNumber
from syscalls.types_timers import (
    InEvent,
    InItimerspec,
    InItimerval,
    ItimerNumber,
    Itimerspec,
    Itimerval,
    OutItimerspec,
    OutItimerval,
    OutTimerId,
    RawSigevent,
    SettimeFlags,
    TimerNumber,
)
from syscalls.types_volatile import TimeResult

_OF_DAY = frozenset({Clock.CLOCK_REALTIME, Clock.CLOCK_TAI})
_PROCESSOR = frozenset({Clock.CLOCK_PROCESS_CPUTIME_ID, Clock.CLOCK_THREAD_CPUTIME_ID})
_WITH_TIMERS = _OF_DAY | _PROCESSOR | {Clock.CLOCK_MONOTONIC, Clock.CLOCK_BOOTTIME}
_KNOWN = frozenset(value for name, value in vars(Clock).items() if name.startswith("CLOCK_"))
_TO_PROCESS = (SigevNotify.SIGEV_SIGNAL, SigevNotify.SIGEV_THREAD)
_TO_THREAD = SigevNotify.SIGEV_THREAD_ID


@syscall
def alarm(thread: Thread, seconds: UInt) -> TimeResult:
    """alarm(2)."""
    real = timers_of(thread.process).real
    left, _ = real.get()
    real.set(seconds * SECOND, 0)
    whole, rest = divmod(left // 1000, 1_000_000)
    return whole + (rest >= 500_000 or (rest > 0 and not whole))


@syscall(
    partial="ITIMER_VIRTUAL and ITIMER_PROF both count the processor time that the bench has used for the guest"
)
def setitimer(thread: Thread, which: ItimerNumber, value: InItimerval, ovalue: OutItimerval) -> Result:
    """setitimer(2); without a new value the timer is disarmed."""
    new = _read_itimerval(thread, value) if value else (0, 0)
    timer = _itimer(thread, which)
    old = timer.get()
    timer.set(*new)
    if ovalue:
        _write_itimerval(thread, ovalue, old)
    return 0


@syscall(partial="as setitimer")
def getitimer(thread: Thread, which: ItimerNumber, value: OutItimerval) -> Result:
    """getitimer(2)."""
    _write_itimerval(thread, value, _itimer(thread, which).get())
    return 0


def _itimer(thread: Thread, which: int) -> RealTimer | ProcessorTimer:
    timers = timers_of(thread.process)
    if which == Itimer.ITIMER_REAL:
        return timers.real
    if which == Itimer.ITIMER_VIRTUAL:
        return timers.virtual
    if which == Itimer.ITIMER_PROF:
        return timers.profiling
    raise OSError(errno.EINVAL, "no such interval timer")


def _read_itimerval(thread: Thread, address: int) -> Setting:
    raw = Itimerval.unpack(thread.memory.read(address, Itimerval.size))
    interval, value = [_span(Timeval.unpack(part), 1000) for part in raw]
    return value, interval


def _span(parts: tuple[int, int], unit: int) -> int:
    """A timeval or timespec in ns, at most KTIME_MAX; raises EINVAL for a negative one, or more than a second of `unit` ns."""
    seconds, rest = parts
    if seconds < 0 or not 0 <= rest < SECOND // unit:
        raise OSError(errno.EINVAL, "not a valid time")
    return min(seconds * SECOND + rest * unit, FOREVER)


def _write_itimerval(thread: Thread, address: int, setting: Setting) -> None:
    value, interval = [Timeval.pack(ns // SECOND, ns % SECOND // 1000) for ns in setting]
    thread.memory.write(address, interval + value)


@syscall(
    partial="a thread's CPU clock counts the process's time; a step of the realtime clock moves no absolute timer"
)
def timer_create(thread: Thread, clockid: ClockNumber, sevp: InEvent, timerid: OutTimerId) -> Result:
    """timer_create(2)."""
    process = thread.process
    event = RawSigevent.unpack(thread.memory.read(sevp, RawSigevent.size)) if sevp else None
    if clockid >= 0 and clockid not in _WITH_TIMERS:
        return -errno.EOPNOTSUPP if clockid in _KNOWN else -errno.EINVAL
    if clockid < 0 and clockid & 7 == 3:  # a clock behind a descriptor
        return -errno.EOPNOTSUPP
    if not may_add(process, limit(process, Rlimit.RLIMIT_SIGPENDING)[0]):
        return -errno.EAGAIN
    timers = timers_of(process)
    number = timers.new_number()
    value, signal, notify, target = event or (number, Signal.SIGALRM, SigevNotify.SIGEV_SIGNAL, 0)
    if notify == _TO_THREAD and target not in process.threads:
        return -errno.EINVAL
    if notify in (*_TO_PROCESS, _TO_THREAD):
        if not 0 < signal <= COUNT:
            return -errno.EINVAL
    elif notify != SigevNotify.SIGEV_NONE:
        return -errno.EINVAL
    thread.memory.put_u32(timerid, number)
    if clockid < 0 and not is_own_cpu_clock(thread, clockid):
        return -errno.EINVAL
    timers.posix[number] = PosixTimer(
        process,
        number,
        clock=clockid,
        notify=notify,
        signal=signal,
        value=value,
        thread=target if notify == _TO_THREAD else 0,
        processor=clockid < 0 or clockid in _PROCESSOR,
    )
    return 0


def _timer(thread: Thread, number: int) -> PosixTimer:
    found = timers_of(thread.process).posix.get(number)
    if found is None:
        raise OSError(errno.EINVAL, "no such timer")
    return found


@syscall
def timer_settime(
    thread: Thread,
    timerid: TimerNumber,
    flags: SettimeFlags,
    new_value: InItimerspec,
    old_value: OutItimerspec,
) -> Result:
    """timer_settime(2); of the flags Linux looks at TIMER_ABSTIME only."""
    if not new_value:
        return -errno.EINVAL
    raw = Itimerspec.unpack(thread.memory.read(new_value, Itimerspec.size))
    interval, value = [_span(Timespec.unpack(part), 1) for part in raw]
    timer = _timer(thread, timerid)
    old = timer.get()
    if value:
        if not flags & Timer.TIMER_ABSTIME:
            value += timer.now()
        elif (
            timer.clock in _OF_DAY
        ):  # read first: late by what passes until the other clock is read, never early
            value += -now(thread, timer.clock) + timer.now()
        value = max(value, 1)
    timer.set(value, interval)
    if old_value:
        _write_itimerspec(thread, old_value, old)
    return 0


@syscall
def timer_gettime(thread: Thread, timerid: TimerNumber, curr_value: OutItimerspec) -> Result:
    """timer_gettime(2)."""
    _write_itimerspec(thread, curr_value, _timer(thread, timerid).get())
    return 0


def _write_itimerspec(thread: Thread, address: int, setting: Setting) -> None:
    value, interval = [Timespec.pack(*divmod(ns, SECOND)) for ns in setting]
    thread.memory.write(address, interval + value)


@syscall
def timer_getoverrun(thread: Thread, timerid: TimerNumber) -> Result:
    """timer_getoverrun(2)."""
    return _timer(thread, timerid).overrun_last


@syscall
def timer_delete(thread: Thread, timerid: TimerNumber) -> Result:
    """timer_delete(2)."""
    _timer(thread, timerid).end()
    del timers_of(thread.process).posix[timerid]
    return 0
