"""UDP over loopback: addresses, truncation, errors of the network, many messages at once."""

from inet import (
    Message,
    Name4,
    Vector,
    bind4,
    close,
    connect4,
    loopback,
    nap,
    own_name4,
    peer_name4,
    receive,
    send,
    udp,
)
from say import check, result, say

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u32
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Msg, Shutdown, SocketOption

data: array[u8, 70000]


@struct
class Row:
    """struct mmsghdr."""

    header: Message
    length: u32


rows: array[Row, 8]
vectors: array[Vector, 8]


def send_to(fd: i64, size: i64, name: Name4, length: i64, flags: i64) -> i64:
    """sendto(2)."""
    return syscall(numbers.sendto, fd, addr(data[0]), size, flags, addr(name), length)


def bound(name: Name4) -> i64:
    """A UDP socket on a free port of 127.0.0.1."""
    fd = udp()
    loopback(name, 0)
    bind4(fd, name)
    own_name4(fd, name)
    return fd


def single() -> None:
    """One message a call."""
    name = Name4()
    peer = Name4()
    own = Name4()
    server = bound(name)
    client = udp()
    result(b"send, no destination", send(client, b"x", 0))
    result(b"send", send_to(client, 5, name, 16, 0))
    result(b"own name", own_name4(client, own))
    check(b"any address, a port", own.address == 0 and own.port != 0)
    size = u32(16)
    result(b"receive", syscall(numbers.recvfrom, server, addr(data[0]), 100, 0, addr(peer), addr(size)))
    check(b"from the client", peer.port == own.port and peer.address == name.address and size == 16)
    result(b"reply", send_to(server, 3, peer, 16, 0))
    size = 5
    peer.address = 0
    result(
        b"receive, name cut", syscall(numbers.recvfrom, client, addr(data[0]), 100, 0, addr(peer), addr(size))
    )
    check(b"whole length told", size == 16 and peer.address & 0xFFFFFF00 == 0)
    result(b"short name", send_to(client, 5, name, 15, 0))
    result(b"no name", send_to(client, 5, name, 0, 0))
    result(b"long name", send_to(client, 5, name, 129, 0))
    result(b"name nowhere", syscall(numbers.sendto, client, addr(data[0]), 5, 0, 8, 16))
    name.family = 99
    result(b"family", send_to(client, 5, name, 16, 0))
    name.family = 0
    result(b"no family", send_to(client, 5, name, 16, 0))
    name.family = 2
    result(b"arrived", receive(server, addr(data[0]), 100, 0))
    result(b"empty", send_to(client, 0, name, 16, 0))
    result(b"empty received", receive(server, addr(data[0]), 100, 0))
    result(b"too long", send_to(client, 65508, name, 16, 0))
    result(b"longest", send_to(client, 65507, name, 16, 0))
    result(b"cut", receive(server, addr(data[0]), 10, 0))
    send_to(client, 100, name, 16, 0)
    result(b"cut, length told", receive(server, addr(data[0]), 10, Msg.MSG_TRUNC))
    result(b"rest is gone", receive(server, addr(data[0]), 10, Msg.MSG_DONTWAIT))
    send_to(client, 7, name, 16, 0)
    result(b"peek", receive(server, addr(data[0]), 100, Msg.MSG_PEEK))
    result(b"wait for all gives one", receive(server, addr(data[0]), 100, Msg.MSG_WAITALL))
    result(b"urgent", receive(server, addr(data[0]), 100, Msg.MSG_OOB | Msg.MSG_DONTWAIT))
    result(b"send urgent", send_to(client, 7, name, 16, Msg.MSG_OOB))
    result(b"listen", syscall(numbers.listen, client, 1))
    result(b"accept", syscall(numbers.accept, client, 0, 0))
    other = Name4()
    loopback(other, 0)
    result(b"port 0", send_to(client, 5, other, 16, 0))
    other.port = 0x0100
    result(b"nobody there", send_to(client, 5, other, 16, 0))
    nap(5)
    result(b"unconnected: nobody hears", receive(client, addr(data[0]), 10, Msg.MSG_DONTWAIT))
    close(client)
    close(server)


def connected() -> None:
    """A connected socket, and one without its peer."""
    name = Name4()
    own = Name4()
    server = bound(name)
    client = udp()
    result(b"no peer", peer_name4(client, own))
    result(b"shutdown unconnected", syscall(numbers.shutdown, client, Shutdown.SHUT_WR))
    close(client)
    client = udp()
    result(b"connect", connect4(client, name))
    result(b"own name", own_name4(client, own))
    check(b"loopback, a port", own.address == 0x0100007F and own.port != 0)
    result(b"peer", peer_name4(client, own))
    check(b"the server", own.port == name.port)
    result(b"send", send(client, b"abc", 0))
    result(b"send elsewhere, too", send_to(client, 4, name, 16, 0))
    result(b"first", receive(server, addr(data[0]), 100, 0))
    result(b"second", receive(server, addr(data[0]), 100, 0))
    stranger = udp()
    own_name4(client, own)
    loopback(own, own.port)
    result(b"a stranger sends", send_to(stranger, 9, own, 16, 0))
    nap(5)
    result(b"is not heard", receive(client, addr(data[0]), 100, Msg.MSG_DONTWAIT))
    nobody = Name4()
    nobody.family = 0
    result(b"disconnect", connect4(client, nobody))
    result(b"no peer", peer_name4(client, own))
    result(b"disconnect, short", syscall(numbers.connect, client, addr(nobody), 1))
    result(b"connect again", connect4(client, name))
    close(server)
    result(b"peer has gone: send", send(client, b"abc", 0))
    nap(10)
    result(b"refused", receive(client, addr(data[0]), 100, 0))
    result(b"once", receive(client, addr(data[0]), 100, Msg.MSG_DONTWAIT))
    send(client, b"abc", 0)
    nap(10)
    result(b"refused at sending", send(client, b"abc", 0))
    result(b"shutdown", syscall(numbers.shutdown, client, Shutdown.SHUT_RDWR))
    result(b"end", receive(client, addr(data[0]), 100, 0))
    result(b"no signal", send(client, b"abc", 0))
    close(client)
    close(stranger)


def prepare(row: u32, name: Name4, length: u32, size: i64) -> None:
    """Fill in one struct mmsghdr."""
    entry = addr(rows[row])
    vectors[row].base = addr(data[i64(row) * 100])
    vectors[row].size = size
    entry.header.name = i64(addr(name))
    entry.header.name_size = length
    entry.header.vectors = addr(vectors[row])
    entry.header.vector_count = 1
    entry.header.control = 0
    entry.header.control_size = 0
    entry.header.flags = 0x7777
    entry.length = 0x9999


def many() -> None:
    """sendmmsg and recvmmsg."""
    name = Name4()
    names = array[Name4, 8]()
    server = bound(name)
    client = udp()
    for i in range(4):
        prepare(u32(i), name, 16, i64(i) * 10 + 1)
    result(b"none", syscall(numbers.sendmmsg, client, addr(rows[0]), 0, 0))
    result(b"four", syscall(numbers.sendmmsg, client, addr(rows[0]), 4, 0))
    for i in range(4):
        result(b"  length", i64(rows[u32(i)].length))
    for i in range(8):
        prepare(u32(i), names[u32(i)], 16, 20)
    time = array[i64, 2]()
    time[0] = 5
    result(
        b"four come",
        syscall(numbers.recvmmsg, server, addr(rows[0]), 8, Msg.MSG_DONTWAIT, time.ptr),
    )
    check(b"time left", time[0] == 4)
    for i in range(4):
        result(b"  length", i64(rows[u32(i)].length))
        result(b"  flags", i64(rows[u32(i)].header.flags))
        result(b"  name length", i64(rows[u32(i)].header.name_size))
        check(b"  loopback", names[u32(i)].address == 0x0100007F)
    result(b"none left", syscall(numbers.recvmmsg, server, addr(rows[0]), 8, Msg.MSG_DONTWAIT, 0))
    send_to(client, 5, name, 16, 0)
    result(b"wait for one", syscall(numbers.recvmmsg, server, addr(rows[0]), 8, Msg.MSG_WAITFORONE, 0))
    value = array[i64, 2]()
    value[1] = 30000
    syscall(numbers.setsockopt, server, 1, SocketOption.SO_RCVTIMEO, value.ptr, 16)
    send_to(client, 5, name, 16, 0)
    result(b"one and a time-out", syscall(numbers.recvmmsg, server, addr(rows[0]), 2, 0, 0))
    result(b"time-out", syscall(numbers.recvmmsg, server, addr(rows[0]), 2, 0, 0))
    time[0] = -1
    result(b"bad time", syscall(numbers.recvmmsg, server, addr(rows[0]), 2, 0, time.ptr))
    result(b"time nowhere", syscall(numbers.recvmmsg, server, addr(rows[0]), 2, 0, 8))
    result(b"rows nowhere", syscall(numbers.recvmmsg, server, 8, 2, 0, 0))
    result(b"rows to send nowhere", syscall(numbers.sendmmsg, client, 8, 2, 0))
    result(b"compat", syscall(numbers.sendmmsg, client, 8, 2, 0x80000000))
    for i in range(4):
        prepare(u32(i), name, 16, 3)
    rows[2].header.name_size = 3
    result(b"two, then an error", syscall(numbers.sendmmsg, client, addr(rows[0]), 4, 0))
    rows[0].header.name_size = 3
    result(b"an error", syscall(numbers.sendmmsg, client, addr(rows[0]), 4, 0))
    close(client)
    close(server)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    single()
    say(b"connected\n")
    connected()
    say(b"many\n")
    many()
    return 0
