"""Runs `@pure` functions under CPython with the compiler's typing, by rewriting each once, on first call."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, TypeVar

from guest.lang_types import Array, Integer, convert, i64, u8

T = TypeVar("T")
_HIDDEN = "__guest_"


def pure(target: T) -> T:
    """Marks a function, or all methods of a struct, as free of syscalls, raw pointers and globals."""
    if isinstance(target, type):
        for name, item in list(vars(target).items()):
            if isinstance(item, FunctionType) and not name.startswith("__"):
                setattr(target, name, _wrap(item))
        return target
    return _wrap(target) if isinstance(target, FunctionType) else target  # type: ignore[return-value]


def _wrap(function: FunctionType) -> Any:
    if getattr(function, "guest_pure", False):
        return function
    rewritten: list[Callable[..., Any]] = []

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if not rewritten:
            rewritten.append(_rewrite(function))
        return rewritten[0](*arguments, **named)

    call.guest_pure = True  # type: ignore[attr-defined]
    return call


def _rewrite(function: FunctionType) -> Callable[..., Any]:
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    parameters = {item.arg: item.annotation for item in node.args.args if item.annotation is not None}
    body: list[ast.stmt] = [
        ast.Assign([ast.Name(name, ast.Store())], _call("convert", kind, ast.Name(name, ast.Load())))
        for name, kind in parameters.items()
    ]
    names = {item.arg for item in node.args.args}
    rewriter = _Rewriter(names, node.returns)
    body.append(ast.Assign([ast.Name(_HIDDEN + "types", ast.Store())], ast.Dict([], [])))
    for statement in node.body:
        made = rewriter.visit(statement)
        body += made if isinstance(made, list) else [made]
    node.body = body
    node.decorator_list = []
    node.returns = None
    for item in node.args.args:
        item.annotation = None
    module = ast.fix_missing_locations(ast.Module([node], []))
    ast.increment_lineno(module, function.__code__.co_firstlineno - 1)
    # The function's own globals, so that names defined later in its module are seen; the helpers hide beside them.
    names_of_function = function.__globals__
    for helper in (convert, assign, length, item_of, store, each, steps):
        names_of_function.setdefault(_HIDDEN + helper.__name__.removesuffix("_of"), helper)
    space: dict[str, Any] = {}
    exec(compile(module, function.__code__.co_filename, "exec"), names_of_function, space)
    result = space[node.name]
    assert callable(result)
    result.__defaults__ = function.__defaults__
    return result  # type: ignore[no-any-return]


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(_HIDDEN + name, ast.Load()), list(arguments), [])


class _Rewriter(ast.NodeTransformer):
    """Puts the helpers below around assignments, element accesses, lengths, loops and results."""

    def __init__(self, parameters: set[str], result: ast.expr | None) -> None:
        self.parameters = parameters
        self.result = result

    def _stored(self, target: ast.expr, value: ast.expr, kind: ast.expr | None = None) -> ast.stmt:
        match target:
            case ast.Name(id=name):
                current: ast.expr = ast.Constant(None)
                if name in self.parameters:
                    current = ast.Name(name, ast.Load())
                types = ast.Name(_HIDDEN + "types", ast.Load())
                made = _call("assign", types, ast.Constant(name), value, kind or ast.Constant(None), current)
                return ast.Assign([ast.Name(name, ast.Store())], made)
            case ast.Subscript(value=base, slice=index):
                return ast.Expr(_call("store", self.visit(_loaded(base)), self._index(index), value))
        return ast.Assign([target], value)

    def _index(self, index: ast.expr) -> ast.expr:
        if isinstance(index, ast.Slice):
            ends = [self.visit(item) if item else ast.Constant(None) for item in (index.lower, index.upper)]
            return ast.Call(ast.Name("slice", ast.Load()), ends, [])
        return self.visit(index)  # type: ignore[no-any-return]

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | list[ast.stmt]:
        value = self.visit(node.value)
        target = node.targets[0]
        if isinstance(target, ast.Tuple):
            slots = [f"{_HIDDEN}part{i}" for i in range(len(target.elts))]
            first: list[ast.stmt] = [
                ast.Assign([ast.Tuple([ast.Name(slot, ast.Store()) for slot in slots], ast.Store())], value)
            ]
            return first + [
                self._stored(item, ast.Name(slot, ast.Load()))
                for item, slot in zip(target.elts, slots, strict=True)
            ]
        return self._stored(target, value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is None:
            assert isinstance(node.target, ast.Name)
            types = ast.Name(_HIDDEN + "types", ast.Load())
            place = ast.Subscript(types, ast.Constant(node.target.id), ast.Store())
            return ast.Assign([place], node.annotation)
        return self._stored(node.target, self.visit(node.value), node.annotation)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        old = self.visit(_loaded(node.target))
        return self._stored(node.target, ast.BinOp(old, node.op, self.visit(node.value)))

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        if node.value is None or self.result is None:
            return node
        value = self.visit(node.value)
        if isinstance(self.result, ast.Subscript) and isinstance(value, ast.Tuple):
            kinds = (
                self.result.slice.elts if isinstance(self.result.slice, ast.Tuple) else [self.result.slice]
            )
            parts = [_call("convert", kind, item) for kind, item in zip(kinds, value.elts, strict=True)]
            return ast.Return(ast.Tuple(parts, ast.Load()))
        if isinstance(self.result, ast.Subscript):
            return ast.Return(value)
        return ast.Return(_call("convert", self.result, value))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id in ("array", "tuple"):
            return node
        return _call("item", self.visit(node.value), self._index(node.slice))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "len":
            return _call("length", *node.args)
        if isinstance(node.func, ast.Name) and node.func.id == "range":
            return _call("steps", *node.args)
        return node

    def visit_For(self, node: ast.For) -> ast.stmt | list[ast.stmt]:
        assert isinstance(node.target, ast.Name)
        slot = _HIDDEN + "round"
        kept = self._stored(ast.Name(node.target.id, ast.Store()), ast.Name(slot, ast.Load()))
        body: list[ast.stmt] = [kept]
        for item in node.body:
            made = self.visit(item)
            body += made if isinstance(made, list) else [made]
        return ast.For(ast.Name(slot, ast.Store()), _call("each", self.visit(node.iter)), body, [])


def _loaded(node: ast.expr) -> ast.expr:
    """The expression that reads what a target writes."""
    return ast.parse(ast.unparse(node), mode="eval").body


# What the rewritten code calls


def assign(types: dict[str, Any], name: str, value: Any, kind: Any, current: Any) -> Any:
    """A local's new value: its type is fixed by the first assignment, a bare integer making it i64."""
    known = kind if kind is not None else types.get(name)
    if known is None and current is not None:
        known = type(current) if isinstance(current, Integer | bool) else None
    if known is None:
        if isinstance(value, int) and not isinstance(value, Integer | bool):
            value = i64(value)
        known = type(value) if isinstance(value, Integer | bool) else object
    types[name] = known
    return value if known is object else convert(known, value)


def length(value: Any) -> i64:
    """`len`, which is an i64 in the language."""
    return i64(len(value))  # type: ignore[return-value]


def _natural(index: Any) -> int | None:
    if index is None:
        return None
    if index < 0:
        raise IndexError("negative index or bound")
    return int(index)


def item_of(base: Any, index: Any) -> Any:
    """`base[index]`: elements of views are u8, slices of views are views, nothing is negative."""
    if isinstance(index, slice):
        view = memoryview(base.data if isinstance(base, Array) else base)
        return view[_natural(index.start) : _natural(index.stop)]
    if isinstance(base, bytes | bytearray | memoryview):
        return u8(base[_natural(index)])  # type: ignore[index]
    return base[index]


def store(base: Any, index: Any, value: Any) -> None:
    """`base[index] = value`; a slice takes exactly its own length."""
    if isinstance(index, slice):
        piece = item_of(base, index)
        source = bytes(value.data if isinstance(value, Array) else value)
        if len(piece) != len(source):
            raise IndexError("slices of different lengths")
        piece[:] = source
    elif isinstance(base, bytearray | memoryview):
        base[_natural(index)] = convert(u8, value)  # type: ignore[index]
    else:
        base[index] = value


def each(values: Any) -> Iterator[Any]:
    """The rounds of a for loop: elements of views are u8."""
    if isinstance(values, bytes | bytearray | memoryview):
        return (u8(item) for item in values)
    return iter(values)


def steps(*bounds: Any) -> Iterator[Any]:
    """`range`, whose values have the type of its bounds: i64 for bare integers."""
    kinds = [type(item) for item in bounds[:2] if isinstance(item, Integer)]
    kind = i64 if not kinds else max(kinds, key=lambda item: (item.bits, item.signed))
    return (kind(item) for item in range(*map(int, bounds)))
