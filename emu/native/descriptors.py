"""The descriptors of a traced process: what each is, in the words of emu's own trace, and which open file is behind it."""

import os
import socket
import stat
from collections.abc import Callable, Iterator, Sequence

from emu.native.ptrace import borrowed_descriptor
from syscalls.describe import Shown
from syscalls.flags.net import AddressFamily

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
_ANONYMOUS = {"eventpoll": "epoll"}
_REMEMBERED = 256
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_TYPES = {socket.SOCK_STREAM: "TCP", socket.SOCK_DGRAM: "UDP"}
_UNIX_TYPES = {
    socket.SOCK_STREAM: "UNIX STREAM",
    socket.SOCK_DGRAM: "UNIX DGRAM",
    socket.SOCK_SEQPACKET: "UNIX SEQPACKET",
}


class OpenFile:
    """An open file description: its number in the run, and how it was made."""

    __slots__ = ("incoming", "inherited", "listener", "number", "text")

    def __init__(self, number: int, inherited: str = "") -> None:
        self.number = number
        self.inherited = inherited
        self.incoming = False
        self.listener = ""
        self.text = ""


class Entry:
    """One descriptor: what /proc calls it, its open file, and what the trace shows (`syscalls.describe`)."""

    __slots__ = ("file", "link", "shown")

    def __init__(self, link: str, file: OpenFile, shown: Shown) -> None:
        self.link = link
        self.file = file
        self.shown = shown


class Descriptors:
    """The descriptors of one process, followed by what its calls say (open, dup, close) and checked against /proc.

    Stands in for `syscalls.fds.FdTable` as far as describing goes: `entries.get`. `via` is a thread of it that lives: the
    first one may have ended before the others.
    """

    def __init__(self, pid: int, numbers: Iterator[int], files: dict[int, OpenFile] | None = None) -> None:
        self.via = pid
        self._numbers = numbers
        self.files: dict[int, OpenFile] = dict(files or {})
        self.entries = self
        self._sent: dict[tuple[str, str], OpenFile] = {}

    def inherit(self, fds: Sequence[int]) -> None:
        """Takes in the descriptors that the process was born with."""
        for fd in fds:
            try:
                mode = os.stat(f"/proc/{self.via}/fd/{fd}").st_mode
                terminal = self._link(fd).startswith(("/dev/pts/", "/dev/tty"))
            except OSError:
                continue
            kind = "tty" if terminal else _KINDS.get(stat.S_IFMT(mode), "device")
            self.files[fd] = OpenFile(next(self._numbers), kind)

    def get(self, fd: int) -> Entry | None:
        """The descriptor of that number; None when it is not open."""
        try:
            link = self._link(fd)
        except OSError:
            self.files.pop(fd, None)
            return None
        file = self.files.get(fd)
        if file is None:
            file = self._sent.get(self._identity(fd, link)) if self._sent else None
            file = self.files[fd] = file or OpenFile(next(self._numbers))
        if not file.text:
            file.text = file.inherited or self._text(fd, link, file)
        return Entry(link, file, Shown(file.text, file.number))

    def opened(self, fd: int) -> None:
        """A call has made a new open file at that number."""
        self.files[fd] = OpenFile(next(self._numbers))

    def accepted(self, fd: int, listener: int) -> None:
        """As `opened`, by accept(2)."""
        self.opened(fd)
        text = self.files[listener].text if listener in self.files else ""
        self.files[fd].incoming = True
        self.files[fd].listener = text.partition(" ")[2]

    def copied(self, old: int, new: int) -> None:
        """A duplicate."""
        self.get(old)
        if old in self.files:
            self.files[new] = self.files[old]

    def sent(self, fd: int) -> None:
        """A descriptor travels in a message (unix(7), SCM_RIGHTS): whoever gets it has the same open file."""
        entry = self.get(fd)
        if entry is not None:
            if len(self._sent) >= _REMEMBERED:
                del self._sent[next(iter(self._sent))]
            self._sent[self._identity(fd, entry.link)] = entry.file

    def _identity(self, fd: int, link: str) -> tuple[str, str]:
        """What tells an open file from others, as far as /proc says: its inode, its flags, an eventfd's number."""
        try:
            with open(f"/proc/{self.via}/fdinfo/{fd}") as file:
                facts = dict(line.split(":", 1) for line in file if ":" in line)
            flags = int(facts.get("flags", "0"), 8) & ~os.O_CLOEXEC  # which is the descriptor's own
        except (OSError, ValueError):
            return link, ""
        return link, f"{flags:o} {facts.get('eventfd-id', '').strip()}"

    def closing(self, fd: int) -> OpenFile | None:
        """What is about to be closed, for `closed`."""
        return self.files.get(fd)

    def closed(self, fd: int, file: OpenFile | None) -> None:
        """The number is free, unless another thread has already got it again for something else."""
        if self.files.get(fd) is file:
            self.files.pop(fd, None)

    def renamed(self, fd: int) -> None:
        """A socket has another name or peer now: it is described anew when it is shown next."""
        file = self.files.get(fd)
        if file is not None and not file.inherited:
            file.text = ""

    def local_address(self, fd: int) -> tuple[str, int] | None:
        """Host and port of a listening internet socket; None for anything else."""
        try:
            with socket.socket(fileno=borrowed_descriptor(self.via, fd)) as borrowed:
                if borrowed.family not in _INTERNET:
                    return None
                name = borrowed.getsockname()
        except OSError:
            return None
        return name[0], name[1]

    def _link(self, fd: int) -> str:
        return os.readlink(f"/proc/{self.via}/fd/{fd}")

    def _text(self, fd: int, link: str, file: OpenFile) -> str:
        if link.startswith("/memfd:"):
            return link[1:].removesuffix(" (deleted)")
        if link.startswith("/"):
            return link.removesuffix(" (deleted)")
        if link.startswith("anon_inode:"):
            name = link.partition(":")[2].strip("[]")
            return _ANONYMOUS.get(name, name)
        if link.startswith("socket:"):
            return self._socket_text(fd, file)
        return link.partition(":")[0]

    def _socket_text(self, fd: int, file: OpenFile) -> str:
        try:
            with socket.socket(fileno=borrowed_descriptor(self.via, fd)) as borrowed:
                return _describe(borrowed, file)
        except OSError:
            return "socket"


def _describe(borrowed: socket.socket, file: OpenFile) -> str:
    """`TCP 127.0.0.1:8080<-127.0.0.1:50312`, as `syscalls.socket_text` says it."""
    own, peer = _name(borrowed.getsockname, borrowed.family), _name(borrowed.getpeername, borrowed.family)
    if borrowed.family == socket.AF_UNIX:
        kind = _UNIX_TYPES.get(borrowed.type, "UNIX")
    elif borrowed.family in _INTERNET:
        kind = _TYPES.get(borrowed.type, "IP")
        own = own if not own.endswith(":0") else ""
        peer = peer if not peer.endswith(":0") else ""
    else:
        return f"{AddressFamily.text(borrowed.family)} socket"
    if file.incoming and file.listener:
        own = file.listener
    if not peer:
        return f"{kind} {own}".rstrip()
    return f"{kind} {own}{'<-' if file.incoming else '->'}{peer}"


def _name(ask: Callable[[], object], family: int) -> str:
    try:
        name = ask()
    except OSError:
        return ""
    if isinstance(name, bytes):
        return (
            "@" + name[1:].decode("utf-8", "surrogateescape")
            if name[:1] == b"\0"
            else name.decode("utf-8", "replace")
        )
    if isinstance(name, tuple):
        return f"[{name[0]}]:{name[1]}" if family == socket.AF_INET6 else f"{name[0]}:{name[1]}"
    return str(name)
