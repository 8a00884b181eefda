"""From a program counter to function, file and line: by the symbol table and the debug information of an ELF file."""

from __future__ import annotations

import itertools
import struct
import zlib
from bisect import bisect_right
from typing import NamedTuple

from emu.dwarf import DebugInfo, DwarfError

_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_COMPRESSION = struct.Struct("<IIQQ")
_SHT_SYMTAB, _SHT_NOBITS, _SHT_DYNSYM = 2, 8, 11
_SHF_EXECINSTR, _SHF_COMPRESSED = 0x4, 0x800
_STT_NOTYPE, _STT_FUNC = 0, 2
_LARGEST_SECTION = 256 << 20  # bytes, after decompression
_MOST_SYMBOLS = 1_000_000
_LONGEST_NAME = 4096
_CACHED = 65536  # a guest can make any number of program counters


Section = tuple[str, int, int, int, int, int, int, int]
"""name, type, flags, address, offset, size, link, entry size"""


class Frame(NamedTuple):
    """A function, and the line of it that is executed; what is unknown is empty (0 for the line)."""

    function: str
    file: str
    line: int


class Symbols:
    """Names for one program's code; nothing is read before the first question. No file is too broken for it.

    `elf` is the file. All addresses are those of the file, without what a loader added.
    """

    def __init__(self, elf: bytes) -> None:
        self._data = elf
        self._sections: list[Section] | None = None
        self._functions: list[tuple[int, int, int]] | None = None
        self._starts: list[int] = []
        self._debug: DebugInfo | None = None
        self._chains: dict[int, tuple[Frame, ...]] = {}

    def function(self, pc: int) -> tuple[str, int]:
        """The symbol around a pc and the distance from its start; ("", 0) when there is none."""
        if self._functions is None:
            self._functions = _read_functions(self._data, self._section_headers())
            self._starts = [start for start, _, _ in self._functions]
        index = bisect_right(self._starts, pc) - 1
        if index >= 0:
            start, end, name_at = self._functions[index]
            if pc < end:
                name = self._data[name_at : name_at + _LONGEST_NAME].split(b"\0", 1)[0]
                return name.decode("utf-8", "replace"), pc - start
        return "", 0

    def line(self, pc: int) -> tuple[str, int]:
        """The source file, as the compiler was given it, and the line of a pc; ("", 0) when they are unknown."""
        chain = self.chain(pc)
        return chain[0][1:] if chain else ("", 0)

    def chain(self, pc: int) -> tuple[Frame, ...]:
        """The functions at a pc, innermost first: each later one has inlined the one before.

        The last one is the function of the symbol table. Empty when nothing is known.
        """
        frames = self._chains.get(pc)
        if frames is None:
            frames = self._look_up(pc)
            if len(self._chains) < _CACHED:
                self._chains[pc] = frames
        return frames

    def _look_up(self, pc: int) -> tuple[Frame, ...]:
        if self._debug is None:
            self._debug = DebugInfo(_debug_sections(self._data, self._section_headers()))
        symbol, _ = self.function(pc)
        try:
            frames = [Frame(*entry) for entry in self._debug.chain(pc)]
        except DwarfError:
            frames = []
        if frames:
            if symbol:
                frames[-1] = frames[-1]._replace(function=symbol)
            return tuple(frames)
        try:
            file, line = self._debug.line(pc)
        except DwarfError:
            file, line = "", 0
        return (Frame(symbol, file, line),) if symbol or line else ()

    def _section_headers(self) -> list[Section]:
        if self._sections is None:
            try:
                self._sections = _read_sections(self._data)
            except struct.error:
                self._sections = []
        return self._sections


def _read_sections(data: bytes) -> list[Section]:
    """Every section; one whose content the file does not hold has neither name nor type."""
    (offset,) = struct.unpack_from("<Q", data, 40)
    entry_size, count, names_index = struct.unpack_from("<HHH", data, 58)
    if entry_size != _SECTION.size or offset + count * entry_size > len(data) or names_index >= count:
        return []
    headers = list(_SECTION.iter_unpack(data[offset : offset + count * entry_size]))
    names_at, names_size = headers[names_index][4:6]
    if names_at + names_size > len(data):
        return []
    names = data[names_at : names_at + names_size]
    sections = []
    for name_offset, kind, flags, address, at, size, link, _, _, entry in headers:
        end = names.find(b"\0", name_offset, name_offset + 256)
        name = names[name_offset:end].decode("utf-8", "replace") if end >= 0 else ""
        if kind != _SHT_NOBITS and at + size > len(data):
            name, kind, size = "", 0, 0
        sections.append((name, kind, flags, address, at, size, link, entry))
    return sections


def _read_functions(data: bytes, sections: list[Section]) -> list[tuple[int, int, int]]:
    """The functions of .symtab and .dynsym by address: (start, end, where in the file the name is).

    Also labels in code, which reach to the next one.
    """
    found: dict[int, tuple[int, int, int]] = {}  # address: (rank, end, name)
    for _, table_kind, _, _, at, size, link, entry in sections:
        if table_kind not in (_SHT_SYMTAB, _SHT_DYNSYM) or entry != _SYMBOL.size or link >= len(sections):
            continue
        _, _, _, _, names_at, names_size, _, _ = sections[link]
        size = min(size // _SYMBOL.size, _MOST_SYMBOLS) * _SYMBOL.size
        for name, info, _, section, value, length in _SYMBOL.iter_unpack(data[at : at + size]):
            kind = info & 15
            if kind not in (_STT_FUNC, _STT_NOTYPE) or not 0 < section < len(sections):
                continue
            _, _, flags, address, _, section_size, _, _ = sections[section]
            if not flags & _SHF_EXECINSTR or not address <= value < address + section_size:
                continue
            if name >= names_size or names_at + name >= len(data) or not data[names_at + name]:
                continue
            # Of several names for one address: functions before labels, global before local, then the first.
            rank = 2 * (kind != _STT_FUNC) + (info >> 4 == 0)
            known = found.get(value)
            if known is None or rank < known[0]:
                end = value + length if length else address + section_size
                found[value] = (rank, end, names_at + name)
    functions = []
    for start, following in itertools.pairwise([*sorted(found), 1 << 64]):
        _, end, name = found[start]
        functions.append((start, min(end, following), name))
    return functions


def _debug_sections(data: bytes, sections: list[Section]) -> dict[str, bytes]:
    """The .debug_ sections by the rest of their names, decompressed."""
    result = {}
    for name, kind, flags, _, at, size, _, _ in sections:
        if not name.startswith(".debug_") or kind == _SHT_NOBITS or size > _LARGEST_SECTION:
            continue
        content = data[at : at + size]
        if flags & _SHF_COMPRESSED:
            content = _decompress(content)
        result[name.removeprefix(".debug_")] = content
    return result


def _decompress(content: bytes) -> bytes:
    """The content of an SHF_COMPRESSED section (gABI, Elf64_Chdr); b"" when it is not zlib's or too large."""
    if len(content) < _COMPRESSION.size:
        return b""
    kind, _, size, _ = _COMPRESSION.unpack_from(content)
    if kind != 1 or size > _LARGEST_SECTION:
        return b""
    try:
        return zlib.decompressobj().decompress(content[_COMPRESSION.size :], size)
    except zlib.error:
        return b""
