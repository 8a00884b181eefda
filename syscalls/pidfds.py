"""pidfd_open(2): a descriptor that stands for a process, readable once it has ended.

It stands on an eventfd of the host, so that poll, select and every epoll report what they would report of a pidfd.
"""

import os

from syscalls.fds import Description, Descriptor
from syscalls.process import Process, Thread

O_RDWR = 2


def new_pidfd(thread: Thread, process: Process, flags: int) -> int:
    """A descriptor for a process at the lowest free number, close-on-exec; raises EMFILE."""
    description = Description("pidfd", O_RDWR | flags, pollable=True, host_nonblocking=True, detail=process)
    host = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    entry = Descriptor(host, description, cloexec=True)

    def ended() -> None:
        if entry.host >= 0:
            os.eventfd_write(entry.host, 1)

    if process.wait_status is None:
        process.ends.append(ended)
    else:
        ended()
    return thread.fds.add(entry)
