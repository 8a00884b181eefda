"""Waiting for a descriptor: the one pattern under every call that may block on one.

A call first attempts its host call. When that says EAGAIN and the guest did not ask for O_NONBLOCK, it returns
`until_ready(...)`, which parks the thread, attempts again at each wake, and pins the descriptor meanwhile.
"""

import errno
import select
from array import array
from collections.abc import Callable

from syscalls import kernel, numbers
from syscalls.fds import Descriptor
from syscalls.process import Thread
from syscalls.wait import RESTARTSYS, Blocking, Wait, Wake

IN = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLPRI
OUT = select.EPOLLOUT
AGAIN = -errno.EAGAIN
INTERRUPTED = -errno.EINTR


def interrupted(deadline: int | None) -> int:
    """What a wait answers that a signal ends: restartable where it had no time limit (sock_intr_errno in include/net/sock.h)."""
    return RESTARTSYS if deadline is None else INTERRUPTED


def is_ready(host_fd: int, events: int) -> bool:
    """Whether poll(2) reports any of `events`, an error or a hang-up right now."""
    pollfd = array("i", (host_fd, events & 0xFFFF))  # one a call: machines may run in several host threads
    return kernel.call3(numbers.poll, pollfd.buffer_info()[0], 1, 0) > 0


def must_wait(entry: Descriptor, events: int) -> bool:
    """Whether a host call on a descriptor that is not O_NONBLOCK on the host would block (inherited descriptors)."""
    description = entry.description
    return description.pollable and not description.host_nonblocking and not is_ready(entry.host, events)


def time_limit(thread: Thread, entry: Descriptor, option: str) -> int | None:
    """The deadline that a socket's "receive_timeout" or "send_timeout" sets for a call that begins now."""
    limit = getattr(entry.description.detail, option, None)
    return None if limit is None else thread.bench.monotonic_ns() + int(limit)


def until_ready(
    thread: Thread,
    entry: Descriptor,
    events: int,
    attempt: Callable[[], int],
    deadline: int | None = None,
) -> Blocking:
    """Parks until `attempt` answers something else than -EAGAIN; -EAGAIN at the deadline."""
    fds = thread.fds
    fds.pin(entry)
    try:
        while True:
            wake = yield Wait(fds=((entry.host, events),), deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return interrupted(deadline)
            result = attempt()
            if result != AGAIN or wake is Wake.TIMEOUT:
                return result
    finally:
        fds.unpin(entry)
