"""The types of the guest language under CPython: integers that wrap, arrays, structs, views."""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any, ClassVar


class Integer(int):
    """A fixed-width integer; arithmetic wraps, and mixing follows the compiler's widening rules."""

    bits: ClassVar[int]
    signed: ClassVar[bool]
    low: ClassVar[int]
    high: ClassVar[int]

    def __init_subclass__(cls, *, bits: int, signed: bool) -> None:
        cls.bits, cls.signed = bits, signed
        cls.low = -(1 << (bits - 1)) if signed else 0
        cls.high = (1 << (bits - 1 if signed else bits)) - 1

    def __new__(cls, value: int = 0) -> Integer:
        value = int(value) & ((1 << cls.bits) - 1)
        return super().__new__(cls, value - (1 << cls.bits) if value > cls.high else value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"

    __str__ = int.__repr__

    def __format__(self, spec: str) -> str:
        return format(int(self), spec)

    def __neg__(self) -> Integer:
        if not self.signed:
            raise TypeError(f"unary - needs a signed integer, not {type(self).__name__}")
        return type(self)(-int(self))

    def __pos__(self) -> Integer:
        return self

    def __invert__(self) -> Integer:
        return type(self)(~int(self))

    def __abs__(self) -> int:
        raise TypeError("abs is not part of the guest language")

    def __lshift__(self, count: int) -> Integer:
        return type(self)(int(self) << min(_count(count), self.bits))

    def __rshift__(self, count: int) -> Integer:
        return type(self)(int(self) >> min(_count(count), self.bits))

    def __truediv__(self, other: object) -> Any:
        raise TypeError("/ would make a float: use //")


def _count(count: int) -> int:
    if count < 0:
        raise ValueError("negative shift count")
    return int(count)


def common(left: object, right: object) -> type[Integer] | None:
    """The type in which two operands meet; None when neither has a width. Raises TypeError when they do not mix."""
    one = type(left) if isinstance(left, Integer) else None
    two = type(right) if isinstance(right, Integer) else None
    if one is None or two is None:
        known, literal = (two, left) if one is None else (one, right)
        if known is not None and isinstance(literal, int) and not known.low <= literal <= known.high:
            raise TypeError(f"{literal} does not fit {known.__name__}")
        return known
    if two.low <= one.low and one.high <= two.high:
        return two
    if one.low <= two.low and two.high <= one.high:
        return one
    raise TypeError(f"cannot mix {one.__name__} and {two.__name__}")


def _operation(name: str, function: Callable[[int, int], int]) -> None:
    """Gives Integer the operator `name` and its reflected form."""

    def forward(self: Integer, other: object) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        kind = common(self, other)
        assert kind is not None
        return kind(function(int(self), int(other)))

    def reflected(self: Integer, other: object) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        kind = common(other, self)
        assert kind is not None
        return kind(function(int(other), int(self)))

    setattr(Integer, f"__{name}__", forward)
    setattr(Integer, f"__r{name}__", reflected)


for _name, _function in (
    ("add", operator.add),
    ("sub", operator.sub),
    ("mul", operator.mul),
    ("floordiv", operator.floordiv),
    ("mod", operator.mod),
    ("and", operator.and_),
    ("or", operator.or_),
    ("xor", operator.xor),
):
    _operation(_name, _function)


class u8(Integer, bits=8, signed=False):
    """Unsigned, 0 to 255."""


class u16(Integer, bits=16, signed=False):
    """Unsigned, 0 to 65535."""


class u32(Integer, bits=32, signed=False):
    """Unsigned, 32 bits."""


class u64(Integer, bits=64, signed=False):
    """Unsigned, 64 bits."""


class i8(Integer, bits=8, signed=True):
    """Signed, -128 to 127."""


class i16(Integer, bits=16, signed=True):
    """Signed, 16 bits."""


class i32(Integer, bits=32, signed=True):
    """Signed, 32 bits."""


class i64(Integer, bits=64, signed=True):
    """Signed, 64 bits; the type of lengths and of locals that start as a bare literal."""


class OnlyCompiled(RuntimeError):
    """The operation exists only in compiled programs."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} works only in a compiled guest program")


# Views: under CPython memoryview, bytes and bytearray


class buffer:
    """A writable view; under CPython a memoryview of a bytearray, an array[u8, N] or another view."""

    def __new__(cls, *arguments: Any) -> Any:
        if len(arguments) != 1:
            raise OnlyCompiled("buffer(ptr, n)")
        return as_view(arguments[0], writable=True)


def as_view(value: Any, *, writable: bool) -> memoryview:
    """Any bytes-like value as a view. Raises TypeError."""
    view = memoryview(value.data if isinstance(value, Array) else value)
    if not writable:
        return view.toreadonly()
    if view.readonly:
        raise TypeError("a buffer is needed, not bytes")
    return view


# Types with parameters


class Parametrised:
    """`ptr[T]`, `fn[...]`, `coro[T]`: names for annotations; they make nothing under CPython."""

    def __init__(self, name: str, parameters: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.parameters = parameters

    def __getitem__(self, parameters: Any) -> Parametrised:
        return Parametrised(self.name, parameters if isinstance(parameters, tuple) else (parameters,))

    def __call__(self, *arguments: object) -> Any:
        raise OnlyCompiled(self.name)

    def __repr__(self) -> str:
        return self.name


class ArrayType:
    """`array[T, N]`: called, it makes an array of zeros, or of the listed elements."""

    def __init__(self, element: Any, length: int) -> None:
        self.element = element
        self.length = int(length)

    def __call__(self, items: Any = ()) -> Array:
        return Array(self, items)

    def __repr__(self) -> str:
        return f"array[{getattr(self.element, '__name__', self.element)}, {self.length}]"


class _ArrayMaker:
    def __getitem__(self, parameters: tuple[Any, int]) -> ArrayType:
        return ArrayType(*parameters)


class Array:
    """Fixed-length inline storage; arrays of u8 can be viewed as bytes."""

    def __init__(self, kind: ArrayType, items: Any = ()) -> None:
        self.kind = kind
        items = list(items)
        if items and len(items) != kind.length:
            raise ValueError(f"{len(items)} elements for {kind}")
        self.data: Any = bytearray(items or kind.length) if kind.element is u8 else []
        if kind.element is not u8:
            self.data = [convert(kind.element, item) for item in items]
            self.data = self.data or [zero(kind.element) for _ in range(kind.length)]

    def _index(self, index: int) -> int:
        if not 0 <= index < self.kind.length:
            raise IndexError("index out of range")
        return int(index)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return memoryview(self.data)[index]
        item = self.data[self._index(index)]
        return u8(item) if self.kind.element is u8 else item

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            memoryview(self.data)[index] = value
        elif isinstance(self.data[self._index(index)], Array | Struct):
            raise TypeError("stored inline: use copy()")
        else:
            self.data[self._index(index)] = convert(self.kind.element, value)

    def __len__(self) -> int:
        return self.kind.length

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self.kind.length))

    def __bytes__(self) -> bytes:
        return bytes(self.data)


class Struct:
    """What every `@struct` class inherits from under CPython: typed fields with defaults."""

    guest_types: ClassVar[dict[str, Any] | None] = None

    def __init__(self, *values: Any, **named: Any) -> None:
        types = fields(type(self))
        given = dict(zip(types, values, strict=False)) | named
        if len(values) > len(types) or not given.keys() <= types.keys():
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(types)}")
        for name, kind in types.items():
            value = given.get(name, getattr(type(self), name, None))
            object.__setattr__(self, name, zero(kind) if value is None else convert(kind, value))

    def __setattr__(self, name: str, value: Any) -> None:
        types = fields(type(self))
        if name not in types:
            raise AttributeError(f"{type(self).__name__} has no field {name}")
        if isinstance(getattr(self, name), Struct | Array) and isinstance(value, Struct | Array):
            raise TypeError(f"{name} is stored inline: use copy()")
        object.__setattr__(self, name, convert(types[name], value))


def fields(kind: type[Struct]) -> dict[str, Any]:
    """The field types of a struct in order, resolved on first use so that later classes can be named."""
    if kind.__dict__.get("guest_types") is None:
        names = {**vars(sys.modules[kind.__module__]), kind.__name__: kind}
        found = inspect.get_annotations(kind, globals=names, eval_str=True)
        kind.guest_types = found
    assert kind.guest_types is not None
    return kind.guest_types


def is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def zero(kind: Any) -> Any:
    """The fresh state of a type."""
    if isinstance(kind, type) and issubclass(kind, Integer | bool | bytes | Struct):
        return kind()
    if isinstance(kind, ArrayType):
        return kind()
    return memoryview(bytearray()) if kind is buffer else None


def convert(kind: Any, value: Any) -> Any:
    """`value` as the compiler would pass it to a place of this type. Raises TypeError when it would refuse."""
    if kind is bool:
        if not isinstance(value, bool):
            raise TypeError(f"bool is needed, not {value!r}")
        return value
    if isinstance(kind, type) and issubclass(kind, Integer):
        if not isinstance(value, int) or (isinstance(value, bool)):
            raise TypeError(f"{kind.__name__} is needed, not {value!r}")
        source = type(value)
        if issubclass(source, Integer) and (source.low < kind.low or source.high > kind.high):
            raise TypeError(f"{source.__name__} does not convert to {kind.__name__} by itself")
        if not kind.low <= value <= kind.high:
            raise TypeError(f"{value} does not fit {kind.__name__}")
        return kind(value)
    if kind is bytes:
        return as_view(value, writable=False)
    if kind is buffer:
        return as_view(value, writable=True)
    if isinstance(kind, ArrayType) and isinstance(value, list):
        return kind(value)  # a nested list in a constant table
    return value


def copy(target: Any, source: Any) -> None:
    """Copies the content of a struct or array into another of the same type."""
    if isinstance(target, Array) and isinstance(source, Array):
        for i in range(len(target)):
            if isinstance(target.data[i], Array | Struct):
                copy(target.data[i], source.data[i])
            else:
                target.data[i] = source.data[i]
    elif isinstance(target, Struct) and type(target) is type(source):
        for name in fields(type(target)):
            value = getattr(source, name)
            if isinstance(value, Array | Struct):
                copy(getattr(target, name), value)
            else:
                object.__setattr__(target, name, value)
    else:
        raise TypeError(f"copy is for structs and arrays of one type, not {target!r} and {source!r}")


def layout(kind: Any) -> tuple[int, int]:
    """Size and alignment in bytes of inline storage (System V AMD64 ABI 3.1.2)."""
    if isinstance(kind, ArrayType):
        size, align = layout(kind.element)
        return size * kind.length, align
    if is_struct(kind):
        size, align = 0, 1
        for item in fields(kind).values():
            item_size, item_align = layout(item)
            size, align = -(-size // item_align) * item_align + item_size, max(align, item_align)
        return -(-size // align) * align, align
    if kind in (bytes, buffer):
        return 16, 8
    if isinstance(kind, Parametrised):
        return 8, 8
    if kind is bool:
        return 1, 1
    if isinstance(kind, type) and issubclass(kind, Integer):
        return kind.bits // 8, kind.bits // 8
    raise TypeError(f"{kind!r} has no storage")


ptr = Parametrised("ptr")
fn = Parametrised("fn")
coro = Parametrised("coro")
array = _ArrayMaker()
