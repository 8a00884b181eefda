"""Argument types of signals: sets, actions, alternate stacks."""

import struct
from typing import Annotated

from syscalls.args import Arg, Flags, InStruct, OutStruct, Struct
from syscalls.data import Data
from syscalls.flags.signals import SigAction, SigMask, Signal, SignalfdFlag, SigStack
from syscalls.process import Thread
from syscalls.structs import Layout
from syscalls.text import strace_text

_ALL = (1 << 64) - 1


def signal_set_text(mask: int) -> str:
    """A kernel signal set as strace writes it: `[INT TERM]`, `~[KILL STOP]` when most are in it."""
    inverted = mask.bit_count() > 32
    shown = mask ^ _ALL if inverted else mask
    names = [Signal.text(number).removeprefix("SIG") for number in range(1, 65) if shown >> (number - 1) & 1]
    return ("~" if inverted else "") + "[" + " ".join(names) + "]"


def _pointer(value: int) -> Data:
    return hex(value) if value else None


def _handler(value: int) -> Data:
    return {0: "SIG_DFL", 1: "SIG_IGN"}.get(value) or hex(value)


SigSet = Layout("sigset_t", ("Q", "sigset", signal_set_text))
KernelSigAction = Layout(
    "sigaction",
    ("Q", "sa_handler", _handler),
    ("Q", "sa_flags", SigAction.text),
    ("Q", "sa_restorer", _pointer),
    ("Q", "sa_mask", signal_set_text),
)
StackT = Layout(
    "stack_t",
    ("Q", "ss_sp", _pointer),
    ("I", "ss_flags", SigStack.text),
    ("4x", ""),
    ("Q", "ss_size"),
)


class InSigSet(InStruct):
    """A signal set that the call reads; one whose size is not the kernel's 8 bytes shows as its address."""

    def __init__(self, size: str = "sigsetsize") -> None:
        super().__init__(SigSet)
        self.uses = (size,)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        data = super().capture(thread, value) if used[0] == SigSet.size else value or None
        return data.data()["sigset"] if isinstance(data, Struct) else data

    def text(self, data: Data) -> str:
        return data if isinstance(data, str) else super().text(data)


class OutSigSet(OutStruct):
    """A signal set that the call fills, or the first bytes of it."""

    def __init__(self, size: str = "sigsetsize") -> None:
        super().__init__(SigSet)
        self.uses = ("result", size)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if used[0] < 0 or not value or not used[1]:
            return value or None
        try:
            mask = int.from_bytes(thread.memory.read(value, min(used[1], SigSet.size)), "little")
        except OSError:
            return value
        return signal_set_text(mask)

    def text(self, data: Data) -> str:
        return data if isinstance(data, str) else super().text(data)


class PackedMask(Arg):
    """pselect6(2)'s last argument: a pointer to the address of a signal set, and its size."""

    phase = "in"
    _set = InSigSet()

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if not value:
            return None
        try:
            address, size = struct.unpack("<QQ", thread.memory.read(value, 16))
        except OSError:
            return value
        mask = self._set.capture(thread, address, size)
        return {"sigmask": hex(mask) if isinstance(mask, int) else mask, "sigsetsize": size}

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class InSigAction(InStruct):
    """A struct sigaction as the kernel has it; the restorer shows where SA_RESTORER says that there is one."""

    def __init__(self) -> None:
        super().__init__(KernelSigAction)

    def text(self, data: Data) -> str:
        return _action_text(data)


class OutSigAction(OutStruct):
    """The same, filled by the call."""

    def __init__(self) -> None:
        super().__init__(KernelSigAction)

    def text(self, data: Data) -> str:
        return _action_text(data)


def _action_text(data: Data) -> str:
    if not isinstance(data, dict):
        return hex(data) if isinstance(data, int) else strace_text(data)
    shown = ["sa_handler", "sa_mask", "sa_flags"]
    if "SA_RESTORER" in data["sa_flags"]:
        shown.append("sa_restorer")
    return "{" + ", ".join([f"{name}={strace_text(data[name])}" for name in shown]) + "}"


SignalNumber = Annotated[int, Flags(Signal)]
MaskHow = Annotated[int, Flags(SigMask)]
InSet = Annotated[int, InSigSet()]
InMask = Annotated[int, InSigSet("sizemask")]
SignalfdFlags = Annotated[int, Flags(SignalfdFlag)]
OutSet = Annotated[int, OutSigSet()]
InAction = Annotated[int, InSigAction()]
OutAction = Annotated[int, OutSigAction()]
InPackedMask = Annotated[int, PackedMask()]
InStack = Annotated[int, InStruct(StackT)]
OutStack = Annotated[int, OutStruct(StackT)]
