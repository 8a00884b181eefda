"""What the trace calls a socket: `TCP 127.0.0.1:8080<-127.0.0.1:50312`, `UDP 127.0.0.1:53`, `UNIX STREAM @name`."""

from syscalls import describe, kernel, numbers, unix_names
from syscalls.fds import Descriptor
from syscalls.flags.net import AddressFamily, SocketType
from syscalls.process import Thread
from syscalls.socket_data import endpoint
from syscalls.sockets import Socket, is_internet, is_unix

_INTERNET_KINDS = {SocketType.SOCK_STREAM: "TCP", SocketType.SOCK_DGRAM: "UDP"}
_UNIX_KINDS = {
    SocketType.SOCK_STREAM: "UNIX STREAM",
    SocketType.SOCK_DGRAM: "UNIX DGRAM",
    SocketType.SOCK_SEQPACKET: "UNIX SEQPACKET",
}


def socket_text(thread: Thread, entry: Descriptor) -> str:
    """The text; it stays true until the socket is named anew, after which `Descriptor.text` has to be dropped."""
    sock = entry.description.detail
    if not isinstance(sock, Socket):
        return "socket"
    if is_unix(sock):
        kind = _UNIX_KINDS.get(sock.kind, "UNIX")
        return _with_ends(kind, endpoint(_own_name(thread, entry, sock)), sock)
    if not is_internet(sock):  # inherited
        return f"{AddressFamily.text(sock.family)} socket"
    kind = _INTERNET_KINDS.get(sock.kind, "IP")
    if sock.incoming and sock.listener_text:
        return f"{kind} {sock.listener_text}<-{endpoint(sock.peer or b'')}"
    name = _own_name(thread, entry, sock)
    return _with_ends(kind, endpoint(name) if name[2:4] != b"\0\0" else "", sock)


def _with_ends(kind: str, own: str, sock: Socket) -> str:
    peer = endpoint(sock.peer) if sock.peer else ""
    if not peer:
        return f"{kind} {own}".rstrip()
    return f"{kind} {own}{'<-' if sock.incoming else '->'}{peer}"


def listener_text(thread: Thread, entry: Descriptor, sock: Socket) -> str:
    """The local end of what a listening socket accepts; "" when it listens on the any-address."""
    name = _own_name(thread, entry, sock)
    return endpoint(name) if any(name[4:8] if len(name) == 16 else name[8:24]) else ""


def _own_name(thread: Thread, entry: Descriptor, sock: Socket) -> bytes:
    scratch = thread.process.scratch
    scratch.expect_name()
    if kernel.call3(numbers.getsockname, entry.host, scratch.name, scratch.name_length) < 0:
        return b""
    name = scratch.got_name()
    return unix_names.names_of(thread).to_guest(name) if is_unix(sock) else name


describe.DESCRIBERS["socket"] = socket_text
