"""One guest on one emulated CPU: wires a run together, and is the Python interface to it."""

import errno
import importlib
import os
import signal as host_signal
import sys
import threading
import time
from _random import Random  # the generator alone: the module around it costs 5 ms at start-up
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import syscalls.calls  # noqa: F401  fills the table
from emu.cpu import Cpu, Stop, StopKind
from emu.dispatch import Dispatcher
from emu.elf import parse, read_program
from emu.host import Host
from emu.loader import Identity, load
from emu.memory import DEFAULT_LIMIT, AddressSpace
from emu.pages import READ
from emu.places import Places
from emu.sched import SLICE, Scheduler, Task
from emu.trace import Sink
from emu.trace.jsonl import JsonLines
from syscalls import signals
from syscalls.fds import FdTable
from syscalls.files import FileSystem
from syscalls.flags.signals import Signal
from syscalls.inherit import inherited
from syscalls.process import PID, Network, Process, Thread
from syscalls.table import TABLE, Syscall

DEFAULT_THREADS = 4096
DEFAULT_DESCRIPTORS = 1024

Hook = Callable[..., Any]


class ExitStatus(NamedTuple):
    """How a run ended: with the guest's own `code`, or by `signal`."""

    code: int | None
    signal: int | None = None

    @property
    def shell_status(self) -> int:
        """As a shell has it: the code, or 128 + signal."""
        return 128 + self.signal if self.signal is not None else self.code or 0


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Machine:
    """A program that is ready to run.

    `program` is a path or the bytes of an ELF. `argv` is the whole argument vector (default: the program's name), `env`
    the environment (default: empty). Without `root` the guest's files are a private directory; with it, that host directory
    is its `/`, read-only; `writable` are host directories that it may change under their own paths (True: `root` is that
    one). `time_limit` is in seconds of real time. `stdin`, `stdout` and `stderr` are host descriptors, which the guest gets duplicates
    of (None: closed). `net` is "loopback", "host" or "none". `say` gets the bench's own messages, line by line.
    Raises `emu.elf.ElfError` when the program cannot be run.

    Use it as a context manager, or call `close`: it holds host memory.
    """

    def __init__(
        self,
        program: str | os.PathLike[str] | bytes,
        argv: Sequence[str | bytes] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        seed: int = 0,
        net: str = "loopback",
        root: str | None = None,
        writable: bool | Sequence[str] = False,
        stdin: int | None = 0,
        stdout: int | None = 1,
        stderr: int | None = 2,
        memory_limit: int = DEFAULT_LIMIT,
        thread_limit: int = DEFAULT_THREADS,
        descriptor_limit: int = DEFAULT_DESCRIPTORS,
        time_limit: float | None = None,
        trace: Sink | None = None,
        say: Callable[[str], None] = _print,
    ) -> None:
        path = "program" if isinstance(program, bytes) else os.fspath(program)
        data = program if isinstance(program, bytes) else read_program(program)
        image = parse(data, path)
        arguments = [_encoded(text) for text in ([path] if argv is None else argv)]
        environment = [_encoded(f"{name}={value}") for name, value in (env or {}).items()]
        self.name = os.path.basename(os.fsdecode(arguments[0])) if arguments else path
        self.seed = seed
        self.exit_status: ExitStatus | None = None
        self.crash_report: str | None = None
        self._say = say
        self._noted: set[str] = set()
        self._random = Random(seed)
        self._thread_limit = thread_limit
        self._interrupts = 0
        self._posted: deque[int] = deque()
        self._stop_wanted = False
        self._finished = False
        self._closed = False
        self._background: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._cpu_started = 0
        self._time_limit = time_limit
        self.host = Host()
        self.scheduler = Scheduler()
        self.cpu = Cpu(_not_running, tsc=self.host.monotonic_ns)
        self.memory = AddressSpace(self.cpu, memory_limit)
        self._dispatcher = Dispatcher(self.cpu, self.scheduler, self.host, self)
        fds = FdTable(descriptor_limit, self.forget_fd)
        self.process = Process(PID, self.memory, fds, self, network=Network(net))
        try:
            if writable is True:
                root, writable = None, [root] if root is not None else []
            executable = "" if isinstance(program, bytes) else os.path.realpath(path)
            self.process.files = FileSystem(root, writable or (), executable=executable)
            ids = (self.process.uid, self.process.uid, self.process.gid, self.process.gid)
            loaded = load(
                self.memory, image, arguments, environment, random=self.random(16), identity=Identity(*ids)
            )
            self.memory.start_brk(loaded.brk)
            self.locate = Places(data, loaded.base)
            """Where a pc lies in the program."""
            self.process.exe = executable or path
            self.process.argv, self.process.envp = arguments, environment
            self.process.name = self.name.encode()[:15]
            for number, host_fd in enumerate((stdin, stdout, stderr)):
                if host_fd is not None:
                    fds.put(number, inherited(host_fd))
        except BaseException:
            self.close()
            raise
        context = self.cpu.fresh.copy()
        context["rip"], context["rsp"] = loaded.entry, loaded.stack_pointer
        self.scheduler.ready.append(self._new_task(PID, self.process.name, context))
        self._dispatcher.trace_to(trace)

    def trace_to(self, sink: Sink | None) -> None:
        """Sends a record of every system call, and events, to `sink`; None ends that."""
        self._dispatcher.trace_to(sink)

    def trace_to_file(self, path: str) -> None:
        """Writes the trace as JSON lines; raises OSError when the file cannot be opened."""
        argv = [argument.decode("utf-8", "replace") for argument in self.process.argv]
        about = {"program": self.process.exe, "argv": argv, "pid": self.process.pid, "seed": self.seed}
        self.trace_to(JsonLines(path, self._note, self.locate, **about))

    # Running

    def run(self) -> ExitStatus:
        """Runs the guest to its end.

        In the main host thread SIGINT and SIGTERM go to the guest; a second SIGINT ends the run whatever it does.
        """
        own_signals = threading.current_thread() is threading.main_thread()
        if own_signals:
            self.host.catch_signals((host_signal.SIGINT, host_signal.SIGTERM))
        try:
            self._loop()
        finally:
            if own_signals:
                self.host.release_signals()
            self._finish()
        return self.exit_status or _KILLED

    def start(self) -> Self:
        """Runs the guest in a host thread of its own; `wait` or `stop` ends that."""
        self._background = threading.Thread(
            target=self._run_in_background, name=f"emu {self.name}", daemon=True
        )
        self._background.start()
        return self

    def wait(self, timeout: float | None = None) -> ExitStatus:
        """Waits for the end of a guest that was started; returns its status. Raises TimeoutError, or what ended the bench."""
        if self._background is not None:
            self._background.join(timeout)
            if self._background.is_alive():
                raise TimeoutError(f"{self.name} still runs after {timeout} s")
        if self._failure is not None:
            raise self._failure
        return self.exit_status or _KILLED

    def stop(self) -> ExitStatus:
        """Ends a guest that was started, as SIGKILL would, if it still runs; returns its status."""
        self._stop_wanted = True
        self.host.interrupt()
        return self.wait()

    def send_signal(self, number: int) -> None:
        """Sends a signal to the guest from any host thread."""
        self._posted.append(number)
        self.host.interrupt()

    def close(self) -> None:
        """Ends the guest if it runs, and frees everything."""
        if self._closed:
            return
        if self._background is not None and self._background.is_alive():
            self._stop_wanted = True
            self.host.interrupt()
            self._background.join()
        self._closed = True
        self._finish()
        self.host.close()
        self.cpu.close()
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def threads(self) -> list[Thread]:
        """The guest's living threads."""
        return list(self.process.threads.values())

    def hook(self, name: str, function: Hook) -> None:
        """Puts `function(call, thread, r0, ..., r5)` in front of a system call; `call(thread, r0, ..., r5)` is the real one.

        It returns what a handler may return: `call`'s answer, another number, -errno.
        """
        entry = next((entry for entry in TABLE.values() if entry.name == name), None)
        if entry is None:
            raise ValueError(f"{name} is not a system call that emu implements")
        calls = self._dispatcher.calls
        inner = calls.get(entry.number, entry.call)
        calls[entry.number] = lambda thread, *registers: function(inner, thread, *registers)

    def _loop(self) -> None:
        dispatcher, cpu = self._dispatcher, self.cpu
        self._cpu_started = time.thread_time_ns()
        if self._time_limit is not None:
            dispatcher.time_limit = self.host.monotonic_ns() + int(self._time_limit * 1e9)
        if dispatcher.task is None and not dispatcher.switch():
            return
        while not dispatcher.ending:
            stop = cpu.run(SLICE)
            if stop.kind is StopKind.BUDGET:
                address = self.memory.take_bus_error()
                if address is not None:
                    self._fault(Stop(StopKind.MEMORY, address=address, access=READ))
                    continue
                dispatcher.preempt()
            elif stop.kind is not StopKind.REQUEST:
                self._fault(stop)

    def _run_in_background(self) -> None:
        try:
            self.run()
        except BaseException as failure:
            self._failure = failure

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        self._dispatcher.ending = True
        self._dispatcher.finish()
        self.process.fds.close_all()
        self.process.threads.clear()
        if self.process.files is not None:
            self.process.files.close()
        if self._dispatcher.sink is not None:
            status = self.exit_status or _KILLED
            self._event("process_end", code=status.code, signal=status.signal)
            self._dispatcher.sink.close()

    # Ends

    def _end(self, code: int | None, signal: int | None = None) -> None:
        if self._dispatcher.ending:
            return
        self.exit_status = ExitStatus(code, signal)
        self.process.exit_status = self.exit_status.shell_status
        self._dispatcher.ending = True
        self.cpu.stop()

    def thread_exits(self, task: Task, status: int, group: bool) -> None:
        """A thread has called exit, or exit_group."""
        thread = task.thread
        del self.process.threads[thread.tid]
        task.ended = True
        if group or not self.process.threads:
            self._end(status)  # the last thread's, since Linux 6.0 also when it is not the leader's
        self._event("thread_end", tid=thread.tid, status=status)

    def _fault(self, stop: Stop) -> None:
        task = self._dispatcher.task
        assert task is not None
        if stop.kind is StopKind.MEMORY and self.memory.refresh(stop.address):
            return  # the file has grown, or what was refused has come back
        if stop.kind is StopKind.INTERRUPT and stop.vector == _INT_80:
            self.cpu["rip"] -= 2  # to show the instruction; the engine is past it
        postmortem = _postmortem()
        fault = postmortem.fault_of(stop, self.memory, self.cpu.pc, self.cpu["rsp"])
        self._event("fault", tid=task.thread.tid, signal=fault.signal, code=fault.code, address=fault.address)
        self._report(task, fault)
        self._end(None, fault.signal)

    def _report(self, task: Task, fault: Any) -> None:
        self.crash_report = _postmortem().report(
            self.name, task, fault, self.memory, self.cpu.registers(), self.locate.text
        )
        self._say(self.crash_report.rstrip())

    def signals_came(self) -> None:
        """The host module reports a signal of the bench, or a call from another host thread."""
        if self._stop_wanted:
            self._end(None, Signal.SIGKILL)
        while self._posted:
            self.kill(self.process, self._posted.popleft())
        for number in self.host.caught():
            self._interrupts += number == Signal.SIGINT
            if self._interrupts > 1:
                self._end(None, number)
            else:
                self.kill(self.process, number)

    def time_is_up(self) -> None:
        """The run's time limit has passed."""
        self._note(f"the time limit of {self._time_limit} s is over: the guest is killed")
        self._end(None, Signal.SIGKILL)

    def missing(self, entry: Syscall, pc: int) -> None:
        """A call that nobody implements."""
        place = self.locate.text(pc)
        self.note_once(
            f"missing {entry.number}",
            f"system call {entry.name} is not implemented: ENOSYS (at {pc:#x}{' ' + place if place else ''})",
        )

    def deadlock(self) -> None:
        """All threads wait, and nothing can wake them."""
        if "deadlock" in self._noted:
            return
        lines = ["all threads wait for each other, and nothing outside can wake them:"]
        for task in self.scheduler.parked:
            calls = task.context.last_calls()
            name = _call_name(calls[-1][0]) if calls else "?"
            place = self.locate.text(task.context["rip"])
            lines.append(f"  thread {task.thread.tid} in {name} at {task.context['rip']:#x} {place}".rstrip())
        self.note_once("deadlock", "\n".join(lines))

    # What handlers may ask (syscalls.process.Bench)

    def spawn_thread(self, parent: Thread, *, stack: int, tls: int | None) -> Thread:
        """A runnable thread with the parent's registers, 0 in rax; raises EAGAIN at the limit."""
        if len(self.process.threads) >= self._thread_limit:
            self.note_once("threads", f"the limit of {self._thread_limit} threads is reached: EAGAIN")
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        task: Task = parent.context
        if task is self._dispatcher.task:
            self.cpu.save(task.context)
        context = task.context.copy()
        context["rax"] = 0
        if stack:
            context["rsp"] = stack
        if tls is not None:
            context["fs_base"] = tls
        self._last_tid += 1
        child = self._new_task(self._last_tid, parent.name, context)
        self.scheduler.ready.append(child)
        self._event("thread_start", tid=child.thread.tid, parent=parent.tid)
        return child.thread

    def _new_task(self, tid: int, name: bytes, context: Any) -> Task:
        self._last_tid = tid
        thread = Thread(tid, self.process, self.memory, self.process.fds, self, name=name)
        task = thread.context = Task(self.scheduler, thread, context)
        self.process.threads[tid] = thread
        return task

    def segment_base(self, thread: Thread, register: str) -> int:
        """The base of "fs" or "gs"."""
        holder = self.cpu if thread.context is self._dispatcher.task else thread.context.context
        return int(holder[f"{register}_base"])

    def set_segment_base(self, thread: Thread, register: str, base: int) -> None:
        """Sets the base of "fs" or "gs"."""
        holder = self.cpu if thread.context is self._dispatcher.task else thread.context.context
        holder[f"{register}_base"] = base

    def monotonic_ns(self) -> int:
        """CLOCK_MONOTONIC."""
        return self.host.monotonic_ns()

    def realtime_ns(self) -> int:
        """CLOCK_REALTIME."""
        return self.host.realtime_ns()

    def cpu_time_ns(self) -> int:
        """Processor time since the start of the run."""
        return time.thread_time_ns() - self._cpu_started

    def random(self, count: int) -> bytes:
        """Random bytes that follow from the seed."""
        return self._random.getrandbits(count * 8).to_bytes(count, "little") if count else b""

    def _note(self, text: str) -> None:
        self._say(f"emu: {text}")

    def note_once(self, key: str, text: str) -> None:
        """Tells the user something, once a run."""
        if key not in self._noted:
            self._noted.add(key)
            self._note(text)

    def forget_fd(self, host_fd: int) -> None:
        """Ends the watch over a host descriptor that is about to be closed."""
        self.host.forget(host_fd)

    def kill(self, target: Thread | Process, signal: int) -> None:
        """Generates a signal for a thread or the process."""
        fatal = signals.post(target, signal)
        if fatal:
            self._event("signal", signal=fatal)
            task = self._dispatcher.task
            if task is not None and signals.default_action(fatal) == "core" and not self._dispatcher.ending:
                self._report(task, _postmortem().raised(fatal, self.cpu.pc))
            self._end(None, fatal)

    def _event(self, event: str, **values: Any) -> None:
        sink = self._dispatcher.sink
        if sink is not None:
            sink.event({"event": event, "time": self._dispatcher.now(), "pid": self.process.pid, **values})


_INT_80 = 0x80


def _postmortem() -> Any:
    # Loaded when it is needed: the disassembler costs as much as the whole start-up.
    return importlib.import_module("emu.postmortem")


_KILLED = ExitStatus(None, Signal.SIGKILL)


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _call_name(number: int) -> str:
    entry = TABLE.get(number)
    return entry.name if entry is not None else f"system call {number}"


def _not_running(*_: int) -> int:
    raise AssertionError("a system call outside a run")
