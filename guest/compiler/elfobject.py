"""Reads one x86_64 relocatable ELF object, as LLVM writes it, into plain values for the linker."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOTE, SHT_NOBITS, SHT_REL = 1, 2, 3, 4, 7, 8, 9
SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY = 14, 15, 16
SHT_X86_64_UNWIND = 0x7000_0001
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_COMPRESSED = 0x1, 0x2, 0x4, 0x400, 0x800
SHF_MERGE, SHF_STRINGS = 0x10, 0x20
SHN_UNDEF, SHN_LORESERVE, SHN_ABS, SHN_COMMON = 0, 0xFF00, 0xFFF1, 0xFFF2
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE, STT_TLS = 0, 1, 2, 3, 4, 6

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
RELA = struct.Struct("<QQq")


class LinkError(Exception):
    """The object cannot become a program; the message says which symbol or section and why."""


@dataclass(frozen=True, slots=True)
class Relocation:
    """One RELA entry: patch `offset` bytes into its section, from symbol number `symbol` plus `addend`."""

    offset: int
    kind: int
    symbol: int
    addend: int


@dataclass(frozen=True, slots=True)
class Section:
    """One input section; `size` counts also where there are no bytes (SHT_NOBITS)."""

    index: int
    name: str
    kind: int
    flags: int
    alignment: int
    size: int
    data: bytes
    entry_size: int
    relocations: tuple[Relocation, ...]


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol table entry; `section` is an input section number or an SHN_ value, `value` as in a relocatable file."""

    name: str
    section: int
    value: int
    size: int
    binding: int
    kind: int
    visibility: int


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """A whole relocatable file."""

    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]


def _name(table: bytes, offset: int) -> str:
    end = table.find(b"\0", offset)
    if offset >= len(table) or end < 0:
        raise LinkError(f"broken object: name at {offset} is outside its string table")
    return table[offset:end].decode("utf-8", "replace")


def _part(data: bytes, offset: int, size: int, what: str) -> bytes:
    if offset + size > len(data):
        raise LinkError(f"broken object: {what} ends beyond the end of the file")
    return data[offset : offset + size]


def read_object(data: bytes) -> ObjectFile:
    """Parse an ET_REL file (System V ABI, chapter 4); LinkError when it is not one for x86_64."""
    if len(data) < HEADER.size or data[:4] != b"\x7fELF":
        raise LinkError("not an ELF object")
    ident, kind, machine, _, _, _, shoff, _, _, _, _, shentsize, shnum, shstrndx = HEADER.unpack_from(data)
    if ident[4] != 2 or ident[5] != 1 or machine != 62:
        raise LinkError("not an x86_64 object (64-bit, little-endian, machine 62)")
    if kind != 1:
        raise LinkError(f"not a relocatable object (e_type {kind}, expected 1)")
    if shentsize != SECTION.size or shnum == 0 or not shstrndx < shnum:
        raise LinkError("broken object: unusable section header table")
    raw = _part(data, shoff, shnum * SECTION.size, "section header table")
    headers = list(SECTION.iter_unpack(raw))

    def content(index: int, what: str) -> bytes:
        if not 0 < index < shnum:
            raise LinkError(f"broken object: {what} names section {index} of {shnum}")
        _, section_kind, _, _, offset, size, *_ = headers[index]
        return b"" if section_kind == SHT_NOBITS else _part(data, offset, size, what)

    names = content(shstrndx, "section name table")
    symbols: tuple[Symbol, ...] = ()
    relocations: dict[int, tuple[Relocation, ...]] = {}
    for index, (name, section_kind, _, _, _, size, link, info, _, _) in enumerate(headers):
        if section_kind == SHT_SYMTAB:
            symbols = _read_symbols(content(index, "symbol table"), content(link, "symbol names"), shnum)
        elif section_kind == SHT_RELA:
            if size % RELA.size or not 0 < info < shnum or info in relocations:
                raise LinkError(f"broken object: relocation section {_name(names, name)}")
            relocations[info] = tuple(
                Relocation(offset, packed & 0xFFFF_FFFF, packed >> 32, addend)
                for offset, packed, addend in RELA.iter_unpack(content(index, "relocations"))
            )
        elif section_kind == SHT_REL:
            raise LinkError(f"{_name(names, name)}: relocations without addends are not used on x86_64")
    for entries in relocations.values():
        for entry in entries:
            if entry.symbol >= len(symbols):
                raise LinkError(f"broken object: relocation against symbol {entry.symbol} of {len(symbols)}")
    sections = tuple(
        Section(
            index=index,
            name=_name(names, name),
            kind=section_kind,
            flags=flags,
            alignment=max(alignment, 1),
            size=size,
            data=content(index, _name(names, name)) if section_kind != 0 else b"",
            entry_size=entry_size,
            relocations=relocations.get(index, ()),
        )
        for index, (name, section_kind, flags, _, _, size, _, _, alignment, entry_size) in enumerate(headers)
    )
    return ObjectFile(sections, symbols)


def _read_symbols(table: bytes, names: bytes, shnum: int) -> tuple[Symbol, ...]:
    if len(table) % SYMBOL.size:
        raise LinkError("broken object: symbol table of odd size")
    symbols = []
    for name, info, other, section, value, size in SYMBOL.iter_unpack(table):
        if section >= shnum and section < SHN_LORESERVE:
            raise LinkError(f"broken object: symbol {_name(names, name)} in section {section} of {shnum}")
        if section >= SHN_LORESERVE and section not in (SHN_ABS, SHN_COMMON):
            raise LinkError(f"symbol {_name(names, name)}: section index {section:#x} is not supported")
        symbols.append(
            Symbol(_name(names, name), section, value, size, info >> 4, info & 15, visibility=other & 3)
        )
    return tuple(symbols)
