"""A saved trace in strace's form, and the tools that read that form."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from emu.machine import Machine
from emu.trace import strace
from emu.trace.jsonl import JsonLines
from emu.trace.read import Reader
from emu.trace.strace import lines
from syscalls import numbers

SECOND = 1_000_000_000
HEADER = {"format": "emu trace", "version": 1, "started": 1_700_000_000 * SECOND + 5_000}


def call(
    name: str,
    args: dict[str, Any],
    result: int | None,
    *,
    sequence: int,
    begin: int,
    end: int,
    tid: int = 1000,
    **more: Any,
) -> dict[str, Any]:
    """A record; times in microseconds."""
    return {
        "event": "syscall", "sequence": sequence, "time": begin * 1000, "duration": (end - begin) * 1000, "blocked": 0,
        "pid": 1000, "tid": tid, "number": getattr(numbers, name), "name": name, "registers": [0] * 6, "args": args,
        "result": result, "pc": 0, **more,
    }  # fmt: skip


def shown(*records: dict[str, Any], limit: int | None = 32) -> list[str]:
    return list(lines(records, HEADER, limit=limit))


CLOSE = call("close", {"fd": 3}, 0, sequence=0, begin=10, end=12, fds={"fd": "/tmp/log"})


def test_a_line_has_thread_time_call_result_and_duration() -> None:
    assert shown(CLOSE) == ["1000  1700000000.000015 close(3</tmp/log>) = 0 <0.000002>"]
    assert shown(call("getpid", {}, 1000, sequence=0, begin=1_500_000, end=1_500_001)) == [
        "1000  1700000001.500005 getpid()        = 1000 <0.000001>"
    ]


def test_errors_new_descriptors_and_ends() -> None:
    failed = call("close", {"fd": 9}, -9, sequence=0, begin=0, end=1)
    made = call("dup", {"fildes": 1}, 4, sequence=1, begin=2, end=3, fds={"fildes": "pipe", "result": "pipe"})
    ended = call("exit_group", {"status": 3}, None, sequence=2, begin=4, end=5)
    over = {"event": "process_end", "time": 6000, "pid": 1000, "code": 3, "signal": None}
    assert [line[24:] for line in shown(failed, made, ended, over)] == [
        "close(9)        = -1 EBADF (Bad file descriptor) <0.000001>",
        "dup(1<pipe>)    = 4<pipe> <0.000001>",
        "exit_group(3)   = ?",
        "+++ exited with 3 +++",
    ]


def test_signals_faults_and_the_end_of_threads() -> None:
    def one(event: str, **members: object) -> str:
        (line,) = shown({"event": event, "time": 0, "pid": 1000, **members})
        return line[24:]

    assert one("signal", signal=15) == "--- SIGTERM {si_signo=SIGTERM} ---"
    assert (
        one("fault", tid=1001, signal=11, code=1, address=8)
        == "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x8} ---"
    )
    assert one("process_end", signal=11, code=None) == "+++ killed by SIGSEGV +++"
    assert one("thread_end", tid=1001, status=0) == "+++ exited with 0 +++"
    assert shown({"event": "thread_start", "time": 0, "pid": 1000, "tid": 1001, "parent": 1000}) == []
    assert shown({"event": "thread_end", "time": 0, "pid": 1000, "tid": 1000, "status": 0}) == []


READ = call("read", {"fd": 3, "buf": "abc", "count": 10}, 3, sequence=0, begin=0, end=9, fds={"fd": "pipe"})
FUTEX = call(
    "futex",
    {"uaddr": 4096, "futex_op": "FUTEX_WAIT", "val": 0, "timeout": None, "uaddr2": "", "val3": ""},
    0,
    sequence=1,
    begin=2,
    end=11,
    tid=1001,
)
WRITE = call("write", {"fd": 4, "buf": "abc", "count": 3}, 3, sequence=2, begin=5, end=6, tid=1002)


def test_calls_that_overlap_are_taken_apart_in_the_order_of_time() -> None:
    assert shown(WRITE, READ, FUTEX) == [
        "1000  1700000000.000005 read(3<pipe>,  <unfinished ...>",
        "1001  1700000000.000007 futex(0x1000, FUTEX_WAIT, 0, NULL <unfinished ...>",
        '1002  1700000000.000010 write(4, "abc", 3) = 3 <0.000001>',
        '1000  1700000000.000014 <... read resumed>"abc", 10) = 3 <0.000009>',
        "1001  1700000000.000016 <... futex resumed>) = 0 <0.000009>",
    ]


def test_what_was_still_running_at_the_end() -> None:
    blocked = call(
        "read", {"fd": 3, "buf": 4096, "count": 10}, None, sequence=0, begin=0, end=9, unfinished=True
    )
    assert shown(blocked) == ["1000  1700000000.000005 read(3, 0x1000, 10) = ?"]


@pytest.mark.parametrize(("limit", "text"), [(32, '"aaaa"'), (2, '"aa"...'), (0, '""...'), (None, '"aaaa"')])
def test_strings_are_cut_at_the_limit(limit: int | None, text: str) -> None:
    record = call("write", {"fd": 1, "buf": "aaaa", "count": 4}, 4, sequence=0, begin=0, end=1)
    assert shown(record, limit=limit) == [
        f"1000  1700000000.000005 write(1, {text}, 4)".ljust(39) + " = 4 <0.000001>"
    ]
    opened = call(
        "open", {"pathname": "/a/long/path", "flags": "O_RDONLY", "mode": ""}, 3, sequence=0, begin=0, end=1
    )
    assert 'open("/a/long/path", O_RDONLY)' in shown(opened, limit=limit)[0]


def test_what_was_cut_when_it_was_recorded_ends_with_dots_whatever_the_limit() -> None:
    record = call(
        "write",
        {"fd": 1, "buf": {"bytes": "aaaa", "size": 999}, "count": 999},
        999,
        sequence=0,
        begin=0,
        end=1,
    )
    assert 'write(1, "aaaa"..., 999)' in shown(record, limit=None)[0]


def test_a_long_trace_is_sorted_outside_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [call("getpid", {}, 1000, sequence=i, begin=2 * i, end=2 * i + 1) for i in range(1, 500)]
    late = call("read", {"fd": 3, "buf": "", "count": 10}, 0, sequence=0, begin=1, end=2000, tid=1001)
    here = shown(*records, late)
    monkeypatch.setattr(strace, "IN_MEMORY", 64)
    assert shown(*records, late) == here
    assert here[0].endswith("read(3,  <unfinished ...>")
    assert "<... read resumed>" in here[-1]


def test_nothing_that_a_terminal_obeys_gets_into_a_line() -> None:
    record = {**CLOSE, "fds": {"fd": "/tmp/\x1b[31m\n"}}
    assert shown(record) == ["1000  1700000000.000015 close(3</tmp/\\33[31m\\n>) = 0 <0.000002>"]


# The way in which importers of timelines read it: one pattern a kind of line.

_LEADER = r"(?P<tid>\d+)\s+(?P<seconds>\d+)\.(?P<micro>\d{6})\s+"
_RESULT = r"\)\s+=\s+(?P<result>-?\d+|0x[0-9a-f]+|\?)(?P<rest>.*?)(?:\s+<(?P<duration>\d+\.\d{6})>)?$"
WHOLE = re.compile(_LEADER + r"(?P<name>[a-z_]\w*)\((?P<args>.*)" + _RESULT)
BEGIN = re.compile(_LEADER + r"(?P<name>[a-z_]\w*)\((?P<args>.*?)\s+<unfinished \.\.\.>$")
END = re.compile(_LEADER + r"<\.\.\. (?P<name>[a-z_]\w*) resumed>\s*(?P<args>.*)" + _RESULT)
EXIT = re.compile(_LEADER + r"\+\+\+ (?:exited with (?P<code>\d+)|killed by (?P<signal>SIG\w+)) \+\+\+$")
SIGNAL = re.compile(_LEADER + r"--- (?P<signal>SIG\w+) \{.*\} ---$")


class Slice(NamedTuple):
    """A call on a timeline, in microseconds since the epoch."""

    tid: int
    name: str
    begin: int
    end: int


def timeline(found: list[str]) -> Iterator[Slice]:
    """What an importer of timelines makes of the lines; a line that it does not know is an error."""
    open_calls: dict[int, tuple[str, int]] = {}
    last = 0
    for line in found:
        match = next((m for pattern in (BEGIN, END, WHOLE, EXIT, SIGNAL) if (m := pattern.match(line))), None)
        assert match, line
        tid, now = int(match["tid"]), int(match["seconds"]) * 1_000_000 + int(match["micro"])
        assert now >= last, line
        last = now
        if match.re is BEGIN:
            assert tid not in open_calls
            open_calls[tid] = (match["name"], now)
        elif match.re is END:
            name, begin = open_calls.pop(tid)
            assert name == match["name"]
            yield Slice(tid, name, begin, now)
        elif match.re is WHOLE:
            assert tid not in open_calls
            yield Slice(tid, match["name"], now, now + round(float(match["duration"] or 0) * 1e6))
    assert not open_calls


def test_importers_of_timelines_read_it(elf: Callable[[str], Path], tmp_path: Path) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    sink = JsonLines(tmp_path / "saved", pytest.fail)
    with Machine(
        elf("futex_threads"), stdin=null, stdout=null, stderr=null, trace=sink, say=lambda text: None
    ) as machine:
        machine.run()
    os.close(null)
    reader = Reader(tmp_path / "saved")
    records = list(reader)
    found = list(lines(records, reader.header))
    slices = sorted(timeline(found))
    assert sum("unfinished" in line for line in found) > 10
    started = reader.header.get("started", 0)
    expected = sorted(
        Slice(
            r["tid"], r["name"], (started + r["time"]) // 1000, (started + r["time"] + r["duration"]) // 1000
        )
        for r in records
        if r["event"] == "syscall"
    )
    assert [(s.tid, s.name, s.begin) for s in slices] == [(s.tid, s.name, s.begin) for s in expected]
    # An exit has no end, and a duration is cut to a microsecond.
    assert all(abs(s.end - e.end) <= 1 for s, e in zip(slices, expected, strict=True) if "exit" not in s.name)


ONE_LINE = re.compile(
    r"^(?:\[pid\s+\d+\]\s+|\d+\s+)?(\d+\.\d+)\s(\w+)\((.*)\)\s*=\s*(-?\w+|\?)(?:<.*?>)?\s?(.*?)\s?(?:<(\d+\.\d+)>)?$"
)


def test_scripts_that_count_calls_read_it() -> None:
    found = [match.groups() for line in shown(CLOSE, WRITE) if (match := ONE_LINE.match(line))]
    assert found == [
        ("1700000000.000010", "write", '4, "abc", 3', "3", "", "0.000001"),
        ("1700000000.000015", "close", "3</tmp/log>", "0", "", "0.000002"),
    ]
