"""Checks the low-level operations of guest.lang: syscalls, atomics, memory, assembly, coroutine handles."""

from __future__ import annotations

import ast
import re

from guest.compiler import tree
from guest.compiler.check import fold
from guest.compiler.check.annotations import annotation, type_or_none
from guest.compiler.check.core import Checker, call_of
from guest.compiler.check.values import check_place
from guest.compiler.symbols import FunctionSymbol, GlobalSymbol, LangSymbol
from guest.compiler.types import (
    BOOL,
    I64,
    LITERAL,
    NULL,
    U8,
    U64,
    VOID,
    Array,
    Coro,
    Fn,
    Int,
    Ptr,
    Struct,
    Type,
    View,
    align_of,
    size_of,
)

ORDERS = {
    "relaxed": "monotonic",
    "acquire": "acquire",
    "release": "release",
    "acq_rel": "acq_rel",
    "seq_cst": "seq_cst",
}
"""The names of memory orders in guest.lang, and LLVM's."""


def arguments(checker: Checker, node: ast.Call, name: str, low: int, high: int) -> list[ast.expr]:
    """The positional arguments, whose number must lie between the two."""
    if node.keywords:
        raise checker.reject(node.keywords[0], f"{name} takes no keyword arguments")
    if not low <= len(node.args) <= high:
        many = f"{low}" if low == high else f"{low} to {high}"
        plural = "argument" if low == high == 1 else "arguments"
        raise checker.reject(node, f"{name} takes {many} {plural}, and {len(node.args)} are given")
    return node.args


def intrinsic(
    checker: Checker, node: ast.Call, type: Type, name: str, values: list[tree.Expr], detail: str = ""
) -> tree.Expr:
    return tree.Intrinsic(checker.span(node), type, name, values, detail)


@call_of("syscall")
def check_syscall(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    checker.impure(node, "syscall")
    values = [_register(checker, item) for item in arguments(checker, node, "syscall", 1, 7)]
    return intrinsic(checker, node, I64, "syscall", values)


def _register(checker: Checker, node: ast.expr) -> tree.Expr:
    """A value as it goes into a 64-bit register: integers extended by their sign, addresses as they are."""
    value = checker.settle_choice(checker.expr(node))
    if isinstance(value, tree.IntConst) and value.type == LITERAL:
        return checker.coerce(value, I64 if value.value < 1 << 63 else U64)
    if isinstance(value.type, Int) or value.type == BOOL:
        return fold.convert(tree.Convert(value.span, I64, value))
    if value.type == NULL:
        return tree.IntConst(value.span, I64, 0)
    if isinstance(value.type, Ptr | Fn | Coro | Struct | Array):
        return tree.Convert(value.span, I64, value)
    hint = ": pass b.ptr and len(b)" if isinstance(value.type, View) else ""
    raise checker.reject(value.span, f"{value.type} does not fit a register{hint}")


# Atomics and volatile


def _order(checker: Checker, node: ast.Call, position: int, name: str, refused: tuple[str, ...]) -> str:
    if len(node.args) <= position:
        return "seq_cst"
    symbol = checker.symbol_of(node.args[position])
    if not isinstance(symbol, LangSymbol) or symbol.name not in ORDERS:
        raise checker.reject(
            node.args[position], "a memory order is one of relaxed, acquire, release, acq_rel, seq_cst"
        )
    if symbol.name in refused:
        raise checker.reject(node.args[position], f"{name} cannot be {symbol.name}")
    return ORDERS[symbol.name]


def _cell(checker: Checker, node: ast.expr, name: str, arithmetic: bool) -> tuple[tree.Expr, Type]:
    pointer = checker.expr(node)
    target = pointer.type.target if isinstance(pointer.type, Ptr) else None
    fits = isinstance(target, Int) or (not arithmetic and isinstance(target, Ptr | Fn | Coro))
    if target is None or not fits:
        raise checker.reject(pointer.span, f"{name} needs a pointer to an integer, not {pointer.type}")
    return pointer, target


@call_of("atomic.load", "volatile_load")
def check_load(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    name = _called(checker, node)
    checker.impure(node, name)
    args = arguments(checker, node, name, 1, 2 if name == "atomic.load" else 1)
    pointer, type = _cell(checker, args[0], name, False)
    order = _order(checker, node, 1, name, ("release", "acq_rel"))
    return intrinsic(checker, node, type, name, [pointer], order)


@call_of("atomic.store", "volatile_store")
def check_store(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    name = _called(checker, node)
    checker.impure(node, name)
    args = arguments(checker, node, name, 2, 3 if name == "atomic.store" else 2)
    pointer, type = _cell(checker, args[0], name, False)
    value = checker.value(args[1], type)
    order = _order(checker, node, 2, name, ("acquire", "acq_rel"))
    return intrinsic(checker, node, VOID, name, [pointer, value], order)


@call_of("atomic.exchange", "atomic.add", "atomic.sub", "atomic.or_", "atomic.and_", "atomic.xor")
def check_exchange(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    name = _called(checker, node)
    checker.impure(node, name)
    args = arguments(checker, node, name, 2, 3)
    pointer, type = _cell(checker, args[0], name, name != "atomic.exchange")
    value = checker.value(args[1], type)
    return intrinsic(checker, node, type, name, [pointer, value], _order(checker, node, 2, name, ()))


@call_of("atomic.compare_exchange")
def check_compare_exchange(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    name = "atomic.compare_exchange"
    checker.impure(node, name)
    args = arguments(checker, node, name, 3, 4)
    pointer, type = _cell(checker, args[0], name, False)
    values = [checker.value(item, type) for item in args[1:3]]
    return intrinsic(checker, node, type, name, [pointer, *values], _order(checker, node, 3, name, ()))


@call_of("fence")
def check_fence(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    checker.impure(node, "fence")
    arguments(checker, node, "fence", 0, 1)
    order = _order(checker, node, 0, "fence", ("relaxed",))
    return intrinsic(checker, node, VOID, "fence", [], order)


def _called(checker: Checker, node: ast.Call) -> str:
    symbol = checker.symbol_of(node.func)
    assert isinstance(symbol, LangSymbol)
    return symbol.name


# Plain operations


@call_of("pause", "trap", "unreachable", "suspend", "thread_pointer", "return_address", "frame_address")
def check_plain(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    name = _called(checker, node)
    arguments(checker, node, name, 0, 0)
    if name not in ("trap", "unreachable"):
        checker.impure(node, name)
    if name == "suspend" and (checker.function is None or not checker.function.is_async):
        raise checker.reject(node, "suspend() is only for async functions")
    type = U64 if name.endswith(("_pointer", "_address")) else VOID
    return intrinsic(checker, node, type, name, [])


@call_of("trap_table", "trap_text")
def check_trap_data(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    """The tables of trap messages; only the compiler's own report function asks for them."""
    return intrinsic(checker, node, Ptr(U8), _called(checker, node), [])


@call_of("addr")
def check_addr(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    args = arguments(checker, node, "addr", 1, 1)
    checker.impure(node, "addr")
    span = checker.span(node)
    if isinstance(args[0], ast.Name | ast.Attribute):
        symbol = checker.symbol_of(args[0])
        if isinstance(symbol, FunctionSymbol):
            raise checker.reject(
                node,
                f"{args[0].id if isinstance(args[0], ast.Name) else symbol.name} is already "
                "a function pointer: leave out addr",
            )
    place = check_place(checker, args[0], writing=False)
    return tree.AddressOf(span, Ptr(place.type), place)


def _type_argument(checker: Checker, node: ast.Call, name: str, count: int) -> Type:
    args = arguments(checker, node, name, count, count)
    type = type_or_none(checker, args[0])
    if type is None:
        raise checker.reject(args[0], f"{name} needs a type")
    checker.program.complete_type(type)
    return type


@call_of("sizeof", "alignof")
def check_sizeof(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    name = _called(checker, node)
    type = _type_argument(checker, node, name, 1)
    return tree.IntConst(checker.span(node), LITERAL, size_of(type) if name == "sizeof" else align_of(type))


@call_of("offsetof")
def check_offsetof(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    type = _type_argument(checker, node, "offsetof", 2)
    name = node.args[1]
    if not isinstance(type, Struct) or not isinstance(name, ast.Constant) or name.value not in type.fields:
        raise checker.reject(node, 'offsetof needs a struct and the name of a field, as in offsetof(S, "x")')
    return tree.IntConst(checker.span(node), LITERAL, type.fields[str(name.value)].offset)


@call_of("embed")
def check_embed(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    raise checker.reject(node, 'embed is only for module level, as in PAGE = embed("page.html")')


@call_of("copy")
def check_copy(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    args = arguments(checker, node, "copy", 2, 2)
    target, source = checker.expr(args[0]), checker.expr(args[1])
    type = target.type.target if isinstance(target.type, Ptr) else target.type
    if not isinstance(type, Struct | Array):
        raise checker.reject(node, f"copy is for structs and arrays, not {target.type}: assign it")
    checker.program.complete_type(type)
    if isinstance(target, tree.ConstantRef):
        raise checker.reject(target.span, f"{target.symbol.name} is a constant and cannot be assigned to")
    values = [checker.coerce(target, Ptr(type)), checker.coerce(source, Ptr(type))]
    return intrinsic(checker, node, VOID, "copy", values, str(size_of(type)))


def _count(checker: Checker, node: ast.expr) -> tree.Expr:
    value = checker.integer(node)
    return fold.convert(tree.Convert(value.span, I64, value))


@call_of("memory_copy")
def check_memory_copy(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    checker.impure(node, "memory_copy")
    args = arguments(checker, node, "memory_copy", 3, 3)
    values = [checker.value(args[0], Ptr(U8)), checker.value(args[1], Ptr(U8)), _count(checker, args[2])]
    return intrinsic(checker, node, VOID, "memory_copy", values)


@call_of("memory_fill")
def check_memory_fill(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    checker.impure(node, "memory_fill")
    args = arguments(checker, node, "memory_fill", 3, 3)
    values = [checker.value(args[0], Ptr(U8)), checker.value(args[1], U8), _count(checker, args[2])]
    return intrinsic(checker, node, VOID, "memory_fill", values)


# Assembly


@call_of("asm", "asm[]")
def check_asm(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    checker.impure(node, "asm")
    if node.keywords or not node.args:
        raise checker.reject(node, 'asm takes a template, as in asm("pause")')
    texts = []
    for item in node.args[:2]:
        if not isinstance(item, ast.Constant) or not isinstance(item.value, str):
            raise checker.reject(item, "the template and the constraints of asm are string literals")
        texts.append(item.value)
    values = [checker.settle(checker.expr(item)) for item in node.args[2:]]
    for value in values:
        if not isinstance(value.type, Int | Ptr | Fn | Coro | Struct | Array):
            raise checker.reject(value.span, f"{value.type} cannot be an operand of asm")
    type: Type = VOID
    if isinstance(node.func, ast.Subscript):
        type = annotation(checker, node.func.slice)
        if not isinstance(type, Int | Ptr):
            raise checker.reject(node.func.slice, f"asm gives an integer or pointer, not {type}")
        if len(texts) < 2:
            raise checker.reject(node, "asm[T] needs constraints that name its output")
    if checker.function is not None and checker.function.is_naked and len(node.args) > 1:
        raise checker.reject(node, "asm in a naked function has no operands: only {symbol}")
    template, symbols = _symbols(checker, node, texts[0])
    return tree.Asm(checker.span(node), type, template, texts[1] if len(texts) > 1 else "", values, symbols)


def _symbols(
    checker: Checker, node: ast.Call, template: str
) -> tuple[str, list[FunctionSymbol | GlobalSymbol]]:
    """The template with each `{name}` replaced by `{N}`, and the symbols by that number."""
    symbols: list[FunctionSymbol | GlobalSymbol] = []

    def replace(match: re.Match[str]) -> str:
        expression = ast.parse(match[1], mode="eval").body
        for item in ast.walk(expression):
            ast.copy_location(item, node.args[0])
        symbol = checker.symbol_of(expression)
        if not isinstance(symbol, FunctionSymbol | GlobalSymbol):
            raise checker.reject(
                node.args[0], f"{{{match[1]}}} is neither a guest function nor a global variable"
            )
        if isinstance(symbol, FunctionSymbol):
            checker.program.complete_function(symbol)
        if symbol not in symbols:
            symbols.append(symbol)
        return f"{{{symbols.index(symbol)}}}"

    return re.sub(r"\{([A-Za-z_][\w.]*)\}", replace, template), symbols


# Coroutine handles


@call_of("resume", "done", "result", "destroy")
def check_coroutine(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    name = _called(checker, node)
    checker.impure(node, name)
    handle = checker.expr(arguments(checker, node, name, 1, 1)[0])
    if not isinstance(handle.type, Coro):
        raise checker.reject(handle.span, f"{name} needs a coro, not {handle.type}")
    type: Type = VOID
    if name == "done":
        type = BOOL
    elif name == "result":
        type = handle.type.result
    return intrinsic(checker, node, type, name, [handle])
