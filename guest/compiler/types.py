"""The types of the guest language: their names, sizes and the relations between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from guest.compiler.symbols import FunctionSymbol
    from guest.compiler.tree import Expr


@dataclass(frozen=True)
class Int:
    """A fixed-width integer, 8 to 64 bits."""

    bits: int
    signed: bool

    def __str__(self) -> str:
        return f"{'i' if self.signed else 'u'}{self.bits}"

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    def holds(self, value: int) -> bool:
        """Whether `value` is one of this type's values."""
        return self.low <= value <= self.high

    def wrap(self, value: int) -> int:
        """`value` reduced to this type's width."""
        value &= (1 << self.bits) - 1
        return value - (1 << self.bits) if self.signed and value > self.high else value

    def widens_to(self, other: Int) -> bool:
        """Whether every value of this type is one of `other`."""
        return other.low <= self.low and self.high <= other.high


@dataclass(frozen=True)
class Literal:
    """An integer literal or constant that has no width yet."""

    def __str__(self) -> str:
        return "integer literal"


@dataclass(frozen=True)
class Bool:
    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True)
class Void:
    """The type of calls that give nothing."""

    def __str__(self) -> str:
        return "None"


@dataclass(frozen=True)
class Null:
    """The type of `null` before it meets a pointer type."""

    def __str__(self) -> str:
        return "null"


@dataclass(frozen=True)
class Ptr:
    target: Type

    def __str__(self) -> str:
        return f"ptr[{self.target}]"


@dataclass(frozen=True)
class Array:
    element: Type
    length: int

    def __str__(self) -> str:
        return f"array[{self.element}, {self.length}]"


@dataclass(frozen=True)
class Fn:
    parameters: tuple[Type, ...]
    result: Type

    def __str__(self) -> str:
        return f"fn[[{', '.join(map(str, self.parameters))}], {self.result}]"


@dataclass(frozen=True)
class View:
    """`bytes` (read-only) or `buffer` (writable): a pointer and a length, 16 bytes."""

    writable: bool

    def __str__(self) -> str:
        return "buffer" if self.writable else "bytes"


@dataclass(frozen=True)
class Coro:
    result: Type

    def __str__(self) -> str:
        return f"coro[{self.result}]"


@dataclass(frozen=True)
class Tuple:
    items: tuple[Type, ...]

    def __str__(self) -> str:
        return f"tuple[{', '.join(map(str, self.items))}]"


@dataclass
class Field:
    """One field of a struct; `offset` in bytes, `default` a constant or None."""

    name: str
    type: Type
    offset: int
    default: Expr | None


@dataclass(eq=False)
class Struct:
    """A `@struct` class: C layout, natural alignment. Filled in by the declaration pass."""

    name: str
    module: str
    fields: dict[str, Field] = field(default_factory=dict)
    methods: dict[str, FunctionSymbol] = field(default_factory=dict)
    size: int = 0
    align: int = 1

    def __str__(self) -> str:
        return self.name


Type: TypeAlias = Int | Literal | Bool | Void | Null | Ptr | Array | Fn | View | Coro | Tuple | Struct

U8, U16, U32, U64 = (Int(bits, False) for bits in (8, 16, 32, 64))
I8, I16, I32, I64 = (Int(bits, True) for bits in (8, 16, 32, 64))
INTEGERS = {str(item): item for item in (U8, U16, U32, U64, I8, I16, I32, I64)}
BOOL, VOID, NULL, LITERAL = Bool(), Void(), Null(), Literal()
BYTES, BUFFER = View(False), View(True)


def is_reference(type: Type) -> bool:
    """Struct and array values are references: a variable of such a type holds an address."""
    return isinstance(type, Struct | Array)


def is_address(type: Type) -> bool:
    """Types that hold one machine address and compare with `null`."""
    return isinstance(type, Ptr | Fn | Coro | Struct | Array)


def size_of(type: Type) -> int:
    """Bytes of inline storage (System V AMD64 ABI 3.1.2 for scalars and structs)."""
    match type:
        case Int(bits=bits):
            return bits // 8
        case Bool():
            return 1
        case Ptr() | Fn() | Coro():
            return 8
        case View():
            return 16
        case Array(element=element, length=length):
            return size_of(element) * length
        case Struct():
            return type.size
    raise AssertionError(f"{type} has no storage")


def align_of(type: Type) -> int:
    """Alignment in bytes of inline storage."""
    match type:
        case Array(element=element):
            return align_of(element)
        case Struct():
            return type.align
        case View():
            return 8
    return size_of(type)


def has_storage(type: Type) -> bool:
    """Whether a field, element or global can be of this type."""
    return isinstance(type, Int | Bool | Ptr | Fn | Coro | View | Array | Struct)


def same(left: Type, right: Type) -> bool:
    """Equality; structs are equal only to themselves."""
    return left == right


def align_up(value: int, alignment: int) -> int:
    return (value + alignment - 1) // alignment * alignment
