"""Chrome's trace format: what is written keeps the rules of the format, so that its viewers show it as it was."""

import io
import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import emu.trace.export.chrome
from emu.trace.export import export
from emu.trace.read import Reader

HEADER = {"format": "emu trace", "version": 1, "argv": ["/srv/hello", "x"], "pid": 1000}


def call(sequence: int, time: int, duration: int, **more: Any) -> dict[str, Any]:
    return {
        "event": "syscall", "sequence": sequence, "time": time, "duration": duration, "blocked": 0, "pid": 1000,
        "tid": 1000, "number": 202, "name": "futex", "registers": [0] * 6, "args": {"uaddr": "\xff\0"}, "result": 0,
        "pc": 1, **more,
    }  # fmt: skip


def events(records: Any, header: dict[str, Any] = HEADER) -> list[dict[str, Any]]:
    out = io.BytesIO()
    assert export("chrome", records, header, out) == []
    page = json.loads(out.getvalue(), parse_float=Decimal)
    assert page["otherData"] == header
    return list(page["traceEvents"])


def check(found: list[dict[str, Any]]) -> None:
    """The rules of the document "Trace Event Format" that apply here."""
    slices: dict[tuple[int, int], list[tuple[Decimal, Decimal]]] = defaultdict(list)
    named = {(event["pid"], event["tid"]) for event in found if event["name"] == "thread_name"}
    flows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in found:
        assert event["ph"] in "MXisf"
        assert {"name", "pid", "tid"} <= event.keys()
        if event["ph"] == "X":
            slices[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
        elif event["ph"] == "i":
            assert event["s"] in "gpt"
        elif event["ph"] in "sf":
            flows[event["id"]].append(event)
    assert slices.keys() <= named
    for track in slices.values():
        stack: list[Decimal] = []
        for begin, end in sorted(track, key=lambda span: (span[0], -span[1])):
            while stack and stack[-1] <= begin:
                stack.pop()
            assert not stack or end <= stack[-1], "slices of a track nest"
            stack.append(end)
    for first, second in flows.values():
        assert (first["ph"], second["ph"], second["bp"]) == ("s", "f", "e")
        assert (first["name"], first["cat"]) == (second["name"], second["cat"])
        assert first["ts"] <= second["ts"]
        for end in (first, second):
            track = slices[end["pid"], end["tid"]]
            assert any(begin <= end["ts"] < finish for begin, finish in track), "an arrow ends inside a slice"


def test_a_call_is_a_slice_with_its_arguments() -> None:
    found = events([call(0, 1500, 2001, error="EAGAIN", result=-11)])
    check(found)
    process, name, _, slice_ = found
    assert process["args"] == {"name": "hello"}
    assert name["args"] == {"name": "main thread"}
    assert (slice_["ts"], slice_["dur"], slice_["name"]) == (Decimal("1.500"), Decimal("2.001"), "futex")
    assert slice_["args"] == {
        "arguments": {"uaddr": "\xff\0"},
        "result": -11,
        "error": "EAGAIN",
        "sequence": 0,
    }


def test_waiting_is_a_slice_inside_the_call() -> None:
    found = events([call(0, 1000, 50_000, blocked=40_000)])
    check(found)
    blocked = found[-1]
    assert (blocked["name"], blocked["ts"], blocked["dur"]) == ("blocked", 6, 40)
    check(events([call(0, 1000, 5000, blocked=9000)]))


def test_a_wake_up_is_an_arrow() -> None:
    found = events(
        [
            call(1, 2000, 300, tid=1001),
            call(0, 1000, 5000, blocked=4000, woken_by=1),
            call(2, 7000, 10, woken_by=0),
        ]
    )
    check(found)
    (start,) = (event for event in found if event["ph"] == "s")
    (finish,) = (event for event in found if event["ph"] == "f")
    assert (start["tid"], finish["tid"]) == (1001, 1000)
    assert (start["ts"], finish["ts"]) == (Decimal("2.299"), Decimal("5.999"))


def test_arrows_are_left_out_where_an_end_is_missing_or_time_would_run_backwards() -> None:
    found = events(
        [
            call(0, 1000, 5000, woken_by=99),
            call(1, 9000, 10, tid=1001),
            call(2, 7000, 10, tid=1002, woken_by=1),
        ]
    )
    check(found)
    assert not [event for event in found if event["ph"] in "sf"]


def test_other_events_are_instants() -> None:
    found = events(
        [
            {"event": "thread_start", "time": 1, "pid": 1000, "tid": 1001, "parent": 1000},
            {"event": "process_end", "time": 9, "pid": 1000, "code": 0, "signal": None},
            {"event": "lost", "time": 10, "count": 7},
        ]
    )
    check(found)
    instants = [event for event in found if event["ph"] == "i"]
    assert [(event["name"], event["s"], event["pid"]) for event in instants] == [
        ("thread start", "t", 1000),
        ("process end", "p", 1000),
        ("lost", "p", 1000),
    ]


def test_arrows_of_a_large_trace_are_bounded_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emu.trace.export.chrome, "ARROWS", 2)
    out = io.BytesIO()
    records = [call(number, 1000 * number, 500) for number in range(3)]
    assert export("chrome", records, HEADER, out) == [
        "wake-ups are drawn as arrows for the first 2 of 3 records only"
    ]


def test_a_trace_of_nothing_is_an_empty_page() -> None:
    assert events([], {}) == []


@pytest.mark.parametrize(
    ("guest", "kinds"),
    [("futex_threads", {"clone", "futex", "exit"}), ("pipes_threads", {"clone", "exit", "pipe", "eventfd"})],
)
def test_a_real_trace_keeps_the_rules(traced: Callable[..., Path], guest: str, kinds: set[str]) -> None:
    reader = Reader(traced(guest))
    found = events(reader, reader.header)
    check(found)
    assert any(event["name"] == "blocked" for event in found)
    assert kinds <= {event["name"] for event in found if event["ph"] == "s"}
    assert len({event["tid"] for event in found}) > 2
