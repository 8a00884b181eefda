"""What a guest's paths stand on: host directories mounted into one tree, and one step of a walk through it."""

import errno
import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syscalls.process import Thread
    from syscalls.virtual import VirtualFiles

Identity = tuple[int, int]
"""Device and inode of a directory."""

STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

Look = Callable[["Thread", bytes, bytes], int | None]
"""(thread, directory as the guest sees it, name) to an O_PATH host descriptor that stands for it, or None."""


class Mount:
    """A host directory at a place in the guest's tree.

    `fd` is the host directory (O_PATH), `path` where the guest sees it. `parent` and `parent_fd` are what `..` of it
    leads to. `find` is asked for each name before the host is; it raises FileNotFoundError for what is not to be found.
    `files` makes what is in it up (`syscalls.virtual`); `magic` is its statfs(2) f_type where that is not the host's.
    """

    __slots__ = (
        "fd",
        "files",
        "find",
        "identity",
        "kind",
        "magic",
        "parent",
        "parent_fd",
        "path",
        "private",
        "writable",
    )

    def __init__(
        self,
        fd: int,
        path: bytes,
        writable: bool,
        parent: "Mount | None" = None,
        parent_fd: int = -1,
        *,
        find: Look | None = None,
        files: "VirtualFiles | None" = None,
        magic: int = 0,
    ) -> None:
        self.fd = fd
        self.path = path
        self.writable = writable
        self.parent = parent if parent is not None else self
        self.parent_fd = parent_fd if parent is not None else fd
        self.find = find
        self.files = files
        self.kind = ""  # of file system, as mount(8) shows it; lent directories are not shown
        self.magic = magic
        self.private = False  # whether it is the run's own, gone at its end: what is new there belongs to the guest's user
        self.identity = identity(os.fstat(fd))

    def inside(self, host_fd: int) -> bytes | None:
        """The path of a host descriptor as the guest sees it; None when it is not below this mount (any more)."""
        text = os.readlink(b"/proc/self/fd/%d" % host_fd)
        base = os.readlink(b"/proc/self/fd/%d" % self.fd)
        if text == base:
            return self.path
        base = base.rstrip(b"/") + b"/"
        if not text.startswith(base):
            return None
        return self.path.rstrip(b"/") + b"/" + text[len(base) :]

    def step_up(self, fd: int) -> "tuple[int, Mount, bool]":
        """The directory above `fd`: a host descriptor, its mount, and whether the caller has to close it.

        Raises ENOENT when somebody has moved the directory out of the mount: the way up would leave the root.
        """
        if identity(os.fstat(fd)) == self.identity:
            return self.parent_fd, self.parent, False
        above = os.open(b"..", STEP | os.O_DIRECTORY, dir_fd=fd)
        if self.inside(above) is None:
            os.close(above)
            raise OSError(errno.ENOENT, "the directory was moved out of the root")
        return above, self, True


def identity(status: os.stat_result) -> Identity:
    """What tells a directory from all others."""
    return status.st_dev, status.st_ino


class Found:
    """Where a path led: the directory of its last component, its name there, and what is there now.

    `parent` is a host directory (O_PATH) on `parent_mount`; `name` the last component, b"." when the path ended in a
    directory itself (`.`, `..`, `/`: `last` tells which, otherwise it is empty), with `slash` when slashes followed it. `fd` is an O_PATH host
    descriptor of what is there on `mount`, -1 when nothing is; `status` its fstat. `special` says that only `fd`
    leads there: on the host, the name in the parent is something else. `outside` says that it is no file of the roots but
    what some descriptor stands on; `path` what a magic link has led to, as far as that has a name. Close it, or use `with`.
    """

    __slots__ = (
        "_owned",
        "fd",
        "last",
        "mount",
        "name",
        "outside",
        "parent",
        "parent_mount",
        "path",
        "slash",
        "special",
        "status",
    )

    def __init__(self, parent: int, parent_mount: Mount, owned: bool) -> None:
        self.parent = parent
        self.parent_mount = parent_mount
        self.name = b"."
        self.last = b"/"
        self.slash = False
        self.fd = parent
        self.mount = parent_mount
        self.status: os.stat_result | None = None
        self.special = False
        self.outside = False
        self.path: bytes | None = None
        self._owned = [parent] if owned else []

    def own(self, fd: int) -> None:
        """Makes `fd` go with this."""
        self._owned.append(fd)

    def jump(self, fd: int, mount: Mount | None, path: bytes | None) -> None:
        """Goes where a magic link leads: `fd` goes with this from now on; `mount` is None for what is outside the roots."""
        self.own(fd)
        self.fd, self.status, self.special, self.path = fd, os.fstat(fd), True, path
        self.outside = mount is None
        if mount is not None:
            self.mount = mount

    def release_parent(self) -> tuple[int, Mount, bool]:
        """The directory in which the name was looked up, its mount, and whether the caller has to close it from now on."""
        return self.parent, self.parent_mount, self._release(self.parent)

    def release(self) -> tuple[int, Mount, bool]:
        """What was found, its mount, and whether the caller has to close it from now on."""
        return self.fd, self.mount, self._release(self.fd)

    def _release(self, fd: int) -> bool:
        if fd not in self._owned:
            return False
        self._owned.remove(fd)
        return True

    @property
    def exists(self) -> bool:
        """Whether something is there."""
        return self.fd >= 0

    @property
    def mode(self) -> int:
        """st_mode of what is there."""
        assert self.status is not None
        return self.status.st_mode

    @property
    def is_directory(self) -> bool:
        """Whether a directory is there."""
        return self.fd >= 0 and stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether a regular file is there."""
        return self.fd >= 0 and stat.S_ISREG(self.mode)

    @property
    def is_mount(self) -> bool:
        """Whether something is mounted there."""
        return self.mount is not self.parent_mount and self.fd == self.mount.fd

    @property
    def host_name(self) -> bytes:
        """The last component for a host call: with its slash, which changes what the kernel accepts."""
        return self.name + b"/" if self.slash else self.name

    def require(self) -> int:
        """`fd`; raises ENOENT when nothing is there."""
        if self.fd < 0:
            raise OSError(errno.ENOENT, "no such file")
        return self.fd

    def close(self) -> None:
        """Closes the descriptors that the walk opened."""
        for fd in self._owned:
            os.close(fd)
        self._owned.clear()

    def __enter__(self) -> "Found":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
