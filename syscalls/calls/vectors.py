"""Scattered reads and gathered writes: readv, writev and their positioned forms."""

import ctypes
import errno
import struct
from typing import Annotated

from syscalls import kernel, numbers, terminal_files
from syscalls.args import Fd, Result, Size
from syscalls.blocking import AGAIN, IN, OUT, interrupted, is_ready, time_limit, until_ready
from syscalls.fds import Descriptor
from syscalls.flags import ReadWrite
from syscalls.memory import TASK_SIZE
from syscalls.process import Thread
from syscalls.streams import MAX_RW_COUNT, NOWHERE, PIPE_BUF, STREAMS, broken_pipe, read_imitated
from syscalls.table import syscall
from syscalls.terminal_files import TerminalFile, terminal_file
from syscalls.types_files import HighHalf, IoVec, Offset, OutIoVec, ReadWriteFlags
from syscalls.wait import Blocking, Wait, Wake

EBADF = -errno.EBADF
EINVAL = -errno.EINVAL
UIO_MAXIOV = 1024


class Vector:
    """A guest's iovec array, checked by nobody yet, as an array of host addresses that the kernel will check.

    `size` is the total as far as it can be known. What cannot be translated becomes what the kernel answers in the
    same way: EFAULT, EINVAL.
    """

    __slots__ = ("address", "count", "first", "guest", "size", "table")

    def __init__(self, thread: Thread, address: int, count: int) -> None:
        memory = thread.memory
        self.count = count
        self.guest: tuple[int, ...] = ()
        self.size = 0
        self.first = 0
        if not 0 < count <= UIO_MAXIOV:
            self.address = NOWHERE
            return
        try:
            self.guest = struct.unpack(f"<{2 * count}Q", memory.read(address, 16 * count))
        except OSError:
            self.address = NOWHERE
            return
        table = (ctypes.c_uint64 * (2 * count))(*self.guest)
        for at in range(0, 2 * count, 2):
            base, length = table[at], table[at + 1]
            try:
                table[at] = memory.host(base) if base + length <= TASK_SIZE else NOWHERE
            except OSError:
                table[at] = NOWHERE
            self.size += length
        if self.size > MAX_RW_COUNT:
            self.size = MAX_RW_COUNT
        self.table = table
        self.address = ctypes.addressof(table)

    def wrote(self, thread: Thread, size: int) -> None:
        """Tells that the kernel stored the first `size` bytes."""
        for at in range(0, len(self.guest), 2):
            if size <= 0:
                return
            thread.memory.wrote(self.guest[at], min(size, self.guest[at + 1]))
            size -= self.guest[at + 1]

    def gathered(self, thread: Thread) -> bytes:
        """The bytes of all elements, as far as they can be read."""
        parts = []
        for at in range(0, len(self.guest), 2):
            size = thread.memory.readable(self.guest[at], self.guest[at + 1])
            parts.append(thread.memory.read(self.guest[at], size) if size else b"")
            if size < self.guest[at + 1]:
                break
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Leaves out the next `size` bytes: they are transferred."""
        while size:
            at = self.first * 2
            part = min(size, self.table[at + 1])
            self.table[at] += part
            self.table[at + 1] -= part
            size -= part
            if not self.table[at + 1]:
                self.drop_first()

    def drop_first(self) -> None:
        """Leaves out the first element."""
        self.first += 1
        self.address += 16
        self.count -= 1


@syscall
def readv(thread: Thread, fd: Fd, iov: Annotated[int, OutIoVec("iovcnt")], iovcnt: Size) -> Result:
    """readv(2)."""
    return _read(thread, fd, iov, iovcnt, -1, 0)


@syscall
def writev(thread: Thread, fd: Fd, iov: Annotated[int, IoVec("iovcnt")], iovcnt: Size) -> Result:
    """writev(2)."""
    return _write(thread, fd, iov, iovcnt, -1, 0)


@syscall
def preadv(
    thread: Thread,
    fd: Fd,
    iov: Annotated[int, OutIoVec("iovcnt")],
    iovcnt: Size,
    offset: Offset,
    high: HighHalf,
) -> Result:
    """preadv(2). On x86_64 the whole offset is in `offset`."""
    if offset < 0:
        return EINVAL
    return _read(thread, fd, iov, iovcnt, offset, 0)


@syscall
def pwritev(
    thread: Thread, fd: Fd, iov: Annotated[int, IoVec("iovcnt")], iovcnt: Size, offset: Offset, high: HighHalf
) -> Result:
    """pwritev(2)."""
    if offset < 0:
        return EINVAL
    return _write(thread, fd, iov, iovcnt, offset, 0)


@syscall
def preadv2(
    thread: Thread,
    fd: Fd,
    iov: Annotated[int, OutIoVec("iovcnt")],
    iovcnt: Size,
    offset: Offset,
    high: HighHalf,
    flags: ReadWriteFlags,
) -> Result:
    """preadv2(2): offset -1 is the file position."""
    if offset < -1:
        return EINVAL
    return _read(thread, fd, iov, iovcnt, offset, flags)


@syscall
def pwritev2(
    thread: Thread,
    fd: Fd,
    iov: Annotated[int, IoVec("iovcnt")],
    iovcnt: Size,
    offset: Offset,
    high: HighHalf,
    flags: ReadWriteFlags,
) -> Result:
    """pwritev2(2)."""
    if offset < -1:
        return EINVAL
    return _write(thread, fd, iov, iovcnt, offset, flags)


def _host(number: int, entry: Descriptor, vector: Vector, offset: int, flags: int) -> int:
    return kernel.call6(number, entry.host, vector.address, vector.count, offset, 0, flags & 0xFFFFFFFF)


def _read(thread: Thread, fd: int, iov: int, count: int, offset: int, flags: int) -> Result:
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    description = entry.description
    vector = Vector(thread, iov, count)
    if description.operations is not None and vector.guest:
        if description.pollable and offset != -1:
            return _host(numbers.preadv2, entry, vector, offset, flags)  # which has no position
        return read_imitated(thread, entry, lambda: _read_device(thread, entry, vector))
    file = terminal_file(entry)
    if file is not None and vector.guest and offset == -1 and not flags:
        return _read_terminal(thread, entry, file, vector)
    may_block = description.pollable and not description.host_nonblocking and vector.size > 0 and offset == -1
    polls_first = may_block and description.kind != "socket"
    host_flags = flags | ReadWrite.RWF_NOWAIT if may_block and not polls_first else flags

    def attempt() -> int:
        if polls_first and not is_ready(entry.host, IN):
            return AGAIN
        result = _host(numbers.preadv2, entry, vector, offset, host_flags)
        if result > 0:
            vector.wrote(thread, result)
        return result

    result = attempt()
    if result == AGAIN and not description.nonblocking and not flags & ReadWrite.RWF_NOWAIT:
        return until_ready(thread, entry, IN, attempt, time_limit(thread, entry, "receive_timeout"))
    return result


def _read_terminal(thread: Thread, entry: Descriptor, file: TerminalFile, vector: Vector) -> Result:
    skipped = 0

    def attempt(done: int) -> int:
        nonlocal skipped
        vector.skip(done - skipped)
        skipped = done
        result = _host(numbers.preadv2, entry, vector, -1, 0)
        if result > 0:
            vector.wrote(thread, done + result)
        return result

    return terminal_files.read(thread, entry, file, vector.size, attempt)


def _write_terminal(thread: Thread, entry: Descriptor, file: TerminalFile, vector: Vector) -> Result:
    skipped = 0

    def attempt(done: int) -> int:
        nonlocal skipped
        vector.skip(done - skipped)
        skipped = done
        return _host(numbers.pwritev2, entry, vector, -1, 0)

    def data(start: int, size: int) -> bytes:
        return vector.gathered(thread)[start : start + size]

    return terminal_files.write(thread, entry, file, vector.size, attempt, data)


def _read_device(thread: Thread, entry: Descriptor, vector: Vector) -> int:
    operations = entry.description.operations
    assert operations is not None
    done = 0
    for at in range(0, len(vector.guest), 2):
        length = min(vector.guest[at + 1], MAX_RW_COUNT - done)
        result = operations.read(thread, vector.guest[at], length)
        if result < 0:
            return done or result
        done += result
        if result < length:
            break
    return done


def _write(thread: Thread, fd: int, iov: int, count: int, offset: int, flags: int) -> Result:
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    description = entry.description
    vector = Vector(thread, iov, count)
    file = terminal_file(entry)
    if file is not None and vector.guest and offset == -1 and not flags:
        return _write_terminal(thread, entry, file, vector)
    if description.pollable and not description.host_nonblocking and vector.size > 0 and offset == -1:
        if description.operations is not None:
            return _host(numbers.pwritev2, entry, vector, offset, flags)  # which the stand-in refuses
        if description.nonblocking or flags & ReadWrite.RWF_NOWAIT:
            result = _write_part(entry, vector, flags)
            return broken_pipe(thread, entry) if result == -errno.EPIPE else result
        return _write_on(thread, entry, vector, flags, 0)
    result = _host(numbers.pwritev2, entry, vector, offset, flags)
    if result == vector.size:
        return result
    if result == -errno.EPIPE:
        return broken_pipe(thread, entry)
    if description.nonblocking or not description.pollable or flags & ReadWrite.RWF_NOWAIT:
        return result
    if result == AGAIN or (result > 0 and description.kind in STREAMS):
        return _write_on(thread, entry, vector, flags, max(result, 0))
    return result


def _write_part(entry: Descriptor, vector: Vector, flags: int) -> int:
    """One write to a descriptor that may block on the host: no more than goes through for sure."""
    if entry.description.kind == "socket":
        return _host(numbers.pwritev2, entry, vector, -1, flags | ReadWrite.RWF_NOWAIT)
    if not is_ready(entry.host, OUT):
        return AGAIN
    if vector.size <= PIPE_BUF:
        return _host(numbers.pwritev2, entry, vector, -1, flags)
    while not vector.table[2 * vector.first + 1]:
        vector.drop_first()
    base, length = vector.table[2 * vector.first : 2 * vector.first + 2]
    return kernel.call3(numbers.write, entry.host, base, min(length, PIPE_BUF))


def _write_on(thread: Thread, entry: Descriptor, vector: Vector, flags: int, done: int) -> Blocking:
    polls_first = not entry.description.host_nonblocking
    size = vector.size
    deadline = time_limit(thread, entry, "send_timeout")
    fds = thread.fds
    fds.pin(entry)
    vector.skip(done)
    try:
        while True:
            if polls_first:
                result = _write_part(entry, vector, flags)
            else:
                result = _host(numbers.pwritev2, entry, vector, -1, flags)
            if result == AGAIN:
                wake = yield Wait(fds=((entry.host, OUT),), deadline=deadline)
                if wake is Wake.INTERRUPTED:
                    return done or interrupted(deadline)
                if wake is Wake.TIMEOUT:
                    return done or AGAIN
                continue
            if result == -errno.EPIPE:
                result = broken_pipe(thread, entry, done)
            if result <= 0:
                return done or result
            done += result
            if done >= size:
                return done
            vector.skip(result)
    finally:
        fds.unpin(entry)
