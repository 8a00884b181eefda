"""What the page's filters know of system calls, as data: their names, classes, errors and the members that can be asked for."""

from collections.abc import Iterable
from typing import Any

from emu.trace.call_text import BYTE_MEMBERS
from emu.trace.fields import ARGUMENTS, FIELDS, SPACES
from emu.trace.filter_words import ALIASES, CLASSES, ERRNOS, members
from syscalls import numbers
from syscalls.flags.signals import Signal
from syscalls.process import PID
from syscalls.table import TABLE

CATEGORIES = ("network", "memory", "signal", "process", "file", "desc", "clock")
"""The classes that give a call its colour; the first that it belongs to."""


def category(name: str) -> str:
    """Of a call (or an event) the class that gives it its colour."""
    number = getattr(numbers, name, None)
    if type(number) is not int:
        return "other"
    return next((word for word in CATEGORIES if number in members(word)), "other")


def words(names: Iterable[str]) -> dict[str, Any]:
    """The words of filters, for JSON; and for the calls of these names, which of their arguments are bytes."""
    entries = {name: TABLE[number] for name in names if (number := getattr(numbers, name, None)) in TABLE}
    return {
        "calls": {name: number for number, name in sorted(numbers.NAMES.items())},
        "aliases": ALIASES,
        "classes": {name: sorted(members(name).numbers) for name in (*CLASSES, "net")},
        "errnos": ERRNOS,
        "fields": {name: field.meaning for name, field in FIELDS.items()},
        "spaces": SPACES,
        "signals": {name: int(number) for name, number in vars(Signal).items() if name.startswith("SIG")},
        "first_pid": PID,
        "bytes": {
            name: [argument for argument, arg in entry.args.items() if arg.holds_bytes]
            for name, entry in entries.items()
        },
        "byte_members": sorted(BYTE_MEMBERS),
        "arguments": sorted(ARGUMENTS),
    }
