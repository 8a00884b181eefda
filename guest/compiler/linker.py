"""Links one relocatable object into a freestanding x86_64 program: a static ET_EXEC with R, RX and RW segments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from guest.compiler import elfobject as elf
from guest.compiler.elfobject import LinkError, ObjectFile, Section, Symbol, read_object
from guest.compiler.elfwriter import (
    PF_R,
    PF_W,
    PF_X,
    PT_GNU_STACK,
    PT_LOAD,
    OutputSymbol,
    SectionHeader,
    Segment,
    StringTable,
    headers_size,
    pack_header,
    pack_section_headers,
    pack_symbols,
)
from guest.compiler.relocate import needs_got, patch

__all__ = ["LinkError", "link"]

BASE = 0x40_0000
PAGE = 0x1000
_DROPPED_NAMES = (".comment", ".note", ".eh_frame", ".llvm_addrsig", ".llvm.", ".stack_sizes", ".group")
# What ld and lld define; a program may declare these to find its own bounds (ld manual, PROVIDE).
_PROVIDED = ("__ehdr_start", "__executable_start", "_etext", "_edata", "__bss_start", "_end")


@dataclass(slots=True)
class _Output:
    """One output section under construction, made of input sections one after another."""

    name: str
    flags: int
    kind: int = elf.SHT_PROGBITS
    alignment: int = 1
    entry_size: int = 0
    inputs: list[tuple[Section, int]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    size: int = 0
    address: int = 0
    offset: int = 0
    number: int = 0

    def reserve(self, size: int, alignment: int) -> int:
        """Make room for `size` bytes; the offset in this section where they begin."""
        start = -(-self.size // alignment) * alignment
        self.alignment = max(self.alignment, alignment)
        if self.kind != elf.SHT_NOBITS:
            filler = b"\xcc" if self.flags & elf.SHF_EXECINSTR else b"\0"
            self.data += filler * (start - self.size) + bytes(size)
        self.size = start + size
        return start

    def append(self, section: Section) -> None:
        start = self.reserve(section.size, section.alignment)
        if self.kind != elf.SHT_NOBITS:
            self.data[start : start + section.size] = section.data
        self.inputs.append((section, start))


def link(obj: bytes, *, entry: str = "_start", symbols: bool = True, debug: bool = True) -> bytes:
    """The bytes of an executable made of the one object `obj` (whole program, small code model).

    `entry` names the function that the kernel jumps to; `symbols` keeps .symtab, `debug` the DWARF sections.
    With neither there are no section headers either. The same object gives the same bytes.
    Raises LinkError for undefined symbols, relocations that are unknown or do not fit, thread-local
    variables and constructors (nothing in a freestanding program would run them).
    Source: System V ABI, AMD64 supplement, chapters 4 and 5.
    """
    return _Linker(read_object(obj), entry, symbols, debug).run()


class _Linker:
    def __init__(self, obj: ObjectFile, entry: str, symbols: bool, debug: bool) -> None:
        self.obj = obj
        self.entry = entry
        self.keep_symbols = symbols
        self.rodata = _Output(".rodata", elf.SHF_ALLOC)
        self.got = _Output(".got", elf.SHF_ALLOC, alignment=8, entry_size=8)
        self.text = _Output(".text", elf.SHF_ALLOC | elf.SHF_EXECINSTR)
        self.data = _Output(".data", elf.SHF_ALLOC | elf.SHF_WRITE)
        self.bss = _Output(".bss", elf.SHF_ALLOC | elf.SHF_WRITE, elf.SHT_NOBITS)
        self.debug: dict[str, _Output] = {}
        self.places: dict[int, tuple[_Output, int]] = {}  # input section number -> where its bytes went
        self.common: dict[int, int] = {}  # symbol number -> offset in .bss
        self.got_slots: dict[int, int] = {}  # symbol number -> offset in .got
        self.provided: dict[str, int] = {}
        self.file_size = 0
        self._collect(debug)

    def _collect(self, debug: bool) -> None:
        allocated = []
        for section in self.obj.sections:
            if section.flags & elf.SHF_ALLOC:
                if self._kept(section):
                    allocated.append(section)
            elif debug and section.name.startswith(".debug_") and section.kind == elf.SHT_PROGBITS:
                if section.flags & elf.SHF_COMPRESSED:
                    raise LinkError(f"{section.name} is compressed: emit debug sections uncompressed")
                keep = section.flags & (elf.SHF_MERGE | elf.SHF_STRINGS)
                output = self.debug.setdefault(
                    section.name, _Output(section.name, keep, entry_size=section.entry_size)
                )
                self._place(output, section)
        # The strictest alignment first, so that little is lost to padding; code stays in its order.
        for section in sorted(allocated, key=lambda s: 0 if s.flags & elf.SHF_EXECINSTR else -s.alignment):
            self._place(self._output_of(section), section)
        for number, symbol in enumerate(self.obj.symbols):
            if symbol.section == elf.SHN_COMMON:  # st_value is the alignment
                self.common[number] = self.bss.reserve(symbol.size, max(symbol.value, 1))
        for section in allocated:
            for relocation in section.relocations:
                if needs_got(relocation, section.data) and relocation.symbol not in self.got_slots:
                    self.got_slots[relocation.symbol] = self.got.reserve(8, 8)

    def _kept(self, section: Section) -> bool:
        if section.kind == elf.SHT_X86_64_UNWIND or section.name.startswith(_DROPPED_NAMES):
            return False
        if section.flags & elf.SHF_TLS:
            raise LinkError(f"{section.name}: thread-local variables are not supported")
        arrays = (elf.SHT_INIT_ARRAY, elf.SHT_FINI_ARRAY, elf.SHT_PREINIT_ARRAY)
        if section.kind in arrays or section.name.startswith((".ctors", ".dtors")):
            raise LinkError(f"{section.name}: constructors and destructors are not supported")
        if section.kind not in (elf.SHT_PROGBITS, elf.SHT_NOBITS):
            raise LinkError(f"{section.name}: section type {section.kind:#x} is not supported")
        return section.size > 0

    def _output_of(self, section: Section) -> _Output:
        if section.flags & elf.SHF_EXECINSTR:
            if section.flags & elf.SHF_WRITE:
                raise LinkError(f"{section.name}: a section cannot be both writable and executable")
            return self.text
        if section.kind == elf.SHT_NOBITS:
            return self.bss
        # .data.rel.ro is writable only for a dynamic linker's sake; here nobody relocates at run time.
        if section.flags & elf.SHF_WRITE and not section.name.startswith(".data.rel.ro"):
            return self.data
        return self.rodata

    def _place(self, output: _Output, section: Section) -> None:
        if section.alignment & (section.alignment - 1):
            raise LinkError(f"broken object: {section.name} has alignment {section.alignment}")
        output.append(section)
        self.places[section.index] = (output, output.inputs[-1][1])

    def run(self) -> bytes:
        segments = self._lay_out()
        self._apply([self.rodata, self.text, self.data, *self.debug.values()])
        for number, slot in self.got_slots.items():
            self.got.data[slot : slot + 8] = self._address(number).to_bytes(8, "little")
        return self._write(segments)

    def _lay_out(self) -> list[Segment]:
        """Give every allocated section its file offset and address.

        Segments follow each other in the file without padding; the address jumps to the next page and keeps the
        offset within it (p_offset and p_vaddr are congruent modulo the page size), so that a page of the file at a
        border is mapped twice, as lld does it.
        """
        groups = [(PF_R, [self.rodata, self.got]), (PF_R | PF_X, [self.text])]
        groups = [groups[0], *((flags, outputs) for flags, outputs in groups[1:] if outputs[0].size)]
        if self.data.size or self.bss.size:
            groups.append((PF_R | PF_W, [self.data, self.bss]))
        offset = headers_size(len(groups) + 1)
        address = BASE + offset
        segments: list[Segment] = []
        for flags, outputs in groups:
            filled = [output for output in outputs if output.size]
            page = max([PAGE, *(output.alignment for output in filled)])
            if segments:
                if filled[0].kind != elf.SHT_NOBITS:
                    offset += -offset % filled[0].alignment
                address += -address % page + offset % page
            start_offset, start = (offset, address) if segments else (0, BASE)
            for output in filled:
                step = -address % output.alignment
                address += step
                offset += step if output.kind != elf.SHT_NOBITS else 0
                output.address, output.offset = address, offset
                address += output.size
                offset += output.size if output.kind != elf.SHT_NOBITS else 0
            segments.append(
                Segment(
                    PT_LOAD,
                    flags,
                    start_offset,
                    start,
                    offset - start_offset,
                    address - start,
                    page,
                )
            )
        bss_start = self.bss.address if self.bss.size else address
        ends = (BASE, BASE, self.text.address + self.text.size, self.data.address + self.data.size)
        self.provided = dict(zip(_PROVIDED, (*ends, bss_start, address), strict=True))
        self.file_size = offset
        return [*segments, Segment(PT_GNU_STACK, PF_R | PF_W, alignment=16)]

    def _address(self, number: int) -> int:
        """The final value of a symbol: an address, or an offset for a symbol in a debug section."""
        symbol = self.obj.symbols[number]
        if symbol.kind == elf.STT_TLS:
            raise LinkError(f"{symbol.name}: thread-local variables are not supported")
        if symbol.section == elf.SHN_ABS:
            return symbol.value
        if symbol.section == elf.SHN_COMMON:
            return self.bss.address + self.common[number]
        if symbol.section == elf.SHN_UNDEF:
            if symbol.name in self.provided:
                return self.provided[symbol.name]
            if number == 0 or symbol.binding == elf.STB_WEAK:
                return 0
            raise KeyError(symbol.name)
        place = self.places.get(symbol.section)
        if place is None:
            name = self.obj.sections[symbol.section].name
            raise LinkError(f"reference to {symbol.name or name} in {name}, which is not linked")
        return place[0].address + place[1] + symbol.value

    def _apply(self, outputs: Iterable[_Output]) -> None:
        undefined: dict[str, str] = {}
        dropped = {section.index for section in self.obj.sections if section.index} - set(self.places)
        for output in outputs:
            for section, start in output.inputs:
                for relocation in section.relocations:
                    symbol = self.obj.symbols[relocation.symbol]
                    if not section.flags & elf.SHF_ALLOC and symbol.section in dropped:
                        continue  # debug info about something that was dropped: address 0
                    try:
                        value = self._address(relocation.symbol)
                    except KeyError:
                        undefined.setdefault(symbol.name, self._where(section, relocation.offset))
                        continue
                    slot = self.got_slots.get(relocation.symbol)
                    patch(
                        output.data,
                        start + relocation.offset,
                        output.address + start + relocation.offset,
                        relocation,
                        value,
                        None if slot is None else self.got.address + slot,
                        lambda s=section, r=relocation, y=symbol: (  # type: ignore[misc]
                            f"{self._where(s, r.offset)} (against {self._symbol_name(y)})"
                        ),
                    )
        if undefined:
            listed = [f"{name} (used in {where})" for name, where in undefined.items()]
            more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
            plural = "s" if len(listed) > 1 else ""
            raise LinkError(f"undefined symbol{plural}: {', '.join(listed[:10])}{more}")

    def _symbol_name(self, symbol: Symbol) -> str:
        if not symbol.name and 0 < symbol.section < len(self.obj.sections):
            return self.obj.sections[symbol.section].name
        return symbol.name or "no symbol"

    def _where(self, section: Section, offset: int) -> str:
        """`function+0x12` when a function symbol covers the place, else `section+0x12`."""
        for symbol in self.obj.symbols:
            inside = symbol.section == section.index and symbol.value <= offset < symbol.value + symbol.size
            if inside and symbol.kind == elf.STT_FUNC:
                return f"{symbol.name}+{offset - symbol.value:#x}"
        return f"{section.name}+{offset:#x}"

    def _entry_address(self) -> int:
        for number, symbol in enumerate(self.obj.symbols):
            if symbol.name == self.entry and symbol.section != elf.SHN_UNDEF:
                address = self._address(number)
                if not self.text.address <= address < self.text.address + self.text.size:
                    raise LinkError(f"entry {self.entry} is not in executable code")
                return address
        raise LinkError(f"undefined symbol: {self.entry} (the program's entry)")

    def _write(self, segments: list[Segment]) -> bytes:
        image = bytearray(self.file_size)
        for output in (self.rodata, self.got, self.text, self.data):
            image[output.offset : output.offset + output.size] = output.data
        headers: list[SectionHeader] = []
        section_offset = names_number = 0
        if self.keep_symbols or self.debug:
            headers = self._append_tables(image)
            names_number = len(headers)
            names = StringTable()
            for header in headers:
                names.add(header.name)
            headers[-1] = SectionHeader(
                ".shstrtab", elf.SHT_STRTAB, offset=len(image), size=len(names.data())
            )
            image += names.data()
            image += bytes(-len(image) % 8)
            section_offset = len(image)
            image += pack_section_headers(headers, names)
        image[: headers_size(len(segments))] = pack_header(
            entry=self._entry_address(),
            segments=len(segments),
            section_offset=section_offset,
            sections=len(headers) + 1 if headers else 0,
            names=names_number,
        ) + b"".join(segment.pack() for segment in segments)
        return bytes(image)

    def _append_tables(self, image: bytearray) -> list[SectionHeader]:
        """Append debug sections and symbol tables; the section headers of everything (.shstrtab's is a place holder)."""
        headers: list[SectionHeader] = []

        def header(output: _Output) -> None:
            headers.append(
                SectionHeader(
                    output.name,
                    output.kind,
                    output.flags,
                    output.address,
                    output.offset,
                    output.size,
                    alignment=output.alignment,
                    entry_size=output.entry_size,
                )
            )
            output.number = len(headers)

        for output in (self.rodata, self.got, self.text, self.data, self.bss):
            if output.size:
                header(output)
        for output in self.debug.values():
            image += bytes(-len(image) % output.alignment)
            output.offset = len(image)
            image += output.data
            header(output)
        if self.keep_symbols:
            table, names, first_global = pack_symbols(self._output_symbols())
            image += bytes(-len(image) % 8)
            headers.append(
                SectionHeader(
                    ".symtab",
                    elf.SHT_SYMTAB,
                    offset=len(image),
                    size=len(table),
                    link=len(headers) + 2,
                    info=first_global,
                    alignment=8,
                    entry_size=elf.SYMBOL.size,
                )
            )
            image += table
            headers.append(SectionHeader(".strtab", elf.SHT_STRTAB, offset=len(image), size=len(names)))
            image += names
        headers.append(SectionHeader(".shstrtab", elf.SHT_STRTAB))
        return headers

    def _output_symbols(self) -> list[OutputSymbol]:
        result = []
        for number, symbol in enumerate(self.obj.symbols):
            if not symbol.name or symbol.section == elf.SHN_UNDEF or symbol.kind == elf.STT_SECTION:
                continue
            if symbol.section == elf.SHN_ABS:
                section = elf.SHN_ABS
            elif symbol.section == elf.SHN_COMMON:
                section = self.bss.number
            else:
                place = self.places.get(symbol.section)
                if place is None or not place[0].flags & elf.SHF_ALLOC:
                    continue
                section = place[0].number
            result.append(
                OutputSymbol(
                    symbol.name,
                    self._address(number),
                    symbol.size,
                    symbol.binding,
                    elf.STT_OBJECT if symbol.section == elf.SHN_COMMON else symbol.kind,
                    symbol.visibility,
                    section,
                )
            )
        # Locals first (sh_info), each group in the object's order; a stable sort keeps it.
        return sorted(result, key=lambda s: s.binding != elf.STB_LOCAL)
