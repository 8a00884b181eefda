"""The two sides of a twin run, driven alike: a program on the bare kernel, and the same program under emu."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from emu.elf import parse
from emu.machine import Machine
from emu.native.descriptors import Descriptors
from emu.native.family import entry_of
from emu.native.start import Program
from emu.native.tracer import Tracer
from emu.places import Places
from emu.trace import Sink
from emu.trace.jsonl import JsonLines
from syscalls import numbers
from syscalls.process import Thread
from syscalls.table import Record

PAYLOAD = 4096
"""Bytes of each buffer that a twin run compares."""


@dataclass(frozen=True, slots=True)
class Run:
    """What both sides run: the program's file, its arguments and environment, where, on which stdin, for how long (s)."""

    path: str
    argv: Sequence[str]
    env: Mapping[str, str]
    directory: str
    stdin: str
    limit: float
    root: str | None = None
    writable: tuple[str, ...] = ()


class Side(Protocol):
    """One run in the background. `listening` is set with `address` once it listens on a socket, `idle` while it rests.

    `last` is when it made its last call (time.monotonic, in seconds).
    """

    name: str
    address: tuple[str, int] | None
    listening: threading.Event
    idle: threading.Event
    last: float

    @property
    def timed_out(self) -> bool:
        """Whether the time limit has ended it."""
        ...

    def start(self) -> None:
        """Begins."""
        ...

    def ended(self, timeout: float) -> bool:
        """Waits so many seconds for the end; whether it has come. Raises what ended the run too early."""
        ...

    def send(self, number: int) -> None:
        """Sends the program a signal."""
        ...

    def close(self) -> None:
        """Ends the program whatever it does, and lets go of everything."""
        ...


class _Streams:
    """stdin from a file; stdout and stderr as pipes that are emptied by a thread each."""

    def __init__(self, stdin: str) -> None:
        self.stdin = os.open(stdin, os.O_RDONLY)
        self._readers: list[threading.Thread] = []
        self.outputs: list[int] = []
        for _ in range(2):
            reading, writing = os.pipe()
            self.outputs.append(writing)
            reader = threading.Thread(target=_empty, args=(reading,), daemon=True)
            self._readers.append(reader)
            reader.start()

    def close(self) -> None:
        for fd in (self.stdin, *self.outputs):
            os.close(fd)
        self.outputs.clear()
        for reader in self._readers:
            reader.join()


def _empty(fd: int) -> None:
    while os.read(fd, 1 << 16):
        pass
    os.close(fd)


class Native:
    """The program on the bare kernel. One host thread of its own makes all ptrace calls."""

    name = "the bare kernel"

    def __init__(self, run: Run, trace: Path) -> None:
        self.address: tuple[str, int] | None = None
        self.listening = threading.Event()
        self.idle = threading.Event()
        self.last = 0.0
        self._run = run
        self._trace = trace
        self._streams = _Streams(run.stdin)
        streams = (self._streams.stdin, self._streams.outputs[0], self._streams.outputs[1])
        self.tracer = Tracer(
            Program(run.path, run.argv, run.env, run.directory, streams),
            self._sink,
            limit=run.limit,
            payload_limit=PAYLOAD,
            on_call=self._called,
            on_idle=self.idle.set,
        )
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._background, name="native", daemon=True)
        self._over = (
            threading.Event()
        )  # not the thread's join(), which Ctrl-C makes believe that it has ended

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def ended(self, timeout: float) -> bool:
        """Waits for the end; raises `NotAllowed`, `NotStarted` or what else went wrong."""
        over = self._over.wait(timeout)
        if self._failure is not None:
            raise self._failure
        return over

    def send(self, number: int) -> None:
        """Sends the program a signal."""
        if not self._over.is_set() and self.tracer.pid:
            self.idle.clear()
            try:
                os.kill(self.tracer.pid, number)
            except ProcessLookupError:
                pass

    def close(self) -> None:
        """Kills the program if it lives."""
        self.send(signal.SIGKILL)
        if self._thread.ident is not None:
            self._over.wait()
        self._streams.close()

    @property
    def timed_out(self) -> bool:
        """Whether the time limit has ended it."""
        return self.tracer.timed_out

    def _background(self) -> None:
        try:
            self.tracer.run()
        except BaseException as failure:
            self._failure = failure
        finally:
            self._over.set()
            self.idle.set()
            self.listening.set()

    def _sink(self, pid: int, started: int) -> Sink:
        data = Path(self._run.path).read_bytes()
        base = entry_of(pid) - parse(data, self._run.path).entry
        return JsonLines(
            self._trace, _silent, Places(data, base), program=self._run.path, argv=list(self._run.argv), pid=pid,
            seed=0, started=started, payload_limit=PAYLOAD,
        )  # fmt: skip

    def _called(self, descriptors: Descriptors, record: Record) -> None:
        self.idle.clear()
        self.last = time.monotonic()
        if record.syscall.number == numbers.listen and record.result == 0 and self.address is None:
            self.address = descriptors.local_address(record.registers[0] & 0xFFFFFFFF)
            if self.address is not None:
                self.listening.set()


def _silent(text: str) -> None:
    """The disk is full, or a note of the bench: what matters shows in the trace."""


class Emulated:
    """The program under emu, in a host thread of its own."""

    name = "emu"

    def __init__(self, run: Run, trace: Path, say: Callable[[str], None]) -> None:
        self.address: tuple[str, int] | None = None
        self.listening = threading.Event()
        self.idle = threading.Event()
        self.last = 0.0
        self._streams = _Streams(run.stdin)
        try:
            self.machine = self._machine(run, say)
        except BaseException:
            self._streams.close()
            raise
        process = self.machine.process
        lines = JsonLines(
            trace, _silent, self.machine.locate, program=run.path, argv=list(run.argv), pid=process.pid,
            seed=self.machine.seed, started=time.time_ns(), payload_limit=PAYLOAD,
        )  # fmt: skip
        self.machine.trace_to(_Watching(lines, self))

    def _machine(self, run: Run, say: Callable[[str], None]) -> Machine:
        return Machine(
            run.path,
            list(run.argv),
            env=run.env,
            stdin=self._streams.stdin,
            stdout=self._streams.outputs[0],
            stderr=self._streams.outputs[1],
            root=run.root,
            writable=(*run.writable, run.directory),
            time_limit=run.limit,
            payload_limit=PAYLOAD,
            user=(os.getuid(), os.getgid()),
            say=say,
        )

    def start(self) -> None:
        """Begins."""
        self.machine.start()

    def ended(self, timeout: float) -> bool:
        """Waits for the end; raises what went wrong in the bench."""
        try:
            self.machine.wait(timeout)
        except TimeoutError:
            return False
        return True

    def send(self, number: int) -> None:
        """Sends the guest a signal."""
        self.idle.clear()
        self.machine.send_signal(number)

    def close(self) -> None:
        """Ends the guest if it lives."""
        self.machine.close()
        self._streams.close()

    @property
    def timed_out(self) -> bool:
        """Whether the time limit has ended it."""
        return self.machine.timed_out

    def listens(self, thread: Thread, fd: int) -> None:
        """The guest has begun to listen on a descriptor."""
        entry = thread.fds.entries.get(fd)
        if entry is not None and self.address is None:
            self.address = _local_address(entry.host)
            if self.address is not None:
                self.listening.set()


class _Watching:
    """A sink before another: sees the guest listen, work and rest."""

    def __init__(self, inner: Sink, side: Emulated) -> None:
        self._inner = inner
        self._side = side
        self.lost = 0

    def record(self, record: tuple[Any, ...]) -> None:
        """Takes one system call."""
        self._inner.record(record)
        self._side.idle.clear()
        self._side.last = time.monotonic()
        if record[5].number == numbers.listen and record[7] == 0:
            self._side.listens(record[4], record[6][0] & 0xFFFFFFFF)

    def event(self, event: dict[str, Any]) -> None:
        """Takes anything else."""
        self._inner.event(event)

    def flush(self) -> None:
        """Nothing runs now."""
        self._inner.flush()

    def waiting(self, calls: Any) -> None:
        """Nothing has run for a while."""
        self._side.idle.set()

    def close(self) -> None:
        """The run is over."""
        self._inner.close()
        self._side.idle.set()
        self._side.listening.set()


def _local_address(host_fd: int) -> tuple[str, int] | None:
    """Host and port of a host socket; None when it is no internet socket."""
    with socket.socket(fileno=os.dup(host_fd)) as copy:
        if copy.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        name = copy.getsockname()
    return name[0], name[1]
