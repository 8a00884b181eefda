"""The devices in a guest's /dev: a few of the host's that are harmless, and random numbers from the run's seed."""

import errno
import fcntl
import os
import struct
from typing import TYPE_CHECKING

from syscalls.fds import Operations
from syscalls.flags import Ioctl
from syscalls.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from syscalls.process import Thread

LENT = frozenset((b"null", b"zero", b"full", b"random", b"urandom", b"tty", b"ptmx"))
"""What is opened on the host."""

LINKS = {b"fd": b"/proc/self/fd", b"stdin": b"fd/0", b"stdout": b"fd/1", b"stderr": b"fd/2"}

RANDOM = ((1, 8), (1, 9))
"""Device numbers of random and urandom (random(4))."""

_READ_LIMIT = 33554431  # of one read(2): random(4)
_PIECE = 1 << 16


class RandomDevice:
    """random(4), reproducible: every byte follows from the run's seed."""

    def __init__(self, random: "Callable[[int], bytes]") -> None:
        self._random = random

    def read(self, thread: "Thread", address: int, count: int) -> int:
        """Stores up to `count` random bytes; like the kernel less only where the buffer ends, -EFAULT for none at all."""
        count = min(count, _READ_LIMIT)
        done = 0
        while done < count:
            piece = self._random(min(count - done, _PIECE))
            try:
                thread.memory.write(address + done, piece)
            except OSError:
                return done + _write_prefix(thread.memory, address + done, piece) or -errno.EFAULT
            done += len(piece)
        return done


def _write_prefix(memory: Memory, address: int, data: bytes) -> int:
    """Stores as much of `data` as is writable, page by page; returns how much."""
    done = 0
    while done < len(data):
        part = data[done : done + 4096 - (address + done) % 4096]
        try:
            memory.write(address + done, part)
        except OSError:
            break
        done += len(part)
    return done


class Devices:
    """One guest's /dev and /dev/pts. Of the host's pseudo-terminals it sees those that it made itself."""

    def find(self, thread: "Thread", folder: bytes, name: bytes) -> int | None:
        """An O_PATH host descriptor of the device `/dev/name`."""
        if folder == b"/dev" and name in LENT:
            return os.open(b"/dev/" + name, os.O_PATH | os.O_CLOEXEC)
        return None

    def find_terminal(self, thread: "Thread", folder: bytes, name: bytes) -> int | None:
        """An O_PATH host descriptor of the terminal `/dev/pts/name`, or of `/dev/pts/ptmx`."""
        if name == b"ptmx":
            return os.open(b"/dev/ptmx", os.O_PATH | os.O_CLOEXEC)
        if name.isdigit() and int(name) in self._open_masters(thread):
            return os.open(b"/dev/pts/" + name, os.O_PATH | os.O_CLOEXEC)
        return None

    def _open_masters(self, thread: "Thread") -> set[int]:
        # Asked of the descriptors themselves: once its master is closed, a number may become somebody else's.
        found = set()
        for entry in thread.fds.entries.values():
            if entry.description.kind == "tty" and entry.description.path.endswith("ptmx"):
                number = struct.unpack("I", fcntl.ioctl(entry.host, Ioctl.TIOCGPTN, b"\0" * 4))[0]
                found.add(number)
        return found


def operations_for(thread: "Thread", status: os.stat_result) -> Operations | None:
    """What stands in for reading the device on the host: only for the random ones."""
    if (os.major(status.st_rdev), os.minor(status.st_rdev)) in RANDOM:
        return RandomDevice(thread.bench.random)
    return None
