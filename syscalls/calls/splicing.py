"""Moving data through pipes without copying it: splice, tee, vmsplice (fs/splice.c). The host's pipes do it."""

import errno
import os
import stat
from collections.abc import Callable
from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import Fd, Flags, Result, Size
from syscalls.blocking import AGAIN, IN, OUT, is_ready
from syscalls.calls.vectors import UIO_MAXIOV, Vector
from syscalls.fds import Descriptor
from syscalls.flags import Open
from syscalls.flags.pipes import Splice
from syscalls.process import Thread
from syscalls.streams import EPIPE, PIPE_BUF, broken_pipe, host_address
from syscalls.table import syscall
from syscalls.terminal_files import terminal_file
from syscalls.types_attributes import OffsetAt
from syscalls.types_files import IoVec
from syscalls.wait import RESTARTSYS, Blocking, Wait, Wake

_KNOWN = Splice.SPLICE_F_MOVE | Splice.SPLICE_F_NONBLOCK | Splice.SPLICE_F_MORE | Splice.SPLICE_F_GIFT
_PIECE = 16 << 20  # the most that one host call moves: nothing else runs meanwhile
SpliceFlags = Annotated[int, Flags(Splice)]


def _is_pipe(entry: Descriptor) -> bool:
    return entry.description.operations is None and stat.S_ISFIFO(os.fstat(entry.host).st_mode)


@syscall(partial="terminals, and devices and files of /proc that the bench makes up, are EINVAL")
def splice(
    thread: Thread,
    fd_in: Fd,
    off_in: OffsetAt,
    fd_out: Fd,
    off_out: OffsetAt,
    len: Size,
    flags: SpliceFlags,
) -> Result:
    """splice(2)."""
    if not len:
        return 0
    if flags & ~_KNOWN:
        return -errno.EINVAL
    source, target = thread.fds.get(fd_in), thread.fds.get(fd_out)
    for entry in (source, target):
        if entry.description.operations is not None or terminal_file(entry) is not None:
            return -errno.EINVAL
    places = tuple(host_address(thread, at) if at else 0 for at in (off_in, off_out))
    shared = target.description.pollable and not target.description.host_nonblocking
    count = (
        len if len >> 63 else min(len, PIPE_BUF if shared else _PIECE)
    )  # the host knows what to say to the first

    def attempt() -> int:
        # The host must not wait: neither for the pipe, nor for what is not a pipe and blocks there.
        for entry, events in ((source, IN), (target, OUT)):
            description = entry.description
            if description.pollable and not description.host_nonblocking and not is_ready(entry.host, events):
                return AGAIN
        host_flags = flags | Splice.SPLICE_F_NONBLOCK
        return kernel.call6(numbers.splice, source.host, places[0], target.host, places[1], count, host_flags)

    result = attempt()
    if result == EPIPE:
        return broken_pipe(thread, target)
    if result != AGAIN or _must_not_wait(source, target, flags):
        return result
    return _until_moved(thread, source, target, attempt)


def _must_not_wait(source: Descriptor, target: Descriptor, flags: int) -> bool:
    if flags & Splice.SPLICE_F_NONBLOCK or source.description.nonblocking:
        return True
    return target.description.nonblocking


def _until_moved(
    thread: Thread, source: Descriptor, target: Descriptor, attempt: Callable[[], int], events: int = IN | OUT
) -> Blocking:
    """Waits for something to read, then for room for it; `events` may name one of the two only."""
    fds = thread.fds
    fds.pin(source)
    fds.pin(target)
    try:
        while True:
            if events & IN and source.description.pollable and not is_ready(source.host, IN):
                wake = yield Wait(fds=((source.host, IN),))
            else:
                wake = yield Wait(fds=((target.host, OUT),))
            if wake is Wake.INTERRUPTED:
                return RESTARTSYS
            result = attempt()
            if result == EPIPE:
                return broken_pipe(thread, target)
            if result != AGAIN:
                return result
    finally:
        fds.unpin(target)
        fds.unpin(source)


@syscall
def tee(thread: Thread, fd_in: Fd, fd_out: Fd, len: Size, flags: SpliceFlags) -> Result:
    """tee(2)."""
    if flags & ~_KNOWN:
        return -errno.EINVAL
    if not len:
        return 0
    source, target = thread.fds.get(fd_in), thread.fds.get(fd_out)
    if source.description.operations is not None or target.description.operations is not None:
        return -errno.EINVAL  # a pipe on the host only
    count = min(len, _PIECE)

    def attempt() -> int:
        host_flags = flags | Splice.SPLICE_F_NONBLOCK
        return kernel.call4(numbers.tee, source.host, target.host, count, host_flags)

    result = attempt()
    if result == EPIPE:
        return broken_pipe(thread, target)
    if result != AGAIN or _must_not_wait(source, target, flags):
        return result
    return _until_moved(thread, source, target, attempt)


@syscall
def vmsplice(
    thread: Thread, fd: Fd, iov: Annotated[int, IoVec("nr_segs")], nr_segs: Size, flags: SpliceFlags
) -> Result:
    """vmsplice(2): into a pipe, or out of one. What was put in shows as it was then: it is copied."""
    if flags & ~_KNOWN:
        return -errno.EINVAL
    entry = thread.fds.get(fd)
    if entry.description.flags & Open.O_PATH:
        return -errno.EBADF
    nr_segs &= 0xFFFFFFFF
    if nr_segs > UIO_MAXIOV:
        return -errno.EINVAL
    if not nr_segs:
        return 0
    vector = Vector(thread, iov, nr_segs)
    if not vector.guest:
        return -errno.EFAULT
    if not vector.size:
        return 0
    if not _is_pipe(entry):
        return -errno.EBADF
    writes = bool(entry.description.flags & os.O_ACCMODE)
    number, events = (numbers.writev, OUT) if writes else (numbers.readv, IN)

    def attempt() -> int:
        if not entry.description.host_nonblocking and not is_ready(entry.host, events):
            return AGAIN
        result = kernel.call3(number, entry.host, vector.address, vector.count)
        if result > 0 and not writes:
            vector.wrote(thread, result)
        return result

    result = attempt()
    if result == EPIPE:
        return broken_pipe(thread, entry)
    waits = not flags & Splice.SPLICE_F_NONBLOCK and not entry.description.nonblocking
    return _until_moved(thread, entry, entry, attempt, events) if waits and result == AGAIN else result
