"""pidfd_open(2): a descriptor that stands for a process.

The pidfds of a process stand on the reading end of one pipe of the host: empty while the process lives, readable once it has
ended, hung up once it was reaped. So poll, select and every epoll report what they would report of a pidfd.
"""

import errno
import os
import re

from syscalls.describe import DESCRIBERS
from syscalls.fds import Description, Descriptor
from syscalls.flags import Open
from syscalls.process import Process, Thread
from syscalls.virtual import Listing

_O_RDWR = 2
_PROCESS_FOLDER = re.compile(rb"/proc/(\d{1,9})")


class Lifeline:
    """The pipe of one process, from its first pidfd on until it is reaped; the pidfds have duplicates."""

    __slots__ = ("_writer", "reader")

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def ended(self) -> None:
        """The process is a zombie: the pidfds are readable."""
        if self._writer >= 0:
            os.write(self._writer, b"\0")

    def reaped(self) -> None:
        """Its pid is free: they hang up."""
        if self._writer >= 0:
            os.close(self._writer)
            os.close(self.reader)
            self._writer = self.reader = -1

    def __del__(self) -> None:
        if hasattr(self, "_writer"):  # unless the host had none to give
            self.reaped()


class _Unreadable:
    """Stands in for reading: the pipe's byte is nobody's."""

    def read(self, thread: Thread, address: int, count: int) -> int:
        return -errno.EINVAL


def new_pidfd(thread: Thread, process: Process, flags: int) -> int:
    """A descriptor for a process at the lowest free number, close-on-exec; `flags` are status flags. Raises EMFILE."""
    thread.fds.lowest_free()
    if process.lifeline is None:
        process.lifeline = line = Lifeline()
        if process.wait_status is None:
            process.ends.append(line.ended)
        else:
            line.ended()
    description = Description(
        "pidfd", _O_RDWR | flags, path="anon_inode:[pidfd]", pollable=True, detail=process
    )
    description.operations = _Unreadable()
    return thread.fds.add(Descriptor(os.dup(process.lifeline.reader), description, cloexec=True))


def process_of(entry: Descriptor) -> Process:
    """The process behind a pidfd; raises EBADF for any other descriptor."""
    process = entry.description.detail
    if entry.description.kind != "pidfd" or not isinstance(process, Process):
        raise OSError(errno.EBADF, "not a pidfd")
    return process


def signalled_by(thread: Thread, entry: Descriptor) -> Process:
    """The process that pidfd_send_signal means by a descriptor: a pidfd, or the directory /proc/PID, opened for reading (tgid_pidfd_to_pid in
    fs/proc/base.c). Raises EBADF, ESRCH."""
    description = entry.description
    if not isinstance(description.operations, Listing) or description.flags & Open.O_PATH:
        return process_of(entry)
    folder = _PROCESS_FOLDER.fullmatch(description.operations.path)
    if folder is None:
        raise OSError(errno.EBADF, "not the directory of a process")
    process = thread.process.system.processes.get(int(folder[1]))
    if process is None:
        raise OSError(errno.ESRCH, "the process is gone")
    return process


def is_reaped(process: Process) -> bool:
    """Whether the process is gone for good."""
    return process.system.processes.get(process.pid) is not process


def _describe(thread: Thread, entry: Descriptor) -> str:
    return f"pidfd:{process_of(entry).pid}"


DESCRIBERS["pidfd"] = _describe
