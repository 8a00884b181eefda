"""The floating-point and SSE state of the processor as the 512 bytes of FXSAVE (Intel SDM volume 1, 10.5.1)."""

import struct
from typing import Protocol

SIZE = 512
MXCSR_MASK = 0xFFFF
_HEAD = struct.Struct("<HHBxHQQII")  # FCW, FSW, FTW (one bit a register), FOP, FIP, FDP, MXCSR, its mask
_ST_AT, _XMM_AT = 32, 160
_CONTROL, _STATUS, _TAGS, _MXCSR = 246, 31, 247, 249  # UC_X86_REG_*
_ST0, _XMM0 = 114, 122


class Engine(Protocol):
    """What is needed of `emu.engine.Engine`."""

    def read(self, register: int) -> int: ...
    def write(self, register: int, value: int) -> None: ...
    def read_wide(self, register: int, size: int) -> bytes: ...
    def write_wide(self, register: int, data: bytes) -> None: ...


def unmasked(engine: Engine) -> int:
    """The exceptions of the x87 that have happened and are not masked: bits of its status word."""
    return engine.read(_STATUS) & ~engine.read(_CONTROL) & 0x3F


def save(engine: Engine) -> bytes:
    """The image of the current state."""
    status = engine.read(_STATUS) & 0xFFFF
    tags = engine.read(_TAGS)
    used = sum(1 << index for index in range(8) if tags >> 2 * index & 3 != 3)
    head = _HEAD.pack(
        engine.read(_CONTROL) & 0xFFFF, status, used, 0, 0, 0, engine.read(_MXCSR) & MXCSR_MASK, MXCSR_MASK
    )
    top = status >> 11 & 7
    stack = b"".join([engine.read_wide(_ST0 + (top + index & 7), 10).ljust(16, b"\0") for index in range(8)])
    vectors = b"".join([engine.read_wide(_XMM0 + index, 16) for index in range(16)])
    return (head + stack + vectors).ljust(SIZE, b"\0")


def restore(engine: Engine, image: bytes) -> bool:
    """Makes an image the current state; False (and nothing done) when its MXCSR has bits that no processor has."""
    control, status, used, _, _, _, mxcsr, _ = _HEAD.unpack_from(image)
    if mxcsr & ~MXCSR_MASK:
        return False
    engine.write(_STATUS, status)
    engine.write(_CONTROL, control)
    top = status >> 11 & 7
    for index in range(8):
        at = _ST_AT + 16 * index
        engine.write_wide(_ST0 + (top + index & 7), image[at : at + 10])
    tags = sum(0 if used >> index & 1 else 3 << 2 * index for index in range(8))
    engine.write(_TAGS, tags)
    engine.write(_MXCSR, mxcsr)
    for index in range(16):
        at = _XMM_AT + 16 * index
        engine.write_wide(_XMM0 + index, image[at : at + 16])
    return True
