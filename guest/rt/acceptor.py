"""Accepting connections: on a thread of its own that blocks in accept4, or by a task when there is only one thread."""

from guest.lang import array, coro, fn, i32, i64, null, u8, u32, u64
from guest.rt import io, sys, tasks
from guest.rt.abi import (
    EAGAIN,
    ECONNABORTED,
    EINTR,
    EMFILE,
    MSG_DONTWAIT,
    SHUT_WR,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
)
from guest.rt.net import Readable

SHORTAGE_NS = 10000000  # rest before the next try when the kernel lacks memory or descriptors
BATCH = 64  # connections that the single thread accepts before it lets the others run
DRAIN_READS = 4

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"

listening: i32
serve: fn[[i32], coro[None]]
# Kept to be given up when no descriptor is left, so that a connection can still be refused.
spare: i32 = -1


def initialise(fd: i32, connection_task: fn[[i32], coro[None]]) -> None:
    """Say which listening socket to accept from and which coroutine function serves a connection."""
    global listening, serve, spare
    listening = fd
    serve = connection_task
    spare = i32(sys.dup(fd))


def refuse(fd: i32) -> None:
    """Answer 503 without ever waiting, and close."""
    sys.send(fd, BUSY.ptr, len(BUSY), MSG_DONTWAIT)
    sys.shutdown(fd, SHUT_WR)
    # Closing with unread bytes would send a reset, which may overtake the answer.
    scratch = array[u8, 1024]()
    for _ in range(DRAIN_READS):
        if sys.recv(fd, scratch.ptr, len(scratch), MSG_DONTWAIT) <= 0:
            break
    sys.close(fd)


def hand_over(fd: i32) -> None:
    """Make a task for a new connection; refuse it when there is no slot or no memory."""
    if fd >= io.DESCRIPTORS:
        refuse(fd)
        return
    slot = tasks.reserve()
    if slot == 0:
        refuse(fd)
        return
    frame = serve(fd)
    if frame == null:
        tasks.release(slot - 1)
        refuse(fd)
        return
    tasks.start(slot - 1, frame)


def out_of_descriptors() -> i64:
    """No descriptor is left (EMFILE): give the spare one up to accept a connection; returns as `accept_one`.

    accept4 fails so before it looks for a connection. By the time one comes there may be descriptors again.
    """
    global spare
    if spare < 0:
        sys.nanosleep(SHORTAGE_NS)
    else:
        sys.close(spare)
    fd = sys.accept4(listening, SOCK_NONBLOCK | SOCK_CLOEXEC)
    spare = i32(sys.dup(listening))
    if fd >= 0 and spare >= 0:
        hand_over(i32(fd))
    elif fd >= 0:
        refuse(i32(fd))
        spare = i32(sys.dup(listening))
    elif fd == -EAGAIN:
        return fd
    return 0


def accept_one() -> i64:
    """Accept a connection and hand it over: 0, or -EAGAIN when the listening socket is non-blocking and has none."""
    fd = sys.accept4(listening, SOCK_NONBLOCK | SOCK_CLOEXEC)
    if fd >= 0:
        hand_over(i32(fd))
        return 0
    if fd == -EMFILE:
        return out_of_descriptors()
    if fd == -EAGAIN:
        return fd
    if fd != -ECONNABORTED and fd != -EINTR:
        # ENFILE, ENOMEM, ENOBUFS, or a connection that broke before it was accepted (accept(2)): it may get better.
        sys.nanosleep(SHORTAGE_NS)
    return 0


def accept_on_thread(unused: u64) -> None:
    """The acceptor thread."""
    while True:
        accept_one()


async def accept_as_task() -> None:
    """The acceptor of a server without threads: its listening socket is non-blocking."""
    while True:
        await Readable(listening, io.FOREVER)
        accepted = u32(0)
        while accepted < BATCH and accept_one() == 0:
            accepted += 1
