"""The stack frame of a signal handler on x86_64: values in, bytes out, and back (struct rt_sigframe).

Sources: arch/x86/include/uapi/asm/sigcontext.h and ucontext.h, arch/x86/kernel/signal_64.c. The processor has no XSAVE,
so the floating-point state is the 512 bytes of FXSAVE (Intel SDM volume 1, 10.5.1), and UC_FP_XSTATE is not set.
"""

import struct
from typing import NamedTuple

from syscalls import siginfo

FXSAVE = 512
RED_ZONE = 128
"""Bytes below the stack pointer that belong to the function (System V ABI, 3.2.2)."""

CONTEXT_REGISTERS = (
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip",
)  # fmt: skip
"""In the order of struct sigcontext; eflags follows."""

_UC_SIGCONTEXT_SS, _UC_STRICT_RESTORE_SS = 2, 4
_CS, _SS = 0x33, 0x2B
_HEAD = struct.Struct("<QQQ")  # pretcode, uc_flags, uc_link
_STACK = struct.Struct("<QI4xQ")  # ss_sp, ss_flags, ss_size
_CONTEXT = struct.Struct("<17QQHHHHQQQQQ64x")
_MASK = struct.Struct("<Q")
UCONTEXT_AT = 8
_CONTEXT_AT = _HEAD.size + _STACK.size
_MASK_AT = _CONTEXT_AT + _CONTEXT.size
SIGINFO_AT = _MASK_AT + _MASK.size
SIZE = SIGINFO_AT + siginfo.SIZE
_WORD = (1 << 64) - 1

Stack = tuple[int, int, int]
"""ss_sp, ss_flags, ss_size of sigaltstack(2)."""


class Trap(NamedTuple):
    """What the last exception left behind: its vector, error code and address."""

    vector: int = 0
    error: int = 0
    address: int = 0


class State(NamedTuple):
    """What a frame holds of the interrupted thread. `mask` is to be in force again, `fpu_at` is where the FXSAVE image is.
    `bad_selector` is a code segment that the processor does not return to, 0 where it does.
    """

    registers: dict[str, int]
    eflags: int
    mask: int
    stack: Stack
    fpu_at: int
    bad_selector: int = 0


def place(top: int) -> tuple[int, int]:
    """The addresses of a frame and of its floating-point state below `top`, which may be anything: they wrap as the kernel's do."""
    fpu_at = (top - FXSAVE) & -64 & _WORD
    return ((fpu_at - SIZE) & -16) - 8 & _WORD, fpu_at


def pack(state: State, info: siginfo.SigInfo, restorer: int, trap: Trap) -> bytes:
    """The frame, without the floating-point state."""
    registers = [state.registers[name] for name in CONTEXT_REGISTERS]
    return b"".join(
        (
            _HEAD.pack(restorer, _UC_SIGCONTEXT_SS | _UC_STRICT_RESTORE_SS, 0),
            _STACK.pack(*state.stack),
            _CONTEXT.pack(
                *registers, state.eflags, _CS, 0, 0, _SS, trap.error, trap.vector, state.mask, trap.address, state.fpu_at
            ),
            _MASK.pack(state.mask),
            info.pack(),
        )
    )  # fmt: skip


def unpack(frame: bytes) -> State:
    """What a frame of `SIZE` bytes says; the program may have written anything into it."""
    stack = _STACK.unpack_from(frame, _HEAD.size)
    values = _CONTEXT.unpack_from(frame, _CONTEXT_AT)
    (mask,) = _MASK.unpack_from(frame, _MASK_AT)
    registers = dict(zip(CONTEXT_REGISTERS, values, strict=False))
    code = values[18] | 3  # the kernel sets the privilege level
    return State(registers, values[17], mask, stack, values[26], code if code != _CS else 0)
