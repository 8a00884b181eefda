"""The devices in a guest's /dev: a few of the host's that are harmless, and random numbers from the run's seed."""

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from syscalls.fds import Descriptor, Operations
from syscalls.memory import Memory
from syscalls.terminal_files import (
    MASTER_DEVICE,
    TTY_DEVICE,
    open_current,
    open_master,
    open_slave,
)
from syscalls.terminals import terminals_of

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
    """One guest's /dev and /dev/pts. Of pseudo-terminals it sees its own, under the numbers that they have in the guest."""

    def __init__(self) -> None:
        self._folder = -1  # a host directory whose names are those of /dev/pts
        self._names = {b"ptmx"}

    def show_terminals(self, folder: int) -> None:
        """From now on the host directory `folder` (a descriptor) has a file for each terminal, for those who list it."""
        self._folder = folder
        for name in self._names:
            _touch(folder, name)

    def terminal_changed(self, number: int, is_there: bool) -> None:
        """A terminal has come or gone."""
        name = b"%d" % number
        if is_there:
            self._names.add(name)
            if self._folder >= 0:
                _touch(self._folder, name)
        else:
            self._names.discard(name)
            if self._folder >= 0:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=self._folder)

    def close(self) -> None:
        """The directory is about to go."""
        self._folder = -1

    def find(self, thread: "Thread", folder: bytes, name: bytes) -> int | None:
        """An O_PATH host descriptor of the device `/dev/name`."""
        if folder == b"/dev" and name in LENT:
            return os.open(b"/dev/" + name, os.O_PATH | os.O_CLOEXEC)
        return None

    def find_terminal(self, thread: "Thread", folder: bytes, name: bytes) -> int | None:
        """An O_PATH host descriptor of the terminal `/dev/pts/name`, or of `/dev/pts/ptmx`."""
        if name == b"ptmx":
            return os.open(b"/dev/ptmx", os.O_PATH | os.O_CLOEXEC)
        if name.isdigit() and name == b"%d" % int(name):
            terminal = terminals_of(thread.process.system).get(int(name))
            if terminal is not None:
                return os.open(f"/proc/self/fd/{terminal.source}", os.O_PATH | os.O_CLOEXEC)
        return None


def _touch(folder: int, name: bytes) -> None:
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder))


def open_terminal(thread: "Thread", status: os.stat_result, path: str, flags: int) -> Descriptor | None:
    """Opens what `path` has led to if it is a terminal: /dev/ptmx makes one; None: it is something else.

    Raises ENXIO, EBUSY, EIO and what the host says.
    """
    device = status.st_rdev
    if device == TTY_DEVICE:
        return open_current(thread, flags)
    terminals = terminals_of(thread.process.system)
    if device == MASTER_DEVICE:
        return open_master(flags, path, thread)
    terminal = terminals.on_host_device(device)
    return None if terminal is None else open_slave(thread, terminal, flags)


def operations_for(thread: "Thread", status: os.stat_result) -> Operations | None:
    """What stands in for reading the device on the host: only for the random ones."""
    if (os.major(status.st_rdev), os.minor(status.st_rdev)) in RANDOM:
        return RandomDevice(thread.bench.random)
    return None
