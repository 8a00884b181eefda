"""Descriptors that a guest is born with: what the bench itself was given as stdin, stdout and stderr."""

import fcntl
import os
import stat

from syscalls.fds import Description, Descriptor

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
_SETTABLE = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def inherited(host_fd: int) -> Descriptor:
    """A guest descriptor on the open file of a host descriptor, which stays the caller's.

    Where Linux can open the same pipe or terminal once more, the guest's descriptor gets O_NONBLOCK there, which nobody
    else notices. Sockets and files are shared as a child shares its parent's: a socket may then block on the host, so
    every call on it polls first.
    """
    flags = fcntl.fcntl(host_fd, fcntl.F_GETFL)
    mode = os.fstat(host_fd).st_mode
    terminal = os.isatty(host_fd)
    kind = "tty" if terminal else _KINDS.get(stat.S_IFMT(mode), "device")
    waits = kind in ("tty", "pipe", "socket")
    host = -1
    if waits and kind != "socket":
        try:
            host = os.open(f"/proc/self/fd/{host_fd}", flags & os.O_ACCMODE | _SETTABLE)
        except OSError:
            pass  # a terminal that belongs to another user, a FIFO without its other end: shared, then
    reopened = host >= 0
    if not reopened:
        host = fcntl.fcntl(host_fd, fcntl.F_DUPFD_CLOEXEC, 3)
    description = Description(
        kind, flags, pollable=waits, host_nonblocking=waits and (reopened or bool(flags & os.O_NONBLOCK))
    )
    return Descriptor(host, description)
