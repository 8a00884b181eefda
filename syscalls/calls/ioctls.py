"""ioctl: what descriptors can be asked beyond reading and writing."""

import errno

from syscalls import kernel, numbers, terminal_ioctls
from syscalls.args import Fd
from syscalls.calls.control import set_status_flags, status_flags
from syscalls.fds import Descriptor
from syscalls.flags import Ioctl, Open
from syscalls.process import Thread
from syscalls.streams import host_address
from syscalls.table import syscall
from syscalls.terminal_files import terminal_file
from syscalls.types_ioctl import IoctlArg, IoctlRequest, IoctlResult

EBADF = -errno.EBADF
EINVAL = -errno.EINVAL

# Requests that read or write one fixed structure and nothing else, by the kinds of descriptor that know them. Whatever
# else the host might know (network interfaces, devices) is not the guest's to ask for.
_SOCKET = frozenset((Ioctl.TIOCOUTQ, Ioctl.SIOCATMARK, Ioctl.SIOCGSTAMP, Ioctl.SIOCGSTAMPNS))
_FILE = frozenset((Ioctl.FS_IOC_GETFLAGS, Ioctl.FS_IOC_GETVERSION))
_OWN_REQUESTS = {"tty": 0x54, "socket": 0x89, "device": 0x52}
"""The second byte of the requests that Linux knows for a kind, and that are noted when they are refused."""

_EVERYWHERE = frozenset((Ioctl.FIONREAD, Ioctl.FIOQSIZE, Ioctl.FIGETBSZ))
_KNOWN = {"socket": _SOCKET, "file": _FILE, "directory": _FILE}


@syscall(partial="terminals, but TIOCSTI is refused; files and sockets: FIONREAD and kin")
def ioctl(thread: Thread, fd: Fd, request: IoctlRequest, argp: IoctlArg) -> IoctlResult:
    """ioctl(2)."""
    entry = thread.fds.entries.get(fd)
    if entry is None or entry.description.flags & Open.O_PATH:
        return EBADF
    description = entry.description
    if request == Ioctl.FIOCLEX or request == Ioctl.FIONCLEX:
        entry.cloexec = request == Ioctl.FIOCLEX
        return 0
    if request == Ioctl.FIONBIO:
        on = thread.memory.u32(argp)
        description.nonblocking = bool(on)
        description.flags = description.flags & ~Open.O_NONBLOCK | (Open.O_NONBLOCK if on else 0)
        return 0
    if request == Ioctl.FIOASYNC:
        return _set_async(thread, entry, thread.memory.u32(argp))
    file = terminal_file(entry)
    if file is not None:
        result = terminal_ioctls.request(thread, entry, file, request, argp)
        if result is not None:
            return result
    if request == Ioctl.FS_IOC_FIEMAP:
        return (
            -errno.EOPNOTSUPP
        )  # as on a file system that does not tell where its blocks lie (ioctl_fiemap in fs/ioctl.c)
    if request == Ioctl.FIBMAP and description.kind == "file":
        return -errno.EPERM  # without CAP_SYS_RAWIO
    if request not in _EVERYWHERE and request not in _KNOWN.get(description.kind, ()):
        if request >> 8 & 0xFF == _OWN_REQUESTS.get(description.kind):
            name = Ioctl.text(request)
            # One note for all that have no name: a guest chooses the numbers.
            key = f"ioctl {description.kind}" if name.startswith("0x") else f"ioctl {name}"
            thread.bench.note_once(key, f"ioctl {name} on a {description.kind} is not offered: ENOTTY")
        # ep_eventpoll_ioctl in fs/eventpoll.c has words of its own.
        return EINVAL if description.kind == "epoll" else -errno.ENOTTY
    if description.kind in ("signalfd", "pidfd") and request == Ioctl.FIONREAD:
        return -errno.ENOTTY
    return kernel.call3(numbers.ioctl, entry.host, request, host_address(thread, argp))


def _set_async(thread: Thread, entry: Descriptor, on: int) -> int:
    flags = status_flags(entry)
    if bool(on) == bool(flags & Open.O_ASYNC):
        return 0
    # Unlike F_SETFL this asks the file whether it can signal at all (ioctl_fioasync in fs/ioctl.c).
    if entry.description.kind in ("file", "directory", "eventfd", "epoll", "signalfd", "timerfd"):
        return -errno.ENOTTY
    return set_status_flags(thread, entry, flags & ~Open.O_ASYNC | (Open.O_ASYNC if on else 0))
