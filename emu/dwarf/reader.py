"""A bounds-checked cursor over DWARF bytes, and the values of attribute forms (DWARF 5, section 7.5.6)."""

from __future__ import annotations

from collections.abc import Callable


class DwarfError(Exception):
    """The debug information is broken, or too large to be worth reading."""


class Budget:
    """How much work a file may still cause; one unit is about a microsecond."""

    def __init__(self, units: int) -> None:
        self.left = units

    def spend(self, units: int) -> None:
        """Raises DwarfError when the work exceeds what was allowed."""
        self.left -= units
        if self.left < 0:
            raise DwarfError("too much debug information")


class StringOffset(int):
    """DW_FORM_strp: an offset in .debug_str. Left unread: one long string may be named a million times."""


class LineStringOffset(int):
    """DW_FORM_line_strp: an offset in .debug_line_str."""


class StringIndex(int):
    """DW_FORM_strx*: an index into .debug_str_offsets."""


class AddressIndex(int):
    """DW_FORM_addrx*: an index into .debug_addr."""


class RangeIndex(int):
    """DW_FORM_rnglistx: an index into the unit's offsets in .debug_rnglists."""


class Address(int):
    """DW_FORM_addr: an address, where a plain integer would be an offset (DW_AT_high_pc)."""


Value = int | bytes
_LONGEST = 4096


class Cursor:
    """Reads little-endian values at `at`, never beyond `end`."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end
        if not 0 <= at <= self.end <= len(data):
            raise DwarfError("offset outside of a debug section")

    def skip(self, size: int) -> None:
        """Go on `size` bytes."""
        if size < 0 or size > self.end - self.at:
            raise DwarfError("debug information is cut off")
        self.at += size

    def unsigned(self, size: int) -> int:
        """An unsigned integer of `size` bytes."""
        start = self.at
        self.skip(size)
        return int.from_bytes(self.data[start : self.at], "little")

    def uleb(self) -> int:
        """An unsigned LEB128 number of at most 64 bits."""
        value = shift = 0
        while True:
            byte = self.unsigned(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF
            shift += 7
            if shift > 63:
                raise DwarfError("number too long")

    def sleb(self) -> int:
        """A signed LEB128 number of at most 64 bits."""
        value = shift = 0
        while True:
            byte = self.unsigned(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if byte & 0x40 else value
            if shift > 63:
                raise DwarfError("number too long")

    def string(self) -> bytes:
        """A string without its NUL."""
        end = self.data.find(b"\0", self.at, self.end)
        if end < 0:
            raise DwarfError("unterminated string")
        start, self.at = self.at, end + 1
        return self.data[start:end]

    def length(self) -> tuple[int, int]:
        """An initial length: (length, size of offsets: 4 or 8 bytes); section 7.4."""
        length = self.unsigned(4)
        if length < 0xFFFF_FFF0:
            return length, 4
        if length != 0xFFFF_FFFF:
            raise DwarfError("reserved unit length")
        return self.unsigned(8), 8


class FormReader:
    """Reads attribute values by form; `sections` by name without `.debug_`."""

    def __init__(self, sections: dict[str, bytes]) -> None:
        self._sections = sections

    def text(self, value: Value | None) -> bytes | None:
        """The string that a value is or names, cut to 4096 bytes; None when it is none."""
        if isinstance(value, bytes):
            return value[:_LONGEST]
        if isinstance(value, (StringOffset, LineStringOffset)):
            section = self._sections.get("str" if isinstance(value, StringOffset) else "line_str", b"")
            if value >= len(section):
                raise DwarfError("string outside of its section")
            return section[value : value + _LONGEST].split(b"\0", 1)[0]
        return None

    def read(
        self, cursor: Cursor, form: int, offset_size: int, address_size: int = 8, version: int = 5
    ) -> Value:
        """The value of one attribute; what is of no use to a symbolizer is skipped and gives 0."""
        for _ in range(4):  # DW_FORM_indirect: the form itself is in the data
            if form != 0x16:
                break
            form = cursor.uleb()
        size = _FIXED.get(form)
        if size is not None:
            kind = _KINDS.get(form)
            value = cursor.unsigned(size)
            return kind(value) if kind else value
        if form == 0x0E:
            return StringOffset(cursor.unsigned(offset_size))
        if form == 0x1F:
            return LineStringOffset(cursor.unsigned(offset_size))
        if form == 0x08:
            return cursor.string()
        if form == 0x01:
            return Address(cursor.unsigned(address_size))
        if form == 0x0D:
            return cursor.sleb()
        if form in _ULEB:
            kind = _KINDS.get(form)
            value = cursor.uleb()
            return kind(value) if kind else value
        if form == 0x10:  # ref_addr had the size of an address in DWARF 2
            return cursor.unsigned(address_size if version <= 2 else offset_size)
        if form in (0x17, 0x1D, 0x1F20, 0x1F21):
            return cursor.unsigned(offset_size)
        if form in _BLOCKS:
            width = _BLOCKS[form]
            cursor.skip(cursor.unsigned(width) if width else cursor.uleb())
            return 0
        raise DwarfError(f"unknown form {form:#x}")


_FIXED = {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x19: 0, 0x1C: 4, 0x1E: 16,
    0x20: 8, 0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}  # fmt: skip
_ULEB = {0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23, 0x1F01, 0x1F02}
_BLOCKS = {0x0A: 1, 0x03: 2, 0x04: 4, 0x09: 0, 0x18: 0}  # size of the length, 0: LEB128
_KINDS: dict[int, Callable[[int], int]] = {
    **dict.fromkeys((0x1A, 0x25, 0x26, 0x27, 0x28, 0x1F02), StringIndex),
    **dict.fromkeys((0x1B, 0x29, 0x2A, 0x2B, 0x2C, 0x1F01), AddressIndex),
    0x23: RangeIndex,
}
