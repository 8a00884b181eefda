"""Emits the low-level operations: syscalls, atomics, memory, assembly."""

from __future__ import annotations

import re
from collections.abc import Callable

from guest.compiler import tree
from guest.compiler.emit.core import FunctionEmitter, expression
from guest.compiler.emit.layout import memory_type, value_type
from guest.compiler.symbols import FunctionSymbol, GlobalSymbol
from guest.compiler.types import Ptr, align_of

SYSCALL_REGISTERS = ("rax", "rdi", "rsi", "rdx", "r10", "r8", "r9")
"""System V AMD64 ABI A.2.1: the number, then six arguments."""

INTRINSICS: dict[str, Callable[[FunctionEmitter, tree.Intrinsic], str]] = {}


def intrinsic(
    *names: str,
) -> Callable[
    [Callable[[FunctionEmitter, tree.Intrinsic], str]], Callable[[FunctionEmitter, tree.Intrinsic], str]
]:
    """Registers the emitter of these operations."""

    def register(
        emitter: Callable[[FunctionEmitter, tree.Intrinsic], str],
    ) -> Callable[[FunctionEmitter, tree.Intrinsic], str]:
        INTRINSICS.update(dict.fromkeys(names, emitter))
        return emitter

    return register


@expression(tree.Intrinsic)
def emit_intrinsic(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    return INTRINSICS[node.name](emitter, node)


@intrinsic("syscall")
def emit_syscall(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    values = [emitter.typed(item) for item in node.arguments]
    inputs = ",".join(f"{{{name}}}" for name in SYSCALL_REGISTERS[: len(values)])
    clobbers = "~{rcx},~{r11},~{memory}"
    return emitter.op(
        f'call i64 asm sideeffect inteldialect "syscall", "={{rax}},{inputs},{clobbers}"({", ".join(values)})'
    )


# Atomics


def _cell(emitter: FunctionEmitter, node: tree.Intrinsic) -> tuple[str, str, int]:
    pointer = node.arguments[0]
    assert isinstance(pointer.type, Ptr)
    target = pointer.type.target
    return emitter.value(pointer), memory_type(target), align_of(target)


@intrinsic("atomic.load")
def emit_atomic_load(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    where, kind, align = _cell(emitter, node)
    return emitter.op(f"load atomic {kind}, ptr {where} {node.detail}, align {align}")


@intrinsic("atomic.store")
def emit_atomic_store(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    where, kind, align = _cell(emitter, node)
    value = emitter.value(node.arguments[1])
    emitter.do(f"store atomic {kind} {value}, ptr {where} {node.detail}, align {align}")
    return ""


@intrinsic("volatile_load")
def emit_volatile_load(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    where, kind, _ = _cell(emitter, node)
    return emitter.op(f"load volatile {kind}, ptr {where}, align 1")


@intrinsic("volatile_store")
def emit_volatile_store(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    where, kind, _ = _cell(emitter, node)
    emitter.do(f"store volatile {kind} {emitter.value(node.arguments[1])}, ptr {where}, align 1")
    return ""


@intrinsic("atomic.exchange", "atomic.add", "atomic.sub", "atomic.or_", "atomic.and_", "atomic.xor")
def emit_atomic_change(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    name = node.name.removeprefix("atomic.").rstrip("_")
    op = {"exchange": "xchg"}.get(name, name)
    where, kind, align = _cell(emitter, node)
    value = emitter.value(node.arguments[1])
    return emitter.op(f"atomicrmw {op} ptr {where}, {kind} {value} {node.detail}, align {align}")


@intrinsic("atomic.compare_exchange")
def emit_compare_exchange(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    where, kind, align = _cell(emitter, node)
    expected, desired = (emitter.value(item) for item in node.arguments[1:])
    # The order of a failed exchange cannot contain a release.
    failed = {"release": "monotonic", "acq_rel": "acquire"}.get(node.detail, node.detail)
    pair = emitter.op(
        f"cmpxchg ptr {where}, {kind} {expected}, {kind} {desired} {node.detail} {failed}, align {align}"
    )
    return emitter.op(f"extractvalue {{ {kind}, i1 }} {pair}, 0")


@intrinsic("fence")
def emit_fence(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    emitter.do(f"fence {node.detail}")
    return ""


# Plain operations


@intrinsic("pause")
def emit_pause(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    emitter.do('call void asm sideeffect inteldialect "pause", "~{memory}"()')
    return ""


@intrinsic("trap")
def emit_trap(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    emitter.intrinsic("void", "llvm.trap", [])
    emitter.terminate("unreachable")
    return ""


@intrinsic("unreachable")
def emit_unreachable(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    emitter.terminate("unreachable")
    return ""


@intrinsic("thread_pointer")
def emit_thread_pointer(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    # Volatile: a coroutine may go on in another thread.
    return emitter.op('call i64 asm sideeffect inteldialect "mov $0, qword ptr fs:[0]", "=r,~{memory}"()')


@intrinsic("return_address", "frame_address")
def emit_frame(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    if node.name == "return_address":
        where = emitter.intrinsic("ptr", "llvm.returnaddress", ["i32 0"])
    else:
        emitter.module.intrinsic("ptr @llvm.frameaddress.p0(i32)")
        where = emitter.call("ptr", "@llvm.frameaddress.p0", ["i32 0"])
    return emitter.op(f"ptrtoint ptr {where} to i64")


@intrinsic("trap_table", "trap_text")
def emit_trap_data(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    return "@.trap.table" if node.name == "trap_table" else "@.trap.text"


# Memory


@intrinsic("copy")
def emit_copy(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    target, source = (emitter.value(item) for item in node.arguments)
    return move_memory(emitter, target, source, node.detail)


@intrinsic("memory_copy")
def emit_memory_copy(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    target, source, count = (emitter.value(item) for item in node.arguments)
    return move_memory(emitter, target, source, count)


def move_memory(emitter: FunctionEmitter, target: str, source: str, count: str) -> str:
    """Copies bytes; the areas may overlap."""
    return emitter.intrinsic(
        "void",
        "llvm.memmove.p0.p0.i64",
        [f"ptr {target}", f"ptr {source}", f"i64 {count}", "i1 false"],
    )


@intrinsic("memory_fill")
def emit_memory_fill(emitter: FunctionEmitter, node: tree.Intrinsic) -> str:
    target, byte, count = (emitter.value(item) for item in node.arguments)
    return emitter.intrinsic(
        "void", "llvm.memset.p0.i64", [f"ptr {target}", f"i8 {byte}", f"i64 {count}", "i1 false"]
    )


# Assembly


@expression(tree.Asm)
def emit_asm(emitter: FunctionEmitter, node: tree.Asm) -> str:
    operands = [emitter.typed(item) for item in node.arguments]
    written = [item for item in node.constraints.split(",") if item]
    outputs = sum(item.startswith("=") for item in written)
    first = outputs + len(operands)
    clobbers = [item for item in written if item.startswith("~")]
    plain = [item for item in written if not item.startswith("~")]
    symbols = ["s"] * len(node.symbols)
    if "~{memory}" not in clobbers:
        clobbers.append("~{memory}")
    operands += [f"ptr {asm_symbol(emitter, item)}" for item in node.symbols]
    template = asm_template(node.template, first, has_operands=bool(node.constraints))
    constraints = ",".join([*plain, *symbols, *clobbers])
    emitter.module.assembly.append((node.template, constraints, node.span))
    text = f'asm sideeffect inteldialect "{template}", "{constraints}"({", ".join(operands)})'
    kind = value_type(node.type)
    if kind == "void":
        emitter.do(f"call void {text}")
        return ""
    return emitter.op(f"call {kind} {text}")


def asm_symbol(emitter: FunctionEmitter, item: FunctionSymbol | GlobalSymbol) -> str:
    if isinstance(item, FunctionSymbol):
        return emitter.module.reference(item.target or item)
    return emitter.module.global_symbol(item)


def asm_template(template: str, first: int, *, has_operands: bool) -> str:
    """The template for LLVM: `{N}` becomes the operand of that symbol, printed bare."""
    if not has_operands:
        template = template.replace("$", "$$")
    template = re.sub(r"\{(\d+)\}", lambda match: f"${{{first + int(match[1])}:P}}", template)
    lines = [line.strip() for line in template.strip().splitlines()]
    text = "\n".join(line for line in lines if line)
    return "".join(
        char if 32 <= ord(char) < 127 and char not in '"\\' else "".join(f"\\{b:02X}" for b in char.encode())
        for char in text
    )
