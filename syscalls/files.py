"""The guest's file system: opening what a path leads to, and what else changes with it.

Reading and writing is decided by the mount: what is not writable answers EROFS. Device nodes other than the ones in
the guest's own /dev are refused as on a file system that is mounted nodev.
"""

import _thread
import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from syscalls import credentials, kernel, numbers
from syscalls.devices import open_terminal, operations_for
from syscalls.fds import Description, Descriptor
from syscalls.flags import At, Open
from syscalls.mounts import Found, Mount
from syscalls.process import Thread
from syscalls.programs import require_idle
from syscalls.roots import Roots

OPENED = 0o37777703
"""Every flag that openat(2) looks at (VALID_OPEN_FLAGS in include/linux/fcntl.h); it ignores the others."""

NEVER_WAIT = frozenset(os.makedev(1, minor) for minor in (3, 5, 7))
"""/dev/null, zero and full: they have no poll (drivers/char/mem.c), and nobody has ever to wait for them."""

PATH_ONLY = Open.O_DIRECTORY | Open.O_NOFOLLOW | Open.O_PATH | Open.O_CLOEXEC
"""The flags that O_PATH leaves."""

FORGOTTEN = Open.O_CREAT | Open.O_EXCL | Open.O_NOCTTY | Open.O_TRUNC | Open.O_CLOEXEC
"""What F_GETFL does not show."""

TMPFILE = 0o20000000
"""__O_TMPFILE: O_TMPFILE without O_DIRECTORY."""

_MAY_GIVE = os.geteuid() == 0
_mask = _thread.allocate_lock()  # the umask is the whole bench's, and several may run in it
_HOST_ALWAYS = Open.O_CLOEXEC | Open.O_NOCTTY | Open.O_NONBLOCK
_FOREIGN = frozenset((0x9FA0, 0x62656572, 0x64626720, 0x74726163))  # the host's proc, sysfs, debugfs, tracefs
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFLNK: "path",
    stat.S_IFSOCK: "path",
}


class FileSystem(Roots):
    """What a process has of files but for its descriptors: the tree, a working directory, a umask (see `Roots`)."""

    def open(
        self, thread: Thread, dirfd: int, path: bytes, flags: int, mode: int, resolve: int = 0
    ) -> Descriptor:
        """openat2(2) with flags that were checked already: a descriptor that has no number yet.

        Raises what openat(2) lists; BlockingIOError when a FIFO is opened for writing that nobody reads yet.
        """
        follow = (
            not flags & Open.O_NOFOLLOW and flags & (Open.O_CREAT | Open.O_EXCL) != Open.O_CREAT | Open.O_EXCL
        )
        makes_directory = bool(flags & Open.O_CREAT) and path.endswith(b"/")
        with self.walk(thread, dirfd, path, follow, parent=makes_directory, resolve=resolve) as found:
            if flags & Open.O_CREAT and not found.last and (makes_directory or found.slash):
                raise OSError(errno.EISDIR, "a name that ends in a slash")
            if not found.exists:
                host = self._create(thread, found, flags, mode)
            elif (terminal := self._terminal(thread, found, flags)) is not None:
                return terminal
            else:
                host = self._open_existing(thread, found, flags, mode)
            return self._descriptor(thread, found, host, flags)

    def _create(self, thread: Thread, found: Found, flags: int, mode: int) -> int:
        if not flags & Open.O_CREAT:
            raise OSError(errno.ENOENT, "no such file")
        self.require_writable(found)
        with self.masked():
            host = os.open(found.name, flags | _HOST_ALWAYS | Open.O_NOFOLLOW, mode, dir_fd=found.parent)
        self.was_made(thread, found)
        return host

    def _terminal(self, thread: Thread, found: Found, flags: int) -> Descriptor | None:
        if not found.special or not stat.S_ISCHR(found.mode) or flags & Open.O_PATH:
            return None
        if flags & Open.O_DIRECTORY or flags & (Open.O_CREAT | Open.O_EXCL) == Open.O_CREAT | Open.O_EXCL:
            return None
        assert found.status is not None
        path = (found.parent_mount.inside(found.parent) or b"") + b"/" + found.name
        return open_terminal(thread, found.status, os.fsdecode(path), flags)

    def _open_existing(self, thread: Thread, found: Found, flags: int, mode: int) -> int:
        writes = bool(flags & Open.O_ACCMODE or flags & Open.O_TRUNC)
        kind = stat.S_IFMT(found.mode)
        if flags & Open.O_CREAT:
            if flags & Open.O_EXCL:
                raise OSError(errno.EEXIST, "the file exists")
            if kind == stat.S_IFDIR:
                raise OSError(errno.EISDIR, "a directory")
        if flags & Open.O_DIRECTORY and kind != stat.S_IFDIR:
            raise OSError(errno.ENOTDIR, "not a directory")
        if flags & Open.O_PATH:
            return os.dup(found.fd)
        if kind == stat.S_IFLNK:
            raise OSError(errno.ELOOP, "a symbolic link")
        if flags & TMPFILE:
            self.require_writable(found)
            with self.masked():
                host = os.open(b".", flags | _HOST_ALWAYS, mode, dir_fd=found.fd)
            if found.mount.private and _MAY_GIVE:
                who = credentials.of(thread)
                os.fchown(host, who.fsuid, who.fsgid)
            return host
        if kind == stat.S_IFDIR and writes:
            raise OSError(errno.EISDIR, "a directory")
        if kind in (stat.S_IFCHR, stat.S_IFBLK) and not found.special:
            raise OSError(errno.EACCES, "a device outside the guest's /dev")
        if kind == stat.S_IFREG:
            if writes and not found.mount.writable and not _is_memory(found):
                raise OSError(errno.EROFS, "a read-only root")
            if file_system(found.fd) in _FOREIGN:
                raise OSError(errno.EACCES, "a file of the host's kernel")
            if writes:
                require_idle(thread, found)
        if kind == stat.S_IFIFO and not found.outside and not found.mount.writable:
            raise OSError(errno.EACCES, "a FIFO in a read-only root")  # other programs talk there
        host_flags = flags & ~(Open.O_CREAT | Open.O_EXCL | Open.O_NOFOLLOW) | _HOST_ALWAYS
        try:
            return os.open(b"/proc/self/fd/%d" % found.fd, host_flags)
        except OSError as error:
            if error.errno == errno.ENXIO and kind == stat.S_IFIFO and not flags & Open.O_NONBLOCK:
                raise BlockingIOError(errno.EAGAIN, "nobody reads the FIFO yet") from None
            raise

    def _descriptor(self, thread: Thread, found: Found, host: int, flags: int) -> Descriptor:
        status = os.fstat(host)
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "file")
        path = found.mount.inside(host)
        if found.path is not None:
            path = found.path
        elif found.special and not found.is_mount and kind != "directory":
            path = (found.parent_mount.inside(found.parent) or b"") + b"/" + found.name
        waits = kind in ("pipe", "device") and not flags & Open.O_PATH and status.st_rdev not in NEVER_WAIT
        if waits and kind == "device" and os.isatty(host):
            kind = "tty"
        # A FIFO that is opened for reading alone says "end" until the first writer has come; poll(2) knows better.
        polls_first = kind == "pipe" and not flags & (Open.O_ACCMODE | Open.O_NONBLOCK)
        description = Description(
            kind,
            flags & ~FORGOTTEN | (0 if flags & Open.O_PATH else Open.O_LARGEFILE),
            path=os.fsdecode(path or b""),
            pollable=waits,
            host_nonblocking=waits and not polls_first,
            detail=None if found.outside else found.mount,
        )
        if flags & Open.O_PATH:
            pass
        elif kind == "device":
            description.operations = operations_for(thread, status)
            if description.operations is not None:
                description.host_nonblocking = False
        elif found.mount.files is not None and not found.outside:
            description.operations = found.mount.files.operations(thread, path or b"", kind)
        return Descriptor(host, description, bool(flags & Open.O_CLOEXEC))

    def require_writable(self, found: Found) -> None:
        """Raises EROFS unless the directory in which something is to change may be written.

        Where the kernel makes the names up, a new one is ENOENT (proc_lookup in fs/proc).
        """
        if found.parent_mount.files is not None and not found.exists:
            raise OSError(errno.ENOENT, "not among the virtual files")
        if not found.parent_mount.writable:
            raise OSError(errno.EROFS, "a read-only root")

    def was_made(self, thread: Thread, found: Found) -> None:
        """Makes what has just been made there the guest's own: on the run's own directories, where the bench may do that."""
        if found.parent_mount.private and _MAY_GIVE:
            who = credentials.of(thread)
            os.chown(found.name, who.fsuid, who.fsgid, dir_fd=found.parent, follow_symlinks=False)

    def require_change(self, found: Found) -> None:
        """Raises EROFS, EPERM unless what was found may be changed itself: its length, owner, times..."""
        require_changeable(found.fd, None if found.outside else found.mount)

    @contextmanager
    def masked(self) -> Iterator[None]:
        """While it lasts the bench's umask is the guest's."""
        with _mask:
            own = os.umask(self.umask)
            try:
                yield
            finally:
                os.umask(own)

    # For sockets with names

    def socket_parent(self, thread: Thread, path: bytes) -> tuple[int, bytes]:
        """An O_PATH host descriptor of the directory in which to create `path` (to be closed), and the last component.

        Raises EADDRINUSE when something is there, EROFS, and what a walk raises.
        """
        with self.walk(thread, At.AT_FDCWD, path, parent=True) as found:
            if found.exists:
                raise OSError(errno.EADDRINUSE, "the name is taken")
            if found.slash:
                raise OSError(errno.ENOENT, "a name that ends in a slash")
            self.require_writable(found)
            parent, _, owned = found.release_parent()
            return parent if owned else os.dup(parent), found.name

    def socket_node(self, thread: Thread, path: bytes) -> int:
        """An O_PATH host descriptor (to be closed) of what `path` names, symbolic links followed.

        Raises EACCES for sockets in a read-only root: what the host's programs do when they are talked to is not
        reading.
        """
        with self.walk(thread, At.AT_FDCWD, path) as found:
            found.require()
            if stat.S_ISSOCK(found.mode) and not found.mount.writable:
                raise OSError(errno.EACCES, "a socket in a read-only root")
            fd, _, owned = found.release()
            return fd if owned else os.dup(fd)


def _is_memory(found: Found) -> bool:
    """Whether a magic link has led to a memfd of the guest's own: what was handed over has no such path."""
    return found.outside and found.path is not None and found.path.startswith(b"memfd:")


def require_changeable(host_fd: int, mount: object) -> None:
    """Raises EROFS for a file of a read-only mount.

    What is open without a mount is the guest's own (a pipe, a memfd), or it was handed to the guest when it started, to be
    read and written and not for more: EPERM.
    """
    if isinstance(mount, Mount):
        if not mount.writable:
            raise OSError(errno.EROFS, "a read-only root")
        return
    name = os.readlink(b"/proc/self/fd/%d" % host_fd)
    if name.startswith(b"/") and not name.startswith(b"/memfd:"):
        raise OSError(errno.EPERM, "not the guest's file")


def file_system(host_fd: int) -> int:
    """The type of file system (statfs(2) f_type) that a host descriptor is on."""
    buffer = (ctypes.c_int64 * 15)()
    result = kernel.call2(numbers.fstatfs, host_fd, ctypes.addressof(buffer))
    return int(buffer[0]) if result == 0 else 0
