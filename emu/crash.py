"""The report about a guest that died of a fault: values in, text out."""

import errno
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import capstone
from capstone import x86

from emu.faults import SIGNAL_NAMES, Fault, permissions
from syscalls import numbers

_FLAGS = {0: "CF", 2: "PF", 4: "AF", 6: "ZF", 7: "SF", 8: "TF", 9: "IF", 10: "DF", 11: "OF"}
_ROWS = (
    ("rax", "rbx", "rcx", "rdx"),
    ("rsi", "rdi", "rbp", "rsp"),
    ("r8", "r9", "r10", "r11"),
    ("r12", "r13", "r14", "r15"),
)
LONGEST_INSTRUCTION = 15
_ON_STACK = ("push", "pop", "call", "ret", "leave", "enter", "iret")
_ERRORS = {-number: name for number, name in errno.errorcode.items() if number > 1}  # -1 is often just that
CHAIN_ENDS = 12  # frames shown at each end of a long chain
BEFORE, AFTER = 4, 4  # instructions shown around the pc


class Mapping(NamedTuple):
    """One line of the memory map."""

    start: int
    end: int
    prot: int
    name: str


class Crash(NamedTuple):
    """All that a report shows.

    `registers` hold the general registers by name, rip, eflags, fs_base, gs_base. `locate` gives the place of a pc in the
    program ("parse+0x1c http.py:42", or ""). `chain` are return addresses, innermost first, without the pc itself.
    `calls` are the thread's last system calls, oldest first: number, arguments, result (None: not returned).
    """

    program: str
    thread: int
    thread_name: str
    fault: Fault
    registers: dict[str, int]
    read: Callable[[int, int], bytes]
    mappings: Sequence[Mapping]
    locate: Callable[[int], str]
    chain: Sequence[int]
    calls: Sequence[tuple[int, tuple[int, ...], int | None]]


def mnemonic(code: bytes, pc: int) -> str:
    """The instruction at the start of `code` in words ("vpxor ymm0, ymm0, ymm0"), or ""."""
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    for _, _, name, operands in engine.disasm_lite(code[:LONGEST_INSTRUCTION], pc, 1):
        return f"{name} {operands}".strip()
    return ""


def memory_use(code: bytes) -> tuple[bool, bool]:
    """What the instruction at the start of `code` does with its memory operand: whether it reads and writes it (ADD), and
    whether it is addressed through the stack segment (by rsp or rbp, or by PUSH and its like)."""
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    for instruction in engine.disasm(code[:LONGEST_INSTRUCTION], 0, 1):
        operands = [operand for operand in instruction.operands if operand.type == x86.X86_OP_MEM]
        both = capstone.CS_AC_READ | capstone.CS_AC_WRITE
        modified = any(operand.access & both == both for operand in operands)
        by_stack = any(
            operand.mem.base in (x86.X86_REG_RSP, x86.X86_REG_RBP)
            and operand.mem.segment in (x86.X86_REG_INVALID, x86.X86_REG_SS)
            for operand in operands
        )
        return modified, by_stack or (not operands and instruction.mnemonic.startswith(_ON_STACK))
    return False, False


def report(crash: Crash) -> str:
    """The report as lines of plain text, for stderr."""
    sections = [_head(crash), _registers(crash), _code(crash), _chain(crash), _map(crash), _calls(crash)]
    return "\n".join(section for section in sections if section) + "\n"


def _head(crash: Crash) -> str:
    fault = crash.fault
    name = SIGNAL_NAMES.get(fault.signal, f"signal {fault.signal}")
    who = f"thread {crash.thread}" + (f" ({crash.thread_name})" if crash.thread_name else "")
    pc = crash.registers["rip"]
    place = crash.locate(pc)
    return (
        f"emu: {crash.program} killed by {name} in {who}\n"
        f"  {fault.reason}\n"
        f"  at {pc:#x}{'  ' + place if place else ''}"
    )


def _registers(crash: Crash) -> str:
    lines = ["  registers"]
    lines += ["    " + "  ".join(f"{name:>3} {crash.registers[name]:016x}" for name in row) for row in _ROWS]
    flags = crash.registers["eflags"]
    names = " ".join(name for bit, name in _FLAGS.items() if flags >> bit & 1)
    lines.append(
        f"    rip {crash.registers['rip']:016x}  flags {flags:08x} [{names}]"
        f"  fs {crash.registers['fs_base']:x}  gs {crash.registers['gs_base']:x}"
    )
    return "\n".join(lines)


def _code(crash: Crash) -> str:
    pc = crash.registers["rip"]
    before = LONGEST_INSTRUCTION * (BEFORE + 2)
    start, data = pc, _readable(crash, pc, 4096 - pc % 4096) or b""
    if not data:
        return f"  code\n    => {pc:x}  cannot be read"
    for reach in range(before, 0, -1):
        head = _readable(crash, pc - reach, reach)
        if head is not None:
            start, data = pc - reach, head + data
            break
    lines = ["  code"]
    for address, text in _around(data[: before + LONGEST_INSTRUCTION * (AFTER + 1)], start, pc):
        lines.append(f"    {'=>' if address == pc else '  '} {address:x}  {text}")
    return "\n".join(lines)


def _around(data: bytes, start: int, pc: int) -> list[tuple[int, str]]:
    """Instructions before, at and after `pc`. x86 code cannot be read backwards: of all places to begin, the one that
    meets `pc` with the most instructions wins."""
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    offset = pc - start
    best: list[tuple[int, str]] = []
    for first in range(offset):
        found = [
            (address, f"{name} {operands}".strip())
            for address, _, name, operands in engine.disasm_lite(data[first:offset], start + first)
        ]
        size = sum(size for _, size, _, _ in engine.disasm_lite(data[first:offset], start + first))
        if first + size == offset and len(found) > len(best):
            best = found
        if len(best) >= BEFORE:
            break
    after = [
        (address, f"{name} {operands}".strip())
        for address, _, name, operands in engine.disasm_lite(data[offset:], pc, AFTER + 1)
    ]
    return best[-BEFORE:] + (after or [(pc, f"(bad)  {data[offset : offset + 8].hex(' ')}")])


def _readable(crash: Crash, address: int, size: int) -> bytes | None:
    try:
        return crash.read(address, size)
    except OSError:
        return None


def _chain(crash: Crash) -> str:
    """The call chain; a frame that repeats itself is one line, and of a very long chain the middle is left out."""
    lines = []
    index = 0
    for address, group in itertools.groupby([crash.registers["rip"], *crash.chain]):
        count = len(list(group))
        # A return address belongs to the call before it.
        place = crash.locate(address if index == 0 else address - 1)
        times = f"  ({count} times)" if count > 1 else ""
        lines.append(f"    #{index:<2} {address:x}{'  ' + place if place else ''}{times}")
        index += count
    if len(lines) > 2 * CHAIN_ENDS + 1:
        left_out = f"    ... {len(lines) - 2 * CHAIN_ENDS} more"
        lines = [*lines[:CHAIN_ENDS], left_out, *lines[-CHAIN_ENDS:]]
    return "\n".join(["  call chain", *lines])


def _map(crash: Crash) -> str:
    fault = crash.fault
    address = fault.address if fault.accessed else crash.registers["rip"]
    lines = [f"  memory around {address:#x}"]
    shown = sorted(crash.mappings)
    inside = [index for index, entry in enumerate(shown) if entry.start <= address < entry.end]
    at = inside[0] if inside else sum(entry.start <= address for entry in shown)
    for index in range(max(at - 2, 0), min(at + 2 + bool(inside), len(shown))):
        if not inside and index == at:
            lines.append(f"    => {address:012x}  nothing")
        entry = shown[index]
        mark = "=>" if inside and index == at else "  "
        lines.append(
            f"    {mark} {entry.start:012x}-{entry.end:012x} {permissions(entry.prot)}  {entry.name}".rstrip()
        )
    if not inside and at >= len(shown):
        lines.append(f"    => {address:012x}  nothing")
    return "\n".join(lines)


def _calls(crash: Crash) -> str:
    if not crash.calls:
        return ""
    lines = [f"  last system calls of thread {crash.thread}"]
    for number, args, result in crash.calls:
        name = numbers.NAMES.get(number, f"syscall_{number}")
        shown = ", ".join(_number(value) for value in args)
        lines.append(f"       {name}({shown}) = {'?' if result is None else _number(result)}")
    return "\n".join(lines)


def _number(value: int) -> str:
    """Small numbers in decimal, errors by name, addresses in hexadecimal."""
    value -= value >> 63 << 64 if value >= 0 else 0
    if value in _ERRORS:
        return f"-1 {_ERRORS[value]}"
    return str(value) if abs(value) < 65536 else hex(value & 0xFFFFFFFFFFFFFFFF)
