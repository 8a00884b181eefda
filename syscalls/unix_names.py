"""Addresses of Unix sockets, between the guest's and the host's names.

Abstract names are one flat space for the whole host; a guest's get a prefix of their run, so that it neither meets
other programs' sockets nor another guest's. Path names are resolved inside the guest's roots and handed to the host's
kernel as `/proc/self/fd/N/NAME`; what the kernel then reports is translated back. With the reach "host" abstract
names are the host's.
"""

import errno
import os
from contextlib import AbstractContextManager
from typing import Protocol

from syscalls import kernel, network, numbers
from syscalls.flags.net import AddressFamily
from syscalls.process import Thread

FAMILY = AddressFamily.AF_UNIX.to_bytes(2, "little")
PATH_SIZE = 108
"""sizeof(sun_path): unix(7)."""

_PRIME = 2**255 - 19

_REMEMBERED = 1024
"""How many translated names are kept: a guest may bind without end."""


class Roots(Protocol):
    """What is asked of the guest's file system: host descriptors for what a path names, inside the roots."""

    def socket_parent(self, thread: Thread, path: bytes) -> tuple[int, bytes]:
        """An O_PATH host descriptor of the directory in which to create `path`, and the last component."""
        ...

    def masked(self) -> AbstractContextManager[None]:
        """While it lasts the bench's umask is the guest's."""
        ...

    def socket_node(self, thread: Thread, path: bytes) -> int:
        """An O_PATH host descriptor of what `path` names, symbolic links followed."""
        ...


class UnixNames:
    """One run's translation. `prefix` sets its abstract names apart; empty: they are the host's."""

    def __init__(self, prefix: bytes) -> None:
        self.prefix = prefix
        self._guest: dict[
            bytes, bytes
        ] = {}  # host sun_path (with its leading NUL if abstract) -> the guest's
        self._next = 0

    def abstract(self, name: bytes) -> bytes:
        """The host's sun_path for the abstract name `name` (without its leading NUL)."""
        if not self.prefix:
            return b"\0" + name
        whole = b"\0" + self.prefix + b"=" + name
        if len(whole) <= PATH_SIZE:
            return whole
        # Shorter by a residue: names that a person would choose do not collide, and others hurt nobody but the guest.
        whole = b"\0" + self.prefix + b"#%d:%x" % (len(name), int.from_bytes(name, "big") % _PRIME)
        self.remember(whole, b"\0" + name)
        return whole

    def remember(self, host: bytes, guest: bytes) -> None:
        """Notes what the guest calls a host name."""
        if len(self._guest) >= _REMEMBERED:
            del self._guest[next(iter(self._guest))]
        self._guest[host] = guest

    def is_known(self, host: bytes) -> bool:
        """Whether a host name is in use already: names made of descriptor numbers repeat."""
        return host in self._guest

    def automatic(self) -> bytes:
        """The next abstract name for a socket that asks for one: five hexadecimal digits (unix(7), "autobind")."""
        self._next = (self._next + 1) & 0xFFFFF
        return b"%05x" % self._next

    def to_guest(self, name: bytes) -> bytes:
        """A sockaddr_un as the host reports it, as the guest has to see it."""
        path = name[2:]
        if not path:
            return name
        if path[0]:
            known = self._guest.get(path.rstrip(b"\0"))
            return name if known is None else FAMILY + known + b"\0"
        own = b"\0" + self.prefix + b"="
        if self.prefix and path.startswith(own):
            return FAMILY + b"\0" + path[len(own) :]
        known = self._guest.get(path)
        return name if known is None else FAMILY + known


def names_of(thread: Thread) -> UnixNames:
    """The translation of the thread's run, made at its first use."""
    here = thread.process.network
    if here.names is None:
        own = b"" if here.reach == network.HOST else b"emu-" + os.urandom(4).hex().encode()
        here.names = UnixNames(own)
    found = here.names
    assert isinstance(found, UnixNames)
    return found


def sun_path(name: bytes) -> bytes:
    """The path or (with its leading NUL) abstract name in a sockaddr_un; b"" for an autobind request.

    Raises EINVAL as unix_validate_addr in net/unix/af_unix.c does, but for a length of exactly two.
    """
    if len(name) < 2 or len(name) > 2 + PATH_SIZE or name[:2] != FAMILY:
        raise OSError(errno.EINVAL, "not a Unix address")
    path = name[2:]
    if path[:1] in (b"", b"\0"):
        return path
    return path.partition(b"\0")[0]


class HostName:
    """A host sockaddr that holds a descriptor alive while a call uses it: `with destination(...) as name`.

    None: the call is to get no name at all.
    """

    __slots__ = ("_fd", "name")

    def __init__(self, name: bytes | None, fd: int = -1) -> None:
        self.name = name
        self._fd = fd

    def __enter__(self) -> bytes | None:
        return self.name

    def __exit__(self, *error: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def destination(thread: Thread, name: bytes) -> HostName:
    """The host's name for the socket that the guest calls `name`; raises what the path look-up raises, EINVAL."""
    path = sun_path(name)
    if not path:
        raise OSError(errno.EINVAL, "an empty address")
    if not path[0]:
        return HostName(FAMILY + names_of(thread).abstract(path[1:]))
    fd = roots(thread).socket_node(thread, path)
    return HostName(FAMILY + b"/proc/self/fd/%d" % fd, fd)


def bind(thread: Thread, host_fd: int, name: bytes) -> int:
    """bind(2) of a Unix socket: 0 or -errno; raises what the path look-up raises."""
    path = sun_path(name)
    if not path:
        return bind_automatically(thread, host_fd)
    if not path[0]:
        return _bind(thread, host_fd, names_of(thread).abstract(path[1:]))
    return _bind_path(thread, host_fd, path)


def bind_automatically(thread: Thread, host_fd: int) -> int:
    """Gives a socket an abstract name of its own; 0 also when it has a name already, as the kernel answers."""
    names = names_of(thread)
    scratch = thread.process.scratch
    scratch.expect_name()
    kernel.call3(numbers.getsockname, host_fd, scratch.name, scratch.name_length)
    if len(scratch.got_name()) > 2:
        return 0
    if not names.prefix:
        return kernel.call3(numbers.bind, host_fd, scratch.put_name(FAMILY), 2)
    for _ in range(0x100000):
        result = _bind(thread, host_fd, names.abstract(names.automatic()))
        if result != -errno.EADDRINUSE:
            return result
    return -errno.ENOSPC


def _bind(thread: Thread, host_fd: int, path: bytes) -> int:
    name = FAMILY + path
    return kernel.call3(numbers.bind, host_fd, thread.process.scratch.put_name(name), len(name))


def _bind_path(thread: Thread, host_fd: int, path: bytes) -> int:
    names = names_of(thread)
    folder, last = roots(thread).socket_parent(thread, path)
    try:
        host_path = b"/proc/self/fd/%d/%s" % (folder, last)
        while names.is_known(host_path):  # the same name by other slashes: what is bound must stay told apart
            host_path = host_path.replace(b"/proc/", b"/proc//", 1)
        with roots(thread).masked():
            if len(host_path) < PATH_SIZE:
                result = _bind(thread, host_fd, host_path)
            else:
                host_path, result = _bind_long(thread, host_fd, folder, last)
    finally:
        os.close(folder)
    if result == 0:
        names.remember(host_path, path)
    return result


def _bind_long(thread: Thread, host_fd: int, folder: int, last: bytes) -> tuple[bytes, int]:
    """Binds to a short name and renames the node: `last` alone nearly fills sun_path."""
    try:
        os.stat(last, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        pass
    else:
        return b"", -errno.EADDRINUSE
    short = b".emu-" + os.urandom(6).hex().encode()
    host_path = b"/proc/self/fd/%d/%s" % (folder, short)
    result = _bind(thread, host_fd, host_path)
    if result == 0:
        os.rename(short, last, src_dir_fd=folder, dst_dir_fd=folder)
    return host_path, result


def roots(thread: Thread) -> Roots:
    """The guest's file system; a guest without one has no paths."""
    files: Roots | None = thread.files
    if files is None:
        raise OSError(errno.ENOENT, "no file system")
    return files
