"""How the types and constants of the language look in LLVM IR."""

from __future__ import annotations

import re
from typing import Protocol

from guest.compiler import tree
from guest.compiler.types import (
    BOOL,
    VOID,
    Array,
    Bool,
    Coro,
    Fn,
    Int,
    Ptr,
    Struct,
    Tuple,
    Type,
    View,
    Void,
    size_of,
)

PLAIN_NAME = re.compile(r"[-a-zA-Z$._][-a-zA-Z$._0-9]*")
VIEW = "{ ptr, i64 }"


class Names(Protocol):
    """Where constants get the symbols they refer to."""

    def bytes_symbol(self, data: bytes) -> str: ...

    def function_symbol(self, node: tree.FunctionRef) -> str: ...


def symbol(name: str) -> str:
    """A global name as LLVM writes it."""
    return f"@{name}" if PLAIN_NAME.fullmatch(name) else f'@"{escape(name.encode())}"'


def value_type(type: Type) -> str:
    """The LLVM type of a value in a register: references are pointers, bool is i1."""
    match type:
        case Int(bits=bits):
            return f"i{bits}"
        case Bool():
            return "i1"
        case Void():
            return "void"
        case View():
            return VIEW
        case Tuple(items=items):
            return "{ " + ", ".join(value_type(item) for item in items) + " }"
        case Ptr() | Fn() | Coro() | Struct() | Array():
            return "ptr"
    raise AssertionError(type)


def memory_type(type: Type) -> str:
    """The LLVM type of a scalar in memory: bool is i8."""
    return "i8" if type == BOOL else value_type(type)


def result_type(type: Type, is_async: bool) -> str:
    """What a function returns: an async one its coroutine handle."""
    return "ptr" if is_async else value_type(type)


def has_defaults(type: Type) -> bool:
    """Whether fresh storage of this type holds anything but zeros."""
    if isinstance(type, Array):
        return type.length > 0 and has_defaults(type.element)
    if isinstance(type, Struct):
        return any(item.default is not None or has_defaults(item.type) for item in type.fields.values())
    return False


def constant(names: Names, type: Type, node: tree.Expr | None) -> tuple[str, str]:
    """The LLVM type and value of a constant in memory; None is the type's fresh state."""
    if node is None:
        if isinstance(type, Struct) and has_defaults(type):
            return _struct(names, type, {})
        if isinstance(type, Array) and has_defaults(type):
            return _array(names, type, [None] * type.length)
        return memory_or_bytes(type), "zeroinitializer" if _is_aggregate(type) else _zero(type)
    match node:
        case tree.IntConst():
            return memory_type(type), str(node.value)
        case tree.BoolConst():
            return "i8", str(int(node.value))
        case tree.NullConst():
            return "ptr", "null"
        case tree.BytesConst():
            return VIEW, f"{{ ptr {names.bytes_symbol(node.value)}, i64 {len(node.value)} }}"
        case tree.FunctionRef():
            return "ptr", names.function_symbol(node)
        case tree.ArrayConst() if isinstance(type, Array):
            if not node.items:
                return constant(names, type, None)
            return _array(names, type, [*node.items])
        case tree.StructConst() if isinstance(type, Struct):
            return _struct(names, type, node.items)
        case tree.Convert():
            return constant(names, type, node.value)
    raise AssertionError(node)


def _is_aggregate(type: Type) -> bool:
    return isinstance(type, Struct | Array | View)


def _zero(type: Type) -> str:
    return "0" if isinstance(type, Int | Bool) else "null"


def memory_or_bytes(type: Type) -> str:
    """The LLVM type of zeroed storage."""
    if isinstance(type, Struct | Array):
        return f"[{size_of(type)} x i8]"
    return memory_type(type)


def _array(names: Names, type: Array, items: list[tree.Expr | None]) -> tuple[str, str]:
    if isinstance(type.element, Int) and type.element.bits == 8:
        data = bytes(item.value & 0xFF if isinstance(item, tree.IntConst) else 0 for item in items)
        return f"[{len(data)} x i8]", byte_string(data)
    parts = [constant(names, type.element, item) for item in items]
    if not parts:
        return "[0 x i8]", "zeroinitializer"
    # Elements may differ in LLVM type (a zeroed struct beside a filled one), so the array is a packed struct then.
    kinds = {kind for kind, _ in parts}
    if len(kinds) == 1:
        return f"[{len(parts)} x {parts[0][0]}]", "[" + ", ".join(f"{k} {v}" for k, v in parts) + "]"
    return "<{ " + ", ".join(k for k, _ in parts) + " }>", "<{ " + ", ".join(
        f"{k} {v}" for k, v in parts
    ) + " }>"


def _struct(names: Names, type: Struct, items: dict[str, tree.Expr]) -> tuple[str, str]:
    parts: list[tuple[str, str]] = []
    offset = 0
    for item in type.fields.values():
        if item.offset > offset:
            parts.append((f"[{item.offset - offset} x i8]", "zeroinitializer"))
        parts.append(constant(names, item.type, items.get(item.name, item.default)))
        offset = item.offset + size_of(item.type)
    if type.size > offset:
        parts.append((f"[{type.size - offset} x i8]", "zeroinitializer"))
    if not parts:
        return "[0 x i8]", "zeroinitializer"
    return "<{ " + ", ".join(k for k, _ in parts) + " }>", "<{ " + ", ".join(
        f"{k} {v}" for k, v in parts
    ) + " }>"


def byte_string(data: bytes) -> str:
    """An LLVM constant of bytes."""
    return f'c"{escape(data)}"' if data else "zeroinitializer"


def escape(data: bytes) -> str:
    """Bytes as LLVM writes them between quotes."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in (0x22, 0x5C) else f"\\{byte:02X}" for byte in data
    )


def is_void(type: Type) -> bool:
    return type == VOID
