"""How a result shows that is no error: in decimal, as an address, as a descriptor."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from syscalls.data import Data


class Outcome:
    """How the result is shown when it is not an error: in decimal."""

    is_fd: ClassVar[bool] = False
    fd_when: ClassVar[str] = ""
    """For a call that makes a descriptor only sometimes: a condition over the values of its arguments, `{cmd} == 0`."""

    def text(self, value: int, args: Mapping[str, Data] = MappingProxyType({})) -> str:
        """The value; `args` is the call's data by name."""
        return str(value)

    def aside(self, value: int) -> str:
        """What stands in parentheses behind it."""
        return ""


class HexOutcome(Outcome):
    """An address."""

    def text(self, value: int, args: Mapping[str, Data] = MappingProxyType({})) -> str:
        return hex(value & 0xFFFFFFFFFFFFFFFF)


class OctalOutcome(Outcome):
    """mode_t."""

    def text(self, value: int, args: Mapping[str, Data] = MappingProxyType({})) -> str:
        return f"0{value:o}".rjust(3, "0")


class ReadyOutcome(Outcome):
    """How many of a set are ready: 0 when time ran out."""

    def aside(self, value: int) -> str:
        return "" if value else "Timeout"


class FdOutcome(Outcome):
    """A new descriptor: the record also says what it stands on."""

    is_fd = True
