"""A guest's poll set that is polled again and again, kept as an epoll of the host.

A server calls poll with the same array over and over, with few entries changed; handing the whole set to the host each
time, and waiting for each of its descriptors, costs time for every descriptor. A standing set is synchronised with
the array (only what differs goes to the kernel), asked with one epoll_wait that reports what is ready, and waited for
as one descriptor. Level-triggered epoll means by "ready" what poll means (epoll(7)).

An entry that leaves the array stays registered until it reports something or is closed: mostly it comes back before
that. What a standing set cannot express (regular files, a descriptor twice, one that is not open) makes `synchronise`
answer False, and the caller polls plainly.
"""

import ctypes
import struct

from syscalls import kernel, numbers
from syscalls.fds import Descriptor, FdTable

_ADD, _DEL, _MOD = 1, 2, 3
_CLOEXEC = 0o2000000
_EVENT = struct.Struct("<IQ")
_EVENT_SIZE = _EVENT.size
_PATIENCE = 3  # refused synchronisations in a row before a set is given up
_EPOLL_WAIT = numbers.epoll_wait
_EPOLL_CTL = numbers.epoll_ctl


class StandingSet:
    """One array of struct pollfd of the guest. `busy` while a thread is parked on it."""

    __slots__ = (
        "_buffer",
        "_buffer_address",
        "_clean",
        "_event",
        "_event_address",
        "_fds",
        "_held",
        "_members",
        "_place",
        "_raw",
        "_refused",
        "_room",
        "_stale",
        "_words",
        "answer",
        "busy",
        "host",
        "waits",
    )

    def __init__(self, fds: FdTable, host: int) -> None:
        self._fds = fds
        self.host = host
        self.waits = ((host, 1),)
        self.busy = False
        self.answer = b""  # the array as it is to be left, after `look`
        self._raw = b""  # the array for which all else holds
        self._words: list[int] = []  # the same as numbers
        self._clean = b""  # the same without `revents`
        self._place: dict[int, int] = {}  # descriptor number -> index
        self._members: dict[int, tuple[Descriptor, int]] = {}  # what is registered, with its events
        self._stale: set[int] = set()  # numbers whose descriptor was closed
        self._held: list[Descriptor] = []  # closed under a waiting call, which keeps them alive
        self._refused = 0
        self._event = bytearray(_EVENT_SIZE)
        self._event_address = ctypes.addressof(ctypes.c_char.from_buffer(self._event))
        self._room = 0
        self._buffer = bytearray()
        self._buffer_address = 0

    def synchronise(self, raw: bytes) -> bool:
        """Makes the set mean the array `raw`; False when it cannot."""
        if raw == self._raw and not self._stale:
            return True
        if self._change(raw):
            self._refused = 0
            return True
        self._raw = b""
        self._words = []
        self._place.clear()
        self._refused += 1
        return False

    @property
    def is_hopeless(self) -> bool:
        """Whether the guest's array is of a kind that this cannot serve."""
        return self._refused >= _PATIENCE

    def _change(self, raw: bytes) -> bool:
        words = memoryview(raw).cast("Q").tolist()
        old = self._words
        place = self._place
        if len(words) != len(old):
            common = min(len(words), len(old))
            changed = list(range(common, len(words)))
            for index in range(common, len(old)):
                place.pop(old[index] & 0xFFFFFFFF, None)
            changed += [index for index in range(common) if words[index] != old[index]]
        else:
            changed = [index for index, (new, was) in enumerate(zip(words, old, strict=True)) if new != was]
        if self._stale:
            changed += {place[fd] for fd in self._stale if fd in place}.difference(changed)
            self._stale.clear()
        for index in changed:
            if index < len(old):
                place.pop(old[index] & 0xFFFFFFFF, None)
        entries = self._fds.entries
        members = self._members
        for index in changed:
            word = words[index]
            fd = word & 0xFFFFFFFF
            if fd >> 31:
                continue  # negative: not looked at (poll(2))
            if fd in place:
                return False
            place[fd] = index
            events = word >> 32 & 0xFFFF
            entry = entries.get(fd)
            if entry is None:
                return False
            member = members.get(fd)
            if member is None:
                if self._control(_ADD, entry.host, events, fd):
                    return False
                if entry.watches is None:
                    entry.watches = [self]
                else:
                    entry.watches.append(self)
                members[fd] = (entry, events)
            elif member[0] is not entry:
                return False
            elif member[1] != events:
                if self._control(_MOD, entry.host, events, fd):
                    return False
                members[fd] = (entry, events)
        self._raw = raw
        self._words = words
        clean = bytearray(raw)
        if clean:
            memoryview(clean).cast("H")[3::4] = memoryview(bytes(len(raw) // 4)).cast("H")
        self._clean = bytes(clean)
        return True

    def _control(self, operation: int, host: int, events: int, fd: int) -> int:
        _EVENT.pack_into(self._event, 0, events, fd)
        return kernel.call4(_EPOLL_CTL, self.host, operation, host, self._event_address)

    def look(self) -> int:
        """How many entries of the array have something to report now; `answer` becomes the array that says so."""
        if len(self._members) > self._room:
            self._room = max(16, 2 * len(self._members))
            self._buffer = bytearray(self._room * _EVENT_SIZE)
            self._buffer_address = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))
        elif not self._members:
            self.answer = self._clean
            return 0
        while True:
            count = kernel.call4(_EPOLL_WAIT, self.host, self._buffer_address, self._room, 0)
            if count <= 0:
                self.answer = self._clean
                return count
            out = bytearray(self._clean)
            ready = 0
            place = self._place
            for events, fd in _EVENT.iter_unpack(memoryview(self._buffer)[: count * _EVENT_SIZE]):
                index = place.get(fd)
                if index is None:
                    self._leave(fd)
                else:
                    at = index * 8 + 6
                    out[at] = events & 0xFF
                    out[at + 1] = events >> 8 & 0xFF
                    ready += 1
            if ready:
                self.answer = bytes(out)
                return ready

    def told(self) -> None:
        """The guest's array is `answer` now: what it will look like if nobody touches it."""
        if self.answer != self._raw:
            self._raw = self.answer
            self._words = memoryview(self.answer).cast("Q").tolist()

    def _leave(self, fd: int) -> None:
        """Silences what reported something after it had left the array; what still reports (an error) is taken out."""
        entry, events = self._members[fd]
        if events:
            self._members[fd] = (entry, 0)
            self._control(_MOD, entry.host, 0, fd)
        else:
            del self._members[fd]
            self._control(_DEL, entry.host, 0, fd)
            self._unwatch(entry)

    def _unwatch(self, entry: Descriptor) -> None:
        if entry.watches is not None:
            entry.watches.remove(self)

    # Called by the descriptor table

    def closing(self, entry: Descriptor) -> bool:
        """The guest has closed a descriptor: True when a waiting call needs it, which lets go of it later."""
        if self.busy:
            self._held.append(entry)
            self._stale.update(fd for fd, (member, _) in self._members.items() if member is entry)
        return self.busy

    def drop(self, entry: Descriptor) -> None:
        """The host descriptor is about to be closed."""
        for fd, (member, _) in self._members.items():
            if member is entry:
                del self._members[fd]
                self._control(_DEL, entry.host, 0, fd)
                self._stale.add(fd)
                break

    def release(self) -> None:
        """The waiting call is over."""
        self.busy = False
        held, self._held = self._held, []
        for entry in held:
            self._fds.unpin(entry)

    def dissolve(self) -> None:
        """The set is given up: no descriptor is to tell it anything any more."""
        for entry, _ in self._members.values():
            self._unwatch(entry)
        self._members.clear()


def new_set(fds: FdTable) -> StandingSet | None:
    """An empty standing set, None when the host has no descriptor left."""
    host = kernel.call1(numbers.epoll_create1, _CLOEXEC)
    return StandingSet(fds, host) if host >= 0 else None
