"""guest.lang under CPython: integers, arrays, structs and views behave as in compiled programs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import guest.compiler.check.functions  # registers what the compiler knows
from guest import lang
from guest.compiler.check.core import CALLS
from guest.compiler.declare import HIDDEN_NAMES, LANG_NAMES
from guest.lang import (
    alignof,
    array,
    buffer,
    copy,
    embed,
    fn,
    i8,
    i16,
    i32,
    i64,
    null,
    offsetof,
    ptr,
    pure,
    sizeof,
    struct,
    u8,
    u16,
    u32,
    u64,
)
from guest.lang_types import OnlyCompiled

KINDS = (u8, u16, u32, u64, i8, i16, i32, i64)


@struct
class Inner:
    a: u8
    b: u64 = 9


@struct
class Outer:
    flag: bool = True
    inner: Inner
    marks: array[u16, 3]
    name: bytes = b"outer"
    link: ptr[u8]
    call: fn[[u32], bool]
    last: u8

    def bump(self, by: u8) -> u8:
        self.last += by
        return self.last


@pure
def accumulate(data: bytes, start: u8) -> u8:
    total = start
    for byte in data:
        total += byte
    return total


@pure
def literal_local(n: u32) -> i64:
    count = 0
    count += n
    count -= 0x7FFFFFFFFFFFFFFF
    return count - 0x7FFFFFFFFFFFFFFF


@pure
def shadow(x: u8) -> u8:
    x = 5
    x -= 6
    return x


@pure
def typed_element(data: bytes) -> u8:
    return data[0] << 4


@pure
def fill(room: buffer, n: i64) -> buffer:
    for i in range(n):
        room[i] = u8(i * 100)
    return room[n:]


@pure
def two(a: u8, b: i64) -> tuple[u8, i64]:
    return a + 1, b - 1


@pure
def uses_two(a: u8, b: i64) -> i64:
    x, y = two(a, b)
    return x + y


@pure
@struct
class Adder:
    total: u8

    def add(self, data: bytes) -> u8:
        for byte in data:
            self.total += byte
        return self.total


@pytest.mark.parametrize("kind", KINDS)
@given(value=st.integers(-(1 << 70), 1 << 70))
def test_constructor_wraps(kind: type[int], value: int) -> None:
    bits, signed = kind.bits, kind.signed  # type: ignore[attr-defined]
    expected = value % (1 << bits)
    if signed and expected >= 1 << (bits - 1):
        expected -= 1 << bits
    assert int(kind(value)) == expected
    assert type(kind(value) + 0) is kind


def test_arithmetic_wraps_in_the_wider_type() -> None:
    assert u8(200) + 100 == 44
    assert 100 + u8(200) == 44
    assert type(u8(1) + u32(1)) is u32
    assert type(u16(1) * i32(1)) is i32
    assert 0 - u32(1) == 0xFFFFFFFF
    assert i8(-128) // i8(-1) == -128
    assert i64(-7) // 2 == -4
    assert i64(-7) % 2 == 1
    assert ~u8(1) == 254
    assert -i8(-128) == -128
    assert u8(1) << 9 == 0
    assert i8(-1) >> 100 == -1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: u64(1) + i64(1),
        lambda: u32(1) + i32(1),
        lambda: u8(1) + 256,
        lambda: u8(1) - -1,
        lambda: -u8(1),
        lambda: u32(4) / 2,
    ],
)
def test_mixing_is_refused_as_by_the_compiler(wrong: object) -> None:
    with pytest.raises(TypeError):
        wrong()  # type: ignore[operator]


def test_negative_shift() -> None:
    with pytest.raises(ValueError, match="negative shift"):
        u8(1) << -1


def test_array_is_typed_and_checked() -> None:
    a = array[u32, 3]([1, 2, 3])
    assert len(a) == 3
    assert type(a[1]) is u32
    with pytest.raises(IndexError):
        a[3]
    with pytest.raises(IndexError):
        a[-1]
    with pytest.raises(TypeError):
        a[0] = 1 << 32
    with pytest.raises(ValueError, match="2 elements"):
        array[u8, 3]([1, 2])
    grid = array[array[u8, 2], 2]([array[u8, 2]([1, 2]), array[u8, 2]([3, 4])])
    assert grid[1][0] == 3
    assert array[array[i16, 2], 2]([[1, -2], [3, 4]])[0][1] == -2


def test_byte_array_is_a_buffer() -> None:
    a = array[u8, 4]()
    a[1:3][0] = 7
    assert bytes(a) == b"\0\7\0\0"
    view = buffer(a)
    view[3] = 1
    assert a[3] == 1


def test_struct_has_defaults_and_typed_fields() -> None:
    o = Outer(last=255)
    assert o.flag is True
    assert o.inner.b == 9
    assert o.name == b"outer"
    assert o.link is null
    assert o.bump(2) == 1
    with pytest.raises(TypeError):
        o.last = 256
    with pytest.raises(AttributeError):
        o.missing = 1
    with pytest.raises(TypeError):
        o.inner = Inner()


def test_copy_is_deep() -> None:
    a, b = Outer(last=3), Outer()
    a.inner.a = u8(5)
    a.marks[2] = 7
    copy(b, a)
    a.inner.a = 6
    assert (b.inner.a, b.marks[2], b.last) == (5, 7, 3)


def test_layout_is_that_of_c() -> None:
    assert (sizeof(Inner), alignof(Inner)) == (16, 8)
    assert offsetof(Outer, "inner") == 8
    assert offsetof(Outer, "marks") == 24
    assert offsetof(Outer, "name") == 32
    assert sizeof(Outer) == 72
    assert sizeof(array[Inner, 3]) == 48
    assert sizeof(ptr[u8]) == 8


def test_pure_functions_take_and_give_declared_types() -> None:
    assert accumulate(b"\xff\x02", 1) == 2
    assert type(accumulate(b"", 1)) is u8
    assert literal_local(5) == 5 + 2
    assert shadow(1) == 255
    assert typed_element(b"\x1f") == 0xF0
    room = bytearray(5)
    rest = fill(room, 4)
    assert room == bytes([0, 100, 200, 44, 0])
    assert len(rest) == 1
    assert uses_two(255, 5) == 4
    assert Adder().add(b"\xff\x03") == 2
    with pytest.raises(TypeError):
        accumulate(b"", 256)
    with pytest.raises(IndexError):
        fill(bytearray(2), 3)


def test_embedded_file_is_found() -> None:
    assert embed("test_lang.py").startswith(b'"""guest.lang under CPython')


def test_low_level_operations_say_that_they_need_compiling() -> None:
    for name in ("syscall", "addr", "memory_copy", "pause", "resume"):
        with pytest.raises(OnlyCompiled, match=name):
            getattr(lang, name)()
    with pytest.raises(OnlyCompiled):
        ptr[u8](5)
    with pytest.raises(OnlyCompiled):
        lang.atomic.add(None, 1)


def test_the_compiler_and_the_module_know_the_same_names() -> None:
    assert guest.compiler.check.functions.HANDLERS
    calls = {name for name in CALLS if name.isidentifier()} - {"len", "range"}
    known = (set(LANG_NAMES) | calls) - {"bool", "bytes"}
    assert known == set(lang.__all__)
    assert not HIDDEN_NAMES - known - {"len", "range"}
