"""Argument types of execve and execveat: the arrays of strings, as strace shows them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from syscalls.args import Arg, Flags
from syscalls.data import Cut, Data
from syscalls.flags.execute import ExecAt
from syscalls.text import Abridged, strace_text

if TYPE_CHECKING:
    from syscalls.memory import Memory
    from syscalls.process import Thread

ARGUMENTS_LIMIT = 256
"""How many arguments a record keeps."""

_MOST_COUNTED = 1 << 18
_LEFT_OUT = "left_out"


class ArgumentVector(Arg):
    """A NULL-terminated array of strings, as a list of bytes; a string that cannot be read shows as its address.

    The last element `{"left_out": count}` stands for those that are not kept, and for the rest of an array that runs off
    the end of memory (count 0).
    """

    holds_strings = True
    phase = "in"

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        pointers, ended = _pointers(thread.memory, value)
        if not pointers and not ended:
            return value
        shown: list[Data] = [_string(thread, pointer) for pointer in pointers[:ARGUMENTS_LIMIT]]
        if not ended or len(pointers) > ARGUMENTS_LIMIT:
            shown.append({_LEFT_OUT: max(0, len(pointers) - ARGUMENTS_LIMIT)})
        return shown

    def text(self, data: Data) -> str:
        if not isinstance(data, list):
            return hex(data) if isinstance(data, int) else strace_text(data)
        parts = [_element(item) for item in data]
        if type(data) is Abridged:
            parts.append("...")
        return "[" + ", ".join(parts) + "]"


class EnvironmentVector(Arg):
    """An array of strings of which only the number shows: strings of an environment are many, and may be secrets."""

    phase = "in"

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        pointers, ended = _pointers(thread.memory, value)
        if not pointers and not ended:
            return value
        return {"address": value, "count": len(pointers), **({} if ended else {"unterminated": True})}

    def text(self, data: Data) -> str:
        if not isinstance(data, dict):
            return hex(data) if isinstance(data, int) else strace_text(data)
        count, address = data["count"], data["address"]
        words = (
            f"{count} var{'s' if count != 1 else ''}{', unterminated' if data.get('unterminated') else ''}"
        )
        return f"{hex(address) if isinstance(address, int) else address} /* {words} */"


def _pointers(memory: "Memory", address: int) -> tuple[Sequence[int], bool]:
    """The pointers before the NULL, and whether there is one."""
    found: list[int] = []
    while len(found) < _MOST_COUNTED:
        size = memory.readable(address, 4096) & -8
        if not size:
            return found, False
        words = memoryview(memory.read(address, size)).cast("Q").tolist()
        if 0 in words:
            return found + words[: words.index(0)], True
        found += words
        address += size
    return found, False


def _string(thread: "Thread", address: int) -> Data:
    limit = thread.process.payload_limit
    memory = thread.memory
    try:
        return memory.cstring(address, limit + 1)
    except OSError:
        size = memory.readable(address, limit + 1)
        return Cut(memory.read(address, limit), limit + 1) if size > limit else address


def _element(item: Data) -> str:
    if isinstance(item, dict):
        return "..."
    return hex(item) if isinstance(item, int) else strace_text(item)


Arguments = Annotated[int, ArgumentVector()]
Environment = Annotated[int, EnvironmentVector()]
ExecFlags = Annotated[int, Flags(ExecAt)]
