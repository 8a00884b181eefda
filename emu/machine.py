"""One guest on one emulated CPU: wires a run together, and is the Python interface to it."""

import importlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar, overload

import syscalls.calls  # noqa: F401  fills the table
from emu.bench import Bench
from emu.call_chain import call_chain
from emu.execute import begin, first_program, places_of
from emu.hooks import Call, HookFailed, Hooks, When
from emu.limits import (
    DEFAULT_DESCRIPTORS,
    DEFAULT_PROCESSES,
    DEFAULT_THREADS,
    KILLED,
    ExitStatus,
    Limits,
    print_line,
)
from emu.loader import Identity
from emu.memory import DEFAULT_LIMIT, AddressSpace
from emu.output_watch import watch
from emu.places import Places
from emu.timekeeper import Timekeeper
from emu.trace import Sink
from syscalls.args import PAYLOAD_LIMIT
from syscalls.files import FileSystem
from syscalls.history import parse as version
from syscalls.inherit import inherited
from syscalls.process import Process, Thread
from syscalls.user_terminal import attach

__all__ = ["ExitStatus", "Machine"]

Hook = TypeVar("Hook", bound=Callable[[Call], object])


class Machine:
    """A program that is ready to run.

    `program` is a path or the bytes of an ELF. `argv` is the whole argument vector (default: the program's name), `env`
    the environment (default: empty). Without `root` the guest's files are a private directory; with it, that host directory
    is its `/`, read-only; `writable` are host directories that it may change under their own paths (True: `root` is that
    one). `time_limit` is in seconds of real time. `stdin`, `stdout` and `stderr` are host descriptors, which the guest gets duplicates
    of (None: closed). `net` is "loopback", "host" or "none". `trace` keeps the trace in memory (True) or sends it to a sink;
    `stacks` puts the call chain into each record, `payload_limit` is how many bytes of each buffer it keeps.
    `kernel` is a version of Linux to imitate ("4.14": what is newer is ENOSYS or EINVAL); None: the newest that is known.
    `user` is the guest's user and group id (default: 1000 and 1000). `say` gets the bench's own messages, line by line.
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
        process_limit: int = DEFAULT_PROCESSES,
        descriptor_limit: int = DEFAULT_DESCRIPTORS,
        time_limit: float | None = None,
        kernel: str | None = None,
        trace: Sink | bool = False,
        stacks: bool = False,
        payload_limit: int = PAYLOAD_LIMIT,
        user: tuple[int, int] | None = None,
        say: Callable[[str], None] = print_line,
    ) -> None:
        path = "program" if isinstance(program, bytes) else os.fspath(program)
        arguments = [_encoded(text) for text in ([path] if argv is None else argv)]
        environment = [_encoded(f"{name}={value}") for name, value in (env or {}).items()]
        name = os.path.basename(os.fsdecode(arguments[0])) if arguments else path
        limits = Limits(memory_limit, thread_limit, descriptor_limit, time_limit, process_limit)
        self.seed = seed
        self._is_bytes = isinstance(program, bytes)
        self._background: threading.Thread | None = None
        # Not the thread's join(), which Ctrl-C makes believe that it has ended.
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._closed = False
        self._failure_is_known = False
        self._bench = bench = Bench(
            name, limits, net=net, seed=seed, say=say, kernel=version(kernel) if kernel else None
        )
        self._hooks = Hooks(bench)
        self.process = process = bench.process
        """The guest process: descriptors, signal actions, limits."""
        self.cpu = bench.cpu
        files: FileSystem | None = None
        try:
            if writable is True:
                root, writable = None, [root] if root is not None else []
            executable = "" if isinstance(program, bytes) else os.path.realpath(path)
            files = FileSystem(root, writable or (), executable=executable)
            files.tree.processes.content = program if isinstance(program, bytes) else b""
            first = first_program(program, arguments, files, process)
            process.uid, process.gid = user or (process.uid, process.gid)
            ids = Identity(process.uid, process.uid, process.gid, process.gid)
            try:
                loaded = begin(self.memory, first, environment, random=bench.random(16), identity=ids)
                process.places = places_of(first, loaded.base, self.memory)
            finally:
                first.close()
            process.payload_limit = payload_limit
            process.exe = os.fsdecode(first.path)
            process.argv, process.envp, process.auxv = first.argv, environment, loaded.auxv
            process.name = name.encode()[:15]
            for number, host_fd in enumerate((stdin, stdout, stderr)):
                if host_fd is not None:
                    process.fds.put(number, inherited(host_fd))
            attach(process, files.tree.devices.terminal_changed)
        except BaseException:
            if files is not None:
                files.close()
            self.close()
            raise
        bench.first_thread(loaded.entry, loaded.stack_pointer, files)
        if stacks:
            bench.dispatcher.record_stacks(call_chain)
        self._kept: Any = None
        if isinstance(trace, bool):
            self._kept = _sink("kept", "Kept", process.places) if trace else None
            self.trace_to(self._kept)
        else:
            self.trace_to(trace)

    @property
    def memory(self) -> AddressSpace:
        """The address space of the first process: `read`, `write`, `regions`."""
        return self._bench.memory

    @property
    def processes(self) -> list[Process]:
        """The processes that live or were not waited for yet, the first one first."""
        return list(self.process.system.processes.values())

    @property
    def exit_status(self) -> ExitStatus | None:
        """How the guest ended; None as long as it has not."""
        return self._bench.exit_status

    @property
    def crash_report(self) -> str | None:
        """What the bench said about the guest's crash."""
        return self._bench.crash_report

    @property
    def timed_out(self) -> bool:
        """Whether the guest was killed because its time limit was over."""
        return self._bench.timed_out

    @property
    def threads(self) -> list[Thread]:
        """The guest's living threads."""
        return list(self.process.threads.values())

    @property
    def locate(self) -> Places:
        """Where a pc lies in the program."""
        places: Places = self.process.places
        return places

    @property
    def trace(self) -> list[dict[str, Any]]:
        """The records of system calls and events so far (docs/trace-format.md), of a machine made with `trace=True`."""
        if self._kept is None:
            raise ValueError("this machine keeps no trace in memory: make it with Machine(..., trace=True)")
        records: list[dict[str, Any]] = self._kept.records()
        return records

    @property
    def lost_records(self) -> int:
        """How many records could not be written to the trace file."""
        return int(getattr(self._bench.dispatcher.sink, "lost", 0))

    def trace_to(self, sink: Sink | None) -> None:
        """Sends a record of every system call, and events, to `sink`; None ends that."""
        self._bench.dispatcher.trace_to(sink)

    def trace_to_file(self, path: str, through: Callable[[Sink], Sink] | None = None) -> None:
        """Writes the trace as JSON lines; raises OSError when the file cannot be opened.

        `through` gets the sink that writes, and gives the one that is traced to.
        """
        writer = _sink("jsonl", "JsonLines", path, self._bench.note, self.locate, **self.about())
        self.trace_to(writer if through is None else through(writer))

    def about(self) -> dict[str, Any]:
        """What ran, for the header of a trace (docs/trace-format.md)."""
        argv = [argument.decode("utf-8", "replace") for argument in self.process.argv]
        return {
            "program": argv[0] if self._is_bytes and argv else self.process.exe,
            "argv": argv,
            "pid": self.process.pid,
            "seed": self.seed,
            "started": self._bench.dispatcher.started_at,
            "payload_limit": self.process.payload_limit,
        }

    @property
    def started_at(self) -> int:
        """When the run began: nanoseconds since the epoch. Times in the trace count from there."""
        return self._bench.dispatcher.started_at

    def watch_output(self, fd: int, heard: Callable[[bool], None]) -> None:
        """Tells `heard`, each time that the guest has written to where the host descriptor `fd` leads, whether its output
        ended with a newline."""
        watch(self._bench.dispatcher.calls, fd, heard)

    # Running

    def run(self) -> ExitStatus:
        """Runs the guest to its end.

        In the main host thread SIGINT, SIGTERM, SIGHUP, SIGQUIT and what else a terminal sends go to the guest; a second
        SIGINT ends the run if the first has led to nothing (`emu.job`).
        """
        own_signals = threading.current_thread() is threading.main_thread()
        if own_signals:
            self._bench.host.catch_signals(self._bench.job.begin())
        try:
            self._bench.run()
        except HookFailed as failure:
            raise failure.error from None
        finally:
            if own_signals:
                self._bench.host.release_signals()
                self._bench.job.end(self.exit_status is not None and self.exit_status.signal is None)
            self._bench.finish()
        return self.exit_status or KILLED

    def start(self) -> Self:
        """Runs the guest in a host thread of its own; `wait` or `stop` ends that."""
        self._background = threading.Thread(
            target=self._run_in_background, name=f"emu {self._bench.name}", daemon=True
        )
        self._background.start()
        return self

    def wait(self, timeout: float | None = None) -> ExitStatus:
        """Waits for the end of a guest that was started; returns its status. Raises TimeoutError, or what ended the bench."""
        others = self._background is not None and self._background is not threading.current_thread()
        if others and not self._ended.wait(timeout):
            raise TimeoutError(f"{self._bench.name} still runs after {timeout} s")
        if self._failure is not None:
            self._failure_is_known = True
            raise self._failure
        return self.exit_status or KILLED

    def stop(self) -> ExitStatus:
        """Ends a guest, as SIGKILL would, if it still runs; returns its status, or raises what ended the bench.

        In a hook it returns at once, and the guest ends when the call is over.
        """
        self._bench.stop_wanted = True
        self._bench.host.interrupt()
        with Timekeeper(0, self._bench.cpu.exhaust):
            return self.wait()

    def send_signal(self, number: int) -> None:
        """Sends a signal to the guest from any host thread."""
        self._bench.posted.append(number)
        self._bench.host.interrupt()

    def look_up(self) -> None:
        """Makes a guest that waits look at the world once more, from any host thread: its sink is flushed after that."""
        self._bench.host.interrupt()

    def close(self) -> None:
        """Ends the guest if it runs, and frees everything."""
        if self._closed:
            return
        if self._background is not None and not self._ended.is_set():
            self._bench.stop_wanted = True
            self._bench.host.interrupt()
            with Timekeeper(0, self._bench.cpu.exhaust):
                self._ended.wait()
        self._closed = True
        self._bench.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        if self._failure is not None and not self._failure_is_known and error[1] is None:
            self._failure_is_known = True
            raise self._failure  # nobody has waited for the guest: here it comes out at last

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):  # __init__ may have failed early
            self.close()

    # Hooks

    @overload
    def on(self, *names: str | int, when: When = "before") -> Callable[[Hook], Hook]: ...
    @overload
    def on(self, *names: str | int, function: Hook, when: When = "before") -> Hook: ...
    def on(self, *names: str | int, function: Any = None, when: When = "before") -> Any:
        """Hooks a function to the system calls named: `@machine.on("sendto")`, or `machine.on("sendto", function=spy)`.

        The function gets the `emu.hooks.Call`. A hook before the call may change its arguments, or answer instead of the
        kernel by returning a number or `call.fail("EPIPE")`; one `when="after"` sees `call.result`, may change it or return
        another. None changes nothing. Hooks run in the order in which they were added, in the guest's host thread; the first
        that answers is the last that is asked before the call. What a hook raises ends the run: it comes out of `run`,
        `wait` and `stop`. Hooks may be added and removed at any time, from any host thread.

        Raises ValueError for a name that is no system call's.
        """

        def add(hook: Hook) -> Hook:
            self._hooks.add(names, hook, when)
            return hook

        return add if function is None else add(function)

    def off(self, *names: str | int, function: Callable[[Call], object] | None = None) -> None:
        """Removes a hook (`function` None: all hooks) from the calls named (none named: from all). Raises ValueError if it is not there."""
        self._hooks.remove(names, function)

    def _run_in_background(self) -> None:
        try:
            self.run()
        except BaseException as failure:
            self._failure = failure
        finally:
            self._ended.set()


def _sink(module: str, name: str, *arguments: Any, **members: Any) -> Any:
    # Loaded when it is needed: the encoder of traces is a tenth of the start-up.
    return getattr(importlib.import_module(f"emu.trace.{module}"), name)(*arguments, **members)


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
