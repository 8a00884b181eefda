"""Argument types of getdents64(2) and getdents(2): the entries of a directory."""

import struct
from typing import TYPE_CHECKING, Annotated, ClassVar

from syscalls.args import STRUCT_LIMIT, Arg
from syscalls.data import Data
from syscalls.flags.files import EntryType
from syscalls.text import strace_text

if TYPE_CHECKING:
    from syscalls.process import Thread

_ENTRY = struct.Struct("<QqHB")
_OLD_ENTRY = struct.Struct("<QqH")


class Entries(Arg):
    """The struct linux_dirent64 that the call fills in: as many as the result says, in bytes."""

    phase = "out"
    uses = ("result",)
    is_old: ClassVar[bool] = False

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[0] < 0 or not value:
            return value or None
        try:
            return entries(thread.memory.read(value, used[0]), old=self.is_old)
        except OSError:
            return value

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


def entries(raw: bytes, *, old: bool = False) -> list[Data]:
    """The entries in a buffer, STRUCT_LIMIT of them at most. What is not a whole entry ends the list."""
    shown: list[Data] = []
    head = _OLD_ENTRY if old else _ENTRY
    at = 0
    while at + head.size <= len(raw) and len(shown) < STRUCT_LIMIT:
        inode, offset, length, *rest = head.unpack_from(raw, at)
        if length <= head.size or at + length > len(raw):
            break
        name = raw[at + head.size : at + length].partition(b"\0")[0]
        kind = rest[0] if rest else raw[at + length - 1]
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


class OldEntries(Entries):
    """The struct linux_dirent of getdents(2): the type is the last byte of an entry."""

    is_old = True


EntriesOut = Annotated[int, Entries()]
OldEntriesOut = Annotated[int, OldEntries()]
