"""What a page says of all events, however many: its threads, their load over time, and which events it shows one by one."""

import heapq
from array import array
from collections import deque
from typing import Any

from emu.trace.processes import Processes
from emu.trace.summary import Summary

LIMIT = 100_000
"""Events that a page shows one by one, at most."""

FIRST, LAST, SLOWEST, FAILED, EVENTS = 50_000, 25_000, 10_000, 10_000, 5_000
"""Of more than `LIMIT` events, those that are shown; they add up to `LIMIT`."""

BINS = 2048
"""Parts of the time axis of which the load is known for each thread."""

LANES = 256
"""Threads whose load is known, at most: those that come first."""

_NARROWEST = 1 << 14  # nanoseconds of a bin, at the start
_BUSY, _BLOCKED, _CALLS, _ERRORS = range(4)


class Load:
    """How much each thread worked and waited in each part of the run; the parts widen as the run goes on.

    Memory does not depend on how many calls there are: 64 KiB for each of at most `LANES` threads.
    """

    def __init__(self) -> None:
        self.width = _NARROWEST
        self.lanes: dict[int, array[int]] = {}

    def add(self, tid: int, time: int, duration: int, blocked: int, failed: bool) -> None:
        """Counts one call; times in nanoseconds."""
        lane = self.lanes.get(tid)
        if lane is None:
            if len(self.lanes) >= LANES:
                return
            lane = self.lanes[tid] = array("Q", bytes(8 * 4 * BINS))
        end = time + duration
        while end >= self.width * BINS:
            self._widen()
            lane = self.lanes[tid]
        width = self.width
        first, last = time // width, end // width
        lane[4 * first + _CALLS] += 1
        lane[4 * first + _ERRORS] += failed
        if first == last:
            lane[4 * first + _BUSY] += duration - blocked
            lane[4 * first + _BLOCKED] += blocked
            return
        share = blocked / duration
        for part in range(first, last + 1):
            inside = min(end, (part + 1) * width) - max(time, part * width)
            waited = int(inside * share)
            lane[4 * part + _BUSY] += inside - waited
            lane[4 * part + _BLOCKED] += waited

    def _widen(self) -> None:
        self.width *= 2
        for tid, lane in self.lanes.items():
            halves = array("Q", bytes(8 * len(lane)))
            for column in range(4):
                values = lane[column::4]
                sums = [one + other for one, other in zip(values[::2], values[1::2], strict=True)]
                halves[column : 2 * BINS : 4] = array("Q", sums)
            self.lanes[tid] = halves

    def columns(self) -> dict[str, Any]:
        """For the page: by thread four lists, each ending with its last part that is not empty."""
        lanes = {}
        for tid, lane in self.lanes.items():
            used = max((part for part in range(BINS) if any(lane[4 * part : 4 * part + 4])), default=-1) + 1
            lanes[str(tid)] = [lane[column : 4 * used : 4].tolist() for column in range(4)]
        return {"width": self.width, "lanes": lanes}


class Survey:
    """Everything that is known of a trace after one pass over it, in memory that does not grow with it."""

    def __init__(self, limit: int = LIMIT, header: dict[str, Any] | None = None) -> None:
        self.limit = limit
        self.count = 0
        self.calls = 0
        self.errors = 0
        self.pending = 0
        self.end = 0
        self.threads: dict[int, dict[str, Any]] = {}
        self.load = Load()
        self._summaries = {by: Summary(by) for by in ("call", "thread", "process")}
        self._processes = Processes(header)
        part = limit / LIMIT
        self._first = int(FIRST * part)
        self._last: deque[int] = deque(maxlen=int(LAST * part))
        self._slowest: list[tuple[int, int]] = []
        self._slow = int(SLOWEST * part)
        self._failed = _Spread(int(FAILED * part))
        self._events = _Spread(int(EVENTS * part))

    def add(self, record: dict[str, Any]) -> None:
        """Counts the next event of the trace."""
        index = self.count
        self.count += 1
        self._processes.add(record)
        time = record["time"]
        self.end = max(self.end, time)
        if index >= self._first:
            self._last.append(index)
        thread = self._thread(record)
        if record["event"] != "syscall":
            self._event(index, record, thread)
            self._summaries["process"].event(record)
            return
        duration, blocked = record["duration"], min(record["blocked"], record["duration"])
        failed = "error" in record
        self.calls += 1
        self.errors += failed
        self.pending += bool(record.get("unfinished"))
        self.end = max(self.end, time + duration)
        thread["calls"] += 1
        thread["errors"] += failed
        thread["blocked"] += blocked
        thread["busy"] += duration - blocked
        thread["last"] = max(thread["last"], time + duration)
        for summary in self._summaries.values():
            summary.add(record)
        self.load.add(record["tid"], time, duration, blocked, failed)
        if index >= self._first:
            if failed:
                self._failed.add(index)
            worked = (duration - blocked, index)
            if len(self._slowest) < self._slow:
                heapq.heappush(self._slowest, worked)
            elif self._slowest and worked > self._slowest[0]:
                heapq.heapreplace(self._slowest, worked)

    def _thread(self, record: dict[str, Any]) -> dict[str, Any]:
        tid = record.get("tid") or record.get("pid") or 0
        found = self.threads.get(tid)
        if found is None:
            time = record["time"]
            found = {"tid": tid, "pid": record.get("pid", 0), "first": time, "last": time}
            found |= {"calls": 0, "errors": 0, "blocked": 0, "busy": 0, "parent": None, "ended": False}
            self.threads[tid] = found
        found["first"] = min(found["first"], record["time"])
        return found

    def _event(self, index: int, record: dict[str, Any], thread: dict[str, Any]) -> None:
        if index >= self._first:
            self._events.add(index)
        thread["last"] = max(thread["last"], record["time"])
        if record["event"] == "process_end":
            for tid in process.threads if (process := self._processes.get(record["pid"])) is not None else ():
                if tid in self.threads and not self.threads[tid]["ended"]:
                    self.threads[tid]["last"] = max(self.threads[tid]["last"], record["time"])
                    self.threads[tid]["ended"] = True
        elif record["event"] in ("thread_start", "process_start"):
            thread["parent"] = record.get("parent")
        elif record["event"] == "thread_end":
            thread["ended"] = True

    def lanes(self) -> list[dict[str, Any]]:
        """The threads in the order of the lanes: by process, makers first; else as they came."""
        threads = sorted(self.threads.values(), key=lambda thread: thread["first"])
        if not self._processes.several:
            return threads
        places = {one.pid: at for at, (_, one) in enumerate(self._processes.tree())}
        return sorted(
            threads,
            key=lambda thread: (places.get(thread["pid"], len(places)), thread["tid"] != thread["pid"]),
        )

    def processes(self) -> list[dict[str, Any]]:
        """The tree of the processes, makers first; empty where there is only one."""
        if not self._processes.several:
            return []
        unreaped = {one.pid for one in self._processes.unreaped()}
        return [
            {
                "pid": one.pid,
                "depth": depth,
                "name": one.name,
                "argv": one.argv,
                "programs": one.programs,
                "started": one.started,
                "ended": one.ended,
                "ending": one.ending,
                "bad": one.signal is not None or bool(one.code),
                "zombie": one.pid in unreaped,
                "calls": sum(self.threads[tid]["calls"] for tid in one.threads if tid in self.threads),
            }
            for depth, one in self._processes.tree()
        ]

    def summary(self) -> dict[str, list[list[Any]]]:
        """By call, by thread and by process: name, calls, errors, total, own and blocked time, p50, p95 and longest, bytes moved."""
        return {
            by: [
                [
                    row.name,
                    row.calls,
                    row.errors,
                    row.total,
                    row.own,
                    row.blocked,
                    row.p50,
                    row.p95,
                    row.maximum,
                    row.moved,
                ]
                for row in summary.rows()
            ]
            for by, summary in self._summaries.items()
        }

    @property
    def complete(self) -> bool:
        """Whether every event is shown."""
        return self.count <= self.limit

    def chosen(self) -> set[int] | None:
        """The positions of the events that are shown one by one; None: all of them."""
        if self.complete:
            return None
        slowest = {index for _, index in self._slowest}
        return {*range(self._first), *self._last, *slowest, *self._failed.kept, *self._events.kept}

    def words(self, shown: int) -> str:
        """What the page says when it does not show every event."""
        return (
            f"This trace has {self.count:,} events; {shown:,} of them are listed here: the first {self._first:,}, "
            f"the last {self._last.maxlen:,}, the slowest (waiting not counted), failed calls and thread events from all over "
            "the run. The lanes, the totals and the summary are of all of them. To see every event, use emu view without --html, "
            "or write a page of a part, with a filter such as -e time=2s..3s."
        )


class _Spread:
    """At most so many of any number of positions, evenly from all over."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: list[int] = []
        self._step = 1
        self._seen = 0

    def add(self, index: int) -> None:
        if self._seen % self._step == 0:
            if len(self.kept) >= self.most:
                del self.kept[1::2]
                self._step *= 2
                if self._seen % self._step:
                    self._seen += 1
                    return
            self.kept.append(index)
        self._seen += 1
