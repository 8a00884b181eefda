"""Chrome's trace event format, which Perfetto, chrome://tracing and Speedscope show: a track a thread, a slice a call.

The format is that of the document "Trace Event Format" by the Catapult project. Times in it are microseconds; they are
written with three decimals, so that no nanosecond is lost.
"""

import json
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from emu.trace.export.flat import compact, rest_of
from emu.trace.order import Order
from emu.trace.processes import Processes

ARROWS = 500_000
"""How many records arrows are drawn between: the viewers hold no more."""

_SHOWN = 1000
"""From how many nanoseconds on waiting is a slice of its own."""

_FLUSH = 1 << 18

_ARGS = (
    "result",
    "error",
    "unfinished",
    "woken_by",
    "sequence",
    "fds",
    "objects",
    "function",
    "file",
    "line",
    "stack",
)


class _Page:
    """The events on their way to the file, which is one JSON object."""

    def __init__(self, out: BinaryIO, header: dict[str, Any]) -> None:
        self._out = out
        self._held: list[str] = []
        self._size = 0
        other = json.dumps(header)
        self._between = f'{{"displayTimeUnit": "ns", "otherData": {other}, "traceEvents": [\n'

    def put(self, event: str) -> None:
        self._held.append(event)
        self._size += len(event)
        if self._size > _FLUSH:
            self._flush()

    def end(self) -> None:
        self._flush()
        if self._between != ",\n":
            self._out.write(self._between.encode("ascii"))
        self._out.write(b"\n]}\n")

    def _flush(self) -> None:
        if self._held:
            text = self._between + ",\n".join(self._held)
            self._between = ",\n"
            self._out.write(text.encode("utf-8", "backslashreplace"))
            self._held.clear()
            self._size = 0


def write(records: Iterable[dict[str, Any]], header: dict[str, Any], out: BinaryIO) -> list[str]:
    """Writes the events; notes when arrows were left out. Memory is needed for the arrows only, and bounded."""
    page = _Page(out, header)
    slices = _Slices(page, header)
    arrows = 0
    order = Order(slices.drawn(records))
    for edge in order.edges():
        arrows += slices.arrow(arrows + 1, edge.source, edge.target, edge.kind)
    page.end()
    if slices.count > ARROWS:
        return [f"wake-ups are drawn as arrows for the first {ARROWS:,} of {slices.count:,} records only"]
    return []


class _Slices:
    """Draws calls as slices, and remembers where they are, for the arrows."""

    def __init__(self, page: _Page, header: dict[str, Any]) -> None:
        self._page = page
        self._named: set[tuple[int, int | None]] = set()
        self._names: dict[int, str] = {}
        self._processes = Processes(header)
        self._process = header.get("pid", 0)
        self._rows: dict[int, int] = {}
        self._begins, self._ends, self._pids, self._tids = array("q"), array("q"), array("q"), array("q")
        self.count = 0

    def drawn(self, records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Draws the records and passes on those that arrows may join."""
        for record in records:
            self.count += 1
            pid, tid = record.get("pid", self._process), record.get("tid")
            if record["event"] != "syscall":
                self._processes.event(record)
            if (pid, tid) not in self._named or record["event"] == "exec":
                self._name(pid, tid, record["time"])
            if record["event"] == "syscall":
                self._call(record)
            else:
                self._instant(record)
            if self.count <= ARROWS:
                yield record

    def _name(self, pid: int, tid: int | None, time: int) -> None:
        name = self._processes.program(pid, time) or "guest"
        if self._names.get(pid) != name:
            if pid not in self._names and self._names:
                self._metadata(pid, tid or pid, "process_sort_index", {"sort_index": pid})
            self._names[pid] = name
            self._metadata(pid, tid or pid, "process_name", {"name": name})
        if (pid, tid) in self._named:
            return
        self._named.add((pid, tid))
        if tid is not None:
            name = f"thread {tid}" if tid != pid else "main thread"
            self._metadata(pid, tid, "thread_name", {"name": name})
            self._metadata(pid, tid, "thread_sort_index", {"sort_index": tid})

    def _metadata(self, pid: int, tid: int, name: str, args: dict[str, Any]) -> None:
        self._page.put(
            f'{{"ph": "M", "name": "{name}", "pid": {pid}, "tid": {tid}, "args": {compact(args)}}}'
        )

    def _call(self, record: dict[str, Any]) -> None:
        time, duration, pid, tid = record["time"], record["duration"], record["pid"], record["tid"]
        args = {"arguments": record["args"]}
        args |= {member: record[member] for member in _ARGS if record.get(member) is not None}
        colour = ', "cname": "terrible"' if "error" in record else ""
        self._page.put(
            f'{{"ph": "X", "name": {compact(record["name"])}, "cat": "syscall", "ts": {_us(time)}, '
            f'"dur": {_us(duration)}, "pid": {pid}, "tid": {tid}{colour}, "args": {compact(args)}}}'
        )
        blocked = min(record["blocked"], duration)
        if blocked >= _SHOWN:
            start = time + (duration - blocked) // 2
            self._page.put(
                f'{{"ph": "X", "name": "blocked", "cat": "blocked", "ts": {_us(start)}, "dur": {_us(blocked)}, '
                f'"pid": {pid}, "tid": {tid}, "cname": "grey"}}'
            )
        if self.count <= ARROWS and duration:
            self._rows[record["sequence"]] = len(self._begins)
            self._begins.append(time)
            self._ends.append(time + duration)
            self._pids.append(pid)
            self._tids.append(tid)

    def _instant(self, record: dict[str, Any]) -> None:
        tid = record.get("tid")
        scope = "p" if tid is None else "t"
        pid = record.get("pid", self._process)
        name = record["event"].replace("_", " ")
        self._page.put(
            f'{{"ph": "i", "name": {compact(name)}, "cat": "event", "s": "{scope}", "ts": {_us(record["time"])}, '
            f'"pid": {pid}, "tid": {pid if tid is None else tid}, "args": {compact(rest_of(record))}}}'
        )

    def arrow(self, number: int, source: int, target: int, kind: str) -> bool:
        """Draws an arrow from inside the source's slice to inside the target's, where both are drawn and time allows.

        What wakes a call does so before it returns, and what is woken returns after that: so the arrow leaves and arrives
        at the slices' ends, a nanosecond inside them.
        """
        one, other = self._rows.get(source), self._rows.get(target)
        if one is None or other is None or self._tids[one] == self._tids[other]:
            return False
        begin, target_begin = self._begins[one], self._begins[other]
        arrives = self._ends[other] - 1
        leaves = min(self._ends[one] - 1, arrives)
        if leaves < begin or arrives < target_begin:
            return False
        if kind == "clone" and target_begin >= leaves:
            arrives = target_begin
        common = f'"cat": "wake", "name": {compact(kind)}, "id": {number}'
        self._page.put(f'{{"ph": "s", {common}, "ts": {_us(leaves)}, {self._thread(one)}}}')
        self._page.put(f'{{"ph": "f", "bp": "e", {common}, "ts": {_us(arrives)}, {self._thread(other)}}}')
        return True

    def _thread(self, row: int) -> str:
        return f'"pid": {self._pids[row]}, "tid": {self._tids[row]}'


def _us(time: int) -> str:
    """Nanoseconds as microseconds."""
    return f"{time // 1000}.{time % 1000:03d}"
