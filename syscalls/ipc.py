"""What System V objects have in common: keys, identifiers, owners, rights (ipc/util.c).

The objects of a run are seen by its processes alone, as in an IPC namespace of their own, and are gone with it.
"""

import errno
import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from syscalls import credentials
from syscalls.flags.ipc import Ipc as Flag
from syscalls.process import Process, Thread
from syscalls.structs import Layout

PRIVATE = 0
"""IPC_PRIVATE: a key that is nobody's."""

READ, WRITE, EXECUTE = 0o444, 0o222, 0o111
RIGHTS = 0o777

MOST_SEGMENTS, MOST_SETS, MOST_QUEUES = 4096, 32000, 32000
"""SHMMNI, SEMMNI, MSGMNI."""

_INDEX_BITS = 15
_SEQUENCES = 1 << 16
_CYCLE = 64  # numbers are given in turn from so many at least (ipc_min_cycle)

PERM: tuple[tuple[Any, ...], ...] = (
    ("i", "key"), ("I", "uid"), ("I", "gid"), ("I", "cuid"), ("I", "cgid"), ("I", "mode", oct), ("H", "seq"), ("22x", ""),
)  # fmt: skip
"""struct ipc64_perm, the beginning of the structures that the ctl calls fill."""

PermLayout = Layout("ipc64_perm", *PERM)


def fail(number: int) -> OSError:
    """With the system's text."""
    return OSError(number, os.strerror(number))


class Object:
    """What every segment, set of semaphores and queue has: struct kern_ipc_perm."""

    def __init__(self, thread: Thread, mode: int) -> None:
        who = credentials.of(thread)
        self.key = PRIVATE
        self.id = 0
        self.sequence = 0
        self.uid = self.cuid = who.euid
        self.gid = self.cgid = who.egid
        self.mode = mode & RIGHTS
        self.gone = False
        self.changed = now(thread)

    def permissions(self) -> tuple[int, ...]:
        """The values of `PERM`."""
        return self.key, self.uid, self.gid, self.cuid, self.cgid, self.mode, self.sequence

    def check(self, thread: Thread, wanted: int) -> None:
        """ipcperms: raises EACCES."""
        who = credentials.of(thread)
        granted = self.mode
        if who.euid in (self.uid, self.cuid):
            granted >>= 6
        elif {self.gid, self.cgid} & {who.egid, *who.groups}:
            granted >>= 3
        wanted = wanted >> 6 | wanted >> 3 | wanted
        if wanted & ~granted & 7:
            raise fail(errno.EACCES)

    def check_owner(self, thread: Thread) -> None:
        """ipcctl_obtain_check: raises EPERM."""
        if credentials.of(thread).euid not in (self.uid, self.cuid):
            raise fail(errno.EPERM)

    def set(self, thread: Thread, uid: int, gid: int, mode: int) -> None:
        """IPC_SET: raises EINVAL for ids that are none."""
        if credentials.NOBODY in (uid, gid):
            raise fail(errno.EINVAL)
        self.uid, self.gid = uid, gid
        self.mode = self.mode & ~RIGHTS | mode & RIGHTS
        self.changed = now(thread)


def now(thread: Thread) -> int:
    """Seconds since the epoch."""
    return thread.bench.realtime_ns() // 1_000_000_000


_Any = TypeVar("_Any", bound=Object)


class Table(Generic[_Any]):
    """The objects of one kind: by index, which is the low part of an identifier."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.objects: dict[int, _Any] = {}
        self._next = 0
        self._last = -1
        self._sequence = 0

    def get(
        self, thread: Thread, key: int, flags: int, make: Callable[[], _Any], fits: Callable[[_Any], bool]
    ) -> int:
        """ipcget: the identifier of an object, new or old. Raises ENOENT, EEXIST, EINVAL, EACCES, ENOSPC."""
        found = self.find(key)
        if found is None:
            if key != PRIVATE and not flags & Flag.IPC_CREAT:
                raise fail(errno.ENOENT)
            return self._add(key, make())
        if flags & Flag.IPC_CREAT and flags & Flag.IPC_EXCL:
            raise fail(errno.EEXIST)
        if not fits(found):
            raise fail(errno.EINVAL)
        found.check(thread, flags & RIGHTS)
        return found.id

    def find(self, key: int) -> _Any | None:
        """The object with this key."""
        if key == PRIVATE:
            return None
        return next((one for one in self.objects.values() if one.key == key), None)

    def _add(self, key: int, made: _Any) -> int:
        """ipc_addid: identifiers are used again as late as may be."""
        if len(self.objects) >= self.most:
            raise fail(errno.ENOSPC)
        roof = min(max((len(self.objects) + 1) * 3 // 2, _CYCLE), self.most)
        index = self._next if self._next < roof else 0
        while index in self.objects:
            index = index + 1 if index + 1 < roof else 0
        if index <= self._last:
            self._sequence = (self._sequence + 1) % _SEQUENCES
        self._last, self._next = index, index + 1
        made.key, made.sequence = key, self._sequence
        made.id = made.sequence << _INDEX_BITS | index
        self.objects[index] = made
        return made.id

    def named(self, identifier: int) -> _Any:
        """The object with this identifier; raises EINVAL."""
        found = self.objects.get(identifier & (1 << _INDEX_BITS) - 1)
        if identifier < 0 or found is None or found.id != identifier:
            raise fail(errno.EINVAL)
        return found

    def at(self, index: int) -> _Any:
        """The object with this index, for the _STAT commands; raises EINVAL."""
        found = self.objects.get(index & (1 << _INDEX_BITS) - 1)
        if index < 0 or found is None:
            raise fail(errno.EINVAL)
        return found

    def remove(self, removed: _Any) -> None:
        """The identifier is free."""
        removed.gone = True
        self.objects.pop(removed.id & (1 << _INDEX_BITS) - 1, None)

    @property
    def highest(self) -> int:
        """The highest index in use, what the _INFO commands answer."""
        return max(self.objects, default=0)


class Ipc:
    """All of a run. `segments`, `semaphores` and `messages` are the tables of their modules' classes."""

    def __init__(self) -> None:
        self.segments: Table[Any] = Table(MOST_SEGMENTS)
        self.semaphores: Table[Any] = Table(MOST_SETS)
        self.messages: Table[Any] = Table(MOST_QUEUES)
        self.queues: Any = None  # syscalls.posix_queues.Queues
        self.aio: dict[int, Any] = {}
        """Contexts of asynchronous I/O (`syscalls.aio`), by address space."""
        self.undo: dict[Process, dict[Any, dict[int, int]]] = {}
        """What SEM_UNDO takes back when a process ends: by set and number."""

    def close(self) -> None:
        """The run is over: its shared memory goes."""
        for segment in self.segments.objects.values():
            segment.close()

    def undo_of(self, process: Process) -> object | None:
        """What tells the adjustments of one process from those of another; None where it has never asked for any."""
        return self.undo.get(process)


def ipc_of(thread: Thread) -> Ipc:
    """That of the thread's system."""
    system = thread.process.system
    if system.ipc is None:
        system.ipc = Ipc()
    found: Ipc = system.ipc
    return found
