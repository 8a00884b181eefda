"""Moving bytes when it takes more than one host call: waiting, writing on after a part, devices that the bench imitates.

The calls themselves try once, with a host descriptor that cannot block, and come here when that was not enough.
"""

import ctypes
import errno
import os
import signal
import stat

from syscalls import kernel, numbers
from syscalls.blocking import AGAIN, IN, OUT, is_ready, time_limit, until_ready
from syscalls.fds import Descriptor
from syscalls.process import Thread
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

INTERRUPTED = -errno.EINTR

_SOL_SOCKET, _SO_TYPE, _SOCK_STREAM = 1, 3, 1  # plain numbers: the socket module is slow to import


def read_waiting(thread: Thread, entry: Descriptor, buf: int, address: int, count: int) -> Result:
    """read(2) on what may have to wait: `buf` in the guest is `address` on the host."""
    description = entry.description
    operations = description.operations
    if operations is not None:
        return operations.read(thread.memory, buf, count)
    polls_first = not description.host_nonblocking

    def attempt() -> int:
        if polls_first and not is_ready(entry.host, IN):
            return AGAIN
        result = kernel.call3(numbers.read, entry.host, address, count)
        if result > 0:
            thread.memory.wrote(buf, result)
        return result

    result = attempt()
    if result == AGAIN and not description.nonblocking:
        if description.kind == "socket":
            return receive(thread, entry, 0, count, lambda _: attempt())
        return until_ready(thread, entry, IN, attempt)
    return result


def write_waiting(thread: Thread, entry: Descriptor, address: int, count: int, done: int) -> Result:
    """write(2) on what may have to wait, after `done` bytes are written already.

    A descriptor that is not O_NONBLOCK on the host (an inherited one) is polled first, and gets no more at a time than
    a writable pipe takes without blocking.
    """
    description = entry.description
    if description.nonblocking:
        if not is_ready(entry.host, OUT):
            return AGAIN
        result = kernel.call3(numbers.write, entry.host, address, min(count, PIPE_BUF))
        return broken_pipe(thread, entry) if result == -errno.EPIPE else result
    return _write_on(thread, entry, address, count, done)


def _write_on(thread: Thread, entry: Descriptor, address: int, count: int, done: int) -> Blocking:
    polls_first = not entry.description.host_nonblocking
    host = entry.host
    deadline = time_limit(thread, entry, "send_timeout")
    fds = thread.fds
    fds.pin(entry)
    try:
        while True:
            if polls_first and not is_ready(host, OUT):
                result = AGAIN
            else:
                part = min(count - done, PIPE_BUF) if polls_first else count - done
                result = kernel.call3(numbers.write, host, address + done, part)
            if result == AGAIN:
                wake = yield Wait(fds=((host, OUT),), deadline=deadline)
                if wake is Wake.INTERRUPTED:
                    return done or INTERRUPTED
                if wake is Wake.TIMEOUT:
                    return done or AGAIN
                continue
            if result == -errno.EPIPE:
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
        thread.bench.kill(thread, signal.SIGPIPE)
    return -errno.EPIPE


def _is_stream(host_fd: int) -> bool:
    words = (ctypes.c_int32 * 2)(0, 4)
    address = ctypes.addressof(words)
    kernel.call5(numbers.getsockopt, host_fd, _SOL_SOCKET, _SO_TYPE, address, address + 4)
    return words[0] == _SOCK_STREAM
