"""kcmp(2): whether two processes use the same thing of the kernel's (kernel/kcmp.c)."""

import errno
import os
import struct
from typing import Annotated

from syscalls import family
from syscalls.args import Flags, Result, Size
from syscalls.fds import Description
from syscalls.flags.system import Kcmp
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_volatile import Pid


@syscall
def kcmp(
    thread: Thread, pid1: Pid, pid2: Pid, type: Annotated[int, Flags(Kcmp)], idx1: Size, idx2: Size
) -> Result:
    """kcmp(2): 0 when they are the same; which of two others comes first follows from when they were made."""
    first, second = _named(thread, pid1), _named(thread, pid2)
    family.check_access(thread, first.process)
    family.check_access(thread, second.process)
    if type == Kcmp.KCMP_FILE:
        one, two = _description(first, idx1), _description(second, idx2)
    elif type == Kcmp.KCMP_EPOLL_TFD:
        two = _watched(thread, second, idx2)
        one = _description(first, idx1)
    elif type == Kcmp.KCMP_VM:
        one, two = first.memory, second.memory
    elif type == Kcmp.KCMP_FILES:
        one, two = first.fds, second.fds
    elif type == Kcmp.KCMP_FS:
        one, two = first.files, second.files
    elif type == Kcmp.KCMP_SIGHAND:
        one, two = first.process.actions, second.process.actions
    elif type == Kcmp.KCMP_IO:
        one, two = _io(first), _io(second)
    elif type == Kcmp.KCMP_SYSVSEM:
        one, two = _undo(first), _undo(second)
    else:
        return -errno.EINVAL
    if one is two:
        return 0
    return 1 if id(one) < id(two) else 2


def _named(thread: Thread, pid: int) -> Thread:
    found = thread.process.system.thread(pid) if pid > 0 else None
    if found is None:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    return found


def _description(thread: Thread, fd: int) -> object:
    entry = thread.fds.entries.get(fd & 0xFFFFFFFF)
    if entry is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return entry.description


def _watched(thread: Thread, other: Thread, address: int) -> Description:
    """The open file behind struct kcmp_epoll_slot; raises EFAULT, EBADF, EINVAL, ENOENT."""
    epoll_fd, target, offset = struct.unpack("<III", thread.memory.read(address, 12))
    epoll = other.fds.get(epoll_fd)
    if epoll.description.kind != "epoll":
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    entry = other.fds.entries.get(target)
    if entry is None or offset or not _is_in(epoll.host, entry.host):
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    return entry.description


def _is_in(epoll_host: int, host: int) -> bool:
    with open(f"/proc/self/fdinfo/{epoll_host}", "rb") as info:
        return any(line.split()[:2] == [b"tfd:", b"%d" % host] for line in info)


def _io(thread: Thread) -> object:
    """The I/O context: a thread has one once it has set a priority."""
    return thread if thread.scheduling is not None and thread.scheduling.io_priority else None


def _undo(thread: Thread) -> object:
    ipc = thread.process.system.ipc
    return None if ipc is None else ipc.undo_of(thread.process)
