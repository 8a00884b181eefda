"""Deadlines of timers, pure: what is armed under which key, what is due; it knows no clock.

Times are nanoseconds of any one clock. Unlike the deadline of a wait (`emu.sched`), a timer's belongs to no thread.
"""

from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from typing import NamedTuple

_STALE_FACTOR = 4  # the heap is rebuilt when so many times more entries are stale than alive
_SMALL = 64

Fire = Callable[[], None]


class _Entry(NamedTuple):
    """One arming; `order` keeps timers of one deadline in the order in which they were armed."""

    deadline: int
    order: int
    key: Hashable
    fire: Fire


class Timers:
    """The armed timers by key, the earliest first."""

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._armed: dict[Hashable, _Entry] = {}
        self._order = 0

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, key: Hashable, deadline: int, fire: Fire) -> None:
        """Calls `fire` once when `deadline` has come; instead of what `key` was armed for before."""
        self._order += 1
        entry = self._armed[key] = _Entry(deadline, self._order, key, fire)
        heappush(self._heap, entry)
        if len(self._heap) > _SMALL and len(self._heap) > _STALE_FACTOR * len(self._armed):
            self._heap = list(self._armed.values())
            heapify(self._heap)

    def disarm(self, key: Hashable) -> None:
        """Forgets what `key` was armed for, if anything."""
        self._armed.pop(key, None)

    def clear(self) -> None:
        """Forgets everything."""
        self._heap.clear()
        self._armed.clear()

    def next(self) -> int | None:
        """The earliest deadline."""
        heap = self._heap
        while heap and not self._is_alive(heap[0]):
            heappop(heap)
        return heap[0].deadline if heap else None

    def expire(self, now: int) -> None:
        """Fires what is due. What a timer arms while it fires waits for the next time, so that this comes to an end."""
        heap = self._heap
        due = []
        while heap and heap[0].deadline <= now:
            entry = heappop(heap)
            if self._is_alive(entry):
                due.append(entry)
        for entry in due:
            if self._is_alive(entry):  # unless one before has disarmed it
                del self._armed[entry.key]
                entry.fire()

    def _is_alive(self, entry: _Entry) -> bool:
        return self._armed.get(entry.key) is entry
