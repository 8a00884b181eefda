"""The map of an address space as pure data: which mapping lies where, cutting, merging, and the search for free room."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

PAGE = 4096
_ROOFS = 64  # sizes whose search is remembered


@dataclass(frozen=True, slots=True)
class Region:
    """One mapping, a line of /proc/self/maps: [start, end) in bytes, PROT_* bits, what backs it.

    `file` is (device, inode) of a file mapping and `offset` the place of `start` in it. `name` is the path, or a name in
    brackets such as `[heap]`. `memory` is what anonymous shared memory is told apart by (`offset` then counts in it),
    or what keeps a mapped file within reach. `at_fork` is MADV_DONTFORK, MADV_WIPEONFORK, or 0; `sealed` is mseal(2)'s,
    `policy` mbind(2)'s (`syscalls.policies`).
    """

    start: int
    end: int
    prot: int
    shared: bool = False
    name: str = ""
    file: tuple[int, int] | None = None
    offset: int = 0
    growsdown: bool = False
    memory: object = None
    at_fork: int = 0
    sealed: bool = False
    policy: int = 0

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start

    def part(self, start: int, end: int) -> "Region":
        """The same mapping, only from `start` to `end`."""
        if start == self.start and end == self.end:
            return self
        backed = self.file is not None or self.memory is not None
        offset = self.offset + start - self.start if backed else 0
        return replace(self, start=start, end=end, offset=offset)

    def continues(self, before: "Region") -> bool:
        """Whether the two are one mapping in the kernel's eyes: adjacent, alike, and continuous in the file."""
        return (
            before.end == self.start
            and before.prot == self.prot
            and before.shared == self.shared
            and before.name == self.name
            and before.file == self.file
            and before.growsdown == self.growsdown
            and before.at_fork == self.at_fork
            and before.sealed == self.sealed
            and before.policy == self.policy
            and (
                self._continues_in_file(before)
                if self.file is not None or self.shared
                else before.memory is self.memory
            )
        )

    def _continues_in_file(self, before: "Region") -> bool:
        if self.file is None and (self.memory is None or before.memory is not self.memory):
            return False  # each anonymous shared mapping is an object of its own
        return before.offset + before.size == self.offset

    def __str__(self) -> str:
        rights = "".join(letter if self.prot & bit else "-" for letter, bit in (("r", 1), ("w", 2), ("x", 4)))
        text = f"{self.start:08x}-{self.end:08x} {rights}{'s' if self.shared else 'p'} {self.offset:08x}"
        return f"{text} {self.name}".rstrip()


class RegionMap:
    """Regions that do not overlap, sorted by address; neighbours that are one mapping are merged."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._regions: list[Region] = []
        # For sizes that were asked for: no free room of that size lies above this address (below the top of the search).
        self._roof: dict[int, int] = {}
        self._top = 0

    def copy(self) -> "RegionMap":
        """A map of the same regions."""
        other = RegionMap()
        other._starts, other._regions = self._starts.copy(), self._regions.copy()
        return other

    def clear(self) -> None:
        """Takes all regions out."""
        self._starts.clear()
        self._regions.clear()
        self._roof.clear()

    def __iter__(self) -> Iterator[Region]:
        return iter(self._regions)

    def __len__(self) -> int:
        return len(self._regions)

    def find(self, address: int) -> Region | None:
        """The region that holds `address`."""
        at = bisect_right(self._starts, address) - 1
        if at >= 0 and self._regions[at].end > address:
            return self._regions[at]
        return None

    def neighbours(self, address: int) -> tuple[Region | None, Region | None]:
        """The nearest region that begins at or below `address`, and the nearest above."""
        at = bisect_right(self._starts, address)
        return (
            self._regions[at - 1] if at else None,
            self._regions[at] if at < len(self._regions) else None,
        )

    def overlapping(self, start: int, end: int) -> list[Region]:
        """The regions that share a byte with [start, end), whole."""
        low, high = self._span(start, end)
        return self._regions[low:high]

    def parts(self, start: int, end: int) -> list[Region]:
        """The regions in [start, end), cut to it."""
        found = self.overlapping(start, end)
        if found and found[0].start < start:
            found[0] = found[0].part(start, found[0].end)
        if found and found[-1].end > end:
            found[-1] = found[-1].part(found[-1].start, end)
        return found

    def covered(self, start: int, end: int) -> bool:
        """Whether [start, end) is mapped without a hole."""
        for region in self.overlapping(start, end):
            if region.start > start:
                return False
            start = region.end
        return start >= end

    def remove(self, start: int, end: int) -> list[Region]:
        """Takes [start, end) out; returns what was there, cut to the range."""
        removed = self.parts(start, end)
        if not removed:
            return removed
        low, high = self._span(start, end)
        left = [
            region.part(region.start, start)
            for region in self._regions[low : low + 1]
            if region.start < start
        ]
        right = [
            region.part(end, region.end) for region in self._regions[high - 1 : high] if region.end > end
        ]
        self._replace(low, high, left + right)
        free_end = (
            right[0].start
            if right
            else self._starts[low + len(left)]
            if low + len(left) < len(self)
            else 1 << 64
        )
        for size, roof in self._roof.items():
            if free_end > roof:
                self._roof[size] = free_end
        return removed

    def add(self, region: Region) -> None:
        """Puts a region into free room and merges it with its neighbours."""
        at = bisect_right(self._starts, region.start)
        low = high = at
        if at and region.continues(self._regions[at - 1]):
            low = at - 1
            before = self._regions[low]
            region = replace(region, start=before.start, offset=before.offset)
        if at < len(self._regions) and self._regions[at].continues(region):
            high = at + 1
            region = replace(region, end=self._regions[at].end)
        self._replace(low, high, [region])

    def free_below(self, top: int, size: int, bottom: int, gap: int) -> int | None:
        """The highest address of `size` free bytes in [bottom, top), as Linux searches top-down; None when there is none.

        `gap` bytes below a growing stack count as taken.
        """
        if top != self._top:
            self._top = top
            self._roof.clear()
        if len(self._roof) > _ROOFS:
            self._roof.clear()
        end = min(self._roof.get(size, top), top)
        at = bisect_right(self._starts, end - 1) - 1
        if at >= 0 and self._regions[at].end > end:
            end = self._regions[at].start
        while True:
            below = self._regions[at] if at >= 0 else None
            start = max(below.end if below is not None else 0, bottom)
            if end - start >= size:  # negative where a stack's gap reaches below the next region's end
                self._roof[size] = end
                return end - size
            if below is None or below.start <= bottom:
                self._roof[size] = bottom
                return None
            end = min(end, below.start - (gap if below.growsdown else 0))
            at -= 1

    def mark(self, start: int, end: int, **changes: Any) -> None:
        """Changes fields of what is mapped in [start, end)."""
        for part in self.remove(start, end):
            self.add(replace(part, **changes))

    def free_above(self, start: int, size: int, end: int) -> int | None:
        """The lowest address of `size` free bytes in [start, end)."""
        for region in self.overlapping(start, end):
            if region.start - start >= size:
                return start
            start = max(start, region.end)
        return start if end - start >= size else None

    def _span(self, start: int, end: int) -> tuple[int, int]:
        low = bisect_right(self._starts, start) - 1
        if low < 0 or self._regions[low].end <= start:
            low += 1
        high = bisect_right(self._starts, end - 1)
        return low, max(low, high)

    def _replace(self, low: int, high: int, regions: list[Region]) -> None:
        self._regions[low:high] = regions
        self._starts[low:high] = [region.start for region in regions]
