"""seccomp(2): natively and emulated a sandbox lets through and refuses the same; classic BPF as a pure function."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.machine import Machine
from syscalls.packet_filter import Program, run

Same = Callable[..., Any]

LOAD, RETURN, RETURN_A, EQUAL = 0x20, 0x06, 0x16, 0x15


def code(*instructions: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("<HBBI", *one) for one in instructions)


def test_the_same_as_linux(same: Same) -> None:
    same("sandboxing")


def test_hooks_see_calls_before_a_filter(elf: Callable[[str], Path]) -> None:
    seen = []
    with Machine(elf("sandboxing")) as machine:
        machine.on("getppid", function=lambda call: seen.append(call.result), when="after")
        assert machine.run() == 0
    assert -13 in seen


@pytest.mark.parametrize(
    ("operation", "constant", "expected"),
    [
        (0x04, 5, 0x12),
        (0x14, 0xE, 0xFFFFFFFF),
        (0x24, 0x80000000, 0x80000000),
        (0x34, 4, 3),
        (0x44, 0x30, 0x3D),
        (0x54, 6, 4),
        (0x64, 30, 0x40000000),
        (0x74, 2, 3),
        (0xA4, 0xFF, 0xF2),
        (0x84, 0, 0xFFFFFFF3),
    ],
)
def test_arithmetic(operation: int, constant: int, expected: int) -> None:
    by_constant = code((0, 0, 0, 13), (operation, 0, 0, constant), (RETURN_A, 0, 0, 0))
    by_register = code((1, 0, 0, constant), (0, 0, 0, 13), (operation | 8, 0, 0, 0), (RETURN_A, 0, 0, 0))
    assert Program(by_constant).answer(0, bytes(64)) == expected
    if operation != 0x84:
        assert Program(by_register).answer(0, bytes(64)) == expected


def test_division_by_a_register_of_zero_ends_with_0() -> None:
    program = Program(code((0, 0, 0, 13), (0x3C, 0, 0, 0), (RETURN, 0, 0, 7)))
    assert program.answer(0, bytes(64)) == 0


def test_cells_and_length() -> None:
    moves = code(
        (0x80, 0, 0, 0), (2, 0, 0, 3), (0, 0, 0, 1), (0x61, 0, 0, 3), (0x87, 0, 0, 0), (RETURN_A, 0, 0, 0)
    )
    assert Program(moves).answer(0, bytes(64)) == 64


def test_what_depends_on_arguments_is_asked_each_time() -> None:
    by_number = code((LOAD, 0, 0, 0), (RETURN_A, 0, 0, 0))
    by_argument = code((LOAD, 0, 0, 16), (RETURN_A, 0, 0, 0))
    assert run(Program(by_number).instructions, bytes(64)) == (0, False)
    program = Program(by_argument)
    assert program.answer(1, bytes(16) + b"\x05" + bytes(47)) == 5
    assert program.answer(1, bytes(16) + b"\x06" + bytes(47)) == 6


def test_a_cell_filled_on_one_way_only_is_empty() -> None:
    maybe = code((LOAD, 0, 0, 0), (EQUAL, 1, 0, 5), (2, 0, 0, 0), (0x60, 0, 0, 0), (RETURN, 0, 0, 0))
    with pytest.raises(ValueError, match="instruction 3 uses a cell that holds nothing"):
        Program(maybe)


def test_programs_without_filters_are_not_asked(elf: Callable[[str], Path]) -> None:
    names = {}
    for guest in ("identity_all", "sandboxing"):
        with Machine(elf(guest)) as machine:
            machine.run()
            names[guest] = {call.__name__ for call in machine._bench.dispatcher.calls.values()}
    assert "guarded" in names["sandboxing"]
    assert "guarded" not in names["identity_all"]
