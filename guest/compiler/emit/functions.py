"""Emits one whole function."""

from __future__ import annotations

from guest.compiler.emit import coroutines, lowlevel, operators, statements, values
from guest.compiler.emit.core import FunctionEmitter
from guest.compiler.emit.layout import result_type, value_type
from guest.compiler.emit.module import ModuleEmitter
from guest.compiler.symbols import FunctionSymbol
from guest.compiler.types import VOID

HANDLERS = (coroutines, lowlevel, operators, statements, values)
"""Importing these modules registers their emitters."""


def emit_function(module: ModuleEmitter, symbol: FunctionSymbol) -> str:
    """The LLVM definition of a checked function."""
    assert symbol.body is not None
    assert symbol.result is not None
    emitter = FunctionEmitter(module, symbol)
    parameters = [(item, f"%p{i}") for i, item in enumerate(symbol.body.parameters)]
    if symbol.is_async:
        coroutines.begin_coroutine(emitter)
    if not symbol.is_naked:
        for variable, name in parameters:
            emitter.do(f"store {value_type(variable.type)} {name}, ptr {emitter.variable(variable)}")
    emitter.block(symbol.body.body)
    if symbol.is_async:
        emitter.jump_if_open(emitter.final_label)
        coroutines.end_coroutine(emitter)
    elif not emitter.terminated:
        if symbol.is_naked or symbol.result != VOID:
            emitter.terminate("unreachable")
        else:
            emitter.terminate("ret void")
    linkage = "" if module.is_visible(symbol) else "internal "
    signature = ", ".join(f"{value_type(item.type)} {name}" for item, name in parameters)
    marks = ["naked"] if symbol.is_naked else []
    if symbol.is_async:
        marks.append("presplitcoroutine")
    marks += ["noinline"] if "noinline" in symbol.marks or symbol is module.report else []
    marks += ["cold"] if symbol is module.report else []
    marks += ["alwaysinline"] if "inline" in symbol.marks else []
    marks.append("#1" if symbol.is_naked else "#0")
    if emitter.debug_number is not None:
        marks.append(f"!dbg !{emitter.debug_number}")
    kind = result_type(symbol.result, symbol.is_async)
    name = module.reference(symbol)
    head = f"define {linkage}{kind} {name}({signature}) {' '.join(marks)} {{"
    return "\n".join([head, "entry:", *emitter.storage, *emitter.lines, *emitter.cold, "}", ""])
