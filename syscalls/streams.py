"""Moving bytes when it takes more than one host call: waiting, writing on after a part, devices that the bench imitates.

The calls themselves try once, with a host descriptor that cannot block, and come here when that was not enough.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Callable

from syscalls import kernel, numbers, terminal_files
from syscalls.blocking import AGAIN, IN, OUT, interrupted, is_ready, time_limit, until_ready
from syscalls.fds import Descriptor
from syscalls.flags import ReadWrite
from syscalls.flags.signals import Signal
from syscalls.process import Thread
from syscalls.siginfo import from_user
from syscalls.terminal_files import TerminalFile, terminal_file
from syscalls.transfers import receive
from syscalls.wait import Blocking, Result, Wait, Wake

MAX_RW_COUNT = 0x7FFFF000
"""The most that one call transfers (read(2), "Notes")."""

NOWHERE = 0xFFFF_8000_0000_0000
"""A host address that the kernel answers with EFAULT, once it has come to look at it."""

PIPE_BUF = 4096
"""What a write to a pipe that polls as writable can take without blocking (pipe(7))."""

STREAMS = frozenset(("pipe", "socket", "tty"))
"""Kinds of which a blocking write goes on until everything is written."""

EPIPE = -errno.EPIPE

_SOL_SOCKET, _SO_TYPE, _SOCK_STREAM = 1, 3, 1  # plain numbers: the socket module is slow to import


def host_address(thread: Thread, address: int) -> int:
    """Where the kernel finds a guest buffer, or an address that it answers with EFAULT."""
    try:
        return thread.memory.host(address)
    except OSError:
        return NOWHERE


def read_now(entry: Descriptor, address: int, count: int) -> int:
    """One read(2) to a host address that blocks in no case: -EAGAIN where it would."""
    description = entry.description
    if description.pollable and not description.host_nonblocking:
        if description.kind == "socket":
            return _socket_now(numbers.preadv2, entry.host, address, count)
        if not is_ready(entry.host, IN):
            return AGAIN
    return kernel.call3(numbers.read, entry.host, address, count)


def write_now(entry: Descriptor, address: int, count: int) -> int:
    """One write(2) from a host address that blocks in no case; it may be short where a blocking one would not."""
    description = entry.description
    if description.pollable and not description.host_nonblocking:
        if description.kind == "socket":
            return _socket_now(numbers.pwritev2, entry.host, address, count)
        if not is_ready(entry.host, OUT):
            return AGAIN
        count = min(count, PIPE_BUF)
    return kernel.call3(numbers.write, entry.host, address, count)


def _socket_now(number: int, host: int, address: int, count: int) -> int:
    # A blocking socket that polls as ready may block all the same (urgent data, no room for a whole packet).
    vector = (ctypes.c_uint64 * 2)(address, count)
    return kernel.call6(number, host, ctypes.addressof(vector), 1, -1, 0, ReadWrite.RWF_NOWAIT)


def read_waiting(thread: Thread, entry: Descriptor, buf: int, address: int, count: int) -> Result:
    """read(2) on what may have to wait: `buf` in the guest is `address` on the host."""
    operations = entry.description.operations
    if operations is not None:
        return read_imitated(thread, entry, lambda: operations.read(thread, buf, count))
    file = terminal_file(entry)
    if file is not None:
        return _read_terminal(thread, entry, file, buf, address, count)

    def attempt() -> int:
        result = read_now(entry, address, count)
        if result > 0:
            thread.memory.wrote(buf, result)
        return result

    result = attempt()
    if result == AGAIN and not entry.description.nonblocking:
        if entry.description.kind == "socket":
            return receive(thread, entry, 0, count, lambda _: attempt())
        return until_ready(thread, entry, IN, attempt)
    return result


def _read_terminal(
    thread: Thread, entry: Descriptor, file: TerminalFile, buf: int, address: int, count: int
) -> Result:
    def attempt(done: int) -> int:
        result = kernel.call3(numbers.read, entry.host, address + done, count - done)
        if result > 0:
            thread.memory.wrote(buf + done, result)
        return result

    return terminal_files.read(thread, entry, file, count, attempt)


def read_imitated(thread: Thread, entry: Descriptor, attempt: Callable[[], int]) -> Result:
    """Reading where `Description.operations` stand in for it."""
    result = attempt()
    description = entry.description
    if result == AGAIN and description.pollable and not description.nonblocking:
        return until_ready(thread, entry, IN, attempt)
    return result


def write_waiting(thread: Thread, entry: Descriptor, buf: int, address: int, count: int, done: int) -> Result:
    """write(2) on what may have to wait, after `done` bytes are written already: `buf` in the guest is `address` on the host."""
    file = terminal_file(entry)
    if file is not None:
        return terminal_files.write(
            thread,
            entry,
            file,
            count,
            lambda done: kernel.call3(numbers.write, entry.host, address + done, count - done),
            lambda start, size: thread.memory.read(buf + start, size),
        )
    if entry.description.operations is not None:
        result = kernel.call3(numbers.write, entry.host, address, count)  # which the stand-in refuses
        return -errno.EINVAL if result == -errno.EBADF else result
    if entry.description.nonblocking:
        result = write_now(entry, address, count)
        return broken_pipe(thread, entry) if result == EPIPE else result
    return _write_on(thread, entry, address, count, done)


def _write_on(thread: Thread, entry: Descriptor, address: int, count: int, done: int) -> Blocking:
    host = entry.host
    deadline = time_limit(thread, entry, "send_timeout")
    fds = thread.fds
    fds.pin(entry)
    try:
        while True:
            result = write_now(entry, address + done, count - done)
            if result == AGAIN:
                wake = yield Wait(fds=((host, OUT),), deadline=deadline)
                if wake is Wake.INTERRUPTED:
                    return done or interrupted(deadline)
                if wake is Wake.TIMEOUT:
                    return done or AGAIN
                continue
            if result == EPIPE:
                result = broken_pipe(thread, entry, done)
            if result <= 0:
                return done or result
            done += result
            if done >= count:
                return done
    finally:
        fds.unpin(entry)


def broken_pipe(thread: Thread, entry: Descriptor, done: int = 0) -> int:
    """What -EPIPE brings: SIGPIPE for pipes and stream sockets (unless `done` bytes went through one). Returns -EPIPE."""
    mode = os.fstat(entry.host).st_mode
    if stat.S_ISFIFO(mode) or (stat.S_ISSOCK(mode) and not done and _is_stream(entry.host)):
        thread.bench.send_signal(thread, from_user(Signal.SIGPIPE, thread.process.pid, thread.process.uid))
    return EPIPE


def _is_stream(host_fd: int) -> bool:
    words = (ctypes.c_int32 * 2)(0, 4)
    address = ctypes.addressof(words)
    kernel.call5(numbers.getsockopt, host_fd, _SOL_SOCKET, _SO_TYPE, address, address + 4)
    return words[0] == _SOCK_STREAM
