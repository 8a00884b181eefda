"""Happens-before over the records of a trace: which call certainly came before which, and which one woke which.

A call *takes effect* at one moment between its beginning and its end. `Order.before(a, b)` says that the effect of `a`
precedes the effect of `b` in every run in which the same messages are passed, not by chance in this one. It is the least
partial order that holds

- program order: a thread's calls, in the order in which it made them;
- "clone": clone, clone3, fork, vfork -> the first call of the thread or process that it made;
- "wait": the last call of each thread of a process that has ended -> the wait4 or waitid that tells of it;
- "vfork": the execve or exit of the child -> the next call of the thread that had made it by vfork;
- "signal": kill and its kin (or the end of a child, for its SIGCHLD) -> the call that the signal interrupted, or that took it:
  rt_sigtimedwait, a read of a signalfd; "handler": likewise -> the first call after the handler began; SIGCONT -> the first calls
  of a process that it lets go on. Only where the trace says who sent it;
- "futex": the call that woke a waiter (FUTEX_WAKE and its kin, by `woken_by`) -> the wait;
- "exit": a thread's exit that cleared its tid -> the join that this woke (`woken_by`);
- "eventfd": each write since the last read -> the read (with EFD_SEMAPHORE: the write whose unit the read took);
- "pipe", "socket": a write -> the reads that got its bytes, counted by position; by message where there are messages;
  for pipes, socketpairs, Unix sockets, and TCP connections that have both ends in the guest. The passing of
  descriptors (SCM_RIGHTS) is such a message;
- "close": what ended the writing (shutdown, or each close of the end that writes, an exit or execve that closes it included)
  -> a read that saw the end;
- "connect": connect -> the accept that took this connection;
- "poll": the oldest write that was not read yet (of those since the poll began, if it waited; or connect, or close) ->
  the poll, select or epoll_wait that reported it.

An edge's source takes effect before its target ends; it may end later than its target does, as a write that waits for
room, and its target may have begun long before, as a read that waits for it.

What is *not* ordered: calls of different threads between which nothing of this was passed, however far apart in time; what
threads tell each other through memory alone (a lock that nobody waited for makes no call); what goes through files, through
pipes with names, UDP, and the world outside; the end of a read and the end of the write that it made room for.

What a hook has answered instead of the kernel has put nothing in and taken nothing out. Where a hook has changed a result, nobody
knows how much that was: no edges follow from what went through there.

What is missing in a trace takes edges away and never adds any: where calls are missing (a filter, a full disk, damage)
nothing is counted any more, and what remains are clone, `woken_by`, and what was counted before.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import Any

from emu.trace.links import KINDS, Edge, Links
from emu.trace.origin import origin
from emu.trace.schema import EXITS

__all__ = ["KINDS", "Edge", "Order"]

_FAR = 8
"""How much larger than the number of calls their numbers may be to stand in an array."""

_NEVER = 1 << 63


class Order:
    """The order of the calls among `records`, which are taken in file order; those of a run that goes on may end anywhere.

    It takes two passes over what it keeps, about 50 bytes a call and 50 an edge; questions cost a binary search.
    """

    def __init__(self, records: Iterable[dict[str, Any]], also: Iterable[tuple[int, int]] = ()) -> None:
        """`also` are further pairs of calls, by sequence number, of which the first certainly came before the second."""
        links = Links()
        calls = _Calls()
        hooked: dict[int, str] = {}
        for record in records:
            if record["event"] == "syscall":
                links.call(record, hooked.pop(record["sequence"], "") if hooked else "")
                calls.add(record)
            elif record["event"] == "hook":
                if record.get("action") in ("answered", "changed the result"):
                    hooked.setdefault(record.get("sequence", -1), record["action"])
            else:
                calls.event(record)
                links.event(record)
        self._threads = calls.threads()
        gaps = _Gaps(calls)
        self._inside = links.inside
        self._edges = links.edges(gaps.clean_until)
        self._wakers: dict[int, int] = dict(links.returned)
        self._clocks: dict[int, _Clock] = {}
        self._build(calls, also)

    def before(self, a: int, b: int) -> bool:
        """Whether the call with sequence number `a` certainly took effect before `b` did. Unknown numbers: False."""
        first, second = self._threads.get(a), self._threads.get(b)
        if first is None or second is None:
            return False
        if first == second:
            return a < b
        clock = self._clocks.get(second)
        return clock is not None and clock.knows(b, first, a)

    def edges(self) -> Iterator[Edge]:
        """The edges between calls of different threads, sorted by where their targets stand in the file."""
        for source, target, kind in zip(*self._edges, strict=True):
            yield Edge(source, target, KINDS[kind])

    def waker(self, sequence: int) -> int | None:
        """The call of another thread that ended this call's wait, or gave it what it did not have to wait for.

        None where that came from outside, from the thread itself, or from nowhere: see `origin`.
        """
        return self._wakers.get(sequence)

    def origin(self, record: dict[str, Any]) -> str:
        """What ended the wait of a call, in words: "call 17", "a signal", "its deadline", "outside: TCP ...".

        "" for a call that did not wait, or for which nothing tells.
        """
        waker = self.waker(record["sequence"])
        if waker is not None:
            return f"call {waker}"
        if not record["blocked"]:
            return ""
        return origin(record, self._inside)

    def _build(self, calls: "_Calls", also: Iterable[tuple[int, int]]) -> None:
        """Sorts the edges, and brings what each thread knows of the others up to date along them."""
        sources, targets, kinds = self._edges
        place = calls.places()
        kept = [
            at
            for at, (source, target) in enumerate(zip(sources, targets, strict=True))
            if source in place and target in place and self._threads[source] != self._threads[target]
        ]
        kept.sort(key=lambda at: place[targets[at]])
        self._edges = type(self._edges)(
            array("q", map(sources.__getitem__, kept)),
            array("q", map(targets.__getitem__, kept)),
            array("B", map(kinds.__getitem__, kept)),
        )
        wakers = self._wakers
        last = {KINDS.index(kind) for kind in ("close", "wait")}  # the last one was it
        beginning = {KINDS.index(kind) for kind in ("clone", "vfork", "handler")}
        for source, target, kind in zip(*self._edges, strict=True):
            if kind in last:
                wakers[target] = source
            elif (
                kind not in beginning
            ):  # a new thread's first call may wait, too; its birth is not what ends that
                wakers.setdefault(target, source)
        further = [pair for pair in also if all(map(place.__contains__, pair))]
        further.sort(key=lambda pair: place[pair[1]])
        pairs = zip(self._edges[0], self._edges[1], strict=True)
        self._learn(merge(pairs, further, key=lambda pair: place[pair[1]]) if further else pairs)

    def _learn(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Follows the edges in the order of their targets."""
        threads, clocks = self._threads, self._clocks
        for source, target in pairs:
            to, of = threads[target], threads[source]
            if to == of:
                continue
            clock = clocks.get(to)
            if clock is None:
                clock = clocks[to] = _Clock(to)
            clock.learn(target, of, source, clocks.get(of))


class _Calls:
    """What is kept of each call: its number, its thread, the time before which no later one began; in file order."""

    def __init__(self) -> None:
        self.sequences = array("q")
        self.tids = array("q")
        self.settled = array("q")
        self.last: dict[int, int] = {}
        """By thread that may still be in a call that is not recorded yet: its last one that is."""
        self.living: set[int] = set()
        """The processes that the trace has begun to tell of, and that go on."""
        self.ended = False

    def add(self, record: dict[str, Any]) -> None:
        sequence, tid = record["sequence"], record["tid"]
        self.living.add(record["pid"])
        self.sequences.append(sequence)
        self.tids.append(tid)
        # While a call does not wait no other one begins.
        self.settled.append(
            min(record["time"] + (0 if record["blocked"] else record["duration"]), _NEVER - 1)
        )
        if record["number"] in EXITS or record.get("unfinished"):
            self.last.pop(tid, None)
        else:
            self.last[tid] = sequence

    def event(self, record: dict[str, Any]) -> None:
        if record["event"] == "thread_start" and "tid" in record:
            self.last.setdefault(record["tid"], -1)
        elif record["event"] == "process_start":
            self.living.add(record.get("pid", 0))
            self.last.setdefault(record.get("tid", record.get("pid", 0)), -1)
        elif record["event"] == "process_end":
            self.living.discard(record.get("pid", 0))
            self.ended = not self.living

    def threads(self) -> "_BySequence":
        return _BySequence(self.sequences, self.tids)

    def places(self) -> "_BySequence":
        return _BySequence(self.sequences, array("q", range(len(self.sequences))))


class _BySequence:
    """Sequence numbers to numbers that are not negative: an array where they are dense, as they are in a whole trace."""

    def __init__(self, sequences: "array[int]", values: "array[int]") -> None:
        room = _FAR * (len(sequences) + 1024)
        self._near = array("q", [-1]) * min(room, max(sequences, default=0) + 1)
        self._far: dict[int, int] = {}
        for sequence, value in zip(sequences, values, strict=True):
            if sequence < room:
                self._near[sequence] = value
            else:
                self._far[sequence] = value

    def get(self, sequence: int) -> int | None:
        if 0 <= sequence < len(self._near):
            value = self._near[sequence]
            return value if value >= 0 else None
        return self._far.get(sequence)

    def __contains__(self, sequence: int) -> bool:
        return self.get(sequence) is not None

    def __getitem__(self, sequence: int) -> int:
        value = self.get(sequence)
        if value is None:
            raise KeyError(sequence)
        return value


class _Gaps:
    """Where calls are missing, by their sequence numbers, and since when they may have had an effect."""

    def __init__(self, calls: _Calls) -> None:
        order = sorted(range(len(calls.sequences)), key=calls.sequences.__getitem__)
        self._ends: list[int] = []  # of each gap: its last number
        self._times: list[int] = []
        gaps: list[tuple[int, int, int]] = []
        expected, time = 0, -1
        for at in order:
            sequence = calls.sequences[at]
            if sequence > expected:
                gaps.append((expected, sequence - 1, time))
            expected, time = sequence + 1, calls.settled[at]
        for first, last, since in _real(gaps, calls):
            self._ends.append(last)
            self._times.append(since)
            del first

    def clean_until(self, sequence: int) -> int:
        """The time (of the run, in nanoseconds) until when no call from this number on is missing."""
        at = bisect_right(self._ends, sequence)
        return self._times[at] if at < len(self._times) else _NEVER


def _real(gaps: list[tuple[int, int, int]], calls: _Calls) -> list[tuple[int, int, int]]:
    """The gaps that are not calls still in progress: of those each thread of a run that goes on may have one, its last."""
    if calls.ended:
        return gaps
    missing = sum(last - first + 1 for first, last, _ in gaps)
    if missing > len(calls.last):
        return gaps
    lasts = sorted(calls.last.values())
    found = []
    for first, last, since in reversed(gaps):
        for number in range(last, first - 1, -1):
            at = bisect_right(lasts, number) - 1
            if at < 0:
                found.append((number, number, since))
            else:
                del lasts[at]
    return found[::-1]


class _Clock:
    """What one thread knows of the others: of each the last call that came before, from which own call on.

    A vector clock, of which only the changes are kept.
    """

    __slots__ = ("_log", "_log_tids", "_log_upto", "_merged", "_steps", "_tid")

    def __init__(self, tid: int) -> None:
        self._tid = tid
        self._steps: dict[int, tuple[array[int], array[int]]] = {}
        self._log = array("q")  # the changes of all, in their order: the own call, the other thread, its call
        self._log_tids = array("q")
        self._log_upto = array("q")
        self._merged: dict[int, int] = {}  # of each other thread: how much of its log is known here

    def knows(self, sequence: int, tid: int, other: int) -> bool:
        """Whether the own call `sequence` comes after the call `other` of thread `tid`."""
        steps = self._steps.get(tid)
        if steps is None:
            return False
        at = bisect_right(steps[0], sequence) - 1
        return at >= 0 and steps[1][at] >= other

    def learn(self, sequence: int, tid: int, other: int, clock: "_Clock | None") -> None:
        """The own call `sequence` comes after `other` of thread `tid`, and so after all that this one comes after."""
        if self._log and sequence < self._log[-1]:
            return  # a file whose lines are not in their order
        self._raise(sequence, tid, other)
        if clock is None:
            return
        known = bisect_right(clock._log, other)
        for at in range(self._merged.get(tid, 0), known):
            if clock._log_tids[at] != self._tid:
                self._raise(sequence, clock._log_tids[at], clock._log_upto[at])
        self._merged[tid] = max(known, self._merged.get(tid, 0))

    def _raise(self, sequence: int, tid: int, other: int) -> None:
        steps = self._steps.get(tid)
        if steps is None:
            steps = self._steps[tid] = (array("q"), array("q"))
        elif steps[1][-1] >= other:
            return
        for column, value in zip(steps, (sequence, other), strict=True):
            column.append(value)
        self._log.append(sequence)
        self._log_tids.append(tid)
        self._log_upto.append(other)
