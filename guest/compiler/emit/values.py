"""Emits constants, places, loads, conversions, views, constructors and calls."""

from __future__ import annotations

from guest.compiler import tree
from guest.compiler.emit.core import FunctionEmitter, expression
from guest.compiler.emit.layout import VIEW, constant, has_defaults, memory_type, result_type, value_type
from guest.compiler.types import (
    BOOL,
    U64,
    Array,
    Bool,
    Int,
    Type,
    View,
    align_of,
    is_reference,
    size_of,
)


@expression(tree.IntConst)
def emit_int(emitter: FunctionEmitter, node: tree.IntConst) -> str:
    return str(node.value)


@expression(tree.BoolConst)
def emit_bool(emitter: FunctionEmitter, node: tree.BoolConst) -> str:
    return "true" if node.value else "false"


@expression(tree.NullConst)
def emit_null(emitter: FunctionEmitter, node: tree.NullConst) -> str:
    return "null"


@expression(tree.BytesConst)
def emit_bytes(emitter: FunctionEmitter, node: tree.BytesConst) -> str:
    return f"{{ ptr {emitter.module.bytes_symbol(node.value)}, i64 {len(node.value)} }}"


@expression(tree.FunctionRef)
def emit_function(emitter: FunctionEmitter, node: tree.FunctionRef) -> str:
    return emitter.module.function_symbol(node)


@expression(tree.ConstantRef)
def emit_constant_ref(emitter: FunctionEmitter, node: tree.ConstantRef) -> str:
    return emitter.module.constant_symbol(node.symbol)


@expression(tree.Held)
def emit_held(emitter: FunctionEmitter, node: tree.Held) -> str:
    return emitter.held[node]


@expression(tree.Let)
def emit_let(emitter: FunctionEmitter, node: tree.Let) -> str:
    emitter.held[node.held] = emitter.value(node.value)
    return emitter.value(node.body)


# Places


def address(emitter: FunctionEmitter, place: tree.Expr) -> str:
    """The address of a place; for struct and array variables what they refer to."""
    match place:
        case tree.LocalPlace():
            slot = emitter.variable(place.variable)
            return emitter.op(f"load ptr, ptr {slot}") if is_reference(place.type) else slot
        case tree.GlobalPlace():
            return emitter.module.global_symbol(place.symbol)
        case tree.FieldPlace():
            base = emitter.value(place.base)
            if place.field.offset == 0:
                return base
            return emitter.op(f"getelementptr i8, ptr {base}, i64 {place.field.offset}")
        case tree.IndexPlace():
            return _element(emitter, place)
        case tree.ConstantRef():
            return emitter.value(place)
    raise AssertionError(place)


def widen(emitter: FunctionEmitter, value: str, type: Type) -> str:
    """An integer as i64, by its own sign."""
    assert isinstance(type, Int)
    if type.bits == 64 or not value.startswith("%"):
        return value
    return emitter.op(f"{'sext' if type.signed else 'zext'} i{type.bits} {value} to i64")


def _element(emitter: FunctionEmitter, place: tree.IndexPlace) -> str:
    base = emitter.value(place.base)
    index = widen(emitter, emitter.value(place.index), place.index.type)
    kind = place.base.type
    if isinstance(kind, View):
        length = emitter.op(f"extractvalue {VIEW} {base}, 1")
        base = emitter.op(f"extractvalue {VIEW} {base}, 0")
        check_index(emitter, index, length, place)
    elif isinstance(kind, Array) and not isinstance(place.index, tree.IntConst):
        check_index(emitter, index, str(kind.length), place)
    size = size_of(place.type)
    return emitter.op(f"getelementptr [{size} x i8], ptr {base}, i64 {index}")


def check_index(emitter: FunctionEmitter, index: str, length: str, place: tree.Expr) -> None:
    # One unsigned comparison also refuses negative indices.
    inside = emitter.op(f"icmp ult i64 {index}, {length}")
    emitter.trap_unless(inside, "index out of range", place.span)


def load(emitter: FunctionEmitter, place: tree.Expr, where: str) -> str:
    """The value stored at the address `where` of a place."""
    if is_reference(place.type):
        return where
    return load_at(emitter, place.type, where, isinstance(place, tree.LocalPlace))


def load_at(emitter: FunctionEmitter, type: Type, where: str, local: bool = False) -> str:
    if local:
        return emitter.op(f"load {value_type(type)}, ptr {where}")
    # Addresses come from anywhere, so nothing is promised about alignment; x86 does not mind.
    value = emitter.op(f"load {memory_type(type)}, ptr {where}, align 1")
    return emitter.op(f"icmp ne i8 {value}, 0") if type == BOOL else value


def store(emitter: FunctionEmitter, place: tree.Expr, where: str, value: str) -> None:
    """Stores a value at the address `where` of a place."""
    if isinstance(place, tree.LocalPlace):
        emitter.do(f"store {value_type(place.type)} {value}, ptr {where}")
    else:
        store_at(emitter, place.type, where, value)


def store_at(emitter: FunctionEmitter, type: Type, where: str, value: str) -> None:
    if type == BOOL:
        value = emitter.op(f"zext i1 {value} to i8")
    emitter.do(f"store {memory_type(type)} {value}, ptr {where}, align 1")


def place_address(emitter: FunctionEmitter, place: tree.Expr) -> str:
    """Where an assignment to a place stores; a reference variable is itself assigned."""
    if isinstance(place, tree.LocalPlace):
        return emitter.variable(place.variable)
    return address(emitter, place)


@expression(tree.Load)
def emit_load(emitter: FunctionEmitter, node: tree.Load) -> str:
    return load(emitter, node.place, address(emitter, node.place))


@expression(tree.AddressOf)
def emit_address(emitter: FunctionEmitter, node: tree.AddressOf) -> str:
    return address(emitter, node.place)


# Conversions


@expression(tree.Convert)
def emit_convert(emitter: FunctionEmitter, node: tree.Convert) -> str:
    value, source, target = emitter.value(node.value), node.value.type, node.type
    match source, target:
        case Int(), Int():
            return convert_int(emitter, value, source, target)
        case Bool(), Int():
            return emitter.op(f"zext i1 {value} to i{target.bits}")
        case Array(), View():
            return make_view(emitter, value, str(source.length))
        case View(), View():
            return value
        case Int(), _:
            return emitter.op(f"inttoptr i{source.bits} {value} to ptr")
        case _, Int():
            return emitter.op(f"ptrtoint ptr {value} to i{target.bits}")
    return value


def convert_int(emitter: FunctionEmitter, value: str, source: Int, target: Int) -> str:
    if source.bits == target.bits:
        return value
    if source.bits > target.bits:
        return emitter.op(f"trunc i{source.bits} {value} to i{target.bits}")
    return emitter.op(f"{'sext' if source.signed else 'zext'} i{source.bits} {value} to i{target.bits}")


# Views


def make_view(emitter: FunctionEmitter, pointer: str, length: str) -> str:
    half = emitter.op(f"insertvalue {VIEW} poison, ptr {pointer}, 0")
    return emitter.op(f"insertvalue {VIEW} {half}, i64 {length}, 1")


def split_view(emitter: FunctionEmitter, node: tree.Expr) -> tuple[str, str]:
    """Pointer and length of a view expression."""
    if isinstance(node, tree.BytesConst):
        return emitter.module.bytes_symbol(node.value), str(len(node.value))
    view = emitter.value(node)
    return emitter.op(f"extractvalue {VIEW} {view}, 0"), emitter.op(f"extractvalue {VIEW} {view}, 1")


@expression(tree.MakeView)
def emit_make_view(emitter: FunctionEmitter, node: tree.MakeView) -> str:
    pointer = emitter.value(node.pointer)
    return make_view(emitter, pointer, emitter.value(node.length))


@expression(tree.Length)
def emit_length(emitter: FunctionEmitter, node: tree.Length) -> str:
    return emitter.op(f"extractvalue {VIEW} {emitter.value(node.view)}, 1")


@expression(tree.ViewPointer)
def emit_view_pointer(emitter: FunctionEmitter, node: tree.ViewPointer) -> str:
    return emitter.op(f"extractvalue {VIEW} {emitter.value(node.view)}, 0")


@expression(tree.Slice)
def emit_slice(emitter: FunctionEmitter, node: tree.Slice) -> str:
    pointer, length = split_view(emitter, node.view)
    start = _bound(emitter, node.start, length)
    stop = length if node.stop is None else _bound(emitter, node.stop, length)
    if node.start is not None and node.stop is not None:
        stop = emitter.intrinsic("i64", "llvm.smax.i64", [f"i64 {start}", f"i64 {stop}"])
    moved = pointer if start == "0" else emitter.op(f"getelementptr i8, ptr {pointer}, i64 {start}")
    size = stop if start == "0" else emitter.op(f"sub i64 {stop}, {start}")
    return make_view(emitter, moved, size)


def _bound(emitter: FunctionEmitter, node: tree.Expr | None, length: str) -> str:
    """A slice bound clamped to the length, as Python does; a negative one traps."""
    if node is None:
        return "0"
    value = widen(emitter, emitter.value(node), node.type)
    if value == "0":
        return value
    assert isinstance(node.type, Int)
    if node.type == U64:
        return emitter.intrinsic("i64", "llvm.umin.i64", [f"i64 {value}", f"i64 {length}"])
    if node.type.signed and not isinstance(node, tree.IntConst):
        good = emitter.op(f"icmp sge i64 {value}, 0")
        emitter.trap_unless(good, "negative slice bound", node.span)
    return emitter.intrinsic("i64", "llvm.smin.i64", [f"i64 {value}", f"i64 {length}"])


# Constructors and calls


def zero(emitter: FunctionEmitter, where: str, type: Type) -> None:
    """Puts storage into its fresh state: zeros, and the defaults of structs."""
    size = size_of(type)
    if size == 0:
        return
    if has_defaults(type):
        kind, text = constant(emitter.module, type, None)
        source = emitter.module.anonymous_constant(kind, text, align_of(type))
        emitter.intrinsic(
            "void",
            "llvm.memcpy.p0.p0.i64",
            [f"ptr {where}", f"ptr {source}", f"i64 {size}", "i1 false"],
        )
    else:
        emitter.intrinsic("void", "llvm.memset.p0.i64", [f"ptr {where}", "i8 0", f"i64 {size}", "i1 false"])


@expression(tree.Construct)
def emit_construct(emitter: FunctionEmitter, node: tree.Construct) -> str:
    values = [(item, emitter.value(value)) for item, value in node.items]
    elements = [emitter.value(item) for item in node.elements]
    where = emitter.slot(f"[{size_of(node.type)} x i8]", align_of(node.type))
    if not elements:
        zero(emitter, where, node.type)
    for item, value in values:
        place = where
        if item.offset:
            place = emitter.op(f"getelementptr i8, ptr {where}, i64 {item.offset}")
        store_at(emitter, item.type, place, value)
    if isinstance(node.type, Array):
        size = size_of(node.type.element)
        for i, value in enumerate(elements):
            place = emitter.op(f"getelementptr i8, ptr {where}, i64 {i * size}")
            store_at(emitter, node.type.element, place, value)
    return where


@expression(tree.Call)
def emit_call(emitter: FunctionEmitter, node: tree.Call) -> str:
    arguments = [emitter.typed(item) for item in node.arguments]
    function = node.function.target or node.function
    assert function.result is not None
    target = emitter.module.reference(function)
    return emitter.call(result_type(function.result, function.is_async), target, arguments)


@expression(tree.CallPointer)
def emit_call_pointer(emitter: FunctionEmitter, node: tree.CallPointer) -> str:
    callee = emitter.value(node.callee)
    return emitter.call(node.type, callee, [emitter.typed(item) for item in node.arguments])


@expression(tree.MakeTuple)
def emit_tuple(emitter: FunctionEmitter, node: tree.MakeTuple) -> str:
    kind = value_type(node.type)
    result = "poison"
    for i, item in enumerate([emitter.typed(part) for part in node.items]):
        result = emitter.op(f"insertvalue {kind} {result}, {item}, {i}")
    return result
