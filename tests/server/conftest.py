"""A running server for each test: the same ELF on the bare kernel and under `emu run`, driven by real clients."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LAUNCHERS = ["native", "emulated"]
LISTENING = re.compile(rb"listening on http://([0-9.]+):(\d+)/ \((\d+) workers?\)\n")


@dataclass
class Server:
    """One server process that listens."""

    process: subprocess.Popen[bytes]
    port: int
    native: bool
    ended: bool = False  # set by a test that ends it on purpose

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

    def memory(self) -> int:
        """Resident bytes of the process."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024

    def descriptors(self) -> int:
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

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
        return self.process.poll() is None and reply.endswith(b"\r\n\r\nok\n")


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
def serve(launch: Callable, launcher: str) -> Iterator[Callable[..., Server]]:
    """Starts servers: `serve(4, descriptors=50, IDLE_MS=100)`; they are ended after the test, which they must outlive."""
    running: list[Server] = []

    def start(workers: int = 4, descriptors: int | None = None, **env: int) -> Server:
        def limit() -> None:
            if descriptors is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        arguments = [str(workers), "127.0.0.1", "0"]
        line, environment = launch(arguments, {k: str(v) for k, v in env.items()})
        process = subprocess.Popen(
            line, env=environment, stdout=subprocess.PIPE, cwd=ROOT, preexec_fn=limit if descriptors else None
        )
        assert process.stdout is not None
        said = process.stdout.readline()
        match = LISTENING.fullmatch(said)
        assert match, said
        assert int(match[3]) == workers
        running.append(Server(process, int(match[2]), launcher == "native"))
        return running[-1]

    yield start
    failures = []
    for server in running:
        if server.ended:
            pass
        elif server.process.poll() is not None:
            failures.append(server.process.returncode)
        else:
            server.process.send_signal(signal.SIGINT)
            server.process.wait(10)
        assert server.process.stdout is not None
        server.process.stdout.close()
    assert not failures, f"the server ended by itself: {failures}"


@pytest.fixture(params=[0, 4], ids=["alone", "four"])
def server(request: pytest.FixtureRequest, serve: Callable[..., Server]) -> Server:
    """A server on its main thread alone, and one with four workers."""
    return serve(request.param)
