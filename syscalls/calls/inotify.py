"""Being told of changes to files: inotify(7), on an inotify instance of the host."""

import ctypes
import errno

from syscalls import kernel, numbers
from syscalls.args import Fd, FdResult, Int, Path, Result
from syscalls.calls.paths import files_of, read_path
from syscalls.fds import Description, Descriptor
from syscalls.flags import At, Open
from syscalls.flags.inotify import Inotify, InotifyInit
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_attributes import InotifyFlags, InotifyMask

EINVAL = -errno.EINVAL

VALID = 0xF7000000 | Inotify.IN_ALL_EVENTS | Inotify.IN_UNMOUNT | Inotify.IN_Q_OVERFLOW | Inotify.IN_IGNORED
"""What a mask must have some bit of, and nothing else (ALL_INOTIFY_BITS in include/linux/inotify.h)."""

BOTH = Inotify.IN_MASK_ADD | Inotify.IN_MASK_CREATE


@syscall
def inotify_init(thread: Thread) -> FdResult:
    """inotify_init(2), the old call without flags."""
    return _init(thread, 0)


@syscall
def inotify_init1(thread: Thread, flags: InotifyFlags) -> FdResult:
    """inotify_init1(2)."""
    return _init(thread, flags)


def _init(thread: Thread, flags: int) -> int:
    if flags & ~(InotifyInit.IN_NONBLOCK | InotifyInit.IN_CLOEXEC):
        return EINVAL
    thread.fds.lowest_free()
    host = kernel.call1(numbers.inotify_init1, InotifyInit.IN_NONBLOCK | InotifyInit.IN_CLOEXEC)
    if host < 0:
        return host
    status = Open.O_RDONLY | flags & Open.O_NONBLOCK
    description = Description(
        "inotify", status, path="anon_inode:inotify", pollable=True, host_nonblocking=True
    )
    return thread.fds.add(Descriptor(host, description, bool(flags & InotifyInit.IN_CLOEXEC)))


@syscall
def inotify_add_watch(thread: Thread, fd: Fd, pathname: Path, mask: InotifyMask) -> Result:
    """inotify_add_watch(2)."""
    if not mask & VALID or mask & 0xFFFFFFFF & ~VALID or mask & BOTH == BOTH:
        return EINVAL
    entry = thread.fds.get(fd)
    if entry.description.kind != "inotify":
        return -errno.EBADF if entry.description.flags & Open.O_PATH else EINVAL
    follow = not mask & Inotify.IN_DONT_FOLLOW
    with files_of(thread).walk(thread, At.AT_FDCWD, read_path(thread, pathname), follow) as found:
        # By its descriptor: the link of /proc is followed to what the walk has found, be that a symbolic link.
        place = ctypes.create_string_buffer(b"/proc/self/fd/%d" % found.require())
        host_mask = mask & ~Inotify.IN_DONT_FOLLOW
        return kernel.call3(numbers.inotify_add_watch, entry.host, ctypes.addressof(place), host_mask)


@syscall
def inotify_rm_watch(thread: Thread, fd: Fd, wd: Int) -> Result:
    """inotify_rm_watch(2)."""
    return kernel.call2(numbers.inotify_rm_watch, thread.fds.get(fd).host, wd & 0xFFFFFFFF)
