"""Sinks between the bench and other sinks: what passes, and what the bench is told of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from emu.trace.filter import Filter
from emu.trace.filtered import Both, Filtered
from syscalls import numbers
from syscalls.describe import Shown
from syscalls.table import lookup

THREAD = SimpleNamespace(tid=1000, process=SimpleNamespace(pid=1000, places=None))


class Plain:
    """A sink that keeps what it gets."""

    def __init__(self, lost: int = 0) -> None:
        self.got: list[Any] = []
        self.lost = lost

    def record(self, record: tuple[Any, ...]) -> None:
        self.got.append(record[5].name)

    def event(self, event: dict[str, Any]) -> None:
        self.got.append(event["event"])

    def flush(self) -> None:
        self.got.append("flush")

    def close(self) -> None:
        self.got.append("close")


class Curious(Plain):
    """One that wants to hear of waiting calls."""

    def waiting(self, calls: Any) -> None:
        self.got.append([call.entry.name for call in calls])


def call(name: str, result: int | None = 0) -> tuple[Any, ...]:
    entry = lookup(getattr(numbers, name))
    return (1, 10, 5, 0, THREAD, entry, (3, 0, 0, 0, 0, 0), result, 1, (Shown("pipe", 1),), (), None)


def waiting(name: str) -> Any:
    _, started, _, _, thread, entry, registers, _, pc, before, _, _ = call(name)
    return SimpleNamespace(
        sequence=1, started=started, blocked=0, thread=thread, entry=entry, registers=registers, pc=pc, before=before,
        so_far=tuple, extra=lambda: None,
    )  # fmt: skip


def test_only_what_is_chosen_is_handed_on() -> None:
    inner = Curious(lost=2)
    sink = Filtered(inner, Filter(["%desc", "status=!failed", "thread=1"]))
    for record in (call("close"), call("close", -9), call("getpid")):
        sink.record(record)
    sink.event({"event": "thread_start", "time": 1, "pid": 1000, "tid": 1000})
    sink.event({"event": "thread_start", "time": 1, "pid": 1000, "tid": 1001})
    assert sink.waiting is not None
    sink.waiting([waiting("close"), waiting("getpid")])
    sink.flush()
    sink.close()
    assert inner.got == ["close", "thread_start", ["close"], "flush", "close"]
    assert sink.lost == 2
    assert sink.wanted is not None
    assert numbers.getpid not in sink.wanted


def test_two_sinks_get_the_same() -> None:
    one, two = Plain(lost=1), Curious(lost=2)
    sink = Both(one, two)
    sink.record(call("close"))
    sink.event({"event": "signal"})
    assert sink.waiting is not None
    sink.waiting([waiting("close")])
    sink.flush()
    sink.close()
    assert one.got == ["close", "signal", "flush", "close"]
    assert two.got == ["close", "signal", ["close"], "flush", "close"]
    assert sink.lost == 3
    assert sink.wanted is None


def test_who_does_not_ask_is_not_told_of_waiting_calls() -> None:
    assert Filtered(Plain(), Filter(["close"])).waiting is None
    assert Both(Plain(), Plain()).waiting is None


@pytest.mark.parametrize(("one", "two", "wanted"), [("read", "write", [0, 1]), ("read", "!write", None)])
def test_of_two_filters_either_is_enough(one: str, two: str, wanted: list[int] | None) -> None:
    both = Both(Filtered(Plain(), Filter([one])), Filtered(Plain(), Filter([two])))
    assert both.wanted is not None
    assert numbers.read in both.wanted
    assert (numbers.write in both.wanted) == (wanted is not None)
    assert (numbers.close in both.wanted) == (wanted is None)
