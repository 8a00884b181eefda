"""A running pty_server for each test, on the bare kernel and emulated, and a client that speaks RFC 6455 byte by byte."""

import base64
import hashlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wsproto.frame_protocol import Opcode

ROOT = Path(__file__).parents[3]
PATIENCE = 30
"""Seconds for what takes less than one on a quiet machine."""

KEY = base64.b64encode(bytes(range(16))).decode()
ACCEPT = base64.b64encode(
    hashlib.sha1(f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
).decode()


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True) -> bytes:
    """A client's frame."""
    size = len(payload)
    short, rest = (
        (size, b"") if size < 126 else (126, struct.pack("!H", size)) if size < 1 << 16 else (127, struct.pack("!Q", size))
    )  # fmt: skip
    head = bytes([opcode | (0x80 if fin else 0), short | (0x80 if masked else 0)]) + rest
    if not masked:
        return head + payload
    mask = b"\x11\x22\x33\x44"
    return head + mask + bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))


def upgrade(port: int, *fields: str) -> bytes:
    """The request that opens a WebSocket."""
    lines = ["GET /term HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Client:
    """One connection to /term."""

    frame = staticmethod(frame)

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.port = port
        self.received = b""
        self.output = b""
        """What the terminal has shown and no `wait_for` has passed."""

    def open(self, more: bytes = b"") -> "Client":
        """The handshake; `more` is sent in the same packet."""
        self.socket.sendall(self.request() + more)
        head = self.head()
        assert head.startswith("HTTP/1.1 101 "), head
        assert f"Sec-WebSocket-Accept: {ACCEPT}\r\n" in head
        return self

    def request(self) -> bytes:
        """The request of the handshake."""
        return upgrade(self.port)

    def head(self) -> str:
        """The response's head."""
        while b"\r\n\r\n" not in self.received:
            self._receive()
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        return head.decode() + "\r\n"

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(self.received)
        self.received += data

    def next_frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame, which is whole and not masked. Raises EOFError, ConnectionResetError."""
        first, short = self._take(2)
        assert first & 0x80
        assert first & 0x70 == 0
        size = short if short < 126 else struct.unpack("!H", self._take(2))[0]
        return first & 15, self._take(size)

    def _take(self, count: int) -> bytes:
        while len(self.received) < count:
            self._receive()
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def send(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        self.socket.sendall(frame(opcode, payload, fin=fin))

    def type(self, text: str) -> None:
        """Types on the terminal's keyboard."""
        self.send(Opcode.BINARY, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        self.send(Opcode.TEXT, f"resize:{columns},{rows}".encode())

    def wait_for(self, text: str) -> str:
        """Reads until the terminal has shown the text; all that it has shown up to there."""
        wanted = text.encode()
        while wanted not in self.output:
            opcode, payload = self.next_frame()
            assert opcode == Opcode.BINARY, (opcode, payload, self.output)
            self.output += payload
        seen, _, self.output = self.output.partition(wanted)
        return (seen + wanted).decode()

    def wait_for_close(self) -> tuple[int, str]:
        """Reads on to the close frame: its code, and the reason."""
        while True:
            opcode, payload = self.next_frame()
            if opcode == Opcode.CLOSE:
                return (struct.unpack("!H", payload[:2])[0], payload[2:].decode()) if payload else (1005, "")
            if opcode == Opcode.BINARY:
                self.output += payload

    def is_at_end(self) -> bool:
        """Whether the server closes, and sends nothing more."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()


class Server:
    """A pty_server in a process of its own: the ELF itself, or `emu run` with it."""

    def __init__(
        self, elf: Path, launcher: str, shell: tuple[str, ...], descriptors: int, environment: dict[str, str]
    ) -> None:
        variables = {"PS1": "$ ", "HOME": "/tmp", "PATH": os.environ["PATH"]} | environment
        self.native = launcher == "native"
        line = [str(elf), "0", *shell]
        if not self.native:
            options = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
            line = [sys.executable, "-m", "emu", "run", "--root", "/", *options, str(elf), "--", "0", *shell]
            variables = {**os.environ, "PYTHONPATH": str(ROOT)}
        if descriptors:
            line = ["/bin/sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *line]
        self.process = subprocess.Popen(
            line, env=variables, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self.log = ""
        self.clients: list[Client] = []
        self.port = int(self.wait_for_log(r"listening on 127\.0\.0\.1:(\d+)\n")[1])

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        """Reads the server's stdout until a pattern is in it, which is then consumed with what stands before."""
        assert self.process.stdout is not None
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.log)):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 4096).decode() if ready else ""
            assert data, f"{pattern!r} is not in the log: {self.log!r}"
            self.log += data
        self.log = self.log[found.end() :]
        return found

    def rest_of_log(self) -> str:
        """What the server has said since, when it has ended."""
        assert self.process.stdout is not None
        return self.log + self.process.stdout.read().decode()

    def client(self) -> Client:
        """A connection, which is closed at the end of the test."""
        client = Client(self.port)
        self.clients.append(client)
        return client

    def terminal(self) -> Client:
        """A client whose shell has prompted."""
        client = self.client().open()
        client.wait_for("$ ")
        return client

    def pids(self) -> tuple[int, int]:
        """Of the next worker in the log, and of its shell."""
        found = self.wait_for_log(r"worker (\d+): shell (\d+)\n")
        return int(found[1]), int(found[2])

    def wait_until_free(self, open_ones: int = 0) -> None:
        """Until a worker has ended, after which so many are left."""
        self.wait_for_log(rf"ends[^\n]* \({open_ones} of 15\)\n")

    def exchange(self, data: bytes) -> bytes:
        """Sends `data` on a fresh connection and reads until the server closes it."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            client.sendall(data)
            return read_all(client)

    def is_well(self) -> bool:
        """Whether it runs and answers."""
        reply = self.exchange(b"GET /healthz HTTP/1.0\r\n\r\n")
        return reply.endswith(b"\r\n\r\nok\n") and self.process.poll() is None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signals it; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """After the test: clients leave, the server stops and says that all is well."""
        for client in self.clients:
            client.close()
        ended = self.process.poll()
        status = self.stop() if ended is None else ended
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert status == 0


def read_all(client: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    pieces = []
    while piece := client.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.fixture(params=["native", "emulated"])
def launcher(request: pytest.FixtureRequest) -> str:
    """How the server is run."""
    return str(request.param)


@pytest.fixture
def serve(elf: Callable[[str], Path], launcher: str) -> Iterator[Callable[..., Server]]:
    """Starts servers: `serve("/bin/cat", PING_MS=100)`; each is stopped after the test, and has to say that all is well.

    `descriptors`: how many it may have.
    """
    running: list[Server] = []

    def start(*shell: str, descriptors: int = 0, **environment: Any) -> Server:
        variables = {name: str(value) for name, value in environment.items()}
        running.append(Server(elf("pty_server"), launcher, shell or ("/bin/sh",), descriptors, variables))
        return running[-1]

    yield start
    for server in running:
        server.end()


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """A server whose shell is /bin/sh."""
    return serve()
