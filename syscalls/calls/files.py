"""Calls on open descriptors: read, write and their positioned forms, close, close_range, lseek, dup and its kin."""

import errno
from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import Fd, FdResult, InBytes, OutBytes, Result, Size, UInt
from syscalls.blocking import AGAIN
from syscalls.flags import Open
from syscalls.flags.attributes import CloseRange
from syscalls.kernel import call3
from syscalls.memory import TASK_SIZE
from syscalls.process import Thread
from syscalls.streams import (
    MAX_RW_COUNT,
    NOWHERE,
    STREAMS,
    broken_pipe,
    host_address,
    read_waiting,
    write_waiting,
)
from syscalls.table import syscall
from syscalls.types_attributes import CloseRangeFlags
from syscalls.types_files import DupFlags, Offset, Whence
from syscalls.virtual import Listing, TextFile

EBADF = -errno.EBADF
EINVAL = -errno.EINVAL
EPIPE = -errno.EPIPE

_FCNTL = numbers.fcntl
_F_DUPFD_CLOEXEC = 1030


@syscall
def read(thread: Thread, fd: Fd, buf: Annotated[int, OutBytes()], count: Size) -> Result:
    """read(2)."""
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    memory = thread.memory
    try:
        address = memory.host(buf)
    except OSError:
        address = NOWHERE  # the kernel checks the descriptor before the buffer: let it
    if buf + count > TASK_SIZE:
        address = NOWHERE
    if count > MAX_RW_COUNT:
        count = MAX_RW_COUNT
    description = entry.description
    if not description.host_nonblocking and (description.pollable or description.operations is not None):
        return read_waiting(thread, entry, buf, address, count)
    result = call3(0, entry.host, address, count)
    if result > 0:
        memory.wrote(buf, result)
    elif result == AGAIN and not description.nonblocking:
        return read_waiting(thread, entry, buf, address, count)
    return result


@syscall
def write(thread: Thread, fd: Fd, buf: Annotated[int, InBytes("count")], count: Size) -> Result:
    """write(2)."""
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    try:
        address = thread.memory.host(buf)
    except OSError:
        address = NOWHERE
    if buf + count > TASK_SIZE:
        address = NOWHERE
    if count > MAX_RW_COUNT:
        count = MAX_RW_COUNT
    description = entry.description
    if description.pollable and not description.host_nonblocking:
        return write_waiting(thread, entry, buf, address, count, 0)
    result = call3(1, entry.host, address, count)
    if result == count:
        return result
    if result == EPIPE:
        return broken_pipe(thread, entry)
    if description.nonblocking or not description.pollable:
        return result
    if result == AGAIN or (result > 0 and description.kind in STREAMS):
        return write_waiting(thread, entry, buf, address, count, max(result, 0))
    return result


def _place(thread: Thread, buf: int, count: int) -> tuple[int, int]:
    """Where the host finds a buffer, and how much of it Linux transfers; `read` and `write` do the same in line, for speed."""
    address = host_address(thread, buf) if buf + count <= TASK_SIZE else NOWHERE
    return address, min(count, MAX_RW_COUNT)


@syscall
def pread64(thread: Thread, fd: Fd, buf: Annotated[int, OutBytes()], count: Size, offset: Offset) -> Result:
    """pread(2)."""
    if offset < 0:
        return EINVAL
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    address, count = _place(thread, buf, count)
    operations = entry.description.operations
    if isinstance(operations, TextFile):
        return operations.read_at(thread, buf, count, offset)
    if operations is not None and not entry.description.pollable:
        return operations.read(thread, buf, count)
    result = kernel.call4(numbers.pread64, entry.host, address, count, offset)
    if result > 0:
        thread.memory.wrote(buf, result)
    return result


@syscall
def pwrite64(
    thread: Thread, fd: Fd, buf: Annotated[int, InBytes("count")], count: Size, offset: Offset
) -> Result:
    """pwrite(2)."""
    if offset < 0:
        return EINVAL
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    address, count = _place(thread, buf, count)
    return kernel.call4(numbers.pwrite64, entry.host, address, count, offset)


@syscall
def close(thread: Thread, fd: Fd) -> Result:
    """close(2)."""
    thread.fds.close(fd)
    return 0


@syscall
def close_range(thread: Thread, first: UInt, last: UInt, flags: CloseRangeFlags) -> Result:
    """close_range(2)."""
    if flags & ~(CloseRange.CLOSE_RANGE_UNSHARE | CloseRange.CLOSE_RANGE_CLOEXEC) or first > last:
        return EINVAL
    if flags & CloseRange.CLOSE_RANGE_UNSHARE:
        thread.bench.unshare_fds(thread)
    fds = thread.fds
    for fd in [fd for fd in fds if first <= fd <= last]:
        if flags & CloseRange.CLOSE_RANGE_CLOEXEC:
            fds.entries[fd].cloexec = True
        else:
            fds.close(fd)
    return 0


@syscall
def lseek(thread: Thread, fd: Fd, offset: Offset, whence: Whence) -> Result:
    """lseek(2)."""
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    operations = entry.description.operations
    if isinstance(operations, TextFile | Listing):
        return operations.seek(offset, whence)
    return call3(numbers.lseek, entry.host, offset, whence & 0xFFFFFFFF)


@syscall
def dup(thread: Thread, fildes: Fd) -> FdResult:
    """dup(2)."""
    return duplicate(thread, fildes, 0, False)


@syscall
def dup2(thread: Thread, oldfd: Fd, newfd: Fd) -> FdResult:
    """dup2(2)."""
    if oldfd == newfd:
        thread.fds.get(oldfd)
        return newfd
    return duplicate_onto(thread, oldfd, newfd, False)


@syscall
def dup3(thread: Thread, oldfd: Fd, newfd: Fd, flags: DupFlags) -> FdResult:
    """dup3(2)."""
    if flags & ~Open.O_CLOEXEC or oldfd == newfd:
        return EINVAL
    return duplicate_onto(thread, oldfd, newfd, bool(flags))


def duplicate(thread: Thread, fd: int, minimum: int, cloexec: bool) -> int:
    """A second number for `fd`'s description: the lowest free one from `minimum` on. Raises EBADF, EMFILE."""
    fds = thread.fds
    entry = fds.get(fd)
    fds.lowest_free(minimum)
    host = call3(_FCNTL, entry.host, _F_DUPFD_CLOEXEC, 3)
    if host < 0:
        return host
    return fds.add(entry.copy(host, cloexec), minimum)


def duplicate_onto(thread: Thread, old: int, new: int, cloexec: bool) -> int:
    """dup2(2) of different numbers."""
    fds = thread.fds
    if not 0 <= new < fds.limit:
        return EBADF
    entry = fds.get(old)
    host = call3(_FCNTL, entry.host, _F_DUPFD_CLOEXEC, 3)
    if host < 0:
        return host
    fds.put(new, entry.copy(host, cloexec))
    return new
