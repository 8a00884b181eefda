"""Random access to a saved trace: where each record stands in the file, and in columns what lists and time axes need.

The file is never in memory as a whole, and it is read with pread(2), not mapped: a file that becomes shorter
while it is looked at gives records that say so, where a mapping would end the process with SIGBUS.
"""

import os
import stat
import time
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from itertools import accumulate
from operator import add
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from emu.trace.columns import CALL, DAMAGED, EVENT, FAILED, NO_RESULT, UNFINISHED, Rows, row, rows
from emu.trace.processes import Processes
from emu.trace.read import Damage, Reader, TraceError
from emu.trace.record import object_of, parse
from emu.trace.schema import FORMAT

__all__ = ["CALL", "DAMAGED", "EVENT", "FAILED", "NO_RESULT", "UNFINISHED", "Index"]

CHUNK: Final = 1 << 20
"""Bytes that are indexed in one go: about five milliseconds."""

MAX_LINE: Final = 64 << 20
"""Bytes of the longest line that is taken for a record."""

_PIECE = 1 << 14
"""Bytes that are read of a record at first: enough for most."""

_KEPT = 1024
"""Records that are kept parsed."""

_RECENT = 1 << 16
"""Records after which the way from sequence numbers to records is sorted anew."""

_RECORD = b'{"event"'
_NAMES = 1 << 16
_TOLD = frozenset(
    {"process_start", "process_end", "exec", "stopped", "continued", "thread_start", "wait4", "waitid"}
)
"""The events and calls that say something of processes."""

_LARGEST_TID = (1 << 31) - 1


class Index:
    """The records of a trace file by their place in it, `index[i]`, and columns with one entry a record.

    The constructor reads the header only; `advance` does the work, in pieces as long as the caller likes. `index[i]` is the
    record as `emu.trace.read.parse` gives it (shared: not to be changed). A line that looked like a record at first and is
    none, or is not there any more, is a dict with "event" "damaged", "time" and "why".

    The columns: `offsets` (bytes), `times`, `ends` and `blocked` (nanoseconds; an event ends when it begins), `tids` (0 for
    events of no thread), `names` (an index into `name_list`: the call's name, or the event), `results` (`NO_RESULT` for
    none), `sequences` (-1 for events) and `kinds` (`CALL`, `FAILED`, `UNFINISHED`, `EVENT`). They take 55 bytes a
    record, and `by_sequence` 4 more.

    With `follow` a last line without its newline is one that is still being written; without, it is read as it is.
    `damage` is as `Reader.damage`. `changed` says what happened to the file if it became shorter; nothing more is read then.

    Raises OSError, and `TraceError` for what is no trace, or is no regular file.
    """

    def __init__(self, path: str | Path, *, follow: bool = False) -> None:
        self.path = str(path)
        self.follow = follow
        self.changed = ""
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise TraceError(self.path, 1, "not a file in which one can go back and forth: copy it into one")
        with Reader(path) as reader:
            self.header: dict[str, Any] = reader.header
            self.damage: Damage | None = reader.damage
        self.offsets = array("q")
        self.times = array("q")
        self.ends = array("q")
        self.blocked = array("q")
        self.results = array("q")
        self.sequences = array("q")
        self.tids = array("i")
        self.names = array("H")
        self.kinds = array("B")
        self.name_list: list[str] = []
        self.processes = Processes(self.header)
        """The processes, as far as the trace is indexed; `processes.of_thread` is from `tids` to pids."""
        self.last = 0
        """When the trace ends, as far as it is indexed: the largest of `ends`."""
        self._name_ids = _NameIds(self.name_list)
        self._kept: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._sorted = array("I")  # records by sequence number; those of `_recent` are not among them
        self._recent: dict[int, int] = {}
        self._recent_to = 0
        self._line = 1
        self._skipping = False
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.position = self._after_header()
            """Up to where the file is indexed, in bytes."""
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of the file; the columns stay."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.times)

    @property
    def size(self) -> int:
        """How long the file is now, in bytes."""
        return os.fstat(self._fd).st_size if self._fd >= 0 else self.position

    # Indexing

    def advance(self, seconds: float) -> bool:
        """Indexes for about so long; False when the end of the file is reached, which may have grown when called again."""
        until = time.perf_counter() + seconds
        while self._chunk():
            if time.perf_counter() >= until:
                return True
        return False

    def _chunk(self) -> bool:
        """Indexes the next lines; False when there is no whole one."""
        if self._fd < 0 or self.changed:
            return False
        start, length = self.position, CHUNK
        while True:
            data = os.pread(self._fd, length, start)
            end = data.rfind(b"\n") + 1
            if end or len(data) < length or length >= MAX_LINE:
                break
            length *= 4
        if not data:
            if os.fstat(self._fd).st_size < start:
                self.changed = "the file has become shorter: it was emptied or written anew"
            return False
        if end:
            self._take(data if end == len(data) else data[:end])
        elif len(data) >= MAX_LINE:
            if not self._skipping:
                self._damaged("the line is too long for a record")
            self._skipping = True
            end = len(data)
        elif self.follow:
            return False
        else:
            self._take_last(data)
            end = len(data)
        self.position = start + end
        return True

    def _take(self, data: bytes) -> None:
        """Indexes whole lines, which begin at `position`."""
        lines = data.split(b"\n")
        lines.pop()
        start = self.position
        if self._skipping:
            self._skipping = False
            start += len(lines.pop(0)) + 1
            self._line += 1
            data = data[start - self.position :]
        found = rows(data, len(lines))
        if found is not None:
            # A line's offset is what stands before it, newlines included.
            offsets = accumulate(map(len, lines), initial=start)
            self._append(array("q", map(add, offsets, range(len(lines)))), found)
            self._line += len(lines)
            return
        for line in lines:
            self._take_slowly(line, start)
            start += len(line) + 1
            self._line += 1

    def _take_last(self, line: bytes) -> None:
        """The last line, which has no newline, of a file that is not followed."""
        if not self._skipping:
            self._take_slowly(line, self.position, "the last line is cut off: was the run killed?")
        self._skipping = True  # the rest of it, should it come

    def _take_slowly(self, line: bytes, offset: int, why: str = "") -> None:
        """One line of any spelling, damaged ones included: what stands whole behind a torn one is found again."""
        try:
            found = row(line)
        except ValueError as error:
            if not line.strip():
                return
            self._damaged(why or str(error))
            at = line.rfind(_RECORD)
            if at <= 0:
                return
            try:
                found = row(line[at:])
            except ValueError:
                return
            offset += at
        self._append(array("q", (offset,)), found)

    def _append(self, offsets: "array[int]", found: Rows) -> None:
        first = len(self.offsets)
        self.offsets.extend(offsets)
        self.times.extend(found.times)
        self.ends.extend(found.ends)
        self.blocked.extend(found.blocked)
        self.results.extend(found.results)
        self.sequences.extend(found.sequences)
        self.kinds.extend(found.kinds)
        try:
            self.tids.extend(array("i", found.tids))
        except OverflowError:  # no Linux has such: PID_MAX_LIMIT is 2^22
            self.tids.extend(array("i", [min(tid, _LARGEST_TID) for tid in found.tids]))
        ids = self._name_ids
        self.names.extend(array("H", [ids[name] for name in found.names]))
        self.last = max(self.last, max(found.ends, default=0))
        if not _TOLD.isdisjoint(found.names):
            for at, name in enumerate(found.names, first):
                if name in _TOLD:
                    record = self._parsed(at, self._read(at))
                    if record["event"] != DAMAGED:
                        self.processes.add(record)
        for tid, pid in set(zip(found.tids, found.pids, strict=True)):
            if tid and self.processes.of_thread(tid) is None:
                self.processes.thread(pid, tid)

    def _damaged(self, why: str) -> None:
        if self.damage is None:
            self.damage = Damage(1, self._line, why, self.path)
        else:
            first = self.damage
            self.damage = Damage(first.lines + 1, first.first, first.why, self.path)

    def _after_header(self) -> int:
        """Where the first record may stand: behind the header, or where the wreck of one ends."""
        length = CHUNK
        while True:
            data = os.pread(self._fd, length, 0)
            line, newline, _ = data.partition(b"\n")
            if newline or len(data) < length or length > MAX_LINE:
                break
            length *= 4
        past = len(line) + len(newline)
        try:
            found = object_of(line.removeprefix(b"\xef\xbb\xbf"))
        except ValueError:
            found = {}
        if found.get("format") == FORMAT:
            self._line = 2
            return past
        if found.get("event") is not None:  # a file without a header: this is a record
            return 0
        if (at := line.rfind(_RECORD)) > 0:
            return at
        self._line = 2
        return past

    # Looking things up

    def __getitem__(self, i: int) -> dict[str, Any]:
        if i < 0:
            i += len(self.times)
        if not 0 <= i < len(self.times):
            raise IndexError(f"record {i} of {len(self.times)}")
        found = self._kept.get(i)
        if found is not None:
            self._kept.move_to_end(i)
            return found
        found = self._parsed(i, self._read(i))
        self._kept[i] = found
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return found

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.records()

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """The records from `start` up to `stop` (default: all that are indexed), read in large pieces and not kept."""
        stop = len(self.times) if stop is None else min(stop, len(self.times))
        begin, data = 0, b""
        for i in range(start, stop):
            at = self.offsets[i] - begin
            end = data.find(b"\n", at) if 0 <= at < len(data) else -1
            if end < 0:
                begin, at = self.offsets[i], 0
                data = self._pread(CHUNK, begin)
                end = data.find(b"\n")
            yield self._parsed(i, data[at:end] if end >= 0 else self._read(i))

    def by_sequence(self, sequence: int) -> int | None:
        """The record of the call with this number; None when the trace (as far as it is indexed) has none."""
        known = len(self.times)
        if known - len(self._sorted) > _RECENT:
            # Almost in order already, as calls that wait are few: the sort is hardly more than a walk.
            key = self.sequences.__getitem__
            self._sorted = array("I", sorted(range(known), key=key))
            self._recent.clear()
            self._recent_to = known
        if self._recent_to < known:
            added = self.sequences[self._recent_to :]
            self._recent.update(zip(added, range(self._recent_to, known), strict=True))
            self._recent_to = known
        if sequence < 0:
            return None
        at = bisect_left(self._sorted, sequence, key=self.sequences.__getitem__)
        if at < len(self._sorted) and self.sequences[self._sorted[at]] == sequence:
            return self._sorted[at]
        return self._recent.get(sequence)

    def _parsed(self, i: int, line: bytes) -> dict[str, Any]:
        try:
            return parse(line)
        except ValueError as error:
            why = self.changed or str(error)
            return {"event": "damaged", "time": self.times[i], "pid": 0, "why": why}

    def _read(self, i: int) -> bytes:
        """The line of a record; what there is of it when the file has changed."""
        start, length = self.offsets[i], _PIECE
        while True:
            data = self._pread(length, start)
            end = data.find(b"\n")
            if end >= 0:
                return data[:end]
            if len(data) < length or length > MAX_LINE:
                return data
            length *= 4

    def _pread(self, length: int, start: int) -> bytes:
        if self._fd < 0:
            raise ValueError(f"{self.path}: the index is closed")
        data = os.pread(self._fd, length, start)
        if not data and not self.changed:
            self.changed = "the file has become shorter: it was emptied or written anew"
        return data


class _NameIds(dict[str, int]):
    """Names to their numbers. A file that has more of them than any real one gets "..." for the rest."""

    def __init__(self, known: list[str]) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, name: str) -> int:
        known = self._known
        if len(known) == _NAMES - 1:
            name = "..."
        if len(known) == _NAMES:
            return _NAMES - 1
        known.append(name)
        self[name] = len(known) - 1
        return len(known) - 1
