"""A guest of a test: one machine in the background, its sockets, its output, its trace, and what it left behind."""

import os
import socket
from collections.abc import Sequence
from typing import Any

from emu.limits import ExitStatus
from emu.machine import Machine
from emu.plugin import verdict
from emu.plugin.clock import Deadline
from emu.plugin.golden import Golden
from emu.plugin.listening import Listening, fresh_socket, reachable, unsent
from emu.plugin.pipes import Pipes
from emu.plugin.recorder import Recorder
from emu.plugin.settings import Settings
from emu.plugin.trace import Trace
from emu.trace.processes import Process

PAYLOAD_LIMIT = 4096
"""Bytes of each buffer that the trace of a test keeps."""

_GRACE = 10.0  # seconds that the end of a guest may take after its time limit


class Guest:
    """A program under test. It is made by the fixture `emu`, which ends it after the test.

    `machine` is the `emu.Machine`: hooks go there (`guest.machine.on("sendto")`), before `start` or while it runs.
    """

    def __init__(
        self,
        elf: str | bytes,
        name: str,
        arguments: Sequence[str | bytes],
        settings: Settings,
        *,
        stdin: bytes | None,
        golden: Golden,
        **options: Any,
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.settings = settings
        self.notes: list[str] = []
        """What the bench had to say, line by line."""
        self.signals_sent: set[int] = set()
        self.stopped = False
        self._golden = golden
        self._pipes = Pipes(stdin)
        self._clients: list[socket.socket] = []
        self._end_is_known = False  # it has ended, and the test knows how
        self._started = False
        self._closed = False
        try:
            options.setdefault("payload_limit", PAYLOAD_LIMIT)
            self.machine = Machine(
                elf,
                [name, *arguments],
                seed=settings.seed,
                net=settings.net,
                time_limit=settings.timeout,
                stdin=self._pipes.ends[0],
                stdout=self._pipes.ends[1],
                stderr=self._pipes.ends[2],
                say=self.notes.append,
                **options,
            )
        except BaseException:
            self._pipes.close()
            raise
        self.recorder = Recorder(self.machine.locate)
        self.recorder.header = self.machine.about()
        self.recorder.look_up = self.machine.look_up
        self.recorder.sent = self._all_arrived
        self.machine.trace_to(self.recorder)
        self._listening = Listening(self.machine)
        self.trace = Trace(self.recorder, golden)
        """The calls of the guest so far: see `emu.plugin.trace.Trace`."""

    def __repr__(self) -> str:
        state = "not started" if not self._started else "running" if self.is_running else self.exit_status
        return f"<guest {self.name}: {state}>"

    # Running

    def start(self) -> "Guest":
        """Lets it run in the background."""
        __tracebackhide__ = True
        if self._started:
            raise RuntimeError(f"{self!r}: it has been started already; emu.load(...) makes another one")
        self._started = True
        self._pipes.hand_over()
        self.machine.start()
        return self

    @property
    def was_started(self) -> bool:
        """Whether `start` was called."""
        return self._started

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._started and self.recorder.is_running()

    def wait(self, timeout: float | None = None) -> ExitStatus:
        """Waits for its end; returns its exit status, which equals the number that a shell would see.

        A guest that does not end in time is ended, and the test fails with the list of what its threads wait for. What a hook
        raised comes out here.
        """
        __tracebackhide__ = True
        self._must_be_started()
        limit = self.settings.timeout + _GRACE if timeout is None else timeout
        late = not self.recorder.ends_within(limit)
        return self._ended(limit if late else self.settings.timeout, late)

    def stop(self) -> ExitStatus:
        """Ends it as SIGKILL would, once it has dealt with all that it was sent; returns its exit status."""
        __tracebackhide__ = True
        self._must_be_started()
        if self.is_running:
            self.recorder.settle()
        self.stopped = self.is_running
        return self._ended(self.settings.timeout, late=False)

    def _ended(self, limit: float, late: bool) -> ExitStatus:
        """Ends it, if it has not ended; what there is to say of that is said now."""
        __tracebackhide__ = True
        try:
            status = self.machine.stop()
        finally:
            self._end_is_known = True
            self._pipes.close()  # all its output is there
        if late or self.machine.timed_out:
            raise AssertionError(verdict.of_timeout(self, limit))
        return status

    def signal(self, number: int) -> None:
        """Sends it a signal, `signal.SIGTERM` for example. Raises ValueError for a number that is none."""
        __tracebackhide__ = True
        self._must_be_started()
        if not isinstance(number, int) or not 1 <= number <= 64:
            raise ValueError(f"{number!r} is not a signal: write signal.SIGTERM, or a number from 1 to 64")
        self.signals_sent.add(int(number))
        self.machine.send_signal(number)

    @property
    def exit_status(self) -> ExitStatus | None:
        """How it ended; None as long as it has not. `guest.exit_status == 0` compares with what a shell would see."""
        return self.machine.exit_status

    # Talking

    def wait_until_listening(self, timeout: float | None = None, kind: int = socket.SOCK_STREAM) -> Any:
        """Waits until it listens on a socket (or has bound one of SOCK_DGRAM); returns the address, of the kind of `socket.getsockname`.

        The bench tells: nothing is polled, no output is read. Fails the test when the guest ends instead.
        """
        __tracebackhide__ = True
        self._must_be_started()
        deadline = Deadline(timeout if timeout is not None else self.settings.timeout + _GRACE)
        found = self._listening.wait(kind, deadline, self.recorder)
        if found is not None:
            return reachable(found)
        if self.is_running:
            raise AssertionError(verdict.of_silence(self, "listen", timeout))
        self.wait()
        raise AssertionError(verdict.of_early_end(self, "before it listened"))

    @property
    def address(self) -> Any:
        """The address of the first socket that it listens on; waits until it does."""
        __tracebackhide__ = True
        return self.wait_until_listening()

    @property
    def addresses(self) -> list[Any]:
        """The addresses of all sockets that it listens on so far."""
        return [reachable(found) for found in self._listening.all()]

    def connect(self, address: Any = None, timeout: float = 10.0) -> socket.socket:
        """A socket that is connected to it (by default to where it listens first); it is closed when the test ends."""
        __tracebackhide__ = True
        if address is None:
            address = self.wait_until_listening()
        client = fresh_socket(address, self._listening.all())
        client.settimeout(timeout)
        self._clients.append(client)
        client.connect(address)
        return client

    def wait_for_output(self, text: bytes | str, timeout: float | None = None) -> bytes:
        """Waits until its standard output holds the text; returns the output. Fails the test when the guest ends without."""
        __tracebackhide__ = True
        wanted = text.encode() if isinstance(text, str) else text
        deadline = Deadline(timeout if timeout is not None else self.settings.timeout + _GRACE)
        with self._pipes.changed:
            while wanted not in self._pipes.stdout and not self._pipes.ended and not deadline.passed:
                self._pipes.changed.wait(deadline.left)
        if wanted in self._pipes.stdout:
            return self._pipes.stdout
        if self.is_running and not self._pipes.ended:
            raise AssertionError(verdict.of_silence(self, f"write {wanted!r}", timeout))
        self.wait()
        raise AssertionError(verdict.of_early_end(self, f"without writing {wanted!r}"))

    @property
    def stdin(self) -> Any:
        """Where to write for the guest to read, a binary file; of a guest that was started with `stdin=None`."""
        __tracebackhide__ = True
        if self._pipes.writer is None:
            raise ValueError(
                "its input was given when it was started: start it with stdin=None to write later"
            )
        return self._pipes.writer

    @property
    def stdout(self) -> bytes:
        """What it has written to its standard output so far."""
        return self._pipes.stdout

    @property
    def stderr(self) -> bytes:
        """What it has written to its standard error so far."""
        return self._pipes.stderr

    # What is left

    @property
    def processes(self) -> list[Process]:
        """The processes that it had so far, in the order in which they came to be: pid, parent, name, argv, code, signal, children.

        The first one is the guest itself.
        """
        return self.trace.processes()

    @property
    def leaks(self) -> "verdict.Leaks":
        """The descriptors, threads and processes that it left behind (docs/pytest.md says what counts); of a guest that has ended."""
        return verdict.leaks(self)

    @property
    def crash_report(self) -> str | None:
        """What the bench says about its crash."""
        return self.machine.crash_report

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes the trace to a file that `emu view` and `emu trace` read. Raises OSError."""
        self.recorder.save(path, **self.machine.about())

    def finish(self) -> None:
        """Ends it if it runs, and frees everything. Raises what ended it, unless the test has been told."""
        __tracebackhide__ = True
        try:
            if self._started and not self._end_is_known:
                self.stop()
        finally:
            self.close()

    def close(self) -> None:
        """Frees everything but the trace and the output."""
        if not self._closed:
            self._closed = True
            for client in self._clients:
                client.close()
            self._listening.close()
            self.machine.close()
            self._pipes.close()

    def _must_be_started(self) -> None:
        __tracebackhide__ = True
        if not self._started:
            raise RuntimeError(f"{self!r}: start it first")

    def _all_arrived(self) -> bool:
        """Whether what the test has sent on its sockets is where the guest can read it."""
        return not any(unsent(client) for client in self._clients)
