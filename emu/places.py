"""Where a pc lies in a program or its libraries: function, file and line, looked up when they are first asked for."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from emu.binaries import Binary, Module, Space, module_at
from syscalls.flags import Prot


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
    """The places of one program, by symbols and debug information, which are read at the first question.

    `elf` is the program's file and `base` what the loader added to its addresses. With `memory`, what is mapped there from
    other files is looked up in those; `path` is how the program's own file is called there.
    """

    def __init__(
        self, elf: bytes | Binary, base: int = 0, memory: Space | None = None, path: str = ""
    ) -> None:
        self._program = Module(elf if isinstance(elf, Binary) else Binary(lambda: elf), base, "")
        self._memory = memory
        self._path = path
        self._modules: dict[tuple[int, int, tuple[int, int]], Module | None] = {}
        self._settled: list[tuple[int, int, Module]] = []

    def of(self, memory: Space) -> "Places":
        """The same program in another address space: of a process that was forked."""
        return Places(self._program.binary, self._program.base, memory, self._path)

    def settle(self) -> None:
        """The memory is about to go: keeps in mind where code of other files lies in it."""
        if self._memory is not None:
            code = [region for region in self._memory.regions if region.prot & Prot.PROT_EXEC]
            found = [(region.start, region.end, self._module(region.start)) for region in code]
            self._settled = [entry for entry in found if entry[2] is not self._program]
            self._memory = None

    def _module(self, pc: int) -> Module:
        if self._memory is None:
            return next((module for low, high, module in self._settled if low <= pc < high), self._program)
        region = self._memory.regions.find(pc)
        if region is None or region.file is None or region.name == self._path:
            return self._program
        key = (region.start, region.offset, region.file)
        if key not in self._modules:
            self._modules[key] = module_at(self._memory, region)
        return self._modules[key] or self._program

    def _chain(self, pc: int) -> Any:
        module = self._module(pc)
        return module.binary.symbols.chain(pc - module.base)

    def __call__(self, pc: int) -> Place:
        chain = self._chain(pc)
        return Place(*chain[0]) if chain else Place()

    def chain(self, pc: int) -> Sequence[Place]:
        """All that were inlined into each other at a pc, innermost first."""
        return [Place(*place) for place in self._chain(pc)]

    def rule(self, pc: int) -> Any:
        """How the caller of what runs at a pc is found: an `emu.unwind.Rule`, or None."""
        module = self._module(pc)
        return module.binary.rule(pc - module.base)

    def text(self, pc: int) -> str:
        """The place in words: `parse+0x1c http.py:42`, with what it was inlined into; empty when nothing is known.

        Behind it, the library in brackets: `strlen+0x12 [libc.so.6]`, `[libc.so.6+0x2819]`.
        """
        module = self._module(pc)
        chain = module.binary.symbols.chain(pc - module.base)
        if not chain:
            return f"[{module.name}+{pc - module.base:#x}]" if module.name else ""
        offset = module.binary.symbols.function(pc - module.base)[1]
        parts = [
            f"{place} {file.rpartition('/')[2]}:{line}" if line else place for place, file, line in chain
        ]
        if chain[-1].function:  # an offset into an inlined function would mean nothing
            parts[-1] = parts[-1].replace(chain[-1].function, f"{chain[-1].function}+{offset:#x}", 1)
        words = ", inlined into ".join(part.strip() for part in parts)
        return f"{words} [{module.name}]" if module.name else words
