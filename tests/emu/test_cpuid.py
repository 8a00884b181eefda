"""CPUID: what it promises is executed, what it does not say is what the engine lacks, and its leaves agree with each other."""

from typing import Any

import pytest

from emu.cpu import StopKind
from emu.cpuid import cpuid

DATA = 0x500000
EAX, EBX, ECX, EDX = range(4)
PROMISED = {  # leaf, register and bit, with an instruction of that set
    (1, EDX, 4): "0f31",  # TSC: rdtsc
    (1, EDX, 8): "480fc70f",  # CX8: cmpxchg16b [rdi] (with REX.W)
    (1, EDX, 15): "0f44c1",  # CMOV
    (1, EDX, 19): "0fae3f",  # CLFLUSH
    (1, EDX, 23): "0fefc0 0f77",  # MMX: pxor mm0, mm0; emms
    (1, EDX, 24): "0fae07",  # FXSR
    (1, EDX, 25): "0f58c1",  # SSE: addps
    (1, EDX, 26): "660f58c1",  # SSE2: addpd
    (1, ECX, 0): "f20f7cc1",  # SSE3: haddps
    (1, ECX, 1): "660f3a44c100",  # PCLMULQDQ
    (1, ECX, 9): "660f3800c1",  # SSSE3: pshufb
    (1, ECX, 13): "480fc70f",  # CX16
    (1, ECX, 19): "660f3840c1",  # SSE4.1: pmulld
    (1, ECX, 20): "f20f38f1c1",  # SSE4.2: crc32
    (1, ECX, 22): "0f38f007",  # MOVBE
    (1, ECX, 23): "f30fb8c1",  # POPCNT
    (1, ECX, 25): "660f38dcc1",  # AES
    (7, EBX, 0): "f3480faec0",  # FSGSBASE: rdfsbase rax
    (7, EBX, 9): "31c9 f3a4",  # ERMS: rep movsb
    (7, EBX, 19): "660f38f6c1",  # ADX: adcx
    (7, EBX, 23): "660fae3f",  # CLFLUSHOPT
    (0x80000001, ECX, 0): "9f",  # LAHF
    (0x80000001, ECX, 5): "f30fbdc1",  # LZCNT
    (0x80000001, ECX, 8): "0f0d0f",  # PREFETCHW
    (0x80000001, EDX, 22): "0ff7c1",  # MMXEXT: maskmovq mm0, mm1
    (0x80000001, EDX, 27): "0f01f9",  # RDTSCP
}
WITHOUT_INSTRUCTIONS = {
    (1, EDX): 1 << 0 | 1 << 11,  # FPU; SEP, which is for 32-bit code
    (0x80000001, EDX): 1 << 11 | 1 << 20 | 1 << 29,  # SYSCALL, NX, long mode
    (0x80000001, ECX): 1 << 22,  # leaf 0x8000001D
}


@pytest.mark.parametrize("code", PROMISED.values(), ids=[f"{leaf:x}-{bit}" for leaf, _, bit in PROMISED])
def test_what_is_promised_is_executed(board: Any, code: str) -> None:
    stop, after = board.run(code + "0f0b", rdi=DATA, rsi=DATA)
    assert (stop.kind, after["rip"]) == (StopKind.INVALID, 0x401000 + len(bytes.fromhex(code)))


@pytest.mark.parametrize("leaf", [1, 7, 0x80000001])
@pytest.mark.parametrize("register", [EBX, ECX, EDX])
def test_nothing_is_promised_that_is_not_tried(leaf: int, register: int) -> None:
    if register == EBX and leaf != 7:
        return  # no features
    tried = sum(1 << bit for at, where, bit in PROMISED if (at, where) == (leaf, register))
    mirrored = sum(1 << bit for bit in (0, 4, 8, 15, 23, 24)) if (leaf, register) == (0x80000001, EDX) else 0
    assert cpuid(leaf, 0)[register] == tried | WITHOUT_INSTRUCTIONS.get((leaf, register), 0) | mirrored


@pytest.mark.parametrize(
    "code",
    ["c5f857c0", "c5fc57c0", "c4e27918c0", "c4e278f2c1", "62f17c4857c0", "0f38c9c1", "f30fc7f8", "660fae37"],
    ids=["AVX", "AVX 256", "AVX2", "BMI", "AVX-512", "SHA", "RDPID", "CLWB"],
)
def test_what_is_not_promised_is_not_there(board: Any, code: str) -> None:
    stop, after = board.run(code + "0f0b", rdi=DATA)
    assert (stop.kind, after["rip"]) == (StopKind.INVALID, 0x401000)


def test_the_operating_system_keeps_no_extended_state() -> None:
    assert not cpuid(1, 0)[ECX] >> 26 & 7  # XSAVE, OSXSAVE, AVX
    assert cpuid(0, 0)[EAX] < 0xD
    assert cpuid(0xD, 0) == (0, 0, 0, 0)


def test_the_caches_are_the_same_in_all_leaves() -> None:
    sizes = {}
    for index in range(4):
        kind, ways_and_line, sets, _ = cpuid(0x8000001D, index)
        if kind & 31:
            sizes[kind >> 5 & 7, kind & 31] = (
                ((ways_and_line >> 22) + 1) * ((ways_and_line & 0xFFF) + 1) * (sets + 1)
            )
    first, second = cpuid(0x80000005, 0), cpuid(0x80000006, 0)
    assert sizes == {
        (1, 1): first[ECX] >> 24 << 10,
        (1, 2): first[EDX] >> 24 << 10,
        (2, 3): second[ECX] >> 16 << 10,
    }


def test_the_brand_and_the_vendor() -> None:
    brand = b"".join(word.to_bytes(4, "little") for leaf in (2, 3, 4) for word in cpuid(0x80000000 + leaf, 0))
    assert brand.rstrip(b"\0") == b"emu virtual processor"
    _, b, c, d = cpuid(0, 0)
    assert b"".join(word.to_bytes(4, "little") for word in (b, d, c)) == b"AuthenticAMD"


def test_the_time_stamp_counter_never_goes_back(board: Any) -> None:
    now = iter(range(1 << 33, 1 << 40, 1 << 31))
    board.cpu._tsc = lambda: next(now)
    _, after = board.run("0f31 48c1e220 4809c2 4889d3 0f01f9 48c1e220 4809c2 4829da 0f0b")
    assert after["rdx"] == 1 << 31
    assert after["rcx"] == 0  # TSC_AUX: the processor's number
