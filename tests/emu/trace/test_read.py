"""Reading a trace back: what was written comes back, and what is damaged is said with its line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import syscalls.calls  # noqa: F401  fills the table
from emu.trace.read import Reader, TraceError, is_trace, line, wrong_with
from emu.trace.text import Palette

HEADER = '{"format": "emu trace", "version": 1}\n'
WRITE: dict[str, Any] = {
    "event": "syscall",
    "sequence": 4,
    "time": 10,
    "duration": 5,
    "blocked": 0,
    "pid": 1000,
    "tid": 1001,
    "number": 1,
    "name": "write",
    "registers": [1, 0x7000, 3, 0, 0, 0],
    "args": {"fd": 1, "buf": "a\xff", "count": 3},
    "fds": {"fd": "pipe"},
    "result": 3,
    "pc": 0x401000,
}


def saved(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(lines))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return list(Reader(path))


def test_records_come_back_and_show_as_they_did_live(tmp_path: Path) -> None:
    path = saved(tmp_path, HEADER, json.dumps(WRITE) + "\n")
    assert read(path) == [WRITE]
    assert line(WRITE, Palette()) == '[1001] write(1<pipe>, "a\\377", 3) = 3'


def test_a_cut_payload_an_error_and_a_new_descriptor() -> None:
    cut = {
        **WRITE,
        "args": {**WRITE["args"], "buf": {"bytes": "ab", "size": 900}},
        "result": -32,
        "error": "EPIPE",
    }
    assert line(cut, Palette()) == '[1001] write(1<pipe>, "ab"..., 3) = -1 EPIPE (Broken pipe)'
    dup = {
        **WRITE,
        "number": 32,
        "name": "dup",
        "args": {"fildes": 1},
        "fds": {"fildes": "pipe", "result": "pipe"},
    }
    assert line(dup, Palette()).endswith("(1<pipe>) = 3<pipe>") or '"fildes"' not in dup["args"]


def test_events_and_calls_of_another_version() -> None:
    newer = {"event": "coffee_break", "tid": 7, "time": 1, "minutes": 5, "why": None}
    assert line(newer, Palette()) == "[7] +++ coffee break: minutes=5 +++"
    other = {**WRITE, "args": {"fd": 1, "flavour": [1, "x"]}}
    assert line(other, Palette()) == '[1001] write(1<pipe>, [1, "x"]) = 3'
    renamed = {**WRITE, "number": 999, "name": "no_such_call", "args": {}, "fds": {}}
    assert "() = 3" in line(renamed, Palette())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: an empty file, not a trace"),
        ("hello\n", "1: not JSON: the file is damaged"),
        ("[]\n", "1: not a JSON object: the file is damaged"),
        ('{"format": "x"}\n', '1: not a trace: the first line has no "format": "emu trace"'),
        (
            '{"format": "emu trace", "version": 9}\n',
            "1: trace version 9; this emu reads up to 1: use a newer emu",
        ),
        ('{"format": "emu trace", "version": "1"}\n', "1: not a trace version: '1'"),
        (HEADER + "\n", "2: not JSON: the file is damaged"),
        (HEADER + "{}\n", '2: no record: "event" is missing'),
        (HEADER + '{"event": "sysc', "2: the last line is cut off: was the run killed?"),
        (HEADER + "[" * 100000 + "\n", "2: not JSON: the file is damaged"),
        (HEADER + '{"event": "syscall"}\n', '2: not a syscall record: "sequence" must be a whole number'),
        (
            HEADER + json.dumps({**WRITE, "registers": [1]}) + "\n",
            '2: not a syscall record: "registers" must be six whole numbers',
        ),
        (
            HEADER + json.dumps({**WRITE, "result": "3"}) + "\n",
            '2: not a syscall record: "result" must be a whole number or null',
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = saved(tmp_path, text)
    with pytest.raises(TraceError) as caught:
        read(path)
    assert str(caught.value) == f"{path}:{message}"


def test_what_came_before_the_damage_is_given_out(tmp_path: Path) -> None:
    records = iter(Reader(saved(tmp_path, HEADER, json.dumps(WRITE) + "\n", "garbage\n")))
    assert next(records) == WRITE
    with pytest.raises(TraceError):
        next(records)


def test_a_trace_is_known_by_its_beginning() -> None:
    assert is_trace(HEADER.encode())
    assert not is_trace(b"\x7fELF")
    assert not is_trace(b"")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(WRITE)), json_values)
def test_no_record_is_so_strange_that_it_cannot_be_judged_or_shown(member: str, value: Any) -> None:
    record = {**WRITE, member: value}
    if not wrong_with(record):
        line(record, Palette())


@given(
    st.integers(0, 450), st.dictionaries(st.sampled_from(["fd", "buf", "path", "iov", "addr"]), json_values)
)
def test_nor_are_any_arguments(number: int, args: dict[str, Any]) -> None:
    line({**WRITE, "number": number, "args": args, "fds": {}}, Palette())
