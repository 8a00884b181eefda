"""Sinks between the bench and other sinks: one that lets through what a filter chooses, one that hands on to two."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from emu.places import Locate
from emu.trace import Sink
from emu.trace.filter import Filter
from emu.trace.filter_words import Calls

if TYPE_CHECKING:
    from emu.traced import InProgress


class Filtered:
    """Hands on what `chosen` chooses. Calls that it can never choose cost next to nothing (`emu.trace.Sink`)."""

    def __init__(self, sink: Sink, chosen: Filter, locate: Locate | None = None) -> None:
        self.wanted = chosen.wanted
        self._sink = sink
        self._filter = chosen
        self._matches = matches = chosen.live(locate)
        self._tell = getattr(sink, "waiting", None)
        self.waiting = None if self._tell is None else self._waiting
        inner = sink.record

        def record(record: tuple[Any, ...]) -> None:
            if matches(record):
                inner(record)

        self.record = record
        """Hands on one system call: a closure, because it is called once a call."""

    @property
    def lost(self) -> int:
        """How many records the sink has lost."""
        return int(getattr(self._sink, "lost", 0))

    def event(self, event: dict[str, Any]) -> None:
        """Hands on an event."""
        if self._filter.passes(event):
            self._sink.event(event)

    def _waiting(self, calls: "Sequence[InProgress]") -> None:
        """Hands on the waiting calls that are chosen as they stand: without a result."""
        assert self._tell is not None
        self._tell([call for call in calls if self._matches(_unfinished(call))])

    def flush(self) -> None:
        """Flushes the sink."""
        self._sink.flush()

    def close(self) -> None:
        """Closes the sink."""
        self._sink.close()


class Both:
    """Hands everything on to two sinks."""

    def __init__(self, one: Sink, other: Sink) -> None:
        self._sinks = (one, other)
        wanted = [getattr(sink, "wanted", None) for sink in self._sinks]
        self.wanted: Calls | None = None
        if wanted[0] is not None and wanted[1] is not None:
            self.wanted = wanted[0] | wanted[1]
        self._tell = [sink.waiting for sink in self._sinks if getattr(sink, "waiting", None) is not None]  # type: ignore[attr-defined]
        self.waiting = self._waiting if self._tell else None
        first, second = one.record, other.record

        def record(record: tuple[Any, ...]) -> None:
            first(record)
            second(record)

        self.record = record

    @property
    def lost(self) -> int:
        """How many records the two have lost."""
        return sum(int(getattr(sink, "lost", 0)) for sink in self._sinks)

    def event(self, event: dict[str, Any]) -> None:
        """Hands on an event."""
        for sink in self._sinks:
            sink.event(event)

    def _waiting(self, calls: "Sequence[InProgress]") -> None:
        """Hands on the waiting calls to those that want to hear of them."""
        for tell in self._tell:
            tell(calls)

    def flush(self) -> None:
        """Flushes both."""
        for sink in self._sinks:
            sink.flush()

    def close(self) -> None:
        """Closes both."""
        for sink in self._sinks:
            sink.close()


def _unfinished(call: "InProgress") -> tuple[Any, ...]:
    return (
        call.sequence, call.started, 0, call.blocked, call.thread, call.entry, call.registers,
        None, call.pc, call.before, call.so_far(), call.extra(),
    )  # fmt: skip
