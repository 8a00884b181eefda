"""timerfd_create(2): a guest's timerfd is a timerfd of the host."""

import errno

from syscalls import kernel, numbers
from syscalls.args import Fd, FdResult, Result
from syscalls.fds import Description, Descriptor
from syscalls.flags.clock import Timerfd
from syscalls.flags.files import Open
from syscalls.process import Thread
from syscalls.streams import host_address
from syscalls.table import syscall
from syscalls.types_threads import ClockNumber
from syscalls.types_timers import (
    InItimerspec,
    Itimerspec,
    OutItimerspec,
    TimerfdFlags,
    TimerfdSettimeFlags,
)

_HOST_FLAGS = Timerfd.TFD_CLOEXEC | Timerfd.TFD_NONBLOCK


@syscall
def timerfd_create(thread: Thread, clockid: ClockNumber, flags: TimerfdFlags) -> FdResult:
    """timerfd_create(2)."""
    if flags & ~_HOST_FLAGS:
        return -errno.EINVAL
    fds = thread.fds
    host = kernel.call2(numbers.timerfd_create, clockid & 0xFFFFFFFF, _HOST_FLAGS)
    if host < 0:
        return host
    status = Open.O_RDWR | flags & Timerfd.TFD_NONBLOCK
    description = Description("timerfd", status, pollable=True, host_nonblocking=True)
    return fds.add(Descriptor(host, description, bool(flags & Timerfd.TFD_CLOEXEC)))


@syscall
def timerfd_settime(
    thread: Thread, fd: Fd, flags: TimerfdSettimeFlags, new_value: InItimerspec, old_value: OutItimerspec
) -> Result:
    """timerfd_settime(2)."""
    entry = thread.fds.entries.get(fd)
    result = kernel.call4(
        numbers.timerfd_settime,
        entry.host if entry is not None else 0xFFFFFFFF,
        flags & 0xFFFFFFFF,
        host_address(thread, new_value),
        host_address(thread, old_value) if old_value else 0,
    )
    if result == 0 and old_value:
        thread.memory.wrote(old_value, Itimerspec.size)
    return result


@syscall
def timerfd_gettime(thread: Thread, fd: Fd, curr_value: OutItimerspec) -> Result:
    """timerfd_gettime(2)."""
    entry = thread.fds.entries.get(fd)
    result = kernel.call2(
        numbers.timerfd_gettime,
        entry.host if entry is not None else 0xFFFFFFFF,
        host_address(thread, curr_value),
    )
    if result == 0:
        thread.memory.wrote(curr_value, Itimerspec.size)
    return result
