"""Argument types of threads, futexes, signals and clocks: what their structures look like in a trace."""

import struct
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from syscalls.args import (
    Arg,
    Flags,
    Flags64,
    InStruct,
    OutStruct,
    Pointer,
    Signed32,
    Struct,
    Unsigned32,
    Unsigned64,
    Used,
)
from syscalls.data import UNUSED, Data
from syscalls.flags.clock import Clock, Timer
from syscalls.flags.signals import Signal
from syscalls.flags.threads import (
    Arch,
    Clone,
    Futex,
    FutexCmp,
    FutexOp,
    Getrandom,
    Rlimit,
    Rusage,
)
from syscalls.process import Thread
from syscalls.structs import Layout, Timespec, Timeval
from syscalls.text import strace_text

_HAS_TIMEOUT = frozenset(
    {Futex.FUTEX_WAIT, Futex.FUTEX_WAIT_BITSET, Futex.FUTEX_LOCK_PI, Futex.FUTEX_LOCK_PI2}
    | {Futex.FUTEX_WAIT_REQUEUE_PI}
)
_HAS_COUNT = frozenset(
    {Futex.FUTEX_REQUEUE, Futex.FUTEX_CMP_REQUEUE, Futex.FUTEX_WAKE_OP, Futex.FUTEX_CMP_REQUEUE_PI}
)


def _hex(value: int) -> str:
    """As C's %#x."""
    return hex(value) if value else "0"


def _pointer(value: int) -> Data:
    return hex(value) if value else None


def _words(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple(("q", name) for name in names)


RobustListHead = Layout("robust_list_head", ("Q", "list"), ("q", "futex_offset"), ("Q", "list_op_pending"))
CloneArgs = Layout(
    "clone_args",
    ("Q", "flags", Clone.text),
    *(("Q", name, _pointer) for name in ("pidfd", "child_tid", "parent_tid")),
    ("Q", "exit_signal", Signal.text),
    ("Q", "stack", _pointer),
    ("Q", "stack_size"),
    ("Q", "tls", _pointer),
)
"""The first version of the structure (64 bytes), which every caller passes."""

_CLONE_ARGS_LARGEST = 88
_MAX_TIDS = 32  # of set_tid: the depth of nested PID namespaces (pid_namespaces(7))


_INFINITY = (1 << 64) - 1


def _limit(value: int) -> Data:
    return "RLIM_INFINITY" if value == _INFINITY else value


RlimitLayout = Layout("rlimit", ("Q", "rlim_cur", _limit), ("Q", "rlim_max", _limit))
Timezone = Layout("timezone", ("i", "tz_minuteswest"), ("i", "tz_dsttime"))
Tms = Layout("tms", *_words("tms_utime", "tms_stime", "tms_cutime", "tms_cstime"))


def _c_text(value: bytes) -> bytes:
    return value.partition(b"\0")[0]


Utsname = Layout(
    "utsname",
    *(
        ("65s", name, _c_text)
        for name in ("sysname", "nodename", "release", "version", "machine", "domainname")
    ),
    brief=("sysname", "nodename"),
)
RusageLayout = Layout(
    "rusage",
    ("16s", "ru_utime", lambda data: Timeval.show(data)),
    ("16s", "ru_stime", lambda data: Timeval.show(data)),
    *_words("ru_maxrss", "ru_ixrss", "ru_idrss"),
    *_words("ru_isrss", "ru_minflt", "ru_majflt", "ru_nswap", "ru_inblock", "ru_oublock", "ru_msgsnd"),
    *_words("ru_msgrcv", "ru_nsignals", "ru_nvcsw", "ru_nivcsw"),
    brief=("ru_utime", "ru_stime"),
)
Sysinfo = Layout(
    "sysinfo",
    ("q", "uptime"),
    ("24s", "loads", lambda data: list(struct.unpack("<QQQ", data))),
    *(("Q", name) for name in ("totalram", "freeram", "sharedram", "bufferram", "totalswap", "freeswap")),
    ("H", "procs"),
    ("6x", ""),
    ("Q", "totalhigh"),
    ("Q", "freehigh"),
    ("I", "mem_unit"),
    ("4x", ""),
)
U32Word = Layout("u32", ("I", "value"))
U64Word = Layout("u64", ("Q", "value"))


def _only(data: Data) -> Data:
    """The one field of a structure that stands for a plain value."""
    return next(iter(data.data().values())) if isinstance(data, Struct) else data


class OutTid(Arg):
    """Where clone(2) stores the new thread's id, when the flags say so; `flags` names their parameter."""

    phase = "out"
    label = "parent_tid="
    place = 3

    def __init__(self, flags: str) -> None:
        self.uses = (flags, "result")

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if not used[0] & (Clone.CLONE_PARENT_SETTID | Clone.CLONE_PIDFD):
            return UNUSED
        if used[1] < 0 or not value:
            return value or None
        try:
            return [thread.memory.u32(value)]
        except OSError:
            return value

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else data if data == UNUSED else strace_text(data)


def _labelled(arg: Arg, label: str, place: int) -> Arg:
    """The type with what strace writes before it, and where."""
    arg.label = label  # type: ignore[misc]
    arg.place = place  # type: ignore[misc]
    return arg


class OutValue(OutStruct):
    """A pointer to one number that the call fills; strace's `[value]`."""

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        data = super().capture(thread, value, *used)
        return [_only(data)] if isinstance(data, Struct) else data

    def text(self, data: Data) -> str:
        if isinstance(data, list) and self.layout is U64Word:
            return f"[{hex(data[0]) if data[0] else 'NULL'}]"
        return super().text(data)


class ArchArgument(OutValue):
    """arch_prctl(2)'s second argument: a base to set, or where the call stores the present one."""

    def __init__(self, operation: str) -> None:
        super().__init__(U64Word)
        self.uses = ("result", operation)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if used[1] not in (Arch.ARCH_GET_FS, Arch.ARCH_GET_GS):
            return value
        return super().capture(thread, value, used[0])

    def text_among(self, data: Data, args: Mapping[str, Data]) -> str:
        known = str(args.get("op")).startswith("ARCH_")
        return self.text(data or None) if known else hex(data) if data else "0"


class CloneArgsPointer(InStruct):
    """clone3(2)'s structure: of the pointers those that the flags ask for."""

    _when: ClassVar[dict[str, tuple[str, ...]]] = {
        "pidfd": ("CLONE_PIDFD",),
        "child_tid": ("CLONE_CHILD_SETTID", "CLONE_CHILD_CLEARTID"),
        "parent_tid": ("CLONE_PARENT_SETTID",),
        "tls": ("CLONE_SETTLS",),
    }

    def __init__(self, size: str) -> None:
        super().__init__(CloneArgs)
        self.uses = (size,)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if used[0] <= CloneArgs.size:
            return super().capture(thread, value)
        try:
            raw = thread.memory.read(value, min(used[0], _CLONE_ARGS_LARGEST))
        except OSError:
            return value or None
        shown = CloneArgs.show(raw[: CloneArgs.size])
        tids, count, group = struct.unpack("<QQQ", raw[CloneArgs.size :].ljust(24, b"\0"))
        if tids or count:
            shown |= {"set_tid": _tids(thread, tids, count), "set_tid_size": count}
        if group or "CLONE_INTO_CGROUP" in shown["flags"].split("|"):
            shown["cgroup"] = group
        return shown

    def text(self, data: Data) -> str:
        if not isinstance(data, dict):
            return super().text(data)
        flags = str(data["flags"]).split("|")
        shown = {
            name: _hex(value) if name == "stack_size" else value
            for name, value in data.items()
            if name not in self._when or any(flag in flags for flag in self._when[name])
        }
        return strace_text(shown)


def _tids(thread: Thread, address: int, count: int) -> Data:
    """clone3's ids for the new thread, one for each PID namespace."""
    if not address or not 0 < count <= _MAX_TIDS:
        return _pointer(address)
    try:
        return list(struct.unpack(f"<{count}i", thread.memory.read(address, count * 4)))
    except OSError:
        return hex(address)


class FutexTimeout(Arg):
    """futex(2)'s fourth argument: a timespec for waits, a count (val2) for requeueing and FUTEX_WAKE_OP."""

    phase = "in"

    def __init__(self, operation: str) -> None:
        self.uses = (operation,)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        command = used[0] & Futex.FUTEX_CMD_MASK
        if command in _HAS_COUNT:
            return value & 0xFFFFFFFF
        if command not in _HAS_TIMEOUT:
            return UNUSED
        if not value:
            return None
        try:
            return Struct(Timespec, thread.memory.read(value, Timespec.size))
        except OSError:
            return hex(value)  # a number is a count

    def text(self, data: Data) -> str:
        return data if isinstance(data, str) else strace_text(data)


class FutexWord2(Arg):
    """futex(2)'s second address, which few operations have."""

    phase = "in"

    def __init__(self, operation: str) -> None:
        self.uses = (operation,)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        command = used[0] & Futex.FUTEX_CMD_MASK
        return value if command in _HAS_COUNT or command == Futex.FUTEX_WAIT_REQUEUE_PI else UNUSED

    def text(self, data: Data) -> str:
        return data if isinstance(data, str) else hex(data) if data else "NULL"


class FutexValue3(Unsigned32):
    """futex(2)'s last argument: a bitset, the expected value, or an encoded FUTEX_WAKE_OP."""

    phase = "in"

    def __init__(self, operation: str) -> None:
        self.uses = (operation,)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        command = used[0] & Futex.FUTEX_CMD_MASK
        if command in (Futex.FUTEX_WAIT_BITSET, Futex.FUTEX_WAKE_BITSET):
            return "FUTEX_BITSET_MATCH_ANY" if value == 0xFFFFFFFF else _hex(value)
        if command == Futex.FUTEX_WAKE_OP:
            shift = "FUTEX_OP_OPARG_SHIFT<<28|" if value >> 31 else ""
            return (
                f"{shift}{FutexOp.text(value >> 28 & 7)}<<28|{_hex(value >> 12 & 0xFFF)}<<12|"
                f"{FutexCmp.text(value >> 24 & 15)}<<24|{_hex(value & 0xFFF)}"
            )
        return value if command in (Futex.FUTEX_CMP_REQUEUE, Futex.FUTEX_CMP_REQUEUE_PI) else UNUSED

    def text(self, data: Data) -> str:
        return str(data)


class ClockId(Signed32):
    """A clock id; negative ones encode the processor clock of a process, a thread or a descriptor."""

    def data(self, value: int) -> Data:
        if value >= 0:
            return Clock.text(value)
        if value & 3 == 3 and not value & 4:
            return f"FD_TO_CLOCKID({~(value >> 3)})"
        kind = ("CPUCLOCK_PROF", "CPUCLOCK_VIRT", "CPUCLOCK_SCHED", "3")[value & 3]
        return f"MAKE_{'THREAD' if value & 4 else 'PROCESS'}_CPUCLOCK({~(value >> 3)}, {kind})"

    def text(self, data: Data) -> str:
        return str(data)


class InCpuMask(Arg):
    """A processor mask that the call reads, shown as the numbers that are set; `size` names its length in bytes."""

    phase = "in"

    def __init__(self, size: str) -> None:
        self.uses = (size,)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if not value or used[0] <= 0:
            return value or None
        try:
            mask = int.from_bytes(thread.memory.read(value, min(used[0], 128)), "little")
        except OSError:
            return value
        return [cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1]

    def text(self, data: Data) -> str:
        if isinstance(data, list):
            return "[" + " ".join(map(str, data)) + "]"
        return "NULL" if data is None else hex(data)


class OutCpuMask(InCpuMask):
    """A processor mask that the call fills; the result is its length."""

    phase = "out"

    def __init__(self) -> None:
        super().__init__("result")


def _flags(names: type[Any]) -> Flags:
    return Flags(names)


UnshareFlags = Annotated[int, Flags64(Clone)]
CloneFlags = Annotated[int, _labelled(Flags64(Clone), "flags=", 2)]
CloneStack = Annotated[int, _labelled(Pointer(), "child_stack=", 1)]
CloneParent = Annotated[int, OutTid("flags")]
CloneTls = Annotated[int, _labelled(Used(Pointer(), "flags", Clone.CLONE_SETTLS), "tls=", 4)]
CloneChild = Annotated[
    int,
    _labelled(
        Used(Pointer(), "flags", Clone.CLONE_CHILD_SETTID | Clone.CLONE_CHILD_CLEARTID), "child_tidptr=", 5
    ),
]
FutexOperation = Annotated[int, _flags(Futex)]
ClockNumber = Annotated[int, ClockId()]
TimerFlags = Annotated[int, _flags(Timer)]
ArchCode = Annotated[int, _flags(Arch)]
Word = Annotated[int, Unsigned64()]
Resource = Annotated[int, _flags(Rlimit)]
RusageWho = Annotated[int, _flags(Rusage)]
RandomFlags = Annotated[int, _flags(Getrandom)]
InCloneArgs = Annotated[int, CloneArgsPointer("size")]
InTimespec = Annotated[int, InStruct(Timespec)]
OutTimespec = Annotated[int, OutStruct(Timespec)]
OutTimeval = Annotated[int, OutStruct(Timeval)]
OutTimezone = Annotated[int, OutStruct(Timezone)]
OutTms = Annotated[int, OutStruct(Tms)]
InTimeval = Annotated[int, InStruct(Timeval)]
InLimit = Annotated[int, InStruct(RlimitLayout)]
OutLimit = Annotated[int, OutStruct(RlimitLayout)]
OutUtsname = Annotated[int, OutStruct(Utsname)]
OutRusage = Annotated[int, OutStruct(RusageLayout)]
OutSysinfo = Annotated[int, OutStruct(Sysinfo)]
OutU32 = Annotated[int, OutValue(U32Word)]
SizeWord = Layout("size_t", ("Q", "size"))
ArchArg = Annotated[int, ArchArgument("op")]
OutSize = Annotated[int, OutValue(SizeWord)]
OutU64 = Annotated[int, OutValue(U64Word)]
