"""Checks names, literals, attributes and subscripts, as values and as places."""

from __future__ import annotations

import ast
import difflib

from guest.compiler import tree
from guest.compiler.check.core import Checker, expression
from guest.compiler.diagnostics import Span
from guest.compiler.symbols import (
    BrokenSymbol,
    ConstantSymbol,
    FunctionSymbol,
    GlobalSymbol,
    HostSymbol,
    LangSymbol,
    ModuleSymbol,
    Symbol,
    TypeSymbol,
)
from guest.compiler.types import (
    BOOL,
    BYTES,
    I64,
    LITERAL,
    NULL,
    U8,
    Array,
    Coro,
    Fn,
    Int,
    Ptr,
    Struct,
    Tuple,
    Type,
    View,
)


@expression(ast.Constant)
def check_constant(checker: Checker, node: ast.Constant, expected: Type | None) -> tree.Expr:
    span, value = checker.span(node), node.value
    if isinstance(value, bool):
        return tree.BoolConst(span, BOOL, value)
    if isinstance(value, int):
        return tree.IntConst(span, LITERAL, value)
    if isinstance(value, bytes):
        return tree.BytesConst(span, BYTES, value)
    if value is None:
        raise checker.reject(node, "None is not a value here: pointers compare with null")
    if isinstance(value, str):
        raise checker.reject(node, 'strings are not part of the guest language: write b"..."')
    raise checker.reject(node, f"a {type(value).__name__} literal is not part of the guest language")


@expression(ast.Name)
def check_name(checker: Checker, node: ast.Name, expected: Type | None) -> tree.Expr:
    if node.id in checker.local_names:
        variable = checker.variables.get(node.id)
        if variable is None and node.id in checker.broken_names:
            raise checker.program.silent()
        if variable is None:
            outer = checker.module.names.get(node.id)
            hint = f": write `global {node.id}` first" if isinstance(outer, GlobalSymbol) else ""
            raise checker.reject(node, f"{node.id} is read before it is assigned{hint}")
        if checker.assigned is not None and node.id not in checker.assigned:
            raise checker.reject(node, f"{node.id} may be read before it is assigned")
        span = checker.span(node)
        return tree.Load(span, variable.type, tree.LocalPlace(span, variable.type, variable))
    symbol = checker.symbol_of(node)
    if symbol is None:
        raise checker.reject(node, unknown_name(checker, node.id))
    return symbol_value(checker, node, symbol, node.id)


def unknown_name(checker: Checker, name: str) -> str:
    """The message for a name that nothing defines, with the nearest that exists."""
    known = [*checker.variables, *checker.module.names]
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"unknown name {name}: did you mean {close[0]}?"
    if checker.program.is_lang_name(name):
        return f"unknown name {name}: add `from guest.lang import {name}`"
    return f"unknown name {name}"


def symbol_value(checker: Checker, node: ast.expr, symbol: Symbol, name: str) -> tree.Expr:
    """A module-level name as a value."""
    span = checker.span(node)
    match symbol:
        case GlobalSymbol():
            checker.impure(node, f"the global variable {name}")
            return tree.Load(span, symbol.type, tree.GlobalPlace(span, symbol.type, symbol))
        case ConstantSymbol():
            return constant_value(symbol, span)
        case FunctionSymbol():
            checker.program.complete_function(symbol)
            if checker.function is not None and checker.function.is_pure and not symbol.is_pure:
                checker.error(node, f"a @pure function cannot use {name}, which is not @pure")
            assert symbol.result is not None
            result = Coro(symbol.result) if symbol.is_async else symbol.result
            type = Fn(tuple(item.type for item in symbol.parameters), result)
            return tree.FunctionRef(span, type, symbol)
        case HostSymbol():
            if isinstance(symbol.value, int):
                return tree.IntConst(span, LITERAL, int(symbol.value))
            raise checker.reject(node, f"{name} is not an integer constant")
        case LangSymbol(name="null"):
            return tree.NullConst(span, NULL)
        case LangSymbol():
            raise checker.reject(node, f"{name} is not a value by itself")
        case TypeSymbol():
            raise checker.reject(node, f"{name} is a type, not a value")
        case ModuleSymbol():
            raise checker.reject(node, f"{name} is a module, not a value")
        case BrokenSymbol():
            # Already reported where it is declared.
            raise checker.program.silent()


def constant_value(symbol: ConstantSymbol, span: Span) -> tree.Expr:
    """The value of a named constant; tables are referred to, everything else is copied."""
    value = symbol.value
    match value:
        case tree.ArrayConst() | tree.StructConst():
            return tree.ConstantRef(span, value.type, symbol)
        case tree.IntConst():
            return tree.IntConst(span, value.type, value.value)
        case tree.BoolConst():
            return tree.BoolConst(span, value.type, value.value)
        case tree.BytesConst():
            return tree.BytesConst(span, value.type, value.value)
        case tree.FunctionRef():
            return tree.FunctionRef(span, value.type, value.function)
        case tree.NullConst():
            return tree.NullConst(span, value.type)
    raise AssertionError(value)


@expression(ast.Attribute)
def check_attribute(checker: Checker, node: ast.Attribute, expected: Type | None) -> tree.Expr:
    symbol = checker.symbol_of(node)
    if symbol is not None:
        return symbol_value(checker, node, symbol, ast.unparse(node))
    base = checker.expr(node.value)
    span = checker.span(node)
    struct = struct_of(base.type)
    if struct is not None:
        checker.program.complete(struct)
        field = struct.fields.get(node.attr)
        if field is not None:
            if isinstance(base.type, Ptr):
                checker.impure(node, "a raw pointer")
            return tree.Load(span, field.type, tree.FieldPlace(span, field.type, base, field))
        if node.attr in struct.methods:
            raise checker.reject(node, f"the method {node.attr} can only be called")
        close = difflib.get_close_matches(node.attr, [*struct.fields, *struct.methods], 1)
        hint = f": did you mean {close[0]}?" if close else ""
        raise checker.reject(node, f"{struct} has no field {node.attr}{hint}")
    if node.attr == "ptr" and isinstance(base.type, View):
        checker.impure(node, ".ptr")
        return tree.ViewPointer(span, Ptr(U8), base)
    if node.attr == "ptr" and isinstance(base.type, Array):
        checker.impure(node, ".ptr")
        return tree.Convert(span, Ptr(base.type.element), base)
    raise checker.reject(node, f"{base.type} has no attribute {node.attr}")


def struct_of(type: Type) -> Struct | None:
    """The struct that a value of this type gives the fields of."""
    if isinstance(type, Ptr):
        type = type.target
    return type if isinstance(type, Struct) else None


@expression(ast.Subscript)
def check_subscript(checker: Checker, node: ast.Subscript, expected: Type | None) -> tree.Expr:
    symbol = checker.symbol_of(node.value)
    if isinstance(symbol, TypeSymbol | LangSymbol):
        raise checker.reject(node, f"{ast.unparse(node)} is a type, not a value")
    base = checker.expr(node.value)
    if isinstance(node.slice, ast.Slice):
        return check_slice(checker, node, base, node.slice)
    place = index_place(checker, node, base)
    if isinstance(base, tree.BytesConst) and isinstance(place.index, tree.IntConst):
        if place.index.value >= len(base.value):
            raise checker.reject(
                node.slice, f"index {place.index.value} is outside these {len(base.value)} bytes"
            )
        return tree.IntConst(place.span, U8, base.value[place.index.value])
    return tree.Load(place.span, place.type, place)


def check_slice(checker: Checker, node: ast.Subscript, base: tree.Expr, bounds: ast.Slice) -> tree.Slice:
    """`b[i:j]` of a view or of an array of bytes."""
    if isinstance(base.type, Array) and base.type.element == U8:
        base = checker.coerce(base, View(True))
    if not isinstance(base.type, View):
        raise checker.reject(node, f"{base.type} cannot be sliced: only bytes, buffer and array[u8, N]")
    if bounds.step is not None:
        raise checker.reject(bounds.step, "a slice has no step in the guest language")
    ends = []
    for item in (bounds.lower, bounds.upper):
        value = checker.integer(item) if item is not None else None
        if isinstance(value, tree.IntConst) and value.value < 0:
            raise checker.reject(value.span, "a slice bound cannot be negative: write len(b) - n")
        ends.append(value)
    return tree.Slice(checker.span(node), base.type, base, ends[0], ends[1])


def index_place(checker: Checker, node: ast.Subscript, base: tree.Expr) -> tree.IndexPlace:
    """The place of `base[index]`."""
    if isinstance(node.slice, ast.Slice):
        raise checker.reject(node, "a slice is not a single place")
    match base.type:
        case Ptr(target=target):
            checker.impure(node, "a raw pointer")
            if not checker.program.storable(target):
                raise checker.reject(node, f"{base.type} cannot be indexed")
            element = target
        case Array(element=element):
            pass
        case View():
            element = U8
        case Tuple():
            raise checker.reject(node, "a tuple is not indexed: unpack it, as in `a, b = f()`")
        case _:
            raise checker.reject(node, f"{base.type} cannot be indexed")
    index = checker.expr(node.slice)
    if index.type == LITERAL:
        index = checker.coerce(index, I64)
    if not isinstance(index.type, Int):
        raise checker.reject(index.span, f"an index must be an integer, not {index.type}")
    if isinstance(index, tree.IntConst) and not isinstance(base.type, Ptr):
        if index.value < 0:
            raise checker.reject(index.span, "an index cannot be negative: write len(b) - n")
        if isinstance(base.type, Array) and index.value >= base.type.length:
            raise checker.reject(index.span, f"index {index.value} is outside {base.type}")
    return tree.IndexPlace(checker.span(node), element, base, index)


def check_place(checker: Checker, node: ast.expr, *, writing: bool) -> tree.Expr:
    """The place that an expression names; `writing` also refuses what is read-only."""
    value = checker.expr(node)
    if isinstance(value, tree.IntConst) and isinstance(node, ast.Subscript):
        # A byte of a constant, folded as a value, still has an address.
        place = index_place(checker, node, checker.expr(node.value))
        value = tree.Load(place.span, place.type, place)
    if not isinstance(value, tree.Load):
        if isinstance(value, tree.ConstantRef) and not writing:
            return value
        what = "assigned to" if writing else "addressed"
        raise checker.reject(node, f"this cannot be {what}: it is not a variable, field or element")
    if writing:
        refuse_read_only(checker, node, value.place)
    return value.place


def refuse_read_only(checker: Checker, node: ast.AST, place: tree.Expr) -> None:
    """Reports an assignment into bytes or into a constant table."""
    base: tree.Expr = place
    while True:
        match base:
            case tree.IndexPlace(base=inner):
                if inner.type == BYTES:
                    raise checker.reject(node, "bytes are read-only: use a buffer")
                base = inner
            case tree.FieldPlace(base=inner):
                base = inner
            case tree.Load() if not isinstance(base.type, Ptr | View):
                base = base.place
            case tree.ConstantRef():
                raise checker.reject(node, f"{base.symbol.name} is a constant and cannot be assigned to")
            case _:
                return
