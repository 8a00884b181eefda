"""What the argument types of execve show, as strace writes it."""

import json
import struct
from types import SimpleNamespace
from typing import Any

import pytest

import syscalls.calls  # noqa: F401  fills the table
from emu.trace.call_text import call_text, revived
from syscalls.data import Cut, jsonable
from syscalls.numbers import execve
from syscalls.table import lookup
from syscalls.types_execute import ARGUMENTS_LIMIT, ArgumentVector, EnvironmentVector

PAGE = 0x1000


class Memory:
    """Guest memory that begins at 0x1000."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def readable(self, address: int, size: int) -> int:
        return max(0, min(size, PAGE + len(self.data) - address)) if address >= PAGE else 0

    def read(self, address: int, size: int) -> bytes:
        if self.readable(address, size) < size:
            raise OSError(14, "bad address")
        return self.data[address - PAGE : address - PAGE + size]

    def cstring(self, address: int, limit: int = 4096) -> bytes:
        head = self.read(address, self.readable(address, limit) or 1)
        if b"\0" not in head:
            raise OSError(36 if len(head) == limit else 14, "no end")
        return head.split(b"\0")[0]


def thread(data: bytes, limit: int = 1024) -> Any:
    return SimpleNamespace(memory=Memory(data), process=SimpleNamespace(payload_limit=limit))


def array(*strings: bytes, end: bool = True) -> bytes:
    """An array at 0x1000 with its strings behind it; an empty one is a pointer to nowhere."""
    words, texts = [], b""
    behind = PAGE + 8 * (len(strings) + end)
    for string in strings:
        words.append(behind + len(texts) if string else 0x10)
        texts += string + b"\0" if string else b""
    return struct.pack(f"<{len(words)}Q", *words) + (bytes(8) if end else b"") + (texts if end else b"")


def shown(arg: Any, data: Any, limit: int | None = None) -> str:
    """The text after the data has been through JSON."""
    name = "argv" if isinstance(arg, ArgumentVector) else "envp"
    value = json.loads(json.dumps(jsonable(data)))
    assert revived(arg, value) == data
    return call_text(lookup(execve), {name: value}, None, 0, limit).inside


@pytest.mark.parametrize(
    ("memory", "data", "text"),
    [
        (array(b"ls", b"-l\n"), [b"ls", b"-l\n"], '["ls", "-l\\n"]'),
        (array(), [], "[]"),
        (array(b"ls", b""), [b"ls", 16], '["ls", 0x10]'),
        (array(b"", b"", end=False), [16, 16, {"left_out": 0}], "[0x10, 0x10, ...]"),
        (b"", PAGE, "0x1000"),
    ],
)
def test_arguments(memory: bytes, data: Any, text: str) -> None:
    captured = ArgumentVector().capture(thread(memory), PAGE)
    assert captured == data
    assert shown(ArgumentVector(), captured) == text


def test_arguments_are_bounded() -> None:
    assert ArgumentVector().capture(thread(b""), 0) is None
    many = ArgumentVector().capture(thread(array(*[b"x"] * 1000)), PAGE)
    assert len(many) == ARGUMENTS_LIMIT + 1
    assert many[-1] == {"left_out": 1000 - ARGUMENTS_LIMIT}
    assert shown(ArgumentVector(), many).endswith('"x", ...]')
    assert shown(ArgumentVector(), many, 2) == '["x", "x", ...]'
    long = ArgumentVector().capture(thread(array(b"y" * 100), limit=8), PAGE)
    assert long == [Cut(b"y" * 8, 9)]
    assert shown(ArgumentVector(), long) == '["yyyyyyyy"...]'
    assert shown(ArgumentVector(), [b"y" * 100], 4) == '["yyyy"...]'


@pytest.mark.parametrize(
    ("memory", "text"),
    [
        (array(b"A=1", b"B=2"), "0x1000 /* 2 vars */"),
        (array(b"A=1"), "0x1000 /* 1 var */"),
        (array(), "0x1000 /* 0 vars */"),
        (array(b"", b"", end=False), "0x1000 /* 2 vars, unterminated */"),
        (b"", "0x1000"),
    ],
)
def test_an_environment_shows_how_much_there_is(memory: bytes, text: str) -> None:
    assert shown(EnvironmentVector(), EnvironmentVector().capture(thread(memory), PAGE)) == text


def test_no_environment() -> None:
    assert shown(EnvironmentVector(), EnvironmentVector().capture(thread(b""), 0)) == "NULL"
