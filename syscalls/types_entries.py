"""Argument type of getdents64(2): the entries of a directory."""

import struct
from typing import TYPE_CHECKING, Annotated

from syscalls.args import STRUCT_LIMIT, Arg
from syscalls.data import Data
from syscalls.flags.files import EntryType
from syscalls.text import strace_text

if TYPE_CHECKING:
    from syscalls.process import Thread

_ENTRY = struct.Struct("<QqHB")


class Entries(Arg):
    """The struct linux_dirent64 that the call fills in: as many as the result says, in bytes."""

    phase = "out"
    uses = ("result",)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[0] < 0 or not value:
            return value or None
        try:
            return entries(thread.memory.read(value, used[0]))
        except OSError:
            return value

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


def entries(raw: bytes) -> list[Data]:
    """The entries in a buffer, STRUCT_LIMIT of them at most. What is not a whole entry ends the list."""
    shown: list[Data] = []
    at = 0
    while at + _ENTRY.size <= len(raw) and len(shown) < STRUCT_LIMIT:
        inode, offset, length, kind = _ENTRY.unpack_from(raw, at)
        if length <= _ENTRY.size or at + length > len(raw):
            break
        name = raw[at + _ENTRY.size : at + length].partition(b"\0")[0]
        shown.append(
            {
                "d_ino": inode,
                "d_off": offset,
                "d_reclen": length,
                "d_type": EntryType.text(kind),
                "d_name": name,
            }
        )
        at += length
    return shown


EntriesOut = Annotated[int, Entries()]
