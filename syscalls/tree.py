"""The one tree that all processes of a run see: host directories, the bench's own /dev and /proc, and a private rest."""

import os
from collections.abc import Iterable

from syscalls.devices import LENT, LINKS, Devices
from syscalls.flags.attributes import StatfsType
from syscalls.mounts import STEP, Identity, Mount, identity
from syscalls.private import PrivateRoot
from syscalls.procfs import ProcessFiles, system_files


def _open_directory(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


_KINDS = {b"/dev": "devtmpfs", b"/dev/pts": "devpts", b"/proc": "proc", b"/sys": "sysfs"}
_MAGIC = {
    "tmpfs": StatfsType.TMPFS_MAGIC,
    "devtmpfs": StatfsType.TMPFS_MAGIC,
    "devpts": StatfsType.DEVPTS_SUPER_MAGIC,
    "proc": StatfsType.PROC_SUPER_MAGIC,
    "sysfs": StatfsType.SYSFS_MAGIC,
}


class Tree:
    """The mounts of one run. Each file system on it holds it once (`hold`, `release`); the last one deletes what is private.

    Without `root`, `/` is a private directory. With it, `/` is that host directory, read-only. Each of `writable` is
    seen, and may be changed, under its own (absolute, real) path. `/dev`, `/proc` and `/sys` are always the bench's own, and so
    is `/tmp` unless `/` itself is writable. `executable` is the host path of the first program.

    Raises OSError with the offending name when a directory cannot be opened.
    """

    def __init__(self, root: str | None, writable: Iterable[str], executable: str) -> None:
        self._root_fd = -1 if root is None else _open_directory(root)
        self.writable = [(os.path.realpath(path), _open_directory(path)) for path in writable]
        self.writable.sort()
        self.mounts: dict[tuple[Identity, bytes], Mount] = {}
        """By the host directory around it and its name there."""
        self.devices = Devices()
        self.processes = ProcessFiles(executable)
        self.system = system_files()
        self._private: PrivateRoot | None = None
        self._all: list[Mount] = []
        self._root: Mount | None = None
        self._holders = 1

    def hold(self) -> "Tree":
        """One more file system stands on it."""
        self._holders += 1
        return self

    def release(self) -> None:
        """One less; with the last one everything is given back, and what is private is deleted."""
        self._holders -= 1
        if self._holders:
            return
        self.devices.close()
        fds = {fd for _, fd in self.writable} | {mount.fd for mount in self._all}
        fds |= {mount.parent_fd for mount in self._all} | {self._root_fd}
        for fd in fds - {-1}:
            os.close(fd)
        self._all.clear()
        self.mounts.clear()
        self.writable.clear()
        self._root, self._root_fd = None, -1
        if self._private is not None:
            self._private.remove()
            self._private = None

    @property
    def root(self) -> Mount:
        """The guest's `/`; what is private is made at the first use of any path."""
        if self._root is None:
            self._prepare()
            assert self._root is not None
        return self._root

    def shown(self) -> list[Mount]:
        """The mounts, as a list of them shows them: each after the one that it is on."""
        return [mount for mount in self._all if mount.kind]

    def _prepare(self) -> None:
        private = self._private = PrivateRoot()
        whole = next((fd for path, fd in self.writable if path == "/"), -1)
        if whole >= 0:
            root = Mount(whole, b"/", True)
        elif self._root_fd >= 0:
            root = Mount(self._root_fd, b"/", False)
        else:
            root = Mount(private.open(b"root"), b"/", True)
            root.private = True
        root.kind = "ext4"
        self._root = root
        self._all.append(root)
        if whole < 0:
            self._mount(b"/tmp", private.open(b"tmp"), True).private = True
        dev = self._mount(b"/dev", private.open(b"dev"), False)
        dev.find = self.devices.find
        self._mount(b"/dev/shm", private.open(b"shm"), True).private = True
        pts = self._mount(b"/dev/pts", private.open(b"pts"), False)
        pts.find = self.devices.find_terminal
        self.devices.show_terminals(pts.fd)
        for place, files in ((b"/proc", self.processes), (b"/sys", self.system)):
            mount = self._mount(place, private.open(place[1:]), False)
            mount.find, mount.files = files.find, files
            files.path = private.path + place
        for name, target in LINKS.items():
            os.symlink(target, name, dir_fd=dev.fd)
        for name in LENT:
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=dev.fd))
        for path, fd in self.writable:
            if path != "/":
                self._mount(os.fsencode(path), fd, True)

    def _mount(self, path: bytes, fd: int, writable: bool) -> Mount:
        """Mounts `fd` at `path`; directories on the way that do not exist are lent by the private root."""
        assert self._root is not None
        assert self._private is not None
        mount = self._root
        at, owned = mount.fd, False
        *folders, last = path.strip(b"/").split(b"/")
        for depth, name in enumerate(folders):
            key = (identity(os.fstat(at)), name)
            below = self.mounts.get(key)
            if below is None:
                self._private.show(at, name)
                try:
                    fd_below = os.open(name, STEP | os.O_DIRECTORY, dir_fd=at)
                except OSError:
                    place = b"/" + b"/".join(folders[: depth + 1])
                    below = Mount(self._private.lend(place), place, False, mount, at)
                    self.mounts[key] = below
                    self._all.append(below)
                    owned = False  # `..` of the new mount stays on it
                else:
                    if owned:
                        os.close(at)
                    at, owned = fd_below, True
                    continue
            if owned:
                os.close(at)
            mount, at, owned = below, below.fd, False
        new = Mount(fd, path, writable, mount, at)
        new.kind = _KINDS.get(
            path, "ext4" if path in [os.fsencode(own) for own, _ in self.writable] else "tmpfs"
        )
        new.magic = _MAGIC.get(new.kind, 0)
        self.mounts[identity(os.fstat(at)), last] = new
        self._all.append(new)
        self._private.show(at, last)
        return new
