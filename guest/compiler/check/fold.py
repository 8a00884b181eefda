"""Constant folding: the arithmetic of the language on Python integers."""

from __future__ import annotations

from guest.compiler import tree
from guest.compiler.types import BOOL, LITERAL, Int


class Undefined(Exception):
    """The operation has no value (a zero divisor, a negative shift count); the text says which."""


def arithmetic(op: str, left: int, right: int) -> int:
    """The exact result of `+ - * // % & | ^ << >>`. Raises Undefined."""
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//" | "%":
            if right == 0:
                raise Undefined("division by zero")
            return left // right if op == "//" else left % right
        case "&":
            return left & right
        case "|":
            return left | right
        case "^":
            return left ^ right
        case "<<" | ">>":
            if right < 0:
                raise Undefined("negative shift count")
            if op == ">>":
                return left >> min(right, 1 << 16)
            if right > 4096:
                raise Undefined("shift count above 4096")
            return left << right
    raise AssertionError(op)


def comparison(op: str, left: int, right: int) -> bool:
    """The result of `== != < <= > >=`."""
    match op:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
    raise AssertionError(op)


def integer(node: tree.Expr, value: int) -> tree.Expr:
    """A constant of `node`'s type and place, wrapped to its width."""
    wrapped = node.type.wrap(value) if isinstance(node.type, Int) else value
    return tree.IntConst(node.span, node.type, wrapped)


def binary(node: tree.Binary) -> tree.Expr:
    """The node, or its constant value. Raises Undefined."""
    left, right = node.left, node.right
    if isinstance(left, tree.IntConst) and isinstance(right, tree.IntConst):
        return integer(node, arithmetic(node.op, left.value, right.value))
    return node


def shift(node: tree.Shift) -> tree.Expr:
    """The node, or its constant value. Raises Undefined."""
    left, count = node.left, node.count
    if isinstance(left, tree.IntConst) and isinstance(count, tree.IntConst):
        distance = count.value
        if isinstance(left.type, Int) and distance > 64:
            distance = 64
        return integer(node, arithmetic(node.op, left.value, distance))
    return node


def unary(node: tree.Unary) -> tree.Expr:
    value = node.value
    if isinstance(value, tree.IntConst):
        return integer(node, -value.value if node.op == "-" else ~value.value)
    if isinstance(value, tree.BoolConst):
        return tree.BoolConst(node.span, BOOL, not value.value)
    return node


def compare(node: tree.Compare) -> tree.Expr:
    left, right = node.left, node.right
    if isinstance(left, tree.IntConst) and isinstance(right, tree.IntConst):
        return tree.BoolConst(node.span, BOOL, comparison(node.op, left.value, right.value))
    return node


def logic(node: tree.Logic) -> tree.Expr:
    """`and` or `or` of two constants, folded."""
    if isinstance(node.left, tree.BoolConst) and isinstance(node.right, tree.BoolConst):
        left, right = node.left.value, node.right.value
        return tree.BoolConst(node.span, BOOL, left and right if node.op == "and" else left or right)
    return node


def convert(node: tree.Convert) -> tree.Expr:
    """An integer conversion, folded."""
    value = node.value
    if isinstance(node.type, Int):
        if isinstance(value, tree.IntConst):
            return integer(node, value.value)
        if isinstance(value, tree.BoolConst):
            return integer(node, int(value.value))
    return node


def is_constant(node: tree.Expr) -> bool:
    """Whether the node is a value known to the compiler."""
    return isinstance(
        node,
        tree.IntConst
        | tree.BoolConst
        | tree.BytesConst
        | tree.NullConst
        | tree.FunctionRef
        | tree.ArrayConst
        | tree.StructConst,
    )


def is_literal(node: tree.Expr) -> bool:
    return node.type == LITERAL
