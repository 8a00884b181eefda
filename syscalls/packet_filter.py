"""Classic BPF as seccomp(2) has it: what is a program, and what it says (net/core/filter.c, kernel/seccomp.c). Pure."""

import struct
from collections.abc import Callable
from typing import NamedTuple

MOST = 4096
"""BPF_MAXINSNS."""

DATA_SIZE = 64
"""sizeof(struct seccomp_data): number, architecture, instruction pointer, six arguments."""

_COMMON = 8  # bytes of number and architecture: what lies behind differs from call to call
_WORD = 0xFFFFFFFF
_CELLS = 16
_INSTRUCTION = struct.Struct("<HBBI")

LD_ABS, LD_LEN, LDX_LEN = 0x20, 0x80, 0x81
LD_IMM, LDX_IMM, LD_MEM, LDX_MEM, ST, STX = 0x00, 0x01, 0x60, 0x61, 0x02, 0x03
JA, RET_K, RET_A, TAX, TXA, NEG = 0x05, 0x06, 0x16, 0x07, 0x87, 0x84
DIV_K, DIV_X, LSH_K, RSH_K = 0x34, 0x3C, 0x64, 0x74

_ALU: dict[int, Callable[[int, int], int]] = {
    0x04: lambda a, b: a + b, 0x14: lambda a, b: a - b, 0x24: lambda a, b: a * b, DIV_K: lambda a, b: a // b,
    0x44: lambda a, b: a | b, 0x54: lambda a, b: a & b, 0xA4: lambda a, b: a ^ b,
    LSH_K: lambda a, b: a << (b & 31), RSH_K: lambda a, b: a >> (b & 31),
}  # fmt: skip
_JUMPS: dict[int, Callable[[int, int], bool]] = {
    0x15: lambda a, b: a == b, 0x25: lambda a, b: a > b, 0x35: lambda a, b: a >= b, 0x45: lambda a, b: a & b != 0,
}  # fmt: skip
_BY_X = 0x08  # the operand is X, not the constant
_ALU_CODES = {code | by for code in _ALU for by in (0, _BY_X)}
_JUMP_CODES = {code | by for code in _JUMPS for by in (0, _BY_X)}
_PLAIN = {LD_LEN, LDX_LEN, LD_IMM, LDX_IMM, LD_MEM, LDX_MEM, ST, STX, LD_ABS, JA, RET_K, RET_A, TAX, TXA, NEG}
_KNOWN = _PLAIN | _ALU_CODES | _JUMP_CODES


class Instruction(NamedTuple):
    """struct sock_filter."""

    code: int
    jump_true: int
    jump_false: int
    constant: int


class Program:
    """A program that was checked. Raises ValueError for one that Linux refuses."""

    def __init__(self, data: bytes) -> None:
        self.instructions = [Instruction(*found) for found in _INSTRUCTION.iter_unpack(data)]
        self._known: dict[
            int, int
        ] = {}  # by number: where neither the place nor the arguments were looked at
        _check(self.instructions)

    def __len__(self) -> int:
        return len(self.instructions)

    def answer(self, number: int, data: bytes) -> int:
        """What it returns for a call, with struct seccomp_data."""
        known = self._known.get(number)
        if known is not None:
            return known
        value, depends = run(self.instructions, data)
        if not depends and len(self._known) < 1024:
            self._known[number] = value
        return value


def _check(instructions: list[Instruction]) -> None:
    count = len(instructions)
    if not 0 < count <= MOST or instructions[-1].code not in (RET_K, RET_A):
        raise ValueError("a program ends with a return")
    filled, reachable = 0, [(1 << _CELLS) - 1] * count
    for at, (code, if_true, if_false, constant) in enumerate(instructions):
        filled &= reachable[at]
        if code not in _KNOWN:
            raise ValueError(f"instruction {at} is none")
        if code == LD_ABS and (constant >= DATA_SIZE or constant & 3):
            raise ValueError(f"instruction {at} loads what is not there")
        if (code == DIV_K and not constant) or (code in (LSH_K, RSH_K) and constant >= 32):
            raise ValueError(f"instruction {at} computes nothing")
        if code in (ST, STX, LD_MEM, LDX_MEM):
            if constant >= _CELLS or (code in (LD_MEM, LDX_MEM) and not filled >> constant & 1):
                raise ValueError(f"instruction {at} uses a cell that holds nothing")
            filled |= 1 << constant
        targets = [constant] if code == JA else [if_true, if_false] if code in _JUMP_CODES else []
        for target in targets:
            if at + 1 + target >= count:
                raise ValueError(f"instruction {at} jumps out")
            reachable[at + 1 + target] &= filled
        if targets:
            filled = (1 << _CELLS) - 1


def run(instructions: list[Instruction], data: bytes) -> tuple[int, bool]:
    """What a checked program returns, and whether it has looked at more than number and architecture."""
    a = x = at = 0
    cells = [0] * _CELLS
    depends = False
    while True:
        code, if_true, if_false, constant = instructions[at]
        at += 1
        if code == LD_ABS:
            a = int.from_bytes(data[constant : constant + 4], "little")
            depends = depends or constant >= _COMMON
        elif code in _JUMP_CODES:
            operand = x if code & _BY_X else constant
            at += if_true if _JUMPS[code & ~_BY_X](a, operand) else if_false
        elif code == RET_K:
            return constant, depends
        elif code in _ALU_CODES:
            operand = x if code & _BY_X else constant
            if code == DIV_X and not operand:
                return 0, depends
            a = _ALU[code & ~_BY_X](a, operand) & _WORD
        elif code == RET_A:
            return a, depends
        elif code == JA:
            at += constant
        elif code in (LD_IMM, LD_MEM, LD_LEN, TXA):
            a = {LD_IMM: constant, LD_MEM: cells[constant & 15], LD_LEN: DATA_SIZE, TXA: x}[code]
        elif code in (LDX_IMM, LDX_MEM, LDX_LEN, TAX):
            x = {LDX_IMM: constant, LDX_MEM: cells[constant & 15], LDX_LEN: DATA_SIZE, TAX: a}[code]
        elif code == ST:
            cells[constant] = a
        elif code == STX:
            cells[constant] = x
        else:  # NEG
            a = -a & _WORD
