"""The system calls of one request, compared with a list that people have read: the same in every run, with every seed."""

import fcntl
import os
import re
import socket
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emu import Machine
from emu.hooks import Call
from emu.trace.read import line
from emu.trace.text import Palette

GOLDEN = Path(__file__).parent.parent.parent / "fixtures" / "golden"
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SIGTERM = 15

MASKS = [  # what the world or the compiler chose
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"htons\((?!0\))\d+\)"), "htons(PORT)"),
    (re.compile(r"(clock_gettime\(.*)tv_sec=\d+, tv_nsec=\d+"), r"\1tv_sec=S, tv_nsec=NS"),
    (re.compile(r"tv_sec=9, tv_nsec=\d+"), "tv_sec=9, tv_nsec=NS"),  # of ten seconds
    (re.compile(r" <waited [0-9.]+ s>"), ""),
    (re.compile(r"0x4[0-9a-f]{5}\b"), "STATIC"),
    (re.compile(r"0x7ffff7[0-9a-f]{6}\b"), "HEAP"),
]


class Client:
    """A client that acts at given points of the guest's run, so that the world intervenes at the same place each time.

    It connects when the guest polls for the first time, sends its request when it polls for the second, and ends the
    guest when that closes the connection. `stdout` is where the guest says its port.
    """

    def __init__(self, machine: Machine, stdout: int) -> None:
        self.machine = machine
        self.stdout = stdout
        self.socket = socket.socket()
        self.socket.settimeout(10)
        self.polls = 0
        machine.on("ppoll", function=self.at_poll)
        machine.on("close", function=self.at_close)

    def at_poll(self, call: Call) -> None:
        self.polls += 1
        if self.polls == 1:
            port = re.search(rb":(\d+)/", os.read(self.stdout, 200))
            assert port
            self.socket.connect(("127.0.0.1", int(port[1])))
        elif self.polls == 2:
            self.socket.sendall(REQUEST)
            while struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]:
                time.sleep(0.001)  # not acknowledged, so perhaps not readable yet

    def at_close(self, call: Call) -> None:
        self.machine.send_signal(SIGTERM)


@contextmanager
def plumbing() -> Iterator[tuple[int, int, int]]:
    """/dev/null, and the two ends of a pipe."""
    fds = (os.open(os.devnull, os.O_RDONLY), *os.pipe())
    try:
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def calls_of_one_request(server_elf: Path, workers: int, seed: int) -> str:
    """The trace of a run that serves one request, in lines, masked."""
    arguments = ["server", str(workers), "127.0.0.1", "0"]
    with (
        plumbing() as (null, receiver, sender),
        Machine(
            server_elf, arguments, stdin=null, stdout=sender, stderr=sender, seed=seed, trace=True
        ) as machine,
    ):
        client = Client(machine, receiver)
        with client.socket:
            status = machine.start().wait(20)
            reply = client.socket.recv(1000)
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
        assert reply.endswith(b"\r\n\r\nok\n")
        assert status.signal == SIGTERM
        text = "".join(line(record, Palette()) + "\n" for record in machine.trace)
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_one_request(server_elf: Path, tmp_path: Path, workers: int) -> None:
    golden = GOLDEN / f"request_workers_{workers}.txt"
    for seed in (0, 0, 0, 1, 2):
        actual = tmp_path / golden.name
        actual.write_text(calls_of_one_request(server_elf, workers, seed))
        assert actual.read_text().splitlines() == golden.read_text().splitlines(), (
            f"seed {seed}; to accept the new calls: cp {actual} {golden}"
        )
