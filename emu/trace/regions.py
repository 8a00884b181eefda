"""Which mapping an address lies in, followed through a trace: mmap, munmap, mremap, brk."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any

from emu.trace.symbol import Symbol

Locate = Callable[[int], Symbol | None]
"""From an address to the region that it lies in and the offset there, as a symbol; None: in none that is known."""

MAPPING_CALLS = frozenset({"mmap", "munmap", "mremap", "brk"})
"""The calls that change the map."""

_PAGE = 4096


class Maps:
    """The regions of each process: fork copies them, vfork's child shares its maker's until it runs a program of its own.

    Feed it events, and calls between `before` and `after`, in file order.
    """

    def __init__(self) -> None:
        self._of: dict[int, Regions] = {}

    def of(self, pid: int) -> "Regions":
        """The regions of a process."""
        found = self._of.get(pid)
        if found is None:
            found = self._of[pid] = Regions()
        return found

    def event(self, event: Mapping[str, Any]) -> None:
        """Takes an event that is no call."""
        pid, parent = event.get("pid"), event.get("parent")
        if event["event"] == "process_start" and type(pid) is int and type(parent) is int:
            shared = self.of(parent)
            self._of[pid] = shared if event.get("vfork") else shared.copy()
        elif event["event"] == "exec" and type(pid) is int:
            self._of[pid] = Regions()
        elif event["event"] == "process_end" and type(pid) is int:
            self._of.pop(pid, None)


class Regions:
    """What the program has mapped so far: numbered from 1 in order of mapping, the heap of brk being 0.

    A record is to be looked at between `before` and `after`: its result lies in what it maps, its argument in what it
    unmaps.
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._regions: list[
            tuple[int, int, int, int]
        ] = []  # start, end, number, offset of start in the region
        self._count = 0
        self._heap: int | None = None
        self._heap_end = 0

    def copy(self) -> "Regions":
        """The same for a process that was forked."""
        other = Regions()
        other._starts, other._regions = list(self._starts), list(self._regions)
        other._count, other._heap, other._heap_end = self._count, self._heap, self._heap_end
        return other

    def locate(self, address: int) -> Symbol | None:
        """The region of an address."""
        at = bisect_right(self._starts, address) - 1
        if at >= 0:
            start, end, number, offset = self._regions[at]
            if address < end:
                return Symbol("region", (number, address - start + offset), address)
        if self._heap is not None and self._heap <= address <= self._heap_end:
            return Symbol("region", (0, address - self._heap), address)
        return None

    def before(self, record: dict[str, Any]) -> None:
        """Takes in what a call maps."""
        name, result = record["name"], record["result"]
        if name not in MAPPING_CALLS or result is None or "error" in record:
            return
        args = record["args"]
        if name == "mmap" and type(args.get("length")) is int:
            size = _pages(args["length"])
            if not self._inside(result, size):
                self._add(result, size)
        elif name == "mremap" and type(args.get("new_size")) is int:
            moved = args.get("old_address") != result
            if moved or not self._inside(result, _pages(args["new_size"])):
                self._grow(result, _pages(args["new_size"]), moved)
        elif name == "brk":
            self._heap = result if self._heap is None else self._heap
            self._heap_end = max(self._heap_end, result)

    def after(self, record: dict[str, Any]) -> None:
        """Takes out what it has unmapped."""
        if record["result"] is None or "error" in record:
            return
        args = record["args"]
        if record["name"] == "munmap" and type(args.get("addr")) is int and type(args.get("length")) is int:
            self._remove(args["addr"], args["addr"] + _pages(args["length"]))
        elif record["name"] == "mremap" and args.get("old_address") != record["result"]:
            old, size = args.get("old_address"), args.get("old_size")
            if type(old) is int and type(size) is int:
                self._remove(old, old + _pages(size))

    def _inside(self, address: int, size: int) -> bool:
        at = bisect_right(self._starts, address) - 1
        return at >= 0 and address + size <= self._regions[at][1]

    def _add(self, start: int, size: int) -> None:
        self._remove(start, start + size)
        self._count += 1
        self._insert(start, start + size, self._count, 0)

    def _grow(self, start: int, size: int, moved: bool) -> None:
        at = bisect_right(self._starts, start) - 1
        if moved or at < 0 or self._regions[at][0] != start:
            self._add(start, size)
        else:
            _, _, number, offset = self._regions[at]
            self._remove(start, start + size)
            self._insert(start, start + size, number, offset)

    def _insert(self, start: int, end: int, number: int, offset: int) -> None:
        at = bisect_right(self._starts, start)
        self._starts.insert(at, start)
        self._regions.insert(at, (start, end, number, offset))

    def _remove(self, start: int, end: int) -> None:
        at = max(bisect_right(self._starts, start) - 1, 0)
        while at < len(self._regions) and self._regions[at][0] < end:
            first, last, number, offset = self._regions[at]
            if last <= start:
                at += 1
                continue
            del self._starts[at], self._regions[at]
            if first < start:
                self._insert(first, start, number, offset)
                at += 1
            if last > end:
                self._insert(end, last, number, offset + end - first)
                at += 1


def _pages(size: int) -> int:
    return -(-size // _PAGE) * _PAGE
