"""Emits statements."""

from __future__ import annotations

from guest.compiler import tree
from guest.compiler.emit.core import FunctionEmitter, statement
from guest.compiler.emit.layout import value_type
from guest.compiler.emit.lowlevel import move_memory
from guest.compiler.emit.values import load, load_at, place_address, split_view, store
from guest.compiler.types import Array, Int, View, is_reference, size_of


@statement(tree.Assign)
def emit_assign(emitter: FunctionEmitter, node: tree.Assign) -> None:
    value = emitter.value(node.value)
    store(emitter, node.place, place_address(emitter, node.place), value)


@statement(tree.AssignSlice)
def emit_assign_slice(emitter: FunctionEmitter, node: tree.AssignSlice) -> None:
    source, source_length = split_view(emitter, node.value)
    target, length = split_view(emitter, node.target)
    fits = emitter.op(f"icmp eq i64 {source_length}, {length}")
    emitter.trap_unless(fits, "slices of different lengths", node.span)
    move_memory(emitter, target, source, length)


@statement(tree.Augment)
def emit_augment(emitter: FunctionEmitter, node: tree.Augment) -> None:
    where = place_address(emitter, node.place)
    emitter.held[node.held] = load(emitter, node.place, where)
    store(emitter, node.place, where, emitter.value(node.value))


@statement(tree.Unpack)
def emit_unpack(emitter: FunctionEmitter, node: tree.Unpack) -> None:
    value, kind = emitter.value(node.value), value_type(node.value.type)
    for i, held in enumerate(node.held):
        emitter.held[held] = emitter.op(f"extractvalue {kind} {value}, {i}")
    for place, item in zip(node.places, node.items, strict=True):
        store(emitter, place, place_address(emitter, place), emitter.value(item))


@statement(tree.ExprStmt)
def emit_expression(emitter: FunctionEmitter, node: tree.ExprStmt) -> None:
    emitter.value(node.value)


@statement(tree.If)
def emit_if(emitter: FunctionEmitter, node: tree.If) -> None:
    yes, no, end = emitter.label("then"), emitter.label("else"), emitter.label("end")
    emitter.branch(emitter.value(node.test), yes, no if node.other else end)
    for label, body in ((yes, node.body), (no, node.other)):
        if body or label == yes:
            emitter.begin(label)
            emitter.block(body)
            if not emitter.terminated:
                emitter.jump(end)
    emitter.begin(end)


@statement(tree.While)
def emit_while(emitter: FunctionEmitter, node: tree.While) -> None:
    test, body, end = emitter.label("while"), emitter.label("body"), emitter.label("end")
    emitter.begin(test)
    emitter.branch(emitter.value(node.test), body, end)
    _body(emitter, node.body, body, test, end)
    emitter.jump_if_open(test)
    emitter.begin(end)


def _body(emitter: FunctionEmitter, nodes: list[tree.Stmt], label: str, again: str, end: str) -> None:
    emitter.begin(label)
    emitter.loops.append((end, again))
    emitter.block(nodes)
    emitter.loops.pop()


@statement(tree.ForRange)
def emit_for_range(emitter: FunctionEmitter, node: tree.ForRange) -> None:
    """The counter is hidden: assigning the loop variable does not change the number of rounds."""
    assert isinstance(node.type, Int)
    kind = value_type(node.type)
    start, stop = emitter.value(node.start), emitter.value(node.stop)
    test, body, step, end = (emitter.label(item) for item in ("for", "body", "step", "end"))
    counter = emitter.slot(kind)
    emitter.do(f"store {kind} {start}, ptr {counter}")
    sign = "s" if node.type.signed else "u"
    rounds = "" if abs(node.step) == 1 else _rounds(emitter, node, start, stop)
    emitter.begin(test)
    if rounds:
        # With a wider step the counter could pass the end and wrap, so rounds are counted.
        left = emitter.op(f"load {kind}, ptr {rounds}")
        more = emitter.op(f"icmp ne {kind} {left}, 0")
        now = emitter.op(f"load {kind}, ptr {counter}")
    else:
        now = emitter.op(f"load {kind}, ptr {counter}")
        more = emitter.op(f"icmp {sign}{'lt' if node.step > 0 else 'gt'} {kind} {now}, {stop}")
    emitter.branch(more, body, end)
    emitter.begin(body)
    store(emitter, node.variable, place_address(emitter, node.variable), now)
    _body(emitter, node.body, emitter.label("round"), step, end)
    emitter.begin(step)
    now = emitter.op(f"load {kind}, ptr {counter}")
    moved = emitter.op(f"add {kind} {now}, {node.step}")
    emitter.do(f"store {kind} {moved}, ptr {counter}")
    if rounds:
        left = emitter.op(f"load {kind}, ptr {rounds}")
        less = emitter.op(f"sub {kind} {left}, 1")
        emitter.do(f"store {kind} {less}, ptr {rounds}")
    emitter.jump(test)
    emitter.begin(end)


def _rounds(emitter: FunctionEmitter, node: tree.ForRange, start: str, stop: str) -> str:
    """Storage with the number of rounds: ceil(distance / |step|), in unsigned arithmetic of the same width."""
    assert isinstance(node.type, Int)
    kind, sign = value_type(node.type), "s" if node.type.signed else "u"
    low, high = (start, stop) if node.step > 0 else (stop, start)
    slot = emitter.slot(kind)
    some = emitter.op(f"icmp {sign}lt {kind} {low}, {high}")
    distance = emitter.op(f"sub {kind} {high}, {low}")
    before = emitter.op(f"sub {kind} {distance}, 1")
    size = min(abs(node.step), (1 << node.type.bits) - 1)
    whole = emitter.op(f"udiv {kind} {before}, {size}")
    count = emitter.op(f"add {kind} {whole}, 1")
    chosen = emitter.op(f"select i1 {some}, {kind} {count}, {kind} 0")
    emitter.do(f"store {kind} {chosen}, ptr {slot}")
    return slot


@statement(tree.ForEach)
def emit_for_each(emitter: FunctionEmitter, node: tree.ForEach) -> None:
    if isinstance(node.sequence.type, View):
        pointer, length = split_view(emitter, node.sequence)
    else:
        assert isinstance(node.sequence.type, Array)
        pointer, length = emitter.value(node.sequence), str(node.sequence.type.length)
    test, body, step, end = (emitter.label(item) for item in ("for", "body", "step", "end"))
    index = emitter.slot("i64")
    emitter.do(f"store i64 0, ptr {index}")
    emitter.begin(test)
    now = emitter.op(f"load i64, ptr {index}")
    more = emitter.op(f"icmp slt i64 {now}, {length}")
    emitter.branch(more, body, end)
    emitter.begin(body)
    where = emitter.op(f"getelementptr [{size_of(node.held.type)} x i8], ptr {pointer}, i64 {now}")
    is_inline = is_reference(node.held.type)
    emitter.held[node.held] = where if is_inline else load_at(emitter, node.held.type, where)
    store(emitter, node.variable, place_address(emitter, node.variable), emitter.value(node.element))
    _body(emitter, node.body, emitter.label("round"), step, end)
    emitter.begin(step)
    now = emitter.op(f"load i64, ptr {index}")
    moved = emitter.op(f"add i64 {now}, 1")
    emitter.do(f"store i64 {moved}, ptr {index}")
    emitter.jump(test)
    emitter.begin(end)


@statement(tree.Break)
def emit_break(emitter: FunctionEmitter, node: tree.Break) -> None:
    emitter.jump(emitter.loops[-1][0])


@statement(tree.Continue)
def emit_continue(emitter: FunctionEmitter, node: tree.Continue) -> None:
    emitter.jump(emitter.loops[-1][1])


@statement(tree.Return)
def emit_return(emitter: FunctionEmitter, node: tree.Return) -> None:
    value = emitter.value(node.value) if node.value is not None else ""
    kind = value_type(node.value.type) if node.value is not None else "void"
    if emitter.final_label:
        if value:
            emitter.do(f"store {kind} {value}, ptr {emitter.promise}")
        emitter.jump(emitter.final_label)
    else:
        emitter.terminate(f"ret {kind} {value}".rstrip())


@statement(tree.Assert)
def emit_assert(emitter: FunctionEmitter, node: tree.Assert) -> None:
    emitter.trap_unless(emitter.value(node.test), f"assertion failed: {node.message}", node.span)
