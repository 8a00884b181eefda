"""The line number program of one unit: from an address to file and line (DWARF 5, section 6.2)."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

from emu.dwarf.reader import Budget, Cursor, DwarfError, FormReader

_LNCT_PATH, _LNCT_DIRECTORY = 1, 2
_MOST_FILES = 65536
_LONGEST = 4096


@dataclass(slots=True)
class _Sequence:
    """Rows with ascending addresses; the last one is where the sequence ends."""

    addresses: array[int] = field(default_factory=lambda: array("Q"))
    files: array[int] = field(default_factory=lambda: array("Q"))
    lines: array[int] = field(default_factory=lambda: array("Q"))


class LineTable:
    """The rows of one unit's line number program."""

    def __init__(self, files: dict[int, str], sequences: list[_Sequence]) -> None:
        self.files = files
        self._sequences = sorted(sequences, key=lambda s: s.addresses[0])
        self._starts = [sequence.addresses[0] for sequence in self._sequences]

    def find(self, address: int) -> tuple[str, int]:
        """(file, line) of an address; ("", 0) when it has none."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return "", 0
        sequence = self._sequences[index]
        row = bisect_right(sequence.addresses, address) - 1
        if row < 0 or row + 1 >= len(sequence.addresses) or not sequence.lines[row]:
            return "", 0
        return self.files.get(sequence.files[row], ""), sequence.lines[row]


@dataclass(slots=True)
class _Header:
    version: int
    offset_size: int
    address_size: int
    step: int
    line_base: int
    line_range: int
    lengths: bytes
    files: dict[int, str]


def read_line_table(sections: dict[str, bytes], offset: int, budget: Budget) -> LineTable:
    """The table at `offset` of .debug_line. Raises DwarfError."""
    cursor = Cursor(sections.get("line", b""), offset)
    length, offset_size = cursor.length()
    budget.spend(length)
    cursor = Cursor(cursor.data, cursor.at, cursor.at + length)
    version = cursor.unsigned(2)
    if not 2 <= version <= 5:
        raise DwarfError(f"line table version {version}")
    address_size = 8
    if version >= 5:
        address_size = cursor.unsigned(1)
        cursor.skip(1)
    header_length = cursor.unsigned(offset_size)
    program = cursor.at + header_length
    step = cursor.unsigned(1)
    cursor.skip(2 if version >= 4 else 1)  # maximum operations, default of is_stmt
    line_base = (cursor.unsigned(1) ^ 0x80) - 0x80
    line_range = cursor.unsigned(1)
    opcode_base = cursor.unsigned(1)
    start = cursor.at
    cursor.skip(max(opcode_base - 1, 0))
    header = _Header(
        version, offset_size, address_size, step, line_base, line_range, cursor.data[start : cursor.at], {}
    )
    header.files = _files_5(cursor, header, FormReader(sections)) if version >= 5 else _files_4(cursor)
    return LineTable(header.files, _run(Cursor(cursor.data, program, cursor.end), header))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _path(name: bytes, directory: bytes) -> str:
    if not directory or name.startswith(b"/"):
        return _text(name)
    return _text(directory[:_LONGEST].rstrip(b"/") + b"/" + name[:_LONGEST])


def _files_4(cursor: Cursor) -> dict[int, str]:
    directories = [b""]  # 0 is where the compiler ran: paths are left relative to it
    while name := cursor.string():
        directories.append(name)
    files: dict[int, str] = {}
    while name := cursor.string():
        index = cursor.uleb()
        cursor.uleb()
        cursor.uleb()
        if len(files) >= _MOST_FILES:
            raise DwarfError("too many files in a line table")
        files[len(files) + 1] = _path(name, directories[index] if index < len(directories) else b"")
    return files


def _files_5(cursor: Cursor, header: _Header, forms: FormReader) -> dict[int, str]:
    directories = [name for name, _ in _entries(cursor, header, forms)]
    files: dict[int, str] = {}
    for name, index in _entries(cursor, header, forms):
        directory = directories[index] if 0 < index < len(directories) else b""
        files[len(files)] = _path(name, directory)
    return files


def _entries(cursor: Cursor, header: _Header, forms: FormReader) -> list[tuple[bytes, int]]:
    """(path, directory index) of each entry of a version 5 table."""
    formats = [(cursor.uleb(), cursor.uleb()) for _ in range(cursor.unsigned(1))]
    count = cursor.uleb()
    if count * max(len(formats), 1) > _MOST_FILES:
        raise DwarfError("too many files in a line table")
    entries = []
    for _ in range(count):
        path, directory = b"", 0
        for kind, form in formats:
            value = forms.read(cursor, form, header.offset_size, header.address_size)
            if kind == _LNCT_PATH:
                path = forms.text(value) or b""
            elif kind == _LNCT_DIRECTORY and isinstance(value, int):
                directory = value
        entries.append((path, directory))
    return entries


def _run(cursor: Cursor, header: _Header) -> list[_Sequence]:
    """Run the program. The state is what matters here: address, file, line (no VLIW on x86)."""
    mask = (1 << 64) - 1
    step, line_base, line_range = header.step, header.line_base, header.line_range
    opcode_base = len(header.lengths) + 1
    sequences: list[_Sequence] = []
    rows = _Sequence()
    address, file, line = 0, 1, 1

    def emit() -> None:
        if rows.addresses and address < rows.addresses[-1]:
            raise DwarfError("addresses of a line table descend")
        rows.addresses.append(address)
        rows.files.append(file)
        rows.lines.append(line)

    while cursor.at < cursor.end:
        opcode = cursor.unsigned(1)
        if opcode >= opcode_base:
            if not line_range:
                raise DwarfError("line range 0")
            advance, change = divmod(opcode - opcode_base, line_range)
            address = (address + advance * step) & mask
            line = (line + line_base + change) & mask
            emit()
        elif opcode == 0:
            size = cursor.uleb()
            after = cursor.at + size
            if not size:
                continue
            extended = cursor.unsigned(1)
            if extended == 1:  # end_sequence
                emit()
                if len(rows.addresses) > 1 and rows.addresses[0]:  # at 0: a function that was dropped
                    sequences.append(rows)
                rows = _Sequence()
                address, file, line = 0, 1, 1
            elif extended == 2:  # set_address
                address = cursor.unsigned(size - 1) & mask
            if after > cursor.end:
                raise DwarfError("debug information is cut off")
            cursor.at = after
        elif opcode == 1:  # copy
            emit()
        elif opcode == 2:  # advance_pc
            address = (address + cursor.uleb() * step) & mask
        elif opcode == 3:  # advance_line
            line = (line + cursor.sleb()) & mask
        elif opcode == 4:  # set_file
            file = cursor.uleb()
        elif opcode == 8:  # const_add_pc
            if not line_range:
                raise DwarfError("line range 0")
            address = (address + (255 - opcode_base) // line_range * step) & mask
        elif opcode == 9:  # fixed_advance_pc
            address = (address + cursor.unsigned(2)) & mask
        else:  # column, flags, and what later versions may add
            for _ in range(header.lengths[opcode - 1]):
                cursor.uleb()
    return sequences
