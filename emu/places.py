"""Where a pc lies in the program: function, file and line, looked up when they are first asked for."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Place(NamedTuple):
    """What is known of a pc; what is not is empty (0 for the line). `offset` is the distance from the function's start."""

    function: str = ""
    offset: int = 0
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        function = f"{self.function}+{self.offset:#x}" if self.function else ""
        return f"{function} {self.file}:{self.line}".strip() if self.file else function


Locate = Callable[[int], Place]
"""From a pc to its place."""


def nowhere(pc: int) -> Place:
    """The `Locate` of a program without symbols."""
    return Place()


class Places:
    """The places of one program (the ELF or its path). Symbols and debug information are read at the first question.

    `bias` is what a position-independent program was moved by. A file that cannot be read has no places.
    """

    def __init__(self, elf: bytes | str, bias: int = 0) -> None:
        self._elf = elf
        self._bias = bias
        self._symbols: Any = None

    def __call__(self, pc: int) -> Place:
        if self._symbols is None:
            elf = self._elf if isinstance(self._elf, bytes) else _read(self._elf)
            # The ELF and DWARF readers take longer to load than a small program runs.
            self._symbols = importlib.import_module("emu.symbols").Symbols(elf)
        pc -= self._bias
        name, offset = self._symbols.function(pc)
        file, line = self._symbols.line(pc)
        return Place(name, offset, file, line)

    def text(self, pc: int) -> str:
        """The place in words: `parse+0x1c http.py:42`; empty when nothing is known."""
        return str(self(pc))


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
