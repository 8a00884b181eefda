"""Calls that make sockets, name them and connect them."""

import errno
from typing import Annotated

from syscalls import kernel, network, numbers, unix_names
from syscalls.args import Fd, FdResult, Flags, Int, Result
from syscalls.blocking import AGAIN, IN, OUT, interrupted, is_ready
from syscalls.fds import Descriptor
from syscalls.flags.net import Accept, AddressFamily, IpProtocol, Shutdown, SocketType
from syscalls.process import Thread
from syscalls.scratch import NAME
from syscalls.socket_text import listener_text
from syscalls.sockets import (
    CLOEXEC,
    KIND,
    NONBLOCK,
    Socket,
    drop_text,
    is_internet,
    is_unix,
    lookup,
    new_descriptor,
    read_name,
    socket_of,
    write_name,
)
from syscalls.table import syscall
from syscalls.types_files import PairOut
from syscalls.types_net import SockAddrIn, SockAddrOut, SockLenInOut
from syscalls.types_options import ProtocolNumber
from syscalls.wait import Blocking, Wait, Wake

Family = Annotated[int, Flags(AddressFamily)]
Type = Annotated[int, Flags(SocketType)]
AcceptFlags = Annotated[int, Flags(Accept)]

_KINDS = 11  # SOCK_MAX
_FAMILIES = 46  # AF_MAX
_SUPPORTED = (AddressFamily.AF_UNIX, AddressFamily.AF_INET, AddressFamily.AF_INET6)
_PROTOCOLS = {
    SocketType.SOCK_STREAM: (IpProtocol.IPPROTO_IP, IpProtocol.IPPROTO_TCP, IpProtocol.IPPROTO_MPTCP),
    SocketType.SOCK_DGRAM: (IpProtocol.IPPROTO_IP, IpProtocol.IPPROTO_UDP, IpProtocol.IPPROTO_UDPLITE),
}
_PENDING = (-errno.EINPROGRESS, -errno.EALREADY)
_RETRY_NS = 1_000_000
"""How soon to try again what no readiness event announces: room in the backlog of a Unix socket."""


def _check_kind(family: int, kind: int, protocol: int) -> None:
    """Raises what an unprivileged process gets for sockets that it may not have (net/socket.c, inet_create)."""
    if kind & ~(KIND | NONBLOCK | CLOEXEC):
        raise OSError(errno.EINVAL, "unknown flags")
    if not 0 <= family < _FAMILIES:
        raise OSError(errno.EAFNOSUPPORT, "no such family")
    if kind & KIND >= _KINDS:
        raise OSError(errno.EINVAL, "no such kind")
    if family not in _SUPPORTED:
        raise OSError(errno.EAFNOSUPPORT, "not a family for guests")
    if family == AddressFamily.AF_UNIX:
        return
    if kind & KIND == SocketType.SOCK_PACKET and family == AddressFamily.AF_INET:
        raise OSError(errno.EAFNOSUPPORT, "packet sockets are not for guests")
    if not 0 <= protocol < 263:  # IPPROTO_MAX
        raise OSError(errno.EINVAL, "no such protocol")
    if kind & KIND == SocketType.SOCK_RAW and protocol != 0:
        raise OSError(errno.EPERM, "raw sockets need privilege")
    allowed = _PROTOCOLS.get(kind & KIND)
    if allowed is not None and protocol not in allowed:
        ping = IpProtocol.IPPROTO_ICMP if family == AddressFamily.AF_INET else IpProtocol.IPPROTO_ICMPV6
        if kind & KIND == SocketType.SOCK_DGRAM and protocol == ping:
            raise OSError(errno.EACCES, "net.ipv4.ping_group_range is empty")
        raise OSError(errno.EPROTONOSUPPORT, "not a protocol for guests")


@syscall
def socket(
    thread: Thread, domain: Family, type_: Type, protocol: Annotated[int, ProtocolNumber("domain")]
) -> FdResult:
    """socket(2): AF_UNIX, AF_INET and AF_INET6, as an unprivileged process in a container gets them."""
    _check_kind(domain, type_, protocol)
    fds = thread.fds
    result = kernel.call3(numbers.socket, domain, type_ & KIND | NONBLOCK | CLOEXEC, protocol)
    if result < 0:
        return result
    kind = type_ & KIND
    if domain == AddressFamily.AF_UNIX:
        made = Socket(domain, SocketType.SOCK_DGRAM if kind == SocketType.SOCK_RAW else kind, 0)
    else:
        tied = thread.process.network.reach == network.LOOPBACK and network.tie_to_loopback(result, thread)
        if not protocol:
            protocol = IpProtocol.IPPROTO_TCP if kind == SocketType.SOCK_STREAM else IpProtocol.IPPROTO_UDP
        made = Socket(domain, kind, protocol, tied)
    return fds.add(new_descriptor(result, made, type_))


@syscall
def socketpair(
    thread: Thread,
    domain: Family,
    type_: Type,
    protocol: Annotated[int, ProtocolNumber("domain")],
    sv: PairOut,
) -> Result:
    """socketpair(2): AF_UNIX; EOPNOTSUPP for the Internet families."""
    if type_ & ~(KIND | NONBLOCK | CLOEXEC):
        return -errno.EINVAL
    fds = thread.fds
    memory = thread.memory
    first = fds.lowest_free()
    second = fds.lowest_free(first + 1)
    memory.put_u32(sv, first)  # before the sockets are made: what fails later leaves the numbers there
    memory.put_u32(sv + 4, second)
    _check_kind(domain, type_, protocol)
    scratch = thread.process.scratch
    result = kernel.call4(
        numbers.socketpair, domain, type_ & KIND | NONBLOCK | CLOEXEC, protocol, scratch.address
    )
    if result == 0:
        for host in (scratch.words[NAME // 4], scratch.words[NAME // 4 + 1]):
            fds.add(new_descriptor(host, Socket(domain, type_ & KIND, 0), type_))
    return result


@syscall
def bind(thread: Thread, fd: Fd, addr: Annotated[int, SockAddrIn("addrlen")], addrlen: Int) -> Result:
    """bind(2), within the guest's roots and the reach of its network."""
    entry, sock = lookup(thread, fd)
    name = read_name(thread, addr, addrlen)
    if is_unix(sock):
        result = unix_names.bind(thread, entry.host, name)
    else:
        host_name = network.local_name(thread, name, sock.family, sock.tied)
        result = _bind_host(thread, entry, host_name)
        if result == 0 and host_name != name:
            sock.name = name
    if result == 0:
        drop_text(thread, entry)
    return result


def _bind_host(thread: Thread, entry: Descriptor, name: bytes) -> int:
    return kernel.call3(numbers.bind, entry.host, thread.process.scratch.put_name(name), len(name))


def bind_any(thread: Thread, entry: Descriptor, sock: Socket) -> None:
    """Before a call that binds a fresh Internet socket to the any-address by itself: listen, or sending.

    Nothing to do where the socket is tied to `lo`. Otherwise it is bound to loopback, and the guest sees the any-address.
    Raises EACCES when the network is closed.
    """
    reach = thread.process.network.reach
    if sock.tied or reach == network.HOST or not is_internet(sock):
        return
    if reach == network.NONE:
        raise OSError(errno.EACCES, "the network is closed")
    scratch = thread.process.scratch
    scratch.expect_name()
    kernel.call3(numbers.getsockname, entry.host, scratch.name, scratch.name_length)
    name = scratch.got_name()
    address = network.internet_address(name, sock.family)
    if address is None or name[2:4] != b"\0\0":
        return
    if _bind_host(thread, entry, network.narrowed(name, address)) == 0:
        sock.name = name


@syscall
def listen(thread: Thread, fd: Fd, backlog: Int) -> Result:
    """listen(2)."""
    entry, sock = lookup(thread, fd)
    if sock.kind == SocketType.SOCK_STREAM:
        bind_any(thread, entry, sock)
    result = kernel.call2(numbers.listen, entry.host, backlog & 0xFFFFFFFF)
    if result == 0:
        drop_text(thread, entry)
    return result


@syscall
def accept4(
    thread: Thread,
    sockfd: Fd,
    addr: Annotated[int, SockAddrOut("addrlen")],
    addrlen: Annotated[int, SockLenInOut()],
    flags: AcceptFlags,
) -> FdResult:
    """accept4(2)."""
    fds = thread.fds
    entry = fds.get(sockfd)
    if flags & ~(NONBLOCK | CLOEXEC):
        return -errno.EINVAL
    result = _accept(thread, entry, flags)
    if result == AGAIN:
        if not entry.description.nonblocking:
            return _wait_accept(thread, entry, addr, addrlen, flags)
        return AGAIN
    if addr and result >= 0:
        return _tell_peer(thread, result, addr, addrlen)
    return result


@syscall
def accept(
    thread: Thread,
    sockfd: Fd,
    addr: Annotated[int, SockAddrOut("addrlen")],
    addrlen: Annotated[int, SockLenInOut()],
) -> FdResult:
    """accept(2)."""
    return accept4(thread, sockfd, addr, addrlen, 0)


def _accept(thread: Thread, entry: Descriptor, flags: int) -> int:
    """One attempt: the new descriptor's number, or -errno. The peer's name is in its `Socket.peer`."""
    description = entry.description
    sock = description.detail
    if type(sock) is not Socket:
        sock = socket_of(thread, entry)
    fds = thread.fds
    fds.lowest_free()  # EMFILE comes before waiting
    if not description.host_nonblocking and not is_ready(entry.host, IN):
        return AGAIN
    scratch = thread.process.scratch
    scratch.words[64] = 128  # NAME_LENGTH
    result = kernel.call4(numbers.accept4, entry.host, scratch.name, scratch.name_length, NONBLOCK | CLOEXEC)
    if result < 0:
        return result
    peer = scratch.got_name()
    if sock.listener_text is None:
        sock.listener_text = listener_text(thread, entry, sock)
    made = new_descriptor(result, sock.accepted(peer), flags)
    made.description.low_water = description.low_water
    return fds.add(made)


def _tell_peer(thread: Thread, fd: int, addr: int, addrlen: int) -> int:
    """Stores the peer's name for the guest; when that cannot be done the connection is lost, as on Linux."""
    sock = thread.fds.get(fd).description.detail
    assert isinstance(sock, Socket)
    name = sock.peer or b""
    if is_unix(sock):
        name = unix_names.names_of(thread).to_guest(name)
    try:
        write_name(thread, addr, addrlen, name)
    except OSError:
        thread.fds.close(fd)
        raise
    return fd


def _wait_accept(thread: Thread, entry: Descriptor, addr: int, addrlen: int, flags: int) -> Blocking:
    fds = thread.fds
    sock = socket_of(thread, entry)
    limit = sock.receive_timeout
    deadline = None if limit is None else thread.bench.monotonic_ns() + limit
    fds.pin(entry)
    try:
        while True:
            wake = yield Wait(fds=((entry.host, IN),), deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return interrupted(deadline)
            result = _accept(thread, entry, flags)
            if result != AGAIN or wake is Wake.TIMEOUT:
                break
    finally:
        fds.unpin(entry)
    if addr and result >= 0:
        return _tell_peer(thread, result, addr, addrlen)
    return result


@syscall
def connect(thread: Thread, fd: Fd, addr: Annotated[int, SockAddrIn("addrlen")], addrlen: Int) -> Result:
    """connect(2), to what the guest may reach."""
    entry = thread.fds.get(fd)
    name = read_name(thread, addr, addrlen)
    sock = socket_of(thread, entry)
    disconnects = network.name_family(name) == AddressFamily.AF_UNSPEC
    if is_unix(sock):
        result = _connect_unix(thread, entry, sock, name, disconnects)
    else:
        if not disconnects and not network.may_reach(thread, name, sock.family):
            connected = sock.kind == SocketType.SOCK_STREAM and peer_name(thread, entry) is not None
            return -errno.EISCONN if connected else -errno.ENETUNREACH
        if not disconnects and sock.kind == SocketType.SOCK_DGRAM:
            bind_any(thread, entry, sock)
        result = _connect_host(thread, entry, name)
    sock.peer = None if disconnects or (type(result) is int and result and result not in _PENDING) else name
    drop_text(thread, entry)
    if type(result) is int and result in _PENDING and not entry.description.nonblocking:
        limit = sock.send_timeout
        if limit != 0:
            return _wait_connect(thread, entry, name, limit)
    return result


def _connect_host(thread: Thread, entry: Descriptor, name: bytes) -> int:
    return kernel.call3(numbers.connect, entry.host, thread.process.scratch.put_name(name), len(name))


def _wait_connect(thread: Thread, entry: Descriptor, name: bytes, limit: int | None) -> Blocking:
    """Asks again until the answer stands: the call that tells 0 also makes the socket a connected one (af_inet.c)."""
    fds = thread.fds
    deadline = None if limit is None else thread.bench.monotonic_ns() + limit
    fds.pin(entry)
    try:
        while True:
            wake = yield Wait(fds=((entry.host, OUT),), deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return interrupted(deadline)
            result = _connect_host(thread, entry, name)
            if result not in _PENDING:
                return result
            if wake is Wake.TIMEOUT:
                return -errno.EINPROGRESS
    finally:
        fds.unpin(entry)


def _connect_unix(thread: Thread, entry: Descriptor, sock: Socket, name: bytes, disconnects: bool) -> Result:
    if disconnects:
        return _connect_host(thread, entry, name)
    result = connect_unix_once(thread, entry, sock, name)
    if result == AGAIN and not entry.description.nonblocking and sock.send_timeout != 0:
        return _wait_backlog(thread, entry, sock, name)
    return result


def connect_unix_once(thread: Thread, entry: Descriptor, sock: Socket, name: bytes) -> int:
    """One attempt to connect a Unix socket: 0 or -errno; raises what the path look-up raises."""
    with unix_names.destination(thread, name) as host_name:
        if sock.passes_credentials:
            unix_names.bind_automatically(thread, entry.host)
        return _connect_host(thread, entry, host_name or b"")


def _wait_backlog(thread: Thread, entry: Descriptor, sock: Socket, name: bytes) -> Blocking:
    """Waits for room in the listener's backlog, which nothing announces to the connecting side."""
    fds = thread.fds
    clock = thread.bench.monotonic_ns
    end = None if sock.send_timeout is None else clock() + sock.send_timeout
    fds.pin(entry)
    try:
        while True:
            again = clock() + _RETRY_NS
            wake = yield Wait(deadline=again if end is None else min(again, end))
            if wake is Wake.INTERRUPTED:
                return interrupted(end)
            result = connect_unix_once(thread, entry, sock, name)
            if result != AGAIN or (end is not None and clock() >= end):
                return result
    finally:
        fds.unpin(entry)


@syscall
def shutdown(thread: Thread, fd: Fd, how: Annotated[int, Flags(Shutdown)]) -> Result:
    """shutdown(2)."""
    return kernel.call2(numbers.shutdown, thread.fds.get(fd).host, how & 0xFFFFFFFF)


def own_name(thread: Thread, entry: Descriptor, sock: Socket) -> bytes:
    """The socket's address as the guest has to see it; raises what the host answers."""
    name = _host_name(thread, entry, numbers.getsockname)
    if is_unix(sock):
        return unix_names.names_of(thread).to_guest(name)
    if sock.name is not None:  # bound to loopback in place of the any-address: all but the address is true
        own = network.internet_address(sock.name, sock.family) or b""
        start = 4 if len(own) == 4 else 8
        connected = peer_name(thread, entry) is not None
        return name if connected else name[:start] + own + name[start + len(own) :]
    return name


def peer_name(thread: Thread, entry: Descriptor) -> bytes | None:
    """The host's name of the connected peer, None when there is none."""
    try:
        return _host_name(thread, entry, numbers.getpeername)
    except OSError:
        return None


def _host_name(thread: Thread, entry: Descriptor, number: int) -> bytes:
    scratch = thread.process.scratch
    scratch.expect_name()
    result = kernel.call3(number, entry.host, scratch.name, scratch.name_length)
    if result < 0:
        raise OSError(-result, "the host has no such name")
    return scratch.got_name()


@syscall
def getsockname(
    thread: Thread,
    fd: Fd,
    addr: Annotated[int, SockAddrOut("addrlen")],
    addrlen: Annotated[int, SockLenInOut()],
) -> Result:
    """getsockname(2)."""
    entry, sock = lookup(thread, fd)
    write_name(thread, addr, addrlen, own_name(thread, entry, sock))
    return 0


@syscall
def getpeername(
    thread: Thread,
    fd: Fd,
    addr: Annotated[int, SockAddrOut("addrlen")],
    addrlen: Annotated[int, SockLenInOut()],
) -> Result:
    """getpeername(2)."""
    entry, sock = lookup(thread, fd)
    name = _host_name(thread, entry, numbers.getpeername)
    if is_unix(sock):
        name = unix_names.names_of(thread).to_guest(name)
    write_name(thread, addr, addrlen, name)
    return 0
