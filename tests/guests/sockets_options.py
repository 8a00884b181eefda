"""Socket options: values as the kernel keeps them, sizes, refusals."""

from inet import Name4, close, connect4, listener, tcp, udp
from say import result, say

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import (
    AddressFamily,
    IpOption,
    Ipv6Option,
    SocketLevel,
    SocketOption,
    SocketType,
    TcpOption,
    UdpOption,
)

value: array[u64, 64]


def get(label: bytes, fd: i64, level: i64, option: i64, room: u32, shown: i64) -> None:
    """getsockopt, with the first `shown` ints of the value."""
    for i in range(8):
        value[i] = 0x5555555555555555
    size = u32(room)
    code = result(label, syscall(numbers.getsockopt, fd, level, option, addr(value[0]), addr(size)))
    if code == 0:
        result(b"  size", i64(size))
        words = ptr[i32](addr(value[0]))
        for i in range(shown):
            result(b"  value", i64(words[i]))


def put(label: bytes, fd: i64, level: i64, option: i64, number: i32, size: i64) -> None:
    """setsockopt of an int."""
    held = array[i32, 8]()
    held[0] = number
    result(label, syscall(numbers.setsockopt, fd, level, option, held.ptr, size))


def both(label: bytes, fd: i64, level: i64, option: i64, number: i32) -> None:
    """Set an int and get it."""
    put(label, fd, level, option, number, 4)
    get(label, fd, level, option, 4, 1)


def general() -> None:
    """SOL_SOCKET."""
    sol = i64(SocketLevel.SOL_SOCKET)
    fd = tcp()
    both(b"SO_REUSEADDR", fd, sol, SocketOption.SO_REUSEADDR, 1)
    both(b"SO_REUSEADDR 0", fd, sol, SocketOption.SO_REUSEADDR, 0)
    both(b"SO_REUSEPORT", fd, sol, SocketOption.SO_REUSEPORT, 7)
    both(b"SO_KEEPALIVE", fd, sol, SocketOption.SO_KEEPALIVE, 1)
    both(b"SO_BROADCAST", fd, sol, SocketOption.SO_BROADCAST, 1)
    both(b"SO_OOBINLINE", fd, sol, SocketOption.SO_OOBINLINE, 1)
    both(b"SO_DONTROUTE", fd, sol, SocketOption.SO_DONTROUTE, 1)
    both(b"SO_SNDBUF", fd, sol, SocketOption.SO_SNDBUF, 10000)
    both(b"SO_RCVBUF", fd, sol, SocketOption.SO_RCVBUF, 10000)
    both(b"SO_SNDBUF small", fd, sol, SocketOption.SO_SNDBUF, 1)
    both(b"SO_RCVBUF negative", fd, sol, SocketOption.SO_RCVBUF, -1)
    both(b"SO_RCVLOWAT", fd, sol, SocketOption.SO_RCVLOWAT, 3)
    both(b"SO_SNDLOWAT", fd, sol, SocketOption.SO_SNDLOWAT, 3)
    both(b"SO_PRIORITY", fd, sol, SocketOption.SO_PRIORITY, 3)
    both(b"SO_TIMESTAMP", fd, sol, SocketOption.SO_TIMESTAMP, 1)
    both(b"SO_ZEROCOPY", fd, sol, SocketOption.SO_ZEROCOPY, 1)
    both(b"SO_NO_CHECK", fd, sol, SocketOption.SO_NO_CHECK, 1)
    both(b"SO_TYPE", fd, sol, SocketOption.SO_TYPE, 1)
    both(b"SO_ERROR", fd, sol, SocketOption.SO_ERROR, 1)
    both(b"SO_ACCEPTCONN", fd, sol, SocketOption.SO_ACCEPTCONN, 1)
    both(b"SO_DOMAIN", fd, sol, SocketOption.SO_DOMAIN, 1)
    both(b"SO_PEEK_OFF", fd, sol, SocketOption.SO_PEEK_OFF, 1)
    both(b"SO_PASSCRED on TCP", fd, sol, SocketOption.SO_PASSCRED, 1)
    both(b"unknown", fd, sol, 999, 1)
    both(b"negative", fd, sol, -1, 1)
    get(b"SO_BINDTODEVICE", fd, sol, SocketOption.SO_BINDTODEVICE, 16, 0)
    get(b"SO_PEERCRED of TCP", fd, sol, SocketOption.SO_PEERCRED, 12, 3)
    get(b"room for less", fd, sol, SocketOption.SO_REUSEPORT, 1, 0)
    get(b"room for more", fd, sol, SocketOption.SO_REUSEPORT, 64, 1)
    get(b"room for none", fd, sol, SocketOption.SO_REUSEPORT, 0, 0)
    get(b"negative room", fd, sol, SocketOption.SO_REUSEPORT, 0xFFFFFFFF, 0)
    get(b"negative room, unknown option", fd, sol, 999, 0xFFFFFFFF, 0)
    put(b"short value", fd, sol, SocketOption.SO_REUSEADDR, 1, 3)
    put(b"long value", fd, sol, SocketOption.SO_REUSEADDR, 1, 16)
    put(b"negative size", fd, sol, SocketOption.SO_REUSEADDR, 1, -1)
    result(b"value nowhere", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_REUSEADDR, 8, 4))
    size = u32(4)
    result(b"get to nowhere", syscall(numbers.getsockopt, fd, sol, SocketOption.SO_REUSEADDR, 8, addr(size)))
    result(
        b"size nowhere", syscall(numbers.getsockopt, fd, sol, SocketOption.SO_REUSEADDR, addr(value[0]), 8)
    )
    words = array[i32, 2]()
    words[0] = 1
    words[1] = 5
    result(b"SO_LINGER", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_LINGER, words.ptr, 8))
    get(b"SO_LINGER", fd, sol, SocketOption.SO_LINGER, 8, 2)
    put(b"SO_LINGER short", fd, sol, SocketOption.SO_LINGER, 1, 4)
    time = array[i64, 2]()
    get(b"SO_RCVTIMEO", fd, sol, SocketOption.SO_RCVTIMEO, 16, 4)
    time[0] = 2
    time[1] = 500000
    result(b"SO_RCVTIMEO", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_RCVTIMEO, time.ptr, 16))
    get(b"SO_RCVTIMEO", fd, sol, SocketOption.SO_RCVTIMEO, 16, 4)
    get(b"SO_RCVTIMEO, new", fd, sol, SocketOption.SO_RCVTIMEO_NEW, 16, 4)
    time[1] = 1000000
    result(b"microseconds", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_SNDTIMEO, time.ptr, 16))
    time[1] = 0
    time[0] = -1
    result(b"negative", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_SNDTIMEO, time.ptr, 16))
    get(b"SO_SNDTIMEO", fd, sol, SocketOption.SO_SNDTIMEO, 16, 4)
    result(b"short", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_SNDTIMEO, time.ptr, 8))
    # A filter that lets nothing through, and what is wrong with others.
    code = array[u64, 2]()
    code[0] = 0x0000000000000006  # ret 0
    program = array[u64, 2]()
    program[0] = 1
    program[1] = u64(code.ptr)
    result(b"filter", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_ATTACH_FILTER, program.ptr, 16))
    result(
        b"filter, size", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_ATTACH_FILTER, program.ptr, 8)
    )
    program[1] = 8
    result(
        b"filter nowhere",
        syscall(numbers.setsockopt, fd, sol, SocketOption.SO_ATTACH_FILTER, program.ptr, 16),
    )
    program[0] = 0
    result(
        b"filter, empty", syscall(numbers.setsockopt, fd, sol, SocketOption.SO_ATTACH_FILTER, program.ptr, 16)
    )
    put(b"filter off", fd, sol, SocketOption.SO_DETACH_FILTER, 0, 4)
    put(b"filter off again", fd, sol, SocketOption.SO_DETACH_FILTER, 0, 4)
    close(fd)
    fd = syscall(numbers.socket, AddressFamily.AF_UNIX, SocketType.SOCK_STREAM, 0)
    both(b"unix SO_PASSCRED", fd, sol, SocketOption.SO_PASSCRED, 1)
    both(b"unix SO_REUSEPORT", fd, sol, SocketOption.SO_REUSEPORT, 1)
    both(b"unix TCP_NODELAY", fd, SocketLevel.SOL_TCP, TcpOption.TCP_NODELAY, 1)
    both(b"unix IP_TOS", fd, SocketLevel.SOL_IP, IpOption.IP_TOS, 1)
    get(b"unix SO_PEERNAME", fd, sol, SocketOption.SO_PEERNAME, 110, 0)
    close(fd)


def protocols() -> None:
    """IP, IPv6, TCP, UDP."""
    fd = tcp()
    ip = i64(SocketLevel.SOL_IP)
    level = i64(SocketLevel.SOL_TCP)
    both(b"IP_TOS", fd, ip, IpOption.IP_TOS, 0x10)
    both(b"IP_TTL", fd, ip, IpOption.IP_TTL, 77)
    both(b"IP_TTL 0", fd, ip, IpOption.IP_TTL, 0)
    both(b"IP_TTL 256", fd, ip, IpOption.IP_TTL, 256)
    both(b"IP_MTU_DISCOVER", fd, ip, IpOption.IP_MTU_DISCOVER, 2)
    both(b"IP_MTU", fd, ip, IpOption.IP_MTU, 2)
    both(b"IP_RECVERR", fd, ip, IpOption.IP_RECVERR, 1)
    both(b"IP_FREEBIND", fd, ip, IpOption.IP_FREEBIND, 1)
    both(b"IP_BIND_ADDRESS_NO_PORT", fd, ip, IpOption.IP_BIND_ADDRESS_NO_PORT, 1)
    both(b"IP unknown", fd, ip, 200, 1)
    get(b"IP_TTL byte", fd, ip, IpOption.IP_TTL, 1, 0)
    both(b"TCP_NODELAY", fd, level, TcpOption.TCP_NODELAY, 1)
    both(b"TCP_CORK", fd, level, TcpOption.TCP_CORK, 1)
    both(b"TCP_MAXSEG", fd, level, TcpOption.TCP_MAXSEG, 1000)
    both(b"TCP_MAXSEG small", fd, level, TcpOption.TCP_MAXSEG, 1)
    both(b"TCP_KEEPIDLE", fd, level, TcpOption.TCP_KEEPIDLE, 100)
    both(b"TCP_KEEPINTVL", fd, level, TcpOption.TCP_KEEPINTVL, 10)
    both(b"TCP_KEEPCNT", fd, level, TcpOption.TCP_KEEPCNT, 3)
    both(b"TCP_KEEPCNT 0", fd, level, TcpOption.TCP_KEEPCNT, 0)
    both(b"TCP_SYNCNT", fd, level, TcpOption.TCP_SYNCNT, 3)
    both(b"TCP_LINGER2", fd, level, TcpOption.TCP_LINGER2, 3)
    both(b"TCP_DEFER_ACCEPT", fd, level, TcpOption.TCP_DEFER_ACCEPT, 3)
    both(b"TCP_QUICKACK", fd, level, TcpOption.TCP_QUICKACK, 1)
    both(b"TCP_USER_TIMEOUT", fd, level, TcpOption.TCP_USER_TIMEOUT, 3000)
    both(b"TCP_NOTSENT_LOWAT", fd, level, TcpOption.TCP_NOTSENT_LOWAT, 3000)
    both(b"TCP_FASTOPEN", fd, level, TcpOption.TCP_FASTOPEN, 5)
    both(b"TCP unknown", fd, level, 200, 5)
    name = b"reno\0"
    result(b"TCP_CONGESTION", syscall(numbers.setsockopt, fd, level, TcpOption.TCP_CONGESTION, name.ptr, 4))
    get(b"TCP_CONGESTION", fd, level, TcpOption.TCP_CONGESTION, 16, 1)
    name = b"nosuch\0"
    result(b"TCP_CONGESTION", syscall(numbers.setsockopt, fd, level, TcpOption.TCP_CONGESTION, name.ptr, 6))
    get(b"TCP_INFO", fd, level, TcpOption.TCP_INFO, 8, 1)
    both(b"other level", fd, 12345, 1, 1)
    both(b"UDP level", fd, SocketLevel.SOL_UDP, UdpOption.UDP_CORK, 1)
    both(b"IPv6 level", fd, SocketLevel.SOL_IPV6, Ipv6Option.IPV6_V6ONLY, 1)
    close(fd)
    fd = udp()
    both(b"UDP_CORK", fd, SocketLevel.SOL_UDP, UdpOption.UDP_CORK, 0)
    both(b"UDP_SEGMENT", fd, SocketLevel.SOL_UDP, UdpOption.UDP_SEGMENT, 100)
    both(b"TCP on UDP", fd, level, TcpOption.TCP_NODELAY, 1)
    both(b"IP_PKTINFO", fd, ip, IpOption.IP_PKTINFO, 1)
    both(b"IP_MULTICAST_TTL", fd, ip, IpOption.IP_MULTICAST_TTL, 4)
    both(b"IP_MULTICAST_LOOP", fd, ip, IpOption.IP_MULTICAST_LOOP, 0)
    close(fd)
    fd = syscall(numbers.socket, AddressFamily.AF_INET6, SocketType.SOCK_STREAM, 0)
    six = i64(SocketLevel.SOL_IPV6)
    get(b"IPV6_V6ONLY", fd, six, Ipv6Option.IPV6_V6ONLY, 4, 1)
    both(b"IPV6_V6ONLY", fd, six, Ipv6Option.IPV6_V6ONLY, 1)
    both(b"IPV6_UNICAST_HOPS", fd, six, Ipv6Option.IPV6_UNICAST_HOPS, 9)
    both(b"IPV6_TCLASS", fd, six, Ipv6Option.IPV6_TCLASS, 9)
    both(b"IPV6_RECVERR", fd, six, Ipv6Option.IPV6_RECVERR, 1)
    both(b"IP_TTL on IPv6", fd, ip, IpOption.IP_TTL, 9)
    close(fd)


def inherited() -> None:
    """What an accepted socket has from its listener."""
    name = Name4()
    server = listener(name)
    sol = i64(SocketLevel.SOL_SOCKET)
    put(b"SO_KEEPALIVE", server, sol, SocketOption.SO_KEEPALIVE, 1, 4)
    put(b"TCP_NODELAY", server, SocketLevel.SOL_TCP, TcpOption.TCP_NODELAY, 1, 4)
    time = array[i64, 2]()
    time[1] = 40000
    syscall(numbers.setsockopt, server, sol, SocketOption.SO_RCVTIMEO, time.ptr, 16)
    client = tcp()
    connect4(client, name)
    fd = syscall(numbers.accept, server, 0, 0)
    get(b"SO_KEEPALIVE", fd, sol, SocketOption.SO_KEEPALIVE, 4, 1)
    get(b"TCP_NODELAY", fd, SocketLevel.SOL_TCP, TcpOption.TCP_NODELAY, 4, 1)
    get(b"SO_RCVTIMEO", fd, sol, SocketOption.SO_RCVTIMEO, 16, 4)
    result(b"which counts", syscall(numbers.recvfrom, fd, addr(value[0]), 8, 0, 0, 0))
    close(fd)
    close(client)
    close(server)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    say(b"general\n")
    general()
    say(b"protocols\n")
    protocols()
    say(b"inherited\n")
    inherited()
    return 0
