"""Checks branches and loops, and which names certainly have a value where ways meet."""

from __future__ import annotations

import ast

from guest.compiler import tree
from guest.compiler.check import operators
from guest.compiler.check.core import Checker, statement
from guest.compiler.check.statements import check_block, target_place
from guest.compiler.symbols import LangSymbol
from guest.compiler.types import I64, LITERAL, U8, Array, Int, Type, View


def merge(left: set[str] | None, right: set[str] | None) -> set[str] | None:
    """What is assigned where two ways meet."""
    if left is None:
        return right
    return left if right is None else left & right


@statement(ast.If)
def check_if(checker: Checker, node: ast.If) -> list[tree.Stmt]:
    test = checker.condition(node.test)
    before = checker.assigned
    checker.assigned = _copy(before)
    body = check_block(checker, node.body)
    after_body, checker.assigned = checker.assigned, _copy(before)
    other = check_block(checker, node.orelse)
    checker.assigned = merge(after_body, checker.assigned)
    return [tree.If(checker.span(node), test, body, other)]


def _copy(names: set[str] | None) -> set[str] | None:
    return None if names is None else set(names)


def _loop_body(checker: Checker, node: ast.While | ast.For, endless: bool) -> list[tree.Stmt]:
    if node.orelse:
        raise checker.reject(node.orelse[0], "a loop has no else in the guest language")
    before = _copy(checker.assigned)
    checker.breaks.append([])
    body = check_block(checker, node.body)
    after = None if endless else before
    for names in checker.breaks.pop():
        after = merge(after, names)
    checker.assigned = after
    return body


@statement(ast.While)
def check_while(checker: Checker, node: ast.While) -> list[tree.Stmt]:
    test = checker.condition(node.test)
    endless = isinstance(test, tree.BoolConst) and test.value
    return [tree.While(checker.span(node), test, _loop_body(checker, node, endless))]


@statement(ast.For)
def check_for(checker: Checker, node: ast.For) -> list[tree.Stmt]:
    if not isinstance(node.target, ast.Name):
        raise checker.reject(node.target, "a for loop needs one plain name")
    call = node.iter
    if isinstance(call, ast.Call):
        symbol = checker.symbol_of(call.func) if isinstance(call.func, ast.Name | ast.Attribute) else None
        if isinstance(symbol, LangSymbol) and symbol.name == "range":
            return [_for_range(checker, node, node.target, call)]
    sequence = checker.expr(node.iter)
    if isinstance(sequence.type, View):
        element: Type = U8
    elif isinstance(sequence.type, Array):
        element = sequence.type.element
    else:
        raise checker.reject(
            node.iter, f"cannot loop over {sequence.type}: use range, bytes, buffer or array"
        )
    before = _copy(checker.assigned)
    held = tree.Held(checker.span(node.target), element)
    place = target_place(checker, node.target, element)
    item = checker.coerce(held, place.type)
    body = _loop_body(checker, node, False)
    _leave_loop(checker, before, node.target.id)
    return [tree.ForEach(checker.span(node), place, sequence, held, item, body)]


def _leave_loop(checker: Checker, before: set[str] | None, name: str) -> None:
    """The loop may not have run: its variable counts as assigned only if it was before."""
    if checker.assigned is not None and before is not None and name not in before:
        checker.assigned.discard(name)


def _for_range(checker: Checker, node: ast.For, target: ast.Name, call: ast.Call) -> tree.ForRange:
    if call.keywords or not 1 <= len(call.args) <= 3:
        raise checker.reject(call, "range takes one to three arguments")
    span = checker.span(node)
    step = checker.constant_int(call.args[2], "the step of range") if len(call.args) == 3 else 1
    if step == 0:
        raise checker.reject(call.args[2], "the step of range cannot be 0")
    bounds = [checker.expr(item) for item in call.args[:2]]
    if len(bounds) == 1:
        bounds.insert(0, tree.IntConst(checker.span(call), LITERAL, 0))
    start, stop = bounds
    for item in bounds:
        if not isinstance(item.type, Int) and item.type != LITERAL:
            raise checker.reject(item.span, f"range needs integers, not {item.type}")
    known = checker.variables.get(target.id)
    if start.type == LITERAL and stop.type == LITERAL:
        goal = known.type if known is not None and isinstance(known.type, Int) else I64
        start, stop = checker.coerce(start, goal), checker.coerce(stop, goal)
    start, stop = operators.unify(checker, call, start, stop)
    before = _copy(checker.assigned)
    place = target_place(checker, target, start.type)
    if place.type != start.type:
        if not (
            isinstance(place.type, Int) and isinstance(start.type, Int) and start.type.widens_to(place.type)
        ):
            raise checker.reject(target, f"{target.id} is a {place.type}, and this range gives {start.type}")
        start, stop = checker.coerce(start, place.type), checker.coerce(stop, place.type)
    body = _loop_body(checker, node, False)
    _leave_loop(checker, before, target.id)
    return tree.ForRange(span, place, place.type, start, stop, step, body)


@statement(ast.Break, ast.Continue)
def check_jump(checker: Checker, node: ast.Break | ast.Continue) -> list[tree.Stmt]:
    if not checker.breaks:
        raise checker.reject(node, f"{type(node).__name__.lower()} outside a loop")
    span = checker.span(node)
    if isinstance(node, ast.Break):
        checker.breaks[-1].append(_copy(checker.assigned))
    checker.assigned = None
    return [tree.Break(span) if isinstance(node, ast.Break) else tree.Continue(span)]
