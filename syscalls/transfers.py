"""Sending and receiving on a socket: the rules that sendto, recvfrom, sendmsg, recvmsg, read and write share.

A host call never blocks. A blocking send on a stream goes on until all is sent, as Linux does (tcp_sendmsg,
unix_stream_sendmsg); a receive waits for the first byte, or with MSG_WAITALL for all of them (with SO_RCVLOWAT for so many). What was transferred
before an error, a signal or a time-out counts: it is the result.
"""

import errno
from collections.abc import Callable

from syscalls import kernel, numbers
from syscalls.blocking import AGAIN, IN, OUT, interrupted, is_ready
from syscalls.fds import Descriptor
from syscalls.flags.net import Msg, SocketType
from syscalls.process import Thread
from syscalls.scratch import NAME
from syscalls.siginfo import from_user
from syscalls.sockets import Socket, socket_of
from syscalls.wait import Blocking, Result, Wait, Wake

QUIET = Msg.MSG_DONTWAIT | Msg.MSG_NOSIGNAL
"""What every host call that sends gets: never to wait, never to raise SIGPIPE in the bench."""

MAX_RW_COUNT = 0x7FFFF000
"""The most that one call transfers."""

PIPE = -errno.EPIPE
SIGPIPE = 13

_IMMEDIATE = Msg.MSG_DONTWAIT | Msg.MSG_ERRQUEUE
_POLLERR = 0x8
_POLLRDHUP = 0x2000
_FIONREAD = 0x541B
_FIRST_RETRY_NS = 1_000_000
_LAST_RETRY_NS = 16_000_000


def _deadline(thread: Thread, limit: int | None) -> int | None:
    return None if limit is None else thread.bench.monotonic_ns() + limit


def must_not_wait(entry: Descriptor, flags: int, limit: int | None) -> bool:
    """Whether EAGAIN is the answer: O_NONBLOCK, MSG_DONTWAIT, the error queue, or a time-out of zero."""
    return entry.description.nonblocking or flags & _IMMEDIATE != 0 or limit == 0


def broken_pipe(thread: Thread, sock: Socket, flags: int) -> int:
    """-EPIPE, with SIGPIPE where Linux sends one: on streams, unless MSG_NOSIGNAL is set."""
    if sock.kind == SocketType.SOCK_STREAM and not flags & Msg.MSG_NOSIGNAL:
        thread.bench.send_signal(thread, from_user(SIGPIPE, thread.process.pid, thread.process.uid))
    return PIPE


def receive(
    thread: Thread, entry: Descriptor, flags: int, size: int, attempt: Callable[[int], int]
) -> Result:
    """Receives up to `size` bytes. `attempt(done)` makes one host call, `done` bytes into the buffers."""
    result = attempt(0)
    if result == AGAIN:
        sock = socket_of(thread, entry)
        # Urgent data is there or not, nobody waits for it (tcp_recv_urg); datagrams know no such thing.
        urgent = flags & Msg.MSG_OOB and sock.kind == SocketType.SOCK_STREAM
        if urgent or must_not_wait(entry, flags, sock.receive_timeout):
            return AGAIN
        return _receive(thread, entry, sock, flags, size, attempt, 0)
    if 0 < result < size and (flags & Msg.MSG_WAITALL or result < entry.description.low_water):
        sock = socket_of(thread, entry)
        if (
            sock.kind == SocketType.SOCK_STREAM
            and not flags & Msg.MSG_OOB
            and not must_not_wait(entry, flags, sock.receive_timeout)
        ):
            return _receive(thread, entry, sock, flags, size, attempt, result)
    return result


def _receive(
    thread: Thread,
    entry: Descriptor,
    sock: Socket,
    flags: int,
    size: int,
    attempt: Callable[[int], int],
    done: int,
) -> Blocking:
    all_of_it = sock.kind == SocketType.SOCK_STREAM
    if not flags & Msg.MSG_WAITALL:
        size = min(size, entry.description.low_water)
    deadline = _deadline(thread, sock.receive_timeout)
    fds = thread.fds
    fds.pin(entry)
    try:
        while True:
            # A peek starts from the front again; at the end of the stream, or at an error that the next call is to
            # report, no more will come.
            if done and _is_ended(thread, entry, done if flags & Msg.MSG_PEEK else 0):
                return done
            if done:
                result = attempt(0 if flags & Msg.MSG_PEEK else done)
                if result > 0:
                    grown = result > done if flags & Msg.MSG_PEEK else True
                    done = result if flags & Msg.MSG_PEEK else done + result
                    if done >= size:
                        return done
                    if grown:
                        continue
                elif result != AGAIN:
                    return done
            if sock.kind != SocketType.SOCK_STREAM and is_ready(entry.host, _POLLRDHUP):
                # Shut down: only a call that need not wait says EAGAIN (__skb_wait_for_more_packets).
                return 0
            wake = yield Wait(fds=((entry.host, IN),), deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return done or interrupted(deadline)
            if not done:
                result = attempt(0)
                if result > 0 and all_of_it and result < size and wake is not Wake.TIMEOUT:
                    done = result
                    continue
                if result != AGAIN or wake is Wake.TIMEOUT:
                    return result
            elif wake is Wake.TIMEOUT:
                return done
    finally:
        fds.unpin(entry)


def _is_ended(thread: Thread, entry: Descriptor, held: int) -> bool:
    """Whether nothing is queued beyond `held` bytes, and the peer has closed or the socket has failed."""
    scratch = thread.process.scratch
    if kernel.call3(numbers.ioctl, entry.host, _FIONREAD, scratch.address) < 0:
        return True
    return scratch.words[NAME // 4] <= held and is_ready(entry.host, _POLLRDHUP | _POLLERR)


def send(
    thread: Thread,
    entry: Descriptor,
    flags: int,
    size: int,
    attempt: Callable[[int], int],
    addressed: bool = False,
) -> Result:
    """Sends `size` bytes. `attempt(done)` makes one host call, `done` bytes into the buffers, with QUIET flags."""
    result = attempt(0)
    if result == size:
        return result
    return send_rest(thread, entry, flags, size, attempt, result, addressed)


def send_rest(
    thread: Thread,
    entry: Descriptor,
    flags: int,
    size: int,
    attempt: Callable[[int], int],
    result: int,
    addressed: bool = False,
) -> Result:
    """What follows a first attempt with `result`: the signal, the wait, or the rest of a stream's bytes."""
    if result == PIPE:
        return broken_pipe(thread, socket_of(thread, entry), flags)
    if result == AGAIN:
        sock = socket_of(thread, entry)
        if must_not_wait(entry, flags, sock.send_timeout):
            return AGAIN
        return _send(thread, entry, sock, flags, size, attempt, 0, addressed)
    if 0 <= result < size:
        sock = socket_of(thread, entry)
        if sock.kind != SocketType.SOCK_STREAM or must_not_wait(entry, flags, sock.send_timeout):
            return result
        return _send(thread, entry, sock, flags, size, attempt, result, addressed)
    return result


def _send(
    thread: Thread,
    entry: Descriptor,
    sock: Socket,
    flags: int,
    size: int,
    attempt: Callable[[int], int],
    done: int,
    addressed: bool,
) -> Blocking:
    deadline = _deadline(thread, sock.send_timeout)
    fds = thread.fds
    clock = thread.bench.monotonic_ns
    pause = _FIRST_RETRY_NS
    fds.pin(entry)
    try:
        timed_out = False
        while True:
            if done and is_ready(entry.host, _POLLERR):
                return done  # the error is for the next call
            result = attempt(done)
            if result >= 0:
                done += result
                if done >= size or sock.kind != SocketType.SOCK_STREAM:
                    return done
                continue
            if result != AGAIN:
                if done:
                    return done
                return broken_pipe(thread, sock, flags) if result == PIPE else result
            if timed_out:
                return done or AGAIN
            end = deadline
            if addressed and is_ready(entry.host, OUT):
                # The full queue is that of a peer to which this socket is not connected: no event will tell.
                again = clock() + pause
                pause = min(pause * 2, _LAST_RETRY_NS)
                end = again if deadline is None else min(again, deadline)
            wake = yield Wait(fds=((entry.host, OUT),), deadline=end)
            if wake is Wake.INTERRUPTED:
                return done or interrupted(deadline)
            timed_out = wake is Wake.TIMEOUT and deadline is not None and clock() >= deadline
    finally:
        fds.unpin(entry)
