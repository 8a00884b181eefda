"""Compiled `@pure` functions give what CPython gives: random expressions, and handwritten functions on random input."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guest.compiler.jit import Library

PURE = Path(__file__).parent / "programs" / "parts" / "pure.py"
INTEGERS = ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64")
COUNTER = itertools.count()


def bounds(name: str) -> tuple[int, int]:
    bits = int(name[1:])
    return (0, (1 << bits) - 1) if name[0] == "u" else (-(1 << bits - 1), (1 << bits - 1) - 1)


def values(name: str) -> st.SearchStrategy[int]:
    low, high = bounds(name)
    return st.one_of(st.sampled_from([low, high, low + 1, 0, 1, high // 2]), st.integers(low, high))


def wider(left: str, right: str) -> str | None:
    """The type in which both meet, by the language's rule."""
    for one, two in ((left, right), (right, left)):
        (low, high), (under, over) = bounds(one), bounds(two)
        if under <= low and high <= over:
            return two
    return None


@st.composite
def expressions(draw: st.DrawFn, names: dict[str, str], depth: int) -> tuple[str, str]:
    """(text, type) of a random integer expression over variables with types."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        name = draw(st.sampled_from(sorted(names)))
        return name, names[name]
    kind = draw(st.sampled_from(["binary", "binary", "binary", "divide", "shift", "unary", "convert", "if"]))
    text, type = draw(expressions(names, depth - 1))
    if kind == "convert":
        target = draw(st.sampled_from(INTEGERS))
        return f"{target}({text})", target
    if kind == "unary":
        return (f"-({text})" if type[0] == "i" and draw(st.booleans()) else f"~({text})"), type
    other, other_type = draw(expressions(names, depth - 1))
    if kind == "shift":
        count = f"u8({other}) % {draw(st.sampled_from([8, 40, 70]))}"
        return f"(({text}) {draw(st.sampled_from(['<<', '>>']))} ({count}))", type
    common = wider(type, other_type)
    if common is None:
        other, common = f"{type}({other})", type
    if kind == "divide":
        if draw(st.booleans()):
            divisor = draw(values(common).filter(bool))
            # The divisor is a literal, which takes the other operand's type.
            return f"({common}({text}) {draw(st.sampled_from(['//', '%']))} ({divisor}))", common
        return f"({common}({text}) {draw(st.sampled_from(['//', '%']))} ({common}({other}) | 1))", common
    if kind == "if":
        test = f"({text}) {draw(st.sampled_from(['<', '<=', '>', '>=', '==', '!=']))} ({other})"
        return f"({common}({text}) if {test} else {common}({other}))", common
    return f"(({text}) {draw(st.sampled_from(['+', '-', '*', '&', '|', '^']))} ({other}))", common


def import_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"pure_{next(COUNTER)}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_expressions(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    names = {name: data.draw(st.sampled_from(INTEGERS), name) for name in "abc"}
    text, type = data.draw(expressions(names, 4), "expression")
    parameters = ", ".join(f"{name}: {kind}" for name, kind in names.items())
    source = (
        f"from guest.lang import pure, {', '.join(INTEGERS)}\n\n\n"
        f"@pure\ndef f({parameters}) -> {type}:\n    return {text}\n"
    )
    file = tmp_path_factory.getbasetemp() / f"expression{next(COUNTER)}.py"
    file.write_text(source)
    compiled, interpreted = Library(file, ["f"]), import_file(file)
    for _ in range(8):
        arguments = [data.draw(values(kind)) for kind in names.values()]
        assert compiled.f(*arguments) == interpreted.f(*arguments)


@pytest.fixture(scope="module")
def compiled() -> Library:
    return Library(
        PURE, ["checksum", "parse_number", "collatz", "sort", "points", "match", "copy_up", "digits", "mixed"]
    )


@pytest.fixture(scope="module")
def interpreted() -> Any:
    return import_file(PURE)


@given(data=st.binary(max_size=80))
def test_functions_of_bytes(compiled: Library, interpreted: Any, data: bytes) -> None:
    for name in ("checksum", "parse_number"):
        assert getattr(compiled, name)(data) == getattr(interpreted, name)(data)


@given(text=st.binary(max_size=20), piece=st.binary(max_size=3))
def test_comparing_slices(compiled: Library, interpreted: Any, text: bytes, piece: bytes) -> None:
    assert compiled.match(text, piece) == interpreted.match(text, piece) == text.find(piece)


@given(data=st.binary(max_size=32))
def test_writing_into_a_buffer(compiled: Library, interpreted: Any, data: bytes) -> None:
    for name in ("sort", "copy_up"):
        one, two = bytearray(data), bytearray(data)
        getattr(compiled, name)(one)
        getattr(interpreted, name)(two)
        assert one == two
    assert sorted(data) == list(_sorted(interpreted, data))


def _sorted(interpreted: Any, data: bytes) -> bytearray:
    room = bytearray(data)
    interpreted.sort(room)
    return room


@given(n=values("u32"), x=values("i64"), y=values("i64"))
def test_functions_of_integers(compiled: Library, interpreted: Any, n: int, x: int, y: int) -> None:
    assert compiled.collatz(n % 1000 + 1) == interpreted.collatz(n % 1000 + 1)
    assert compiled.points(x, y) == interpreted.points(x, y)
    assert compiled.mixed(n & 0xFF, n) == interpreted.mixed(n & 0xFF, n)
    one, two = bytearray(20), bytearray(20)
    assert compiled.digits(one, n) == interpreted.digits(two, n)
    assert one == two
    assert str(n).encode() in one
