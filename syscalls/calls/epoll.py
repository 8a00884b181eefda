"""epoll(7): a guest's epoll is an epoll of the host, holding host descriptors and the guest's own data."""

import errno
from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import Fd, FdResult, Flags, Int, Result, Size
from syscalls.blocking import IN, INTERRUPTED
from syscalls.fds import Description, Descriptor
from syscalls.flags.files import Open
from syscalls.flags.polling import Epoll, EpollCreate, EpollOp
from syscalls.process import Thread
from syscalls.scratch import WORK
from syscalls.sigmasks import read_mask, under_mask
from syscalls.streams import host_address
from syscalls.table import syscall
from syscalls.timespecs import read_timespec
from syscalls.types_poll import EpollEventIn, EpollEventsOut
from syscalls.types_signals import InSet
from syscalls.types_threads import InTimespec
from syscalls.types_volatile import Timeout
from syscalls.wait import Blocking, Wait, Wake

_EVENT_SIZE = 12
"""sizeof(struct epoll_event): packed on x86_64."""

_MAX_EVENTS = 0x7FFFFFFF // _EVENT_SIZE
_MILLISECOND = 1_000_000


@syscall
def epoll_create(thread: Thread, size: Int) -> FdResult:
    """epoll_create(2)."""
    return _create(thread, 0) if size > 0 else -errno.EINVAL


_STANDS_ON_ONE = "signalfd"
"""The kind of descriptor that is an epoll on the host, and none to the guest."""


@syscall
def epoll_create1(thread: Thread, flags: Annotated[int, Flags(EpollCreate)]) -> FdResult:
    """epoll_create1(2)."""
    return -errno.EINVAL if flags & ~EpollCreate.EPOLL_CLOEXEC else _create(thread, flags)


def _create(thread: Thread, flags: int) -> int:
    fds = thread.fds
    fds.lowest_free()
    result = kernel.call1(numbers.epoll_create1, EpollCreate.EPOLL_CLOEXEC)
    if result < 0:
        return result
    description = Description("epoll", Open.O_RDWR, pollable=True, host_nonblocking=True)
    return fds.add(Descriptor(result, description, flags & EpollCreate.EPOLL_CLOEXEC != 0))


@syscall
def epoll_ctl(
    thread: Thread,
    epfd: Fd,
    op: Annotated[int, Flags(EpollOp)],
    fd: Fd,
    event: Annotated[int, EpollEventIn("op")],
) -> Result:
    """epoll_ctl(2)."""
    entries = thread.fds.entries
    epoll = entries.get(epfd)
    target = entries.get(fd)
    address = 0
    if op != EpollOp.EPOLL_CTL_DEL and event:
        # The one part of an event that a guest may not have: keeping the host awake needs privilege, and is ignored.
        if thread.memory.u32(event) & Epoll.EPOLLWAKEUP:
            scratch = thread.process.scratch
            scratch.view[WORK : WORK + _EVENT_SIZE] = thread.memory.read(event, _EVENT_SIZE)
            scratch.words[WORK // 4] &= ~Epoll.EPOLLWAKEUP
            address = scratch.address + WORK
        else:
            address = thread.memory.host(event)
    if epoll is not None and epoll.description.kind == _STANDS_ON_ONE:
        epoll = target  # EPERM or EINVAL, as for any file that is none
    # A descriptor that the guest has not got is one that the host has not got either: the kernel's order of errors.
    return kernel.call4(
        numbers.epoll_ctl,
        epoll.host if epoll is not None else 0xFFFFFFFF,
        op & 0xFFFFFFFF,
        target.host if target is not None else 0xFFFFFFFF,
        address,
    )


@syscall
def epoll_wait(
    thread: Thread,
    epfd: Fd,
    events: Annotated[int, EpollEventsOut()],
    maxevents: Int,
    timeout: Timeout,
) -> Result:
    """epoll_wait(2)."""
    entry = thread.fds.entries.get(epfd)
    if entry is not None and entry.description.kind == _STANDS_ON_ONE:
        return -errno.EINVAL
    # Linux looks at `maxevents` first; with a descriptor that is not there its own checks come in their own order.
    result = kernel.call4(
        numbers.epoll_wait,
        entry.host if entry is not None else 0xFFFFFFFF,
        host_address(thread, events),
        maxevents & 0xFFFFFFFF,
        0,
    )
    if result == 0 and timeout and entry is not None:
        deadline = None if timeout < 0 else thread.bench.monotonic_ns() + timeout * _MILLISECOND
        return _wait(thread, entry, events, maxevents, deadline)
    if result > 0:
        thread.memory.wrote(events, result * _EVENT_SIZE)
    return result


def _wait(thread: Thread, entry: Descriptor, events: int, maxevents: int, deadline: int | None) -> Blocking:
    fds = thread.fds
    address = thread.memory.host(events)
    fds.pin(entry)
    try:
        while True:
            wake = yield Wait(fds=((entry.host, IN),), deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return INTERRUPTED
            result = kernel.call4(numbers.epoll_wait, entry.host, address, maxevents, 0)
            if result or wake is Wake.TIMEOUT:
                if result > 0:
                    thread.memory.wrote(events, result * _EVENT_SIZE)
                return result
    finally:
        fds.unpin(entry)


@syscall
def epoll_pwait(
    thread: Thread,
    epfd: Fd,
    events: Annotated[int, EpollEventsOut()],
    maxevents: Int,
    timeout: Timeout,
    sigmask: InSet,
    sigsetsize: Size,
) -> Result:
    """epoll_pwait(2)."""
    mask = read_mask(thread, sigmask, sigsetsize)
    return under_mask(thread, mask, lambda: epoll_wait(thread, epfd, events, maxevents, timeout))


@syscall
def epoll_pwait2(
    thread: Thread,
    epfd: Fd,
    events: Annotated[int, EpollEventsOut()],
    maxevents: Int,
    timeout: InTimespec,
    sigmask: InSet,
    sigsetsize: Size,
) -> Result:
    """epoll_pwait2(2): a time-out in nanoseconds."""
    limit = read_timespec(thread, timeout) if timeout else None
    mask = read_mask(thread, sigmask, sigsetsize)

    def work() -> Result:
        if limit is None:
            return epoll_wait(thread, epfd, events, maxevents, -1)
        result = epoll_wait(thread, epfd, events, maxevents, 0)
        if result == 0 and limit:
            end = thread.bench.monotonic_ns() + limit
            return _wait(thread, thread.fds.get(epfd), events, maxevents, end)
        return result

    return under_mask(thread, mask, work)
