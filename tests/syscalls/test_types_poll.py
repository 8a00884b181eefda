"""How poll sets, fd_sets and epoll events show in a trace."""

import json
import struct
from types import SimpleNamespace
from typing import Any

from syscalls.args import json_text, plain, strace_text
from syscalls.flags import Epoll, EpollOp, Poll
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
    assert arg.text(data.data()) == "[{fd=5, events=POLLIN|POLLOUT, revents=POLLIN}, {fd=-1, events=0x4000}]"
    assert strace_text(data).startswith("[{fd=5, ")
    assert arg.text(arg.capture(guest(SET), BASE, 3)) == "0x1000"
    assert arg.text(arg.capture(guest(SET), 0, 3)) == "NULL"
    assert len(arg.capture(guest(SET * 200), BASE, 400).data()) == 64


def test_fd_sets() -> None:
    arg = FdSetArg("nfds", "out")
    assert arg.text(plain(arg.capture(guest(struct.pack("<Q", 0b1011)), BASE, 3))) == "[0 1]"
    assert arg.capture(guest(b""), BASE, 3) == BASE
    assert arg.capture(guest(b""), 0, 3) is None
    assert arg.capture(guest(b""), BASE, -3).data() == []


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
