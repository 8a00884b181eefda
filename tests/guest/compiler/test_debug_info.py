"""Addresses of a built program lead back to the Python source: file, line, function."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

import guest.compiler

SOURCE = """\
from prelude import _start, show
from guest.lang import i64, noinline, syscall


@noinline
def inner(x: i64) -> i64:
    y = x * 3

    return y // (x - 1)


def main() -> i64:
    show(inner(syscall(39)))
    return 0
"""


@pytest.fixture
def elf(write_program: Callable[..., Path]) -> ELFFile:
    return ELFFile(io.BytesIO(guest.compiler.build(write_program(SOURCE))))


def lines_of(elf: ELFFile) -> list[tuple[int, str, int]]:
    """(address, file, line) rows in order of address."""
    rows = []
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        files = program["file_entry"]
        for entry in program.get_entries():
            state = entry.state
            if state is not None and not state.end_sequence:
                # DWARF 4 6.2.5: file numbers count from 1.
                rows.append((state.address, files[state.file - 1].name.decode(), state.line))
    return sorted(rows)


def symbols_of(elf: ELFFile) -> dict[str, tuple[int, int]]:
    table = elf.get_section_by_name(".symtab")
    return {item.name: (item["st_value"], item["st_size"]) for item in table.iter_symbols()}


def test_every_instruction_of_a_function_has_its_lines(elf: ELFFile) -> None:
    start, size = symbols_of(elf)["main.inner"]
    rows = lines_of(elf)
    found = {row[1:] for row in rows if start <= row[0] < start + size}
    assert {name for name, _ in found} == {"main.py"}
    assert {6, 7, 9} <= {line for _, line in found}


def test_division_trap_is_at_its_line(elf: ELFFile) -> None:
    start, size = symbols_of(elf)["main.inner"]
    code = elf.get_section_by_name(".text")
    offset = start - code["sh_addr"]
    trap = start + code.data()[offset : offset + size].index(b"\x0f\x0b")
    rows = lines_of(elf)
    row = rows[bisect_right(rows, (trap, "\xff", 0)) - 1]
    assert row[1:] == ("main.py", 9)


def test_functions_are_named_with_their_place(elf: ELFFile) -> None:
    found = {}
    for unit in elf.get_dwarf_info().iter_CUs():
        for entry in unit.iter_DIEs():
            if entry.tag == "DW_TAG_subprogram" and "DW_AT_name" in entry.attributes:
                name = entry.attributes["DW_AT_name"].value.decode()
                found[name] = entry.attributes["DW_AT_decl_line"].value
    assert found["inner"] == 6
    assert found["main"] == 12


def test_no_path_of_this_machine_is_inside(write_program: Callable[..., Path]) -> None:
    file = write_program(SOURCE)
    data = guest.compiler.build(file)
    assert str(file.parent).encode() not in data
    assert str(Path(guest.compiler.__file__).parents[2]).encode() not in data


def test_frame_pointers_make_a_chain(run_source: Callable[..., object]) -> None:
    result = run_source(
        "from prelude import _start, show\n"
        "from guest.lang import frame_address, i64, noinline, ptr, return_address, u64\n"
        "@noinline\n"
        "def leaf() -> u64:\n"
        "    return ptr[u64](ptr[u64](frame_address())[0])[1]\n"
        "@noinline\n"
        "def middle() -> u64:\n"
        "    return leaf() - return_address()\n"
        "def main() -> i64:\n"
        "    show(i64(middle()))\n"
        "    return 0\n"
    )
    assert result.stdout == b"0\n"  # type: ignore[attr-defined]
