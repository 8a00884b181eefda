"""Where a pc lies in the program: function, file and line, looked up when they are first asked for."""

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Place(NamedTuple):
    """What is known of a pc: the innermost function (also an inlined one), file and line; what is not is empty."""

    function: str = ""
    file: str = ""
    line: int = 0


class Locate(Protocol):
    """From a pc to its place."""

    def __call__(self, pc: int, /) -> Place:
        """The innermost one."""
        ...

    def chain(self, pc: int, /) -> Sequence[Place]:
        """All that were inlined into each other there, innermost first; empty when nothing is known."""
        ...


class Nowhere:
    """The `Locate` of a program without symbols."""

    def __call__(self, pc: int) -> Place:
        return Place()

    def chain(self, pc: int) -> Sequence[Place]:
        return ()


class Places:
    """The places of one program, by its symbols and debug information, which are read at the first question.

    `base` is what the loader added to the addresses of the file.
    """

    def __init__(self, elf: bytes, base: int = 0) -> None:
        self._elf = elf
        self._base = base
        self._symbols: Any = None
        self._unwinder: Any = None

    def _chain(self, pc: int) -> Any:
        if self._symbols is None:
            # The readers of ELF and DWARF tables are needed for few runs, and late.
            self._symbols = importlib.import_module("emu.symbols").Symbols(self._elf)
        return self._symbols.chain(pc - self._base)

    def __call__(self, pc: int) -> Place:
        chain = self._chain(pc)
        return Place(*chain[0]) if chain else Place()

    def chain(self, pc: int) -> Sequence[Place]:
        """All that were inlined into each other at a pc, innermost first."""
        return [Place(*place) for place in self._chain(pc)]

    def rule(self, pc: int) -> Any:
        """How the caller of what runs at a pc is found: an `emu.unwind.Rule`, or None."""
        if self._unwinder is None:
            self._unwinder = importlib.import_module("emu.unwind").Unwinder(self._elf, self._base)
        return self._unwinder(pc)

    def text(self, pc: int) -> str:
        """The place in words: `parse+0x1c http.py:42`, with what it was inlined into; empty when nothing is known."""
        chain = self._chain(pc)
        if not chain:
            return ""
        offset = self._symbols.function(pc - self._base)[1]
        parts = [
            f"{place} {file.rpartition('/')[2]}:{line}" if line else place for place, file, line in chain
        ]
        if chain[-1].function:  # an offset into an inlined function would mean nothing
            parts[-1] = parts[-1].replace(chain[-1].function, f"{chain[-1].function}+{offset:#x}", 1)
        return ", inlined into ".join(part.strip() for part in parts)
