"""sendmsg, recvmsg and their many-message forms."""

import errno
from typing import Annotated

from syscalls import kernel, numbers, passing, unix_names
from syscalls.args import Fd, Flags, Result, UInt
from syscalls.calls.sockets_data import destination
from syscalls.fds import Descriptor
from syscalls.flags.net import Msg, Scm, SocketLevel, SocketOption
from syscalls.messages import (
    CONTROL_LENGTH_AT,
    FLAGS_AT,
    LENGTH_AT,
    NAME_LENGTH_AT,
    ROW,
    Header,
    HostMessage,
    control_room,
    read_control,
    read_header,
    read_vectors,
)
from syscalls.process import Thread
from syscalls.sockets import Socket, host_option, is_unix, lookup, write_name
from syscalls.table import syscall
from syscalls.timespecs import read_timespec, write_timespec
from syscalls.transfers import QUIET, receive, send
from syscalls.types_net import MsgHdrIn, MsgHdrOut, MsgVectorIn, MsgVectorOut
from syscalls.types_threads import InTimespec
from syscalls.wait import Blocking

_MAX_MESSAGES = 1024  # UIO_MAXIOV: what sendmmsg and recvmmsg take at once
_COMPAT = 0x80000000  # MSG_CMSG_COMPAT: for the kernel's own use

_NO_MORE = -errno.EIO
"""Ends a MSG_WAITALL early: after descriptors have come nothing is added (unix_stream_read_generic)."""

MsgFlags = Annotated[int, Flags(Msg)]


@syscall
def sendmsg(thread: Thread, fd: Fd, msg: Annotated[int, MsgHdrIn()], flags: MsgFlags) -> Result:
    """sendmsg(2), with descriptors and credentials (unix(7))."""
    if flags & _COMPAT:
        return -errno.EINVAL
    entry, sock = lookup(thread, fd)
    return _send_message(thread, entry, sock, msg, flags)


def _send_message(thread: Thread, entry: Descriptor, sock: Socket, msg: int, flags: int) -> Result:
    header = read_header(thread, msg)
    name = thread.memory.read(header.name, header.name_length) if header.name_length else None
    vectors = read_vectors(thread, header.vectors, header.vector_count)
    control = read_control(thread, header)
    if control:
        control = passing.outgoing(thread, control, is_unix(sock))
    message = HostMessage(vectors, len(control))
    host_flags = flags & 0xFFFFFFFF | QUIET

    def attempt(done: int) -> int:
        # What goes with the first byte has gone with it.
        attached = b"" if done else control
        if name is None:
            return kernel.call3(
                numbers.sendmsg, entry.host, message.prepare(None, 0, attached, done), host_flags
            )
        with destination(thread, entry, sock, flags, name) as host_name:
            return kernel.call3(
                numbers.sendmsg, entry.host, message.prepare(host_name, 0, attached, done), host_flags
            )

    return send(thread, entry, flags, message.size, attempt, addressed=name is not None)


@syscall
def recvmsg(thread: Thread, fd: Fd, msg: Annotated[int, MsgHdrOut()], flags: MsgFlags) -> Result:
    """recvmsg(2), with descriptors and credentials (unix(7))."""
    if flags & _COMPAT:
        return -errno.EINVAL
    entry, sock = lookup(thread, fd)
    return _receive_message(thread, entry, sock, msg, flags)


def _receive_message(thread: Thread, entry: Descriptor, sock: Socket, msg: int, flags: int) -> Result:
    header = read_header(thread, msg)
    vectors = read_vectors(thread, header.vectors, header.vector_count)
    message = HostMessage(vectors, control_room(header))
    host_flags = flags & 0xFFFFFFFF | Msg.MSG_DONTWAIT | Msg.MSG_CMSG_CLOEXEC
    told = False  # that there were control messages

    def attempt(done: int) -> int:
        nonlocal told
        if done and told and _has_rights(message):
            return _NO_MORE
        result = kernel.call3(
            numbers.recvmsg, entry.host, message.prepare(None, 128, b"" if told else None, done), host_flags
        )
        if result >= 0:
            _wrote(thread, message, done, result)
            if not told:
                told = _tell(thread, sock, msg, header, message, flags)
        return result

    return receive(thread, entry, flags, message.size, attempt)


def _has_rights(message: HostMessage) -> bool:
    return any(
        part.level == SocketLevel.SOL_SOCKET and part.type == Scm.SCM_RIGHTS
        for part in passing.parse(message.received_control())
    )


def _wrote(thread: Thread, message: HostMessage, done: int, count: int) -> None:
    end = done + count
    for address, _, size in message.vectors:
        if end <= 0:
            break
        thread.memory.wrote(address, min(size, end))
        end -= size


def _tell(thread: Thread, sock: Socket, msg: int, header: Header, message: HostMessage, flags: int) -> bool:
    """Stores name, control messages and flags for the guest; returns whether there were control messages."""
    memory = thread.memory
    control = message.received_control()
    lost = 0
    if control:
        control, lost = passing.incoming(thread, control, header.control_length, flags)
        memory.write(header.control, control)
    if header.name:
        name = message.received_name()
        if is_unix(sock):
            name = unix_names.names_of(thread).to_guest(name)
        write_name(thread, header.name, msg + NAME_LENGTH_AT, name)
    told = message.received_flags() & ~Msg.MSG_CMSG_CLOEXEC | lost | flags & Msg.MSG_CMSG_CLOEXEC
    memory.put_u32(msg + FLAGS_AT, told)
    memory.put_u64(msg + CONTROL_LENGTH_AT, len(control))
    return bool(control)


@syscall
def sendmmsg(
    thread: Thread, fd: Fd, msgvec: Annotated[int, MsgVectorIn("vlen")], vlen: UInt, flags: MsgFlags
) -> Result:
    """sendmmsg(2)."""
    if flags & _COMPAT:
        return -errno.EINVAL
    entry, sock = lookup(thread, fd)
    return _send_many(thread, entry, sock, msgvec, min(vlen, _MAX_MESSAGES), flags)


def _send_many(
    thread: Thread, entry: Descriptor, sock: Socket, msgvec: int, count: int, flags: int
) -> Blocking:
    sent = 0
    result = 0
    try:
        for row in range(msgvec, msgvec + count * ROW, ROW):
            answer = _send_message(thread, entry, sock, row, flags)
            result = answer if isinstance(answer, int) else (yield from _blocking(answer))
            if result < 0:
                break
            thread.memory.put_u32(row + LENGTH_AT, result)
            sent += 1
    except OSError as error:
        result = -(error.errno or errno.EIO)
    return sent or result


def _blocking(result: Result) -> Blocking:
    assert not isinstance(result, int | tuple)
    return (yield from result)


@syscall
def recvmmsg(
    thread: Thread,
    fd: Fd,
    msgvec: Annotated[int, MsgVectorOut()],
    vlen: UInt,
    flags: MsgFlags,
    timeout: InTimespec,
) -> Result:
    """recvmmsg(2): the time-out is looked at after each message, as Linux does (recvmmsg(2), "Bugs")."""
    if flags & _COMPAT:
        return -errno.EINVAL
    end = None
    if timeout:
        limit = read_timespec(thread, timeout)
        end = thread.bench.monotonic_ns() + limit
    entry, sock = lookup(thread, fd)
    if not flags & Msg.MSG_ERRQUEUE:
        pending = host_option(thread, entry.host, SocketOption.SO_ERROR)
        if pending:
            return -abs(pending)
    return _receive_many(thread, entry, sock, msgvec, min(vlen, _MAX_MESSAGES), flags, timeout, end)


def _receive_many(
    thread: Thread,
    entry: Descriptor,
    sock: Socket,
    msgvec: int,
    count: int,
    flags: int,
    timeout: int,
    end: int | None,
) -> Blocking:
    memory = thread.memory
    received = 0
    result = 0
    left = None
    try:
        for row in range(msgvec, msgvec + count * ROW, ROW):
            answer = _receive_message(thread, entry, sock, row, flags & ~Msg.MSG_WAITFORONE)
            result = answer if isinstance(answer, int) else (yield from _blocking(answer))
            if result < 0:
                break
            memory.put_u32(row + LENGTH_AT, result)
            received += 1
            if flags & Msg.MSG_WAITFORONE:
                flags |= Msg.MSG_DONTWAIT
            if end is not None:
                left = max(0, end - thread.bench.monotonic_ns())
                if not left:
                    break
            if memory.u32(row + FLAGS_AT) & Msg.MSG_OOB:
                break
    except OSError as error:
        result = -(error.errno or errno.EIO)
    if received and left is not None:
        write_timespec(thread, timeout, left)
    return received or result
