"""What is a saved trace and what a program, told by the first bytes, without taking anything from a FIFO."""

import gzip
import os
from pathlib import Path

import pytest

from emu.trace.sniff import is_saved, is_trace, what_neither


@pytest.mark.parametrize(
    "head",
    [b'{"format": "emu trace"', b'{"event": "sys', b"\xef\xbb\xbf{", b"\0\0{", gzip.compress(b"x", mtime=0)],
)
def test_a_trace_is_known_by_its_beginning(head: bytes) -> None:
    assert is_trace(head)


@pytest.mark.parametrize("head", [b"\x7fELF", b"", b"#!/bin/sh", b"[]"])
def test_other_files_are_not_taken_for_one(head: bytes) -> None:
    assert not is_trace(head)


def test_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text('{"format": "emu trace"}')
    (tmp_path / "program").write_bytes(b"\x7fELF")
    os.mkfifo(tmp_path / "fifo")
    assert [is_saved(tmp_path / name) for name in ("trace", "fifo", "program", "none", ".")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert not is_saved("a\0b")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"words", "it begins neither as a trace nor as an ELF file"),
        (b"\x7fELF\2", ""),
        (b"\x7fE", ""),
        (b"#!/bin/sh", ""),
        (b"{", ""),
    ],
)
def test_what_is_neither_is_told_at_once(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    assert what_neither(tmp_path / "file") == why
    assert what_neither(tmp_path) == what_neither(tmp_path / "none") == what_neither("a\0b") == ""
