"""What flows through pipes, sockets and eventfds of a guest: which call put in what another one has taken out.

The records of a trace stand in the order in which calls were complete, and one host thread serves them all. So the calls on
one object took effect in that order, and bytes can be counted. Where that is not certain, a channel says from
when on nothing that was derived from it holds (`void_from`), rather than guess.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

PIPE_BUF = 4096
"""Bytes up to which a write to a pipe is never interleaved with another one (pipe(7))."""

AHEAD = 1024
"""Reads that may be complete before the record of the write that feeds them: one long write that waits for room."""

LIMIT = 65536
"""Writes that nobody has read yet, at most."""

LOOKED_AT = 64
"""Pending writes among which the one that woke a poll is looked for."""

_NEVER = 1 << 63


class Call(NamedTuple):
    """What the order needs of a system call: times in nanoseconds since the start of the run."""

    sequence: int
    tid: int
    time: int
    end: int
    blocked: int


class _Segment:
    """What one write has put in and nobody has taken out yet; `call` is None for what was there from the beginning."""

    __slots__ = ("call", "head", "left", "taken")

    def __init__(self, call: Call | None, size: int, head: bytes) -> None:
        self.call = call
        self.left = size
        self.taken = 0
        self.head = head


class Channel:
    """One direction of a pipe, of a stream socket, of a socket with messages; or an eventfd.

    `kind` names the edges. `since` is the sequence number before which nothing can have flowed. `unit` is how what flows is
    counted: "bytes", "messages", "sum" (an eventfd: a read takes all) or "ones" (one with EFD_SEMAPHORE).
    `atomic` is the size up to which a write happens at one moment even when it has waited.
    """

    __slots__ = (
        "_last_read", "_last_write", "_owed", "_pending", "atomic", "closers", "deaf", "kind", "limit", "shut", "since", "unit",
        "void_from",
    )  # fmt: skip

    def __init__(self, kind: str, since: int, unit: str, atomic: int = _NEVER, initial: int = 0) -> None:
        self.kind = kind
        self.since = since
        self.unit = unit
        self.atomic = atomic
        self.limit = LIMIT
        self.void_from = _NEVER
        self.closers: list[Call] = []
        """The calls that closed a descriptor of the end that writes."""
        self.shut: Call | None = None
        """The call that said that nothing more will be written (shutdown(2))."""
        self.deaf = False
        """Whether the reading end was shut down: what it reads then says nothing about the other end."""
        self._pending: deque[_Segment] | None = None
        self._owed: deque[_Owed] | None = None
        self._last_write: Call | None = None
        self._last_read: Call | None = None
        if initial:
            self._put(_Segment(None, initial, b""))

    def void(self, since: int = -1) -> None:
        """Nothing that was or will be derived from a call that ends after `since` holds."""
        self.void_from = min(self.void_from, since)
        self._pending = self._owed = None

    def lose(self) -> None:
        """Nothing more will be found, what was found stands: there is too much to remember, or no need to."""
        self._pending = self._owed = None
        self.void_from = min(self.void_from, _NEVER - 1)

    @property
    def is_void(self) -> bool:
        """Whether nothing more can be learnt from it."""
        return self.void_from != _NEVER

    def write(self, call: Call, size: int, head: bytes = b"") -> list[Call]:
        """A write is complete: `size` in the channel's unit. Gives the reads that it has fed while it still waited."""
        if self.is_void:
            return []
        last = self._last_write
        if call.blocked and size > self.atomic and last is not None and last.end > call.time:
            self.void(call.time)  # the two were written in pieces, nobody knows which
            return []
        self._last_write = call
        fed: list[Call] = []
        if self._owed:
            if not call.blocked:
                self.void()  # somebody else writes here, of whom the trace says nothing
                return []
            fed, left = self._pay(size)
            size, head = left, head[size - left :]
        if self.unit == "messages":
            for _ in range(size):
                self._put(_Segment(call, 1, head))
        elif size:
            self._put(_Segment(call, size, head))
        return fed

    def goes_on(self, call: Call) -> list[Call]:
        """A write that has not returned when the trace ends: how much it has put in is not known."""
        last = self._last_write
        if self.is_void:
            return []
        if last is not None and last.end > call.time:
            self.void(call.time)
            return []
        return self._pay(_NEVER)[0]

    def read(
        self, call: Call, size: int, head: bytes = b"", *, peek: bool = False, pieces: bool = False
    ) -> list[Call]:
        """A read has got `size`. Gives the writes from which that came.

        `peek`: it has left all in place; `pieces`: it may have taken it in several steps (MSG_WAITALL).
        """
        if self.is_void:
            return []
        last = self._last_read
        if pieces and call.blocked and last is not None and last.end > call.time:
            self.void(call.time)
            return []
        self._last_read = call
        if peek:
            return _calls(islice(self._pending or (), 1))
        if self.unit == "sum":
            pending, self._pending = self._pending, None
            return _calls(pending or ())
        if self.unit == "messages":
            return self._messages(size)
        return self._take(call, size, head)

    def first(self, poll: Call) -> Call | None:
        """The write that let a poll report that there is something to read; None where that is not certain."""
        if self.is_void or not self._pending:
            return None
        if not poll.blocked:
            return self._pending[0].call
        for segment in islice(self._pending, LOOKED_AT):
            if segment.call is not None and segment.call.end >= poll.time:
                return segment.call
        return None

    def end(self) -> list[Call]:
        """The calls that certainly came before the end of what can be read, when that was seen."""
        if self.deaf or self.is_void:
            return []
        return self.closers if self.shut is None else [self.shut]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is there to be read, as far as known."""
        return not self._pending

    def _put(self, segment: _Segment) -> None:
        if self._pending is None:
            self._pending = deque()
        self._pending.append(segment)
        if len(self._pending) > self.limit:
            self.lose()

    def _messages(self, count: int) -> list[Call]:
        pending = self._pending
        found = []
        for _ in range(count):
            if not pending:
                self.void()  # a message of which the trace does not say who sent it
                return []
            found.append(pending.popleft())
        self._drop_if_empty()
        return _calls(found)

    def _take(self, call: Call, size: int, head: bytes) -> list[Call]:
        pending, at, found = self._pending, 0, []
        while size and pending:
            segment = pending[0]
            count = min(size, segment.left)
            known = segment.head[segment.taken : segment.taken + count]
            given = head[at : at + len(known)]
            if known[: len(given)] != given:
                self.void()  # these are not the two ends of one connection
                return []
            found.append(segment)
            size -= count
            at += count
            segment.left -= count
            segment.taken += count
            if not segment.left:
                pending.popleft()
        self._drop_if_empty()
        if size:
            if self._owed is None:
                self._owed = deque()
            self._owed.append(_Owed(call, size))
            if len(self._owed) > AHEAD:
                self.lose()
        return _calls(found)

    def _drop_if_empty(self) -> None:
        if not self._pending:
            self._pending = None  # an empty deque takes half a kilobyte, and there may be many channels

    def _pay(self, size: int) -> tuple[list[Call], int]:
        """The reads that were complete before the record of the write that fed them, and what is left of its size."""
        owed, fed = self._owed, []
        while owed and size:
            count = min(size, owed[0].left)
            fed.append(owed[0].call)
            size -= count
            owed[0].left -= count
            if not owed[0].left:
                owed.popleft()
        if not owed:
            self._owed = None
        return fed, size


class _Owed:
    """What a read has got before the record of the write from which it came."""

    __slots__ = ("call", "left")

    def __init__(self, call: Call, left: int) -> None:
        self.call = call
        self.left = left


def _calls(segments: Iterable[_Segment]) -> list[Call]:
    return [segment.call for segment in segments if segment.call is not None]
