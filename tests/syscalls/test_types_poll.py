"""How poll sets, fd_sets and epoll events show in a trace."""

import json
import struct
from types import SimpleNamespace
from typing import Any

from syscalls.data import json_text, plain
from syscalls.flags import Epoll, EpollOp, Poll
from syscalls.text import abridged, strace_text
from syscalls.types_poll import EpollEventIn, EpollEventsOut, FdSetArg, PollFds

BASE = 0x1000


def guest(data: bytes) -> Any:
    """A thread whose memory holds `data` at BASE, and nothing else."""

    def read(address: int, size: int) -> bytes:
        start = address - BASE
        if start < 0 or start + size > len(data):
            raise OSError(14, "fault")
        return data[start : start + size]

    return SimpleNamespace(memory=SimpleNamespace(read=read), fds=SimpleNamespace(entries={}))


SET = struct.pack("<ihhihh", 5, Poll.POLLIN | Poll.POLLOUT, Poll.POLLIN, -1, 0x4000, 0)


def test_poll_sets() -> None:
    arg = PollFds("nfds")
    data = arg.capture(guest(SET), BASE, 2)
    plain = [
        {"fd": 5, "events": "POLLIN|POLLOUT", "revents": "POLLIN"},
        {"fd": -1, "events": "0x4000", "revents": "0"},
    ]
    assert json.loads(json_text(data)) == data.data() == plain
    assert arg.text(data.data(), {5: "pipe"}) == "[{fd=5<pipe>, events=POLLIN|POLLOUT}, {fd=-1}]"
    assert arg.aside(data.data(), 1) == "[{fd=5, revents=POLLIN}]"
    assert arg.aside(data.data(), 0) == ""
    long = arg.capture(guest(SET * 4), BASE, 8).data()
    assert arg.text(abridged(long, 1)) == "[{fd=5, events=POLLIN|POLLOUT}, ...]"
    assert strace_text(data).startswith("[{fd=5, ")
    assert arg.text(arg.capture(guest(SET), BASE, 3)) == "0x1000"
    assert arg.text(arg.capture(guest(SET), 0, 3)) == "NULL"
    assert len(arg.capture(guest(SET * 200), BASE, 400).data()) == 64


def test_fd_sets() -> None:
    arg = FdSetArg("nfds", "in")
    given = arg.given(guest(struct.pack("<Q", 0b1011)), BASE, 3)
    assert arg.text(plain(arg.merged(given, None)), {1: "pipe"}) == "[0 1<pipe>]"
    left = arg.capture(guest(struct.pack("<Q", 0b10)), BASE, 3, 1)
    both = arg.merged(given, left)
    assert both.data() == {"given": [0, 1], "left": [1]}
    assert both.fds() == [0, 1]
    assert arg.text(both.data()) == "[0 1]"
    assert arg.aside(both.data(), 1) == "in [1]"
    assert arg.capture(guest(b""), BASE, 3, -1) is None
    assert arg.text(arg.given(guest(b""), BASE, 3)) == "0x1000"
    assert arg.text(arg.given(guest(b""), 0, 3)) == "NULL"
    assert arg.given(guest(b""), BASE, -3).data() == []


def test_epoll_events() -> None:
    event = struct.pack("<IQ", Epoll.EPOLLIN | Epoll.EPOLLET, 7)
    arg = EpollEventIn("op")
    assert (
        arg.text(arg.capture(guest(event), BASE, EpollOp.EPOLL_CTL_ADD))
        == "{events=EPOLLIN|EPOLLET, data=0x7}"
    )
    assert arg.text(arg.capture(guest(event), BASE, EpollOp.EPOLL_CTL_DEL)) == "0x1000"
    assert arg.text(arg.capture(guest(b""), BASE, EpollOp.EPOLL_CTL_MOD)) == "0x1000"
    out = EpollEventsOut()
    assert out.text(out.capture(guest(event * 2), BASE, 1)) == "[{events=EPOLLIN|EPOLLET, data=0x7}]"
    assert out.capture(guest(event), BASE, -1) == BASE
    assert out.capture(guest(event), BASE, 0) == []
