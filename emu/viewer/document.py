"""A trace as the terminal viewer looks at it: the index of the file, the lanes of its threads, and which rows are shown."""

import time
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from emu.trace.filter import Filter
from emu.trace.filter_columns import on_columns
from emu.trace.index import EVENT, FAILED, Index
from emu.viewer.lane import Lane
from syscalls import numbers

STEP = 512
"""Records that are filtered without a look at the clock: a millisecond or two."""


class Document:
    """Positions count the records of the file from 0; rows count those that are shown. Without a filter they are the same.

    The constructor raises what `Index` raises: OSError, `emu.trace.read.TraceError`.
    """

    def __init__(self, path: str | Path, *, follow: bool = False) -> None:
        self.index = Index(path, follow=follow)
        self.path = str(path)
        self.header: dict[str, Any] = self.index.header
        self.lanes: dict[int, Lane] = {}
        self.rows: array[int] | None = None
        self.filter: Filter | None = None
        self._quick: Callable[[int], bool] | None = None
        self.filtered = 0
        """How many records the filter has seen."""
        self.begin = 0
        self.end = 0
        self.is_over = False
        """Whether the end of the run is in it."""
        self.failures = 0
        self.calls = 0
        self._in_lanes = 0

    def advance(self, seconds: float) -> bool:
        """Reads on for about so long; False when all that the file has now is read."""
        more: bool = self.index.advance(seconds)
        self._sort_into_lanes()
        return more

    def __len__(self) -> int:
        """How many rows are shown."""
        return len(self.index) if self.rows is None else len(self.rows)

    def position(self, row: int) -> int:
        """Which record a row shows."""
        return row if self.rows is None else self.rows[row]

    def row(self, position: int) -> int:
        """The row of a record; where it is not shown, the next one that is (or the last)."""
        if self.rows is None:
            return position
        return min(bisect_left(self.rows, position), max(0, len(self.rows) - 1))

    def is_shown(self, position: int) -> bool:
        """Whether a record has a row."""
        return self.rows is None or (len(self.rows) > 0 and self.rows[self.row(position)] == position)

    def set_filter(self, chosen: Filter | None) -> None:
        """Shows only what the filter chooses, as far as `filter_on` has come; None: everything."""
        self.filter = chosen if chosen else None
        if self.filter is not None:
            self.filter.begin(self.header, self.index.processes)
        self._quick = on_columns(self.filter, self.index) if self.filter is not None else None
        self.rows = array("I") if self.filter is not None else None
        self.filtered = 0

    def filter_on(self, seconds: float) -> bool:
        """Filters on for about so long; False when the filter has seen all that is indexed."""
        if self.filter is None or self.rows is None:
            return False
        until = time.perf_counter() + seconds
        wanted = self.filter.wanted
        matches, index, rows = self.filter.matches, self.index, self.rows
        ids: list[bool] = []
        while self.filtered < len(index):
            first, after = self.filtered, min(self.filtered + STEP, len(index))
            if self._quick is not None:
                rows.extend(filter(self._quick, range(first, after)))
                self.filtered = after
                if time.perf_counter() >= until:
                    break
                continue
            if wanted is not None and len(ids) < len(index.name_list):
                numbers_ = [getattr(numbers, name, None) for name in index.name_list]
                ids = [type(number) is not int or number in wanted for number in numbers_]
            candidates = (
                range(first, after)
                if wanted is None
                else [at for at in range(first, after) if ids[index.names[at]] or index.kinds[at] == EVENT]
            )
            if len(candidates) * 8 > after - first:
                whole = index.records(first, after)
                rows.extend(
                    at for at, record in zip(range(first, after), whole, strict=True) if matches(record)
                )
            else:
                rows.extend(at for at in candidates if matches(index[at]))
            self.filtered = after
            if time.perf_counter() >= until:
                break
        return self.filtered < len(index)

    def failed_row(self, row: int, step: int) -> int | None:
        """The next row with a failed call, from a row on in steps of 1 or -1."""
        kinds, row = self.index.kinds, row + step
        while 0 <= row < len(self):
            if kinds[self.position(row)] == FAILED:
                return row
            row += step
        return None

    def record(self, position: int) -> dict[str, Any]:
        """A record, parsed now."""
        found: dict[str, Any] = self.index[position]
        return found

    def name(self, position: int) -> str:
        """Of the call; of another event, which event it is."""
        return self.index.name_list[self.index.names[position]]

    @property
    def tids(self) -> Sequence[int]:
        """The threads, in order of their numbers; where there are several processes, by process, makers first."""
        processes = self.index.processes
        if not processes.several:
            return sorted(self.lanes)
        found = [tid for _, one in processes.tree() for tid in sorted(one.threads) if tid in self.lanes]
        known = set(found)
        return found + [tid for tid in sorted(self.lanes) if tid not in known]

    @property
    def several(self) -> bool:
        """Whether there is more than one process."""
        return self.index.processes.several

    def who(self, record: dict[str, Any]) -> str:
        """Which thread of which process a record is of: `1001 sh`, `1001/1003 sh`; only the thread where there is one process."""
        pid = record.get("pid") or 0
        tid = record.get("tid") or pid
        if not self.several or not pid:
            return str(tid)
        program = self.index.processes.program(pid, record["time"])
        return f"{pid} {program}" if tid == pid else f"{pid}/{tid} {program}"

    def lane_label(self, tid: int) -> str:
        """What stands before a lane: the thread; of the first one of a process its program, too, as deep as it stands in the tree."""
        processes = self.index.processes
        pid = processes.of_thread(tid)
        if not self.several or pid is None:
            return str(tid)
        depth = min(self._depth(pid), 4)
        return " " * depth + (f"{pid} {processes[pid].name}" if tid == pid else f"·{tid}")

    def _depth(self, pid: int) -> int:
        processes, depth = self.index.processes, 0
        one = processes.get(pid)
        while one is not None and one.parent is not None and depth < 8:
            one, depth = processes.get(one.parent), depth + 1
        return depth

    @property
    def title(self) -> str:
        """What ran, as it was typed."""
        argv = self.header.get("argv")
        program = Path(str(self.header.get("program") or self.path)).name
        return " ".join([program, *(str(word) for word in argv[1:])] if isinstance(argv, list) else [program])

    def _sort_into_lanes(self) -> None:
        index = self.index
        first, after = self._in_lanes, len(index)
        if first == after:
            return
        if not first:
            self.begin = index.times[0]
        tids = index.tids[first:after]
        by_thread: dict[int, Sequence[int]]
        if tids.count(tids[0]) == len(tids):
            by_thread = {tids[0]: range(first, after)}
        else:
            lists: defaultdict[int, list[int]] = defaultdict(list)
            for position, tid in enumerate(tids, first):
                lists[tid].append(position)
            by_thread = dict(lists)
        kinds = index.kinds[first:after]
        others = [first + at for at, kind in enumerate(kinds) if kind == EVENT] if EVENT in kinds else []
        by_thread.pop(0, None)  # events of the whole process
        for tid, positions in by_thread.items():
            lane = self.lanes.get(tid)
            if lane is None:
                lane = self.lanes[tid] = Lane(tid, index.times, index.ends)
                lane.started = index.times[positions[0]]
            if others:
                positions = [at for at in positions if index.kinds[at] != EVENT]
            lane.add(positions, index.blocked, index.kinds)
        for position in others:
            if self.name(position) == "process_end":
                self._process_end(position)
            elif index.tids[position]:
                self._event(self.lanes[index.tids[position]], position)
        self._in_lanes, self.end = after, index.last
        self.failures += kinds.count(FAILED)
        self.calls += after - first - len(others)

    def _event(self, lane: Lane, position: int) -> None:
        match self.name(position):
            case "thread_start" | "process_start":
                lane.started = min(lane.started, self.index.times[position])
            case "thread_end":
                lane.ended = self.index.times[position]

    def _process_end(self, position: int) -> None:
        """The threads of a process end with it; the run ends with the last process."""
        processes = self.index.processes
        self.is_over = all(one.ended is not None for one in processes if one.started is not None or one.ended)
        process = processes.get(self.record(position).get("pid") or 0)
        for tid in process.threads if process is not None and self.several else ():
            if tid in self.lanes:
                self.lanes[tid].ended = min(self.lanes[tid].ended, self.index.times[position])
