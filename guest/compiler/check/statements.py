"""Checks statements, and which names certainly have a value at each point."""

from __future__ import annotations

import ast

from guest.compiler import tree
from guest.compiler.check import operators
from guest.compiler.check.annotations import stored
from guest.compiler.check.core import STATEMENTS, Checker, statement
from guest.compiler.check.values import check_place, check_slice
from guest.compiler.diagnostics import Rejected
from guest.compiler.symbols import GlobalSymbol
from guest.compiler.types import (
    BUFFER,
    BYTES,
    LITERAL,
    NULL,
    VOID,
    Coro,
    Int,
    Tuple,
    Type,
    is_reference,
)


def check_block(checker: Checker, nodes: list[ast.stmt]) -> list[tree.Stmt]:
    """Checks statements in order; a wrong one is reported and the rest still looked at."""
    result: list[tree.Stmt] = []
    for node in nodes:
        handler = STATEMENTS.get(type(node))
        try:
            if handler is None:
                raise checker.unsupported(node)
            result += handler(checker, node)
        except Rejected:
            _assume_assigned(checker, node)
    return result


def _assume_assigned(checker: Checker, node: ast.stmt) -> None:
    """After a wrong statement its targets count as assigned, so that one fault gives one message."""
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            if item.id in checker.variables:
                if checker.assigned is not None:
                    checker.assigned.add(item.id)
            else:
                checker.broken_names.add(item.id)
    if isinstance(node, ast.Return | ast.Break | ast.Continue):
        checker.assigned = None


def define(checker: Checker, node: ast.Name, type: Type) -> tree.Variable:
    """Makes a new local variable of this type."""
    if type in (VOID, NULL) or isinstance(type, Tuple):
        hint = {
            VOID: "this gives no value",
            NULL: f"null has no type by itself: write `{node.id}: ptr[T] = null`",
        }.get(type, "a tuple is not kept in a variable: unpack it, as in `a, b = f()`")
        raise checker.reject(node, hint)
    variable = tree.Variable(node.id, type, checker.span(node))
    checker.variables[node.id] = variable
    return variable


def _mark(checker: Checker, name: str) -> None:
    if checker.assigned is not None:
        checker.assigned.add(name)


def target_place(checker: Checker, node: ast.expr, type: Type | None) -> tree.Expr:
    """The place assigned to; a new local gets `type`. The name is marked by the caller's end."""
    if isinstance(node, ast.Name):
        span = checker.span(node)
        if node.id in checker.global_names:
            symbol = checker.module.names.get(node.id)
            if not isinstance(symbol, GlobalSymbol):
                raise checker.program.silent()  # reported at the `global` statement
            if is_reference(symbol.type):
                raise checker.reject(node, f"{symbol.type} is stored inline: write copy({node.id}, value)")
            checker.impure(node, f"the global variable {node.id}")
            return tree.GlobalPlace(span, symbol.type, symbol)
        variable = checker.variables.get(node.id)
        if variable is None:
            if type is None:
                raise checker.reject(node, f"{node.id} is changed before it is assigned")
            variable = define(checker, node, type)
        _mark(checker, node.id)
        return tree.LocalPlace(span, variable.type, variable)
    if isinstance(node, ast.Attribute | ast.Subscript):
        place = check_place(checker, node, writing=True)
        if isinstance(place, tree.GlobalPlace):
            raise checker.reject(
                node, "another module's global cannot be assigned: give that module a function"
            )
        if is_reference(place.type):
            raise checker.reject(
                node, f"{place.type} is stored inline: write copy({ast.unparse(node)}, value)"
            )
        return place
    if isinstance(node, ast.Starred | ast.List | ast.Tuple):
        raise checker.reject(node, "only a flat tuple of places can be assigned to")
    raise checker.unsupported(node)


def known_type(checker: Checker, node: ast.expr) -> Type | None:
    """The type that an assignment's target already has, to guide its value."""
    if isinstance(node, ast.Name):
        if node.id in checker.global_names:
            symbol = checker.module.names.get(node.id)
            return symbol.type if isinstance(symbol, GlobalSymbol) else None
        variable = checker.variables.get(node.id)
        return variable.type if variable else None
    return None


@statement(ast.Assign)
def check_assign(checker: Checker, node: ast.Assign) -> list[tree.Stmt]:
    if len(node.targets) != 1:
        raise checker.reject(node, "assign to one target at a time")
    target = node.targets[0]
    if isinstance(target, ast.Tuple):
        return [_unpack(checker, node, target)]
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
        return [_assign_slice(checker, node, target, target.slice)]
    span = checker.span(node)
    if isinstance(target, ast.Name):
        value = checker.settle_into(checker.expr(node.value, known_type(checker, target)), target.id)
        if value.type == VOID:
            raise checker.reject(node.value, "this gives no value")
        place = target_place(checker, target, value.type)
        if isinstance(place, tree.LocalPlace) and isinstance(value, tree.Construct):
            place.variable.own_storage = True
    else:
        place = target_place(checker, target, None)
        value = checker.expr(node.value, place.type)
    return [tree.Assign(span, place, checker.coerce(value, place.type))]


def _assign_slice(
    checker: Checker, node: ast.Assign, target: ast.Subscript, bounds: ast.Slice
) -> tree.AssignSlice:
    base = checker.expr(target.value)
    piece = check_slice(checker, target, base, bounds)
    if piece.type != BUFFER:
        raise checker.reject(target, "bytes are read-only: use a buffer")
    return tree.AssignSlice(checker.span(node), piece, checker.value(node.value, BYTES))


def _unpack(checker: Checker, node: ast.Assign, target: ast.Tuple) -> tree.Unpack:
    if isinstance(node.value, ast.Tuple):
        parts = [
            checker.settle(_literal_as(checker, checker.expr(item), goal))
            for item, goal in zip(node.value.elts, target.elts, strict=False)
        ]
        value: tree.Expr = tree.MakeTuple(
            checker.span(node.value), Tuple(tuple(item.type for item in parts)), parts
        )
        count = len(node.value.elts)
    else:
        value = checker.expr(node.value)
        if not isinstance(value.type, Tuple):
            raise checker.reject(node.value, f"{value.type} cannot be unpacked: only a tuple")
        count = len(value.type.items)
    if count != len(target.elts):
        raise checker.reject(node, f"{count} values for {len(target.elts)} targets")
    assert isinstance(value.type, Tuple)
    held, places, items = [], [], []
    for goal, type in zip(target.elts, value.type.items, strict=True):
        slot = tree.Held(checker.span(goal), type)
        place = target_place(checker, goal, type)
        held.append(slot)
        places.append(place)
        items.append(checker.coerce(slot, place.type))
    return tree.Unpack(checker.span(node), value, held, places, items)


def _literal_as(checker: Checker, value: tree.Expr, goal: ast.expr) -> tree.Expr:
    known = known_type(checker, goal)
    return checker.coerce(value, known) if known is not None and value.type in (LITERAL, NULL) else value


@statement(ast.AnnAssign)
def check_annotated(checker: Checker, node: ast.AnnAssign) -> list[tree.Stmt]:
    if not isinstance(node.target, ast.Name):
        raise checker.reject(node, "only a name can be annotated")
    name = node.target.id
    if name in checker.global_names:
        raise checker.reject(node, f"{name} is declared global here and cannot be annotated")
    type = stored(checker, node.annotation)
    known = checker.variables.get(name)
    if known is not None and known.type != type:
        raise checker.reject(node, f"{name} is already a {known.type}")
    value = checker.value(node.value, type) if node.value is not None else None
    variable = known or define(checker, node.target, type)
    if value is None:
        return []
    variable.own_storage = isinstance(value, tree.Construct)
    place = target_place(checker, node.target, type)
    return [tree.Assign(checker.span(node), place, value)]


@statement(ast.AugAssign)
def check_augmented(checker: Checker, node: ast.AugAssign) -> list[tree.Stmt]:
    op = operators.operator_of(checker, node.op, node)
    if isinstance(node.target, ast.Name) and node.target.id not in checker.global_names:
        checker.expr(node.target)  # reports a name that has no value yet
    place = target_place(checker, node.target, None)
    held = tree.Held(checker.span(node.target), place.type)
    value = operators.binary(checker, node, op, held, checker.expr(node.value))
    if value.type != place.type:
        if isinstance(value.type, Int) and isinstance(place.type, Int):
            raise checker.reject(
                node,
                f"{place.type} {op}= {_operand(value)}: the result is {value.type}; write {place.type}(x)",
            )
        value = checker.coerce(value, place.type)
    return [tree.Augment(checker.span(node), place, held, value)]


def _operand(value: tree.Expr) -> str:
    return str(value.right.type) if isinstance(value, tree.Binary) else str(value.type)


@statement(ast.Expr)
def check_expression(checker: Checker, node: ast.Expr) -> list[tree.Stmt]:
    if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return []
    if isinstance(node.value, ast.Constant) and node.value.value is Ellipsis:
        raise checker.reject(node, "... is only the body of an @extern function")
    value = checker.expr(node.value)
    if isinstance(value.type, Coro) and isinstance(node.value, ast.Call):
        raise checker.reject(node, "this coroutine is never run: await it or keep it")
    if not isinstance(node.value, ast.Call | ast.Await):
        raise checker.reject(node, "this expression does nothing")
    if isinstance(value, tree.Intrinsic) and value.name in ("trap", "unreachable"):
        checker.assigned = None
    return [tree.ExprStmt(checker.span(node), value)]


@statement(ast.Return)
def check_return(checker: Checker, node: ast.Return) -> list[tree.Stmt]:
    assert checker.function is not None
    assert checker.function.result is not None
    result = checker.function.result
    span = checker.span(node)
    if node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None):
        if result != VOID:
            raise checker.reject(node, f"{checker.function.name} returns {result}: a value is missing")
        value: tree.Expr | None = None
    elif result == VOID:
        raise checker.reject(node.value, f"{checker.function.name} returns None: no value can be given")
    elif isinstance(result, Tuple) and isinstance(node.value, ast.Tuple):
        if len(node.value.elts) != len(result.items):
            raise checker.reject(node.value, f"{len(node.value.elts)} values for {result}")
        parts = [checker.value(item, type) for item, type in zip(node.value.elts, result.items, strict=True)]
        value = tree.MakeTuple(checker.span(node.value), result, parts)
    else:
        given = checker.value(node.value, result)
        _refuse_own_storage(checker, node.value, given)
        value = given
    checker.assigned = None
    return [tree.Return(span, value)]


def _refuse_own_storage(checker: Checker, node: ast.expr, value: tree.Expr) -> None:
    """A reference to storage of this very call would dangle."""
    while isinstance(value, tree.Convert):
        value = value.value
    own = isinstance(value, tree.Construct)
    if isinstance(value, tree.Load) and isinstance(value.place, tree.LocalPlace):
        own = value.place.variable.own_storage
    if own:
        raise checker.reject(node, "this storage ends with the function: let the caller pass it in")


@statement(ast.Assert)
def check_assert(checker: Checker, node: ast.Assert) -> list[tree.Stmt]:
    test = checker.condition(node.test)
    if node.msg is None:
        text = ast.get_source_segment(checker.module.text, node.test) or ""
        message = " ".join(text.split())
    elif isinstance(node.msg, ast.Constant) and isinstance(node.msg.value, str | bytes):
        raw = node.msg.value
        message = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    else:
        raise checker.reject(node.msg, "the message of an assert must be a literal")
    if isinstance(test, tree.BoolConst) and not test.value:
        checker.assigned = None
    return [tree.Assert(checker.span(node), test, message)]


@statement(ast.Pass)
def check_pass(checker: Checker, node: ast.Pass) -> list[tree.Stmt]:
    return []


@statement(ast.Global)
def check_global(checker: Checker, node: ast.Global) -> list[tree.Stmt]:
    for name in node.names:
        symbol = checker.program.lookup(checker.module, name, checker.span(node))
        if not isinstance(symbol, GlobalSymbol):
            raise checker.reject(node, f"{name} is not a global variable of this module")
        if symbol.module is not checker.module:
            raise checker.reject(node, f"{name} belongs to {symbol.module.name}: only that module assigns it")
    return []
