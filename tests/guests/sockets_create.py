"""socket, socketpair: every kind and every refusal that root gets, too."""

from inet import close
from say import check, result, say

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import AddressFamily, Fcntl, IpProtocol, SocketLevel, SocketOption, SocketType


def option(fd: i64, name: i64) -> i64:
    """An int option of SOL_SOCKET."""
    value = i32(-7)
    size = u32(4)
    code = syscall(numbers.getsockopt, fd, SocketLevel.SOL_SOCKET, name, addr(value), addr(size))
    if code < 0:
        return code
    return i64(value)


def make(label: bytes, family: i64, kind: i64, protocol: i64) -> None:
    fd = syscall(numbers.socket, family, kind, protocol)
    if fd < 0:
        result(label, fd)
        return
    say(label)
    say(b"\n")
    result(b"  domain", option(fd, SocketOption.SO_DOMAIN))
    result(b"  type", option(fd, SocketOption.SO_TYPE))
    result(b"  protocol", option(fd, SocketOption.SO_PROTOCOL))
    result(b"  listening", option(fd, SocketOption.SO_ACCEPTCONN))
    result(b"  F_GETFL", syscall(numbers.fcntl, fd, Fcntl.F_GETFL))
    result(b"  F_GETFD", syscall(numbers.fcntl, fd, Fcntl.F_GETFD))
    close(fd)


def pair(label: bytes, family: i64, kind: i64, protocol: i64) -> None:
    fds = array[i32, 2]()
    code = result(label, syscall(numbers.socketpair, family, kind, protocol, fds.ptr))
    if code == 0:
        result(b"  first", i64(fds[0]))
        result(b"  second", i64(fds[1]))
        result(b"  F_GETFL", syscall(numbers.fcntl, fds[0], Fcntl.F_GETFL))
        result(b"  F_GETFD", syscall(numbers.fcntl, fds[1], Fcntl.F_GETFD))
        result(b"  type", option(i64(fds[0]), SocketOption.SO_TYPE))
        close(i64(fds[0]))
        close(i64(fds[1]))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    both = SocketType.SOCK_NONBLOCK | SocketType.SOCK_CLOEXEC
    inet = AddressFamily.AF_INET
    inet6 = AddressFamily.AF_INET6
    local = AddressFamily.AF_UNIX
    make(b"tcp", inet, SocketType.SOCK_STREAM, 0)
    make(b"tcp, named", inet, SocketType.SOCK_STREAM | both, IpProtocol.IPPROTO_TCP)
    make(b"udp", inet, SocketType.SOCK_DGRAM, 0)
    make(b"udp, cloexec", inet, SocketType.SOCK_DGRAM | SocketType.SOCK_CLOEXEC, IpProtocol.IPPROTO_UDP)
    make(b"tcp over IPv6", inet6, SocketType.SOCK_STREAM | SocketType.SOCK_NONBLOCK, 0)
    make(b"udp over IPv6", inet6, SocketType.SOCK_DGRAM, 0)
    make(b"unix stream", local, SocketType.SOCK_STREAM, 0)
    make(b"unix stream, PF_UNIX", local, SocketType.SOCK_STREAM | both, 1)
    make(b"unix dgram", local, SocketType.SOCK_DGRAM, 0)
    make(b"unix raw", local, SocketType.SOCK_RAW, 0)
    make(b"unix seqpacket", local, SocketType.SOCK_SEQPACKET, 0)
    make(b"unix rdm", local, SocketType.SOCK_RDM, 0)
    make(b"unix, other protocol", local, SocketType.SOCK_STREAM, 6)
    make(b"tcp as datagram", inet, SocketType.SOCK_DGRAM, IpProtocol.IPPROTO_TCP)
    make(b"udp as stream", inet, SocketType.SOCK_STREAM, IpProtocol.IPPROTO_UDP)
    make(b"raw, protocol 0", inet, SocketType.SOCK_RAW, 0)
    make(b"inet seqpacket", inet, SocketType.SOCK_SEQPACKET, 0)
    make(b"inet rdm", inet, SocketType.SOCK_RDM, 0)
    make(b"protocol -1", inet, SocketType.SOCK_STREAM, -1)
    make(b"protocol 1000", inet, SocketType.SOCK_STREAM, 1000)
    make(b"protocol 200", inet, SocketType.SOCK_STREAM, 200)
    make(b"kind 0", inet, 0, 0)
    make(b"kind 9", inet, 9, 0)
    make(b"kind 11", inet, 11, 0)
    make(b"kind 15", local, 15, 0)
    make(b"unknown flag", inet, SocketType.SOCK_STREAM | 0x100, 0)
    make(b"unknown flag, no family", -1, SocketType.SOCK_STREAM | 0x100, 0)
    make(b"family 0", 0, SocketType.SOCK_STREAM, 0)
    make(b"family -1", -1, SocketType.SOCK_STREAM, 0)
    make(b"family 46", 46, SocketType.SOCK_STREAM, 0)
    make(b"family 100", 100, 77, 0)
    make(b"AF_AX25", AddressFamily.AF_AX25, SocketType.SOCK_STREAM, 0)
    make(b"AF_DECnet", AddressFamily.AF_DECnet, SocketType.SOCK_STREAM, 0)
    pair(b"pair stream", local, SocketType.SOCK_STREAM, 0)
    pair(b"pair dgram", local, SocketType.SOCK_DGRAM | both, 0)
    pair(b"pair seqpacket", local, SocketType.SOCK_SEQPACKET | SocketType.SOCK_CLOEXEC, 0)
    pair(b"pair raw", local, SocketType.SOCK_RAW, 0)
    pair(b"pair tcp", inet, SocketType.SOCK_STREAM, 0)
    pair(b"pair udp over IPv6", inet6, SocketType.SOCK_DGRAM, 0)
    pair(b"pair protocol", local, SocketType.SOCK_STREAM, 5)
    pair(b"pair kind", local, SocketType.SOCK_RDM, 0)
    pair(b"pair flag", local, SocketType.SOCK_STREAM | 0x1000, 0)
    pair(b"pair family", 99, SocketType.SOCK_STREAM, 0)
    result(b"pair fault", syscall(numbers.socketpair, local, SocketType.SOCK_STREAM, 0, 1))
    result(b"pair fault first", syscall(numbers.socketpair, 99, SocketType.SOCK_STREAM, 0, 1))
    result(b"pair flag first", syscall(numbers.socketpair, 99, 0x1000, 0, 1))
    # What is no socket, and what is no descriptor.
    size = u32(4)
    value = i32(0)
    for fd in range(-1, 100, 50):
        result(b"bad: bind", syscall(numbers.bind, fd, 0, 0))
        result(b"bad: connect", syscall(numbers.connect, fd, 0, 0))
        result(b"bad: listen", syscall(numbers.listen, fd, 0))
        result(b"bad: accept", syscall(numbers.accept, fd, 0, 0))
        result(b"bad: getsockname", syscall(numbers.getsockname, fd, 0, 0))
        result(b"bad: getpeername", syscall(numbers.getpeername, fd, 0, 0))
        result(b"bad: shutdown", syscall(numbers.shutdown, fd, 99))
        result(b"bad: sendto", syscall(numbers.sendto, fd, addr(value), 4, 0, 0, 0))
        result(b"bad: recvfrom", syscall(numbers.recvfrom, fd, addr(value), 4, 0, 0, 0))
        result(b"bad: sendmsg", syscall(numbers.sendmsg, fd, 0, 0))
        result(b"bad: recvmsg", syscall(numbers.recvmsg, fd, 0, 0))
        result(b"bad: sendmmsg", syscall(numbers.sendmmsg, fd, 0, 0, 0))
        result(b"bad: recvmmsg", syscall(numbers.recvmmsg, fd, 0, 0, 0, 0))
        result(b"bad: setsockopt", syscall(numbers.setsockopt, fd, 1, 2, addr(value), 4))
        result(b"bad: getsockopt", syscall(numbers.getsockopt, fd, 1, 2, addr(value), addr(size)))
    file = result(b"epoll", syscall(numbers.epoll_create1, 0))
    result(b"not a socket: bind", syscall(numbers.bind, file, 1, 200))
    result(b"not a socket: connect, bad name", syscall(numbers.connect, file, 1, 200))
    result(b"not a socket: connect", syscall(numbers.connect, file, addr(value), 4))
    result(b"not a socket: listen", syscall(numbers.listen, file, 0))
    result(b"not a socket: accept", syscall(numbers.accept, file, 0, 0))
    result(b"not a socket: accept4, bad flags", syscall(numbers.accept4, file, 0, 0, 1))
    result(b"not a socket: getsockname", syscall(numbers.getsockname, file, 0, 0))
    result(b"not a socket: getpeername", syscall(numbers.getpeername, file, 0, 0))
    result(b"not a socket: shutdown", syscall(numbers.shutdown, file, 99))
    result(b"not a socket: sendto", syscall(numbers.sendto, file, addr(value), 4, 0, 0, 0))
    result(b"not a socket: sendto, bad name", syscall(numbers.sendto, file, addr(value), 4, 0, 1, 300))
    result(b"not a socket: recvfrom", syscall(numbers.recvfrom, file, addr(value), 4, 0, 0, 0))
    result(b"not a socket: recvfrom, name", syscall(numbers.recvfrom, file, addr(value), 4, 0, 1, 1))
    result(b"not a socket: sendmsg", syscall(numbers.sendmsg, file, 0, 0))
    result(b"not a socket: recvmsg", syscall(numbers.recvmsg, file, 0, 0))
    result(b"not a socket: setsockopt", syscall(numbers.setsockopt, file, 1, 2, addr(value), 4))
    result(b"not a socket: getsockopt", syscall(numbers.getsockopt, file, 1, 2, addr(value), addr(size)))
    check(b"untouched", value == 0)
    return 0
