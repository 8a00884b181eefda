"""Which call ended another one's waiting: from the order of the records around it, worked out beside the screen."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from emu.trace.order import Order
from emu.viewer.detail import Link
from emu.viewer.document import Document
from emu.viewer.rows import call_words
from emu.viewer.words import lasting

BEHIND = 50_000
"""Records behind a call that are put in order with it, in a trace that is longer than `WHOLE`."""

WHOLE = 300_000
"""Up to how many records a trace is put in order as a whole."""

BREATH = 0.0005
"""Seconds for which another thread leaves the processor to the screen, once every few records."""


class Links:
    """Edges between calls of different threads, in the first part of a trace, or all of it."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.after = 0
        """How many records, from the first on, it knows of."""
        self._wakers: dict[int, tuple[int, str]] = {}
        self._origin: Callable[[dict[str, Any]], str] | None = None
        self._woken: dict[int, list[tuple[int, str]]] = {}

    def covers(self, position: int) -> bool:
        """Whether it is known who woke a call, as far as the trace tells."""
        return position < self.after

    def needed(self, position: int) -> int:
        """Up to where the trace must be put in order for a call. Always from the start: bytes in pipes are counted."""
        length = len(self._document.index)
        return length if length <= WHOLE else min(length, position + BEHIND)

    def learn(self, after: int) -> "Links":
        """The edges up to there; takes some ten seconds for a million records, and may run in a thread of its own."""
        found = Links(self._document)
        found.after = after
        order = Order(_breathing(self._document.index.records(0, after)))
        for edge in order.edges():
            found._woken.setdefault(edge.source, []).append((edge.target, edge.kind))
            if order.waker(edge.target) == edge.source:
                found._wakers[edge.target] = (edge.source, edge.kind)
        found._origin = order.origin
        return found

    def outside(self, record: dict[str, Any]) -> str:
        """What else ended a call's waiting, in words; empty where nothing tells."""
        return self._origin(record) if self._origin is not None and record["event"] == "syscall" else ""

    def waker(self, record: dict[str, Any]) -> tuple[int, str] | None:
        """The sequence number of the call that ended this one's waiting, and by what."""
        if "woken_by" in record:
            return record["woken_by"], "futex"
        return self._wakers.get(record.get("sequence", -1))

    def woken(self, record: dict[str, Any]) -> list[tuple[int, str]]:
        """The calls that this one woke."""
        return self._woken.get(record.get("sequence", -1), [])

    def shown(self, record: dict[str, Any]) -> list[Link]:
        """What the detail pane says of it."""
        found = []
        waker = self.waker(record)
        if waker is not None:
            found.append(self._link("woken by", *waker))
        elif words := self.outside(record):
            found.append(Link("ended by", None, words))
        found += [self._link("woke", *one) for one in self.woken(record)[:5]]
        return found

    def _link(self, word: str, sequence: int, kind: str) -> Link:
        position = self._document.index.by_sequence(sequence)
        if position is None:
            return Link(word, sequence, "(not in this trace)")
        other = self._document.record(position)
        words = call_words(other)
        short = words if len(words) < 60 else f"{words[:59]}…"
        return Link(word, sequence, f"{other.get('tid')} {short} ({kind}, at {lasting(other['time'])})")


def _breathing(records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(records):
        if not number % 100:
            time.sleep(BREATH)
        yield record
