"""Which call ended another one's waiting: from the order of the records around it, worked out beside the screen."""

import time
from collections.abc import Iterator
from typing import Any

from emu.trace.order import Order
from emu.viewer.detail import Link
from emu.viewer.document import Document
from emu.viewer.rows import call_words
from emu.viewer.words import lasting

WINDOW = 200_000
"""Records that are put in order at most: the last ones before the call in question, and some behind it."""

BEHIND = 20_000
"""How many of them stand behind it."""

BREATH = 0.0005
"""Seconds for which another thread leaves the processor to the screen, once every few records."""


class Links:
    """Edges between calls of different threads, among a stretch of the records."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.first = 0
        self.after = 0
        self._wakers: dict[int, tuple[int, str]] = {}
        self._woken: dict[int, list[tuple[int, str]]] = {}

    def covers(self, position: int) -> bool:
        """Whether enough is known to say who woke a call."""
        return self.first <= position < self.after

    def span(self, position: int) -> tuple[int, int]:
        """The stretch that should be put in order for a call: all of a trace that is not too long."""
        length = len(self._document.index)
        if length <= WINDOW:
            return 0, length
        after = min(length, position + BEHIND)
        return max(0, after - WINDOW), after

    def learn(self, first: int, after: int) -> "Links":
        """The edges of that stretch; takes seconds, and may run in a thread of its own."""
        found = Links(self._document)
        found.first, found.after = first, after
        order = Order(_breathing(self._document.index.records(first, after)))
        for edge in order.edges():
            found._woken.setdefault(edge.source, []).append((edge.target, edge.kind))
            found._wakers.setdefault(edge.target, (edge.source, edge.kind))
        return found

    def waker(self, record: dict[str, Any]) -> tuple[int, str] | None:
        """The sequence number of the call that ended this one's waiting, and by what."""
        if "woken_by" in record:
            kind = self._wakers.get(record.get("sequence", -1), (0, "futex"))[1]
            return record["woken_by"], kind
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
