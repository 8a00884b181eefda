"""sendmsg and recvmsg: buffers, names, lengths and their errors; SO_RCVLOWAT."""

from inet import (
    Message,
    Name4,
    Vector,
    bind4,
    close,
    connect4,
    listener,
    loopback,
    nap,
    own_name4,
    receive,
    send,
    tcp,
    udp,
)
from say import check, result, say

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.threads import adopt_main_thread, spawn
from syscalls import numbers
from syscalls.flags import IpOption, Msg, SocketLevel, SocketOption, SocketType

data: array[u8, 4096]
control: array[u64, 32]
message: Message
vectors: array[Vector, 1100]
pair: array[i32, 2]
peer: Name4


def prepare(count: i64, size: i64) -> None:
    """`count` buffers of `size` bytes."""
    for i in range(count):
        vectors[u32(i)].base = addr(data[i * size % 2048])
        vectors[u32(i)].size = size
    message.name = 0
    message.name_size = 0
    message.vectors = addr(vectors[0])
    message.vector_count = count
    message.control = 0
    message.control_size = 0
    message.flags = 0x1234


def sending(fd: i64, flags: i64) -> i64:
    """sendmsg(2)."""
    return syscall(numbers.sendmsg, fd, addr(message), flags)


def receiving(fd: i64, flags: i64) -> i64:
    """recvmsg(2)."""
    return syscall(numbers.recvmsg, fd, addr(message), flags)


def streams() -> None:
    """On a stream."""
    syscall(numbers.socketpair, 1, SocketType.SOCK_STREAM, 0, pair.ptr)
    a = i64(pair[0])
    b = i64(pair[1])
    for i in range(4096):
        data[i] = u8(i % 251)
    prepare(3, 5)
    result(b"three buffers", sending(a, 0))
    prepare(2, 4)
    result(b"two of four", receiving(b, 0))
    check(b"flags", message.flags == 0)
    prepare(2, 10)
    result(b"rest", receiving(b, 0))
    prepare(0, 0)
    result(b"no buffers", sending(a, 0))
    result(b"no buffers to receive", receiving(b, Msg.MSG_DONTWAIT))
    prepare(1024, 1)
    result(b"1024 buffers", sending(a, 0))
    prepare(1025, 1)
    result(b"1025 buffers", sending(a, 0))
    result(b"1025 to receive", receiving(b, 0))
    message.vector_count = -1
    result(b"-1 buffers", sending(a, 0))
    prepare(2, 1)
    vectors[1].size = -1
    result(b"negative length", sending(a, 0))
    vectors[1].size = 1 << 62
    result(b"huge length", sending(a, 0))
    vectors[1].base = ptr[u8](8)
    vectors[1].size = 4
    result(b"second nowhere", sending(a, 0))
    vectors[1].base = ptr[u8](0xFFFF800000000000)
    result(b"second in the kernel's", sending(a, 0))
    message.vectors = ptr[Vector](8)
    result(b"vectors nowhere", sending(a, 0))
    result(b"vectors to receive nowhere", receiving(b, 0))
    result(b"header nowhere", syscall(numbers.sendmsg, a, 8, 0))
    result(b"header to receive nowhere", syscall(numbers.recvmsg, b, 8, 0))
    result(b"compat", sending(a, 0x80000000))
    prepare(1, 4)
    message.name = i64(addr(data[0]))
    message.name_size = 0xFFFFFFFF
    result(b"negative name length", sending(a, 0))
    result(b"negative name length to receive", receiving(b, 0))
    message.name_size = 500
    result(b"long name", sending(a, 0))
    message.name = 8
    message.name_size = 10
    result(b"name nowhere", sending(a, 0))
    message.name = 0
    message.name_size = 0xFFFFFFFF
    result(b"no name, any length", sending(a, 0))
    total = i64(0)
    while True:
        prepare(5, 100)
        n = receiving(b, Msg.MSG_DONTWAIT)
        if n < 0:
            result(b"empty", n)
            break
        total += n
    result(b"in all", total)
    prepare(2, 3)
    vectors[1].base = ptr[u8](8)
    send(a, b"abcdef", 0)
    result(b"second to fill nowhere", receiving(b, 0))
    prepare(3, 50)
    send(a, b"0123456789", 0)
    result(b"peek", receiving(b, Msg.MSG_PEEK))
    result(b"take", receiving(b, Msg.MSG_WAITALL | Msg.MSG_DONTWAIT))
    message.control = i64(addr(control[0]))
    message.control_size = 64
    send(a, b"x", 0)
    result(b"no control data", receiving(b, Msg.MSG_CMSG_CLOEXEC))
    result(b"its size", i64(message.control_size))
    result(b"flags", i64(message.flags))
    close(a)
    result(b"end", receiving(b, 0))
    close(b)


def datagrams() -> None:
    """On UDP."""
    name = Name4()
    server = udp()
    loopback(name, 0)
    bind4(server, name)
    own_name4(server, name)
    client = udp()
    prepare(2, 10)
    message.name = i64(addr(name))
    message.name_size = 16
    result(b"send", sending(client, 0))
    message.name_size = 15
    result(b"short name", sending(client, 0))
    message.name_size = 0
    result(b"empty name", sending(client, 0))
    message.name = 0
    result(b"no name", sending(client, 0))
    prepare(1, 5)
    message.name = i64(addr(peer))
    message.name_size = 16
    result(b"receive", receiving(server, 0))
    check(b"cut", message.flags == Msg.MSG_TRUNC)
    result(b"name size", i64(message.name_size))
    check(b"loopback", peer.address == 0x0100007F)
    on = i32(1)
    syscall(numbers.setsockopt, server, SocketLevel.SOL_IP, IpOption.IP_PKTINFO, addr(on), 4)
    syscall(numbers.setsockopt, server, SocketLevel.SOL_IP, IpOption.IP_RECVTTL, addr(on), 4)
    prepare(1, 5)
    message.name = i64(addr(name))
    message.name_size = 16
    # Where to send from, and how far.
    control[0] = 20
    control[1] = u64(SocketLevel.SOL_IP) | u64(IpOption.IP_TTL) << 32
    control[2] = 33
    message.control = i64(addr(control[0]))
    message.control_size = 24
    result(b"with a TTL", sending(client, 0))
    control[1] = u64(SocketLevel.SOL_IP) | 250 << 32
    result(b"unknown control", sending(client, 0))
    control[1] = u64(SocketLevel.SOL_SOCKET) | 250 << 32
    result(b"unknown socket control", sending(client, 0))
    control[1] = 77
    result(b"unknown level", sending(client, 0))
    prepare(1, 50)
    message.control = i64(addr(control[0]))
    message.control_size = 200
    result(b"receive", receiving(server, 0))
    result(b"control", i64(message.control_size))
    result(b"first size", i64(control[0]))
    check(b"IP_PKTINFO", control[1] == u64(IpOption.IP_PKTINFO) << 32)
    check(b"by lo", control[2] & 0xFFFFFFFF == 1)
    result(b"second size", i64(control[4]))
    check(b"IP_TTL", control[5] == u64(IpOption.IP_TTL) << 32)
    result(b"TTL", i64(control[6] & 0xFFFFFFFF))
    receiving(server, Msg.MSG_DONTWAIT)
    prepare(1, 5)
    message.name = i64(addr(name))
    message.name_size = 16
    sending(client, 0)
    prepare(1, 50)
    message.control = i64(addr(control[0]))
    message.control_size = 30
    result(b"room for the first", receiving(server, 0))
    result(b"control", i64(message.control_size))
    check(b"cut", message.flags == Msg.MSG_CTRUNC)
    close(client)
    close(server)


def trickle(argument: u64) -> None:
    """A byte now and then."""
    for _ in range(6):
        nap(5)
        send(i64(argument), b"x", 0)


def low_water() -> None:
    """SO_RCVLOWAT on blocking calls."""
    name = Name4()
    server = listener(name)
    client = tcp()
    connect4(client, name)
    fd = syscall(numbers.accept, server, 0, 0)
    mark = i32(4)
    syscall(numbers.setsockopt, fd, SocketLevel.SOL_SOCKET, SocketOption.SO_RCVLOWAT, addr(mark), 4)
    send(client, b"y", 0)
    nap(5)
    spawn(trickle, u64(client))
    n = receive(fd, data.ptr, 100, 0)
    check(b"at least four", n >= 4)
    while n < 7:
        more = receive(fd, data.ptr, 100, Msg.MSG_DONTWAIT)
        if more < 0:
            nap(2)
        else:
            n += more
    result(b"all", n)
    send(client, b"ab", 0)
    nap(5)
    result(b"not waiting: what there is", receive(fd, data.ptr, 100, Msg.MSG_DONTWAIT))
    send(client, b"ab", 0)
    result(b"no more asked for", receive(fd, data.ptr, 2, 0))
    close(fd)
    close(client)
    close(server)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    adopt_main_thread()
    streams()
    say(b"datagrams\n")
    datagrams()
    say(b"low water\n")
    low_water()
    return 0
