"""What a processor exception means on Linux: signal, si_code, si_addr and the reason in words.

Sources: arch/x86/kernel/traps.c and arch/x86/mm/fault.c for which signal an exception becomes; sigaction(2) for si_code;
Intel SDM volume 3, table 6-1 for the vectors.
"""

from collections.abc import Callable
from typing import NamedTuple

from emu.cpu import Stop, StopKind
from emu.pages import BEYOND_FILE, EXEC, READ, WRITE
from syscalls.flags.signals import ArithmeticCode, BusCode, IllegalCode, SegvCode, SignalCode, TrapCode

SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV = 4, 5, 7, 8, 11
SIGNAL_NAMES = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
    16: "SIGSTKFLT", 17: "SIGCHLD", 18: "SIGCONT", 19: "SIGSTOP", 20: "SIGTSTP", 21: "SIGTTIN", 22: "SIGTTOU",
    23: "SIGURG", 24: "SIGXCPU", 25: "SIGXFSZ", 26: "SIGVTALRM", 27: "SIGPROF", 28: "SIGWINCH", 29: "SIGIO",
    30: "SIGPWR", 31: "SIGSYS",
}  # fmt: skip

SEGV_MAPERR, SEGV_ACCERR = SegvCode.SEGV_MAPERR, SegvCode.SEGV_ACCERR
BUS_ADRALN, BUS_ADRERR = BusCode.BUS_ADRALN, BusCode.BUS_ADRERR
FPE_INTDIV, FPE_FLTINV = ArithmeticCode.FPE_INTDIV, ArithmeticCode.FPE_FLTINV
_X87 = (
    (0x01, FPE_FLTINV, "an invalid operation"), (0x04, ArithmeticCode.FPE_FLTDIV, "a division by zero"),
    (0x08, ArithmeticCode.FPE_FLTOVF, "an overflow"), (0x12, ArithmeticCode.FPE_FLTUND, "an underflow or a denormal"),
    (0x20, ArithmeticCode.FPE_FLTRES, "an inexact result"),
)  # fmt: skip
"""In the order of fpu__exception_code() in arch/x86/kernel/fpu/core.c: bits of the status word, si_code, words."""
ILL_ILLOPN = IllegalCode.ILL_ILLOPN
TRAP_BRKPT, TRAP_TRACE = TrapCode.TRAP_BRKPT, TrapCode.TRAP_TRACE
SI_KERNEL = SignalCode.SI_KERNEL

STACK_REACH = 1 << 20
"""How far below the stack's lowest page an access still looks like a stack that grew too large (bytes)."""

_NOT_CANONICAL, _KERNEL = 1 << 47, 0xFFFF800000000000
_PRIVILEGED = (b"\x0f\x07", b"\x0f\x33", b"\x0f\x35")  # SYSRET, RDPMC, SYSEXIT: the engine does not know them

_VERBS = {READ: "read of", WRITE: "write to", EXEC: "jump to"}
_PERMISSIONS = {READ: "readable", WRITE: "writable", EXEC: "executable"}


class Fault(NamedTuple):
    """One exception as Linux sees it. `address` is si_addr; `accessed` says that it is worth showing on a map,
    `misaligned` that the report should look for what has misaligned the stack."""

    signal: int
    code: int
    address: int
    reason: str
    accessed: bool = False
    misaligned: bool = False


def permissions(prot: int) -> str:
    """The protection as /proc/PID/maps writes it: "rw-"."""
    return "".join(letter if prot & bit else "-" for letter, bit in (("r", READ), ("w", WRITE), ("x", EXEC)))


def classify(
    stop: Stop,
    pc: int,
    code: bytes,
    protection: Callable[[int], int | None],
    stack_low: int,
    mnemonic: Callable[[], str] = lambda: "",
    in_stack_segment: Callable[[], bool] = lambda: False,
) -> Fault:
    """The fault behind a stop of kind MEMORY, INTERRUPT, INVALID or MISALIGNED.

    `code` are the bytes at `pc`. `protection(address)` is the bits of the mapping there, None where there is none.
    `stack_low` is the lowest address of the thread's stack, 0 when it is not known. `mnemonic()` names the instruction at `pc`,
    `in_stack_segment()` says whether it addresses memory by rsp or rbp.
    """
    if stop.kind is StopKind.MEMORY:
        if _NOT_CANONICAL <= stop.address < _KERNEL:
            return _not_canonical(stop, stop.access != EXEC and in_stack_segment())
        return _denied(stop, protection(stop.address), stack_low)
    if stop.kind is StopKind.MISALIGNED:
        # The processor raises #GP, which carries no address.
        reason = f"misaligned operand at {stop.address:#x}: {mnemonic() or 'the instruction'} wants a multiple of 16"
        return Fault(SIGSEGV, SI_KERNEL, 0, reason, misaligned=True)
    if stop.kind is StopKind.INVALID:
        if code[:1] == b"\xf1":
            return Fault(SIGTRAP, TRAP_BRKPT, pc + 1, "debug trap (int1)")
        if code[code[:1] == b"\x48" :][:2] in _PRIVILEGED:
            return _exception(13, pc, code, mnemonic)
        return Fault(SIGILL, ILL_ILLOPN, pc, _invalid(code, mnemonic()))
    if stop.vector == 16:
        return _x87(stop.error, pc)
    return _exception(stop.vector, pc, code, mnemonic)


def _not_canonical(stop: Stop, stack: bool) -> Fault:
    """The processor raises #GP, or #SS where it works on the stack; neither carries an address."""
    reason = f"{_VERBS[stop.access]} {stop.address:#x}: not a user address (nor of 48 bits)"
    return Fault(SIGBUS if stack else SIGSEGV, SI_KERNEL, 0, reason)


def _denied(stop: Stop, prot: int | None, stack_low: int) -> Fault:
    what = f"{_VERBS[stop.access]} {stop.address:#x}"
    if stop.address >= _KERNEL:
        return Fault(SIGSEGV, SEGV_MAPERR, stop.address, f"{what}: not a user address (the kernel's)")
    if not prot and stack_low - STACK_REACH <= stop.address < stack_low:
        code = SEGV_MAPERR if prot is None else SEGV_ACCERR
        reason = f"{what}: stack overflow (below the stack's limit at {stack_low:#x})"
        return Fault(SIGSEGV, code, stop.address, reason, True)
    if prot is None:
        if stop.address < 4096:
            return Fault(
                SIGSEGV, SEGV_MAPERR, stop.address, f"{what}: null pointer (nothing is mapped there)", True
            )
        return Fault(SIGSEGV, SEGV_MAPERR, stop.address, f"{what}: nothing is mapped there", True)
    if prot & BEYOND_FILE:
        return Fault(SIGBUS, BUS_ADRERR, stop.address, f"{what}: beyond the end of the mapped file", True)
    reason = f"{what}: the mapping is not {_PERMISSIONS[stop.access]} ({permissions(prot)})"
    return Fault(SIGSEGV, SEGV_ACCERR, stop.address, reason, True)


def _invalid(code: bytes, mnemonic: str) -> str:
    name = f" ({mnemonic})" if mnemonic else ""
    if code[:2] == b"\x0f\x0b":
        return "undefined instruction on purpose (ud2): a trap, a failed assertion, or unreachable code"
    if code[:1] in (b"\xc4", b"\xc5"):
        return f"AVX or BMI instruction{name}: the emulated processor has none, and CPUID says so"
    if code[:1] == b"\x62":
        return f"AVX-512 instruction{name}: the emulated processor has none, and CPUID says so"
    return f"invalid opcode {code[:8].hex(' ')}{name}"


def _x87(flags: int, pc: int) -> Fault:
    code, what = next(((code, what) for bits, code, what in _X87 if flags & bits), (0, "an exception"))
    return Fault(
        SIGFPE,
        code,
        pc,
        f"floating point: {what}, which the program has unmasked (noticed at the next x87 instruction)",
    )


def _exception(vector: int, pc: int, code: bytes, mnemonic: Callable[[], str]) -> Fault:
    if vector == 0:
        return Fault(SIGFPE, FPE_INTDIV, pc, "integer division by zero, or a quotient that does not fit")
    if vector == 1:
        return Fault(SIGTRAP, TRAP_TRACE, pc, "single step (the trap flag)")
    if vector == 3:
        return Fault(SIGTRAP, SI_KERNEL, 0, "breakpoint (int3), just before the pc")
    if vector == 6:
        return Fault(SIGILL, ILL_ILLOPN, pc, _invalid(code, mnemonic()))
    if vector == 17:
        return Fault(SIGBUS, BUS_ADRALN, 0, "misaligned access with alignment checks on")
    if code[:2] == b"\xcd\x80":
        return Fault(
            SIGSEGV,
            SI_KERNEL,
            0,
            "int 0x80: the 32-bit system call interface is not offered; use the syscall instruction",
        )
    name = mnemonic()
    what = f"privileged or forbidden instruction{f' ({name})' if name else ''}"
    if code[:1] == b"\xcd":
        what = f"software interrupt {code[1:2].hex()}h, which user programs may not raise"
    return Fault(SIGSEGV, SI_KERNEL, 0, f"general protection: {what}")
