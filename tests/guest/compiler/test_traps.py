"""A trap says `path:line: words` on stderr and stops the program at an ud2 in that very function."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

HEAD = """\
from prelude import _start, show
from guest.lang import addr, array, buffer, i8, i32, i64, noinline, trap, u8, u32, u64
"""

CASES = {
    "bytes": ("def f(b: bytes, i: i64) -> u8:\n    return b[i]\n", 'f(b"abc", 3)', "index out of range", 4),
    "negative index": (
        "def f(b: bytes, i: i64) -> u8:\n    return b[i]\n",
        'f(b"abc", -1)',
        "index out of range",
        4,
    ),
    "array": (
        "def f(i: u32) -> u8:\n    a = array[u8, 4]()\n    a[i] = 1\n    return a[0]\n",
        "f(4)",
        "index out of range",
        5,
    ),
    "division": ("def f(a: i64) -> i64:\n    return 5 // a\n", "f(0)", "division by zero", 4),
    "remainder": ("def f(a: u8) -> u8:\n    return 5 % a\n", "f(0)", "division by zero", 4),
    "shift": ("def f(a: i32) -> i64:\n    return i64(1) << a\n", "f(-1)", "negative shift count", 4),
    "slice": (
        "def f(b: bytes, i: i64) -> i64:\n    return len(b[i:])\n",
        'f(b"abc", -1)',
        "negative slice bound",
        4,
    ),
    "slice assignment": (
        "def f(b: buffer) -> None:\n    b[1:3] = b[0:3]\n",
        "f(array[u8, 8]())",
        "slices of different lengths",
        4,
    ),
    "assert": (
        "def f(a: u8) -> None:\n\n    assert (a  >\n            5)\n",
        "f(1)",
        "assertion failed: a > 5",
        5,
    ),
    "assert with words": (
        'def f(a: u8) -> None:\n    assert a > 5, b"too small"\n',
        "f(1)",
        "assertion failed: too small",
        4,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message_and_signal(name: str, run_source: Callable[..., Any]) -> None:
    function, call, words, line = CASES[name]
    result = run_source(f"{HEAD}@noinline\n{function}\n\ndef main() -> i64:\n    {call}\n    return 0\n")
    assert result.stderr.decode() == f"main.py:{line + 1}: {words}\n"
    assert result.returncode == -signal.SIGILL


def test_trap_stops_without_words(run_source: Callable[..., Any]) -> None:
    result = run_source(f"{HEAD}def main() -> i64:\n    trap()\n")
    assert result.stderr == b""
    assert result.returncode == -signal.SIGILL


def test_null_is_a_fault_and_not_undefined(run_source: Callable[..., Any]) -> None:
    result = run_source(
        "from prelude import _start\nfrom guest.lang import i64, null, ptr\n"
        "def main() -> i64:\n    p: ptr[i64] = null\n    p[0] = 1\n    return p[0]\n"
    )
    assert result.returncode == -signal.SIGSEGV


def test_long_words_are_cut_and_the_line_is_ended(run_source: Callable[..., Any]) -> None:
    result = run_source(
        f"{HEAD}@noinline\ndef f(a: u8) -> None:\n    assert a > 5, {'x' * 400!r}\ndef main() -> i64:\n    f(1)\n    return 0\n"
    )
    assert len(result.stderr) == 256
    assert result.stderr.startswith(b"main.py:5: assertion failed: xxx")
    assert result.stderr.endswith(b"x\n")
