"""select and pselect6: sets of descriptors as bits."""

import errno
import struct
from collections.abc import Callable
from typing import Annotated

from syscalls.args import Int, ReadyResult, Result
from syscalls.flags.polling import Poll
from syscalls.polled import Polled
from syscalls.process import Thread
from syscalls.remaining import timed
from syscalls.sigmasks import read_mask, under_mask
from syscalls.table import syscall
from syscalls.timespecs import read_timespec, read_timeval, write_timespec, write_timeval
from syscalls.types_poll import FdSetArg
from syscalls.types_signals import InPackedMask
from syscalls.types_threads import InTimespec, InTimeval
from syscalls.wait import RESTARTNOHAND, Blocking, Wait, Wake

_READABLE = Poll.POLLRDNORM | Poll.POLLRDBAND | Poll.POLLIN | Poll.POLLHUP | Poll.POLLERR | Poll.POLLNVAL
_WRITABLE = Poll.POLLWRBAND | Poll.POLLWRNORM | Poll.POLLOUT | Poll.POLLERR | Poll.POLLNVAL
_EXCEPTIONAL = Poll.POLLPRI | Poll.POLLNVAL
_WORD = 64


@syscall
def select(
    thread: Thread,
    nfds: Int,
    readfds: Annotated[int, FdSetArg("nfds", "in")],
    writefds: Annotated[int, FdSetArg("nfds", "out")],
    exceptfds: Annotated[int, FdSetArg("nfds", "except")],
    timeout: InTimeval,
) -> ReadyResult:
    """select(2), which writes the time not slept back to `timeout`."""
    limit = read_timeval(thread, timeout) if timeout else None
    return timed(
        thread,
        limit,
        lambda left: write_timeval(thread, timeout, left),
        lambda: _select(thread, nfds, (readfds, writefds, exceptfds), limit),
    )


@syscall
def pselect6(
    thread: Thread,
    nfds: Int,
    readfds: Annotated[int, FdSetArg("nfds", "in")],
    writefds: Annotated[int, FdSetArg("nfds", "out")],
    exceptfds: Annotated[int, FdSetArg("nfds", "except")],
    timeout: InTimespec,
    sigmask: InPackedMask,
) -> ReadyResult:
    """pselect(2), the kernel's own call: the last argument points to the mask's address and size."""
    mask_address, mask_size = struct.unpack("<QQ", thread.memory.read(sigmask, 16)) if sigmask else (0, 0)
    limit = read_timespec(thread, timeout) if timeout else None
    mask = read_mask(thread, mask_address, mask_size)
    return timed(
        thread,
        limit,
        lambda left: write_timespec(thread, timeout, left),
        lambda: under_mask(
            thread, mask, lambda: _select(thread, nfds, (readfds, writefds, exceptfds), limit)
        ),
    )


def _select(thread: Thread, nfds: int, sets: tuple[int, int, int], limit: int | None) -> Result:
    if nfds < 0:
        return -errno.EINVAL
    fds = thread.fds
    # Linux looks no further than the table has room: at least 64 numbers, then as many as were ever open.
    room = max(fds.entries, default=0) // _WORD * _WORD + _WORD
    nfds = min(nfds, max(room, 256))
    size = (nfds + _WORD - 1) // _WORD * 8
    memory = thread.memory
    asked = [int.from_bytes(memory.read(one, size), "little") if one and size else 0 for one in sets]
    limit_mask = (1 << nfds) - 1
    asked = [bits & limit_mask for bits in asked]
    wanted = asked[0] | asked[1] | asked[2]
    watched: list[int] = []
    while wanted:
        fd = (wanted & -wanted).bit_length() - 1
        wanted &= wanted - 1
        fds.get(fd)
        watched.append(fd)
    events = [
        (_READABLE if asked[0] >> fd & 1 else 0)
        | (_WRITABLE if asked[1] >> fd & 1 else 0)
        | (_EXCEPTIONAL if asked[2] >> fd & 1 else 0)
        for fd in watched
    ]
    raw = b"".join(struct.pack("<iHH", fd, wants, 0) for fd, wants in zip(watched, events, strict=True))
    polled = Polled(thread, raw)

    def answer(polled: Polled) -> int:
        told = [0, 0, 0]
        count = 0
        for index, fd in enumerate(watched):
            revents = polled.revents(index)
            for which, mask in enumerate((_READABLE, _WRITABLE, _EXCEPTIONAL)):
                if revents & mask and asked[which] >> fd & 1:
                    told[which] |= 1 << fd
                    count += 1
        return _tell_sets(thread, sets, told, size, count)

    polled.look()
    result = 0
    if any(polled.revents(index) & wants for index, wants in enumerate(events)):
        result = answer(polled)
    if result or limit == 0:
        return result or _tell_sets(thread, sets, [0, 0, 0], size, 0)
    end = None if limit is None else thread.bench.monotonic_ns() + limit
    return _wait_select(thread, polled, events, answer, end)


def _tell_sets(thread: Thread, sets: tuple[int, int, int], told: list[int], size: int, count: int) -> int:
    for address, bits in zip(sets, told, strict=True):
        if address and size:
            thread.memory.write(address, bits.to_bytes(size, "little"))
    return count


def _wait_select(
    thread: Thread,
    polled: Polled,
    events: list[int],
    answer: Callable[[Polled], int],
    deadline: int | None,
) -> Blocking:
    pinned = polled
    pinned.pin()
    try:
        while True:
            wake = yield Wait(fds=polled.waits, deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return RESTARTNOHAND
            polled = Polled(thread, polled.raw)
            polled.look()
            ready = any(polled.revents(index) & wants for index, wants in enumerate(events))
            if ready or wake is Wake.TIMEOUT:
                return answer(polled)
    finally:
        pinned.unpin()
