"""The way of a system call: from the CPU's hook to the handler and back, through parking and resuming where it waits.

Everything here that runs once a call is written for speed. While a thread waits, the next one is put on the CPU inside
the same hook; the engine is left only for faults, the end of a time slice, and the end of the run.
"""

import errno
from collections.abc import Callable
from typing import Any, Protocol

from emu.context import WORD
from emu.cpu import Cpu
from emu.host import Host
from emu.sched import SLICE, Scheduler, Task
from emu.served import Served
from emu.timers import Timers
from emu.trace import Sink
from emu.traced import InProgress, Traced
from emu.turn import Turn
from syscalls.process import Process, Thread
from syscalls.table import Record, Syscall
from syscalls.wait import (
    RESTART_RESTARTBLOCK,
    RESTARTSYS,
    Blocking,
    Executed,
    Exit,
    SignalReturn,
    Wait,
    Wake,
    Yield,
)

MAX_STACK = 64
"""Return addresses in a record, at most."""

TOLD_AFTER = 200_000_000
"""After how many nanoseconds without anything to run a sink hears who waits for what."""

_PEEK_EVERY = 32  # switches between two looks at the world outside, when the guest never pauses
_SYSCALL_BYTES = 2
_RIP = WORD["rip"]


class Owner(Protocol):
    """What the dispatcher tells the machine."""

    def thread_exits(self, task: Task, status: int, group: bool) -> None: ...
    def bury(self) -> None: ...
    def missing(self, entry: Syscall, pc: int) -> None: ...
    def deadlock(self) -> None: ...
    def signals_came(self) -> None: ...
    def time_is_up(self) -> None: ...
    def cpu_time_ns(self, process: Process) -> int: ...


class Dispatcher:
    """Runs threads on the CPU and serves their calls."""

    def __init__(self, cpu: Cpu, host: Host, owner: Owner) -> None:
        self.cpu = cpu
        self.scheduler = Scheduler(lambda: self.serving)
        self.host = host
        self.owner = owner
        self.task: Task | None = None
        self.thread: Thread | None = None
        self.ending = False
        self.time_limit: int | None = None  # on the host's clock
        self.timers = Timers()  # on the host's clock
        self.processor_timers: dict[Process, Timers] = {}
        """Timers on a process's processor time, which passes while one of its threads has the turn."""
        self.turn = Turn()
        self.doomed: list[Any] = []
        """What is to be buried before any thread runs again: the owner's list."""
        self.sink: Sink | None = None
        self.calls = Served(owner, cpu)
        self._traced = Traced(None)
        self._resumed: InProgress | None = None  # the call that is being served, when it had been parked
        self._extra: dict[str, Any] | None = None  # for the record of the call that is being served
        self._call_chain: Callable[..., list[int]] | None = None
        self._tell_waiting: Callable[[list[InProgress]], None] | None = None
        self._told = False
        self._words = cpu.words
        self._note_record: Callable[[Any], None] = _no_record
        self._clock = host.monotonic_ns
        self._origin = host.monotonic_ns()
        self._sequence = 0
        self._until_peek = _PEEK_EVERY

    def trace_to(self, sink: Sink | None) -> None:
        """Sends a record of every call to `sink` from now on; None ends it."""
        self.sink = sink
        self._note_record = _no_record if sink is None else sink.record
        self._tell_waiting = getattr(sink, "waiting", None)
        self._traced = Traced(getattr(sink, "wanted", None))
        self._choose_hook()

    def record_stacks(self, call_chain: Callable[..., list[int]]) -> None:
        """Puts into each record the return addresses that `call_chain(memory, pc, rsp, rbp)` gives."""
        self._call_chain = call_chain
        self._choose_hook()

    def _choose_hook(self) -> None:
        hook = self.serve_traced if self._call_chain is None else self._serve_with_stack
        self.cpu.on_syscall = self.serve if self.sink is None else hook

    @property
    def serving(self) -> int:
        """The sequence number of the call that is being served."""
        return self._sequence - 1 if self._resumed is None else self._resumed.sequence

    @property
    def started_at(self) -> int:
        """When the run began: nanoseconds since the epoch (CLOCK_REALTIME)."""
        return self.host.realtime_ns() - self.now()

    def now(self) -> int:
        """Nanoseconds since the start of the run."""
        return self.host.monotonic_ns() - self._origin

    # A call

    def serve(self, number: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int | None:
        """The CPU's hook without a trace."""
        try:
            result = self.calls[number](self.thread, a0, a1, a2, a3, a4, a5)
        except OSError as error:
            return _negative(error)
        if result.__class__ is int:
            return result
        return self._serve_slowly(result, None)

    def serve_traced(self, number: int, a0: int, a1: int, a2: int, a3: int, a4: int, a5: int) -> int | None:
        """The CPU's hook with a trace."""
        thread = self.thread
        clock = self._clock
        origin = self._origin
        sequence = self._sequence
        self._sequence = sequence + 1
        pc = self._words[_RIP] - _SYSCALL_BYTES
        entry, before, after = self._traced[number]
        if entry is None:
            return self.serve(number, a0, a1, a2, a3, a4, a5)
        registers = (a0, a1, a2, a3, a4, a5)
        captured = before(thread, a0, a1, a2, a3, a4, a5) if before is not None else ()
        started = clock()
        try:
            result = self.calls[number](thread, a0, a1, a2, a3, a4, a5)
        except OSError as error:
            result = _negative(error)
        if result.__class__ is not int:
            call = InProgress(thread, sequence, started - origin, entry, registers, pc, captured, self._extra)
            return self._serve_slowly(result, call)
        duration = clock() - started
        if (
            self.doomed and thread is not None and thread.process.exiting
        ):  # its caller will not see the result
            self._record_lost(
                InProgress(thread, sequence, started - origin, entry, registers, pc, captured, self._extra)
            )
            return result
        filled = after(thread, a0, a1, a2, a3, a4, a5, result) if after is not None else ()
        self._note_record(
            (
                sequence, started - origin, duration, 0, thread, entry, registers, result, pc, captured, filled,
                self._extra,
            )
        )  # fmt: skip
        return result

    def _record_lost(self, call: InProgress) -> None:
        """Records a call that ends its own process: it never returns."""
        task: Task = call.thread.context
        self._record(task, call, None)

    def _serve_with_stack(self, number: int, *arguments: int) -> int | None:
        """The CPU's hook with a trace that tells the call chains."""
        assert self._call_chain is not None
        assert self.thread is not None
        cpu = self.cpu
        pc = cpu.pc - _SYSCALL_BYTES
        rules = self.thread.process.places.rule
        chain = self._call_chain(self.thread.memory, pc, cpu["rsp"], cpu["rbp"], MAX_STACK, rules)
        self._extra = {"stack": chain}
        return self.serve_traced(number, *arguments)

    def _serve_slowly(self, result: Any, call: InProgress | None) -> int | None:
        """What is not a plain number: a wait, a yield, an exit."""
        task = self.task
        assert task is not None
        if result.__class__ is Yield:
            self._record(task, call, result.result)
            if not self.scheduler.is_runnable():
                self.peek()
                if not self.scheduler.is_runnable():
                    return result.result
            self.cpu.save(task.context)
            task.context.answer(result.result)
            self.scheduler.spent.append(task)
        elif result.__class__ is Exit:
            self._exit(task, result, call)
        elif result.__class__ is Executed:
            self._record(task, call, result.result)
            self.turn.enter(task.thread.process)
            self.cpu.load(task.context)
            return None
        elif result.__class__ is SignalReturn:
            self._record(task, call, result.result)
            self.cpu.stop()  # its registers change when the engine stands still
            return None
        else:
            try:
                wait = next(result)
            except StopIteration as stop:
                return self._at_once(task, call, stop.value)
            except OSError as error:
                return self._at_once(task, call, _negative(error))
            task.blocking = result
            task.call = call
            self.cpu.save(task.context)
            self._park(task, wait)
        self.switch()
        return None

    def _at_once(self, task: Task, call: InProgress | None, result: int) -> int:
        self._record(task, call, result)
        return result

    def _exit(self, task: Task, answer: Exit, call: InProgress | None) -> None:
        self._record(task, call, None)
        self.task = self.thread = None
        self.owner.thread_exits(task, answer.status, answer.group)

    def _park(self, task: Task, wait: Wait) -> None:
        if task.call is not None:
            task.call.parked_at = self.now()
            task.call.woken_by = None
        ready = False
        for fd, _ in wait.fds:
            if not self.host.watch(fd):
                ready = True
        self.scheduler.park(task, wait)
        if task.signalled:
            self.scheduler.interrupt(task)
        if ready:
            self.scheduler.wake(task, Wake.READY)

    def _record(self, task: Task, call: InProgress | None, result: int | None) -> None:
        """Completes a traced call; `result` None: it never returned."""
        if call is None:
            return
        entry = call.entry
        after: tuple[Any, ...] = ()
        if result is None:
            after = call.so_far()
        elif entry.after is not None:
            after = entry.after(task.thread, *call.registers, result)
        duration = self.now() - call.started
        self._note_record(
            Record(
                call.sequence, call.started, duration, call.blocked, task.thread, entry, call.registers,
                result, call.pc, call.before, after, call.extra(),
            )
        )  # fmt: skip

    # The turn of threads

    def switch(self) -> bool:
        """Puts the next thread on the CPU, waiting for one if need be; False (and the CPU stopped) when the run ends."""
        scheduler, turn = self.scheduler, self.turn
        used = SLICE - self.cpu.budget
        doomed = self.doomed
        if doomed:
            self.owner.bury()
        self._until_peek -= 1
        if not self._until_peek:
            self.peek()
        while True:
            if doomed:
                self.owner.bury()
            if self.ending:
                break
            task = scheduler.next(used)
            used = 0
            if task is None:
                self._idle()
                continue
            if task.blocking is not None and not self._resume(task, task.blocking):
                continue
            thread = task.thread
            process = thread.process
            if process.stopped or process.exiting:
                self._hold(task)
                continue
            if process is not turn.process:
                turn.enter(process)
            self.task = task
            self.thread = thread
            self.cpu.load(task.context)
            self.cpu.refill(SLICE)
            if task.signalled or task.restart is not None:
                self.cpu.stop()  # the bench delivers
            return True
        self.task = self.thread = None
        self.cpu.stop()
        return False

    def _hold(self, task: Task) -> None:
        """Keeps a thread of a stopped process from running; of one that is about to end none runs again."""
        self.turn.held.append(task)
        if task.thread.process.exiting:
            self.owner.bury()

    def hold_current(self) -> None:
        """The process of the thread on the CPU was stopped: the next thread's turn."""
        task = self.task
        assert task is not None
        self.cpu.save(task.context)
        self.turn.held.append(task)
        self.switch()

    def drop(self, task: Task) -> None:
        """A thread ends without having asked for it: its call in progress never returns."""
        if task is self.task:
            self.task = self.thread = None
        self._abandon(task)
        if task in self.turn.held:
            self.turn.held.remove(task)

    def _resume(self, task: Task, blocking: Blocking) -> bool:
        """Goes on with a parked call; True when it has returned."""
        call = task.call
        if call is not None:
            call.blocked += self.now() - call.parked_at
            self._resumed = call
        try:
            wait = blocking.send(task.reason or Wake.READY)
        except StopIteration as stop:
            result = stop.value
        except OSError as error:
            result = _negative(error)
        else:
            self._park(task, wait)
            return False
        finally:
            self._resumed = None
        task.blocking = task.call = None
        if result.__class__ is Exit:
            self._exit(task, result, call)
            return False
        if RESTART_RESTARTBLOCK <= result <= RESTARTSYS:
            task.restart = (task.context["rax"], result)
            task.context.answer(-errno.EINTR)
        else:
            task.context.answer(result)
        self._record(task, call, result)
        return True

    def preempt(self) -> None:
        """The current thread's time slice is over: the next one's turn."""
        self.peek()
        task = self.task
        if task is None or self.ending or not self.scheduler.is_runnable():
            return
        self.cpu.save(task.context)
        self.scheduler.spent.append(task)
        self.switch()

    def peek(self) -> None:
        """Takes in what has happened outside, without waiting."""
        self._until_peek = _PEEK_EVERY
        events = self.host.peek()
        self._expire()
        if events:
            self._take(events)

    def _expire(self) -> None:
        now = self.host.monotonic_ns()
        self.scheduler.expire(now)
        if self.timers:
            self.timers.expire(now)
        process = self.turn.process
        if process is not None and process in self.processor_timers:
            self.processor_timers[process].expire(self.owner.cpu_time_ns(process))
        if self.time_limit is not None and now >= self.time_limit:
            self.time_limit = None
            self.owner.time_is_up()

    def _idle(self) -> None:
        """All threads wait: so does the bench."""
        scheduler = self.scheduler
        if self.sink is not None:
            self.sink.flush()
        if not self.timers and scheduler.is_deadlock():
            self.owner.deadlock()
        self._until_peek = _PEEK_EVERY
        deadline = earliest(scheduler.next_deadline(), self.timers.next(), self.time_limit)
        if self._tell_waiting is not None:
            deadline = self._until_told(deadline)
        events = self.host.wait(deadline)
        if deadline is not None:
            self._expire()  # first: who is woken by a time-out tries once more, the other way round it would be lost
        self._take(events)

    def _until_told(self, deadline: int | None) -> int | None:
        """The end of a wait during which the sink hears, once it has lasted, what everybody waits for."""
        if self._told:
            return deadline
        assert self._tell_waiting is not None
        now = self.host.monotonic_ns()
        calls = [task.call for task in self.scheduler.parked if task.call is not None]
        since = max([self._origin + call.parked_at for call in calls], default=now)
        if now < since + TOLD_AFTER:
            return earliest(deadline, since + TOLD_AFTER)
        self._told = True
        self._tell_waiting(calls)
        return deadline

    def _take(self, events: Any) -> None:
        scheduler = self.scheduler
        self._told = self._told and not events
        for fd in events:
            if self.host.is_own(fd):
                self.owner.signals_came()
            else:
                scheduler.fd_event(fd)

    def finish(self) -> None:
        """Ends all calls in progress: their records say so, and their handlers let go of what they hold."""
        scheduler = self.scheduler
        for task in [*scheduler.parked, *scheduler.ready, *scheduler.spent, *self.turn.held]:
            self._abandon(task)

    def _abandon(self, task: Task) -> None:
        blocking, call = task.blocking, task.call
        task.blocking = task.call = None
        if call is not None and task.parked:
            call.blocked += self.now() - call.parked_at
        self._record(task, call, None)
        if blocking is not None:
            blocking.close()
        self.scheduler.remove(task)


def earliest(*deadlines: int | None) -> int | None:
    """The first of those that there are."""
    return min([deadline for deadline in deadlines if deadline is not None], default=None)


def _no_record(_record: Any) -> None:
    """Where records of calls go that were parked when the trace was ended."""


def _negative(error: OSError) -> int:
    if error.errno is None:
        raise error  # not an answer to the guest but a fault of the bench
    return -error.errno
