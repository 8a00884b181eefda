"""Results of integer and SSE instructions with random operands, on this machine's processor and emulated: bits, flags and memory."""

import random
from collections.abc import Callable
from typing import Any

import pytest

_UNDEFINED_BY_MULTIPLICATION, _UNDEFINED_BY_SHIFT = 0xD4, 0x10
_NOT_ADJUST = 0xFFFFFFFF & ~_UNDEFINED_BY_SHIFT
_CASES = 12
_INTEGER = (
    "add cl,dl", "adc cx,dx", "sub ecx,edx", "sbb rcx,rdx", "cmp rcx,rdx", "inc cl", "dec rcx", "neg cx", "not ecx",
    "cmpxchg [rdi],rcx", "lock cmpxchg [rdi],cl", "xadd [rdi],ecx", "cmpxchg8b [rdi]", "cmpxchg16b [rdi]",
    "bt rcx,rdx", "bts ecx,17", "movsx rdx,r8b; btc [rdi+64],rdx", "movsx rdx,r8b; lock btr [rdi+64],rdx",
    "popcnt rcx,rdx", "crc32 ecx,dl", "crc32 rcx,rdx", "movbe rcx,[rdi]", "bswap ecx", "adcx rcx,rdx", "adox rcx,rdx",
    "lahf", "sahf", "cqo", "cwd", "cbw", "setl cl", "cmovp rcx,rdx", "sbb rcx,rcx", "rol ecx,1", "rcr dl,1", "rcl rcx,1",
    "mov rsi,rdi; add rdi,40; mov ecx,17; rep movsb", "mov rsi,rdi; add rdi,5; mov ecx,7; rep movsw", "mov ecx,9; rep stosd",
    "mov ecx,100; repne scasb", "lea rsi,[rdi+16]; mov ecx,40; repe cmpsb", "std; add rdi,100; lea rsi,[rdi+8]; mov ecx,20; rep movsb; cld",
)  # fmt: skip
_SHIFTS = (
    "shl cl,1", "shr cx,1", "sar ecx,1", "shl rcx,13", "shr ecx,37", "sar rcx,63", "shld rcx,rdx,1", "shrd ecx,edx,1",
    "mov cl,r8b; ror rdx,cl; mov ecx,0; cmp ecx,ecx",
)  # fmt: skip
_PRODUCTS = ("mul cl", "mul rcx", "imul ecx", "imul rcx,rdx", "imul cx,dx,-3")
_VECTOR = (
    "paddb", "paddsw", "psubusb", "pmullw", "pmulhuw", "pmuludq", "pmaddwd", "pavgb", "psadbw", "pcmpgtw", "pminub", "packssdw",
    "packuswb", "punpckhbw", "psllw", "psrad", "psrlq", "pshufb", "phaddsw", "pmaddubsw", "pmulhrsw", "psignw", "pabsd", "pblendvb",
    "ptest", "pmovsxbq", "pmovzxwd", "pmuldq", "packusdw", "pcmpgtq", "pminsb", "pmulld", "phminposuw", "aesenc", "aesdeclast",
    "aesimc", "cvtdq2ps", "cvttps2dq", "cvtps2dq", "cvtdq2pd", "cvttpd2dq", "ucomiss", "comisd", "minps", "maxpd", "unpcklps", "movddup",
)  # fmt: skip
_WITH_NUMBER = (
    "pshufd",
    "shufps",
    "palignr",
    "pblendw",
    "insertps",
    "mpsadbw",
    "pclmulqdq",
    "pcmpistri",
    "pcmpistrm",
    "cmpps",
    "roundsd",
)
_ARITHMETIC = (
    "addps",
    "subpd",
    "mulsd",
    "divps",
    "sqrtpd",
    "addsd",
    "divss",
    "cvtpd2ps",
    "cvtsd2ss",
    "cvtss2sd",
    "cvtps2pd",
)
_INTERESTING = (
    0,
    1,
    0xFF,
    0x8000,
    0x7FFFFFFF,
    0x80000000,
    0x7FF0 << 48,
    0x3FF0 << 48,
    1 << 63,
    (1 << 64) - 1,
)
_NUMBERS = (
    0x3F800000,
    0xBF800000,
    0x7F7FFFFF,
    1,
    0x80000001,
    0x00800000,
    0x40490FDB,
    0x4B800001,
    0x3EFFFFFF,
    0,
)


def word(chance: random.Random) -> int:
    return chance.choice(_INTERESTING) if chance.random() < 0.4 else chance.getrandbits(64)


def vector(chance: random.Random, *, finite: bool) -> bytes:
    if finite:  # which of two NaNs goes on is not the same
        return b"".join(chance.choice(_NUMBERS).to_bytes(4, "little") for _ in range(4))
    return b"".join(word(chance).to_bytes(8, "little") for _ in range(2))


@pytest.mark.parametrize(
    ("lines", "flags"),
    [
        (_INTEGER, 0xFFFFFFFF),
        (_SHIFTS, _NOT_ADJUST),
        (_PRODUCTS, 0xFFFFFFFF & ~_UNDEFINED_BY_MULTIPLICATION),
        ([f"{name} xmm1,xmm2" for name in _VECTOR], 0xFFFFFFFF),
        ([f"{name} xmm1,xmm2,{number}" for name in _WITH_NUMBER for number in (0, 1, 2, 5)], 0xFFFFFFFF),
        ([f"{name} xmm1,xmm2" for name in _ARITHMETIC], 0xFFFFFFFF),
    ],
    ids=["integers", "shifts", "products", "vectors", "vectors and a number", "floating point"],
)
def test_results(
    both: Callable[..., Any],
    assemble: Callable[..., Any],
    case: Callable[..., bytes],
    lines: list[str],
    flags: int,
) -> None:
    chance = random.Random(7)
    cases, names = [], []
    for name, code in zip(lines, assemble(lines), strict=True):
        for _ in range(_CASES):
            registers = {register: word(chance) for register in ("rax", "rcx", "rdx", "rbx", "r8", "r9")}
            finite = name.split()[0] in _ARITHMETIC
            cases.append(
                case(
                    code,
                    registers,
                    mxcsr=chance.choice((0x1F80, 0x3F80, 0x5F80, 0x7F80)),
                    flags=0x202 | chance.choice((0, 1, 0x8D5)),
                    memory=b"".join(word(chance).to_bytes(8, "little") for _ in range(32)),
                    xmm=[vector(chance, finite=finite) for _ in range(16)],
                )
            )
            names.append(name)
    for name, (native, emulated) in zip(names, both(cases), strict=True):
        found = [
            (result.registers, result.flags & flags, result.signal, result.memory, result.fpu[160:])
            for result in (native, emulated)
        ]
        assert found[1] == found[0], name
