"""IPv6 over loopback, alone and together with IPv4."""

from inet import Name4, Name6, close, connect4, loopback, loopback6, peer_name4, receive, send, tcp, udp
from say import check, result, say

from guest.lang import addr, array, i32, i64, ptr, sizeof, syscall, u8, u32
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import AddressFamily, Ipv6Option, SocketLevel, SocketType

data: array[u8, 100]


def socket6(kind: i64) -> i64:
    """An IPv6 socket."""
    return syscall(numbers.socket, AddressFamily.AF_INET6, kind, 0)


def bind6(fd: i64, name: Name6) -> i64:
    """bind(2)."""
    return syscall(numbers.bind, fd, addr(name), sizeof(Name6))


def connect6(fd: i64, name: Name6) -> i64:
    """connect(2)."""
    return syscall(numbers.connect, fd, addr(name), sizeof(Name6))


def names6(label: bytes, number: i64, fd: i64, name: Name6) -> None:
    """getsockname or getpeername, with the address but not the port."""
    size = u32(sizeof(Name6))
    code = result(label, syscall(number, fd, addr(name), addr(size)))
    if code == 0:
        result(b"  length", i64(size))
        say(b"  address")
        for i in range(16):
            say(b" ")
            result(b"", i64(name.address[i]))
        check(b"  a port", name.port != 0)
        result(b"  scope", i64(name.scope))


def mapped(name: Name6) -> None:
    """Make the address ::ffff:127.0.0.1."""
    name.family = AddressFamily.AF_INET6
    for i in range(16):
        name.address[i] = 0
    name.address[10] = 0xFF
    name.address[11] = 0xFF
    name.address[12] = 127
    name.address[15] = 1


def streams() -> None:
    """TCP."""
    name = Name6()
    other = Name6()
    server = socket6(SocketType.SOCK_STREAM)
    names6(b"unbound", numbers.getsockname, server, other)
    loopback6(name, 0)
    result(b"length 23", syscall(numbers.bind, server, addr(name), 23))
    name.family = 2
    result(b"family", bind6(server, name))
    name.family = 10
    result(b"bind", bind6(server, name))
    result(b"listen", syscall(numbers.listen, server, 5))
    names6(b"name", numbers.getsockname, server, name)
    client = socket6(SocketType.SOCK_STREAM)
    result(b"connect", connect6(client, name))
    names6(b"peer", numbers.getpeername, client, other)
    size = u32(sizeof(Name6))
    fd = result(b"accept", syscall(numbers.accept, server, addr(other), addr(size)))
    result(b"length", i64(size))
    result(b"send", send(fd, b"six", 0))
    result(b"receive", receive(client, addr(data[0]), 100, 0))
    close(fd)
    close(client)
    four = tcp()
    name4 = Name4()
    loopback(name4, name.port)
    result(b"IPv4 to ::1", connect4(four, name4))
    close(four)
    close(server)


def dual() -> None:
    """The any-address takes both."""
    name = Name6()
    other = Name6()
    server = socket6(SocketType.SOCK_STREAM)
    name.family = 10
    result(b"bind any", bind6(server, name))
    syscall(numbers.listen, server, 5)
    names6(b"name", numbers.getsockname, server, name)
    four = tcp()
    name4 = Name4()
    loopback(name4, name.port)
    result(b"IPv4 connects", connect4(four, name4))
    size = u32(sizeof(Name6))
    fd = result(b"accept", syscall(numbers.accept, server, addr(other), addr(size)))
    names6(b"its peer", numbers.getpeername, fd, other)
    names6(b"its name", numbers.getsockname, fd, other)
    result(b"peer of the IPv4 side", peer_name4(four, name4))
    close(fd)
    close(four)
    loopback6(name, name.port)
    six = socket6(SocketType.SOCK_STREAM)
    result(b"IPv6 connects", connect6(six, name))
    close(six)
    six = socket6(SocketType.SOCK_STREAM)
    mapped(name)
    result(b"mapped connects", connect6(six, name))
    names6(b"peer", numbers.getpeername, six, other)
    close(six)
    close(server)
    server = socket6(SocketType.SOCK_STREAM)
    on = i32(1)
    syscall(numbers.setsockopt, server, SocketLevel.SOL_IPV6, Ipv6Option.IPV6_V6ONLY, addr(on), 4)
    name = Name6()
    name.family = 10
    bind6(server, name)
    syscall(numbers.listen, server, 5)
    size = u32(sizeof(Name6))
    syscall(numbers.getsockname, server, addr(name), addr(size))
    four = tcp()
    loopback(name4, name.port)
    result(b"IPv6 only: IPv4 connects", connect4(four, name4))
    close(four)
    close(server)


def datagrams() -> None:
    """UDP."""
    name = Name6()
    other = Name6()
    server = socket6(SocketType.SOCK_DGRAM)
    loopback6(name, 0)
    result(b"bind", bind6(server, name))
    size = u32(sizeof(Name6))
    syscall(numbers.getsockname, server, addr(name), addr(size))
    client = socket6(SocketType.SOCK_DGRAM)
    result(b"send", syscall(numbers.sendto, client, addr(data[0]), 5, 0, addr(name), sizeof(Name6)))
    got = syscall(numbers.recvfrom, server, addr(data[0]), 100, 0, addr(other), addr(size))
    result(b"receive", got)
    check(b"from ::1", other.address[15] == 1 and other.port != 0)
    result(b"connect", connect6(client, name))
    result(b"send", send(client, b"ab", 0))
    result(b"receive", receive(server, addr(data[0]), 100, 0))
    close(server)
    server = socket6(SocketType.SOCK_DGRAM)
    name = Name6()
    name.family = 10
    bind6(server, name)
    size = u32(sizeof(Name6))
    syscall(numbers.getsockname, server, addr(name), addr(size))
    four = udp()
    name4 = Name4()
    loopback(name4, name.port)
    result(b"IPv4 sends", syscall(numbers.sendto, four, addr(data[0]), 5, 0, addr(name4), 16))
    got = syscall(numbers.recvfrom, server, addr(data[0]), 100, 0, addr(other), addr(size))
    result(b"receive", got)
    check(b"mapped", other.address[10] == 255 and other.address[12] == 127)
    result(b"reply", syscall(numbers.sendto, server, addr(data[0]), 3, 0, addr(other), sizeof(Name6)))
    result(b"arrives", receive(four, addr(data[0]), 100, 0))
    close(four)
    close(server)
    close(client)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    streams()
    dual()
    datagrams()
    return 0
