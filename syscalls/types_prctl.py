"""Argument types of prctl(2), whose arguments and result mean what its first argument says."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from syscalls.args import Flags, Pointer, Unsigned64
from syscalls.data import UNUSED, Cut, Data
from syscalls.flags.base import EnumSet, FlagSet
from syscalls.flags.signals import Signal
from syscalls.flags.threads import Capability, Dumpable, Prctl, SecureBits, Timestamps
from syscalls.outcomes import Outcome
from syscalls.process import Thread
from syscalls.text import strace_text
from syscalls.wait import Result

_NAME_SIZE = 16  # of a thread's name, with its NUL

_PRCTL_ARGUMENTS = {
    "PR_GET_DUMPABLE": 0, "PR_GET_KEEPCAPS": 0, "PR_GET_TIMING": 0, "PR_GET_SECCOMP": 0, "PR_GET_SECUREBITS": 0,
    "PR_GET_TIMERSLACK": 0, "PR_SET_DUMPABLE": 1, "PR_SET_KEEPCAPS": 1, "PR_SET_TIMING": 1, "PR_SET_NAME": 1,
    "PR_GET_NAME": 1, "PR_SET_PDEATHSIG": 1, "PR_GET_PDEATHSIG": 1, "PR_SET_SECUREBITS": 1, "PR_SET_TIMERSLACK": 1,
    "PR_CAPBSET_READ": 1, "PR_CAPBSET_DROP": 1, "PR_GET_TSC": 1, "PR_SET_TSC": 1, "PR_SET_CHILD_SUBREAPER": 1,
    "PR_GET_CHILD_SUBREAPER": 1, "PR_GET_TID_ADDRESS": 1, "PR_SET_PTRACER": 1,
}  # fmt: skip
"""How many arguments behind the operation a line shows, of those that do not take, and check, all four."""


class PrctlWord(Unsigned64):
    """prctl(2)'s third argument and those after it; `place` counts from the second, which is 1."""

    def __init__(self, number: int) -> None:
        self.number = number

    def text_among(self, data: Data, args: Mapping[str, Data]) -> str:
        operation = str(args.get("op"))
        if _PRCTL_ARGUMENTS.get(operation, 4) < self.number:
            return UNUSED
        return hex(data) if data and operation.startswith("0x") else str(data)


_NAMED: dict[int, type[EnumSet] | type[FlagSet]] = {
    Prctl.PR_SET_PDEATHSIG: Signal,
    Prctl.PR_SET_DUMPABLE: Dumpable,
    Prctl.PR_SET_TSC: Timestamps,
    Prctl.PR_SET_SECUREBITS: SecureBits,
    Prctl.PR_CAPBSET_READ: Capability,
    Prctl.PR_CAPBSET_DROP: Capability,
}
"""What the second argument is, where it has a name."""

_TOLD: dict[int, type[EnumSet] | None] = {
    Prctl.PR_GET_PDEATHSIG: Signal,
    Prctl.PR_GET_TSC: Timestamps,
    Prctl.PR_GET_CHILD_SUBREAPER: None,
}
"""Where the call stores an int at its second argument: its names."""

_RESULTS: dict[str, type[EnumSet] | type[FlagSet]] = {
    "PR_GET_DUMPABLE": Dumpable,
    "PR_GET_SECUREBITS": SecureBits,
}


class PrctlArgument(Pointer):
    """prctl(2)'s second argument: a string for PR_SET_NAME, the name that PR_GET_NAME filled, names, a number."""

    holds_bytes = True
    phase = "out"

    def __init__(self, operation: str) -> None:
        self.uses = (operation, "result")

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        operation, result = used
        if operation in _NAMED:
            return _NAMED[operation].text(value)
        if operation in (Prctl.PR_SET_NAME, Prctl.PR_GET_NAME):
            return _name(thread, value, result if operation == Prctl.PR_GET_NAME else 0)
        if operation in _TOLD and result >= 0:
            try:
                told, names = int.from_bytes(thread.memory.read(value, 4), "little"), _TOLD[operation]
            except OSError:
                return value
            return [names.text(told) if names and told else told]
        return value

    def text_among(self, data: Data, args: Mapping[str, Data]) -> str:
        operation = str(args.get("op"))
        if not _PRCTL_ARGUMENTS.get(operation, 4):
            return UNUSED
        if isinstance(data, bytes) and getattr(Prctl, operation, None) in _NAMED:
            return data.decode("latin-1")
        if isinstance(data, int) and data and operation.startswith("0x"):  # it may be an address
            return hex(data)
        return self.text(data)

    def text(self, data: Data) -> str:
        if isinstance(data, int):
            return str(data) if data < 4096 else hex(data)
        return strace_text(data)


def _name(thread: Thread, address: int, result: int) -> Data:
    """A thread's name, as given or as told."""
    if result < 0:
        return address
    try:
        size = thread.memory.readable(address, _NAME_SIZE)
        name = thread.memory.read(address, size)
    except OSError:
        return address
    head, end, _ = name.partition(b"\0")
    if end:
        return head
    return Cut(name[: _NAME_SIZE - 1], _NAME_SIZE) if size == _NAME_SIZE else address


class PrctlOutcome(Outcome):
    """What prctl(2) returns: 0, or what was asked for."""

    def text(self, value: int, args: Mapping[str, Data] = MappingProxyType({})) -> str:
        names = _RESULTS.get(str(args.get("op")))
        if names is None or (issubclass(names, FlagSet) and not value):
            return str(value)
        shown = hex(value) if issubclass(names, FlagSet) else str(value)
        return f"{shown} ({names.text(value)})"


PrctlOption = Annotated[int, Flags(Prctl)]
PrctlValue = Annotated[int, PrctlArgument("op")]
PrctlThird = Annotated[int, PrctlWord(2)]
PrctlFourth = Annotated[int, PrctlWord(3)]
PrctlFifth = Annotated[int, PrctlWord(4)]
PrctlResult = Annotated[Result, PrctlOutcome()]
