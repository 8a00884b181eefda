"""Calls on open descriptors: read, write and their positioned and vectored forms, close, lseek, dup, fcntl."""

from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import Fd, InBytes, OutBytes, Result, Size
from syscalls.blocking import AGAIN, IN, OUT, must_wait, until_ready
from syscalls.process import Thread
from syscalls.table import syscall

MAX_RW_COUNT = 0x7FFFF000
"""The most that one call transfers (read(2), "Notes")."""


@syscall
def read(thread: Thread, fd: Fd, buf: Annotated[int, OutBytes()], count: Size) -> Result:
    """read(2)."""
    entry = thread.fds.get(fd)
    address = thread.memory.host(buf)
    count = min(count, MAX_RW_COUNT)

    def attempt() -> int:
        if must_wait(entry, IN):
            return AGAIN
        return kernel.call3(numbers.read, entry.host, address, count)

    result = attempt()
    if result == AGAIN and not entry.description.nonblocking:
        return until_ready(thread, entry, IN, attempt)
    return result


@syscall
def write(thread: Thread, fd: Fd, buf: Annotated[int, InBytes("count")], count: Size) -> Result:
    """write(2)."""
    entry = thread.fds.get(fd)
    address = thread.memory.host(buf)
    count = min(count, MAX_RW_COUNT)

    def attempt() -> int:
        if must_wait(entry, OUT):
            return AGAIN
        return kernel.call3(numbers.write, entry.host, address, count)

    result = attempt()
    if result == AGAIN and not entry.description.nonblocking:
        return until_ready(thread, entry, OUT, attempt)
    return result
