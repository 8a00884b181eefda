"""Opening a FIFO, which waits for the other side to be opened, too (fifo(7), fifo_open in fs/pipe.c).

On the host a FIFO is opened without waiting. Nothing becomes ready there when a reader comes, nor when a writer comes that
writes nothing yet: so a wait looks again every few milliseconds.
"""

import errno
import os
from collections.abc import Callable

from syscalls import kernel, numbers
from syscalls.blocking import IN, is_ready
from syscalls.fds import Descriptor
from syscalls.flags import Open
from syscalls.flags.attributes import StatfsType
from syscalls.process import Thread
from syscalls.wait import RESTARTSYS, Blocking, Wait, Wake

RETRY_NS = 5_000_000
"""How often a waiting open looks again."""

_SPLICE_F_NONBLOCK = 2


def waits_for_writer(descriptor: Descriptor, file_system: Callable[[int], int]) -> bool:
    """Whether an open that has just been made has to wait: of a FIFO, for reading alone, that nobody writes to."""
    description = descriptor.description
    if description.kind != "pipe" or description.flags & (Open.O_ACCMODE | Open.O_NONBLOCK | Open.O_PATH):
        return False
    return file_system(descriptor.host) != StatfsType.PIPEFS_MAGIC and not _has_writer(descriptor.host)


def _has_writer(host: int) -> bool:
    """Whether somebody has the FIFO open for writing, or has left data in it: tee(2) knows, and takes nothing away."""
    reader, writer = os.pipe()
    try:
        return kernel.call4(numbers.tee, host, writer, 1, _SPLICE_F_NONBLOCK) != 0
    finally:
        os.close(reader)
        os.close(writer)


def await_writer(thread: Thread, descriptor: Descriptor) -> Blocking:
    """Gives the descriptor its number once a writer has come, also if that one has gone again."""
    host = descriptor.host
    try:
        while True:
            wake = yield Wait(fds=((host, IN),), deadline=thread.bench.monotonic_ns() + RETRY_NS)
            if wake is Wake.INTERRUPTED:
                return RESTARTSYS
            # A writer that has gone again has left a hang-up; one that is there is seen by tee(2) alone.
            if is_ready(host, IN) or _has_writer(host):
                break
        thread.bench.forget_fd(host)
        host = -1
        return thread.fds.add(descriptor)
    finally:
        if host >= 0:
            thread.bench.forget_fd(host)
            os.close(host)


def await_reader(thread: Thread, attempt: Callable[[], Descriptor]) -> Blocking:
    """Opens for writing; `attempt` raises BlockingIOError as long as nobody reads."""
    while True:
        wake = yield Wait(deadline=thread.bench.monotonic_ns() + RETRY_NS)
        if wake is Wake.INTERRUPTED:
            return RESTARTSYS
        try:
            return thread.fds.add(attempt())
        except BlockingIOError:
            continue
        except OSError as error:
            return -(error.errno or errno.EIO)
