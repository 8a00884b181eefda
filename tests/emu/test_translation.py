"""SSE operands that must be multiples of 16: who faults, who does not, and what the fault tells."""

from collections.abc import Callable
from typing import Any

import pytest

from emu.cpu import StopKind
from emu.machine import ExitStatus, Machine

DATA = 0x500000
DEMANDING = {
    "movaps load": "0f2800",
    "movaps store": "0f2900",
    "movapd r9": "66410f2801",
    "movdqa load": "660f6f00",
    "movdqa store": "660f7f00",
    "movntps": "0f2b00",
    "movntdq": "660fe700",
    "movntdqa": "660f382a00",
    "addps": "0f5800",
    "addpd": "660f5800",
    "andps": "0f5400",
    "pxor": "660fef00",
    "pshufd": "660f700001",
    "pshufhw": "f30f700001",
    "pshufb": "660f380000",
    "palignr": "660f3a0f0004",
    "ptest": "660f381700",
    "cvttps2dq": "f30f5b00",
    "movshdup": "f30f1600",
    "haddps": "f20f7c00",
    "aesenc": "660f38dc00",
    "pclmulqdq": "660f3a440000",
    "with a useless prefix": "2e0f2800",
}
EASY = {
    "movups": "0f1000",
    "movups store": "0f1100",
    "movdqu": "f30f6f00",
    "movdqu store": "f30f7f00",
    "lddqu": "f20ff000",
    "addss": "f30f5800",
    "addsd": "f20f5800",
    "cvtps2pd": "0f5a00",
    "cvtdq2pd": "f30fe600",
    "movq": "f30f7e00",
    "movhps": "0f1600",
    "pcmpistri": "660f3a630000",
    "pmovzxbw": "660f383000",
    "MMX pxor": "0fef00",
    "mov": "488b10",
}


def around(code: str) -> str:
    """The instruction between two `inc ebx`, then a ud2."""
    return f"ffc3 {code} ffc3 0f0b"


@pytest.mark.parametrize("code", DEMANDING.values(), ids=DEMANDING)
def test_the_processor_stops_before_a_misaligned_operand(board: Any, code: str) -> None:
    for offset in (16, 0):  # the second time the code is translated already
        stop, after = board.run(around(code), rax=DATA + offset, r9=DATA + offset)
        assert (stop.kind, after["rbx"]) == (StopKind.INVALID, 2)
    for offset in (8, 1, 4095):
        stop, after = board.run(around(code), rax=DATA + offset, r9=DATA + offset)
        assert (stop.kind, stop.address) == (StopKind.MISALIGNED, DATA + offset)
        assert (after["rip"], after["rbx"]) == (0x401002, 1)


@pytest.mark.parametrize("code", EASY.values(), ids=EASY)
def test_what_takes_any_address(board: Any, code: str) -> None:
    for offset in (8, 1):
        stop, after = board.run(around(code), rax=DATA + offset)
        assert (stop.kind, after["rbx"]) == (StopKind.INVALID, 2)


def test_the_fault_comes_at_any_execution(board: Any) -> None:
    code = "ffc3 0f2900 4883c010 83fb0a 75f2 4883c008 ebec"  # ten times it is aligned, then no more
    stop, after = board.run(code, rax=DATA)
    assert (stop.kind, stop.address) == (StopKind.MISALIGNED, DATA + 168)
    assert after["rbx"] == 11


def test_an_operand_that_is_also_out_of_reach_is_misaligned_first(board: Any) -> None:
    stop, _ = board.run(around("0f2800"), rax=0x123456788)
    assert (stop.kind, stop.address) == (StopKind.MISALIGNED, 0x123456788)


def test_checking_does_not_change_the_budget(board: Any) -> None:
    code = "48ffc3 0f2900 ebf8"  # loop: inc rbx; movaps [rax], xmm0; jmp loop
    for budget in (1, 10, 1000):
        stop, after = board.run(code, budget=budget, rax=DATA)
        assert (stop.kind, after["rbx"], after["rip"]) == (StopKind.BUDGET, budget, 0x401000)


@pytest.mark.parametrize(
    "code",
    ["660f3a61c100", "660f3a61c181", "660f3a60c100", "66480f3a60c10d"],
    ids=["i", "i words", "m", "m rex"],
)
def test_a_string_of_the_smallest_length_does_no_harm(board: Any, code: str) -> None:
    """PCMPESTRI and PCMPESTRM take the absolute value of a length; 2^31 has none."""
    stop, _ = board.run(code + "0f0b", rax=1 << 31, rdx=1 << 31)
    assert stop.kind is StopKind.INVALID


def test_a_guest_with_a_misaligned_stack(tiny: Callable[..., bytes]) -> None:
    said: list[str] = []
    with Machine(tiny("50 0f290424"), ["guest"], say=said.append) as machine:  # push rax; movaps [rsp], xmm0
        assert machine.run() == ExitStatus(None, 11)
    assert "misaligned operand" in said[0]
    assert "movaps xmmword ptr [rsp], xmm0" in said[0]
