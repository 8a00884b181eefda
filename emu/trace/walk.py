"""Walks one thread of two traces together, call by call, and notes where they part."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from emu.trace import tolerance
from emu.trace.canonical import Canonical, canonical, canonical_event
from emu.trace.filter import Filter
from emu.trace.pairing import Difference, Pairs
from emu.trace.per_thread import ByThread

LOOK_AHEAD = 2000
"""How many records of each side are searched for the place where both go on alike."""

ALIKE = 3
"""How many calls in a row must be alike for that."""


@dataclass(slots=True)
class Item:
    """One record of a thread: its number there from 1, its place in the file, as recorded, and renamed if that was wanted."""

    number: int
    offset: int
    record: dict[str, Any]
    canonical: Canonical | None = None

    @property
    def is_call(self) -> bool:
        """Whether it is a system call."""
        return bool(self.record["event"] == "syscall")


@dataclass(slots=True)
class Passed:
    """A difference that was passed over: what is there in A, in B, and what differs."""

    a: Item | None
    b: Item | None
    differences: list[Difference]


@dataclass(slots=True)
class Divergence:
    """A place in which a thread's two runs part.

    `a` and `b` are the calls that differ, None where that side has none; `before` and `after` the calls around them, as
    pairs. `passed` are the latest differences in the same thread that were passed over. `counterpart` is where A's call
    (or, negative, B's) comes later on the other side, in records.
    """

    thread: str
    tids: tuple[int, int]
    a: Item | None
    b: Item | None
    differences: list[Difference]
    before: list[tuple[Item | None, Item | None]]
    after: tuple[list[Item], list[Item]]
    passed: list[Passed]
    skips: tuple[int, int] | None = None

    @property
    def time(self) -> int:
        """When it happened, in A if it is there."""
        item = self.a or self.b
        return int(item.record["time"]) if item is not None else 0


@dataclass(slots=True)
class Outcome:
    """What a comparison found. `calls` were compared, of A and of B; `threads` were matched; `passed` counts by what it was."""

    divergences: list[Divergence] = field(default_factory=list)
    calls: list[int] = field(default_factory=lambda: [0, 0])
    threads: int = 0
    passed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Options:
    """`exact`: nothing is passed over. `every`: all divergences, not only each thread's first. `context`: calls shown around."""

    exact: bool = False
    every: bool = False
    context: int = 4
    filter: Filter | None = None
    cwds: tuple[str, str] = ("", "")
    cut_off: bool = False
    """The programs ended by themselves: what a thread had not done by then it may have done on the other side."""


class Cursor:
    """The records of one thread of one trace, with a look ahead and a look back."""

    def __init__(self, trace: ByThread, tid: int, options: Options, side: int) -> None:
        self._trace = trace
        self._cwd = options.cwds[side]
        self._rest = self._chosen(trace, tid, options.filter)
        self._ahead: deque[Item] = deque()

    @staticmethod
    def _chosen(trace: ByThread, tid: int, wanted: Filter | None) -> Iterator[Item]:
        records = trace.read(tid)
        matches = wanted.matches if wanted is not None and wanted else None
        for number, offset, record in records:
            if wanted is not None and matches is not None:
                wanted.begin(trace.header, trace.processes)
            if matches is None or record["event"] != "syscall" or matches(record):
                yield Item(number, offset, record)

    def peek(self, at: int = 0) -> Item | None:
        """The item so many places further on."""
        while len(self._ahead) <= at:
            item = next(self._rest, None)
            if item is None:
                return None
            self._ahead.append(item)
        return self._ahead[at]

    def record(self, at: int) -> dict[str, Any] | None:
        """Its record."""
        item = self.peek(at)
        return item.record if item is not None else None

    def pop(self) -> Item:
        """Goes on by one item."""
        self.peek()
        return self._ahead.popleft()

    def call(self, item: Item) -> Canonical:
        """The renamed call of an item."""
        if item.canonical is None:
            item.canonical = canonical(item.record, self._trace.locate(item.offset), self._cwd)
        return item.canonical


class Walk:
    """Both sides of one thread, walked together."""

    def __init__(
        self,
        label: str,
        tids: tuple[int, int],
        a: Cursor,
        b: Cursor,
        pairs: Pairs,
        options: Options,
        found: Outcome,
    ) -> None:
        self._label = label
        self._tids = tids
        self._a = a
        self._b = b
        self._pairs = pairs
        self._options = options
        self._found = found
        self._before: deque[tuple[Item | None, Item | None]] = deque(maxlen=options.context)
        self._passed: deque[Passed] = deque(maxlen=4)
        self._last: list[Item | None] = [None, None]

    def run(self) -> None:
        """Notes the divergences of this thread."""
        while (divergence := self._next()) is not None:
            self._found.divergences.append(divergence)
            if not self._options.every or divergence.skips is None:
                return
            for cursor, skip in zip((self._a, self._b), divergence.skips, strict=True):
                for _ in range(skip):
                    item = cursor.pop()
                    self._note(*((item, None) if cursor is self._a else (None, item)))

    def _next(self) -> Divergence | None:
        a, b = self._a, self._b
        while True:
            left, right = a.peek(), b.peek()
            if left is None and right is None:
                return None
            if left is None or right is None:
                item = left or right
                assert item is not None
                if self._options.exact or not (is_loose_end(item) or self._is_cut_off(left is None)):
                    return self._divergence(left, right, [])
                self._pass(left, right, [])
                continue
            if _alike(left.record, right.record) and self._same_things(left.record, right.record):
                self._take()
                continue
            differences = self._differences(left, right)
            if not differences:
                self._take()
            elif self._options.exact or not self._pass_over(left, right, differences):
                return self._divergence(left, right, differences)

    def _is_cut_off(self, in_a: bool) -> bool:
        """Whether the end of the program, which another thread brought about, came over this one while it was running."""
        if not self._options.cut_off:
            return False
        last = self._last[not in_a]
        return last is None or (last.is_call and last.record["name"] not in ("exit", "exit_group"))

    def _differences(self, left: Item, right: Item) -> list[Difference]:
        if left.is_call and right.is_call:
            return self._pairs.differences(self._a.call(left), self._b.call(right))
        if left.is_call or right.is_call:
            return [Difference(("name",), _name(left), _name(right))]
        one, other = canonical_event(left.record), canonical_event(right.record)
        return [
            Difference((key,), one.get(key), other.get(key))
            for key in {**one, **other}
            if key not in ("tid", "parent", "address", "sender") and _shown(key, one) != _shown(key, other)
        ]

    def _same_things(self, left: dict[str, Any], right: dict[str, Any]) -> bool:
        """For records that are literally alike: whether their descriptors stand for each other."""
        if left["event"] != "syscall":
            return True
        objects, others = left.get("objects"), right.get("objects")
        if not objects:
            return not others
        if objects != others:
            return False
        for value in objects.values():
            for number in value.values() if isinstance(value, dict) else (value,):
                if number is not None and not self._pairs.bind("fd", number, number):
                    return False
        return True

    def _note(self, left: Item | None, right: Item | None) -> None:
        """Keeps what has been walked over: for the context, and to know each side's last."""
        self._before.append((left, right))
        self._last = [left or self._last[0], right or self._last[1]]

    def _take(self) -> None:
        left, right = self._a.pop(), self._b.pop()
        self._found.calls[0] += left.is_call
        self._found.calls[1] += right.is_call
        self._note(left, right)

    def _pass(self, left: Item | None, right: Item | None, differences: list[Difference]) -> None:
        """Passes over what is there on one side or on both."""
        self._passed.append(Passed(left, right, differences))
        if left is not None and right is not None:
            self._found.passed["answered otherwise"] += 1
            self._take()
            return
        self._found.passed["only in A" if left is not None else "only in B"] += 1
        if left is not None:
            self._found.calls[0] += left.is_call
            self._note(self._a.pop(), None)
        else:
            self._found.calls[1] += 1
            self._note(None, self._b.pop())

    def _pass_over(self, left: Item, right: Item, differences: list[Difference]) -> bool:
        """Whether the difference is the world's doing; then it has been passed over."""
        if not left.is_call or not right.is_call:
            return self._pass_loose_end(left, right)
        if self._options.cut_off and left.record.get("unfinished") != right.record.get("unfinished"):
            self._pass(left, right, differences)  # the end of the program came while it was going on
            return True
        woken, other = tolerance.is_wakeup(left.record), tolerance.is_wakeup(right.record)
        if woken and other and left.record["name"] == right.record["name"]:
            self._pass(left, right, differences)
        elif woken:
            self._pass(left, None, [])
        elif other:
            self._pass(None, right, [])
        else:
            return self._pass_pieces()
        return True

    def _pass_loose_end(self, left: Item, right: Item) -> bool:
        """Wake-ups before the end of a thread; and the call in which a signal killed it, which may be told before the signal or after."""
        if left.is_call and (tolerance.is_wakeup(left.record) or _was_killed_in(left, right)):
            self._pass(left, None, [])
        elif right.is_call and (tolerance.is_wakeup(right.record) or _was_killed_in(right, left)):
            self._pass(None, right, [])
        else:
            return False
        return True

    def _pass_pieces(self) -> bool:
        """The same bytes of a stream in other pieces."""
        left, right = self._a.peek(), self._b.peek()
        if left is None or right is None or not self._same_stream(left.record, right.record):
            return False
        pieces = tolerance.same_stream(self._a.record, self._b.record)
        if pieces is None or pieces.differs_at is not None:
            return False
        self._found.passed["other pieces of a stream"] += 1
        self._passed.append(
            Passed(left, right, [Difference(("result",), left.record["result"], right.record["result"])])
        )
        taken = [
            [cursor.pop() for _ in range(count)]
            for cursor, count in ((self._a, pieces.a), (self._b, pieces.b))
        ]
        for side in (0, 1):
            self._found.calls[side] += len(taken[side])
        for at in range(max(map(len, taken))):
            self._note(_at(taken[0], at), _at(taken[1], at))
        return True

    def _same_stream(self, left: dict[str, Any], right: dict[str, Any]) -> bool:
        objects = [(record.get("objects") or {}).get("fd") for record in (left, right)]
        if None in objects:
            return objects[0] is objects[1]
        return self._pairs.bind("fd", *objects)

    def _divergence(self, left: Item | None, right: Item | None, differences: list[Difference]) -> Divergence:
        skips = _resync(self._a, self._b)
        return Divergence(
            self._label,
            self._tids,
            left,
            right,
            differences,
            list(self._before),
            (following(self._a, self._options.context), following(self._b, self._options.context)),
            list(self._passed),
            skips,
        )


def _was_killed_in(call: Item, other: Item) -> bool:
    ends = other.record["event"] == "signal" and "handler" not in other.record
    return bool(call.record.get("unfinished")) and (ends or other.record["event"] == "process_end")


def _at(items: Sequence[Item], at: int) -> Item | None:
    return items[at] if at < len(items) else None


def _shown(key: str, event: dict[str, Any]) -> Any:
    """A member as it is compared: of a handler, that there is one."""
    return key in event if key == "handler" else event.get(key)


def _name(item: Item) -> str:
    return str(item.record["name"] if item.is_call else item.record["event"])


def following(cursor: Cursor, count: int) -> list[Item]:
    """What comes after the next item."""
    return [item for at in range(1, count + 1) if (item := cursor.peek(at)) is not None]


def is_loose_end(item: Item) -> bool:
    """Whether the end of a run may have cut it off on the other side: a wake-up, or a call that never returned."""
    return item.is_call and (tolerance.is_wakeup(item.record) or bool(item.record.get("unfinished")))


def _alike(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two calls are recorded alike to the letter."""
    return bool(
        a["event"] == b["event"] == "syscall"
        and a["number"] == b["number"]
        and a["result"] == b["result"]
        and a["args"] == b["args"]
        and a.get("unfinished") == b.get("unfinished")
    )


def _key(item: Item) -> tuple[Any, ...]:
    """By what a call is known again: its name, how it ended, its flags and paths, but no number."""
    record = item.record
    if not item.is_call:
        return (record["event"],)
    words = [value[:40] for value in record["args"].values() if isinstance(value, str)]
    return (record["name"], record.get("error"), *words)


def _resync(a: Cursor, b: Cursor) -> tuple[int, int] | None:
    """How many records of each side to leave out, at least one in all, so that both go on alike: the fewest that do.

    None when the next LOOK_AHEAD records of each do not tell. The end of both counts as alike.
    """
    left = [_key(item) for item in _window(a)]
    right = [_key(item) for item in _window(b)]
    places: dict[tuple[Any, ...], list[int]] = {}
    ended = max(len(left), len(right)) < LOOK_AHEAD
    for at in range(len(right) + ended):
        places.setdefault(tuple(right[at : at + ALIKE]), []).append(at)
    best: tuple[int, int] | None = None
    for at in range(len(left) + ended):
        if best is not None and at >= sum(best):
            break
        for other in islice(places.get(tuple(left[at : at + ALIKE]), ()), 8):
            if (at or other) and (best is None or at + other < sum(best)):
                best = (at, other)
    return best


def _window(cursor: Cursor) -> Iterator[Item]:
    for at in range(LOOK_AHEAD):
        item = cursor.peek(at)
        if item is None:
            return
        yield item
