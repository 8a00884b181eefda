"""Follows a traced process's descriptors through its calls, by what the table declares of them."""

import struct
from collections.abc import Iterator
from typing import Any, cast

from emu.native.descriptors import Descriptors
from syscalls.args import FdNumber
from syscalls.flags.net import Scm, SocketLevel
from syscalls.messages import HEADER, ROW
from syscalls.passing import parse
from syscalls.process import Thread
from syscalls.table import Syscall, convert

_COPIES = frozenset({"dup", "dup2", "dup3"})
_NAMING = frozenset({"bind", "connect", "listen", "sendto", "sendmsg", "sendmmsg"})
_DUPFD = (0, 1030)
"""F_DUPFD, F_DUPFD_CLOEXEC."""


class Follower:
    """What calls do to the table of descriptors."""

    def before(self, thread: Thread, entry: Syscall, args: tuple[int, ...]) -> Any:
        """To be kept for `after`: what close(2) is about to close."""
        if entry.name == "close":
            return _table(thread).closing(args[0] & 0xFFFFFFFF)
        if entry.name in ("sendmsg", "sendmmsg"):
            for fd in _carried(thread, entry.name, args):
                _table(thread).sent(fd)
        return None

    def after(self, thread: Thread, entry: Syscall, args: tuple[int, ...], result: int, closing: Any) -> None:
        """Takes in the result of a call that has succeeded."""
        if result < 0:
            return
        table, name = _table(thread), entry.name
        first = _first_descriptor(entry, args)
        if name == "close":
            table.closed(args[0] & 0xFFFFFFFF, closing)
        elif name in _COPIES or (name == "fcntl" and args[1] & 0xFFFFFFFF in _DUPFD):
            if result != first:
                table.copied(first, result)
        elif name in ("accept", "accept4"):
            table.accepted(result, first)
        elif name in _NAMING:
            table.renamed(first)
        elif entry.outcome.is_fd and not entry.outcome.fd_when:
            table.opened(result)
        elif name in ("pipe", "pipe2", "socketpair"):
            address = args[3 if name == "socketpair" else 0]
            for at in (0, 4):
                table.opened(thread.memory.u32(address + at))


_ROWS = 64


def _carried(thread: Thread, name: str, args: tuple[int, ...]) -> Iterator[int]:
    """The descriptors in the control messages that a call is about to send (SCM_RIGHTS)."""
    count = min(args[2] & 0xFFFFFFFF, _ROWS) if name == "sendmmsg" else 1
    for row in range(count):
        try:
            header = HEADER.unpack(thread.memory.read(args[1] + row * ROW, HEADER.size))
            messages = (
                parse(thread.memory.read(header[5], min(header[6], 4096))) if header[5] and header[6] else []
            )
        except OSError:
            return
        for message in messages:
            if message.level == SocketLevel.SOL_SOCKET and message.type == Scm.SCM_RIGHTS:
                yield from (
                    fd for (fd,) in struct.iter_unpack("<i", message.data[: len(message.data) // 4 * 4])
                )


def _table(thread: Thread) -> Descriptors:
    return cast(Descriptors, thread.fds)


def _first_descriptor(entry: Syscall, args: tuple[int, ...]) -> int:
    for index, arg in enumerate(entry.args.values()):
        if isinstance(arg, FdNumber):
            return convert(arg, args[index])
    return -1
