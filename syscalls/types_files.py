"""Argument types of files, descriptors and mappings: how their structures show in a trace."""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from syscalls.args import (
    STRUCT_LIMIT,
    Arg,
    Flags,
    Octal,
    OutBytes,
    OutStruct,
    PathOut,
    Pointer,
    Result,
    Signed64,
    Unsigned64,
    Unused,
    Used,
    payload,
)
from syscalls.data import UNUSED, Data, WithFds
from syscalls.describe import describe_all
from syscalls.flags import (
    Access,
    AccessAt,
    At,
    Dup,
    EnumSet,
    Eventfd,
    Fcntl,
    FdFlags,
    FdOwner,
    FileType,
    FlagSet,
    LockOperation,
    LockType,
    Madvise,
    Map,
    Memfd,
    Mlock,
    Mlockall,
    Mremap,
    Msync,
    Open,
    Pipe,
    Prot,
    ReadWrite,
    Seal,
    Seek,
)
from syscalls.flags.signals import Signal
from syscalls.outcomes import FdOutcome
from syscalls.structs import Layout, Timespec
from syscalls.text import NO_TEXTS, array_text, fd_text, strace_text

if TYPE_CHECKING:
    from syscalls.process import Thread

_IOVEC = struct.Struct("<QQ")


def _device(number: int) -> str:
    major = (number >> 8 & 0xFFF) | (number >> 32 & ~0xFFF)
    minor = (number & 0xFF) | (number >> 12 & ~0xFF)
    return f"makedev({_hex(major)}, {_hex(minor)})"


def _hex(number: int) -> str:
    """As C's %#x."""
    return hex(number) if number else "0"


Stat = Layout(
    "stat",
    ("Q", "st_dev", _device),
    ("Q", "st_ino"),
    ("Q", "st_nlink"),
    ("I", "st_mode", FileType.text),
    ("I", "st_uid"),
    ("I", "st_gid"),
    ("4x", ""),
    ("Q", "st_rdev", _device),
    ("q", "st_size"),
    ("q", "st_blksize"),
    ("q", "st_blocks"),
    ("16s", "st_atim", lambda data: Timespec.show(data)),
    ("16s", "st_mtim", lambda data: Timespec.show(data)),
    ("16s", "st_ctim", lambda data: Timespec.show(data)),
    ("24x", ""),
)

Flock = Layout(
    "flock",
    ("h", "l_type", LockType.text),
    ("h", "l_whence", Seek.text),
    ("4x", ""),
    ("q", "l_start"),
    ("q", "l_len"),
    ("i", "l_pid"),
    ("4x", ""),
)


class StatBuffer(OutStruct):
    """A struct stat that the call fills in."""

    def __init__(self) -> None:
        super().__init__(Stat)

    def text(self, data: Data) -> str:
        if not isinstance(data, dict):
            return super().text(data)
        is_device = str(data["st_mode"]).startswith(("S_IFCHR", "S_IFBLK"))
        size = "st_rdev" if is_device else "st_size"
        return f"{{st_mode={data['st_mode']}, {size}={data[size]}, ...}}"


class IoVec(Arg):
    """An array of struct iovec: base as the bytes there, and length. `count` names the parameter with its size."""

    phase = "in"

    def __init__(self, count: str) -> None:
        self.uses = (count,)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        return _vector(thread, value, used[0], 1 << 63)

    def text(self, data: Data) -> str:
        return vector_text(data)


class OutIoVec(IoVec):
    """The same, filled by the call: only as many bytes as the result says are shown."""

    phase = "out"

    def __init__(self, count: str) -> None:
        self.uses = (count, "result")

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        return _vector(thread, value, used[0], used[1])


def vector_text(data: Data) -> str:
    """The text of what `IoVec` and `OutIoVec` capture."""
    if not isinstance(data, list):
        return hex(data) if isinstance(data, int) else strace_text(data)
    return array_text(data, _buffer_text)


def _buffer_text(data: Data) -> str:
    base = data["iov_base"]
    shown = hex(base) if isinstance(base, int) else strace_text(base)
    return f"{{iov_base={shown}, iov_len={data['iov_len']}}}"


def _vector(thread: "Thread", address: int, count: int, filled: int) -> Data:
    """`filled`: how many bytes there are, negative when the call has failed: then the buffers show as their addresses."""
    if not address:
        return None
    if count <= 0 or count >> 63:
        return [] if not count else address
    count = min(count, STRUCT_LIMIT)
    try:
        table = thread.memory.read(address, count * 16)
    except OSError:
        return address
    shown = []
    if filled < 0:
        return [{"iov_base": base or None, "iov_len": length} for base, length in _IOVEC.iter_unpack(table)]
    for base, length in _IOVEC.iter_unpack(table):
        here = min(length, filled)
        filled -= here
        shown.append({"iov_base": payload(thread, base, here), "iov_len": length})
    return shown


class OutPair(Arg):
    """int[2], filled by the call."""

    phase = "out"
    uses = ("result",)
    holds_fds = True

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[0] < 0:
            return value or None
        try:
            fds = struct.unpack("<ii", thread.memory.read(value, 8))
        except OSError:
            return value
        return WithFds(list(fds), fds, describe_all(thread, fds))

    def text(self, data: Data, texts: Mapping[int, str] = NO_TEXTS) -> str:
        if isinstance(data, list):
            return "[" + ", ".join([fd_text(fd, texts) for fd in data]) + "]"
        return hex(data) if isinstance(data, int) else strace_text(data)


class FcntlArgument(Arg):
    """The third argument of fcntl(2), whose meaning depends on the command."""

    phase = "out"
    uses = ("cmd", "result")
    _none = frozenset((Fcntl.F_GETFD, Fcntl.F_GETFL, Fcntl.F_GETOWN, Fcntl.F_GETSIG, Fcntl.F_GETLEASE))
    _none |= {Fcntl.F_GETPIPE_SZ, Fcntl.F_GET_SEALS}
    _locks = frozenset((Fcntl.F_GETLK, Fcntl.F_SETLK, Fcntl.F_SETLKW))
    _locks |= {Fcntl.F_OFD_GETLK, Fcntl.F_OFD_SETLK, Fcntl.F_OFD_SETLKW}
    _owners = frozenset((Fcntl.F_GETOWN_EX, Fcntl.F_SETOWN_EX))

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        command = used[0]
        if command in self._none:
            return UNUSED
        if command == Fcntl.F_SETFD:
            return FdFlags.text(value)
        if command == Fcntl.F_SETFL:
            return Open.text(value)
        if command == Fcntl.F_ADD_SEALS:
            return Seal.text(value)
        if command == Fcntl.F_SETLEASE:
            return LockType.text(value)
        if command == Fcntl.F_SETSIG and 0 < value <= Signal.SIGRTMAX:
            return Signal.text(value)
        try:
            if command in self._locks:
                return Flock.show(thread.memory.read(value, Flock.size))
            if command in self._owners:
                kind, number = struct.unpack("<ii", thread.memory.read(value, 8))
                return {"type": FdOwner.text(kind), "pid": number}
        except OSError:
            return value
        if Fcntl.text(command).startswith("0x"):  # unknown: a number, an address, anything
            return value
        return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000

    def text(self, data: Data) -> str:
        return strace_text(data)

    def text_among(self, data: Data, args: Mapping[str, Data]) -> str:
        command = args.get("cmd")
        if isinstance(data, int) and data and str(command).startswith("0x"):  # unknown: it may be an address
            return hex(data)
        if isinstance(data, int) and command in _TO_MEMORY:
            return hex(data) if data else "NULL"
        if isinstance(data, dict) and command not in _TELLS_PID:
            data = {name: value for name, value in data.items() if name != "l_pid"}
        return strace_text(data)


_TELLS_PID = frozenset({"F_GETLK", "F_OFD_GETLK", "F_GETOWN_EX", "F_SETOWN_EX"})
_TO_MEMORY = _TELLS_PID | {"F_SETLK", "F_SETLKW", "F_OFD_SETLK", "F_OFD_SETLKW"}

_GET: dict[str, tuple[str, type[FlagSet] | type[EnumSet]]] = {
    "F_GETFD": ("flags ", FdFlags),
    "F_GETFL": ("flags ", Open),
    "F_GET_SEALS": ("seals ", Seal),
    "F_GETLEASE": ("", LockType),
}


class FcntlOutcome(FdOutcome):
    """What fcntl(2) returns: flags, a new descriptor, a number."""

    fd_when = f"{{cmd}} in ({Fcntl.F_DUPFD}, {Fcntl.F_DUPFD_CLOEXEC})"

    def text(self, value: int, args: Mapping[str, Data] = MappingProxyType({})) -> str:
        command = args.get("cmd")
        if command == "F_GETSIG" and value:
            return f"{value} ({Signal.text(value)})"
        what, names = _GET.get(str(command), ("", None))
        if names is None or not (value or command == "F_GETFL"):
            return str(value)
        return f"{_hex(value)} ({what}{names.text(value)})"


class PageOffset(Signed64):
    """mmap(2)'s offset, which people read in hexadecimal."""

    def text(self, data: Data) -> str:
        return hex(data & 0xFFFFFFFFFFFFFFFF) if data else "0"


class PageVector(Arg):
    """mincore(2)'s array of one byte a page; `length` names the parameter with the size of the pages in bytes."""

    phase = "out"

    def __init__(self, length: str) -> None:
        self.uses = (length, "result")

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[1] < 0 or not value:
            return value or None
        pages = (used[0] + 4095) // 4096
        try:
            return list(thread.memory.read(value, min(pages, STRUCT_LIMIT)))
        except OSError:
            return value

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class WordFlags(Flags):
    """Flags in an unsigned long; what has no name shows in hexadecimal."""

    conversion = Unsigned64.conversion


OpenFlags = Annotated[int, Flags(Open)]
AtFlags = Annotated[int, Flags(At)]
AccessMode = Annotated[int, Flags(Access)]
AccessFlags = Annotated[int, Flags(AccessAt)]
Whence = Annotated[int, Flags(Seek)]
FcntlCommand = Annotated[int, Flags(Fcntl)]
DupFlags = Annotated[int, Flags(Dup)]
PipeFlags = Annotated[int, Flags(Pipe)]
EventfdFlags = Annotated[int, Flags(Eventfd)]
MemfdFlags = Annotated[int, Flags(Memfd)]
LockOperations = Annotated[int, Flags(LockOperation)]
ReadWriteFlags = Annotated[int, Flags(ReadWrite)]
ProtFlags = Annotated[int, WordFlags(Prot)]
MapFlags = Annotated[int, WordFlags(Map)]
MremapFlags = Annotated[int, WordFlags(Mremap)]
MsyncFlags = Annotated[int, Flags(Msync)]
MlockFlags = Annotated[int, Flags(Mlock)]
MlockallFlags = Annotated[int, Flags(Mlockall)]
Advice = Annotated[int, Flags(Madvise)]
Offset = Annotated[int, Signed64()]
CwdOut = Annotated[int, PathOut()]
LinkOut = Annotated[int, OutBytes()]
StatOut = Annotated[int, StatBuffer()]
OpenMode = Annotated[int, Used(Octal(), "flags", Open.O_CREAT | Open.O_TMPFILE & ~Open.O_DIRECTORY)]
MovedTo = Annotated[int, Used(Pointer(), "flags", Mremap.MREMAP_FIXED | Mremap.MREMAP_DONTUNMAP)]
MapOffset = Annotated[int, PageOffset()]
PagesOut = Annotated[int, PageVector("length")]
HighHalf = Annotated[int, Unused()]
FcntlResult = Annotated[Result, FcntlOutcome()]
PairOut = Annotated[int, OutPair()]
FcntlArg = Annotated[int, FcntlArgument()]
