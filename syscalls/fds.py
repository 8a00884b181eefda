"""The descriptor table: every guest descriptor stands on a host descriptor of its own.

A guest `dup` is a host `dup`: the two share an open file description on the host exactly as they do in the guest, so
offsets, locks, epoll registration and end-of-life need no imitation. What must differ from the host is kept in
`Description`, shared by the duplicates: the host side of sockets and pipes is always O_NONBLOCK, so that no call can
stop the bench, while the guest sees the flag that it set itself.
"""

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from syscalls.describe import Shown

if TYPE_CHECKING:
    from syscalls.process import Thread

O_NONBLOCK = 0o4000


class Operations(Protocol):
    """What a descriptor does itself instead of its host descriptor: a device that the bench imitates, a signalfd."""

    def read(self, thread: "Thread", address: int, count: int) -> int:
        """read(2) of `count` bytes into guest memory: how many were stored, or -errno. Never waits: -EAGAIN where a
        pollable one would, until the host descriptor is readable.
        """
        ...


class Description:
    """An open file description (open(2), "Open file descriptions"): what duplicates share.

    `kind` is one of "file", "directory", "pipe", "socket", "eventfd", "epoll", "tty", "device", "inherited"...
    `pollable` says that the host can report readiness, hence that a call on it may have to wait. `host_nonblocking` says
    that the host descriptor itself has O_NONBLOCK; without it a call must poll before it may touch the host.
    `operations`, where not None, stand in for reading from the host. `on_close`, where not None, is called after a host
    descriptor of it was closed.
    """

    __slots__ = (
        "detail",
        "flags",
        "host_nonblocking",
        "kind",
        "low_water",
        "nonblocking",
        "number",
        "on_close",
        "operations",
        "owner",
        "path",
        "pollable",
        "watchers",
    )

    def __init__(
        self,
        kind: str,
        flags: int = 0,
        *,
        path: str = "",
        pollable: bool = False,
        host_nonblocking: bool = False,
        detail: object = None,
    ) -> None:
        self.kind = kind
        self.number = 0  # what the trace calls it, from 1 on; 0 until it is first shown (syscalls.describe)
        self.flags = flags  # as the guest gave them to open(2): access mode and status flags
        self.nonblocking = bool(flags & O_NONBLOCK)  # the guest's view; the hot calls look at nothing else
        self.path = path
        self.pollable = pollable
        self.host_nonblocking = host_nonblocking
        self.detail = detail
        self.operations: Operations | None = None
        self.on_close: Callable[[], None] | None = None
        self.low_water = 1  # SO_RCVLOWAT of a socket
        self.owner = (0, 0, 0)  # F_SETOWN_EX type and id, F_SETSIG signal


class Watch(Protocol):
    """A set of descriptors that the host watches for the guest (`syscalls.standing`)."""

    host: int

    def closing(self, entry: "Descriptor") -> bool:
        """The guest has closed a descriptor; True when a waiting call still needs it, which will unpin it."""
        ...

    def drop(self, entry: "Descriptor") -> None:
        """The host descriptor is about to be closed."""
        ...


class Descriptor:
    """One guest descriptor: a host descriptor, its description, and close-on-exec.

    A call that waits holds a pin: the host descriptor lives until the last pin is gone, as a file under a blocked
    call does in the kernel, though the number is free for reuse at once.
    """

    __slots__ = ("cloexec", "closed", "description", "host", "pins", "shown", "watches")

    def __init__(self, host: int, description: Description, cloexec: bool = False) -> None:
        self.watches: list[Watch] | None = None
        self.host = host
        self.description = description
        self.cloexec = cloexec
        self.pins = 0
        self.closed = False
        self.shown: Shown | None = (
            None  # what the trace says of it; None: to be made anew (syscalls.describe)
        )

    def copy(self, host: int, cloexec: bool) -> "Descriptor":
        """A duplicate on another host descriptor: the same description."""
        return Descriptor(host, self.description, cloexec)


class FdTable:
    """Descriptor numbers to descriptors. `limit` is RLIMIT_NOFILE's soft value."""

    __slots__ = ("_forget", "_lowest", "entries", "limit", "numbers", "record_locks", "watches")

    def __init__(self, limit: int, forget: Callable[[int], None]) -> None:
        self.entries: dict[int, Descriptor] = {}
        self.limit = limit
        self._lowest = 0  # no number below this one is free
        self._forget = forget
        self.numbers = itertools.count(1)  # of descriptions that the trace has shown
        self.record_locks: dict[tuple[int, int], Any] = {}
        """What the table has locked (fcntl(2)): a `syscalls.record_locks.Holder` by st_dev and st_ino."""
        self.watches: dict[
            int, Watch | int
        ] = {}  # by the address of the guest's array; see syscalls.calls.polling

    def fork(self) -> "FdTable":
        """A table with the same descriptors on duplicates of their host descriptors (fork(2)); raises EMFILE, ENFILE of the host."""
        child = FdTable(self.limit, self._forget)
        child.numbers = self.numbers
        entries = child.entries
        try:
            for fd, entry in self.entries.items():
                entries[fd] = entry.copy(os.dup(entry.host), entry.cloexec)
        except OSError:
            child.close_all()
            raise
        child._lowest = self._lowest
        return child

    def close_on_exec(self) -> None:
        """Closes what execve(2) closes."""
        for fd in [fd for fd, entry in self.entries.items() if entry.cloexec]:
            self.close(fd)

    def get(self, fd: int) -> Descriptor:
        """The descriptor behind `fd`; raises EBADF."""
        entry = self.entries.get(fd)
        if entry is None:
            raise OSError(errno.EBADF, "bad descriptor")
        return entry

    def lowest_free(self, minimum: int = 0) -> int:
        """The lowest free number from `minimum` on; raises EMFILE at the limit."""
        entries = self.entries
        fd = max(self._lowest, minimum)
        while fd in entries:
            fd += 1
        if minimum <= self._lowest:
            self._lowest = fd
        if fd >= self.limit:
            raise OSError(errno.EMFILE, "too many open descriptors")
        return fd

    def add(self, descriptor: Descriptor, minimum: int = 0) -> int:
        """Installs a descriptor at the lowest free number; on EMFILE its host descriptor is closed."""
        try:
            fd = self.lowest_free(minimum)
        except OSError:
            self._close_host(descriptor)
            raise
        self.entries[fd] = descriptor
        return fd

    def put(self, fd: int, descriptor: Descriptor) -> None:
        """Installs a descriptor at exactly `fd`, closing what was there (dup2(2))."""
        old = self.entries.get(fd)
        self.entries[fd] = descriptor
        if old is not None:
            self._release(old)

    def close(self, fd: int) -> None:
        """Frees the number; raises EBADF. The host descriptor goes with it unless a waiting call pins it."""
        entry = self.entries.pop(fd, None)
        if entry is None:
            raise OSError(errno.EBADF, "bad descriptor")
        if fd < self._lowest:
            self._lowest = fd
        self._release(entry)

    def close_all(self) -> None:
        """Closes every descriptor, pinned or not: the process has ended."""
        entries, self.entries, self._lowest = self.entries, {}, 0
        for entry in entries.values():
            entry.pins = 0
            entry.watches = None
            self._release(entry)
        for watch in self.watches.values():
            if not isinstance(watch, int):
                self.close_watch(watch)
        self.watches.clear()

    def close_watch(self, watch: Watch) -> None:
        """Closes the host descriptor of a set."""
        self._forget(watch.host)
        os.close(watch.host)

    def pin(self, descriptor: Descriptor) -> None:
        """Keeps the host descriptor alive under a waiting call; pair with `unpin`."""
        descriptor.pins += 1

    def unpin(self, descriptor: Descriptor) -> None:
        """Ends a pin; closes the host descriptor if the guest has closed its number meanwhile."""
        descriptor.pins -= 1
        if descriptor.closed and descriptor.pins <= 0:
            self._close_host(descriptor)

    def _release(self, descriptor: Descriptor) -> None:
        descriptor.closed = True
        if self.record_locks:
            about = os.fstat(descriptor.host)
            holder = self.record_locks.pop((about.st_dev, about.st_ino), None)
            if holder is not None:
                holder.close()
        for watch in descriptor.watches or ():
            if watch.closing(descriptor):
                descriptor.pins += 1
        if descriptor.pins <= 0:
            self._close_host(descriptor)

    def _close_host(self, descriptor: Descriptor) -> None:
        if descriptor.watches:
            for watch in descriptor.watches:
                watch.drop(descriptor)
            descriptor.watches = None
        host, descriptor.host = descriptor.host, -1
        if host >= 0:
            self._forget(host)
            os.close(host)
            if descriptor.description.on_close is not None:
                descriptor.description.on_close()

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self.entries))

    def __len__(self) -> int:
        return len(self.entries)
