"""Turns annotations and type expressions into types."""

from __future__ import annotations

import ast

from guest.compiler.check.core import Checker
from guest.compiler.symbols import BrokenSymbol, LangSymbol, TypeSymbol
from guest.compiler.types import (
    BOOL,
    BUFFER,
    BYTES,
    INTEGERS,
    VOID,
    Array,
    Coro,
    Fn,
    Ptr,
    Struct,
    Tuple,
    Type,
    size_of,
)

SIMPLE: dict[str, Type] = {**INTEGERS, "bool": BOOL, "bytes": BYTES, "buffer": BUFFER}
GENERIC = frozenset({"ptr", "array", "fn", "coro", "tuple"})
PYTHON_TYPES = {
    "int": "int has no width: write i64, u32 or another of guest.lang",
    "float": "floating point is not part of the guest language",
    "str": "str is not part of the guest language: use bytes",
    "list": "list is not part of the guest language: use array[T, N]",
    "dict": "dict is not part of the guest language",
    "object": "object is not part of the guest language",
    "bytearray": "bytearray is not part of the guest language: use buffer",
}
LARGEST = 1 << 31
"""Arrays stay below 2 GiB: the code model's addresses are 32 bits (System V AMD64 ABI 3.5.1)."""


def annotation(checker: Checker, node: ast.expr) -> Type:
    """The type that an annotation means; anything else is reported."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return VOID
        if isinstance(node.value, str):
            try:
                inner = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                raise checker.reject(node, "this is not a type") from None
            for item in ast.walk(inner):
                ast.copy_location(item, node)
            return annotation(checker, inner)
    if isinstance(node, ast.Subscript):
        symbol = checker.symbol_of(node.value)
        if isinstance(symbol, LangSymbol) and symbol.name in GENERIC:
            return _generic(checker, node, symbol.name)
        raise checker.reject(node, f"{ast.unparse(node.value)} takes no parameters")
    if isinstance(node, ast.Name) and node.id in PYTHON_TYPES:
        raise checker.reject(node, PYTHON_TYPES[node.id])
    if isinstance(node, ast.Name | ast.Attribute):
        symbol = checker.symbol_of(node)
        match symbol:
            case TypeSymbol():
                return symbol.type
            case LangSymbol(name=name) if name in SIMPLE:
                return SIMPLE[name]
            case LangSymbol(name=name) if name in GENERIC:
                raise checker.reject(node, f"{name} needs its parameters, as in {_sample(name)}")
            case BrokenSymbol():
                raise checker.program.silent()
            case None:
                hint = ""
                if isinstance(node, ast.Name) and checker.program.is_lang_name(node.id):
                    hint = f": add `from guest.lang import {node.id}`"
                raise checker.reject(node, f"unknown type {ast.unparse(node)}{hint}")
    raise checker.reject(node, f"{ast.unparse(node)} is not a type")


def _sample(name: str) -> str:
    return {
        "ptr": "ptr[u8]",
        "array": "array[u8, 64]",
        "fn": "fn[[u32], bool]",
        "coro": "coro[u32]",
        "tuple": "tuple[u32, bool]",
    }[name]


def _generic(checker: Checker, node: ast.Subscript, name: str) -> Type:
    items = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "ptr" and len(items) == 1:
        return Ptr(annotation(checker, items[0]))
    if name == "coro" and len(items) == 1:
        return Coro(annotation(checker, items[0]))
    if name == "tuple" and items:
        return Tuple(tuple(stored(checker, item) for item in items))
    if name == "fn" and len(items) == 2 and isinstance(items[0], ast.List):
        parameters = tuple(stored(checker, item) for item in items[0].elts)
        return Fn(parameters, annotation(checker, items[1]))
    if name == "array" and len(items) == 2:
        element = stored(checker, items[0])
        length = checker.constant_int(items[1], "an array's length")
        if length < 0:
            raise checker.reject(items[1], "an array's length cannot be negative")
        if isinstance(element, Struct):
            checker.program.complete(element)
        if size_of(element) * length >= LARGEST:
            raise checker.reject(items[1], "an array must be smaller than 2 GiB")
        return Array(element, length)
    raise checker.reject(node, f"{name} is written like {_sample(name)}")


def stored(checker: Checker, node: ast.expr) -> Type:
    """The type of a field, element, parameter or variable."""
    type = annotation(checker, node)
    if type == VOID or isinstance(type, Tuple):
        raise checker.reject(node, f"{type} is not a type that can be stored")
    return type


def type_or_none(checker: Checker, node: ast.expr) -> Type | None:
    """The type, when the expression is one by its form; None when it is a value."""
    if isinstance(node, ast.Subscript):
        symbol = checker.symbol_of(node.value)
        if isinstance(symbol, LangSymbol) and symbol.name in GENERIC:
            return annotation(checker, node)
    elif isinstance(node, ast.Name | ast.Attribute):
        symbol = checker.symbol_of(node)
        if isinstance(symbol, TypeSymbol) or (isinstance(symbol, LangSymbol) and symbol.name in SIMPLE):
            return annotation(checker, node)
    return None
