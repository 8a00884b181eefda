"""Checks operators: arithmetic, shifts, comparisons, logic, and the mixing of widths."""

from __future__ import annotations

import ast

from guest.compiler import tree
from guest.compiler.check import fold
from guest.compiler.check.core import Checker, expression
from guest.compiler.types import (
    BOOL,
    I64,
    LITERAL,
    NULL,
    Coro,
    Fn,
    Int,
    Ptr,
    Struct,
    Type,
    View,
    is_address,
)

ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
REFUSED: dict[type[ast.operator], str] = {
    ast.Div: "/ would make a float: use // (floor division)",
    ast.Pow: "** is not part of the guest language: multiply or shift",
    ast.MatMult: "@ is not part of the guest language",
}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def operator_of(checker: Checker, op: ast.operator, node: ast.AST) -> str:
    """The operator's text; a refused one is reported."""
    if type(op) in REFUSED:
        raise checker.reject(node, REFUSED[type(op)])
    return ARITHMETIC[type(op)]


def unify(checker: Checker, node: ast.AST, left: tree.Expr, right: tree.Expr) -> tuple[tree.Expr, tree.Expr]:
    """Both operands in the one type that holds both; literals take the other's type."""
    if left.type == LITERAL and right.type == LITERAL:
        left, right = checker.settle_choice(left), checker.settle_choice(right)
    if left.type == right.type:
        return left, right
    if left.type == LITERAL and isinstance(right.type, Int):
        return checker.coerce(left, right.type), right
    if right.type == LITERAL and isinstance(left.type, Int):
        return left, checker.coerce(right, left.type)
    if isinstance(left.type, Int) and isinstance(right.type, Int):
        if left.type.widens_to(right.type):
            return checker.coerce(left, right.type), right
        if right.type.widens_to(left.type):
            return left, checker.coerce(right, left.type)
        raise checker.reject(
            node,
            f"cannot mix {left.type} and {right.type}: write {right.type}(x) or {left.type}(x)",
        )
    raise checker.reject(node, f"cannot mix {left.type} and {right.type}")


def binary(checker: Checker, node: ast.AST, op: str, left: tree.Expr, right: tree.Expr) -> tree.Expr:
    """`left op right` for the operators of ARITHMETIC."""
    span = checker.span(node)
    try:
        if op in ("<<", ">>"):
            return _shift(checker, node, op, left, right)
        if isinstance(left.type, Ptr) and op in "+-":
            return _pointer(checker, node, op, left, right)
        if isinstance(right.type, Ptr) and op == "+" and (isinstance(left.type, Int) or left.type == LITERAL):
            return tree.PointerAdd(span, right.type, right, checker.settle(left), False)
        if isinstance(left, tree.BytesConst) and isinstance(right, tree.BytesConst) and op == "+":
            return tree.BytesConst(span, left.type, left.value + right.value)
        if left.type == BOOL and right.type == BOOL and op in "&|^":
            return tree.Binary(span, BOOL, op, left, right)
        for side in (left, right):
            if not isinstance(side.type, Int) and side.type != LITERAL:
                hint = ": write u32(flag) or the like" if side.type == BOOL else ""
                raise checker.reject(side.span, f"{op} needs integers, not {side.type}{hint}")
        left, right = unify(checker, node, left, right)
        if op in ("//", "%") and isinstance(right, tree.IntConst) and right.value == 0:
            raise checker.reject(right.span, "division by zero")
        return fold.binary(tree.Binary(span, left.type, op, left, right))
    except fold.Undefined as problem:
        raise checker.reject(node, str(problem)) from None


def _shift(checker: Checker, node: ast.AST, op: str, left: tree.Expr, count: tree.Expr) -> tree.Expr:
    for side in (left, count):
        if not isinstance(side.type, Int) and side.type != LITERAL:
            raise checker.reject(side.span, f"{op} needs integers, not {side.type}")
    if isinstance(count, tree.IntConst) and count.value < 0:
        raise checker.reject(count.span, "negative shift count")
    left, count = checker.settle_choice(left), checker.settle_choice(count)
    if left.type == LITERAL and not isinstance(count, tree.IntConst):
        raise checker.reject(
            left.span, f"a shifted literal has no width here: write u64({_text(left)}) or the like"
        )
    if left.type != LITERAL and count.type == LITERAL:
        count = checker.coerce(count, I64)
    return fold.shift(tree.Shift(checker.span(node), left.type, op, left, count))


def _text(value: tree.Expr) -> str:
    return str(value.value) if isinstance(value, tree.IntConst) else "x"


def _pointer(checker: Checker, node: ast.AST, op: str, left: tree.Expr, right: tree.Expr) -> tree.Expr:
    span = checker.span(node)
    checker.impure(node, "pointer arithmetic")
    if isinstance(right.type, Ptr):
        if op == "+" or right.type != left.type:
            raise checker.reject(node, f"cannot mix {left.type} and {right.type}")
        return tree.PointerDifference(span, I64, left, right)
    right = checker.settle(right)
    if not isinstance(right.type, Int):
        raise checker.reject(right.span, f"a pointer moves by an integer, not {right.type}")
    return tree.PointerAdd(span, left.type, left, right, op == "-")


@expression(ast.BinOp)
def check_binary(checker: Checker, node: ast.BinOp, expected: Type | None) -> tree.Expr:
    op = operator_of(checker, node.op, node)
    left = checker.expr(node.left)
    return binary(checker, node, op, left, checker.expr(node.right))


@expression(ast.UnaryOp)
def check_unary(checker: Checker, node: ast.UnaryOp, expected: Type | None) -> tree.Expr:
    span = checker.span(node)
    if isinstance(node.op, ast.Not):
        return fold.unary(tree.Unary(span, BOOL, "not", checker.condition(node.operand)))
    value = checker.settle_choice(checker.expr(node.operand))
    op = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~"}[type(node.op)]
    if not isinstance(value.type, Int) and value.type != LITERAL:
        raise checker.reject(node, f"unary {op} needs an integer, not {value.type}")
    if op == "-" and isinstance(value.type, Int) and not value.type.signed:
        raise checker.reject(node, f"unary - needs a signed integer, not {value.type}: write 0 - x to wrap")
    if op == "+":
        return value
    return fold.unary(tree.Unary(span, value.type, op, value))


@expression(ast.BoolOp)
def check_logic(checker: Checker, node: ast.BoolOp, expected: Type | None) -> tree.Expr:
    op = "and" if isinstance(node.op, ast.And) else "or"
    result = checker.condition(node.values[0])
    for item in node.values[1:]:
        result = fold.logic(tree.Logic(checker.span(node), BOOL, op, result, checker.condition(item)))
    return result


@expression(ast.Compare)
def check_compare(checker: Checker, node: ast.Compare, expected: Type | None) -> tree.Expr:
    operands = [checker.expr(item) for item in (node.left, *node.comparators)]
    if len(operands) == 2:
        return compare(checker, node, node.ops[0], operands[0], operands[1])
    # Every operand is computed once, and the later ones only when the earlier comparisons held.
    held = [item if fold.is_constant(item) else tree.Held(item.span, item.type) for item in operands]

    def chain(i: int) -> tree.Expr:
        test = compare(checker, node, node.ops[i], held[i], held[i + 1])
        if i + 2 < len(operands):
            test = tree.Logic(checker.span(node), BOOL, "and", test, chain(i + 1))
        return _let(held[i + 1], operands[i + 1], test)

    return _let(held[0], operands[0], chain(0))


def _let(held: tree.Expr, value: tree.Expr, body: tree.Expr) -> tree.Expr:
    return tree.Let(body.span, body.type, held, value, body) if isinstance(held, tree.Held) else body


def compare(checker: Checker, node: ast.AST, op: ast.cmpop, left: tree.Expr, right: tree.Expr) -> tree.Expr:
    """One comparison."""
    if type(op) not in COMPARISONS:
        words = {ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in"}[type(op)]
        hint = {"is": ": use ==", "is not": ": use !="}.get(words, "")
        raise checker.reject(node, f"`{words}` is not part of the guest language{hint}")
    text = COMPARISONS[type(op)]
    span = checker.span(node)
    equality = text in ("==", "!=")
    if isinstance(left.type, View) or isinstance(right.type, View):
        # Either side may still be an array[u8, N]; content comparison is always of bytes.
        if not equality:
            raise checker.reject(node, f"{text} is not defined for bytes")
        target = left.type if isinstance(left.type, View) and not left.type.writable else View(False)
        return tree.Compare(span, BOOL, text, checker.coerce(left, target), checker.coerce(right, target))
    if is_address(left.type) or is_address(right.type):
        left, right = _addresses(checker, node, left, right)
        if isinstance(left.type, Fn | Coro) and not equality:
            raise checker.reject(node, f"{text} is not defined for {left.type}")
        return tree.Compare(span, BOOL, text, left, right)
    if left.type == BOOL and right.type == BOOL and equality:
        return tree.Compare(span, BOOL, text, left, right)
    for side in (left, right):
        if not isinstance(side.type, Int) and side.type != LITERAL:
            raise checker.reject(node, f"cannot compare {left.type} with {right.type}")
    left, right = unify(checker, node, left, right)
    return fold.compare(tree.Compare(span, BOOL, text, left, right))


def _addresses(
    checker: Checker, node: ast.AST, left: tree.Expr, right: tree.Expr
) -> tuple[tree.Expr, tree.Expr]:
    if left.type == NULL and right.type != NULL:
        return checker.coerce(left, right.type), right
    if right.type == NULL and left.type != NULL:
        return left, checker.coerce(right, left.type)
    if left.type == right.type:
        return left, right
    if isinstance(left.type, Ptr) and isinstance(right.type, Struct) and left.type.target == right.type:
        return left, checker.coerce(right, left.type)
    if isinstance(right.type, Ptr) and isinstance(left.type, Struct) and right.type.target == left.type:
        return checker.coerce(left, right.type), right
    raise checker.reject(node, f"cannot compare {left.type} with {right.type}")


@expression(ast.IfExp)
def check_conditional(checker: Checker, node: ast.IfExp, expected: Type | None) -> tree.Expr:
    test = checker.condition(node.test)
    body, other = checker.expr(node.body, expected), checker.expr(node.orelse, expected)
    if expected is not None:
        body, other = checker.coerce(body, expected), checker.coerce(other, expected)
    elif body.type == LITERAL and other.type == LITERAL:
        pass  # takes its type from where it is used, as a literal does
    elif NULL in (body.type, other.type) or is_address(body.type):
        body, other = _addresses(checker, node, body, other)
    elif isinstance(body.type, View) and isinstance(other.type, View):
        target = body.type if body.type == other.type else View(False)
        body, other = checker.coerce(body, target), checker.coerce(other, target)
    else:
        body, other = unify(checker, node, body, other)
    return tree.IfElse(checker.span(node), body.type, test, body, other)
