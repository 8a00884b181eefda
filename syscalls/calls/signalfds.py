"""signalfd(2)."""

import errno

from syscalls import signals
from syscalls.args import Fd, FdResult, Size
from syscalls.describe import DESCRIBERS
from syscalls.fds import Description, Descriptor
from syscalls.flags.files import Open
from syscalls.flags.signals import SignalfdFlag
from syscalls.process import Thread
from syscalls.signalfds import SignalFd
from syscalls.table import syscall
from syscalls.types_signals import InMask, SignalfdFlags

_MASK_SIZE = 8
_PARTIAL = "a signal that is pending for one thread makes it readable for the others, too"


@syscall(partial=_PARTIAL)
def signalfd(thread: Thread, fd: Fd, mask: InMask, sizemask: Size) -> FdResult:
    """signalfd(2), the old call without flags."""
    return _signalfd(thread, fd, mask, sizemask, 0)


@syscall(partial=_PARTIAL)
def signalfd4(thread: Thread, fd: Fd, mask: InMask, sizemask: Size, flags: SignalfdFlags) -> FdResult:
    """signalfd(2)."""
    return _signalfd(thread, fd, mask, sizemask, flags)


def _signalfd(thread: Thread, fd: int, address: int, size: int, flags: int) -> int:
    if size != _MASK_SIZE:
        return -errno.EINVAL
    mask = thread.memory.u64(address) & ~signals.UNBLOCKABLE
    if flags & ~(SignalfdFlag.SFD_CLOEXEC | SignalfdFlag.SFD_NONBLOCK):
        return -errno.EINVAL
    process, fds = thread.process, thread.fds
    if fd != -1:
        entry = fds.get(fd)
        operations = entry.description.operations
        if not isinstance(operations, SignalFd):
            return -errno.EINVAL
        operations.change(mask, process)
        return fd
    fds.lowest_free()
    made = SignalFd(mask)
    status = Open.O_RDWR | flags & SignalfdFlag.SFD_NONBLOCK
    description = Description("signalfd", status, path="anon_inode:[signalfd]", pollable=True)
    description.operations = made
    result = fds.add(
        Descriptor(made.stand_in(process.scratch), description, bool(flags & SignalfdFlag.SFD_CLOEXEC))
    )
    made.watch(process)
    return result


def _describe(thread: Thread, entry: Descriptor) -> str:
    return "signalfd"


DESCRIBERS["signalfd"] = _describe
