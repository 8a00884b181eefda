"""Reads what an ELF says of its own code: function symbols, and DWARF's line table."""

from bisect import bisect_right
from io import BytesIO

from elftools.common.exceptions import DWARFError, ELFError, ELFParseError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

_DAMAGED = (ELFError, ELFParseError, DWARFError, ValueError, KeyError, IndexError, AttributeError, TypeError)
"""What pyelftools raises on damaged tables. Symbols are a service: without them a trace only shows less."""

Row = tuple[int, int, str, int]
"""A stretch of code: start, end, file, line."""


class Symbols:
    """Functions and lines by address, as in the file. A program without them, or with damaged ones, has none."""

    def __init__(self, elf: bytes) -> None:
        self._functions: list[tuple[int, int, str]] = []
        self._rows: list[Row] = []
        try:
            file = ELFFile(BytesIO(elf))
            self._functions = _functions(file)
            self._rows = _rows(file)
        except _DAMAGED:
            pass
        self._function_starts = [start for start, _, _ in self._functions]
        self._row_starts = [row[0] for row in self._rows]

    def function(self, pc: int) -> tuple[str, int]:
        """The function around a pc and the distance from its start; ("", 0) when there is none."""
        at = bisect_right(self._function_starts, pc) - 1
        if at >= 0:
            start, end, name = self._functions[at]
            if pc < end:
                return name, pc - start
        return "", 0

    def line(self, pc: int) -> tuple[str, int]:
        """The source file (its last part) and line of a pc; ("", 0) when they are unknown."""
        at = bisect_right(self._row_starts, pc) - 1
        if at >= 0:
            _, end, file, line = self._rows[at]
            if pc < end:
                return file, line
        return "", 0


def _functions(file: ELFFile) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for section in file.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.iter_symbols():
                if (
                    symbol["st_info"]["type"] == "STT_FUNC"
                    and symbol["st_shndx"] != "SHN_UNDEF"
                    and symbol.name
                ):
                    found.append((symbol["st_value"], symbol["st_size"], symbol.name))
    found.sort()
    # Hand-written functions often have no size: such a one reaches to the next.
    ends = [start for start, _, _ in found[1:]] + [found[-1][0] + 4096] if found else []
    return [
        (start, start + size if size else end, name)
        for (start, size, name), end in zip(found, ends, strict=True)
    ]


def _rows(file: ELFFile) -> list[Row]:
    if not file.has_dwarf_info():
        return []
    rows: list[Row] = []
    dwarf = file.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        names = _file_names(program.header)
        previous = None
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if previous is not None and state.address > previous.address and previous.line:
                name = names.get(previous.file, "")
                if name:
                    rows.append((previous.address, state.address, name, previous.line))
            previous = None if state.end_sequence else state
    rows.sort()
    return rows


def _file_names(header: object) -> dict[int, str]:
    """File numbers to names: they count from 1 before DWARF 5, from 0 since."""
    first = 0 if header["version"] >= 5 else 1  # type: ignore[index]
    entries = header["file_entry"]  # type: ignore[index]
    return {
        number: entry.name.decode("utf-8", "replace").rpartition("/")[2]
        for number, entry in enumerate(entries, first)
    }
