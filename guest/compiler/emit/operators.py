"""Emits operators: wrap-around arithmetic, floor division, shifts, comparisons, logic."""

from __future__ import annotations

from guest.compiler import tree
from guest.compiler.emit.core import FunctionEmitter, expression
from guest.compiler.emit.layout import value_type
from guest.compiler.emit.values import convert_int, split_view, widen
from guest.compiler.types import Int, Ptr, View, size_of

PLAIN = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}
UNSIGNED = {"==": "eq", "!=": "ne", "<": "ult", "<=": "ule", ">": "ugt", ">=": "uge"}
SIGNED = {"==": "eq", "!=": "ne", "<": "slt", "<=": "sle", ">": "sgt", ">=": "sge"}


@expression(tree.Binary)
def emit_binary(emitter: FunctionEmitter, node: tree.Binary) -> str:
    left, right = emitter.value(node.left), emitter.value(node.right)
    if node.op in PLAIN:
        return emitter.op(f"{PLAIN[node.op]} {value_type(node.type)} {left}, {right}")
    assert isinstance(node.type, Int)
    return _divide(emitter, node, left, right, node.type)


def _divide(emitter: FunctionEmitter, node: tree.Binary, left: str, right: str, type: Int) -> str:
    """Floor division and its remainder; a zero divisor traps."""
    kind = f"i{type.bits}"
    known = node.right.value if isinstance(node.right, tree.IntConst) else None
    if known is None:
        good = emitter.op(f"icmp ne {kind} {right}, 0")
        emitter.trap_unless(good, "division by zero", node.span)
    if not type.signed:
        return emitter.op(f"{'udiv' if node.op == '//' else 'urem'} {kind} {left}, {right}")
    # The lowest value divided by -1 overflows and would fault: dividing by 1 and negating wraps instead.
    minus = "false" if known is not None and known != -1 else emitter.op(f"icmp eq {kind} {right}, -1")
    safe = right if minus == "false" else emitter.op(f"select i1 {minus}, {kind} 1, {kind} {right}")
    rest = emitter.op(f"srem {kind} {left}, {safe}")
    # The machine truncates; where the rest has the other sign than the divisor, floor is one less.
    uneven = emitter.op(f"icmp ne {kind} {rest}, 0")
    signs = emitter.op(f"xor {kind} {rest}, {safe}")
    opposite = emitter.op(f"icmp slt {kind} {signs}, 0")
    adjust = emitter.op(f"and i1 {uneven}, {opposite}")
    if node.op == "%":
        more = emitter.op(f"select i1 {adjust}, {kind} {safe}, {kind} 0")
        return emitter.op(f"add {kind} {rest}, {more}")
    quotient = emitter.op(f"sdiv {kind} {left}, {safe}")
    less = emitter.op(f"sext i1 {adjust} to {kind}")
    floor = emitter.op(f"add {kind} {quotient}, {less}")
    if minus == "false":
        return floor
    negated = emitter.op(f"sub {kind} 0, {left}")
    return emitter.op(f"select i1 {minus}, {kind} {negated}, {kind} {floor}")


@expression(tree.Shift)
def emit_shift(emitter: FunctionEmitter, node: tree.Shift) -> str:
    assert isinstance(node.type, Int)
    assert isinstance(node.count.type, Int)
    type, count_type = node.type, node.count.type
    kind = f"i{type.bits}"
    left, count = emitter.value(node.left), emitter.value(node.count)
    op = "shl" if node.op == "<<" else ("ashr" if type.signed else "lshr")
    if isinstance(node.count, tree.IntConst):
        distance = node.count.value
        if distance < type.bits:
            return emitter.op(f"{op} {kind} {left}, {distance}")
        return emitter.op(f"ashr {kind} {left}, {type.bits - 1}") if op == "ashr" else "0"
    if count_type.signed:
        good = emitter.op(f"icmp sge i{count_type.bits} {count}, 0")
        emitter.trap_unless(good, "negative shift count", node.span)
    inside = emitter.op(f"icmp ult i{count_type.bits} {count}, {type.bits}")
    if op == "ashr":
        count = emitter.op(
            f"select i1 {inside}, i{count_type.bits} {count}, i{count_type.bits} {type.bits - 1}"
        )
        return emitter.op(f"ashr {kind} {left}, {convert_int(emitter, count, count_type, type)}")
    shifted = emitter.op(f"{op} {kind} {left}, {convert_int(emitter, count, count_type, type)}")
    return emitter.op(f"select i1 {inside}, {kind} {shifted}, {kind} 0")


@expression(tree.Unary)
def emit_unary(emitter: FunctionEmitter, node: tree.Unary) -> str:
    value = emitter.value(node.value)
    kind = value_type(node.type)
    if node.op == "not":
        return emitter.op(f"xor i1 {value}, true")
    if node.op == "-":
        return emitter.op(f"sub {kind} 0, {value}")
    return emitter.op(f"xor {kind} {value}, -1")


@expression(tree.Compare)
def emit_compare(emitter: FunctionEmitter, node: tree.Compare) -> str:
    type = node.left.type
    if isinstance(type, View):
        return _compare_views(emitter, node)
    left, right = emitter.value(node.left), emitter.value(node.right)
    predicates = SIGNED if isinstance(type, Int) and type.signed else UNSIGNED
    return emitter.op(f"icmp {predicates[node.op]} {value_type(type)} {left}, {right}")


def _compare_views(emitter: FunctionEmitter, node: tree.Compare) -> str:
    """Equality of content: lengths first, then the bytes."""
    left, left_length = split_view(emitter, node.left)
    right, right_length = split_view(emitter, node.right)
    result = emitter.slot("i1")
    same = emitter.op(f"icmp eq i64 {left_length}, {right_length}")
    emitter.do(f"store i1 {same}, ptr {result}")
    content, end = emitter.label("content"), emitter.label("compared")
    emitter.branch(same, content, end)
    emitter.begin(content)
    # A constant length lets LLVM expand the call into a few loads.
    length = right_length if isinstance(node.right, tree.BytesConst) else left_length
    emitter.module.intrinsic("i32 @memcmp(ptr, ptr, i64)")
    order = emitter.call("i32", "@memcmp", [f"ptr {left}", f"ptr {right}", f"i64 {length}"])
    equal = emitter.op(f"icmp eq i32 {order}, 0")
    emitter.do(f"store i1 {equal}, ptr {result}")
    emitter.begin(end)
    value = emitter.op(f"load i1, ptr {result}")
    return value if node.op == "==" else emitter.op(f"xor i1 {value}, true")


@expression(tree.Logic)
def emit_logic(emitter: FunctionEmitter, node: tree.Logic) -> str:
    result = emitter.slot("i1")
    left = emitter.value(node.left)
    emitter.do(f"store i1 {left}, ptr {result}")
    more, end = emitter.label("more"), emitter.label("end")
    emitter.branch(left, *((more, end) if node.op == "and" else (end, more)))
    emitter.begin(more)
    right = emitter.value(node.right)
    emitter.do(f"store i1 {right}, ptr {result}")
    emitter.begin(end)
    return emitter.op(f"load i1, ptr {result}")


@expression(tree.IfElse)
def emit_if_else(emitter: FunctionEmitter, node: tree.IfElse) -> str:
    kind = value_type(node.type)
    result = emitter.slot(kind)
    yes, no, end = emitter.label("then"), emitter.label("else"), emitter.label("end")
    emitter.branch(emitter.value(node.test), yes, no)
    for label, part in ((yes, node.body), (no, node.other)):
        emitter.begin(label)
        value = emitter.value(part)
        emitter.do(f"store {kind} {value}, ptr {result}")
        emitter.jump(end)
    emitter.begin(end)
    return emitter.op(f"load {kind}, ptr {result}")


@expression(tree.PointerAdd)
def emit_pointer_add(emitter: FunctionEmitter, node: tree.PointerAdd) -> str:
    assert isinstance(node.pointer.type, Ptr)
    pointer = emitter.value(node.pointer)
    offset = widen(emitter, emitter.value(node.offset), node.offset.type)
    if node.negative:
        offset = emitter.op(f"sub i64 0, {offset}")
    return emitter.op(
        f"getelementptr [{size_of(node.pointer.type.target)} x i8], ptr {pointer}, i64 {offset}"
    )


@expression(tree.PointerDifference)
def emit_pointer_difference(emitter: FunctionEmitter, node: tree.PointerDifference) -> str:
    assert isinstance(node.left.type, Ptr)
    left = emitter.op(f"ptrtoint ptr {emitter.value(node.left)} to i64")
    right = emitter.op(f"ptrtoint ptr {emitter.value(node.right)} to i64")
    bytes_apart = emitter.op(f"sub i64 {left}, {right}")
    size = size_of(node.left.type.target)
    return bytes_apart if size <= 1 else emitter.op(f"sdiv i64 {bytes_apart}, {size}")
