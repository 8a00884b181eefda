"""Checks calls: functions, methods, function pointers, constructors, conversions, and await."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from guest.compiler import tree
from guest.compiler.check import fold
from guest.compiler.check.annotations import annotation, type_or_none
from guest.compiler.check.core import CALLS, Checker, call_of, expression
from guest.compiler.check.values import struct_of, unknown_name
from guest.compiler.symbols import FunctionSymbol, LangSymbol, Parameter, TypeSymbol
from guest.compiler.types import (
    BOOL,
    BUFFER,
    BYTES,
    I64,
    LITERAL,
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
)


@expression(ast.Call)
def check_call(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    for item in node.args:
        if isinstance(item, ast.Starred):
            raise checker.unsupported(item)
    for keyword in node.keywords:
        if keyword.arg is None:
            raise checker.reject(keyword, "** is not part of the guest language")
    generic = checker.symbol_of(node.func.value) if isinstance(node.func, ast.Subscript) else None
    if isinstance(generic, LangSymbol) and generic.name + "[]" in CALLS:
        return CALLS[generic.name + "[]"](checker, node, expected)
    symbol = checker.symbol_of(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else None
    if isinstance(symbol, LangSymbol) and symbol.name in CALLS:
        return CALLS[symbol.name](checker, node, expected)
    if isinstance(symbol, FunctionSymbol):
        return call_function(checker, node, symbol, None)
    made = type_or_none(checker, node.func)
    if made is not None:
        return construct(checker, node, made)
    if isinstance(node.func, ast.Name) and symbol is None and node.func.id not in checker.local_names:
        raise checker.reject(node.func, unknown_name(checker, node.func.id))
    if isinstance(node.func, ast.Attribute) and symbol is None:
        method = _method(checker, node.func)
        if method is not None:
            return call_function(checker, node, method[1], method[0])
    if isinstance(symbol, TypeSymbol | LangSymbol):
        raise checker.reject(node.func, f"{ast.unparse(node.func)} cannot be called")
    return call_pointer(checker, node)


def _method(checker: Checker, node: ast.Attribute) -> tuple[tree.Expr, FunctionSymbol] | None:
    base = checker.expr(node.value)
    struct = struct_of(base.type)
    if struct is None:
        return None
    checker.program.complete(struct)
    method = struct.methods.get(node.attr)
    if method is None:
        return None
    if isinstance(base.type, Ptr):
        checker.impure(node, "a raw pointer")
    return checker.coerce(base, struct), method


def call_function(
    checker: Checker, node: ast.Call, function: FunctionSymbol, receiver: tree.Expr | None
) -> tree.Expr:
    """A call of a named function or method."""
    checker.program.complete_function(function)
    if checker.function is not None and checker.function.is_pure and not function.is_pure:
        checker.error(node, f"a @pure function cannot call {function.qualified}, which is not @pure")
    if function.is_naked and function.name == "_start":
        raise checker.reject(node, "_start cannot be called")
    parameters = function.parameters[1:] if function.struct else function.parameters
    arguments = bind(checker, node, function.qualified, parameters)
    if receiver is not None:
        arguments.insert(0, receiver)
    assert function.result is not None
    type = Coro(function.result) if function.is_async else function.result
    if function.is_async:
        checker.impure(node, "coroutines")
    return tree.Call(checker.span(node), type, function, arguments)


def bind(checker: Checker, node: ast.Call, name: str, parameters: list[Parameter]) -> list[tree.Expr]:
    """The arguments in parameter order, converted; defaults fill the rest."""
    if len(node.args) > len(parameters):
        raise checker.reject(node, f"{name} takes {_count(parameters)}, and {len(node.args)} are given")
    given: dict[str, ast.expr] = {p.name: a for p, a in zip(parameters, node.args, strict=False)}
    names = {item.name for item in parameters}
    for keyword in node.keywords:
        assert keyword.arg is not None
        if keyword.arg not in names:
            raise checker.reject(keyword, f"{name} has no parameter {keyword.arg}")
        if keyword.arg in given:
            raise checker.reject(keyword, f"{keyword.arg} is given twice")
        given[keyword.arg] = keyword.value
    values: dict[str, tree.Expr] = {}
    # Evaluated in the order written, as in Python; parameters are distinct names.
    for key, item in given.items():
        parameter = next(p for p in parameters if p.name == key)
        values[key] = checker.value(item, parameter.type)
    for parameter in parameters:
        if parameter.name not in values:
            if parameter.default is None:
                raise checker.reject(node, f"{name} needs an argument for {parameter.name}")
            values[parameter.name] = parameter.default
    return [values[item.name] for item in parameters]


def _count(parameters: Sequence[object]) -> str:
    return "1 argument" if len(parameters) == 1 else f"{len(parameters)} arguments"


def call_pointer(checker: Checker, node: ast.Call) -> tree.Expr:
    """A call through a value of type fn[...]."""
    callee = checker.expr(node.func)
    if not isinstance(callee.type, Fn):
        raise checker.reject(node.func, f"{callee.type} cannot be called")
    checker.impure(node, "function pointers")
    if node.keywords:
        raise checker.reject(node, "a function pointer takes no keyword arguments")
    types = callee.type.parameters
    if len(node.args) != len(types):
        raise checker.reject(node, f"{callee.type} takes {_count(types)}, and {len(node.args)} are given")
    arguments = [checker.value(item, type) for item, type in zip(node.args, types, strict=True)]
    return tree.CallPointer(checker.span(node), callee.type.result, callee, arguments)


# Constructors and conversions


def single(checker: Checker, node: ast.Call, name: str) -> ast.expr:
    """The only argument of a conversion."""
    if len(node.args) != 1 or node.keywords:
        raise checker.reject(node, f"{name} takes exactly one argument")
    return node.args[0]


def construct(checker: Checker, node: ast.Call, type: Type) -> tree.Expr:
    """`Type(...)`: a struct or array with storage of its own, or a conversion."""
    match type:
        case Struct():
            return _construct_struct(checker, node, type)
        case Array():
            return _construct_array(checker, node, type)
        case View():
            return _construct_view(checker, node, type)
        case Int():
            return _to_integer(checker, node, type)
        case Ptr() | Fn() | Coro():
            return _to_address(checker, node, type)
    if type == BOOL:
        raise checker.reject(node, "bool(x) is not part of the guest language: write x != 0")
    raise checker.reject(node, f"{type} cannot be constructed")


def _construct_struct(checker: Checker, node: ast.Call, struct: Struct) -> tree.Expr:
    checker.program.complete(struct)
    fields = list(struct.fields.values())
    if len(node.args) > len(fields):
        raise checker.reject(
            node, f"{struct} has {len(fields)} fields, and {len(node.args)} values are given"
        )
    given = list(zip(fields, node.args, strict=False))
    for keyword in node.keywords:
        field = struct.fields.get(keyword.arg or "")
        if field is None:
            raise checker.reject(keyword, f"{struct} has no field {keyword.arg}")
        if any(item is field for item, _ in given):
            raise checker.reject(keyword, f"{keyword.arg} is given twice")
        given.append((field, keyword.value))
    items = []
    for field, argument in given:
        value = checker.value(argument, field.type)
        if isinstance(field.type, Struct | Array) and checker.function is not None:
            raise checker.reject(argument, f"{field.name} is stored inline: fill it with copy() afterwards")
        items.append((field, value))
    span = checker.span(node)
    if checker.function is None:
        if not all(fold.is_constant(value) for _, value in items):
            raise checker.reject(node, "this is not a constant expression")
        defaults = {f.name: f.default for f in fields if f.default is not None}
        return tree.StructConst(span, struct, defaults | {field.name: value for field, value in items})
    return tree.Construct(span, struct, items=items)


def _construct_array(checker: Checker, node: ast.Call, type: Array) -> tree.Expr:
    span = checker.span(node)
    elements: list[tree.Expr] = []
    if node.keywords or len(node.args) > 1:
        raise checker.reject(node, f"{type} takes at most one list of elements")
    if node.args:
        elements = array_elements(checker, node.args[0], type)
    if checker.function is None:
        if not all(fold.is_constant(item) for item in elements):
            raise checker.reject(node, "this is not a constant expression")
        return tree.ArrayConst(span, type, elements)
    if isinstance(type.element, Struct):
        checker.program.complete(type.element)
    return tree.Construct(span, type, elements=elements)


def array_elements(checker: Checker, node: ast.expr, type: Array) -> list[tree.Expr]:
    """The listed elements of an array; nested arrays are nested lists in constant tables."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes) and type.element == U8:
        span = checker.span(node)
        items: list[tree.Expr] = [tree.IntConst(span, U8, byte) for byte in node.value]
    elif isinstance(node, ast.List | ast.Tuple):
        items = []
        for item in node.elts:
            if isinstance(type.element, Array) and isinstance(item, ast.List):
                if checker.function is not None:
                    raise checker.reject(item, "nested lists are for constant tables at module level")
                inner = array_elements(checker, item, type.element)
                items.append(tree.ArrayConst(checker.span(item), type.element, inner))
                continue
            value = checker.value(item, type.element)
            if isinstance(type.element, Struct | Array) and checker.function is not None:
                raise checker.reject(item, "elements are stored inline: fill them with copy() afterwards")
            items.append(value)
    else:
        raise checker.reject(node, f"{type} takes a list of elements, as in {type}([...])")
    if items and len(items) != type.length:
        raise checker.reject(node, f"{len(items)} elements for {type}")
    return items


def _construct_view(checker: Checker, node: ast.Call, type: View) -> tree.Expr:
    if len(node.args) == 1 and not node.keywords:
        return checker.value(node.args[0], type)
    if type == BYTES:
        raise checker.reject(node, "bytes(x) takes one view or array: write bytes_at(ptr, n) for raw memory")
    return make_view(checker, node, "buffer", type)


def make_view(checker: Checker, node: ast.Call, name: str, type: View) -> tree.Expr:
    """A view of raw memory from a pointer and a length."""
    checker.impure(node, "raw memory")
    if len(node.args) != 2 or node.keywords:
        raise checker.reject(node, f"{name} takes a pointer and a length")
    pointer = checker.value(node.args[0], Ptr(U8))
    length = checker.integer(node.args[1])
    if length.type == U64:
        length = fold.convert(tree.Convert(length.span, I64, length))
    return tree.MakeView(checker.span(node), type, pointer, checker.coerce(length, I64))


@call_of("bytes_at")
def check_bytes_at(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    return make_view(checker, node, "bytes_at", BYTES)


@call_of("buffer")
def check_buffer(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    return _construct_view(checker, node, BUFFER)


def _to_integer(checker: Checker, node: ast.Call, type: Int) -> tree.Expr:
    value = checker.settle_choice(checker.expr(single(checker, node, str(type))))
    span = checker.span(node)
    if isinstance(value.type, Int) or value.type in (BOOL, LITERAL):
        return fold.convert(tree.Convert(span, type, value))
    if isinstance(value.type, Ptr | Fn | Coro | Struct | Array):
        checker.impure(node, "addresses as integers")
        if type.bits == 64:
            return tree.Convert(span, type, value)
        raise checker.reject(node, f"an address has 64 bits: write {type}(u64(p))")
    raise checker.reject(node, f"{value.type} does not convert to {type}")


def _to_address(checker: Checker, node: ast.Call, type: Ptr | Fn | Coro) -> tree.Expr:
    value = checker.settle_choice(checker.expr(single(checker, node, str(type))))
    checker.impure(node, "a raw pointer")
    span = checker.span(node)
    if value.type == LITERAL:
        value = checker.coerce(value, U64)
    if isinstance(value.type, Int):
        if value.type.bits != 64:
            raise checker.reject(node, f"an address has 64 bits: write {type}(u64(x))")
        return tree.Convert(span, type, value)
    if isinstance(type, Ptr) and isinstance(value.type, Ptr | Struct | Array):
        return tree.Convert(span, type, value)
    return checker.coerce(value, type)


def _typed_constructor(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    return construct(checker, node, annotation(checker, node.func))


for _name in ("ptr[]", "array[]", "coro[]", "fn[]"):
    CALLS[_name] = _typed_constructor


@call_of("len")
def check_len(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    value = checker.expr(single(checker, node, "len"))
    span = checker.span(node)
    if isinstance(value.type, Array):
        return tree.IntConst(span, I64, value.type.length)
    if isinstance(value, tree.BytesConst):
        return tree.IntConst(span, I64, len(value.value))
    if isinstance(value.type, View):
        return tree.Length(span, I64, value)
    raise checker.reject(node, f"{value.type} has no len")


@call_of("range")
def check_range(checker: Checker, node: ast.Call, expected: Type | None) -> tree.Expr:
    raise checker.reject(node, "range is only for `for i in range(...)`")


# Coroutines


@expression(ast.Await)
def check_await(checker: Checker, node: ast.Await, expected: Type | None) -> tree.Expr:
    if checker.function is None or not checker.function.is_async:
        raise checker.reject(node, "await is only for async functions")
    value = checker.expr(node.value)
    span = checker.span(node)
    if isinstance(value.type, Coro):
        return tree.Await(span, value.type.result, value)
    struct = struct_of(value.type)
    if struct is None:
        raise checker.reject(node.value, f"{value.type} cannot be awaited")
    checker.program.complete(struct)
    poll, result = struct.methods.get("poll"), struct.methods.get("value")
    for method in (poll, result):
        if method is not None:
            checker.program.complete_function(method)
            if len(method.parameters) != 1 or method.is_async:
                raise checker.reject(
                    node.value, f"{method.qualified} must take only self and be no async function"
                )
    if poll is None or poll.result != BOOL:
        raise checker.reject(node.value, f"{struct} cannot be awaited: it has no `def poll(self) -> bool`")
    type = VOID if result is None or result.result is None else result.result
    return tree.AwaitPoll(span, type, checker.coerce(value, struct), poll, result)
