"""Clocks and sleeping. All time comes from the bench's clocks, so that it can be recorded or made virtual."""

import errno

from syscalls.args import Address, Result
from syscalls.flags.clock import Clock, Timer
from syscalls.process import Process, Thread
from syscalls.structs import Timespec, Timeval
from syscalls.table import syscall
from syscalls.types_threads import (
    ClockNumber,
    InTimespec,
    OutTimespec,
    OutTimeval,
    OutTimezone,
    TimerFlags,
    Timezone,
)
from syscalls.types_volatile import OutTime, TimeResult
from syscalls.wait import RESTART_RESTARTBLOCK, Blocking, Wait, Wake

SECOND = 1_000_000_000
TICK = 4_000_000
"""Nanoseconds between two steps of the coarse clocks (CONFIG_HZ=250)."""

FOREVER = (1 << 63) - 1
"""KTIME_MAX: deadlines beyond it are cut to it."""

_REALTIME = Clock.CLOCK_REALTIME
_MONOTONIC = Clock.CLOCK_MONOTONIC
_SLEEPS = frozenset({_REALTIME, _MONOTONIC, Clock.CLOCK_BOOTTIME, Clock.CLOCK_TAI})
_ALARMS = frozenset({Clock.CLOCK_REALTIME_ALARM, Clock.CLOCK_BOOTTIME_ALARM})
_COARSE = frozenset({Clock.CLOCK_REALTIME_COARSE, Clock.CLOCK_MONOTONIC_COARSE})
_KNOWN = frozenset(value for name, value in vars(Clock).items() if name.startswith("CLOCK_"))


def now(thread: Thread, clock: int) -> int:
    """The clock's time in nanoseconds; raises EINVAL for a clock that does not exist.

    The alarm clocks need a real-time clock device, and there is none. Processor time is that of the whole process, also
    for a thread's clock.
    """
    bench = thread.bench
    if clock == _MONOTONIC:
        return bench.monotonic_ns()
    if clock in (_REALTIME, Clock.CLOCK_TAI):
        return bench.realtime_ns()
    if clock in (Clock.CLOCK_MONOTONIC_RAW, Clock.CLOCK_BOOTTIME):
        return bench.monotonic_ns()
    if clock in _COARSE:
        time = bench.monotonic_ns() if clock == Clock.CLOCK_MONOTONIC_COARSE else bench.realtime_ns()
        return time - time % TICK
    owner = _clocked(thread, clock)
    if owner is None:
        raise OSError(errno.EINVAL, "no such clock")
    return bench.cpu_time_ns(owner)


def _clocked(thread: Thread, clock: int) -> Process | None:
    """The process whose processor clock this is: the caller's, or any process's (pid_for_clock)."""
    if clock in (Clock.CLOCK_PROCESS_CPUTIME_ID, Clock.CLOCK_THREAD_CPUTIME_ID):
        return thread.process
    if clock >= 0:
        return None
    if is_own_cpu_clock(thread, clock):
        return thread.process
    return thread.process.system.processes.get(~(clock >> 3)) if clock & 7 < 3 else None


def is_own_cpu_clock(thread: Thread, clock: int) -> bool:
    """Whether a negative id is a processor clock of this process (kernel/time/posix-cpu-timers.c, "CPUCLOCK")."""
    owner = ~(clock >> 3)
    if clock & 3 == 3:  # a clock behind a descriptor (7: none at all)
        return False
    if clock & 4:
        return owner == 0 or owner in thread.process.threads
    return owner in (0, thread.process.pid)


@syscall(partial="a thread's CPU clock shows the process's time")
def clock_gettime(thread: Thread, clockid: ClockNumber, tp: OutTimespec) -> Result:
    """clock_gettime(2)."""
    thread.memory.write(tp, Timespec.pack(*divmod(now(thread, clockid), SECOND)))
    return 0


@syscall
def clock_settime(thread: Thread, clockid: ClockNumber, tp: InTimespec) -> Result:
    """clock_settime(2): nobody may."""
    if clockid > 0:
        return -errno.EINVAL  # only the realtime clock can be set at all
    if clockid < 0:
        thread.memory.read(tp, Timespec.size)
        now(thread, clockid)
    else:
        _span(thread, tp)
    return -errno.EPERM


@syscall
def clock_getres(thread: Thread, clockid: ClockNumber, res: OutTimespec) -> Result:
    """clock_getres(2)."""
    now(thread, clockid)
    if res:
        ticks = clockid in _COARSE or (clockid < 0 and clockid & 3 < 2)
        thread.memory.write(res, Timespec.pack(0, TICK if ticks else 1))
    return 0


@syscall
def gettimeofday(thread: Thread, tv: OutTimeval, tz: OutTimezone) -> Result:
    """gettimeofday(2)."""
    if tv:
        seconds, nanoseconds = divmod(thread.bench.realtime_ns(), SECOND)
        thread.memory.write(tv, Timeval.pack(seconds, nanoseconds // 1000))
    if tz:
        thread.memory.write(tz, Timezone.pack(0, 0))
    return 0


@syscall
def time(thread: Thread, tloc: OutTime) -> TimeResult:
    """time(2)."""
    seconds = thread.bench.realtime_ns() // SECOND
    if tloc:
        thread.memory.put_u64(tloc, seconds)
    return seconds


@syscall
def nanosleep(thread: Thread, duration: InTimespec, rem: Address) -> Result:
    """nanosleep(2)."""
    return _sleep(thread, thread.bench.monotonic_ns() + _span(thread, duration), rem)


@syscall
def clock_nanosleep(
    thread: Thread, clockid: ClockNumber, flags: TimerFlags, t: InTimespec, remain: Address
) -> Result:
    """clock_nanosleep(2)."""
    if clockid < 0:
        if not is_own_cpu_clock(thread, clockid):
            if clockid & 7 == 3:
                return -errno.ENOTSUP
            _span(thread, t)
            return -errno.EINVAL
    elif clockid in _KNOWN:
        if clockid not in _SLEEPS and clockid not in _ALARMS and clockid != Clock.CLOCK_PROCESS_CPUTIME_ID:
            return -errno.ENOTSUP
    else:
        return -errno.EINVAL
    span = _span(thread, t)
    if clockid in _ALARMS:
        return -errno.ENOTSUP
    if clockid < 0 and clockid & 4 and ~(clockid >> 3) in (0, thread.tid):
        return -errno.EINVAL  # a thread that sleeps uses no time of its own: it would never wake
    absolute = bool(flags & Timer.TIMER_ABSTIME)
    if clockid in _SLEEPS:
        base = thread.bench.monotonic_ns()
        if not absolute:
            return _sleep(thread, base + span, remain)
        deadline = base + span - now(thread, clockid)
        return 0 if deadline <= base else _sleep(thread, deadline, 0)
    return _sleep_cpu(thread, span if absolute else now(thread, clockid) + span, 0 if absolute else remain)


def _span(thread: Thread, address: int) -> int:
    """A timespec in nanoseconds; raises EFAULT, EINVAL."""
    seconds, nanoseconds = Timespec.unpack(thread.memory.read(address, Timespec.size))
    if seconds < 0 or not 0 <= nanoseconds < SECOND:
        raise OSError(errno.EINVAL, "not a valid timespec")
    return int(seconds * SECOND + nanoseconds)


def _sleep(thread: Thread, deadline: int, remain: int) -> Blocking:
    wake = yield Wait(deadline=min(deadline, FOREVER))
    if wake is not Wake.INTERRUPTED:
        return 0
    return _interrupted(thread, deadline - thread.bench.monotonic_ns(), remain)


def _interrupted(thread: Thread, left: int, remain: int) -> int:
    if remain:
        thread.memory.write(remain, Timespec.pack(*divmod(max(left, 0), SECOND)))
    return RESTART_RESTARTBLOCK


def _sleep_cpu(thread: Thread, target: int, remain: int) -> Blocking:
    """Sleeps until the process has used `target` ns of processor time, which passes no faster than the clock."""
    bench = thread.bench
    while (left := target - bench.cpu_time_ns(thread.process)) > 0:
        wake = yield Wait(deadline=min(bench.monotonic_ns() + left, FOREVER))
        if wake is Wake.INTERRUPTED:
            return _interrupted(thread, left, remain)
    return 0
