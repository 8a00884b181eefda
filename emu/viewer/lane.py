"""What one thread did over time, so kept that any window of it is drawn in a moment, however many calls there are."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from emu.trace.index import FAILED

NEVER = 1 << 62
"""A time that no trace reaches, in nanoseconds."""


class Lane:
    """The calls of one thread, in their order, with running sums: how long it waited up to each, and how many failed.

    A thread makes one call after another, so both the times and the ends of its calls ascend, and a window of time is a range.
    """

    def __init__(self, tid: int, times: Sequence[int], ends: Sequence[int]) -> None:
        self.tid = tid
        self.started = NEVER
        self.ended = NEVER
        self.calls = array("I")
        self.waited = array("q", [0])
        self.failed = array("I", [0])
        self._times = times
        self._ends = ends

    def add(self, calls: Sequence[int], blocked: Sequence[int], kinds: Sequence[int]) -> None:
        """Takes its next calls, by their positions in the trace, whose columns `blocked` and `kinds` are (`Index`)."""
        self.calls.extend(calls)
        waits, failures = map(blocked.__getitem__, calls), map(FAILED.__eq__, map(kinds.__getitem__, calls))
        self.waited.extend(accumulate(waits, initial=self.waited.pop()))
        self.failed.extend(accumulate(failures, initial=self.failed.pop()))

    def ended_after(self, moment: int, low: int = 0) -> int:
        """Which of its calls is the first that ended after `moment`."""
        return bisect_right(self.calls, moment, low, key=self._ends.__getitem__)

    def begun_before(self, moment: int, low: int = 0) -> int:
        """How many of its calls began before `moment`."""
        return bisect_left(self.calls, moment, low, key=self._times.__getitem__)

    @property
    def last(self) -> int:
        """When its last call ended."""
        return self._ends[self.calls[-1]] if self.calls else self.started

    def at(self, moment: int) -> int | None:
        """The call that was going on at `moment`, else the nearest one; None for a thread without calls."""
        if not self.calls:
            return None
        after = min(self.ended_after(moment), len(self.calls) - 1)
        found = self.calls[after]
        if after and self._times[found] > moment:
            before = self.calls[after - 1]
            if moment - self._ends[before] < self._times[found] - moment:
                return before
        return found

    def blocked_in(self, begin: int, end: int, low: int, high: int) -> float:
        """Nanoseconds that it waited between two moments, within its calls number `low` to `high` (without).

        The trace says how long a call waited, and not when within the call: it counts as spread evenly.
        """
        if high <= low:
            return 0
        waited = self.waited
        total = waited[high] - waited[low]
        found = float(total)
        for number in {low, high - 1}:
            blocked = waited[number + 1] - waited[number]
            if blocked:
                call = self.calls[number]
                began, ended = self._times[call], self._ends[call]
                inside = min(end, ended) - max(begin, began)
                found -= blocked * (1 - max(0, inside) / max(1, ended - began))
        return max(0.0, found)


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a lane: its character, and what it stands for (a key of `lanes.LOOKS`)."""

    text: str
    look: str


RUNNING = " ▁▂▃▄▅▆▇█"
NOTHING = Cell(" ", "absent")
BLOCKED = Cell("─", "blocked")
UNKNOWN = Cell("·", "absent")


def cells(lane: Lane, start: int, end: int, width: int, *, is_over: bool = True) -> list[Cell]:
    """A lane between two moments (nanoseconds) as `width` cells; the height of a block is the part of its time that it ran.

    In a run that is not over (or of which the end was lost) nobody knows what a thread does after its last call: it may
    be in one that has no record yet.
    """
    found: list[Cell] = []
    known = NEVER if is_over else lane.last
    low = lane.ended_after(start)
    span = end - start
    for column in range(width):
        left = start + span * column // width
        right = max(left + 1, start + span * (column + 1) // width)
        after = lane.ended_after(right, low)
        alive = min(right, lane.ended) - max(left, lane.started)
        if alive <= 0:
            found.append(NOTHING)
        elif left >= known:
            found.append(UNKNOWN)
        else:
            high = lane.begun_before(right, low)
            ran = 1 - lane.blocked_in(left, right, low, high) / alive
            look = "failed" if lane.failed[after] > lane.failed[low] else "running"
            if ran < 0.02 and look == "running":
                found.append(BLOCKED)
            else:
                found.append(Cell(RUNNING[max(1, min(8, round(ran * 8)))], look))
        low = after
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """A call that is wide enough to be named: its columns (the last one without), and whether it mostly waited."""

    call: int
    first: int
    last: int
    is_wait: bool


def spans(lane: Lane, start: int, end: int, width: int, narrowest: int = 4) -> list[Span]:
    """The calls that take at least `narrowest` columns of a window, at most one a column."""
    low, high = lane.ended_after(start), lane.begun_before(end)
    if high - low > width * 4:  # most are narrower than a column: only the very long ones could be wide
        return []
    found = []
    scale = width / max(1, end - start)
    for number in range(low, high):
        call = lane.calls[number]
        began, ended = lane._times[call], lane._ends[call]
        first = max(0, int((began - start) * scale))
        last = min(width, int((ended - start) * scale) + 1)
        if last - first >= narrowest:
            blocked = lane.waited[number + 1] - lane.waited[number]
            found.append(Span(call, first, last, blocked * 2 > ended - began))
    return found


def ticks(start: int, end: int, width: int, room: int = 14) -> list[tuple[int, str]]:
    """Columns of an axis with their labels: round times, at least `room` columns apart."""
    span = max(1, end - start)
    least = span * room / max(1, width)
    step = 1
    while step < least:
        for factor in (2, 2.5, 2):
            if step >= least:
                break
            step = int(step * factor)
    first = -(-start // step) * step
    found = []
    for moment in range(first, end + 1, step):
        column = (moment - start) * width // span
        if column < width:
            found.append((column, label(moment, step)))
    return found


def label(moment: int, step: int) -> str:
    """A time on an axis whose marks are `step` nanoseconds apart: as many digits as that needs."""
    if moment == 0:
        return "0"
    digits = 0
    while digits < 9 and step % 10 ** (9 - digits):
        digits += 1
    return f"{moment / 1e9:,.{digits}f} s"
