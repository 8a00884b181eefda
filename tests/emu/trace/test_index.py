"""The index finds every record that the reader reads, and survives what happens to files."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.trace import index as module
from emu.trace.columns import row
from emu.trace.index import CALL, EVENT, FAILED, NO_RESULT, UNFINISHED, Index
from emu.trace.read import Reader, TraceError

HEADER = b'{"format":"emu trace","version":1,"pid":1000}\n'


def call(sequence: int, time: int = 0, **members: Any) -> dict[str, Any]:
    record = {
        "event": "syscall", "sequence": sequence, "time": time, "duration": 5, "blocked": 0, "pid": 1000, "tid": 1000,
        "number": 39, "name": "getpid", "registers": [0] * 6, "result": 1000, "pc": 4096, "args": {},
    }  # fmt: skip
    return record | members


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)


def whole(path: Path, **options: Any) -> Index:
    index = Index(path, **options)
    while index.advance(1):
        pass
    return index


@pytest.fixture
def trace(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "calls.jsonl"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("guest", ["futex_threads", "files_descriptors", "sockets_messages"])
def test_it_has_what_the_reader_reads(traced: Callable[..., Path], guest: str) -> None:
    reader = Reader(traced(guest))
    records = list(reader)
    with whole(traced(guest)) as index:
        assert index.header == reader.header
        assert index.damage is None
        assert len(index) == len(records)
        assert [index[i] for i in range(len(index))] == records
        assert list(index) == records
        for i, record in enumerate(records):
            assert index.times[i] == record["time"]
            assert index.ends[i] == record["time"] + record.get("duration", 0)
            assert index.blocked[i] == record.get("blocked", 0)
            assert index.tids[i] == record.get("tid", 0)
            if record["event"] == "syscall":
                assert index.name_list[index.names[i]] == record["name"]
                assert (index.kinds[i] == FAILED) == ("error" in record)
                assert (index.kinds[i] == UNFINISHED) == ("unfinished" in record)
                assert index.results[i] == (NO_RESULT if record["result"] is None else record["result"])
                assert index.by_sequence(record["sequence"]) == i
            else:
                assert index.name_list[index.names[i]] == record["event"]
                assert (index.kinds[i], index.results[i], index.sequences[i]) == (EVENT, NO_RESULT, -1)
        assert index.last == max(index.ends)
        assert index.by_sequence(len(records)) is None
        assert index.by_sequence(-1) is None


def test_nothing_is_read_before_it_is_asked_for(traced: Callable[..., Path]) -> None:
    with Index(traced("futex_threads")) as index:
        assert len(index) == 0
        assert index.header["format"] == "emu trace"
        with pytest.raises(IndexError):
            index[0]
        index.advance(0)
        assert index[-1] == index[len(index) - 1]


def test_sequence_numbers_are_found_when_they_are_many(
    trace: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RECENT", 7)
    order = [(number * 37) % 101 * 10 for number in range(101)]
    path = trace(HEADER)
    with Index(path, follow=True) as index, path.open("ab") as file:
        for i, sequence in enumerate(order):
            file.write(lines(call(sequence)))
            file.flush()
            index.advance(1)
            for known in (0, i // 2, i):
                assert index.by_sequence(order[known]) == known
            assert index.by_sequence(5) is None


def test_other_spellings_of_json(trace: Callable[[bytes], Path]) -> None:
    records = [
        call(0, 7, name="open", args={"pathname": "\udcff"}),
        {"event": "something new", "time": 9},
        call(1, 11, result=(1 << 64) - 1, tid=1 << 40, duration=(1 << 63) - 1),
    ]
    spaced = b"".join(json.dumps(record, sort_keys=True).encode() + b"\r\n" for record in records)
    with whole(trace(HEADER + spaced)) as index:
        assert list(index) == records
        assert list(index.times) == [7, 9, 11]
        assert list(index.kinds) == [CALL, EVENT, CALL]
        assert index.name_list == ["open", "something new", "getpid"]
        assert index.ends[2] == (1 << 63) - 1
        assert index.damage is None


DAMAGED = {
    "empty lines": HEADER + b"\n\n" + lines(call(0)),
    "rubbish between": HEADER + lines(call(0)) + b"rubbish\n" + lines(call(1)),
    "torn, a whole one behind": HEADER + lines(call(0))[:40] + lines(call(1)),
    "cut off": HEADER + lines(call(0)) + lines(call(1))[:-20],
    "no newline at the end": HEADER + lines(call(0))[:-1],
    "a member is missing": HEADER + lines({"event": "syscall", "time": 1}, call(0)),
    "a number is negative": HEADER + lines(call(0, tid=-1), call(1)),
    "no result": HEADER + lines({k: v for k, v in call(0).items() if k != "result"}, call(1)),
    "a fd text that is none": HEADER + lines(call(0, fds=[]), call(1)),
    "registers": HEADER + lines(call(0, registers=[1]), call(1)),
    "two in a line": HEADER + lines(call(0))[:-1] + lines(call(1), call(2)),
    "no header": lines(call(0), call(1)),
    "header is damaged": HEADER[:20] + b"\n" + lines(call(0)),
    "header ran into a record": HEADER[:20] + lines(call(0), call(1)),
    "header with wrong members": b'{"format":"emu trace","version":1,"pid":"x"}\n' + lines(call(0)),
    "second header": HEADER + lines(call(0)) + HEADER + lines(call(1)),
    "nothing": HEADER,
    "zeros": HEADER + lines(call(0)) + bytes(100),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_the_readers(trace: Callable[[bytes], Path], data: bytes) -> None:
    path = trace(data)
    reader = Reader(path)
    records = list(reader)
    with whole(path) as index:
        assert list(index) == records
        assert index.damage == reader.damage
        assert index.header == reader.header


@given(st.data())
def test_any_wound_leaves_what_the_reader_reads(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    whole_file = bytearray(HEADER + lines(*(call(number, number * 10) for number in range(6))))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(whole_file)))
        length = data.draw(st.integers(0, 300))
        whole_file[at : at + length] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"\n", b'{"event":"lost","time":1,"count":1}\n'])
        )
    path = tmp_path_factory.getbasetemp() / "wounded.jsonl"
    path.write_bytes(whole_file)
    try:
        reader = Reader(path)
    except TraceError:
        with pytest.raises(TraceError):
            Index(path)
        return
    records = list(reader)
    with whole(path) as index:
        assert list(index) == records
        assert (index.damage is None) == (reader.damage is None)


def test_lines_longer_than_a_chunk(trace: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 64)
    monkeypatch.setattr(module, "MAX_LINE", 4096)
    records = [call(0), call(1, args={"buf": "x" * 2000}), call(2)]
    path = trace(HEADER + lines(*records, call(3, args={"buf": "y" * 20000}), call(4)))
    with whole(path) as index:
        assert list(index) == [*records, call(4)]
        assert str(index.damage).endswith("calls.jsonl:5: the line is too long for a record")


def test_following_waits_for_the_end_of_a_line(trace: Callable[[bytes], Path]) -> None:
    path = trace(HEADER)
    first, second = lines(call(0)), lines(call(1))
    with Index(path, follow=True) as index, path.open("ab", buffering=0) as file:
        assert not index.advance(1)
        file.write(first + second[:50])
        assert not index.advance(1)
        assert len(index) == 1
        assert index.damage is None
        file.write(second[50:])
        assert not index.advance(1)
        assert index[1] == call(1)
        assert index.position == index.size


def test_a_file_that_grows_unfollowed_goes_on_behind_the_torn_line(trace: Callable[[bytes], Path]) -> None:
    path = trace(HEADER + lines(call(0))[:30])
    with whole(path) as index, path.open("ab") as file:
        assert index.damage is not None
        file.write(lines(call(0))[30:] + lines(call(1)))
        file.flush()
        index.advance(1)
        assert list(index) == [call(1)]
        assert index.damage.lines == 1


def test_a_file_that_becomes_shorter(trace: Callable[[bytes], Path]) -> None:
    path = trace(HEADER + lines(call(0), call(1, 33)))
    with whole(path) as index:
        os.truncate(path, len(HEADER) + len(lines(call(0))))
        assert not index.advance(1)
        assert "shorter" in index.changed
        assert index[0] == call(0)
        assert index[1]["event"] == "damaged"
        assert index[1]["time"] == 33
        assert [record["event"] for record in index] == ["syscall", "damaged"]


def test_what_is_no_trace(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(TraceError, match="not a file in which"):
        Index(fifo)
    with pytest.raises(FileNotFoundError):
        Index(tmp_path / "nothing")
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(TraceError, match="empty file"):
        Index(empty)


def test_more_names_than_any_linux_has(
    trace: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_NAMES", 4)
    names = ["a", "b", "c", "d", "e", "a", "e"]
    path = trace(HEADER + lines(*(call(i, name=name) for i, name in enumerate(names))))
    with whole(path) as index:
        assert [index.name_list[i] for i in index.names] == ["a", "b", "c", "...", "...", "a", "..."]


def test_memory_for_a_record() -> None:
    found = row(lines(call(0)))
    index = [found.times, found.ends, found.blocked, found.results, found.sequences]
    assert sum(column.itemsize for column in index) + 8 + 4 + 2 + 1 <= 60
