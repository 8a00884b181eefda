"""Aligned moves: found in code, their operands' addresses, and the fault."""

from collections.abc import Callable
from typing import Any

import pytest

from emu.alignment import candidates, effective_address, on_stack
from emu.cpu import StopKind
from emu.machine import ExitStatus, Machine

DATA = 0x500000
REGISTERS = {
    "rax": 0x1000,
    "rbx": 0x20,
    "rsp": 0x8000,
    "rbp": 0x9000,
    "r12": 0x70000,
    "r13": 0x80000,
    "r9": 3,
}


@pytest.mark.parametrize(
    ("code", "address", "stack"),
    [
        ("0f2900", 0x1000, False),  # movaps [rax], xmm0
        ("0f290424", 0x8000, True),  # movaps [rsp], xmm0
        ("0f29442410", 0x8010, True),  # movaps [rsp + 16], xmm0
        ("0f2845f0", 0x8FF0, True),  # movaps xmm0, [rbp - 16]
        ("660f6f842400010000", 0x8100, True),  # movdqa xmm0, [rsp + 256]
        ("660f7f0498", 0x1080, False),  # movdqa [rax + rbx * 4], xmm0
        ("0f280510000000", 0x400017, False),  # movaps xmm0, [rip + 16]
        ("410f290424", 0x70000, False),  # movaps [r12], xmm0
        ("410f294500", 0x80000, False),  # movaps [r13], xmm0
        ("420f290c88", 0x100C, False),  # movaps [rax + r9 * 4], xmm1
        ("0f29042500005000", DATA, False),  # movaps [0x500000], xmm0
        ("660fe700", 0x1000, False),  # movntdq
    ],
)
def test_operands(code: str, address: int, stack: bool) -> None:
    data = bytes.fromhex(code)
    assert 0 in candidates(data)
    assert on_stack(data, 0) == stack
    assert effective_address(data, 0x400000, lambda name: REGISTERS.get(name, 0)) == address


@pytest.mark.parametrize("code", ["0f28c1", "660f6fc8", "0f1000", "0f2e00", "f30f6f00", "90"])
def test_what_needs_no_alignment(code: str) -> None:
    assert 0 not in candidates(bytes.fromhex(code))


def test_the_processor_stops_before_a_misaligned_move(board: Any) -> None:
    code = "ffc3 0f2900 ffc3 0f0b"  # inc ebx; movaps [rax], xmm0; inc ebx; ud2
    board.cpu.watch_alignment(0x401000, bytes.fromhex(code))
    stop, after = board.run(code, rax=DATA + 8)
    assert (stop.kind, stop.address) == (StopKind.MISALIGNED, DATA + 8)
    assert (after["rip"], after["rbx"]) == (0x401002, 1)
    stop, after = board.run(code, rax=DATA + 16)
    assert (stop.kind, after["rbx"]) == (StopKind.INVALID, 2)


def test_watching_does_not_change_the_budget(board: Any) -> None:
    code = "48ffc3 0f2900 ebf8"  # loop: inc rbx; movaps [rax], xmm0; jmp loop
    board.cpu.watch_alignment(0x401000, bytes.fromhex(code))
    for budget in (1, 10, 1000):
        stop, after = board.run(code, budget=budget, rax=DATA)
        assert (stop.kind, after["rbx"], after["rip"]) == (StopKind.BUDGET, budget, 0x401000)


def test_a_guest_with_a_misaligned_stack(tiny: Callable[..., bytes]) -> None:
    said: list[str] = []
    with Machine(tiny("50 0f290424"), ["guest"], say=said.append) as machine:  # push rax; movaps [rsp], xmm0
        assert machine.run() == ExitStatus(None, 11)
    assert "misaligned operand" in said[0]
    assert "movaps xmmword ptr [rsp], xmm0" in said[0]
