"""Hears of the guest's own output on the terminal or file that the trace is shown on, so that the two never share a line."""

import fcntl
import os
import stat
from collections.abc import Callable, Generator, MutableMapping
from typing import Any

from syscalls import numbers
from syscalls.process import Thread
from syscalls.table import lookup

_TIOCGDEV = 0x80045432  # the terminal's own device number, behind /dev/tty too (ioctl_tty(2))
_WRITES = (numbers.write, numbers.pwrite64)
_GATHERS = (numbers.writev, numbers.pwritev, numbers.pwritev2)
_MOST_BUFFERS = 1024  # UIO_MAXIOV

Heard = Callable[[bool], None]


def place(fd: int) -> tuple[object, ...] | None:
    """What two host descriptors have in common when they write to the same place; None when that cannot be told."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    if not stat.S_ISCHR(status.st_mode):
        return status.st_dev, status.st_ino
    try:
        return "terminal", fcntl.ioctl(fd, _TIOCGDEV, bytes(4))
    except OSError:
        return "device", status.st_rdev


def watch(calls: MutableMapping[int, Callable[..., Any]], fd: int, heard: Heard) -> None:
    """Puts itself around the writing calls in `calls` (numbers to functions of thread and registers).

    After each that wrote to the place of the host descriptor `fd`, `heard` is told whether the output ended with a newline.
    """
    watched = place(fd)
    if watched is None:
        return
    for number in (*_WRITES, *_GATHERS):
        calls[number] = _around(calls.get(number) or lookup(number).call, number, watched, heard)


def _around(
    inner: Callable[..., Any], number: int, watched: tuple[object, ...], heard: Heard
) -> Callable[..., Any]:
    last = _last_of_buffer if number in _WRITES else _last_of_buffers

    def call(thread: Thread, fd: int, address: int, count: int, *rest: int) -> Any:
        entry = thread.fds.entries.get(((fd & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000)
        result = inner(thread, fd, address, count, *rest)
        if entry is None or place(entry.host) != watched:
            return result
        if result.__class__ is int:
            tell(thread, address, count, result)
            return result
        return waited(result, thread, address, count)

    def waited(result: Generator[Any, Any, int], thread: Thread, address: int, count: int) -> Any:
        value = yield from result
        tell(thread, address, count, value)
        return value

    def tell(thread: Thread, address: int, count: int, result: int) -> None:
        if result > 0:
            try:
                heard(last(thread, address, count, result) == b"\n")
            except OSError:  # another thread has unmapped it meanwhile
                heard(False)

    return call


def _last_of_buffer(thread: Thread, address: int, count: int, written: int) -> bytes:
    return thread.memory.read(address + written - 1, 1)


def _last_of_buffers(thread: Thread, address: int, count: int, written: int) -> bytes:
    for index in range(min(count, _MOST_BUFFERS)):
        size = thread.memory.u64(address + 16 * index + 8)
        if written <= size:
            return thread.memory.read(thread.memory.u64(address + 16 * index) + written - 1, 1)
        written -= size
    return b""
