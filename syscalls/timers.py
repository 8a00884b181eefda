"""The timers of a process: its interval timers (setitimer(2)) and those of timer_create(2).

As in the kernel a timer that repeats is armed anew only when its signal is taken; the periods that have passed by then
count as overruns, and the next expiry is the former one plus whole intervals: a timer never drifts (kernel/time/posix-timers.c,
kernel/time/itimer.c).
"""

from syscalls import siginfo
from syscalls.flags.clock import SigevNotify
from syscalls.flags.signals import Signal
from syscalls.process import Process, Thread
from syscalls.siginfo import SigInfo

INT_MAX = (1 << 31) - 1
KTIME_MAX = (1 << 63) - 1
TICK = 4_000_000
"""Nanoseconds between two looks of the kernel at processor time (CONFIG_HZ=250)."""

Setting = tuple[int, int]
"""What is left until the expiry (0: disarmed), and the interval; nanoseconds."""


class PosixTimer:
    """One timer of timer_create(2); fulfils `syscalls.siginfo.Source` for its signal.

    `number` is its id, `clock` the clock's, `processor` says that it counts processor time. `thread` is the id of the thread
    that gets the signal, 0 for any.
    """

    __slots__ = (
        "_armed", "_current", "_expires", "_ignored", "_is_pending", "_overrun", "_process", "_waits_for_signal",
        "clock", "interval", "is_processor", "notify", "number", "overrun_last", "signal", "thread", "value",
    )  # fmt: skip

    def __init__(
        self,
        process: Process,
        number: int,
        *,
        clock: int,
        notify: int,
        signal: int,
        value: int,
        thread: int,
        processor: bool,
    ) -> None:
        self._process = process
        self.clock = clock
        self.number = number
        self.notify = notify
        self.signal = signal
        self.value = value
        self.thread = thread
        self.is_processor = processor
        self.interval = 0
        self.overrun_last = 0
        self._expires = 0
        self._armed = False
        self._overrun = -1
        self._is_pending = False  # its signal is in a queue
        self._current = False  # and belongs to the present arming
        self._waits_for_signal = False  # has expired, and repeats once its signal is taken
        self._ignored = False

    def now(self) -> int:
        """The clock of its deadlines."""
        bench = self._process.bench
        return bench.cpu_time_ns(self._process) if self.is_processor else bench.monotonic_ns()

    def get(self) -> Setting:
        """timer_gettime(2)."""
        silent = self.notify == SigevNotify.SIGEV_NONE
        if not self.interval and not self._armed and not silent:
            return 0, 0
        now = self.now()
        if self.interval and not self._armed:
            self._forward(now)
        left = self._expires - now
        if left <= 0:
            left = 0 if silent else 1
        return left, self.interval

    def set(self, expires: int, interval: int) -> None:
        """timer_settime(2): the first expiry on the clock of deadlines (0: never), and how often from then on."""
        bench = self._process.bench
        bench.disarm_timer(self)
        self._armed = self._current = self._waits_for_signal = self._ignored = False
        self._overrun, self.overrun_last = -1, 0
        self._expires = min(expires, KTIME_MAX)
        self.interval = interval if expires else 0
        if not expires or self.notify == SigevNotify.SIGEV_NONE:
            return
        if expires <= self.now():
            self.fire()
        else:
            self._arm()

    def end(self) -> None:
        """timer_delete(2). A signal of it that is pending will not be told."""
        self._process.bench.disarm_timer(self)
        self._armed = self._current = self._waits_for_signal = self._ignored = False

    def _arm(self) -> None:
        self._armed = True
        self._process.bench.arm_timer(
            self, self._expires, self.fire, processor=self._process if self.is_processor else None
        )

    def fire(self) -> None:
        """The expiry."""
        self._armed = False
        self._waits_for_signal = self.interval > 0
        self._send()

    def _send(self) -> None:
        process = self._process
        target: Process | Thread | None = process.threads.get(self.thread) if self.thread else process
        self._current = target is not None
        if target is not None and not self._is_pending:
            info = siginfo.from_timer(self.signal, self.number, self.value, self)
            process.bench.send_signal(target, info)

    def _forward(self, now: int) -> None:
        """Puts the next expiry after `now`, by whole intervals (hrtimer_forward)."""
        late = now - self._expires
        if late >= 0:
            periods = late // self.interval + 1
            self._overrun += periods
            self._expires += periods * self.interval

    # What becomes of its signal

    def queued(self) -> None:
        """See `syscalls.siginfo.Source`."""
        self._is_pending = True

    def ignored(self) -> None:
        """Sent again when the signal is no longer ignored, if it repeats."""
        self._is_pending = False
        self._ignored = self._current and self._waits_for_signal

    def taken(self, info: SigInfo) -> SigInfo | None:
        """Arms the timer anew, and counts what was missed."""
        self._is_pending = False
        if not self._current:
            return None
        if not self._waits_for_signal:
            return info
        self._waits_for_signal = False
        self._forward(self.now())
        self.overrun_last, self._overrun = min(self._overrun, INT_MAX), -1
        self._arm()
        return siginfo.with_overrun(info, self.overrun_last)

    def heeded(self, signal: int) -> None:
        """A signal is no longer ignored."""
        if self._ignored and signal == self.signal:
            self._ignored = False
            self._send()


class RealTimer:
    """ITIMER_REAL, and alarm(2)."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._expires = 0
        self._armed = False
        self.interval = 0

    def get(self) -> Setting:
        """getitimer(2): one microsecond is left of one that is about to expire."""
        left = max(self._expires - self._process.bench.monotonic_ns(), 1000) if self._armed else 0
        return left, self.interval

    def set(self, value: int, interval: int) -> None:
        """setitimer(2)."""
        self._process.bench.disarm_timer(self)
        self._armed = value > 0
        self.interval = interval if value else 0
        if value:
            self._arm(self._process.bench.monotonic_ns() + value)

    def _arm(self, expires: int) -> None:
        self._armed, self._expires = True, expires
        self._process.bench.arm_timer(self, expires, self._fire)

    def _fire(self) -> None:
        self._armed = False
        self._process.bench.send_signal(self._process, siginfo.from_kernel(Signal.SIGALRM))

    def alarm_taken(self) -> None:
        """A SIGALRM of the process, from wherever, was taken: what repeats goes on now (dequeue_signal)."""
        if self.interval and not self._armed:
            now = self._process.bench.monotonic_ns()
            late = now - self._expires
            self._arm(
                self._expires + (late // self.interval + 1) * self.interval if late >= 0 else self._expires
            )


class ProcessorTimer:
    """ITIMER_VIRTUAL or ITIMER_PROF; both count the processor time of the process."""

    def __init__(self, process: Process, signal: int) -> None:
        self._process = process
        self._signal = signal
        self._expires = 0
        self.interval = 0

    def get(self) -> Setting:
        """getitimer(2): one tick is left of one that is about to expire (get_cpu_itimer)."""
        left = self._expires - self._process.bench.cpu_time_ns(self._process) if self._expires else 0
        return left if left >= 0 else TICK, self.interval

    def set(self, value: int, interval: int) -> None:
        """setitimer(2): the first expiry is rounded up to the next tick."""
        bench = self._process.bench
        self.interval = interval
        self._expires = bench.cpu_time_ns(self._process) + value + TICK if value else 0
        if value:
            bench.arm_timer(self, self._expires, self._fire, processor=self._process)
        else:
            bench.disarm_timer(self)

    def _fire(self) -> None:
        bench = self._process.bench
        if self.interval:
            late = bench.cpu_time_ns(self._process) - self._expires
            self._expires += (max(late, 0) // self.interval + 1) * self.interval
            bench.arm_timer(self, self._expires, self._fire, processor=self._process)
        else:
            self._expires = 0
        bench.send_signal(self._process, siginfo.from_kernel(self._signal))


class ProcessTimers:
    """All timers of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.real = RealTimer(process)
        self.virtual = ProcessorTimer(process, Signal.SIGVTALRM)
        self.profiling = ProcessorTimer(process, Signal.SIGPROF)
        self.posix: dict[int, PosixTimer] = {}
        self._next = 0

    def new_number(self) -> int:
        """The id of the next timer: ids are not used again, also not those of attempts."""
        while self._next in self.posix:
            self._next = self._next + 1 & INT_MAX
        number = self._next
        self._next = number + 1 & INT_MAX
        return number

    def alarm_taken(self) -> None:
        """A SIGALRM of the process was taken."""
        self.real.alarm_taken()

    def heeded(self, signal: int) -> None:
        """The action for a signal is no longer to ignore it."""
        for timer in list(self.posix.values()):
            timer.heeded(signal)

    def forget(self) -> None:
        """execve(2): the timers of timer_create(2) end, the interval timers go on."""
        for timer in self.posix.values():
            timer.end()
        self.posix.clear()
        self._next = 0

    def end(self) -> None:
        """The process ends."""
        self.forget()
        for timer in (self.real, self.virtual, self.profiling):
            timer.set(0, 0)


def timers_of(process: Process) -> ProcessTimers:
    """The timers of a process, made at their first use."""
    if process.timers is None:
        process.timers = ProcessTimers(process)
    found = process.timers
    assert isinstance(found, ProcessTimers)
    return found


def may_add(process: Process, limit: int) -> bool:
    """Whether one timer more is within RLIMIT_SIGPENDING, which counts queued signals and timers."""
    return process.queued + len(timers_of(process).posix) < limit
