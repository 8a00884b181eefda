"""Argument types of user ids, group lists and capabilities."""

import struct
from typing import TYPE_CHECKING, Annotated

from syscalls.args import Arg, InStruct, OutStruct, Unsigned32
from syscalls.data import Data
from syscalls.flags.base import FlagSet
from syscalls.flags.threads import Capability, Personality
from syscalls.structs import Layout
from syscalls.text import strace_text

if TYPE_CHECKING:
    from syscalls.process import Thread

CAP_VERSIONS = {0x19980330: 1, 0x20071026: 2, 0x20080522: 2}
"""The versions of capget(2)'s structures, and how many 32-bit words a set has in each."""

_MOST = 64
_NO_ID = 0xFFFFFFFF


def _version(value: int) -> Data:
    return {
        0x19980330: "_LINUX_CAPABILITY_VERSION_1",
        0x20071026: "_LINUX_CAPABILITY_VERSION_2",
        0x20080522: "_LINUX_CAPABILITY_VERSION_3",
    }.get(value, hex(value))


class _Sets(FlagSet):
    """Capabilities as bits of a set's first word."""


for _name, _number in vars(Capability).items():
    if _name.startswith("CAP_") and _number < 32:
        setattr(_Sets, _name, 1 << _number)


def _set(value: int) -> Data:
    return _Sets.text(value)


CapHeader = Layout("cap_user_header_t", ("I", "version", _version), ("i", "pid"))
CapData = Layout(
    "cap_user_data_t", ("I", "effective", _set), ("I", "permitted", _set), ("I", "inheritable", _set)
)


class Id(Unsigned32):
    """uid_t or gid_t; -1 is none."""

    def data(self, value: int) -> Data:
        return -1 if value == _NO_ID else value


class Persona(Unsigned32):
    """personality(2)'s argument; all ones only ask."""

    def data(self, value: int) -> Data:
        return "0xffffffff" if value == _NO_ID else Personality.text(value)

    def text(self, data: Data) -> str:
        return str(data)


class GroupList(Arg):
    """An array of group ids; `size` names the parameter that counts them."""

    phase = "in"

    def __init__(self, size: str = "size") -> None:
        self.uses = (size,)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value or not 0 < used[0] <= _MOST:
            return value or None
        try:
            return list(struct.unpack(f"<{used[0]}I", thread.memory.read(value, used[0] * 4)))
        except OSError:
            return value

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class GroupsOut(GroupList):
    """The same, filled by the call; nothing of a call that only asks how many there are."""

    phase = "out"

    def __init__(self) -> None:
        self.uses = ("result", "size")

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[0] <= 0 or not used[1]:
            return value or None
        return super().capture(thread, value, used[0])


PersonaArg = Annotated[int, Persona()]
UserId = Annotated[int, Id()]
InGroups = Annotated[int, GroupList()]
OutGroups = Annotated[int, GroupsOut()]
InCapHeader = Annotated[int, InStruct(CapHeader)]
InCapData = Annotated[int, InStruct(CapData)]
OutCapData = Annotated[int, OutStruct(CapData)]
