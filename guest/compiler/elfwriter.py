"""Writes the pieces of an ELF64 executable: header, program headers, symbol table, section headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from guest.compiler.elfobject import HEADER, SECTION, SYMBOL

PT_LOAD, PT_GNU_STACK = 1, 0x6474_E551
PF_X, PF_W, PF_R = 1, 2, 4
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_IDENT = b"\x7fELF\x02\x01\x01" + bytes(9)


@dataclass(frozen=True, slots=True)
class Segment:
    """One program header; addresses, sizes and offsets in bytes."""

    kind: int
    flags: int
    offset: int = 0
    address: int = 0
    file_size: int = 0
    memory_size: int = 0
    alignment: int = 0

    def pack(self) -> bytes:
        """The 56 bytes of Elf64_Phdr (p_paddr equals p_vaddr, as GNU ld and lld write it)."""
        return PROGRAM_HEADER.pack(
            self.kind,
            self.flags,
            self.offset,
            self.address,
            self.address,
            self.file_size,
            self.memory_size,
            self.alignment,
        )


@dataclass(frozen=True, slots=True)
class SectionHeader:
    """One section header of the output; `link` and `info` as the section's type defines them."""

    name: str
    kind: int
    flags: int = 0
    address: int = 0
    offset: int = 0
    size: int = 0
    link: int = 0
    info: int = 0
    alignment: int = 1
    entry_size: int = 0


@dataclass(frozen=True, slots=True)
class OutputSymbol:
    """One symbol of the output with its final value."""

    name: str
    value: int
    size: int
    binding: int
    kind: int
    visibility: int
    section: int

    def pack(self, name_offset: int) -> bytes:
        """The 24 bytes of Elf64_Sym."""
        info = self.binding << 4 | self.kind
        return SYMBOL.pack(name_offset, info, self.visibility, self.section, self.value, self.size)


class StringTable:
    """An ELF string table that keeps each distinct string once, in the order of first use."""

    def __init__(self) -> None:
        self._offsets: dict[str, int] = {"": 0}
        self._data = bytearray(1)

    def add(self, text: str) -> int:
        """The offset of `text`, which is added when new."""
        offset = self._offsets.get(text)
        if offset is None:
            offset = self._offsets[text] = len(self._data)
            self._data += text.encode() + b"\0"
        return offset

    def data(self) -> bytes:
        """The table's bytes."""
        return bytes(self._data)


def headers_size(segments: int) -> int:
    """Bytes that the ELF header and `segments` program headers take at the start of the file."""
    return HEADER.size + segments * PROGRAM_HEADER.size


def pack_header(*, entry: int, segments: int, section_offset: int, sections: int, names: int) -> bytes:
    """Elf64_Ehdr of an ET_EXEC; `sections` 0 means that there is no section header table."""
    return HEADER.pack(
        _IDENT,
        2,  # ET_EXEC
        62,  # EM_X86_64
        1,
        entry,
        HEADER.size,
        section_offset,
        0,
        HEADER.size,
        PROGRAM_HEADER.size,
        segments,
        SECTION.size if sections else 0,
        sections,
        names,
    )


def pack_symbols(symbols: list[OutputSymbol]) -> tuple[bytes, bytes, int]:
    """(.symtab, .strtab, number of the first global symbol); locals must come first (ABI, sh_info)."""
    names = StringTable()
    table = bytearray(SYMBOL.size)
    first_global = 1 + sum(symbol.binding == 0 for symbol in symbols)
    for symbol in symbols:
        table += symbol.pack(names.add(symbol.name))
    return bytes(table), names.data(), first_global


def pack_section_headers(headers: list[SectionHeader], names: StringTable) -> bytes:
    """The section header table, its null entry first."""
    table = bytearray(SECTION.size)
    for header in headers:
        table += SECTION.pack(
            names.add(header.name),
            header.kind,
            header.flags,
            header.address,
            header.offset,
            header.size,
            header.link,
            header.info,
            header.alignment,
            header.entry_size,
        )
    return bytes(table)
