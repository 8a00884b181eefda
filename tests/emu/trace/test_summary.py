"""The summary: counts, times and percentiles that are right, by call, thread and descriptor, live and from a file."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.cli_trace_options import COLUMN_SYNONYMS, COLUMNS
from emu.machine import Machine
from emu.trace import summary
from emu.trace.formatter import Formatter
from emu.trace.record import Brief, projected
from emu.trace.summary import SORTS, Row, Summary
from emu.trace.table import duration, size, table
from syscalls import numbers


def call(name: str, duration: int = 10, **members: Any) -> dict[str, Any]:
    record = {
        "event": "syscall", "sequence": 0, "time": 0, "duration": duration, "blocked": 0, "pid": 1000, "tid": 1000,
        "number": getattr(numbers, name), "name": name, "registers": [0] * 6, "args": {"fd": 3}, "fds": {"fd": "pipe"},
        "objects": {"fd": 1}, "result": 0, "pc": 1,
    }  # fmt: skip
    return {**record, **members}


def rows(records: list[dict[str, Any]], by: str = "call", sort: str = "name") -> list[Row]:
    summed = Summary(by)
    for record in records:
        summed.add(record)
    return summed.rows(sort)


def test_a_row_for_each_call() -> None:
    found = rows(
        [
            call("read", 30, result=5, blocked=10),
            call("read", 10, result=7),
            call("read", 20, result=-11),
            call("close", 5, result=-9),
            call("read", 40, result=None, blocked=40),
            {"event": "thread_start", "time": 1, "pid": 1000, "tid": 1001},
        ]
    )
    assert found == [
        Row("close", 1, 1, 5, 5, 0, 5, 5, 5, 5, 5, 0),
        Row("read", 4, 1, 100, 50, 50, 10, 20, 40, 40, 40, 12),
    ]


def test_only_results_that_count_bytes_are_bytes() -> None:
    found = rows(
        [
            call("write", result=9),
            call("mmap", result=1 << 40),
            call("sendmmsg", result=2),
            call("pwritev2", result=4),
        ]
    )
    assert {row.name: row.moved for row in found} == {"mmap": 0, "pwritev2": 4, "sendmmsg": 0, "write": 9}


def test_threads() -> None:
    found = rows([call("read", tid=1000), call("close", tid=1001), call("read", tid=1001)], by="thread")
    assert [(row.name, row.calls) for row in found] == [("1000", 1), ("1001", 2)]


def test_a_descriptor_is_an_open_file_description() -> None:
    found = rows(
        [
            call("read", args={"fd": 3}, objects={"fd": 1}),
            call("read", args={"fd": 7}, objects={"fd": 1}),  # a duplicate
            call("read", args={"fd": 3}, objects={"fd": 2}, fds={"fd": "/tmp/log"}),  # the number, used again
            call("close", args={"fd": 77}, objects={"fd": None}, fds={"fd": None}, result=-9),
            call("ppoll", args={"fds": []}, objects={"fds": {"3": 1}}, fds={"fds": {"3": "pipe"}}),
            call("pipe2", args={"pipefd": 4096}, objects={"pipefd": None}, fds={"pipefd": None}, result=-14),
            call("getpid", args={}, objects={}, fds={}),
            call("mmap", args={"fd": -1}, objects={"fd": None}, fds={"fd": None}),
            call("chdir", args={"fd": "AT_FDCWD"}, objects={"fd": None}, fds={"fd": None}),
            call(
                "openat",
                args={"dirfd": "AT_FDCWD"},
                fds={"dirfd": None, "result": "/etc"},
                objects={"result": 9},
                result=5,
            ),
        ],
        by="fd",
    )
    assert {row.name: row.calls for row in found} == {
        "7<pipe>": 2,
        "3</tmp/log>": 1,
        "5</etc>": 1,
        "77 (not open)": 1,
        "several": 1,
    }


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300))
def test_percentiles_are_exact(durations: list[int]) -> None:
    (row,) = rows([call("read", duration) for duration in durations])
    ranked = sorted(durations)
    assert (row.minimum, row.maximum, row.total) == (ranked[0], ranked[-1], sum(durations))
    for percent, value in ((50, row.p50), (95, row.p95), (99, row.p99)):
        assert value == ranked[-(-len(ranked) * percent // 100) - 1]


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_percentiles_of_very_many_are_nearly_exact(seed: int, digits: int) -> None:
    chance = random.Random(seed)
    durations = [int(10 ** chance.uniform(0, digits)) for _ in range(1000)]
    sums = summary.Sums("read")
    exact, summary.EXACT = summary.EXACT, 64
    try:
        for duration in durations:
            sums.add(duration, 0, 0, False)
    finally:
        summary.EXACT = exact
    row = sums.row()
    ranked = sorted(durations)
    assert (row.minimum, row.maximum, row.calls) == (ranked[0], ranked[-1], 1000)
    for percent, value in ((50, row.p50), (95, row.p95), (99, row.p99)):
        assert value == pytest.approx(ranked[10 * percent - 1], rel=0.004, abs=0.5)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "EXACT", 100)
    sums = summary.Sums("read")
    for length in range(100_000):
        sums.add(length, 0, 0, False)
    assert len(sums._recent) < 100
    assert len(sums._histogram) < 128 * 12


def test_every_column_sorts_and_every_synonym_is_one() -> None:
    assert tuple(COLUMNS) == tuple(SORTS)
    assert set(COLUMN_SYNONYMS.values()) <= set(SORTS)
    records = [
        call("read", 50),
        call("close", 10, result=-9),
        call("write", 5, result=3, blocked=4),
        call("close", 1),
    ]
    first = {sort: rows(records, sort=sort)[0].name for sort in SORTS}
    assert first["time"] == first["total"] == first["max"] == first["min"] == first["p50"] == "read"
    assert first["errors"] == first["calls"] == first["name"] == "close"
    assert first["blocked"] == first["bytes"] == "write"


@pytest.mark.parametrize("by", summary.BY)
def test_live_and_saved_are_summed_up_alike(elf: Callable[[str], Path], by: str) -> None:
    class Recording(Summary):
        records: list[Any] = []  # noqa: RUF012

        def record(self, record: tuple[Any, ...]) -> None:
            self.records.append(record)
            super().record(record)

    live, saved, brief = Recording(by), Summary(by), Summary(by)
    Recording.records = []
    null = os.open(os.devnull, os.O_RDWR)
    with Machine(
        elf("pipes_basic"), stdin=null, stdout=null, stderr=null, trace=live, say=lambda text: None
    ) as machine:
        machine.run()
        lines = Formatter(machine.locate).lines(live.records).splitlines()
    os.close(null)
    decode = projected(Brief)
    for line in lines:
        saved.add(json.loads(line))
        brief.add_brief(decode(line))
    assert live.rows("name") == saved.rows("name")
    assert len(live.rows()) > (0 if by in ("thread", "process") else 3)
    if by != "fd":
        assert brief.rows("name") == saved.rows("name")


def test_numbers_are_shown_with_three_digits_in_the_unit_that_fits() -> None:
    assert [duration(value) for value in (0, 999, 1000, 1234, 99_949, 99_950, 999_499, 999_500, 10**9, 10**12)] == [
        "0 ns", "999 ns", "1.00 us", "1.23 us", "99.9 us", "100 us", "999 us", "1.00 ms", "1.00 s", "1000 s",
    ]  # fmt: skip
    assert [size(value) for value in (0, 6, 1000, 1_234_567, 10**12)] == [
        "0 B",
        "6 B",
        "1.00 kB",
        "1.23 MB",
        "1.00 TB",
    ]


def test_the_table_lines_up_and_shows_nothing_that_a_terminal_obeys() -> None:
    found = rows(
        [call("read", 3_000_000, blocked=2_000_000, result=1500), call("close", 400, result=-9)], sort="time"
    )
    lines = table(found, "call")
    titles = "self % self blocked total calls errors min p50 p95 p99 max bytes call"
    assert " ".join(lines[0].split()) == titles
    assert lines[2].split()[:8] == ["99.96", "1.00", "ms", "2.00", "ms", "3.00", "ms", "1"]
    assert lines[-1].endswith("total")
    assert (
        lines[0].rindex("call")
        == lines[2].rindex("read")
        == lines[3].rindex("close")
        == lines[-1].rindex("total")
    )
    assert table([], "call") == ["no system calls"]
    hostile = rows([call("read", fds={"fd": "/tmp/\x1b[2J\xe4"})], by="fd")
    assert all(line.isascii() and line.isprintable() for line in table(hostile, "fd"))
