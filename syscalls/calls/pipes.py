"""Descriptors that are made from nothing: pipes, eventfds, memory files."""

import errno
import os

from syscalls import kernel, numbers
from syscalls.args import FdResult, Path, Result, UInt
from syscalls.fds import Description, Descriptor
from syscalls.flags import Eventfd, Memfd, Open
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_files import EventfdFlags, MemfdFlags, PairOut, PipeFlags

EINVAL = -errno.EINVAL
_HOST_FLAGS = Open.O_NONBLOCK | Open.O_CLOEXEC
_MEMFD_NAME_LIMIT = 249
_HUGE_SIZES = 0x3F << 26
"""MFD_HUGE_MASK, shifted: which size of huge pages is wanted."""


@syscall
def pipe(thread: Thread, pipefd: PairOut) -> Result:
    """pipe(2)."""
    return _pipe(thread, pipefd, 0)


@syscall
def pipe2(thread: Thread, pipefd: PairOut, flags: PipeFlags) -> Result:
    """pipe2(2)."""
    return _pipe(thread, pipefd, flags)


def _pipe(thread: Thread, address: int, flags: int) -> int:
    scratch = thread.process.scratch
    result = kernel.call2(numbers.pipe2, scratch.address, (flags | _HOST_FLAGS) & 0xFFFFFFFF)
    if result < 0:
        return result
    fds = thread.fds
    ends = (scratch.words[0], scratch.words[1])
    cloexec = bool(flags & Open.O_CLOEXEC)
    made: list[int] = []
    try:
        reads = Open.O_RDONLY | flags & Open.O_NONBLOCK
        writes = Open.O_WRONLY | flags & (Open.O_NONBLOCK | Open.O_DIRECT)  # packets are the writer's affair
        for host, status in zip(ends, (reads, writes), strict=True):
            description = Description("pipe", status, pollable=True, host_nonblocking=True)
            made.append(fds.add(Descriptor(host, description, cloexec)))
        thread.memory.write(address, made[0].to_bytes(4, "little") + made[1].to_bytes(4, "little"))
    except OSError:
        if not made:
            os.close(ends[1])
        for fd in made:
            fds.close(fd)
        raise
    return 0


@syscall
def eventfd(thread: Thread, count: UInt) -> FdResult:
    """eventfd(2), the old call without flags."""
    return _eventfd(thread, count, 0)


@syscall
def eventfd2(thread: Thread, count: UInt, flags: EventfdFlags) -> FdResult:
    """eventfd(2)."""
    return _eventfd(thread, count, flags)


def _eventfd(thread: Thread, count: int, flags: int) -> int:
    if flags & ~(Eventfd.EFD_SEMAPHORE | Eventfd.EFD_NONBLOCK | Eventfd.EFD_CLOEXEC):
        return EINVAL
    host = kernel.call2(numbers.eventfd2, count, flags | _HOST_FLAGS)
    if host < 0:
        return host
    status = Open.O_RDWR | (flags & Eventfd.EFD_NONBLOCK)
    description = Description("eventfd", status, pollable=True, host_nonblocking=True)
    return thread.fds.add(Descriptor(host, description, bool(flags & Eventfd.EFD_CLOEXEC)))


@syscall
def memfd_create(thread: Thread, name: Path, flags: MemfdFlags) -> FdResult:
    """memfd_create(2). Huge pages are refused with ENOSYS, as by a kernel without hugetlbfs."""
    known = Memfd.MFD_CLOEXEC | Memfd.MFD_ALLOW_SEALING | Memfd.MFD_NOEXEC_SEAL | Memfd.MFD_EXEC
    huge = flags & Memfd.MFD_HUGETLB
    if flags & ~(known | (_HUGE_SIZES | Memfd.MFD_HUGETLB if huge else 0)):
        return EINVAL
    if flags & Memfd.MFD_NOEXEC_SEAL and flags & Memfd.MFD_EXEC:
        return EINVAL
    try:
        text = thread.memory.cstring(name, _MEMFD_NAME_LIMIT + 1)
    except OSError as error:
        return EINVAL if error.errno == errno.ENAMETOOLONG else -errno.EFAULT
    if huge:
        return -errno.ENOSYS
    try:
        host = os.memfd_create(os.fsdecode(text), flags | Memfd.MFD_CLOEXEC)
    except OSError as error:
        return -(error.errno or errno.ENOMEM)
    description = Description("file", Open.O_RDWR | Open.O_LARGEFILE, path="memfd:" + os.fsdecode(text))
    return thread.fds.add(Descriptor(host, description, bool(flags & Memfd.MFD_CLOEXEC)))
