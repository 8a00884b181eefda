"""The checker's state for one function, its dispatch by syntax node, and implicit conversions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from guest.compiler import tree
from guest.compiler.check import fold
from guest.compiler.diagnostics import Rejected, Report, Span
from guest.compiler.symbols import FunctionSymbol, Symbol
from guest.compiler.types import (
    BOOL,
    BYTES,
    I64,
    LITERAL,
    NULL,
    U8,
    Array,
    Coro,
    Fn,
    Int,
    Ptr,
    Struct,
    Type,
    View,
)

if TYPE_CHECKING:
    from guest.compiler.declare import Program
    from guest.compiler.sources import SourceModule

ExpressionHandler: TypeAlias = Callable[["Checker", Any, "Type | None"], tree.Expr]
StatementHandler: TypeAlias = Callable[["Checker", Any], "list[tree.Stmt]"]

EXPRESSIONS: dict[type[ast.AST], ExpressionHandler] = {}
STATEMENTS: dict[type[ast.AST], StatementHandler] = {}
CALLS: dict[str, Callable[[Checker, ast.Call, Type | None], tree.Expr]] = {}
"""What a call of a name of guest.lang (or of the builtins len, bool) does, by that name."""

UNSUPPORTED = {
    ast.Lambda: "a lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a generator expression",
    ast.JoinedStr: "an f-string",
    ast.Dict: "a dictionary",
    ast.Set: "a set",
    ast.List: "a list (outside array[T, N]([...]))",
    ast.Tuple: "a tuple here",
    ast.Yield: "yield",
    ast.YieldFrom: "yield from",
    ast.NamedExpr: "the := operator",
    ast.Starred: "a starred expression",
    ast.Slice: "a slice here",
    ast.Try: "try",
    ast.Raise: "raise",
    ast.With: "with",
    ast.AsyncWith: "async with",
    ast.AsyncFor: "async for",
    ast.Delete: "del",
    ast.Nonlocal: "nonlocal",
    ast.Match: "match",
    ast.FunctionDef: "a nested function",
    ast.AsyncFunctionDef: "a nested function",
    ast.ClassDef: "a nested class",
    ast.Import: "an import inside a function",
    ast.ImportFrom: "an import inside a function",
}


def expression(*kinds: type[ast.AST]) -> Callable[[ExpressionHandler], ExpressionHandler]:
    """Registers the handler of expression nodes of these kinds."""

    def register(handler: ExpressionHandler) -> ExpressionHandler:
        EXPRESSIONS.update(dict.fromkeys(kinds, handler))
        return handler

    return register


def statement(*kinds: type[ast.AST]) -> Callable[[StatementHandler], StatementHandler]:
    """Registers the handler of statement nodes of these kinds."""

    def register(handler: StatementHandler) -> StatementHandler:
        STATEMENTS.update(dict.fromkeys(kinds, handler))
        return handler

    return register


def call_of(*names: str) -> Callable[[ExpressionHandler], ExpressionHandler]:
    """Registers the handler of calls of these names of guest.lang."""

    def register(handler: ExpressionHandler) -> ExpressionHandler:
        CALLS.update(dict.fromkeys(names, handler))
        return handler

    return register


class Checker:
    """Checks one function body, or one constant expression of a module (`function` is None)."""

    def __init__(
        self, program: Program, module: SourceModule, function: FunctionSymbol | None = None
    ) -> None:
        self.program = program
        self.module = module
        self.function = function
        self.report: Report = program.report
        self.variables: dict[str, tree.Variable] = {}
        self.local_names: set[str] = set()
        self.global_names: set[str] = set()
        self.assigned: set[str] | None = set()
        """Names that certainly have a value here; None where control cannot come."""
        self.breaks: list[list[set[str] | None]] = []
        self.broken_names: set[str] = set()
        """Locals whose first assignment was wrong: reading them is not reported again."""

    # Diagnostics

    def span(self, node: ast.AST) -> Span:
        return self.module.span(node)

    def error(self, node: ast.AST | Span, message: str) -> None:
        self.report.error(node if isinstance(node, Span) else self.span(node), message)

    def reject(self, node: ast.AST | Span, message: str) -> Rejected:
        return self.report.reject(node if isinstance(node, Span) else self.span(node), message)

    def impure(self, node: ast.AST | Span, what: str) -> None:
        """Reports `what` when the function is @pure."""
        if self.function is not None and self.function.is_pure:
            self.error(node, f"a @pure function cannot use {what}")

    def unsupported(self, node: ast.AST) -> Rejected:
        what = UNSUPPORTED.get(type(node), f"`{type(node).__name__}`")
        return self.reject(node, f"{what} is not part of the guest language")

    # Names

    def symbol_of(self, node: ast.expr) -> Symbol | None:
        """The module-level thing that a name or dotted name stands for; None when it is a local or a value."""
        if isinstance(node, ast.Name):
            if node.id in self.local_names:
                return None
            return self.program.lookup(self.module, node.id, self.span(node))
        if isinstance(node, ast.Attribute):
            base = self.symbol_of(node.value)
            if base is not None:
                return self.program.member(base, node.attr, self.span(node))
        return None

    # Expressions

    def expr(self, node: ast.expr, expected: Type | None = None) -> tree.Expr:
        """The typed form of an expression; untyped literals stay of type Literal."""
        handler = EXPRESSIONS.get(type(node))
        if handler is None:
            raise self.unsupported(node)
        return handler(self, node, expected)

    def value(self, node: ast.expr, expected: Type) -> tree.Expr:
        """The expression, implicitly converted to `expected`."""
        return self.coerce(self.expr(node, expected), expected)

    def typed(self, node: ast.expr) -> tree.Expr:
        """The expression with a width of its own: a bare literal becomes i64."""
        return self.settle(self.expr(node))

    def settle(self, value: tree.Expr) -> tree.Expr:
        return self.coerce(value, I64) if value.type == LITERAL else value

    def settle_choice(self, value: tree.Expr) -> tree.Expr:
        """A choice between literals becomes i64 where nothing gives it a type; a plain literal stays one."""
        return value if isinstance(value, tree.IntConst) else self.settle(value)

    def settle_into(self, value: tree.Expr, name: str) -> tree.Expr:
        """A literal takes the type that the variable `name` already has, or i64."""
        variable = self.variables.get(name)
        if name in self.global_names or variable is not None:
            return value
        return self.settle(value)

    def integer(self, node: ast.expr) -> tree.Expr:
        """An expression of any integer type."""
        value = self.typed(node)
        if not isinstance(value.type, Int):
            raise self.reject(value.span, f"an integer is needed here, not {value.type}")
        return value

    def condition(self, node: ast.expr) -> tree.Expr:
        """A bool expression; integers and pointers must be compared explicitly."""
        value = self.expr(node)
        if value.type != BOOL:
            hint = ""
            if isinstance(value.type, Int) or value.type == LITERAL:
                hint = ": compare it, as in `x != 0`"
            elif isinstance(value.type, Ptr | Fn | Coro | Struct):
                hint = ": compare it, as in `p != null`"
            elif isinstance(value.type, View):
                hint = ": compare its length, as in `len(b) != 0`"
            raise self.reject(value.span, f"a condition must be bool, not {value.type}{hint}")
        return value

    def constant_int(self, node: ast.expr, what: str) -> int:
        """The value of an integer constant expression."""
        value = self.expr(node)
        if not isinstance(value, tree.IntConst):
            raise self.reject(value.span, f"{what} must be an integer constant")
        return value.value

    # Conversions

    def coerce(self, value: tree.Expr, target: Type) -> tree.Expr:
        """`value` as a `target`, when that is implicit; otherwise reports and unwinds."""
        source = value.type
        if source == target:
            return value
        if source == LITERAL and isinstance(value, tree.IfElse):
            body, other = self.coerce(value.body, target), self.coerce(value.other, target)
            return tree.IfElse(value.span, target, value.test, body, other)
        if source == LITERAL and isinstance(value, tree.IntConst):
            if isinstance(target, Int):
                if target.holds(value.value):
                    return tree.IntConst(value.span, target, value.value)
                raise self.reject(
                    value.span,
                    f"{value.value} does not fit {target} ({target.low} to {target.high}): "
                    f"write {target}({value.value}) to wrap it",
                )
            if target == BOOL:
                raise self.reject(value.span, "bool is needed here, not an integer: write True or False")
        elif isinstance(source, Int) and isinstance(target, Int):
            if source.widens_to(target):
                return fold.convert(tree.Convert(value.span, target, value))
            raise self.reject(
                value.span, f"{source} does not convert to {target} by itself: write {target}(x)"
            )
        elif source == NULL and isinstance(target, Ptr | Fn | Coro | Struct):
            return tree.NullConst(value.span, target)
        elif converts_as_address(source, target) or converts_to_view(source, target):
            return tree.Convert(value.span, target, value)
        raise self.reject(
            value.span, f"{target} is needed here, not {source}{conversion_hint(source, target)}"
        )


def conversion_hint(source: Type, target: Type) -> str:
    """How to write the conversion that is not implicit."""
    if isinstance(target, Ptr) and isinstance(source, Array | View):
        element = source.element if isinstance(source, Array) else U8
        return ": write x.ptr" if element == target.target else ""
    if isinstance(target, Ptr) and isinstance(source, Ptr):
        return f": write {target}(p)"
    if target == BOOL and isinstance(source, Int):
        return ": write x != 0"
    if isinstance(target, Int) and source == BOOL:
        return f": write {target}(flag)"
    if isinstance(target, Int) and target.bits == 64 and isinstance(source, Ptr | Fn | Coro):
        return f": write {target}(p)"
    return ""


def converts_as_address(source: Type, target: Type) -> bool:
    """A struct or array reference and a pointer to the same type are interchangeable."""
    if isinstance(source, Struct | Array) and isinstance(target, Ptr):
        return target.target == source
    return isinstance(source, Ptr) and isinstance(target, Struct | Array) and source.target == target


def converts_to_view(source: Type, target: Type) -> bool:
    """array[u8, N] to buffer and bytes; buffer to bytes."""
    if not isinstance(target, View):
        return False
    if isinstance(source, Array):
        return source.element == U8
    return isinstance(source, View) and target == BYTES
