"""Record locks (fcntl(2), "Advisory record locking"): they belong to a table of descriptors, not to a description (fs/locks.c).

To the host all processes of a guest are one, so its own record locks cannot tell them apart. Each table therefore locks
a file through a host description that nothing else uses (F_OFD_SETLK): conflicts, ranges and errors come from the kernel, also
where others on the host lock the file. A close of any descriptor of the file gives up all that the table had locked there.
"""

import errno
import os
import stat
import struct

from syscalls import kernel, numbers
from syscalls.fds import Descriptor, FdTable
from syscalls.flags import Fcntl, LockType, Open
from syscalls.process import Thread

FLOCK = struct.Struct("<hh4xqqi4x")
"""struct flock: type, whence, start, length, pid."""

_OFD = {
    Fcntl.F_GETLK: Fcntl.F_OFD_GETLK,
    Fcntl.F_SETLK: Fcntl.F_OFD_SETLK,
    Fcntl.F_SETLKW: Fcntl.F_OFD_SETLK,
}
_SEEK_SET, _SEEK_CUR = 0, 1

File = tuple[int, int]
"""st_dev, st_ino."""


class Holder:
    """The locks of one table on one file: a host description, and who set them last."""

    __slots__ = ("_others", "host", "pid", "waits_for")

    def __init__(self, host: int, others: "list[Holder]") -> None:
        self.host = host
        self.pid = 0
        self.waits_for: Holder | None = None
        self._others = others
        others.append(self)

    def close(self) -> None:
        """Gives up the locks."""
        self._others.remove(self)
        os.close(self.host)


def is_needed(entry: Descriptor) -> bool:
    """Whether the file can be opened once more without a trace; other kinds (pipes, devices) keep the host's own locks."""
    return stat.S_ISREG(os.fstat(entry.host).st_mode)


def apply(thread: Thread, entry: Descriptor, command: int, wanted: bytes) -> tuple[int, bytes]:
    """F_GETLK, F_SETLK, or one try of F_SETLKW: the result, and the struct flock afterwards.

    Raises OSError: EDEADLK where a F_SETLKW would wait for one that waits for this table.
    """
    kind, whence, start, length, _ = FLOCK.unpack(wanted)
    if command == Fcntl.F_GETLK and kind not in (LockType.F_RDLCK, LockType.F_WRLCK):
        return -errno.EINVAL, wanted
    if command != Fcntl.F_GETLK and not _may_lock(entry, kind):
        return -errno.EBADF, wanted
    holder = _holder(thread, entry)
    if whence == _SEEK_CUR:
        whence, start = _SEEK_SET, start + os.lseek(entry.host, 0, os.SEEK_CUR)
    result, found = _ask(thread, holder, _OFD[command], FLOCK.pack(kind, whence, start, length, 0))
    if command == Fcntl.F_GETLK:
        if result < 0:
            return result, wanted
        if FLOCK.unpack(found)[0] == LockType.F_UNLCK:
            return result, struct.pack("<h", LockType.F_UNLCK) + wanted[2:]
        return result, _with_owner(thread, holder, found)
    holder.waits_for = None
    if result == 0:
        holder.pid = thread.process.pid
    elif result == -errno.EAGAIN and command == Fcntl.F_SETLKW:
        _wait_for(thread, holder, FLOCK.pack(kind, whence, start, length, 0))
    return result, wanted


def stop_waiting(thread: Thread) -> None:
    """A wait for a lock has ended."""
    for holder in thread.fds.record_locks.values():
        holder.waits_for = None


def _may_lock(entry: Descriptor, kind: int) -> bool:
    """check_fmode_for_setlk()."""
    mode = entry.description.flags & Open.O_ACCMODE
    if kind == LockType.F_RDLCK:
        return mode != Open.O_WRONLY
    return kind != LockType.F_WRLCK or mode != Open.O_RDONLY


def _holder(thread: Thread, entry: Descriptor) -> Holder:
    """The table's own for this file; raises the host's error where it cannot be opened again."""
    table: FdTable = thread.fds
    about = os.fstat(entry.host)
    file = (about.st_dev, about.st_ino)
    holder = table.record_locks.get(file)
    if holder is None:
        others = thread.process.system.record_locks.setdefault(file, [])
        holder = table.record_locks[file] = Holder(_open_again(entry), others)
    return holder


def _open_again(entry: Descriptor) -> int:
    path = f"/proc/self/fd/{entry.host}"
    for mode in (os.O_RDWR, entry.description.flags & Open.O_ACCMODE):
        try:
            return os.open(path, mode | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            failed = error
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK)) from failed


def _ask(thread: Thread, holder: Holder, command: int, lock: bytes) -> tuple[int, bytes]:
    pages = thread.process.scratch
    pages.view[: FLOCK.size] = lock
    result = kernel.call3(numbers.fcntl, holder.host, command, pages.address)
    return result, bytes(pages.view[: FLOCK.size])


def _owner(thread: Thread, holder: Holder, lock: bytes) -> Holder | None:
    """Whose the conflicting lock is: the one that does not meet it. None: somebody's outside of the guest, or a description's."""
    _, whence, start, length, _ = FLOCK.unpack(lock)
    probe = FLOCK.pack(LockType.F_WRLCK, whence, start, length, 0)
    about = os.fstat(holder.host)
    other: Holder
    for other in thread.process.system.record_locks.get((about.st_dev, about.st_ino), ()):
        if other is not holder and other.pid:
            result, found = _ask(thread, other, Fcntl.F_OFD_GETLK, probe)
            if result == 0 and FLOCK.unpack(found)[:4] != FLOCK.unpack(lock)[:4]:
                return other
    return None


def _with_owner(thread: Thread, holder: Holder, found: bytes) -> bytes:
    kind, whence, start, length, pid = FLOCK.unpack(found)
    owner = _owner(thread, holder, found)
    return FLOCK.pack(kind, whence, start, length, pid if owner is None else owner.pid)


def _wait_for(thread: Thread, holder: Holder, wanted: bytes) -> None:
    """Notes for whom this table waits; raises EDEADLK when that one waits for it (posix_locks_deadlock)."""
    result, found = _ask(thread, holder, Fcntl.F_OFD_GETLK, wanted)
    owner = _owner(thread, holder, found) if result == 0 else None
    holder.waits_for = owner
    mine = set(thread.fds.record_locks.values())
    seen: set[Holder] = set()
    while owner is not None and owner not in seen:
        seen.add(owner)
        owner = next((step for step in _of_same_table(thread, owner) if step is not None), None)
        if owner in mine:
            holder.waits_for = None
            raise OSError(errno.EDEADLK, os.strerror(errno.EDEADLK))


def _of_same_table(thread: Thread, holder: Holder) -> "list[Holder | None]":
    """For whom the table of `holder` waits."""
    for process in thread.process.system.living():
        if holder in process.fds.record_locks.values():
            return [held.waits_for for held in process.fds.record_locks.values()]
    return []
