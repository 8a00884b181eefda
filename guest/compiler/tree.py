"""The typed tree: what the checker makes of a function and the emitter turns into LLVM IR."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guest.compiler.diagnostics import Span
    from guest.compiler.symbols import ConstantSymbol, FunctionSymbol, GlobalSymbol
    from guest.compiler.types import Field, Struct, Type


@dataclass(eq=False)
class Variable:
    """A parameter or local variable. `own_storage`: its first value was built in this very function."""

    name: str
    type: Type
    span: Span
    own_storage: bool = False


@dataclass(eq=False)
class Node:
    span: Span


@dataclass(eq=False)
class Expr(Node):
    type: Type


# Constants


@dataclass(eq=False)
class IntConst(Expr):
    value: int


@dataclass(eq=False)
class BoolConst(Expr):
    value: bool


@dataclass(eq=False)
class BytesConst(Expr):
    value: bytes


@dataclass(eq=False)
class NullConst(Expr):
    pass


@dataclass(eq=False)
class ArrayConst(Expr):
    """A constant table; fewer items than the array's length leave zeros."""

    items: list[Expr]


@dataclass(eq=False)
class StructConst(Expr):
    items: dict[str, Expr]


@dataclass(eq=False)
class FunctionRef(Expr):
    function: FunctionSymbol


@dataclass(eq=False)
class ConstantRef(Expr):
    """The address of a named constant table."""

    symbol: ConstantSymbol


# Places: things that have an address


@dataclass(eq=False)
class LocalPlace(Expr):
    variable: Variable


@dataclass(eq=False)
class GlobalPlace(Expr):
    symbol: GlobalSymbol


@dataclass(eq=False)
class FieldPlace(Expr):
    """A field of the struct that `base` (a reference or pointer) refers to."""

    base: Expr
    field: Field


@dataclass(eq=False)
class IndexPlace(Expr):
    """An element. `base` is a Ptr (unchecked), a reference to an Array or a View (checked)."""

    base: Expr
    index: Expr


Place = LocalPlace | GlobalPlace | FieldPlace | IndexPlace


@dataclass(eq=False)
class Load(Expr):
    """The value in a place; for structs and arrays the reference to it."""

    place: Expr


@dataclass(eq=False)
class AddressOf(Expr):
    place: Expr


# Operators


@dataclass(eq=False)
class Held(Expr):
    """A value that an enclosing Let or Augment has already computed."""


@dataclass(eq=False)
class Let(Expr):
    held: Held
    value: Expr
    body: Expr


@dataclass(eq=False)
class Convert(Expr):
    """Between integer widths, bool to integer, addresses and integers, arrays and views."""

    value: Expr


@dataclass(eq=False)
class Unary(Expr):
    """`-`, `~` on integers, `not` on bool."""

    op: str
    value: Expr


@dataclass(eq=False)
class Binary(Expr):
    """`+ - * // % & | ^` on two operands of the result's type."""

    op: str
    left: Expr
    right: Expr


@dataclass(eq=False)
class Shift(Expr):
    """`<<` or `>>`; the count has an integer type of its own."""

    op: str
    left: Expr
    count: Expr


@dataclass(eq=False)
class Compare(Expr):
    """`== != < <= > >=` on two operands of one type."""

    op: str
    left: Expr
    right: Expr


@dataclass(eq=False)
class Logic(Expr):
    """`and`, `or` with short circuit."""

    op: str
    left: Expr
    right: Expr


@dataclass(eq=False)
class IfElse(Expr):
    test: Expr
    body: Expr
    other: Expr


@dataclass(eq=False)
class PointerAdd(Expr):
    """`pointer + offset` in elements (negated for `-`)."""

    pointer: Expr
    offset: Expr
    negative: bool


@dataclass(eq=False)
class PointerDifference(Expr):
    left: Expr
    right: Expr


# Views


@dataclass(eq=False)
class Length(Expr):
    view: Expr


@dataclass(eq=False)
class ViewPointer(Expr):
    view: Expr


@dataclass(eq=False)
class MakeView(Expr):
    pointer: Expr
    length: Expr


@dataclass(eq=False)
class Slice(Expr):
    view: Expr
    start: Expr | None
    stop: Expr | None


# Making and calling


@dataclass(eq=False)
class Construct(Expr):
    """Fresh storage in the current function for a struct or array; `items` are stored over its defaults."""

    items: list[tuple[Field, Expr]] = field(default_factory=list)
    elements: list[Expr] = field(default_factory=list)


@dataclass(eq=False)
class Call(Expr):
    function: FunctionSymbol
    arguments: list[Expr]


@dataclass(eq=False)
class CallPointer(Expr):
    callee: Expr
    arguments: list[Expr]


@dataclass(eq=False)
class MakeTuple(Expr):
    items: list[Expr]


@dataclass(eq=False)
class Intrinsic(Expr):
    """A low-level operation of guest.lang by name; `detail` holds its non-value parameters."""

    name: str
    arguments: list[Expr]
    detail: str = ""


@dataclass(eq=False)
class Asm(Expr):
    """Inline assembly, Intel dialect; `symbols` fill the `{name}` places after the arguments."""

    template: str
    constraints: str
    arguments: list[Expr]
    symbols: list[FunctionSymbol | GlobalSymbol]


# Coroutines


@dataclass(eq=False)
class Await(Expr):
    """Runs a coroutine to its end, suspending this one as often as it suspends."""

    coroutine: Expr


@dataclass(eq=False)
class AwaitPoll(Expr):
    """`while not x.poll(): suspend()`, then `x.value()`."""

    awaitable: Expr
    poll: FunctionSymbol
    value: FunctionSymbol | None


# Statements


@dataclass(eq=False)
class Stmt(Node):
    pass


@dataclass(eq=False)
class Assign(Stmt):
    place: Expr
    value: Expr


@dataclass(eq=False)
class AssignSlice(Stmt):
    target: Slice
    value: Expr


@dataclass(eq=False)
class Augment(Stmt):
    """`place op= value`: `held` stands for the old content in `value`."""

    place: Expr
    held: Held
    value: Expr


@dataclass(eq=False)
class Unpack(Stmt):
    """`a, b = value`; each held item, converted, goes to its place."""

    value: Expr
    held: list[Held]
    places: list[Expr]
    items: list[Expr]


@dataclass(eq=False)
class ExprStmt(Stmt):
    value: Expr


@dataclass(eq=False)
class If(Stmt):
    test: Expr
    body: list[Stmt]
    other: list[Stmt]


@dataclass(eq=False)
class While(Stmt):
    test: Expr
    body: list[Stmt]


@dataclass(eq=False)
class ForRange(Stmt):
    """start, stop: of the variable's type; `step` a constant other than 0."""

    variable: Expr
    type: Type
    start: Expr
    stop: Expr
    step: int
    body: list[Stmt]


@dataclass(eq=False)
class ForEach(Stmt):
    """The elements of a view or array; `element` is what goes into the variable."""

    variable: Expr
    sequence: Expr
    held: Held
    element: Expr
    body: list[Stmt]


@dataclass(eq=False)
class Break(Stmt):
    pass


@dataclass(eq=False)
class Continue(Stmt):
    pass


@dataclass(eq=False)
class Return(Stmt):
    value: Expr | None


@dataclass(eq=False)
class Assert(Stmt):
    test: Expr
    message: str


@dataclass(eq=False)
class FunctionBody:
    """A checked function: its parameters as variables, and its statements."""

    function: FunctionSymbol
    parameters: list[Variable]
    body: list[Stmt]
    struct: Struct | None = None
