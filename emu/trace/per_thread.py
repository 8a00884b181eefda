"""A saved trace taken apart by thread, of whichever process: who began whom, and the records of one thread in their order, read on demand.

What is held in memory is eight bytes a record and the places of what was mapped; the records stay in the file.
"""

import mmap
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from emu.trace.processes import Processes
from emu.trace.read import CUT_OFF, Damage, Reader, TraceError
from emu.trace.record import parse, projected
from emu.trace.regions import MAPPING_CALLS, Locate, Maps
from emu.trace.symbol import Symbol

_PLACED_CALLS = MAPPING_CALLS | {
    "mprotect",
    "madvise",
    "mlock",
    "munlock",
    "mlock2",
    "msync",
    "mincore",
    "clone",
}
"""The calls whose addresses are followed to their regions."""

PROCESS = 0
"""The key of the events that are the whole first process's: its end, and what ended it; other processes' stand with their first threads."""

_MAKERS = frozenset({"clone", "clone3", "fork", "vfork"})
_TOLD = frozenset({"process_start", "process_end", "exec"})


class _Line(msgspec.Struct, gc=False):
    event: str
    tid: int = 0
    pid: int = 0
    parent: int | None = None
    name: str = ""
    result: int | None = None


@dataclass(slots=True)
class Strand:
    """One thread: its tid, where its records are, and the threads that it began, in order."""

    tid: int
    parent: int | None = None
    offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    children: list[int] = field(default_factory=list)


class ByThread:
    """The threads of a trace. Raises `TraceError` or OSError as `emu.trace.read.Reader` does; ValueError for a pipe.

    `strands` are by tid, with what belongs to no thread under `PROCESS`; `roots` are the threads that nobody in the trace
    began, in order of appearance. `damage` says what could not be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        with Reader(path) as reader:
            self.header = reader.header
            self.damage: Damage | None = reader.damage  # of the header
            if not reader.size:
                raise TraceError(self.path, 1, "a pipe cannot be compared: write the trace to a file first")
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.processes = Processes(self.header)
        self.strands: dict[int, Strand] = {PROCESS: Strand(PROCESS)}
        self.roots: list[int] = []
        self._unread: set[int] = set()
        self._places: dict[int, dict[int, Symbol]] = {}
        try:
            self._index()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of the file."""
        self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(len(strand.offsets) for strand in self.strands.values())

    @property
    def ends_itself(self) -> bool:
        """Whether the program ended by itself (an exit or a crash of one of its threads), not by a signal from outside."""
        return any(
            (record["event"] == "process_end" and record.get("code") is not None)
            or (record["event"] == "fault" and "handler" not in record)
            for tid in self.strands
            for record in self._last(tid)
        )

    def _last(self, tid: int) -> list[dict[str, Any]]:
        """The last record of a thread; the last two of the process."""
        offsets = self.strands[tid].offsets[-2 if tid == PROCESS else -1 :]
        return [record for record in map(self._parsed, offsets) if record is not None]

    def read(self, tid: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """The records of a thread: the number of each in the thread, from 1, and its place in the file come before it."""
        strand = self.strands.get(tid)
        for number, offset in enumerate(strand.offsets if strand is not None else (), 1):
            record = self._parsed(offset)
            if record is not None:
                yield number, offset, record

    def locate(self, offset: int) -> Locate:
        """What finds the regions of addresses in the record at a place."""
        return self._places.get(offset, _NOWHERE).get

    def _line(self, offset: int) -> bytes:
        self._map.seek(offset)
        return self._map.readline()

    def _parsed(self, offset: int) -> dict[str, Any] | None:
        """The record there; None for one that looked whole when its thread was told, and is not: that is damage, too."""
        try:
            return parse(self._line(offset))
        except ValueError as error:
            if offset not in self._unread:
                self._unread.add(offset)
                self._damaged(self._map[:offset].count(b"\n") + 1, str(error))
            return None

    def _index(self) -> None:
        decode = projected(_Line)
        maps = Maps()
        strands = self.strands
        number = offset = 0
        readline = self._map.readline
        while line := readline():
            number += 1
            try:
                found = decode(line)
                if found.event == "syscall":
                    if found.name in _PLACED_CALLS:
                        self._place(offset, parse(line), maps)
                    strand = strands.get(found.tid) or self._new(found.tid, None)
                    if found.name in _MAKERS and found.result in strands:
                        self._made(strand, found.result or 0)
                elif found.event in ("thread_start", "process_start"):
                    if found.event == "process_start":
                        self._told(line, maps)
                    self._new(found.tid or found.pid, found.parent)
                    offset += len(line)
                    continue
                else:
                    if found.event in _TOLD:
                        self._told(line, maps)
                    strand = strands[PROCESS]
                    if not found.tid and found.pid != self.processes.first:
                        strand = strands.get(found.pid, strand)
                    elif found.tid:
                        strand = strands.get(found.tid) or self._new(found.tid, None)
                strand.offsets.append(offset)
            except ValueError as error:
                if number > 1 and line.strip():
                    is_cut = not line.endswith(b"\n")
                    self._damaged(number, CUT_OFF if is_cut else str(error))
            offset += len(line)

    def _new(self, tid: int, parent: int | None) -> Strand:
        """A thread that appears; a number that is used again is a new thread only where the trace tells its start."""
        strand = self.strands.get(tid)
        if strand is None:
            strand = self.strands[tid] = Strand(tid, parent)
            if parent is not None:  # which may not have been heard of: its clone returns later
                self._new(parent, None).children.append(tid)
            else:
                self.roots.append(tid)
        return strand

    def _told(self, line: bytes, maps: Maps) -> None:
        event = parse(line)
        self.processes.event(event)
        maps.event(event)

    def _made(self, maker: Strand, child: int) -> None:
        """The event names the process that made one, the call the thread."""
        strand = self.strands[child]
        if strand.parent is not None and strand.parent != maker.tid and strand.parent in self.strands:
            self.strands[strand.parent].children.remove(child)
            maker.children.append(child)
            strand.parent = maker.tid

    def _place(self, offset: int, record: dict[str, Any], maps: Maps) -> None:
        regions = maps.of(record["pid"])
        regions.before(record)
        found = {}
        for value in (*record["args"].values(), record["result"]):
            if type(value) is int and value > 0:
                symbol = regions.locate(value)
                if symbol is not None:
                    found[value] = symbol
        regions.after(record)
        if found:
            self._places[offset] = found

    def _damaged(self, number: int, why: str) -> None:
        before = self.damage
        if before is None:
            self.damage = Damage(1, number, why, self.path)
        elif before.first <= number:
            self.damage = Damage(before.lines + 1, before.first, before.why, self.path)
        else:
            self.damage = Damage(before.lines + 1, number, why, self.path)


_NOWHERE: dict[int, Symbol] = {}
