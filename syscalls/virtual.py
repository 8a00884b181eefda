"""Files that are made up when they are read: what /proc and /sys consist of.

What is there is told by nodes. Each has a real and empty file, directory or link in a private host directory, so that a walk,
stat(2), and open(2) need to know nothing; they are made when they are looked up. The text of a file is made when it is read
from its start, as by the kernel's seq_file; its position is kept here, for all duplicates of the descriptor.
"""

import errno
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from syscalls.mounts import Mount
from syscalls.private import OWNER_WRITES, remove_tree

if TYPE_CHECKING:
    from syscalls.process import Thread


class Jump(NamedTuple):
    """Where a magic link leads: an O_PATH host descriptor (the taker's), its mount (None: outside the roots), its path if it has one."""

    fd: int
    mount: Mount | None
    path: bytes | None


@dataclass(frozen=True, slots=True)
class Text:
    """A file. `make` gets the thread that reads."""

    make: "Callable[[Thread], bytes]"
    mode: int = 0o444


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link: its text, and for a magic one where it leads. Both may raise OSError; None from `lead`: by its text."""

    target: "Callable[[Thread], bytes]"
    lead: "Callable[[Thread], Jump | None] | None" = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory. `nodes` is what is in it; it may leave out what `find` knows (as /proc knows threads).
    `owner` are the ids that it and the files in it show, where the host lets the bench do that; None: the bench's own.
    """

    nodes: "Callable[[Thread], Mapping[bytes, Node]]"
    mode: int = 0o555
    find: "Callable[[Thread, bytes], Node | None] | None" = None
    owner: "Callable[[], tuple[int, int]] | None" = None

    def get(self, thread: "Thread", name: bytes) -> "Node | None":
        """The node of this name."""
        node = self.nodes(thread).get(name)
        if node is None and self.find is not None:
            node = self.find(thread, name)
        return node


Node = Text | Link | Folder


class VirtualFiles:
    """What is in one mount at `place`. `path` is the private host directory, known once it has been made."""

    def __init__(self, place: bytes, top: Folder) -> None:
        self._place = place
        self._top = top
        self.path = b""

    def _node(self, thread: "Thread", path: bytes) -> Node | None:
        node: Node | None = self._top
        for name in path[len(self._place) :].split(b"/"):
            if name:
                if not isinstance(node, Folder):
                    return None
                node = node.get(thread, name)
        return node

    def _host(self, path: bytes) -> bytes:
        return self.path + path[len(self._place) :]

    def find(self, thread: "Thread", folder: bytes, name: bytes) -> None:
        """Sees to it that the host has what `folder`/`name` is now; raises FileNotFoundError where it is nothing."""
        node = self._node(thread, folder)
        found = node.get(thread, name) if isinstance(node, Folder) else None
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "not among the virtual files")
        assert isinstance(node, Folder)
        self._show(thread, self._host(folder) + b"/" + name, found, node)

    def target(self, thread: "Thread", folder: bytes, name: bytes) -> bytes:
        """The text of the link `folder`/`name`; raises ENOENT where it leads nowhere (any more)."""
        node = self._node(thread, folder + b"/" + name)
        if not isinstance(node, Link):
            raise OSError(errno.ENOENT, "the link is gone")
        return node.target(thread)

    def follow(self, thread: "Thread", folder: bytes, name: bytes) -> Jump | None:
        """Where a magic link leads; None where its text says it."""
        node = self._node(thread, folder + b"/" + name)
        return node.lead(thread) if isinstance(node, Link) and node.lead is not None else None

    def operations(self, thread: "Thread", path: bytes, kind: str) -> "TextFile | Listing | None":
        """What stands in for reading an open file or directory."""
        node = self._node(thread, path)
        if isinstance(node, Text):
            return TextFile(node.make)
        return Listing(self, path) if kind == "directory" else None

    def fill(self, thread: "Thread", path: bytes) -> None:
        """Makes the host's directory hold exactly what is in `path` now; raises ENOENT when that is gone."""
        node = self._node(thread, path)
        if not isinstance(node, Folder):
            raise OSError(errno.ENOENT, "the directory is gone")
        host = self._host(path)
        nodes = node.nodes(thread)
        for name in os.listdir(host):
            if name not in nodes:
                _remove(host + b"/" + name)
        for name, found in nodes.items():
            self._show(thread, host + b"/" + name, found, node)

    def _show(self, thread: "Thread", path: bytes, node: Node, folder: Folder) -> None:
        if isinstance(node, Link):
            try:
                _link(path, node.target(thread))
            except OSError:  # of a process that has ended
                _link(path, b"?")
        elif isinstance(node, Folder):
            if not os.path.isdir(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.mkdir(path)
                os.chmod(path, node.mode | OWNER_WRITES)
        elif not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, node.mode))
            os.chmod(path, node.mode)
        owner = node.owner if isinstance(node, Folder) and node.owner is not None else folder.owner
        if owner is not None and os.geteuid() == 0:
            os.chown(path, *owner(), follow_symlinks=False)


def _link(path: bytes, target: bytes) -> None:
    try:
        if os.readlink(path) == target:
            return
        os.unlink(path)
    except FileNotFoundError:
        pass
    os.symlink(target, path)


def _remove(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        remove_tree(path)
    else:
        os.unlink(path)


class TextFile:
    """An open file of text."""

    def __init__(self, make: "Callable[[Thread], bytes]") -> None:
        self._make = make
        self._text = b""
        self._position = 0

    def read(self, thread: "Thread", address: int, count: int) -> int:
        """read(2), from the descriptor's position."""
        done = self.read_at(thread, address, count, self._position)
        self._position += done
        return done

    def read_at(self, thread: "Thread", address: int, count: int, offset: int) -> int:
        """pread(2). Raises EFAULT, and what making the text raises: ESRCH when the process is gone."""
        if offset == 0:
            self._text = self._make(thread)
        piece = self._text[offset : offset + count]
        if piece:
            thread.memory.write(address, piece)
        return len(piece)

    def seek(self, offset: int, whence: int) -> int:
        """lseek(2), from the start or the position (seq_lseek in fs/seq_file.c)."""
        self._position = _sought(self._position, offset, whence)
        return self._position


class Listing:
    """An open directory. Its entries are in order, processes by their number as in the kernel's /proc."""

    _ENTRY = struct.Struct("<QqHB")
    _OLD_ENTRY = struct.Struct("<QqH")

    def __init__(self, files: VirtualFiles, path: bytes) -> None:
        self._files = files
        self.path = path
        """Its path in the guest."""
        self._entries: list[tuple[bytes, int, int]] = []  # name, inode, type
        self._position = 0

    def read(self, thread: "Thread", address: int, count: int) -> int:
        """read(2) of a directory."""
        return -errno.EISDIR

    def seek(self, offset: int, whence: int) -> int:
        """lseek(2): rewinding, and back to where an entry said that the next one is."""
        self._position = _sought(self._position, offset, whence)
        return self._position

    def entries(self, thread: "Thread", host_fd: int, address: int, count: int, *, old: bool) -> int:
        """getdents64(2), or getdents(2) when `old`, of at most `count` bytes; raises EFAULT, EINVAL for too few, ENOENT."""
        if self._position == 0:
            self._entries = self._look(thread, host_fd)
        done = bytearray()
        while self._position < len(self._entries):
            name, inode, kind = self._entries[self._position]
            if old:
                size = self._OLD_ENTRY.size + len(name) + 2 + 7 & ~7
                head = self._OLD_ENTRY.pack(inode, self._position + 1, size) + name
                entry = head.ljust(size - 1, b"\0") + bytes((kind,))
            else:
                size = self._ENTRY.size + len(name) + 1 + 7 & ~7
                entry = self._ENTRY.pack(inode, self._position + 1, size, kind) + name
                entry = entry.ljust(size, b"\0")
            if len(done) + size > count:
                break
            done += entry
            self._position += 1
        if not done:
            return -errno.EINVAL if self._position < len(self._entries) else 0
        thread.memory.write(address, bytes(done))
        return len(done)

    def _look(self, thread: "Thread", host_fd: int) -> list[tuple[bytes, int, int]]:
        self._files.fill(thread, self.path)
        here = b"/proc/self/fd/%d/" % host_fd
        found = [(b".", os.fstat(host_fd).st_ino, 4), (b"..", os.stat(here + b"..").st_ino, 4)]
        below = []
        with os.scandir(here) as entries:
            for entry in entries:
                kind = 10 if entry.is_symlink() else 4 if entry.is_dir() else 8
                below.append((entry.name, entry.inode(), kind))
        below.sort(
            key=lambda entry: (entry[0].isdigit(), int(entry[0]) if entry[0].isdigit() else 0, entry[0])
        )
        return found + below


def _sought(position: int, offset: int, whence: int) -> int:
    if whence not in (os.SEEK_SET, os.SEEK_CUR):
        raise OSError(errno.EINVAL, "a file without an end")
    position = offset + (position if whence == os.SEEK_CUR else 0)
    if position < 0:
        raise OSError(errno.EINVAL, "before the start")
    return position
