"""How to find a function's caller without a frame pointer: the call frame information of an ELF file (.eh_frame).

The tables are those of DWARF 5, section 6.4, in the form of the LSB, "Exception Frames"; pyelftools reads them.
"""

import io
import struct
from bisect import bisect_right
from typing import Any, NamedTuple

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

RBP, RSP, RETURN_ADDRESS = 6, 7, 16
"""DWARF register numbers (System V ABI, x86-64, figure 3.36)."""

_CACHED = 65536  # a guest can make any number of program counters


class Rule(NamedTuple):
    """Where a frame's caller is: the canonical frame address is `base` (RBP or RSP) + `offset`.

    At CFA + `return_at` stands the return address (None: nobody has called this function), at CFA + `rbp_at` the caller's rbp
    (None: it is still in the register).
    """

    base: int
    offset: int
    return_at: int | None
    rbp_at: int | None


class Unwinder:
    """The rules of one program, read at the first question. `base` is what the loader added to the file's addresses."""

    def __init__(self, elf: bytes, base: int = 0) -> None:
        self._elf = elf
        self._base = base
        self._entries: list[Any] | None = None
        self._starts: list[int] = []
        self._rules: dict[int, Rule | None] = {}

    def __call__(self, pc: int) -> Rule | None:
        """The rule at a pc; None where the file has none, or one that is too unusual."""
        pc -= self._base
        if pc in self._rules:
            return self._rules[pc]
        rule = self._find(pc)
        if len(self._rules) < _CACHED:
            self._rules[pc] = rule
        return rule

    def _find(self, pc: int) -> Rule | None:
        if self._entries is None:
            try:
                self._entries = sorted(_entries(self._elf), key=lambda entry: entry["initial_location"])
                self._starts = [entry["initial_location"] for entry in self._entries]
            except _BROKEN:
                self._entries, self._starts = [], []
        index = bisect_right(self._starts, pc) - 1
        if index < 0 or pc >= self._starts[index] + self._entries[index]["address_range"]:
            return None
        try:
            rows = self._entries[index].get_decoded().table
            row = [row for row in rows if row["pc"] <= pc][-1]
            return _rule(row)
        except _BROKEN:
            return None


_BROKEN = (
    ELFError, DWARFError, ConstructError, LookupError, ValueError, TypeError, AttributeError, AssertionError, ArithmeticError, RecursionError,
    struct.error,
)  # fmt: skip
"""What pyelftools raises on tables that make no sense: there is no frame then, and no harm done."""


def _entries(elf: bytes) -> list[Any]:
    try:
        info = ELFFile(io.BytesIO(elf)).get_dwarf_info(relocate_dwarf_sections=False)
        found = info.EH_CFI_entries() if info.has_EH_CFI() else info.CFI_entries() if info.has_CFI() else []
        return [entry for entry in found if isinstance(entry, FDE)]
    except (*_BROKEN, OSError, MemoryError, RecursionError):
        return []


def _rule(row: dict[Any, Any]) -> Rule | None:
    cfa = row["cfa"]
    if cfa.reg not in (RBP, RSP):  # an expression (a PLT), or a frame that was realigned
        return None
    return Rule(cfa.reg, cfa.offset, _offset(row, RETURN_ADDRESS), _offset(row, RBP))


def _offset(row: dict[Any, Any], register: int) -> int | None:
    rule = row.get(register)
    return rule.arg if rule is not None and rule.type == "OFFSET" else None
