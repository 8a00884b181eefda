"""Where a pc lies in the program: function, file and line, looked up when they are first asked for."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple


class Place(NamedTuple):
    """What is known of a pc: the innermost function (also an inlined one), file and line; what is not is empty."""

    function: str = ""
    file: str = ""
    line: int = 0


Locate = Callable[[int], Place]
"""From a pc to its place."""


def nowhere(pc: int) -> Place:
    """The `Locate` of a program without symbols."""
    return Place()


class Places:
    """The places of one program, by its symbols and debug information, which are read at the first question.

    `base` is what the loader added to the addresses of the file.
    """

    def __init__(self, elf: bytes, base: int = 0) -> None:
        self._elf = elf
        self._base = base
        self._symbols: Any = None

    def _loaded(self) -> Any:
        if self._symbols is None:
            # The readers of ELF and DWARF tables are needed for few runs, and late.
            self._symbols = importlib.import_module("emu.symbols").Symbols(self._elf, self._base)
        return self._symbols

    def __call__(self, pc: int) -> Place:
        place: Place = self._loaded().place(pc)
        return place

    def text(self, pc: int) -> str:
        """The place in words: `parse+0x1c http.py:42`; empty when nothing is known."""
        return str(self._loaded().describe(pc))
