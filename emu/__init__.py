"""The bench: loads an ELF, runs it on an emulated CPU, answers and records its system calls."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emu.machine import ExitStatus, Machine

__all__ = ["ExitStatus", "Machine"]


def __getattr__(name: str) -> Any:
    # `emu --version` and the saved-trace viewer need no machine, which takes most of the start-up time.
    if name in __all__:
        return getattr(importlib.import_module("emu.machine"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
