"""sendto and recvfrom: one buffer, with or without an address. The hot calls of every server."""

import errno
from typing import Annotated

from syscalls import kernel, network, numbers, unix_names
from syscalls.args import Fd, Flags, InBytes, Int, Received, Result, Size
from syscalls.calls.sockets import bind_any
from syscalls.fds import Descriptor
from syscalls.flags.net import Msg, SocketType
from syscalls.process import Thread
from syscalls.sockets import Socket, is_unix, read_name, socket_of, write_name
from syscalls.table import syscall
from syscalls.transfers import MAX_RW_COUNT, QUIET, receive, send, send_rest
from syscalls.types_net import SockAddrIn, SockAddrOut, SockLenInOut

_DONTWAIT = Msg.MSG_DONTWAIT
_WAITALL = Msg.MSG_WAITALL
_SENDTO = numbers.sendto
_RECVFROM = numbers.recvfrom
_BAD_FD = -errno.EBADF


@syscall
def recvfrom(
    thread: Thread,
    fd: Fd,
    buf: Annotated[int, Received("size")],
    size: Size,
    flags: Annotated[int, Flags(Msg)],
    src_addr: Annotated[int, SockAddrOut("addrlen")],
    addrlen: Annotated[int, SockLenInOut()],
) -> Result:
    """recvfrom(2)."""
    memory = thread.memory
    address = memory.host(buf)  # a bad pointer comes before a bad descriptor (import_ubuf in __sys_recvfrom)
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return _BAD_FD
    host = entry.host
    if src_addr:
        return _receive_with_name(thread, entry, buf, size, flags, src_addr, addrlen)
    result = kernel.call6(_RECVFROM, host, address, size, flags & 0xFFFFFFFF | _DONTWAIT, 0, 0)
    if result > 0:
        memory.wrote(buf, result)
        if (not flags & _WAITALL and result >= entry.description.low_water) or result == size:
            return result
    elif result == 0:
        return 0
    first: list[int] = [result]

    def attempt(done: int) -> int:
        if first:
            return first.pop()
        done = kernel.call6(
            _RECVFROM, host, address + done, size - done, flags & 0xFFFFFFFF | _DONTWAIT, 0, 0
        )
        if done > 0:
            memory.wrote(buf, size)
        return done

    return receive(thread, entry, flags, min(size, MAX_RW_COUNT), attempt)


def _receive_with_name(
    thread: Thread, entry: Descriptor, buf: int, size: int, flags: int, src_addr: int, addrlen: int
) -> Result:
    memory = thread.memory
    sock = socket_of(thread, entry)
    scratch = thread.process.scratch
    address = memory.host(buf)

    def attempt(done: int) -> int:
        scratch.expect_name()
        result = kernel.call6(
            _RECVFROM,
            entry.host,
            address + done,
            size - done,
            flags & 0xFFFFFFFF | _DONTWAIT,
            scratch.name,
            scratch.name_length,
        )
        if result >= 0:
            memory.wrote(buf, size)
            name = scratch.got_name()
            if is_unix(sock):
                name = unix_names.names_of(thread).to_guest(name)
            write_name(thread, src_addr, addrlen, name)
        return result

    return receive(thread, entry, flags, min(size, MAX_RW_COUNT), attempt)


@syscall
def sendto(
    thread: Thread,
    fd: Fd,
    buf: Annotated[int, InBytes("size")],
    size: Size,
    flags: Annotated[int, Flags(Msg)],
    dest_addr: Annotated[int, SockAddrIn("addrlen")],
    addrlen: Int,
) -> Result:
    """sendto(2), to what the guest may reach."""
    address = thread.memory.host(buf)
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return _BAD_FD
    host = entry.host
    if dest_addr:
        return _send_to_name(thread, entry, address, size, flags, dest_addr, addrlen)
    result = kernel.call6(_SENDTO, host, address, size, flags & 0xFFFFFFFF | QUIET, 0, 0)
    if result == size:
        return result

    def attempt(done: int) -> int:
        return kernel.call6(_SENDTO, host, address + done, size - done, flags & 0xFFFFFFFF | QUIET, 0, 0)

    return send_rest(thread, entry, flags, min(size, MAX_RW_COUNT), attempt, result)


def _send_to_name(
    thread: Thread, entry: Descriptor, address: int, size: int, flags: int, dest_addr: int, addrlen: int
) -> Result:
    sock = socket_of(thread, entry)
    name = read_name(thread, dest_addr, addrlen)
    scratch = thread.process.scratch

    def attempt(done: int) -> int:
        with destination(thread, entry, sock, flags, name) as host_name:
            pointer, length = scratch.pass_name(host_name)
            return kernel.call6(
                _SENDTO,
                entry.host,
                address + done,
                size - done,
                flags & 0xFFFFFFFF | QUIET,
                pointer,
                length,
            )

    return send(thread, entry, flags, min(size, MAX_RW_COUNT), attempt, addressed=True)


def destination(
    thread: Thread, entry: Descriptor, sock: Socket, flags: int, name: bytes
) -> unix_names.HostName:
    """The host's name to send to; raises ENETUNREACH where the guest may not reach, or what a path look-up raises."""
    if not name:
        return unix_names.HostName(b"")
    if is_unix(sock):
        if sock.passes_credentials:
            unix_names.bind_automatically(thread, entry.host)
        if sock.kind == SocketType.SOCK_STREAM:  # EISCONN or EOPNOTSUPP, whatever the name
            return unix_names.HostName(name)
        return unix_names.destination(thread, name)
    if sock.kind == SocketType.SOCK_STREAM and not flags & Msg.MSG_FASTOPEN:
        return unix_names.HostName(None)  # TCP looks at no name; so that it surely does not
    if not network.may_reach(thread, name, sock.family):
        raise OSError(errno.ENETUNREACH, "outside the guest's reach")
    bind_any(thread, entry, sock)
    if entry.shown is not None and entry.shown.text == "UDP":
        entry.shown = None  # the kernel is about to bind it
    return unix_names.HostName(name)
