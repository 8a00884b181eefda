"""The summary of a trace: calls, errors, times with percentiles, bytes moved; by system call, thread, process or descriptor."""

import re
from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from emu.trace.fields import Live, live_descriptor, saved_descriptor
from emu.trace.processes import Processes
from syscalls import numbers

EXACT = 1 << 16
"""Up to how many calls the percentiles of a row are exact; beyond, they are within 0.4 %, and memory is bounded."""

_FINE = 7  # bits behind the first that the histogram tells apart

BY = ("call", "thread", "process", "fd")
"""What a row can stand for."""

_MOVING = re.compile(
    r"p?(read|write)(64|v2?)?|(send|recv)(to|from|msg|file)|splice|tee|vmsplice|copy_file_range"
)
MOVING = frozenset(number for number, name in numbers.NAMES.items() if _MOVING.fullmatch(name))
"""The calls whose result says how many bytes were moved."""

_NO_ERROR = -4096


class Row(NamedTuple):
    """One line of the summary. Times are nanoseconds: `own` is `total` without `blocked`, the percentiles are of `total`."""

    name: str
    calls: int
    errors: int
    total: int
    own: int
    blocked: int
    minimum: int
    p50: int
    p95: int
    p99: int
    maximum: int
    moved: int


class Sums:
    """What is summed up for one row."""

    __slots__ = (
        "_histogram",
        "_recent",
        "blocked",
        "calls",
        "errors",
        "maximum",
        "minimum",
        "moved",
        "name",
        "total",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = self.errors = self.total = self.blocked = self.moved = 0
        self.minimum: int | None = None
        self.maximum = 0
        self._recent = array("q")
        self._histogram: dict[int, int] = {}

    def add(self, duration: int, blocked: int, result: int | None, moves: bool) -> None:
        """Adds one call; `moves` says that its result counts bytes."""
        self.calls += 1
        self.total += duration
        self.blocked += blocked
        if result is not None:
            if _NO_ERROR < result < 0:
                self.errors += 1
            elif moves:
                self.moved += result
        recent = self._recent
        recent.append(duration)
        if len(recent) >= EXACT:
            self._fold()

    def _fold(self) -> None:
        """Counts what was collected, by the middle of a range of 1/128 of a power of two."""
        recent, histogram = self._recent, self._histogram
        lowest = min(recent)
        self.minimum = lowest if self.minimum is None else min(self.minimum, lowest)
        self.maximum = max(self.maximum, max(recent))
        for duration in recent:
            shift = max(duration.bit_length() - _FINE - 1, 0)
            middle = (duration >> shift << shift) + (1 << shift >> 1)
            histogram[middle] = histogram.get(middle, 0) + 1
        del recent[:]

    def row(self) -> Row:
        """The row of what was added so far."""
        if self._histogram and self._recent:
            self._fold()
        if self._histogram:
            counted = sorted(self._histogram.items())
            low, high = self.minimum or 0, self.maximum
        else:
            counted = [(duration, 1) for duration in sorted(self._recent)]
            low, high = counted[0][0], counted[-1][0]
        p50, p95, p99 = (
            min(max(value, low), high) for value in _percentiles(counted, self.calls, (50, 95, 99))
        )
        own = self.total - self.blocked
        return Row(
            self.name, self.calls, self.errors, self.total, own, self.blocked, low, p50, p95, p99, high, self.moved
        )  # fmt: skip


def _percentiles(counted: list[tuple[int, int]], count: int, wanted: Iterable[int]) -> list[int]:
    """The nearest-rank percentiles of sorted values with how often each occurs."""
    ranks = [max(1, -(-count * percent // 100)) for percent in wanted]
    found: list[int] = []
    seen = 0
    for value, times in counted:
        seen += times
        while len(found) < len(ranks) and seen >= ranks[len(found)]:
            found.append(value)
    return found


class Summary:
    """Sums calls up, one row for each of what `by` says ("call", "thread", "process", "fd"); a sink for `Machine.trace_to`, too.

    By descriptor, a row is an open file description: duplicates count together, numbers that are used again do not. What
    works on several descriptors at once has a row of its own, and what works on none is left out.
    """

    def __init__(self, by: str = "call") -> None:
        self.by = by
        self._sums: dict[Any, Sums] = {}
        self._first = self._last = 0
        self._processes = Processes()
        self._from_saved: Callable[[Any], tuple[Any, str] | None] = _SAVED[by]
        self._from_live: Callable[[Live], tuple[Any, str] | None] = _LIVE[by]

    def begin(self, header: Mapping[str, Any]) -> None:
        """Takes the header of the trace: it names the first process's program."""
        self._processes = Processes(header)

    def add(self, record: dict[str, Any]) -> None:
        """Adds a saved record; events other than system calls have no part."""
        if record["event"] != "syscall":
            self.event(record)
            return
        found = self._from_saved(record)
        if found is None:
            return
        key, name = found
        sums = self._sums.get(key) or self._new(key)
        sums.name = name
        sums.add(record["duration"], record["blocked"], record.get("result"), record["number"] in MOVING)

    def add_brief(self, record: Any) -> None:
        """Adds a `emu.trace.record.Brief`; not by descriptor."""
        number = record.number
        if number < 0:
            return
        key = record.name if self.by == "call" else record.tid
        sums = self._sums.get(key) or self._new(key)
        sums.add(record.duration, record.blocked, record.result, number in MOVING)

    def _new(self, key: Any) -> Sums:
        sums = self._sums[key] = Sums(str(key))
        return sums

    def rows(self, sort: str = "time") -> list[Row]:
        """The rows, sorted by one of `SORTS`."""
        if self.by == "process":  # a process is called by what it ran last
            for pid, sums in self._sums.items():
                sums.name = self._processes.label(pid)
        return sorted((sums.row() for sums in self._sums.values()), key=SORTS[sort])

    # A sink

    def record(self, record: Live) -> None:
        """Adds a system call that has just happened."""
        found = self._from_live(record)
        if found is None:
            return
        key, name = found
        sums = self._sums.get(key) or self._new(key)
        sums.name = name
        sums.add(record[2], record[3], record[7], record[5].number in MOVING)

    def event(self, event: dict[str, Any]) -> None:
        """Other events have no part but for the names of processes."""
        self._processes.event(event)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What was summed up stays."""


_SAVED: dict[str, Callable[[Any], tuple[Any, str] | None]] = {
    "call": lambda record: (record["name"], record["name"]),
    "thread": lambda record: (record["tid"], str(record["tid"])),
    "process": lambda record: (record["pid"], ""),
    "fd": saved_descriptor,
}
_LIVE: dict[str, Callable[[Live], tuple[Any, str] | None]] = {
    "call": lambda record: (record[5].name, record[5].name),
    "thread": lambda record: (record[4].tid, str(record[4].tid)),
    "process": lambda record: (record[4].process.pid, ""),
    "fd": live_descriptor,
}

SORTS: dict[str, Callable[[Row], Any]] = {
    "time": lambda row: (-row.own, row.name),
    "total": lambda row: (-row.total, row.name),
    "blocked": lambda row: (-row.blocked, row.name),
    "calls": lambda row: (-row.calls, row.name),
    "errors": lambda row: (-row.errors, -row.calls, row.name),
    "min": lambda row: (-row.minimum, row.name),
    "p50": lambda row: (-row.p50, row.name),
    "p95": lambda row: (-row.p95, row.name),
    "p99": lambda row: (-row.p99, row.name),
    "max": lambda row: (-row.maximum, row.name),
    "bytes": lambda row: (-row.moved, row.name),
    "name": lambda row: row.name,
}
"""What the summary can be sorted by."""
