"""Argument types of what is known of files and file systems: statx, statfs, times, extended attributes, nodes."""

import os
import struct
from typing import TYPE_CHECKING, Annotated

from syscalls.args import Arg, CString, Flags, InBytes, InStruct, Octal, OutStruct, Received, Unsigned32
from syscalls.data import UNUSED, Data
from syscalls.flags.attributes import (
    CloseRange,
    Fadvise,
    Fallocate,
    Rename,
    StatfsFlags,
    StatfsType,
    Statx,
    StatxAt,
    StatxAttribute,
    SyncRange,
    Xattr,
)
from syscalls.flags.files import FileType
from syscalls.flags.inotify import Inotify, InotifyInit
from syscalls.structs import Layout, Timespec, Timeval
from syscalls.text import strace_text

if TYPE_CHECKING:
    from syscalls.process import Thread

_TIMESTAMP = struct.Struct("<qI4x")


def _moment(data: bytes) -> dict[str, int]:
    seconds, nanoseconds = _TIMESTAMP.unpack(data)
    return {"tv_sec": seconds, "tv_nsec": nanoseconds}


StatxBuffer = Layout(
    "statx",
    ("I", "stx_mask", Statx.text),
    ("I", "stx_blksize"),
    ("Q", "stx_attributes", StatxAttribute.text),
    ("I", "stx_nlink"),
    ("I", "stx_uid"),
    ("I", "stx_gid"),
    ("H", "stx_mode", FileType.text),
    ("2x", ""),
    ("Q", "stx_ino"),
    ("Q", "stx_size"),
    ("Q", "stx_blocks"),
    ("Q", "stx_attributes_mask", StatxAttribute.text),
    ("16s", "stx_atime", _moment),
    ("16s", "stx_btime", _moment),
    ("16s", "stx_ctime", _moment),
    ("16s", "stx_mtime", _moment),
    ("I", "stx_rdev_major"),
    ("I", "stx_rdev_minor"),
    ("I", "stx_dev_major"),
    ("I", "stx_dev_minor"),
    ("Q", "stx_mnt_id"),
    ("104x", ""),
    brief=("stx_mask", "stx_attributes", "stx_mode", "stx_size"),
)

Statfs = Layout(
    "statfs",
    ("q", "f_type", StatfsType.text),
    ("q", "f_bsize"),
    ("Q", "f_blocks"),
    ("Q", "f_bfree"),
    ("Q", "f_bavail"),
    ("Q", "f_files"),
    ("Q", "f_ffree"),
    ("8s", "f_fsid", lambda data: {"val": [hex(word) for word in struct.unpack("<2I", data)]}),
    ("q", "f_namelen"),
    ("q", "f_frsize"),
    ("q", "f_flags", StatfsFlags.text),
    ("32x", ""),
)

Utimbuf = Layout("utimbuf", ("q", "actime"), ("q", "modtime"))


_WITHOUT_TIME: dict[int, Data] = {0x3FFFFFFF: "UTIME_NOW", 0x3FFFFFFE: "UTIME_OMIT"}


class TimePair(Arg):
    """Two times, of the last access and of the last change; NULL means now."""

    phase = "in"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        size = self.layout.size
        try:
            raw = thread.memory.read(value, 2 * size)
        except OSError:
            return value
        shown = [self.layout.show(raw[:size]), self.layout.show(raw[size:])]
        return [_WITHOUT_TIME.get(each.get("tv_nsec", 0), each) for each in shown]

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class OffsetPointer(Arg):
    """A pointer to an offset from which a call goes on, as it is before the call; NULL means the descriptor's own."""

    phase = "in"

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        try:
            return [struct.unpack("<q", thread.memory.read(value, 8))[0]]
        except OSError:
            return value

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class UnsignedWord(Flags):
    """Flags in an unsigned int."""

    conversion = Unsigned32.conversion


class NodeType(Octal):
    """A type of file and permissions."""

    def data(self, value: int) -> Data:
        kind = value & 0o170000
        known = kind and not FileType.text(kind).startswith("0x")
        return FileType.text(value) if known else super().data(value)


class Device(Unsigned32):
    """A device number, which only devices have; `mode` names the parameter with the type of file."""

    phase = "in"

    def __init__(self, mode: str) -> None:
        self.uses = (mode,)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[0] & 0o170000 not in (FileType.S_IFCHR, FileType.S_IFBLK):
            return UNUSED
        return f"makedev({os.major(value):#x}, {os.minor(value):#x})"

    def text(self, data: Data) -> str:
        return str(data)


RenameFlags = Annotated[int, UnsignedWord(Rename)]
NodeMode = Annotated[int, NodeType()]
DeviceNumber = Annotated[int, Device("mode")]
StatxFlags = Annotated[int, Flags(StatxAt)]
StatxMask = Annotated[int, UnsignedWord(Statx)]
StatxOut = Annotated[int, OutStruct(StatxBuffer)]
StatfsOut = Annotated[int, OutStruct(Statfs)]
AtimeMtime = Annotated[int, TimePair(Timespec)]
UtimevalIn = Annotated[int, TimePair(Timeval)]
UtimbufIn = Annotated[int, InStruct(Utimbuf)]
AttributeName = Annotated[int, CString()]
AttributeIn = Annotated[int, InBytes("size")]
AttributeOut = Annotated[int, Received("size")]
AttributeNames = Annotated[int, Received("size")]
InotifyFlags = Annotated[int, Flags(InotifyInit)]
InotifyMask = Annotated[int, UnsignedWord(Inotify)]
AttributeFlags = Annotated[int, Flags(Xattr)]
FallocateMode = Annotated[int, Flags(Fallocate)]
FileAdvice = Annotated[int, Flags(Fadvise)]
SyncRangeFlags = Annotated[int, UnsignedWord(SyncRange)]
CloseRangeFlags = Annotated[int, UnsignedWord(CloseRange)]
OffsetAt = Annotated[int, OffsetPointer()]
