"""The walk of a path through the tree that a guest may reach, and where it starts.

A path is walked one component at a time with O_PATH and O_NOFOLLOW, symbolic links are expanded here, and `..` never
goes above a mount. So nothing that the guest or the files in it say can lead out of the roots; a magic link (those of
the host's /proc) is only ever a text.
"""

import errno
import os
import stat
from collections.abc import Iterable
from typing import Self

from syscalls.flags import At, Resolve
from syscalls.mounts import STEP, Found, Mount, identity
from syscalls.private import is_hidden
from syscalls.process import Thread
from syscalls.resolving import SCOPED, check_jump, is_same, require
from syscalls.tree import Tree

MAX_LINKS = 40
"""Symbolic links in one walk before ELOOP (path_resolution(7))."""

PATH_MAX = 4096
"""Bytes in a path, with its NUL."""


def _components(path: bytes) -> list[bytes]:
    """The names in a path, the first one last: a stack of what is to be walked."""
    names = [name for name in path.split(b"/") if name]
    names.reverse()
    return names


class Roots:
    """What the threads that share it see of the tree, their working directory and umask (clone(2), CLONE_FS).

    Made from `root`, `writable` and `executable` (see `Tree`), or by `fork` from another one. `cwd` is the guest's path
    to start in; None: the bench's own working directory where the guest can reach it, else `/`.

    Raises OSError with the offending name when a directory cannot be opened.
    """

    def __init__(
        self,
        root: str | None = None,
        writable: Iterable[str] = (),
        *,
        cwd: str | None = None,
        executable: str = "",
    ) -> None:
        self.umask = os.umask(0o022)  # the guest starts with the bench's
        os.umask(self.umask)
        self.tree = Tree(root, writable, executable)
        self._start_in = cwd
        self._cwd: tuple[int, Mount] | None = None

    @property
    def root(self) -> Mount:
        """The guest's `/`."""
        return self.tree.root

    def fork(self) -> Self:
        """The same tree with a working directory and umask of its own, which are these at first. To be closed."""
        twin = object.__new__(type(self))
        twin.umask = self.umask
        twin.tree = self.tree.hold()
        twin._start_in = self._start_in
        twin._cwd = None if self._cwd is None else (os.dup(self._cwd[0]), self._cwd[1])
        return twin

    def close(self) -> None:
        """Lets go. With the last one on the tree, what is private is deleted."""
        if self._cwd is not None:
            os.close(self._cwd[0])
            self._cwd = None
        self.tree.release()

    # Working directory

    @property
    def cwd(self) -> tuple[int, Mount]:
        """The working directory: an O_PATH host descriptor and its mount."""
        if self._cwd is None:
            root = self.root
            self._cwd = (os.open(b".", STEP | os.O_DIRECTORY, dir_fd=root.fd), root)
            start = self._start_in
            if start is None:
                here = os.getcwd()
                reach = [path for path, _ in self.tree.writable]
                start = here if any(os.path.commonpath([here, path]) == path for path in reach) else "/"
            with self.walk(None, At.AT_FDCWD, os.fsencode(start)) as found:
                self.set_cwd(found)
        return self._cwd

    def cwd_text(self) -> bytes | None:
        """The working directory as the guest sees it; None when it has been deleted or moved away."""
        fd, mount = self.cwd
        return mount.inside(fd) if os.fstat(fd).st_nlink else None

    def set_cwd(self, found: Found) -> None:
        """Makes a directory that was found the working directory; raises ENOENT, ENOTDIR."""
        fd = found.require()
        if not found.is_directory:
            raise OSError(errno.ENOTDIR, "not a directory")
        old = self._cwd
        self._cwd = (os.open(b".", STEP | os.O_DIRECTORY, dir_fd=fd), found.mount)
        if old is not None:
            os.close(old[0])

    # Walking

    def walk(
        self,
        thread: Thread | None,
        dirfd: int,
        path: bytes,
        follow: bool = True,
        *,
        empty: bool = False,
        parent: bool = False,
        resolve: int = 0,
    ) -> Found:
        """Where `path` leads, from the directory `dirfd` when it is relative.

        `follow`: a symbolic link at the end is followed; `empty`: an empty path names `dirfd` itself; `parent`: the last
        component is about to be made or removed, so it is not followed even when a slash comes after it; `resolve`: openat2(2)'s
        RESOLVE_*, which raise EXDEV and ELOOP. A missing
        last component is no error. Raises ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG, EBADF as
        path_resolution(7) says.
        """
        if not path:
            if not empty:
                raise OSError(errno.ENOENT, "empty path")
            return self._itself(thread, dirfd)
        if path[0] == 0x2F and not resolve & Resolve.RESOLVE_IN_ROOT:
            require(not resolve & Resolve.RESOLVE_BENEATH)
            fd, mount = self.root.fd, self.root
        else:
            fd, mount = self._start(thread, dirfd)
        top = (fd, mount) if resolve & SCOPED else (self.root.fd, self.root)
        found = Found(fd, mount, False)
        links = 0
        slash = path[-1] == 0x2F
        pending = _components(path)
        try:
            while pending:
                name = pending.pop()
                if name == b".":
                    found.last = name
                    found.slash = slash
                    continue
                if name == b".." and resolve & SCOPED and is_same(found.parent, top[0]):
                    require(not resolve & Resolve.RESOLVE_BENEATH)
                    found.last, found.slash = name, slash
                    continue
                if name == b"..":
                    before = found.parent_mount
                    found = self._enter(found, *found.parent_mount.step_up(found.parent))
                    require(found.parent_mount is before or not resolve & Resolve.RESOLVE_NO_XDEV)
                    found.last, found.slash = name, slash
                    continue
                self._look(thread, found, name)
                require(found.mount is found.parent_mount or not resolve & Resolve.RESOLVE_NO_XDEV)
                found.slash = slash and not pending
                if (
                    found.fd >= 0
                    and stat.S_ISLNK(found.mode)
                    and (pending or (not parent and (follow or slash)))
                ):
                    links += 1
                    if links > MAX_LINKS or resolve & Resolve.RESOLVE_NO_SYMLINKS:
                        raise OSError(errno.ELOOP, "too many symbolic links")
                    jump = None
                    if found.parent_mount.files is not None and thread is not None:
                        folder = found.parent_mount.inside(found.parent) or b""
                        jump = found.parent_mount.files.follow(thread, folder, name)
                    if jump is None:
                        target = os.readlink(b"", dir_fd=found.fd)
                        if not pending and target.endswith(b"/"):
                            slash = True
                        pending += _components(target)
                        if target.startswith(b"/"):
                            require(not resolve & Resolve.RESOLVE_BENEATH)
                            require(found.parent_mount is top[1] or not resolve & Resolve.RESOLVE_NO_XDEV)
                            found = self._enter(found, *top, False)
                        else:
                            found = self._enter(found, *found.release_parent())
                        continue
                    check_jump(resolve, found.parent_mount, jump)
                    found.jump(*jump)
                if not pending:
                    if found.slash and not parent and found.fd >= 0 and not stat.S_ISDIR(found.mode):
                        raise OSError(errno.ENOTDIR, "not a directory")
                    return found
                if found.fd < 0:
                    raise OSError(errno.ENOENT, "no such directory")
                if not stat.S_ISDIR(found.mode):
                    raise OSError(errno.ENOTDIR, "not a directory")
                found = self._enter(found, *found.release())
            found.name = b"."
            found.fd, found.mount, found.status = found.parent, found.parent_mount, os.fstat(found.parent)
            return found
        except BaseException:
            found.close()
            raise

    def _start(self, thread: Thread | None, dirfd: int) -> tuple[int, Mount]:
        if dirfd == At.AT_FDCWD:
            return self.cwd
        assert thread is not None
        entry = thread.fds.get(dirfd)
        if not stat.S_ISDIR(os.fstat(entry.host).st_mode):
            raise OSError(errno.ENOTDIR, "not a directory")
        mount = entry.description.detail
        if not isinstance(mount, Mount):
            raise OSError(errno.EACCES, "a directory outside the guest's roots")
        return entry.host, mount

    def _itself(self, thread: Thread | None, dirfd: int) -> Found:
        if dirfd == At.AT_FDCWD:
            fd, mount = self.cwd
            outside = False
        else:
            assert thread is not None
            entry = thread.fds.get(dirfd)
            fd, detail = entry.host, entry.description.detail
            outside = not isinstance(detail, Mount)
            mount = detail if isinstance(detail, Mount) else self.root
        found = Found(fd, mount, False)
        found.status = os.fstat(fd)
        found.special = True
        found.outside = outside
        return found

    @staticmethod
    def _enter(found: Found, fd: int, mount: Mount, owned: bool) -> Found:
        found.close()
        return Found(fd, mount, owned)

    def _look(self, thread: Thread | None, found: Found, name: bytes) -> None:
        """Finds out what `name` is in the directory of `found`."""
        found.name, found.last = name, b""
        found.fd, found.mount, found.status, found.special = -1, found.parent_mount, None, False
        found.outside = False
        covered = self.tree.mounts.get((identity(os.fstat(found.parent)), name))
        if covered is not None:
            found.fd, found.mount, found.special = covered.fd, covered, True
            found.status = os.fstat(covered.fd)
            return
        mount = found.parent_mount
        fd: int | None = None
        if mount.find is not None and thread is not None:
            try:
                fd = mount.find(thread, mount.inside(found.parent) or b"", name)
            except FileNotFoundError:
                return
            found.special = fd is not None
        if fd is None:
            try:
                fd = os.open(name, STEP, dir_fd=found.parent)
            except FileNotFoundError:
                return
        status = os.fstat(fd)
        if is_hidden(status.st_mode):
            os.close(fd)
            return
        found.own(fd)
        found.fd, found.status = fd, status
