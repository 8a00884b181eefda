"""stdin and stdout of every sort: a guest copies one to the other, and nobody blocks who should not."""

import os
import pty
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

import pytest

from syscalls.inherit import inherited

REPOSITORY = Path(__file__).parent.parent.parent
DATA = bytes(range(251)) * 4000  # about 1 MB: more than any buffer between here and there


@pytest.fixture(params=["native", "emulated"])
def copy(
    request: pytest.FixtureRequest, elf: Callable[[str], Path]
) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Starts the copying guest natively or emulated."""

    def start(stdin: int, stdout: int, size: int = 300_000) -> "subprocess.Popen[bytes]":
        command = [str(elf("copies"))]
        if request.param == "emulated":
            command = [sys.executable, "-m", "emu", "run", *command, "--"]
        return subprocess.Popen(
            [*command, str(size)],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(REPOSITORY)},
        )

    return start


def drained(fd: int, pause: float = 0.0) -> bytes:
    """Everything up to the end, read slowly at first."""
    parts = []
    while True:
        time.sleep(pause)
        pause = pause / 2
        try:
            part = os.read(fd, 100_000)
        except OSError:  # a terminal whose other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(fd)
    return b"".join(parts)


def fed(fd: int, data: bytes) -> None:
    """Writes in odd pieces and closes, from a thread of its own."""

    def feed() -> None:
        for at in range(0, len(data), 70_001):
            view = memoryview(data)[at : at + 70_001]
            while view:
                view = view[os.write(fd, view) :]
        os.close(fd)

    threading.Thread(target=feed, daemon=True).start()


Copy = Callable[..., "subprocess.Popen[bytes]"]


def test_pipes(copy: Copy) -> None:
    stdin, feeding = os.pipe()
    reading, stdout = os.pipe()
    process = copy(stdin, stdout)
    os.close(stdin)
    os.close(stdout)
    fed(feeding, DATA)
    assert drained(reading, 0.05) == DATA
    assert process.communicate(timeout=20)[1] == b"end\n"


def test_blocking_sockets(copy: Copy) -> None:
    stdin, feeding = socket.socketpair()
    reading, stdout = socket.socketpair()
    process = copy(stdin.fileno(), stdout.fileno())
    stdin.close()
    stdout.close()
    fed(feeding.detach(), DATA)
    assert drained(reading.detach(), 0.05) == DATA
    assert process.communicate(timeout=20)[1] == b"end\n"


def test_files(copy: Copy, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(DATA)
    with open(tmp_path / "in", "rb") as stdin, open(tmp_path / "out", "ab") as stdout:
        stdout.write(b"before ")
        stdout.flush()
        stdin.seek(1000)
        process = copy(stdin.fileno(), stdout.fileno())
        assert process.communicate(timeout=20)[1] == b"end\n"
    assert (tmp_path / "out").read_bytes() == b"before " + DATA[1000:]


def test_a_terminal(copy: Copy) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    reading, stdout = os.pipe()
    process = copy(slave, stdout)
    os.close(stdout)
    received = b""
    for piece in (b"one", b"two"):
        os.write(master, piece)
        received += os.read(reading, 100)
    assert received == b"onetwo"
    process.kill()
    assert process.communicate(timeout=20)[1] == b"a terminal\n"
    assert os.get_blocking(slave)
    for fd in (master, slave, reading):
        os.close(fd)


def test_a_pipe_keeps_its_flags() -> None:
    reading, writing = os.pipe()
    entry = inherited(reading)
    assert entry.description.host_nonblocking
    assert not entry.description.nonblocking
    assert os.get_blocking(reading)
    for fd in (entry.host, reading, writing):
        os.close(fd)


def test_a_fifo_without_its_other_end_is_shared(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reading = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(tmp_path / "fifo", os.O_WRONLY)
    os.close(reading)
    entry = inherited(writing)
    assert (entry.description.kind, entry.description.host_nonblocking) == ("pipe", False)
    for fd in (entry.host, writing):
        os.close(fd)
