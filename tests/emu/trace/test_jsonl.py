"""The JSON lines sink: batches, order, what cannot be written, and what a line holds."""

import json
import os
import resource
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import syscalls.calls  # noqa: F401  fills the table
from emu.places import Place
from emu.trace.jsonl import BATCH, JsonLines
from syscalls import numbers
from syscalls.data import Cut
from syscalls.describe import NOTHING, Shown
from syscalls.table import lookup


class Here:
    """Everything is in one place."""

    def __call__(self, pc: int) -> Place:
        return Place("main", "hello.py", 7)

    def chain(self, pc: int) -> list[Place]:
        return [Place("write", "rt.py", 3), self(pc)]


class Thread:
    """As much of a thread as a trace shows."""

    tid = 1001
    process = SimpleNamespace(pid=1000, places=None, former=None)


THREAD = Thread()


def record(
    number: int, *registers: int, result: int | None = 0, before: Any = (), after: Any = (), sequence: int = 0
) -> tuple[Any, ...]:
    padded = (*registers, 0, 0, 0, 0, 0, 0)[:6]
    return (sequence, 10, 5, 2, THREAD, lookup(number), padded, result, 0x401000, before, after, None)


def sink(path: Path, **run: Any) -> tuple[JsonLines, list[str]]:
    notes: list[str] = []
    return JsonLines(path, notes.append, Here(), **run), notes


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_header_says_what_ran(tmp_path: Path) -> None:
    trace, _ = sink(tmp_path / "t", program="hello", argv=["hello", "ü"])
    trace.close()
    (header,) = lines(tmp_path / "t")
    assert header["format"] == "emu trace"
    assert header["version"] == 1
    assert header["argv"] == ["hello", "ü"]


def test_a_record_holds_all_that_the_schema_names(tmp_path: Path) -> None:
    trace, _ = sink(tmp_path / "t")
    trace.record(
        record(numbers.write, 1, 0x7000, 3, result=3, before=(b'a"\xff', Shown("/dev/tty", 2)), sequence=4)
    )
    trace.close()
    assert lines(tmp_path / "t")[1] == {
        "event": "syscall",
        "sequence": 4,
        "time": 10,
        "duration": 5,
        "blocked": 2,
        "pid": 1000,
        "tid": 1001,
        "number": 1,
        "name": "write",
        "registers": [1, 0x7000, 3, 0, 0, 0],
        "args": {"fd": 1, "buf": 'a"ÿ', "count": 3},
        "fds": {"fd": "/dev/tty"},
        "objects": {"fd": 2},
        "result": 3,
        "pc": 0x401000,
        "function": "main",
        "file": "hello.py",
        "line": 7,
    }


def test_errors_have_names_and_exits_are_no_unfinished_calls(tmp_path: Path) -> None:
    trace, _ = sink(tmp_path / "t")
    trace.record(record(numbers.close, 99, result=-9, before=(NOTHING,)))
    trace.record(record(numbers.exit_group, 3, result=None))
    trace.record(record(numbers.nanosleep, 0, 0, result=None, before=(None,)))
    trace.record(record(numbers.mmap, result=0x7FFFF7FFF000, before=(NOTHING,)))
    trace.close()
    closed, ended, asleep, mapped = lines(tmp_path / "t")[1:]
    assert (closed["result"], closed["error"]) == (-9, "EBADF")
    assert ended["result"] is None
    assert "unfinished" not in ended
    assert (asleep["result"], asleep["unfinished"]) == (None, True)
    assert mapped["result"] == 0x7FFFF7FFF000


def test_cut_payloads_and_calls_without_a_handler(tmp_path: Path) -> None:
    trace, _ = sink(tmp_path / "t")
    trace.record(record(numbers.write, 1, 0x7000, 999, before=(Cut(b"\0" * 2, 999), NOTHING)))
    trace.record(record(0x1FF, 1, 2, result=-38))
    trace.close()
    written, unknown = lines(tmp_path / "t")[1:]
    assert written["args"]["buf"] == {"bytes": "\0\0", "size": 999}
    assert written["fds"] == {"fd": None}
    assert unknown["name"] == "syscall_0x1ff"
    assert unknown["error"] == "ENOSYS"


def test_records_are_written_in_batches_and_events_keep_their_place(tmp_path: Path) -> None:
    trace, _ = sink(tmp_path / "t")
    for number in range(BATCH - 1):
        trace.record(record(numbers.getpid, sequence=number))
    assert len(lines(tmp_path / "t")) == 1
    trace.event({"event": "thread_start", "time": 1, "pid": 1000, "tid": 1001})
    trace.record(record(numbers.getpid, sequence=BATCH))
    found = lines(tmp_path / "t")
    assert len(found) == BATCH + 2
    assert found[-2]["event"] == "thread_start"
    trace.record(record(numbers.getpid))
    trace.flush()
    assert len(lines(tmp_path / "t")) == BATCH + 3
    trace.close()


def test_a_file_that_cannot_be_opened_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sink(tmp_path / "no" / "t")


def test_a_device_that_takes_nothing_ends_the_trace() -> None:
    notes: list[str] = []
    descriptors = len(os.listdir("/proc/self/fd"))
    trace = JsonLines("/dev/full", notes.append)
    for _ in range(3 * BATCH):
        trace.record(record(numbers.getpid))
    trace.close()
    assert notes == [
        "trace file /dev/full: No space left on device: the trace ends here (incomplete), the guest goes on",
        f"trace file /dev/full: No space left on device: {3 * BATCH} records are missing in it",
    ]
    assert trace.lost == 3 * BATCH
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_full_disk_loses_records_until_there_is_room_again(tmp_path: Path) -> None:
    trace, notes = sink(tmp_path / "t")
    trace.record(record(numbers.getpid))
    trace.flush()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "t").stat().st_size + 100, limits[1]))
    try:
        for number in range(BATCH + 1):
            trace.record(record(numbers.getppid, sequence=number))
        trace.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(lines(tmp_path / "t")) == 2
    trace.record(record(numbers.getuid, sequence=BATCH + 1))
    trace.close()
    assert [line.get("name") or line["event"] for line in lines(tmp_path / "t")[1:]] == [
        "getpid",
        "lost",
        "getuid",
    ]
    assert lines(tmp_path / "t")[2] == {"event": "lost", "time": 10, "count": BATCH + 1}
    assert notes[1:] == [
        f"trace file {tmp_path / 't'}: File too large: {BATCH + 1} records are missing in it"
    ]


def test_the_record_says_who_woke_it_and_the_call_chain(tmp_path: Path) -> None:
    trace, _ = sink(tmp_path / "t")
    extra = {"woken_by": 7, "stack": [0x401100]}
    trace.record((*record(numbers.getpid)[:-1], extra))
    trace.close()
    (_, found) = lines(tmp_path / "t")
    assert found["woken_by"] == 7
    inner = {"function": "write", "file": "rt.py", "line": 3}
    outer = {"function": "main", "file": "hello.py", "line": 7}
    assert found["stack"] == [{"pc": pc, **place} for pc in (0x401000, 0x401100) for place in (inner, outer)]
