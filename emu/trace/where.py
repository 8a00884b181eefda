"""`--where` expressions: a small part of Python's expressions over the members of a system call, checked and compiled.

Only what is listed here exists: no calls but a few named ones, no attributes but the members, no powers, numbers and
texts of bounded size. A comparison of what cannot be compared (an argument that the call does not have) is false.
"""

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from emu.trace.fields import ARGUMENTS, FIELDS, SPACES
from emu.trace.filter_words import ERRNOS, FilterError, nearest

LONGEST = 2000
"""Characters of an expression, at most."""

_DEEPEST = 40
_MOST_NODES = 400
_LARGEST = 1 << 64
_MOST_SHIFT = 64

_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.In: ("in", lambda item, items: item in items),
    ast.NotIn: ("not in", lambda item, items: item not in items),
    ast.Is: ("is", operator.is_),
    ast.IsNot: ("is not", operator.is_not),
}


def _multiplied(left: Any, right: Any) -> Any:
    if abs(left) > _LARGEST or abs(right) > _LARGEST:
        raise OverflowError
    return left * right


def _shifted(left: int, right: int) -> int:
    if not 0 <= right <= _MOST_SHIFT:
        raise OverflowError
    return left << right


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _multiplied,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: _shifted,
    ast.RShift: operator.rshift,
}

_METHODS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}

_HINTS: dict[type[ast.AST], str] = {
    ast.Pow: "powers are not part of these expressions",
    ast.Lambda: "functions are not part of these expressions",
    ast.ListComp: "loops are not part of these expressions",
    ast.GeneratorExp: "loops are not part of these expressions",
    ast.JoinedStr: "f-strings are not part of these expressions",
    ast.NamedExpr: "an expression assigns nothing: compare with ==",
    ast.Slice: "one element is meant: [0] or ['name']",
}


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The operation on numbers; None for anything else, or where it has no result."""

    def operate(left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            return None
        try:
            return function(left, right)
        except (ArithmeticError, TypeError, ValueError):  # a division by zero, a shift of a fraction
            return None

    return operate


def _forgiving(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compare(left: Any, right: Any) -> Any:
        try:
            return function(left, right)
        except TypeError:
            return False

    return compare


def _method(function: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def call(text: Any, part: Any) -> bool:
        return isinstance(text, str) and isinstance(part, str) and function(text, part)

    return call


def _size(value: Any) -> int | None:
    return len(value) if isinstance(value, str | list | dict) else None


def _element(value: Any, key: Any) -> Any:
    """A member of decoded structures and lists; None where there is none."""
    if isinstance(value, dict):
        return value.get(key) if isinstance(key, str) else value.get(str(key))
    if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return None


def _negative(value: Any) -> Any:
    return -value if isinstance(value, int | float) else None


def _inverted(value: Any) -> Any:
    return ~value if isinstance(value, int) else None


class Where:
    """One expression, checked. `source(scope, careful)` gives Python source with `{field}` for the members it asks for.

    Raises `FilterError`, whose second line points at the column.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise FilterError(f"where: the expression is longer than {LONGEST} characters")
        if "\0" in text:
            raise FilterError("where: an expression holds no NUL")
        if not text.strip():
            raise FilterError("where: an expression is expected, such as \"name == 'sendto' and ret < 0\"")
        self._shift = len(text) - len(text.lstrip())
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise self._wrong(_syntax(text, error), (error.offset or 1) - 1) from None
        except (ValueError, RecursionError, MemoryError):
            raise FilterError("where: this is not an expression that can be read") from None
        self._bound(self._tree)
        self.fields: set[str] = set()
        self.source({}, careful=True)  # says now what is wrong with it

    def _bound(self, tree: ast.AST) -> None:
        level, depth, count = [tree], 0, 0
        while level:
            depth += 1
            count += len(level)
            if depth > _DEEPEST or count > _MOST_NODES:
                raise FilterError("where: the expression is too large: simplify it, or give several --where")
            level = [child for node in level for child in ast.iter_child_nodes(node)]

    def _wrong(self, why: str, column: int) -> FilterError:
        column = min(max(column, 0) + self._shift, len(self.text))
        start = max(0, column - 60)
        shown = self.text[start : start + 100].replace("\n", " ").replace("\t", " ")
        shown = "".join(character if character.isprintable() else "?" for character in shown)
        dots = "..." if start else ""
        return FilterError(
            f"where, column {column + 1}: {why}\n  {dots}{shown}\n  {' ' * (column - start + len(dots))}^"
        )

    def _refuse(self, node: ast.AST, why: str) -> FilterError:
        # ast counts bytes of UTF-8, people count characters.
        line = self.text.strip().encode()
        offset = getattr(node, "col_offset", 0)
        return self._wrong(why, len(line[:offset].decode("utf-8", "replace")))

    def source(self, scope: dict[str, Any], *, careful: bool) -> str:
        """The expression as Python source. Constants and helpers are put into `scope`; `careful` source raises nothing."""
        return _Writer(self, scope, careful).write(self._tree)


def _syntax(text: str, error: SyntaxError) -> str:
    if re.search(r"(?<![=!<>])=(?!=)", text) and "==" not in text:
        return "write == to compare"
    if "&&" in text or "||" in text:
        return "write `and`, `or`, `not`"
    return (error.msg or "not an expression").partition(" (")[0].partition(". ")[0]


class _Writer:
    def __init__(self, where: Where, scope: dict[str, Any], careful: bool) -> None:
        self.where = where
        self.scope = scope
        self.careful = careful

    def _put(self, value: Any) -> str:
        name = f"k{len(self.scope)}"
        self.scope[name] = value
        return name

    def write(self, node: ast.AST) -> str:
        writer = getattr(self, f"_{type(node).__name__}", None)
        if writer is None:
            raise self.where._refuse(node, _HINTS.get(type(node), "this is not part of these expressions"))
        text: str = writer(node)
        return text

    def _BoolOp(self, node: ast.BoolOp) -> str:
        word = " and " if isinstance(node.op, ast.And) else " or "
        return "(" + word.join(self.write(value) for value in node.values) + ")"

    def _UnaryOp(self, node: ast.UnaryOp) -> str:
        if isinstance(node.op, ast.Not):
            return f"(not {self.write(node.operand)})"
        if (
            isinstance(node.op, ast.USub)
            and isinstance(node.operand, ast.Constant)
            and type(node.operand.value) in (int, float)
        ):
            return self._put(-self._constant(node.operand))
        operand = self.write(node.operand)
        if isinstance(node.op, ast.UAdd):
            return operand
        return f"{self._put(_negative if isinstance(node.op, ast.USub) else _inverted)}({operand})"

    def _BinOp(self, node: ast.BinOp) -> str:
        function = _ARITHMETIC.get(type(node.op))
        if function is None:
            raise self.where._refuse(
                node, _HINTS.get(type(node.op), "this operator is not part of these expressions")
            )
        return f"{self._put(_arithmetic(function))}({self.write(node.left)}, {self.write(node.right)})"

    def _Compare(self, node: ast.Compare) -> str:
        values = [self.write(value) for value in (node.left, *node.comparators)]
        parts = []
        for index, comparison in enumerate(node.ops):
            sign, function = _COMPARISONS[type(comparison)]
            left, right = values[index], values[index + 1]
            if self.careful:
                parts.append(f"{self._put(_forgiving(function))}({left}, {right})")
            else:
                parts.append(f"{left} {sign} {right}")
        return "(" + " and ".join(parts) + ")"

    def _Constant(self, node: ast.Constant) -> str:
        return self._put(self._constant(node))

    def _constant(self, node: ast.Constant) -> Any:
        value = node.value
        if isinstance(value, bytes):
            return value.decode("latin-1")
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int | float) and abs(value) <= _LARGEST:
            return value
        raise self.where._refuse(node, "a number below 2**64, a text, True, False or None is expected")

    def _Tuple(self, node: ast.Tuple | ast.List | ast.Set) -> str:
        items = [self.write(item) for item in node.elts]
        if all(re.fullmatch(r"k\d+", item) for item in items):
            return self._put(tuple(self.scope[item] for item in items))
        return "[" + ", ".join(items) + "]"

    _List = _Set = _Tuple

    def _Name(self, node: ast.Name) -> str:
        name = node.id
        if name in FIELDS:
            self.where.fields.add(name)
            return "{" + name + "}"
        if name in ERRNOS:
            return self._put(ERRNOS[name])
        if name in SPACES:
            raise self.where._refuse(node, f"say which: {name}.NAME, such as {name}.fd")
        hint = nearest(name, [*FIELDS, *SPACES])
        if name in ARGUMENTS:
            hint = f"; did you mean args.{name}?"
        raise self.where._refuse(
            node,
            f"no such member: {name}{hint}"
            if hint
            else f"no such member: {name} (there are {', '.join(FIELDS)}, args.NAME, fds.NAME)",
        )

    def _Attribute(self, node: ast.Attribute) -> str:
        if isinstance(node.value, ast.Name) and node.value.id in SPACES:
            space, name = node.value.id, node.attr
            known = ARGUMENTS | {"result"} if space != "args" else ARGUMENTS
            if name not in known:
                raise self.where._refuse(node, f"no system call has an argument {name}{nearest(name, known)}")
            field = f"{space}_{name}"
            self.where.fields.add(field)
            return "{" + field + "}"
        if isinstance(node.value, ast.Attribute | ast.Subscript):
            return f"{self._put(_element)}({self.write(node.value)}, {self._put(node.attr)})"
        raise self.where._refuse(node, "a member of args or fds is expected, such as args.fd")

    def _Subscript(self, node: ast.Subscript) -> str:
        if not isinstance(node.value, ast.Attribute | ast.Subscript):
            raise self.where._refuse(node, "only arguments have elements: args.NAME[0]")
        if not isinstance(node.slice, ast.Constant | ast.UnaryOp):
            raise self.where._refuse(node.slice, "one element is meant: [0] or ['name']")
        return f"{self._put(_element)}({self.write(node.value)}, {self.write(node.slice)})"

    def _Call(self, node: ast.Call) -> str:
        if not node.keywords and isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            if len(node.args) != 1:
                raise self.where._refuse(node, f"{node.func.attr} takes one text")
            function = self._put(_method(_METHODS[node.func.attr]))
            return f"{function}({self.write(node.func.value)}, {self.write(node.args[0])})"
        if (
            not node.keywords
            and isinstance(node.func, ast.Name)
            and node.func.id == "len"
            and len(node.args) == 1
        ):
            return f"{self._put(_size)}({self.write(node.args[0])})"
        raise self.where._refuse(
            node, "only len(...) and .startswith(...), .endswith(...), .contains(...) can be called"
        )
