"""Applies x86_64 relocations to section bytes, with overflow checks and GOT relaxation."""

from __future__ import annotations

from collections.abc import Callable

from guest.compiler.elfobject import LinkError, Relocation

R_NONE = 0
# type -> (name, size in bytes, relative to the place, accepted: "signed" | "unsigned" | "any")
# Source: AMD64 ABI, table 4.9 "Relocation Types". The 8 and 16 bit ones and "any" take either sign, as ld does.
_SIMPLE = {
    1: ("R_X86_64_64", 8, False, "any"),
    2: ("R_X86_64_PC32", 4, True, "signed"),
    4: ("R_X86_64_PLT32", 4, True, "signed"),
    10: ("R_X86_64_32", 4, False, "unsigned"),
    11: ("R_X86_64_32S", 4, False, "signed"),
    12: ("R_X86_64_16", 2, False, "any"),
    13: ("R_X86_64_PC16", 2, True, "signed"),
    14: ("R_X86_64_8", 1, False, "any"),
    15: ("R_X86_64_PC8", 1, True, "signed"),
    24: ("R_X86_64_PC64", 8, True, "any"),
}
R_GOTPCREL, R_GOTPCRELX, R_REX_GOTPCRELX = 9, 41, 42
_GOT = {
    R_GOTPCREL: "R_X86_64_GOTPCREL",
    R_GOTPCRELX: "R_X86_64_GOTPCRELX",
    R_REX_GOTPCRELX: "R_X86_64_REX_GOTPCRELX",
}


def _relaxation(relocation: Relocation, data: bytes | bytearray, offset: int) -> str:
    """Which rewrite makes the indirection needless: "lea", "call", "jmp", or "" for none (ABI, B.2)."""
    if relocation.kind not in (R_GOTPCRELX, R_REX_GOTPCRELX) or offset < 2 or relocation.addend != -4:
        return ""
    opcode, modrm = data[offset - 2], data[offset - 1]
    if opcode == 0x8B:
        return "lea"
    if opcode == 0xFF and relocation.kind == R_GOTPCRELX:
        return {0x15: "call", 0x25: "jmp"}.get(modrm, "")
    return ""


def needs_got(relocation: Relocation, data: bytes) -> bool:
    """Whether this relocation wants a slot in the global offset table (it is of a GOT kind and cannot be relaxed)."""
    return relocation.kind in _GOT and not _relaxation(relocation, data, relocation.offset)


def _fits(value: int, size: int, accepted: str) -> bool:
    bits = size * 8
    low = 0 if accepted == "unsigned" else -(1 << bits - 1)
    high = (1 << bits - 1) if accepted == "signed" else 1 << bits
    return low <= value < high


def patch(
    data: bytearray,
    offset: int,
    place: int,
    relocation: Relocation,
    value: int,
    got_slot: int | None,
    where: Callable[[], str],
) -> None:
    """Apply one relocation to `data` at `offset`, which is address `place` of the program.

    `value` is the symbol's address, `got_slot` the address of its GOT slot if it has one; `where` describes the
    place for messages. Raises LinkError when the type is unknown or the result does not fit.
    """
    kind = relocation.kind
    if kind == R_NONE:
        return
    simple = _SIMPLE.get(kind)
    if simple is not None:
        name, size, relative, accepted = simple
        result = value + relocation.addend - (place if relative else 0)
    elif kind in _GOT:
        name, size, accepted = _GOT[kind], 4, "signed"
        rewrite = _relaxation(relocation, data, offset)
        if rewrite == "lea":  # mov reg, [rip+slot] -> lea reg, [rip+symbol]
            data[offset - 2] = 0x8D
        elif rewrite == "call":  # call [rip+slot] -> addr32 call symbol
            data[offset - 2 : offset] = b"\x67\xe8"
        elif rewrite == "jmp":  # jmp [rip+slot] -> jmp symbol; nop
            data[offset - 2] = 0xE9
            data[offset + 3] = 0x90
            offset, place = offset - 1, place - 1
        elif got_slot is None:
            raise LinkError(f"{where()}: no GOT slot for {name}")
        else:
            value = got_slot
        result = value + relocation.addend - place
    else:
        raise LinkError(f"{where()}: relocation type {kind} is not supported")
    if offset < 0 or offset + size > len(data):
        raise LinkError(f"broken object: {where()}: relocation outside its section")
    if size < 8 and not _fits(result, size, accepted):
        raise LinkError(f"{where()}: {name} does not fit: {result:#x} in {size * 8} bits ({accepted})")
    data[offset : offset + size] = (result & (1 << size * 8) - 1).to_bytes(size, "little")
