"""Runs one program on the bare kernel under ptrace(2), and makes the same records of it as the bench makes of a guest.

The table's declarations do the work: at a system call's entry `Syscall.before` captures what the call is given, at its
exit `Syscall.after` what it has filled in; both get a thread whose memory and descriptors are the traced process's.
"""

import errno
import itertools
import os
import signal
import time
from collections.abc import Callable
from typing import Any, cast

import syscalls.calls  # noqa: F401  fills the table
from emu.native import ptrace
from emu.native.descriptors import Descriptors
from emu.native.family import Former, executed, places_of, shares_files
from emu.native.follow import Follower
from emu.native.handlers import Handlers
from emu.native.memory import NativeMemory
from emu.native.start import NotStarted, Program, start
from emu.trace import Sink
from emu.trace.schema import EXITS
from syscalls.process import Process, SignalAction, Thread
from syscalls.table import Record, Syscall, lookup

_RESTARTS = frozenset({-512, -513, -514, -516})
"""ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK: the call will be made again, unless a handler runs."""

_RESTART_SYSCALL = 219
_SYSCALL_BYTES = 2
_SYNCHRONOUS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP})
_STOPS = frozenset({signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
_WAITS = frozenset({"poll", "ppoll", "select", "pselect6"})
"""Calls whose sets are shown also when they do not return: memory cannot be read when the program has ended."""

_POLL = 0.05
"""Seconds between two looks when SIGCHLD went to another host thread."""


Registers = tuple[int, int, int, int, int, int]


class Call:
    """A system call between its entry and its exit."""

    __slots__ = (
        "args",
        "before",
        "entry",
        "interrupted",
        "pc",
        "restarting",
        "sequence",
        "so_far",
        "started",
    )

    def __init__(
        self,
        sequence: int,
        started: int,
        entry: Syscall,
        args: Registers,
        pc: int,
        before: tuple[Any, ...],
    ) -> None:
        self.sequence = sequence
        self.started = started
        self.entry = entry
        self.args = args
        self.pc = pc
        self.before = before
        self.restarting = False
        self.interrupted = -errno.EINTR  # with what the kernel asks for a restart
        self.so_far: tuple[Any, ...] = ()  # what `Syscall.after` captures of a call that does not return


class Tracee:
    """A thread of the traced program."""

    __slots__ = ("action", "call", "closing", "ended", "thread")

    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        self.call: Call | None = None
        self.closing: Any = None
        self.action: SignalAction | None = None
        self.ended = False


class Tracer:
    """One run. All of it happens in the host thread that calls `run`.

    `limit` is in seconds of real time (None: no limit). `on_call` is told of each completed call, `on_idle` when nothing
    has happened for a fifth of a second, once a pause.
    """

    def __init__(
        self,
        program: Program,
        make_sink: Callable[[int, int], Sink],
        *,
        limit: float | None = None,
        payload_limit: int = 256,
        on_call: Callable[[Descriptors, Record], None] = lambda descriptors, record: None,
        on_idle: Callable[[], None] = lambda: None,
        stops: ptrace.SyscallStops | None = None,
    ) -> None:
        self.program = program
        self.pid = 0
        self.timed_out = False
        self.code: int | None = None
        self.signal: int | None = None
        self._make_sink = make_sink
        self._limit = limit
        self._payload_limit = payload_limit
        self._on_call = on_call
        self._on_idle = on_idle
        self._stops = stops or ptrace.SyscallStops()
        self._threads: dict[int, Tracee] = {}
        self._early: set[int] = set()
        self.sink: Sink = _NoSink()
        self._numbers = itertools.count(1)
        self._sequence = 0
        self._origin = 0
        self._fatal: dict[
            int, tuple[int, int, bool]
        ] = {}  # by process: signal without a handler, sender, whether a fault
        self._killing = False

    # The loop

    def run(self) -> None:
        """Runs the program to its end. Raises `emu.native.start.NotAllowed`, `NotStarted`, OSError."""
        old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        try:
            self.pid = start(self.program)
            self._origin = time.monotonic_ns()
            self._await_exec()
            self.sink = self._make_sink(self.pid, time.time_ns() - (time.monotonic_ns() - self._origin))
            self._origin = time.monotonic_ns()
            self._first_thread()
            self._resume(self.pid, 0)
            self._loop()
            self.sink.close()
        finally:
            self._kill()
            signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)

    def _await_exec(self) -> None:
        while True:
            _, status = os.waitpid(self.pid, ptrace.WALL)
            if os.WIFEXITED(status):
                self.pid = 0
                raise NotStarted(self.program.path, os.WEXITSTATUS(status))
            if os.WIFSIGNALED(status):
                self.pid = 0
                raise NotStarted(self.program.path, errno.EINTR)
            if status >> 16 == ptrace.EVENT_EXEC:
                self._stops.executed(self.pid)
                return
            ptrace.call(ptrace.CONT, self.pid, 0, 0)

    def _loop(self) -> None:
        deadline = None if self._limit is None else time.monotonic() + self._limit
        idle_told, last = False, time.monotonic()
        while self._threads:
            try:
                tid, status = os.waitpid(-1, os.WNOHANG | ptrace.WALL | ptrace.WNOTHREAD)
            except ChildProcessError:
                return
            if tid:
                self._stopped(tid, status)
                idle_told, last = False, time.monotonic()
                continue
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                deadline = None
                self.timed_out = True
                self._kill()
            if not idle_told and now - last > 0.2:
                idle_told = True
                self._on_idle()
            rest = _POLL if deadline is None else max(0.0, min(_POLL, deadline - now))
            signal.sigtimedwait({signal.SIGCHLD}, rest)

    def _kill(self) -> None:
        """Ends all processes of the run."""
        alive = {tracee.thread.process.pid for tracee in self._threads.values()}
        if self.pid and self.code is None and self.signal is None:
            alive.add(self.pid)
        self._killing = True
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def now(self) -> int:
        """Nanoseconds since the start of the run."""
        return time.monotonic_ns() - self._origin

    def _stopped(self, tid: int, status: int) -> None:
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            self._gone(tid, status)
            return
        number, event = os.WSTOPSIG(status), status >> 16
        tracee = self._threads.get(tid)
        try:
            if tracee is None:
                self._early.add(tid)  # its parent's event has not come yet
            elif number == signal.SIGTRAP | ptrace.SYSCALL_STOP:
                self._syscall_stop(tid, tracee)
                self._resume(tid, 0)
            elif event in (ptrace.EVENT_CLONE, ptrace.EVENT_FORK, ptrace.EVENT_VFORK):
                self._born(tracee, ptrace.event_message(tid), event)
                self._resume(tid, 0)
            elif event == ptrace.EVENT_EXEC:
                self._executed(tid)
                self._resume(tid, 0)
            elif event == ptrace.EVENT_STOP:
                self._group_stop(tid, tracee, number)
            else:
                self._signal_stop(tid, tracee, number)
                self._resume(tid, number)
        except OSError as error:
            if error.errno != errno.ESRCH:  # killed while we looked: the wait will tell
                raise

    def _resume(self, tid: int, number: int) -> None:
        ptrace.call(ptrace.SYSCALL, tid, 0, number)

    # Threads and processes

    def _first_thread(self) -> None:
        process = self._new_process(self.pid, None)
        process.fds.inherit((0, 1, 2))  # type: ignore[attr-defined]
        self._new_thread(self.pid, process)

    def _new_process(self, pid: int, parent: Process | None) -> Process:
        files = cast(Descriptors, parent.fds).files if parent is not None else None
        fds = Descriptors(pid, self._numbers, files)
        process = Process(pid, cast(Any, NativeMemory(pid)), cast(Any, fds), cast(Any, None))
        process.payload_limit = self._payload_limit
        if parent is not None:
            process.actions.update(parent.actions)
            process.places, process.former = parent.places, parent.former
        return process

    def _new_thread(self, tid: int, process: Process) -> Thread:
        thread = Thread(tid, process, cast(Any, NativeMemory(tid)), process.fds, cast(Any, None))
        self._threads[tid] = Tracee(thread)
        return thread

    def _born(self, parent: Tracee, tid: int, event: int) -> None:
        process = parent.thread.process
        call = parent.call
        shared = call is not None and shares_files(parent.thread, call.entry.number, call.args)
        unusual: dict[str, Any] = {}
        if event != ptrace.EVENT_CLONE or not _is_thread_of(tid, process.pid):
            maker, process = process, self._new_process(tid, process)
            if shared:
                unusual["files"] = "shared"
                cast(Descriptors, process.fds).files = cast(Descriptors, maker.fds).files
            if event == ptrace.EVENT_VFORK:
                unusual["vfork"] = True
            self._new_thread(tid, process)
            self._event("process_start", tid, tid=tid, parent=maker.pid, **unusual)
        else:
            self._new_thread(tid, process)
            if not shared:
                unusual["files"] = "copied"
            self._event("thread_start", process.pid, tid=tid, parent=parent.thread.tid, **unusual)
        if tid in self._early:
            self._early.discard(tid)
            self._resume(tid, 0)

    def _executed(self, tid: int) -> None:
        """execve(2): the other threads are gone, descriptors that were to be closed are looked at when they are used."""
        former = ptrace.event_message(tid)
        if former != tid:
            self._threads[tid] = tracee = self._threads.pop(former, self._threads[tid])
            tracee.thread.tid = tid
        self._stops.executed(tid)
        process = self._threads[tid].thread.process
        process.former = Former(self.now(), process.places, process.former)
        process.places = places_of(tid)
        table = cast(Descriptors, process.fds)
        table.files = dict(table.files)  # no longer shared
        program, argv = executed(tid)
        self._event("exec", process.pid, tid=tid, program=program, argv=argv)

    def _gone(self, tid: int, status: int) -> None:
        tracee = self._threads.pop(tid, None)
        self._stops.forget(tid)
        self._early.discard(tid)
        if tracee is not None and tracee.call is not None:
            self._complete(tracee, tracee.call, None)
        if tracee is None or tid != tracee.thread.process.pid:
            return
        for other in self._threads.values():  # those of its threads that the kernel has not reported yet
            if other.call is not None and other.thread.process.pid == tid:
                self._complete(other, other.call, None)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        code = os.WEXITSTATUS(status) if number is None else None
        if tid == self.pid:
            self.code, self.signal = code, number
        self._ended(tid, code, number)

    def _ended(self, pid: int, code: int | None, number: int | None) -> None:
        fatal, sender, is_fault = self._fatal.pop(pid, (0, 0, False))
        ours = number == signal.SIGKILL and (self._killing or pid == self.pid)
        if number is not None and not (is_fault and fatal == number) and not ours:
            known = {"sender": sender} if sender and fatal == number else {}
            self._event("signal", pid, signal=number, **known)
        self._event("process_end", pid, code=code, signal=number)

    def _group_stop(self, tid: int, tracee: Tracee, number: int) -> None:
        """A stop of all threads of a process, which stay stopped until SIGCONT; or its end."""
        process = tracee.thread.process
        if number in _STOPS:
            if not process.stopped:
                process.stopped = number
                self._event("stopped", process.pid, signal=number)
            ptrace.call(ptrace.LISTEN, tid, 0, 0)
            return
        if process.stopped:
            process.stopped = 0
            self._event("continued", process.pid, signal=int(signal.SIGCONT))
        self._resume(tid, 0)

    # Stops

    def _syscall_stop(self, tid: int, tracee: Tracee) -> None:
        stop = self._stops.read(tid)
        cast(Descriptors, tracee.thread.fds).via = tid
        if stop.entry:
            self._enter(tracee, stop)
        elif tracee.call is not None:
            call = tracee.call
            if stop.result in _RESTARTS:
                call.restarting, call.interrupted = True, stop.result
                return
            self._complete(tracee, call, stop.result)

    def _enter(self, tracee: Tracee, stop: ptrace.SyscallStop) -> None:
        call = tracee.call
        if call is not None:
            again = stop.number == _RESTART_SYSCALL or (
                call.entry.number == stop.number and call.args == stop.args
            )
            if call.restarting and again:
                call.restarting = False
                return
            self._complete(tracee, call, -errno.EINTR)  # a handler has run in between
        entry = lookup(stop.number)
        before = entry.before(tracee.thread, *stop.args) if entry.before is not None else ()
        pc = stop.pc - _SYSCALL_BYTES
        tracee.call = call = Call(self._sequence, self.now(), entry, stop.args, pc, before)
        self._sequence += 1
        if entry.name in _WAITS and entry.after is not None:
            call.so_far = entry.after(tracee.thread, *stop.args, -errno.EINTR)
        tracee.closing = FOLLOWER.before(tracee.thread, entry, stop.args)
        tracee.action = HANDLERS.asked(tracee.thread, entry, stop.args)
        if stop.number in EXITS:
            self._complete(tracee, call, None)
            tracee.ended = True
            self._event(
                "thread_end", tracee.thread.process.pid, tid=tracee.thread.tid, status=stop.args[0] & 0xFF
            )

    def _complete(self, tracee: Tracee, call: Call, result: int | None) -> None:
        thread, entry = tracee.thread, call.entry
        tracee.call = None
        after: tuple[Any, ...] = call.so_far
        if result is not None:
            after = ()
            FOLLOWER.after(thread, entry, call.args, result, tracee.closing)
            if result == 0 and tracee.action is not None:
                thread.process.actions[call.args[0] & 0xFFFFFFFF] = tracee.action
            if entry.after is not None:
                after = entry.after(thread, *call.args, result)
        record = Record(
            call.sequence, call.started, self.now() - call.started, 0, thread, entry, call.args,
            result, call.pc, call.before, after,
        )  # fmt: skip
        self.sink.record(record)
        if result is not None:
            self._on_call(cast(Descriptors, thread.fds), record)

    def _signal_stop(self, tid: int, tracee: Tracee, number: int) -> None:
        process = tracee.thread.process
        handler = HANDLERS.of(process, tid, number)
        handled = {} if handler is None else {"handler": handler}
        info = ptrace.siginfo(tid)
        sender = {"sender": info.sender} if info.sender else {}
        if number in _SYNCHRONOUS and info.code > 0:
            if handler is None:
                self._fatal[process.pid] = number, 0, True
            self._event(
                "fault", process.pid, tid=tid, signal=number, code=info.code, address=info.address,
                reason="on the bare kernel", pc=ptrace.program_counter(tid), function="", file="", line=0, **handled,
            )  # fmt: skip
        elif handled:
            if (
                tracee.call is not None and tracee.call.restarting
            ):  # it begins anew after the handler, or fails
                self._complete(tracee, tracee.call, tracee.call.interrupted)
            self._event("signal", process.pid, tid=tid, signal=number, code=info.code, **handled, **sender)
        else:
            self._fatal[process.pid] = number, info.sender, False

    def _event(self, event: str, pid: int, **values: Any) -> None:
        self.sink.event({"event": event, "time": self.now(), "pid": pid, **values})


FOLLOWER = Follower()
HANDLERS = Handlers()


class _NoSink:
    """Where nothing goes: before the program runs there is nothing to tell."""

    def record(self, record: tuple[Any, ...]) -> None:
        """Takes nothing."""

    def event(self, event: dict[str, Any]) -> None:
        """Takes nothing."""

    def flush(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def _is_thread_of(tid: int, pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}/task/{tid}")
