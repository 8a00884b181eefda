"""What CPUID answers: a processor with the instruction sets that the engine has, as far as it has them right.

Not advertised, though executed: SSE4A (the upper half of a result is wrong), XSAVE, XGETBV, RDRAND (whose values would not follow from the seed).

Source: AMD64 Architecture Programmer's Manual, volume 3, appendix E.
"""

_VENDOR = b"AuthenticAMD"
_BRAND = b"emu virtual processor".ljust(48, b"\0")
_SIGNATURE = 0x00800F12  # family 17h, model 1, stepping 2

_LEAF1_EDX = sum(
    1 << bit
    for bit in (
        0,  # FPU
        4,  # TSC
        8,  # CX8
        11,  # SEP
        15,  # CMOV
        19,  # CLFSH
        23,  # MMX
        24,  # FXSR
        25,  # SSE
        26,  # SSE2
    )
)
_LEAF1_ECX = sum(
    1 << bit
    for bit in (
        0,  # SSE3
        1,  # PCLMULQDQ
        9,  # SSSE3
        13,  # CX16
        19,  # SSE4.1
        20,  # SSE4.2
        22,  # MOVBE
        23,  # POPCNT
        25,  # AES
    )
)
_LEAF7_EBX = sum(
    1 << bit
    for bit in (
        0,  # FSGSBASE
        9,  # ERMS
        19,  # ADX
        23,  # CLFLUSHOPT
    )
)
_MIRRORED = 1 << 0 | 1 << 4 | 1 << 8 | 1 << 15 | 1 << 23 | 1 << 24  # FPU, TSC, CX8, CMOV, MMX, FXSR again
_EXTENDED_EDX = (
    _MIRRORED | 1 << 11 | 1 << 20 | 1 << 22 | 1 << 27 | 1 << 29
)  # SYSCALL, NX, MMXEXT, RDTSCP, long mode
_EXTENDED_ECX = 1 << 0 | 1 << 5 | 1 << 8 | 1 << 22  # LAHF in long mode, LZCNT, PREFETCHW, leaf 0x8000001D

_DATA, _CODE, _UNIFIED = 1, 2, 3
_CACHES = ((_DATA, 1, 32 << 10, 8), (_CODE, 1, 64 << 10, 4), (_UNIFIED, 2, 512 << 10, 8))
"""Kind, level, size in bytes, ways; lines of 64 bytes."""
_LINE = 64


def _words(text: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(text[at : at + 4], "little") for at in range(0, len(text), 4))


def _first_level(cache: tuple[int, int, int, int]) -> int:
    _, _, size, ways = cache
    return size >> 10 << 24 | ways << 16 | 1 << 8 | _LINE


def _leaves() -> dict[int, tuple[int, int, int, int]]:
    vendor = _words(_VENDOR)
    brand = _words(_BRAND)
    return {
        0: (7, vendor[0], vendor[2], vendor[1]),
        1: (_SIGNATURE, 8 << 8 | 1 << 16, _LEAF1_ECX, _LEAF1_EDX),  # CLFLUSH line of 64 bytes, one processor
        7: (0, _LEAF7_EBX, 0, 0),
        0x80000000: (0x8000001D, vendor[0], vendor[2], vendor[1]),
        0x80000001: (_SIGNATURE, 0, _EXTENDED_ECX, _EXTENDED_EDX),
        0x80000002: (brand[0], brand[1], brand[2], brand[3]),
        0x80000003: (brand[4], brand[5], brand[6], brand[7]),
        0x80000004: (brand[8], brand[9], brand[10], brand[11]),
        0x80000005: (0, 0, _first_level(_CACHES[0]), _first_level(_CACHES[1])),
        0x80000006: (0, 0, 512 << 16 | 6 << 12 | 1 << 8 | _LINE, 0),  # L2: 512 KiB, 8-way (coded as 6)
        0x80000007: (0, 0, 0, 1 << 8),  # invariant TSC
        0x80000008: (48 | 48 << 8, 0, 0, 0),
    }


_LEAVES = _leaves()


def cpuid(leaf: int, subleaf: int) -> tuple[int, int, int, int]:
    """eax, ebx, ecx, edx of a leaf; zeros for what there is not."""
    if leaf == 7 and subleaf:
        return (0, 0, 0, 0)
    if leaf == 0x8000001D and subleaf < len(_CACHES):
        kind, level, size, ways = _CACHES[subleaf]
        return (kind | level << 5 | 1 << 8, _LINE - 1 | (ways - 1) << 22, size // ways // _LINE - 1, 0)
    return _LEAVES.get(leaf, (0, 0, 0, 0))
