"""The written form of a trace: one header line, then one JSON object a line (docs/trace-format.md)."""

import errno
from typing import Any

from emu.version import VERSION as PRODUCT
from syscalls import numbers

FORMAT = "emu trace"
VERSION = 1
"""Raised when a reader of the old form would misread the new one; new members do not count."""

ERRORS = {-number: name for number, name in errno.errorcode.items()} | {-errno.EOPNOTSUPP: "EOPNOTSUPP"}
ERRORS |= {-512: "ERESTARTSYS", -513: "ERESTARTNOINTR", -514: "ERESTARTNOHAND", -516: "ERESTART_RESTARTBLOCK"}
"""errno(3) names by the negative result that carries them; the last are a call's that a signal has interrupted (signal(7))."""

EXITS = frozenset({numbers.exit, numbers.exit_group})
"""The calls that never return."""


def header(**run: Any) -> dict[str, Any]:
    """The first line's object; `run` says what ran (program, argv, pid, seed ...)."""
    return {"format": FORMAT, "version": VERSION, "emu": PRODUCT, **run}
