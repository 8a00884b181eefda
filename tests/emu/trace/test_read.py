"""Reading a trace back: what was written comes back, and what is damaged is left out, counted and told with its line."""

import gzip
import json
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import emu.trace.read
import syscalls.calls  # noqa: F401  fills the table
from emu.trace.read import Brief, Reader, TraceError, line, parse, projected, wrong_with
from emu.trace.text import Palette

HEADER = '{"format": "emu trace", "version": 1, "pid": 1000}\n'
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
    "objects": {"fd": 2},
    "result": 3,
    "pc": 0x401000,
}
LINE = json.dumps(WRITE) + "\n"


def saved(tmp_path: Path, *lines: str | bytes) -> Path:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(b"".join(part.encode() if isinstance(part, str) else part for part in lines))
    return path


def read(path: Path) -> tuple[list[dict[str, Any]], str]:
    """The records, and what was said of the damage without the path; empty when there was none."""
    reader = Reader(path)
    records = list(reader)
    return records, "" if reader.damage is None else str(reader.damage).removeprefix(f"{path}:")


def test_records_come_back_and_show_as_they_did_live(tmp_path: Path) -> None:
    path = saved(tmp_path, HEADER, LINE)
    assert read(path) == ([WRITE], "")
    assert Reader(path).header["pid"] == 1000
    assert line(WRITE, Palette()) == '[1001] write(1<pipe>, "a\\377", 3) = 3'


def test_a_cut_payload_an_error_and_a_new_descriptor() -> None:
    cut = {
        **WRITE,
        "args": {**WRITE["args"], "buf": {"bytes": "ab", "size": 900}},
        "result": -32,
        "error": "EPIPE",
    }
    assert line(cut, Palette()) == '[1001] write(1<pipe>, "ab"..., 3) = -1 EPIPE (Broken pipe)'


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
        ("hello\n", "1: not a trace of emu"),
        ("hello\n" * 1000, "1: not a trace of emu"),
        ("[]\n", "1: not a trace of emu"),
        ('{"format": "x"}\n', '1: not a trace: the first line has no "format": "emu trace"'),
        ('{"format": "emu trace", "version": "1"}\n', "1: not a trace version: '1'"),
        (b"\x7fELF" + bytes(range(256)) * 9, "1: a program, not a trace: `emu trace -o FILE` records one"),
        (gzip.compress(HEADER.encode(), mtime=0), "1: compressed by gzip: unpack it first, with gunzip"),
        (
            '{"format": "emu trace", "version": 9}\n' + LINE,
            "1: trace version 9; this emu reads up to 1: use a newer emu",
        ),
    ],
)
def test_what_is_no_trace_is_said_in_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = saved(tmp_path, text)
    with pytest.raises(TraceError) as caught:
        Reader(path)
    assert str(caught.value) == f"{path}:{message}"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("garbage\n", "not JSON: the file is damaged"),
        ("[]\n", "not a JSON object: the file is damaged"),
        ("{}\n", 'no record: "event" is missing'),
        (b"\xff\xfe\0\0\n", "not JSON: the file is damaged"),
        (b"\0" * 5000 + b"\n", "not JSON: the file is damaged"),
        ("[" * 100000 + "\n", "not JSON: the file is damaged"),
        ('{"event": ' * 100000 + "\n", "not JSON: the file is damaged"),
        (LINE.replace("10,", "1" * 9000 + ","), "not JSON: the file is damaged"),
        (LINE.replace("10,", "1" * 30 + ","), "not a syscall record: a number is too large or negative"),
        (LINE.replace("10,", "-10,"), "not a syscall record: a number is too large or negative"),
        (LINE.replace("10,", "10.0,"), 'not a syscall record: "time" must be a whole number'),
        (LINE.replace("10,", "true,"), 'not a syscall record: "time" must be a whole number'),
        ('{"event": "syscall"}\n', 'not a syscall record: "sequence" is missing'),
        (LINE.replace("0, 0]", "0]"), 'not a syscall record: "registers" must be six whole numbers'),
        (LINE.replace("0, 0]", 'null, "0"]'), 'not a syscall record: "registers" must be six whole numbers'),
        (
            LINE.replace('"result"', '"resulf"'),
            'not a syscall record: "result" is missing',
        ),
        (
            LINE.replace('"result": 3', '"result": "3"'),
            'not a syscall record: "result" must be a whole number or null',
        ),
        (LINE.replace('"pipe"', "7"), 'not a syscall record: "fds" must be an object of descriptions'),
        (LINE.replace('"pipe"', '{"3": 7}'), 'not a syscall record: "fds" must be an object of descriptions'),
        (LINE.replace("}\n", ', "stack": [1]}\n'), 'not a syscall record: "stack" must be a list of frames'),
        (LINE.replace("}\n", ', "line": "x"}\n'), 'not a syscall record: "line" is not what it should be'),
        (LINE.replace('{"fd": 2}', "[]"), 'not a syscall record: "objects" must be an object of numbers'),
        ('{"event": "signal", "time": null}\n', 'no record: "time" must be a whole number'),
        ('{"event": "signal", "time": 1, "tid": "x"}\n', 'no record: "tid" must be a whole number'),
        (HEADER, "a second header: two traces in one file, whose sequence numbers begin anew here"),
    ],
)
def test_a_damaged_line_is_left_out_and_told(tmp_path: Path, bad: str | bytes, why: str) -> None:
    assert read(saved(tmp_path, HEADER, LINE, bad, LINE)) == ([WRITE, WRITE], f"3: {why}")


def test_two_damages_count_and_the_first_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path, HEADER, LINE, "x\n", LINE, "y\n", LINE, "z\n")
    records, said = read(path)
    assert len(records) == 3
    assert said == "3: not JSON: the file is damaged (and 2 more damaged lines)"


def test_a_last_line_that_is_cut_off(tmp_path: Path) -> None:
    for cut in (1, 20, len(LINE) - 2):
        assert read(saved(tmp_path, HEADER, LINE, LINE[:cut])) == (
            [WRITE],
            "3: the last line is cut off: was the run killed?",
        )
    assert read(saved(tmp_path, HEADER, LINE, LINE[:-1])) == ([WRITE, WRITE], ""), "only its newline is"


def test_a_record_behind_a_torn_one_is_given_out(tmp_path: Path) -> None:
    """A lost newline, or a hole of NULs where a page was never written, costs one record and not two."""
    assert read(saved(tmp_path, HEADER, LINE[:80], LINE)) == ([WRITE], "2: not JSON: the file is damaged")
    assert read(saved(tmp_path, HEADER, b"\0" * 4096, LINE))[0] == [WRITE]


def test_empty_lines_and_carriage_returns_are_no_damage(tmp_path: Path) -> None:
    assert read(saved(tmp_path, b"\xef\xbb\xbf", HEADER, "\n", LINE.replace("\n", "\r\n"), "\r\n")) == (
        [WRITE],
        "",
    )


def test_a_lost_header_does_not_cost_the_records(tmp_path: Path) -> None:
    assert read(saved(tmp_path, LINE, LINE)) == ([WRITE, WRITE], "1: the header is missing")
    torn = saved(tmp_path, HEADER[:12], "\0", HEADER[13:], LINE)
    assert read(torn) == ([WRITE], "1: the header cannot be read: not JSON: the file is damaged")
    assert Reader(torn).header == {"format": "emu trace", "version": 1}
    assert read(saved(tmp_path, HEADER[:-1], "?", LINE, LINE))[0] == [WRITE, WRITE]


def test_members_of_the_header_that_are_not_what_they_should_be_are_left_out(tmp_path: Path) -> None:
    path = saved(tmp_path, HEADER.replace("1000", '"x"'), LINE)
    assert "pid" not in Reader(path).header
    assert read(path) == ([WRITE], '1: "pid" in the header is not what it should be')


def test_a_line_without_an_end_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emu.trace.read, "MAX_LINE", 5000)
    monkeypatch.setattr(emu.trace.read, "CHUNK", 1000)
    path = saved(tmp_path, HEADER, LINE, "x" * 20000, "\n", LINE, "y" * 20000)
    assert read(path) == ([WRITE] * 2, "3: the line is too long for a record (and 1 more damaged line)")
    with pytest.raises(TraceError, match="1: not a trace: the first line is too long"):
        Reader(saved(tmp_path, "x" * 20000))


def test_a_fifo_is_read_as_it_comes_and_a_directory_is_not(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=(HEADER + LINE,))
    writer.start()
    assert read(fifo) == ([WRITE], "")
    writer.join()
    with pytest.raises(IsADirectoryError):
        Reader(tmp_path)


def test_paths_that_are_no_utf8_come_back(tmp_path: Path) -> None:
    record = {**WRITE, "fds": {"fd": "/tmp/\udcff"}}
    path = saved(tmp_path, HEADER, json.dumps(record) + "\n")
    assert read(path) == ([record], "")
    assert [brief.name for brief in Reader(path).each(projected(Brief))] == ["write"]


def test_a_projection_gives_the_members_that_it_names(tmp_path: Path) -> None:
    class Fds(msgspec.Struct):
        event: str
        result: int | None = None
        fds: dict[str, Any] = {}

    path = saved(tmp_path, HEADER, LINE, "x\n", '{"event": "signal", "time": 3, "pid": 1, "signal": 9}\n')
    reader = Reader(path)
    assert list(reader.each(projected(Fds))) == [Fds("syscall", 3, {"fd": "pipe"}), Fds("signal")]
    assert reader.damage is not None
    assert (reader.damage.lines, reader.damage.first) == (1, 3)
    brief = next(Reader(path).each(projected(Brief)))
    assert (brief.sequence, brief.time, brief.duration, brief.tid, brief.name) == (4, 10, 5, 1001, "write")


WOUNDS = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(1, 4000), st.binary(max_size=8)), min_size=1, max_size=6
)


def wounded(lines: list[bytes], wounds: list[tuple[int, int, bytes]]) -> tuple[bytes, list[bytes]]:
    """The lines with bytes overwritten (where, how many, with what; NULs behind it), and those that are still whole."""
    data = bytearray(b"".join(lines))
    touched = bytearray(len(data))
    for where, size, new in wounds:
        at = where % len(data)
        end = min(at + size, len(data))
        data[at:end] = (new * size)[: end - at].ljust(end - at, b"\0")
        touched[at:end] = b"x" * (end - at)
    whole, at = [], 0
    for text in lines:
        if not any(touched[at : at + len(text)]) and (at == 0 or not touched[at - 1]):
            whole.append(text)
        at += len(text)
    return bytes(data), whole


@given(WOUNDS)
def test_whatever_is_damaged_the_other_lines_are_given_out(
    traced: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    wounds: list[tuple[int, int, bytes]],
) -> None:
    """A real trace with wounds anywhere behind its header: what they did not touch comes out, in order, and shows."""
    header, *lines = traced("pipes_basic").read_bytes().splitlines(keepends=True)
    data, whole = wounded(lines, wounds)
    path = tmp_path_factory.getbasetemp() / "wounded.jsonl"
    path.write_bytes(header + data)
    reader = Reader(path)
    found = list(reader)
    following = iter(found)
    assert all(json.loads(text) in following for text in whole), "each, and in order"
    there = sum(bool(text.strip()) for text in data.split(b"\n"))
    assert reader.damage is not None or len(found) == there, "what is gone is told"
    for record in found:
        line(record, Palette())


def test_any_byte_of_a_file_may_be_wrong(tmp_path: Path) -> None:
    """The header's too: the file is read or refused in one line, and what was not touched is given out."""
    whole = (HEADER + LINE + LINE).encode()
    chance = random.Random(1)
    for at in range(len(HEADER) + 20):
        torn = bytearray(whole)
        torn[at] = chance.choice([0, 10, 34, 57, 123, 255])
        path = saved(tmp_path, bytes(torn))
        refused = ""
        try:
            records, _ = read(path)
        except TraceError as error:
            refused = error.why
        assert "version" in refused or (not refused and WRITE in records)


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


def test_one_line_is_parsed_alone() -> None:
    assert parse(LINE.encode()) == WRITE
    with pytest.raises(ValueError, match="not JSON"):
        parse(b"")
