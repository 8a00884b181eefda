"""Random machine code, with what only a kernel may execute in it, and ELF files whose headers say something odd."""

from __future__ import annotations

import random
import struct


def spoiled_elf(chance: random.Random) -> bytes:
    """An ELF whose headers say something odd; as often as not it still runs."""
    code = b"\xb8\xe7\0\0\0\x31\xff\x0f\x05"  # exit_group(0)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0x500078, 64, 0, 0, 64, 56, 1, 64, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x500000, 0x500000, 0x1000, 0x1000, 0x1000)
    elf = bytearray((header + segment + code).ljust(4096, b"\0"))
    for _ in range(chance.choice((0, 1, 1, 2, 4, 16))):
        elf[chance.randrange(120)] = chance.choice((0, 1, 3, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return bytes(elf[: chance.choice((4096, 4096, 4096, 120, 64, 100, 5))])


PRIVILEGED = (
    "f4", "fa", "fb", "ec", "ee", "e410", "0f32", "0f30", "0f20c0", "0f22c0", "0f01d0", "0f01c1", "0f34", "cd80", "cd03", "cc", "ce", "f1", "0f0b",
    "0f05", "ff2c25", "ea", "cf", "48cf", "cb", "0f01f8", "0faa", "0f00d8", "0f01e0", "0f09", "0f08", "9d", "8ed0", "8ee8", "f390", "0fa2", "0f31",
    "0f01f9", "0fae00", "0fae08", "dbe3", "0f77", "9b", "d7", "f3a4", "f30fb8c0", "0fc7f0", "c8ffff1f", "0f01d5", "67e3fe",
)  # fmt: skip
"""Instructions that only a kernel may execute, or that leave the usual path."""


def random_code(chance: random.Random) -> bytes:
    """Bytes that begin with nothing in particular."""
    code = bytearray()
    while len(code) < 200:
        way = chance.random()
        if way < 0.3:
            code += bytes.fromhex(chance.choice(PRIVILEGED))
        elif way < 0.4:
            code += b"\xb8" + struct.pack("<I", chance.randrange(470)) + b"\x0f\x05"
        else:
            code += chance.randbytes(chance.randint(1, 8))
    return bytes(code)
