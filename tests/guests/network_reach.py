"""What a guest may reach: addresses of every kind, one line each."""

from inet import Name4, Name6, NameUnix, close, loopback, tcp, udp
from say import result, say

from guest.lang import addr, array, i32, i64, ptr, sizeof, syscall, u8, u32
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import (
    AddressFamily,
    IpOption,
    SocketLevel,
    SocketOption,
    SocketType,
)

data: array[u8, 64]


def name_of(name: Name4, a: u32, b: u32, c: u32, d: u32, port: u32) -> None:
    """a.b.c.d:port."""
    loopback(name, 0)
    name.address = a | b << 8 | c << 16 | d << 24
    name.port = 0
    bytes = ptr[u8](u64_of(addr(name)))
    bytes[2] = u8(port >> 8)
    bytes[3] = u8(port)


def u64_of(name: ptr[Name4]) -> i64:
    """The address as a number."""
    return i64(name)


def four(label: bytes, a: u32, b: u32, c: u32, d: u32) -> None:
    """bind, connect and send to an IPv4 address."""
    name = Name4()
    say(label)
    say(b"\n")
    name_of(name, a, b, c, d, 0)
    fd = tcp()
    result(b"  bind", syscall(numbers.bind, fd, addr(name), 16))
    close(fd)
    name_of(name, a, b, c, d, 1)
    fd = tcp()
    result(b"  connect", syscall(numbers.connect, fd, addr(name), 16))
    close(fd)
    fd = udp()
    result(b"  connect, udp", syscall(numbers.connect, fd, addr(name), 16))
    close(fd)
    fd = udp()
    result(b"  send", syscall(numbers.sendto, fd, data.ptr, 3, 0, addr(name), 16))
    name.family = 0
    result(b"  send, no family", syscall(numbers.sendto, fd, data.ptr, 3, 0, addr(name), 16))
    close(fd)


def six(label: bytes, first: u8, tenth: u8, twelfth: u8, last: u8) -> None:
    """The same for IPv6."""
    name = Name6()
    name.family = AddressFamily.AF_INET6
    name.address[0] = first
    name.address[10] = tenth
    name.address[11] = tenth
    name.address[12] = twelfth
    name.address[15] = last
    say(label)
    say(b"\n")
    fd = syscall(numbers.socket, AddressFamily.AF_INET6, SocketType.SOCK_STREAM, 0)
    result(b"  bind", syscall(numbers.bind, fd, addr(name), sizeof(Name6)))
    close(fd)
    name.port = 0x0100
    fd = syscall(numbers.socket, AddressFamily.AF_INET6, SocketType.SOCK_STREAM, 0)
    result(b"  connect", syscall(numbers.connect, fd, addr(name), sizeof(Name6)))
    close(fd)
    fd = syscall(numbers.socket, AddressFamily.AF_INET6, SocketType.SOCK_DGRAM, 0)
    result(b"  send", syscall(numbers.sendto, fd, data.ptr, 3, 0, addr(name), sizeof(Name6)))
    close(fd)


def refused() -> None:
    """Kinds of sockets and options that would lead out."""
    result(b"netlink", syscall(numbers.socket, AddressFamily.AF_NETLINK, SocketType.SOCK_RAW, 0))
    result(b"packet", syscall(numbers.socket, AddressFamily.AF_PACKET, SocketType.SOCK_RAW, 0))
    result(b"vsock", syscall(numbers.socket, AddressFamily.AF_VSOCK, SocketType.SOCK_STREAM, 0))
    result(b"alg", syscall(numbers.socket, AddressFamily.AF_ALG, SocketType.SOCK_SEQPACKET, 0))
    result(b"raw", syscall(numbers.socket, AddressFamily.AF_INET, SocketType.SOCK_RAW, 1))
    result(b"raw IPv6", syscall(numbers.socket, AddressFamily.AF_INET6, SocketType.SOCK_RAW, 58))
    result(b"old packet", syscall(numbers.socket, AddressFamily.AF_INET, SocketType.SOCK_PACKET, 3))
    result(b"ping", syscall(numbers.socket, AddressFamily.AF_INET, SocketType.SOCK_DGRAM, 1))
    result(b"sctp", syscall(numbers.socket, AddressFamily.AF_INET, SocketType.SOCK_STREAM, 132))
    fd = udp()
    value = array[i32, 8]()
    value[0] = 2
    sol = i64(SocketLevel.SOL_SOCKET)
    ip = i64(SocketLevel.SOL_IP)
    result(
        b"SO_BINDTODEVICE",
        syscall(numbers.setsockopt, fd, sol, SocketOption.SO_BINDTODEVICE, b"eth0\0".ptr, 5),
    )
    result(
        b"SO_BINDTODEVICE lo",
        syscall(numbers.setsockopt, fd, sol, SocketOption.SO_BINDTODEVICE, b"lo\0".ptr, 3),
    )
    result(
        b"SO_BINDTODEVICE none",
        syscall(numbers.setsockopt, fd, sol, SocketOption.SO_BINDTODEVICE, b"\0".ptr, 1),
    )
    result(
        b"SO_BINDTOIFINDEX", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_BINDTOIFINDEX, value.ptr, 4)
    )
    result(b"SO_MARK", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_MARK, value.ptr, 4))
    result(b"SO_SNDBUFFORCE", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_SNDBUFFORCE, value.ptr, 4))
    value[0] = 7
    result(b"SO_PRIORITY 7", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_PRIORITY, value.ptr, 4))
    result(b"IP_TRANSPARENT", syscall(numbers.setsockopt, fd, ip, IpOption.IP_TRANSPARENT, value.ptr, 4))
    result(b"IP_OPTIONS", syscall(numbers.setsockopt, fd, ip, IpOption.IP_OPTIONS, value.ptr, 8))
    value[0] = 0x010000E0
    value[1] = 0
    result(b"join, any", syscall(numbers.setsockopt, fd, ip, IpOption.IP_ADD_MEMBERSHIP, value.ptr, 8))
    value[1] = 0x020200C0
    result(b"join, 192.0.2.2", syscall(numbers.setsockopt, fd, ip, IpOption.IP_ADD_MEMBERSHIP, value.ptr, 8))
    value[1] = 0x0100007F
    result(b"join, loopback", syscall(numbers.setsockopt, fd, ip, IpOption.IP_ADD_MEMBERSHIP, value.ptr, 8))
    value[1] = 0
    value[2] = 2
    result(b"join, index 2", syscall(numbers.setsockopt, fd, ip, IpOption.IP_ADD_MEMBERSHIP, value.ptr, 12))
    value[0] = 0x020200C0
    result(b"IP_MULTICAST_IF", syscall(numbers.setsockopt, fd, ip, IpOption.IP_MULTICAST_IF, value.ptr, 4))
    size = u32(32)
    result(
        b"device", syscall(numbers.getsockopt, fd, sol, SocketOption.SO_BINDTODEVICE, data.ptr, addr(size))
    )
    result(b"its length", i64(size))
    close(fd)
    tcp_fd = tcp()
    result(b"TCP_ULP", syscall(numbers.setsockopt, tcp_fd, SocketLevel.SOL_TCP, 31, b"tls".ptr, 3))
    result(b"TCP_MD5SIG", syscall(numbers.setsockopt, tcp_fd, SocketLevel.SOL_TCP, 14, data.ptr, 64))
    result(b"TCP_REPAIR", syscall(numbers.setsockopt, tcp_fd, SocketLevel.SOL_TCP, 19, value.ptr, 4))
    close(tcp_fd)
    fd = syscall(numbers.socket, AddressFamily.AF_UNIX, SocketType.SOCK_STREAM, 0)
    result(b"SO_PASSPIDFD", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_PASSPIDFD, value.ptr, 4))
    size = u32(4)
    result(
        b"SO_PEERPIDFD", syscall(numbers.getsockopt, fd, sol, SocketOption.SO_PEERPIDFD, data.ptr, addr(size))
    )
    close(fd)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """With an argument: connect to that abstract name. Without: all of it."""
    if argc > 1:
        name = NameUnix()
        length = i64(0)
        while argv[1][length] != 0:
            length += 1
        name.family = AddressFamily.AF_UNIX
        for i in range(length):
            name.path[i + 1] = argv[1][i]
        fd = syscall(numbers.socket, AddressFamily.AF_UNIX, SocketType.SOCK_STREAM, 0)
        result(b"connect", syscall(numbers.connect, fd, addr(name), length + 3))
        return 0
    four(b"any", 0, 0, 0, 0)
    four(b"127.0.0.1", 127, 0, 0, 1)
    four(b"127.9.9.9", 127, 9, 9, 9)
    four(b"192.0.2.2", 192, 0, 2, 2)
    four(b"8.8.8.8", 8, 8, 8, 8)
    four(b"224.0.0.1", 224, 0, 0, 1)
    six(b"::", 0, 0, 0, 0)
    six(b"::1", 0, 0, 0, 1)
    six(b"::ffff:127.0.0.1", 0, 255, 127, 1)
    six(b"::ffff:8.0.0.8", 0, 255, 8, 8)
    six(b"2000::1", 32, 0, 0, 1)
    six(b"fe00::1", 254, 0, 0, 1)
    refused()
    server = tcp()
    result(b"listen unbound", syscall(numbers.listen, server, 1))
    return 0
