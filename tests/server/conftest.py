"""A running server for each test: the same ELF on the bare kernel and as a guest of the plugin, driven by real clients."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
LAUNCHERS = ["native", "emulated"]
LISTENING = re.compile(rb"listening on http://([0-9.]+):(\d+)/ \((\d+) workers?\)\n")
GUEST_TIMEOUT = 110  # seconds: below the limit of a whole test


class Server:
    """One server that listens. `native` says that it runs on the bare kernel."""

    native = False
    port = 0

    def running(self) -> bool:
        """Whether it has not ended."""
        raise NotImplementedError

    def descriptors(self) -> int:
        """How many descriptors it has open."""
        raise NotImplementedError

    def interrupt(self) -> int:
        """Sends it SIGINT; the status with which it ends, as a shell has it."""
        raise NotImplementedError

    def end(self) -> None:
        """Ends it after the test, which it must outlive."""
        raise NotImplementedError

    def connect(self, timeout: float = 10) -> socket.socket:
        """A fresh connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def exchange(self, data: bytes, timeout: float = 10) -> bytes:
        """Send `data` on a fresh connection and read until the server closes it."""
        with self.connect(timeout) as client:
            client.sendall(data)
            return self.read_all(client)

    def read_all(self, client: socket.socket) -> bytes:
        """Everything up to the end of the stream, or to a reset."""
        pieces = []
        while True:
            try:
                piece = client.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            pieces.append(piece)
        return b"".join(pieces)

    def settles_at(self, descriptors: int) -> bool:
        """Whether at most so many descriptors are open within two seconds: what clients left behind takes a moment to close."""
        end = time.monotonic() + 2
        while self.descriptors() > descriptors and time.monotonic() < end:
            time.sleep(0.02)
        return self.descriptors() <= descriptors

    def recovers(self) -> bool:
        """Whether it answers within five seconds: a server that was full refuses until it has noticed who left."""
        end = time.monotonic() + 5
        while not (alive := self.alive()) and time.monotonic() < end:
            time.sleep(0.02)
        return alive

    def alive(self) -> bool:
        """Whether it still runs and answers."""
        reply = self.exchange(b"GET /healthz HTTP/1.0\r\n\r\n")
        return self.running() and reply.endswith(b"\r\n\r\nok\n")


class ServerProcess(Server):
    """A process of its own: the ELF itself, or `emu run` with it."""

    def __init__(self, line: list[str], env: dict[str, str], native: bool, descriptors: int | None) -> None:
        def limit() -> None:
            if descriptors is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.native = native
        self.process = subprocess.Popen(
            line, env=env, stdout=subprocess.PIPE, cwd=ROOT, preexec_fn=limit if descriptors else None
        )
        self._interrupted = False
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        match = LISTENING.fullmatch(said)
        assert match, said
        self.port = int(match[2])
        self.workers = int(match[3])

    def running(self) -> bool:
        return self.process.poll() is None

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self) -> int:
        """Resident bytes of the process."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024

    def threads(self) -> int:
        """How many threads the process has."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def interrupt(self) -> int:
        self._interrupted = True
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(10)
        return status if status >= 0 else 128 - status

    def end(self) -> None:
        ended = self.process.poll()
        self.interrupt()
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert ended is None or self._interrupted, f"the server ended by itself: {ended}"


class ServerGuest(Server):
    """A guest in the process of the tests, under the plugin, which also fails the test when it leaks or crashes."""

    def __init__(self, guest: Any) -> None:
        self.guest = guest
        _, self.port = guest.wait_until_listening()
        match = LISTENING.fullmatch(guest.wait_for_output(")\n"))
        assert match
        assert int(match[2]) == self.port
        self.workers = int(match[3])

    def running(self) -> bool:
        return bool(self.guest.is_running)

    def descriptors(self) -> int:
        return len(self.guest.machine.process.fds)

    def threads(self) -> int:
        """How many threads the guest has."""
        return len(self.guest.machine.threads)

    def interrupt(self) -> int:
        self.guest.signal(signal.SIGINT)
        return int(self.guest.wait().shell_status)

    def end(self) -> None:
        """The plugin has ended it with the test, and would have failed the test had it ended before."""


def command(
    launcher: str, elf: Path, args: list[str], env: dict[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The command line and environment that run the ELF so."""
    if launcher == "native":
        return [str(elf), *args], env
    options = [option for name, value in env.items() for option in ("--env", f"{name}={value}")]
    emu = [sys.executable, "-m", "emu", "run", *options, str(elf), "--", *args]
    return emu, {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def server_elf(elf: Callable[[str], Path]) -> Path:
    """The server program, compiled."""
    return elf("server")


@pytest.fixture(params=LAUNCHERS)
def launcher(request: pytest.FixtureRequest) -> str:
    """How the server is run."""
    return str(request.param)


@pytest.fixture
def launch(
    server_elf: Path, launcher: str
) -> Callable[[list[str], dict[str, str]], tuple[list[str], dict[str, str]]]:
    """The command line and environment for the server with these arguments and variables."""
    return lambda args, env: command(launcher, server_elf, args, env)


@pytest.fixture
def serve(launch: Callable, launcher: str, server_elf: Path, emu: Any) -> Iterator[Callable[..., Any]]:
    """Starts servers: `serve(4, IDLE_MS=100)`; they are ended after the test, which they must outlive.

    `apart` puts an emulated one into a process of its own, too; so does a limit of `descriptors`.
    """
    running: list[Server] = []

    def start(workers: int = 4, descriptors: int | None = None, apart: bool = False, **env: int) -> Server:
        arguments = [str(workers), "127.0.0.1", "0"]
        variables = {name: str(value) for name, value in env.items()}
        server: ServerProcess | ServerGuest
        if launcher == "native" or apart or descriptors is not None:
            line, environment = launch(arguments, variables)
            server = ServerProcess(line, environment, launcher == "native", descriptors)
        else:
            server = ServerGuest(emu.start(server_elf, *arguments, env=variables, timeout=GUEST_TIMEOUT))
        running.append(server)
        assert server.workers == workers
        return server

    yield start
    for server in running:
        server.end()


@pytest.fixture(params=[0, 4], ids=["alone", "four"])
def server(request: pytest.FixtureRequest, serve: Callable[..., Server]) -> Server:
    """A server on its main thread alone, and one with four workers."""
    return serve(request.param)
