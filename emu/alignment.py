"""Finds the instructions that fault on a misaligned operand, and their operand's address: the engine does not check.

Pure. What is looked for are the aligned 16-byte moves (MOVAPS, MOVAPD, MOVDQA, MOVNTPS, MOVNTPD, MOVNTDQ): with them a program
notices that its stack is misaligned. Source: Intel SDM volume 2, chapter 2 (encoding) and 2.4 (alignment).
"""

import re
from collections.abc import Callable, Iterator

ALIGNMENT = 16

# 66 prefix, REX, 0F, opcode, ModRM with a memory operand (mod is not 3). Looked for at every byte: what is found inside
# another instruction does no harm, as it never is executed.
_MOVE = re.compile(
    rb"(?=(?:\x66[\x40-\x4f]?\x0f[\x28\x29\x2b\x6f\x7f\xe7]|[\x40-\x4f]?\x0f[\x28\x29\x2b])[\x00-\xbf])"
)
_REGISTERS = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip


def candidates(code: bytes) -> Iterator[int]:
    """Offsets in `code` at which such an instruction may begin."""
    return (match.start() for match in _MOVE.finditer(code))


def on_stack(code: bytes, offset: int) -> bool:
    """Whether the operand of the candidate at `offset` is addressed by rsp or rbp."""
    rex, at = _opcode(code, offset)
    modrm = code[at + 1]
    if modrm & 7 == 4:
        return at + 2 < len(code) and code[at + 2] & 7 == 4 and not rex & 1
    return modrm & 7 == 5 and modrm >> 6 != 0 and not rex & 1


def effective_address(code: bytes, pc: int, register: Callable[[str], int]) -> int:
    """The address of the operand of the instruction at `pc`, whose bytes `code` begins with (segment bases ignored)."""
    rex, at = _opcode(code, 0)
    modrm = code[at + 1]
    mod, rm = modrm >> 6, modrm & 7
    at += 2
    if rm == 4:
        sib = code[at]
        at += 1
        base, index = sib & 7 | (rex & 1) << 3, sib >> 3 & 7 | (rex & 2) << 2
        address = register(_REGISTERS[index]) << (sib >> 6) if index != 4 else 0
        if sib & 7 == 5 and mod == 0:
            return (address + _signed(code, at, 4)) & 0xFFFFFFFFFFFFFFFF
        address += register(_REGISTERS[base])
    elif rm == 5 and mod == 0:
        return (pc + at + 4 + _signed(code, at, 4)) & 0xFFFFFFFFFFFFFFFF  # relative to the next instruction
    else:
        address = register(_REGISTERS[rm | (rex & 1) << 3])
    if mod:
        address += _signed(code, at, 1 if mod == 1 else 4)
    return address & 0xFFFFFFFFFFFFFFFF


def _opcode(code: bytes, at: int) -> tuple[int, int]:
    """The REX prefix (0: none) and the place of the opcode behind 0F."""
    if code[at] == 0x66:
        at += 1
    rex = 0
    if 0x40 <= code[at] < 0x50:
        rex = code[at]
        at += 1
    return rex, at + 1


def _signed(code: bytes, at: int, size: int) -> int:
    return int.from_bytes(code[at : at + size], "little", signed=True)
