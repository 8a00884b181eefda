"""Units and their functions: which function an address belongs to, and into which ones it was inlined."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from emu.dwarf.line import LineTable, read_line_table
from emu.dwarf.reader import (
    Address,
    AddressIndex,
    Budget,
    Cursor,
    DwarfError,
    FormReader,
    RangeIndex,
    StringIndex,
    StringOffset,
    Value,
)

_WORK = 10_000_000  # attributes and bytes that one file may make us read: some ten seconds at the worst

TAG_COMPILE_UNIT, TAG_PARTIAL_UNIT, TAG_SKELETON_UNIT = 0x11, 0x3C, 0x4A
TAG_INLINED_SUBROUTINE, TAG_SUBPROGRAM = 0x1D, 0x2E
AT_NAME, AT_STMT_LIST, AT_LOW_PC, AT_HIGH_PC, AT_ABSTRACT_ORIGIN, AT_SPECIFICATION = (
    3,
    0x10,
    0x11,
    0x12,
    0x31,
    0x47,
)
AT_RANGES, AT_CALL_FILE, AT_CALL_LINE = 0x55, 0x58, 0x59
AT_STR_OFFSETS_BASE, AT_ADDR_BASE, AT_RNGLISTS_BASE = 0x72, 0x73, 0x74
_REFERENCE_TO_SECTION = 0x10  # DW_FORM_ref_addr; all other references count from the unit's start
_REFERENCES_TO_UNIT = (0x11, 0x12, 0x13, 0x14, 0x15)

Ranges = list[tuple[int, int]]


@dataclass(slots=True)
class _Abbreviation:
    tag: int
    children: bool
    attributes: list[tuple[int, int, int]]  # attribute, form, the value of DW_FORM_implicit_const


@dataclass(slots=True)
class _Function:
    """A subprogram or an inlined call, with the ranges of its code."""

    tag: int
    offset: int
    ranges: Ranges
    call_file: int
    call_line: int
    children: list[_Function] = field(default_factory=list)


@dataclass(slots=True)
class _Unit:
    """One unit of .debug_info; `attributes` are those of its first entry."""

    start: int
    end: int
    first: int
    version: int
    offset_size: int
    address_size: int
    abbreviations: dict[int, _Abbreviation]
    attributes: dict[int, Value] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=list)
    lines: LineTable | None = None
    functions: list[tuple[int, int, _Function]] | None = None  # by start: start, end, the function there

    def base(self, attribute: int, default: int) -> int:
        """The value of a DW_AT_*_base attribute."""
        value = self.attributes.get(attribute, default)
        return value if isinstance(value, int) else default


class DebugInfo:
    """Answers for one program; `sections` are the .debug_ sections by the rest of their names."""

    def __init__(self, sections: dict[str, bytes]) -> None:
        self._sections = sections
        self._forms = FormReader(sections)
        self._budget = Budget(_WORK)
        self._abbreviations: dict[int, dict[int, _Abbreviation]] = {}
        self._units: list[_Unit] | None = None
        self._starts: list[tuple[int, int, _Unit]] = []

    def line(self, address: int) -> tuple[str, int]:
        """(file, line), ("", 0) when unknown. Raises DwarfError."""
        unit = self._unit_of(address)
        lines = None if unit is None else self._lines(unit)
        return lines.find(address) if lines else ("", 0)

    def chain(self, address: int) -> list[tuple[str, str, int]]:
        """(function, file, line) of the code at `address`, innermost first: each later one has inlined the one before.

        Empty when no function is known there. Raises DwarfError.
        """
        unit = self._unit_of(address)
        if unit is None:
            return []
        lines = self._lines(unit)
        file, line = lines.find(address) if lines else ("", 0)
        path = self._path(unit, address)
        result = []
        for function in reversed(path):
            result.append((self._name(function.offset), file, line))
            file = lines.files.get(function.call_file, "") if lines else ""
            line = function.call_line if file else 0
        return result

    # Units

    def _unit_of(self, address: int) -> _Unit | None:
        if self._units is None:
            self._units = []
            try:
                for unit in self._read_units():
                    self._units.append(unit)
            finally:  # what was read before an error is good
                self._starts = sorted(
                    ((low, high, unit) for unit in self._units for low, high in unit.ranges),
                    key=lambda entry: entry[:2],
                )
        index = bisect_right(self._starts, address, key=lambda entry: entry[0]) - 1
        if index < 0 or address >= self._starts[index][1]:
            return None
        return self._starts[index][2]

    def _read_units(self) -> Iterator[_Unit]:
        info = self._sections.get("info", b"")
        at = 0
        while at < len(info):
            self._budget.spend(20)
            cursor = Cursor(info, at)
            length, offset_size = cursor.length()
            end = cursor.at + length
            cursor = Cursor(info, cursor.at, end)
            version = cursor.unsigned(2)
            start, at = at, end
            if not 2 <= version <= 5:
                continue
            kind = 1
            if version >= 5:
                kind = cursor.unsigned(1)
                address_size = cursor.unsigned(1)
                table = cursor.unsigned(offset_size)
                if kind in (4, 5):  # skeleton and split units have an identifier
                    cursor.skip(8)
            else:
                table = cursor.unsigned(offset_size)
                address_size = cursor.unsigned(1)
            if kind not in (1, 3, 4):  # type units have no code
                continue
            unit = _Unit(
                start, end, cursor.at, version, offset_size, address_size, self._abbreviation_table(table)
            )
            tag, _, unit.attributes = self._entry(unit, cursor)
            if tag in (TAG_COMPILE_UNIT, TAG_PARTIAL_UNIT, TAG_SKELETON_UNIT):
                unit.ranges = self._ranges(unit, unit.attributes)
                yield unit

    def _abbreviation_table(self, offset: int) -> dict[int, _Abbreviation]:
        table = self._abbreviations.get(offset)
        if table is None:
            table = self._abbreviations[offset] = {}
            cursor = Cursor(self._sections.get("abbrev", b""), offset)
            while code := cursor.uleb():
                abbreviation = _Abbreviation(cursor.uleb(), bool(cursor.unsigned(1)), [])
                while True:
                    self._budget.spend(1)
                    attribute, form = cursor.uleb(), cursor.uleb()
                    constant = cursor.sleb() if form == 0x21 else 0
                    if not attribute and not form:
                        break
                    abbreviation.attributes.append((attribute, form, constant))
                table[code] = abbreviation
        return table

    def _entry(self, unit: _Unit, cursor: Cursor) -> tuple[int, bool, dict[int, Value]]:
        """(tag, has children, attributes) of the entry at the cursor; tag 0 ends a list of children."""
        code = cursor.uleb()
        if not code:
            self._budget.spend(1)
            return 0, False, {}
        abbreviation = unit.abbreviations.get(code)
        if abbreviation is None:
            raise DwarfError(f"abbreviation {code} is not defined")
        self._budget.spend(1 + len(abbreviation.attributes))
        attributes: dict[int, Value] = {}
        read = self._forms.read
        for attribute, form, constant in abbreviation.attributes:
            value: Value = constant
            if form != 0x21:
                value = read(cursor, form, unit.offset_size, unit.address_size, unit.version)
                if form in _REFERENCES_TO_UNIT and isinstance(value, int):
                    value += unit.start
            attributes[attribute] = value
        return abbreviation.tag, abbreviation.children, attributes

    # Addresses

    def _address(self, unit: _Unit, value: Value) -> int:
        if isinstance(value, AddressIndex):
            at = unit.base(AT_ADDR_BASE, 8) + value * unit.address_size
            return Cursor(self._sections.get("addr", b""), at).unsigned(unit.address_size)
        return value if isinstance(value, int) else 0

    def _ranges(self, unit: _Unit, attributes: dict[int, Value]) -> Ranges:
        """The code ranges of an entry, without empty ones and those of dropped functions (address 0)."""
        ranges: Ranges = []
        where = attributes.get(AT_RANGES)
        low, high = attributes.get(AT_LOW_PC), attributes.get(AT_HIGH_PC)
        if isinstance(where, int):
            origin = self._address(unit, unit.attributes.get(AT_LOW_PC, 0))
            ranges = (
                self._ranges_5(unit, where, origin) if unit.version >= 5 else self._ranges_4(where, origin)
            )
        elif low is not None and high is not None:
            start = self._address(unit, low)
            absolute = isinstance(high, (Address, AddressIndex))
            end = self._address(unit, high)
            ranges = [(start, end if absolute else start + end)]
        return [(start, end) for start, end in ranges if 0 < start < end]

    def _ranges_4(self, offset: int, origin: int) -> Ranges:
        """A list of .debug_ranges (DWARF 4, 2.17.3)."""
        cursor = Cursor(self._sections.get("ranges", b""), offset)
        ranges: Ranges = []
        while True:
            self._budget.spend(1)
            low, high = cursor.unsigned(8), cursor.unsigned(8)
            if low == 0xFFFF_FFFF_FFFF_FFFF:
                origin = high
            elif low == high == 0:
                return ranges
            else:
                ranges.append((origin + low, origin + high))

    def _ranges_5(self, unit: _Unit, where: int, origin: int) -> Ranges:
        """A list of .debug_rnglists (DWARF 5, 2.17.3 and 7.25)."""
        data = self._sections.get("rnglists", b"")
        offset = int(where)
        if isinstance(where, RangeIndex):
            base = unit.base(AT_RNGLISTS_BASE, 0)
            offset = base + Cursor(data, base + where * unit.offset_size).unsigned(unit.offset_size)
        cursor = Cursor(data, offset)
        size = unit.address_size
        ranges: Ranges = []

        def indexed() -> int:
            return self._address(unit, AddressIndex(cursor.uleb()))

        while True:
            self._budget.spend(1)
            match cursor.unsigned(1):
                case 0:  # end_of_list
                    return ranges
                case 1:  # base_addressx
                    origin = indexed()
                case 2:  # startx_endx
                    ranges.append((indexed(), indexed()))
                case 3:  # startx_length
                    low = indexed()
                    ranges.append((low, low + cursor.uleb()))
                case 4:  # offset_pair
                    ranges.append((origin + cursor.uleb(), origin + cursor.uleb()))
                case 5:  # base_address
                    origin = cursor.unsigned(size)
                case 6:  # start_end
                    ranges.append((cursor.unsigned(size), cursor.unsigned(size)))
                case 7:  # start_length
                    low = cursor.unsigned(size)
                    ranges.append((low, low + cursor.uleb()))
                case kind:
                    raise DwarfError(f"range list entry {kind}")

    # Lines and functions

    def _lines(self, unit: _Unit) -> LineTable | None:
        where = unit.attributes.get(AT_STMT_LIST)
        if unit.lines is None and isinstance(where, int):
            try:
                unit.lines = read_line_table(self._sections, where, self._budget)
            except DwarfError:
                unit.lines = LineTable({}, [])
        return unit.lines

    def _path(self, unit: _Unit, address: int) -> list[_Function]:
        """The function at `address` and what is inlined there, outermost first."""
        if unit.functions is None:
            unit.functions = []  # stays so if the entries are broken
            found = [(low, high, f) for f in self._read_functions(unit) for low, high in f.ranges]
            unit.functions = sorted(found, key=lambda entry: entry[:2])
        index = bisect_right(unit.functions, address, key=lambda entry: entry[0]) - 1
        if index < 0 or address >= unit.functions[index][1]:
            return []
        path = [unit.functions[index][2]]
        while True:
            inside = (f for f in path[-1].children if any(low <= address < high for low, high in f.ranges))
            function = next(inside, None)
            if function is None:
                return path
            path.append(function)

    def _read_functions(self, unit: _Unit) -> list[_Function]:
        cursor = Cursor(self._sections.get("info", b""), unit.first, unit.end)
        roots: list[_Function] = []
        # For each open entry the list that its functions go to: its own, or that of what is around it.
        open_lists = [roots]
        while cursor.at < cursor.end and open_lists:
            offset = cursor.at
            tag, children, attributes = self._entry(unit, cursor)
            if not tag:
                open_lists.pop()
                continue
            target = open_lists[-1]
            if tag in (TAG_SUBPROGRAM, TAG_INLINED_SUBROUTINE) and (
                AT_LOW_PC in attributes or AT_RANGES in attributes
            ):
                line, file = attributes.get(AT_CALL_LINE, 0), attributes.get(AT_CALL_FILE, 0)
                function = _Function(
                    tag,
                    offset,
                    self._ranges(unit, attributes),
                    file if isinstance(file, int) else 0,
                    line if isinstance(line, int) else 0,
                )
                # A nested subprogram is code of its own, not a part of the one around it.
                (roots if tag == TAG_SUBPROGRAM else target).append(function)
                target = function.children
            if children:
                open_lists.append(target)
        return roots

    def _name(self, offset: int) -> str:
        """The name of the function whose entry is at `offset`, also by way of its abstract origin; "" when unknown."""
        for _ in range(8):
            unit = next((unit for unit in self._units or () if unit.start <= offset < unit.end), None)
            if unit is None:
                return ""
            _, _, attributes = self._entry(unit, Cursor(self._sections.get("info", b""), offset, unit.end))
            name = attributes.get(AT_NAME)
            if isinstance(name, StringIndex):
                name = self._indexed_string(unit, name)
            text = self._forms.text(name)
            if text is not None:
                return text.decode("utf-8", "replace")
            following = attributes.get(AT_ABSTRACT_ORIGIN, attributes.get(AT_SPECIFICATION))
            if not isinstance(following, int):
                return ""
            offset = following
        return ""

    def _indexed_string(self, unit: _Unit, index: int) -> StringOffset:
        at = unit.base(AT_STR_OFFSETS_BASE, 8) + index * unit.offset_size
        return StringOffset(Cursor(self._sections.get("str_offsets", b""), at).unsigned(unit.offset_size))
