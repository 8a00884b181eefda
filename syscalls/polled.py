"""One look at an array of struct pollfd: translated to host descriptors, asked with poll(2), the answer brought back."""

import ctypes

from syscalls import kernel, numbers
from syscalls.fds import Descriptor
from syscalls.flags.polling import Poll
from syscalls.process import Thread

_ENTRY = 8
"""sizeof(struct pollfd)."""

_POLL = numbers.poll


class Polled:
    """A guest's array of struct pollfd, and the host's that stands for it."""

    __slots__ = ("_address", "_bad", "_host", "_pin", "_thread", "entries", "raw", "waits")

    def __init__(self, thread: Thread, raw: bytes) -> None:
        self._thread = thread
        self.raw = raw
        count = len(raw) // _ENTRY
        get = thread.fds.entries.get
        numbers_asked = memoryview(raw).cast("i")[::2].tolist() if raw else []
        found = [get(fd) for fd in numbers_asked]
        self.entries: list[Descriptor] = [entry for entry in found if entry is not None]
        host = bytearray(raw)
        words = memoryview(host).cast("i") if raw else memoryview(b"")
        self._bad: list[int] = []  # indices that are POLLNVAL, which the host's kernel never says of -1
        for index in range(count):
            entry = found[index]
            if entry is not None:
                words[index * 2] = entry.host
            elif numbers_asked[index] >= 0:
                self._bad.append(index)
                words[index * 2] = -1
        self._host = host
        self._pin = ctypes.c_char.from_buffer(host) if raw else None
        self._address = ctypes.addressof(self._pin) if self._pin is not None else 0
        events = memoryview(raw).cast("H")[2::4].tolist() if raw else []
        self.waits = tuple(
            (entry.host, events[index])
            for index, entry in enumerate(found)
            if entry is not None and entry.description.pollable  # others do not change
        )

    def look(self) -> int:
        """How many descriptors have something to report now."""
        result = kernel.call3(_POLL, self._address, len(self._host) // _ENTRY, 0)
        return result + len(self._bad) if result >= 0 else result

    def answer(self) -> bytes:
        """The guest's array with `revents` filled in."""
        out = bytearray(self.raw)
        if out:
            told = memoryview(out).cast("H")
            told[3::4] = memoryview(self._host).cast("H")[3::4]
            for index in self._bad:
                told[index * 4 + 3] = Poll.POLLNVAL
        return bytes(out)

    def revents(self, index: int) -> int:
        """What the last look told of one descriptor."""
        if index in self._bad:
            return Poll.POLLNVAL
        at = index * _ENTRY + 6
        return self._host[at] | self._host[at + 1] << 8

    def pin(self) -> None:
        """Keeps all host descriptors alive while the call waits."""
        for entry in self.entries:
            self._thread.fds.pin(entry)

    def unpin(self) -> None:
        """Ends `pin`."""
        for entry in self.entries:
            self._thread.fds.unpin(entry)
