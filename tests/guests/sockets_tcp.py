"""TCP over loopback on one thread: names, states, transfers, errors."""

from inet import (
    Name4,
    bind4,
    close,
    connect4,
    listener,
    loopback,
    nap,
    own_name4,
    peer_name4,
    receive,
    send,
    tcp,
)
from say import check, result, say

from guest.lang import addr, array, i32, i64, ptr, sizeof, syscall, u8, u32
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Msg, Shutdown, SocketLevel, SocketOption, SocketType

big: array[u8, 65536]


def error_of(fd: i64) -> i64:
    """SO_ERROR."""
    value = i32(0)
    size = u32(4)
    syscall(numbers.getsockopt, fd, SocketLevel.SOL_SOCKET, SocketOption.SO_ERROR, addr(value), addr(size))
    return -i64(value)


def limit(fd: i64, option: i64, milliseconds: i64) -> i64:
    """SO_RCVTIMEO or SO_SNDTIMEO."""
    value = array[i64, 2]()
    value[0] = milliseconds // 1000
    value[1] = milliseconds % 1000 * 1000
    return syscall(numbers.setsockopt, fd, SocketLevel.SOL_SOCKET, option, value.ptr, 16)


def names() -> None:
    """bind, getsockname, getpeername and their errors."""
    name = Name4()
    other = Name4()
    fd = tcp()
    result(b"unbound name", own_name4(fd, name))
    check(b"any address", name.family == 2 and name.port == 0 and name.address == 0)
    result(b"no peer", peer_name4(fd, name))
    loopback(name, 0)
    result(b"bind, null", syscall(numbers.bind, fd, 0, 16))
    result(b"bind, length 0", syscall(numbers.bind, fd, addr(name), 0))
    result(b"bind, length -1", syscall(numbers.bind, fd, addr(name), -1))
    result(b"bind, length 129", syscall(numbers.bind, fd, addr(name), 129))
    result(b"bind, length 15", syscall(numbers.bind, fd, addr(name), 15))
    name.family = 10
    result(b"bind, wrong family", bind4(fd, name))
    name.family = 0
    result(b"bind, no family", bind4(fd, name))
    loopback(name, 0)
    result(b"bind", bind4(fd, name))
    result(b"bind again", bind4(fd, name))
    result(b"name", own_name4(fd, other))
    check(b"same address", other.address == name.address and other.family == 2)
    check(b"a port", other.port != 0)
    size = u32(3)
    short = Name4()
    result(b"name cut", syscall(numbers.getsockname, fd, addr(short), addr(size)))
    check(b"whole length told", size == 16 and short.address == 0)
    size = u32(0xFFFFFFFF)
    result(b"name, negative length", syscall(numbers.getsockname, fd, addr(short), addr(size)))
    result(b"name, no length", syscall(numbers.getsockname, fd, addr(short), 0))
    size = 16
    result(b"name, nowhere", syscall(numbers.getsockname, fd, 0, addr(size)))
    second = tcp()
    result(b"address in use", bind4(second, other))
    result(b"listen", syscall(numbers.listen, fd, 5))
    result(b"listen again", syscall(numbers.listen, fd, -1))
    result(b"connect a listener", connect4(fd, other))
    result(b"receive from a listener", receive(fd, addr(big[0]), 10, 0))
    result(b"send to a listener", send(fd, b"x", Msg.MSG_NOSIGNAL))
    result(b"accept, bad flags", syscall(numbers.accept4, fd, 0, 0, 1))
    result(b"accept on no listener", syscall(numbers.accept, second, 0, 0))
    result(b"accept4, nothing there", syscall(numbers.fcntl, fd, 4, 0o4000))
    result(b"accept", syscall(numbers.accept, fd, 0, 0))
    close(fd)
    result(b"now it is free", bind4(second, other))
    close(second)
    third = tcp()
    result(b"listen unbound", syscall(numbers.listen, third, 1))
    result(b"its name", own_name4(third, name))
    check(b"any address, a port", name.address == 0 and name.port != 0)
    loopback(other, name.port)
    fourth = tcp()
    result(b"which can be reached", connect4(fourth, other))
    close(third)
    close(fourth)
    loopback(name, 0)
    name.address = 0
    fd = tcp()
    result(b"bind any", bind4(fd, name))
    result(b"listen any", syscall(numbers.listen, fd, 1))
    own_name4(fd, name)
    check(b"any address, a port", name.address == 0 and name.port != 0)
    fourth = tcp()
    result(b"connect any", connect4(fourth, name))
    result(b"its peer", peer_name4(fourth, other))
    check(b"loopback", other.address == 0x0100007F and other.port == name.port)
    accepted = syscall(numbers.accept, fd, 0, 0)
    result(b"accepted, name", own_name4(accepted, other))
    check(b"loopback", other.address == 0x0100007F and other.port == name.port)
    close(accepted)
    close(fourth)
    close(fd)


def connections() -> None:
    """connect and accept, blocking and not."""
    name = Name4()
    peer = Name4()
    server = listener(name)
    client = tcp()
    result(b"connect", connect4(client, name))
    result(b"connect again", connect4(client, name))
    size = u32(sizeof(Name4))
    fd = result(b"accept", syscall(numbers.accept, server, addr(peer), addr(size)))
    check(b"length", size == 16)
    own = Name4()
    result(b"client's name", own_name4(client, own))
    check(b"the same", own.port == peer.port and own.address == peer.address)
    result(b"accepted peer", peer_name4(fd, peer))
    check(b"the same", own.port == peer.port)
    result(b"accepted flags", syscall(numbers.fcntl, fd, 3))
    close(fd)
    close(client)
    client = syscall(numbers.socket, 2, SocketType.SOCK_STREAM | SocketType.SOCK_NONBLOCK, 0)
    code = connect4(client, name)
    check(b"in progress or at once", code == -115 or code == 0)
    nap(20)
    again = connect4(client, name)
    result(b"connect again", again)
    result(b"once more", connect4(client, name))
    result(b"error", error_of(client))
    fd = result(
        b"accept4", syscall(numbers.accept4, server, 0, 0, SocketType.SOCK_NONBLOCK | SocketType.SOCK_CLOEXEC)
    )
    result(b"its flags", syscall(numbers.fcntl, fd, 3))
    result(b"its descriptor flags", syscall(numbers.fcntl, fd, 1))
    result(b"nothing to read", receive(fd, addr(big[0]), 100, 0))
    close(fd)
    close(client)
    client = tcp()
    result(b"connect for a fault", connect4(client, name))
    size = 16
    result(b"accept, nowhere", syscall(numbers.accept, server, 8, addr(size)))
    nap(10)
    result(b"connection lost", receive(client, addr(big[0]), 1, 0))
    close(client)
    client = tcp()
    connect4(client, name)
    size = u32(0xFFFFFFFF)
    result(b"accept, negative length", syscall(numbers.accept, server, addr(peer), addr(size)))
    close(client)
    close(server)
    client = tcp()
    result(b"refused", connect4(client, name))
    result(b"error is taken", error_of(client))
    result(b"refused again", connect4(client, name))
    close(client)
    client = syscall(numbers.socket, 2, SocketType.SOCK_STREAM | SocketType.SOCK_NONBLOCK, 0)
    code = connect4(client, name)
    check(b"refused at once or later", code == -111 or code == -115)
    nap(20)
    if code == -115:
        result(b"error", error_of(client))
    else:
        say(b"error: -ECONNREFUSED\n")
    close(client)
    client = tcp()
    result(b"connect, length", syscall(numbers.connect, client, addr(name), 8))
    result(b"connect, length 1", syscall(numbers.connect, client, addr(name), 1))
    result(b"connect, null", syscall(numbers.connect, client, 0, 16))
    result(b"connect, too long", syscall(numbers.connect, client, addr(name), 200))
    name.family = 77
    result(b"connect, family", connect4(client, name))
    name.family = 0
    result(b"connect, unspecified", connect4(client, name))
    close(client)


def transfers() -> None:
    """Bytes, flags and ends."""
    name = Name4()
    server = listener(name)
    client = tcp()
    result(b"not connected: receive", receive(client, addr(big[0]), 10, 0))
    result(b"not connected: send", send(client, b"x", Msg.MSG_NOSIGNAL))
    result(b"not connected: shutdown", syscall(numbers.shutdown, client, Shutdown.SHUT_WR))
    close(client)
    client = tcp()
    connect4(client, name)
    fd = syscall(numbers.accept, server, 0, 0)
    result(b"send", send(client, b"hello", 0))
    result(b"peek", receive(fd, addr(big[0]), 100, Msg.MSG_PEEK))
    result(b"part", receive(fd, addr(big[0]), 2, 0))
    result(b"rest", receive(fd, addr(big[2]), 100, 0))
    say(b"got ")
    syscall(numbers.write, 1, addr(big[0]), 5)
    say(b"\n")
    result(b"nothing, dontwait", receive(fd, addr(big[0]), 100, Msg.MSG_DONTWAIT))
    result(b"receive nothing", receive(fd, addr(big[0]), 0, Msg.MSG_DONTWAIT))
    result(b"send nothing", send(fd, b"", 0))
    result(b"error queue", receive(fd, addr(big[0]), 10, Msg.MSG_ERRQUEUE))
    result(b"urgent, none", receive(fd, addr(big[0]), 10, Msg.MSG_OOB))
    result(b"send urgent", send(client, b"ab!", Msg.MSG_OOB))
    result(b"before the mark", receive(fd, addr(big[0]), 10, 0))
    result(b"urgent", receive(fd, addr(big[0]), 10, Msg.MSG_OOB))
    check(b"is the last", big[0] == 0x21)
    result(b"more", send(client, b"one", Msg.MSG_MORE))
    result(b"and", send(client, b"two", 0))
    result(b"wait for all", receive(fd, addr(big[0]), 6, Msg.MSG_WAITALL))
    send(client, b"trunc", 0)
    result(b"truncating", receive(fd, ptr[u8](0), 4, Msg.MSG_TRUNC))
    result(b"left", receive(fd, addr(big[0]), 10, 0))
    send(client, b"fault", 0)
    result(b"receive nowhere", receive(fd, ptr[u8](8), 5, 0))
    result(b"receive beyond", receive(fd, ptr[u8](0x7FFFFFFFF000), 5, 0))
    result(b"receive in the kernel's", receive(fd, ptr[u8](0xFFFF800000000000), 5, 0))
    result(b"still there", receive(fd, addr(big[0]), 10, 0))
    result(b"send nowhere", syscall(numbers.sendto, client, 8, 5, 0, 0, 0))
    result(b"send in the kernel's", syscall(numbers.sendto, client, 0xFFFF800000000000, 5, 0, 0, 0))
    size = u32(16)
    send(client, b"named", 0)
    result(b"with a name", syscall(numbers.recvfrom, fd, addr(big[0]), 10, 0, addr(name), addr(size)))
    result(b"no name told", i64(size))
    result(b"send with a name", syscall(numbers.sendto, client, addr(big[0]), 3, 0, addr(name), 16))
    result(b"is ignored", receive(fd, addr(big[0]), 10, 0))
    result(b"time-out", limit(fd, SocketOption.SO_RCVTIMEO, 30))
    result(b"runs out", receive(fd, addr(big[0]), 10, 0))
    result(b"also for read", syscall(numbers.read, fd, addr(big[0]), 10))
    send(client, b"abc", 0)
    result(b"wait for all, in time", receive(fd, addr(big[0]), 10, Msg.MSG_WAITALL))
    limit(server, SocketOption.SO_RCVTIMEO, 30)
    result(b"accept runs out", syscall(numbers.accept, server, 0, 0))
    limit(server, SocketOption.SO_RCVTIMEO, 0)
    limit(fd, SocketOption.SO_RCVTIMEO, 0)
    result(b"write", syscall(numbers.write, client, addr(big[0]), 4))
    result(b"read", syscall(numbers.read, fd, addr(big[0]), 10))
    result(b"seek", syscall(numbers.lseek, fd, 0, 0))
    result(b"pread", syscall(numbers.pread64, fd, addr(big[0]), 1, 0))
    # Half closed, then closed.
    result(b"shutdown, how", syscall(numbers.shutdown, client, 3))
    result(b"shutdown writing", syscall(numbers.shutdown, client, Shutdown.SHUT_WR))
    result(b"end", receive(fd, addr(big[0]), 10, 0))
    result(b"end again", receive(fd, addr(big[0]), 10, Msg.MSG_WAITALL))
    result(b"the other way", send(fd, b"reply", 0))
    result(b"arrives", receive(client, addr(big[0]), 10, 0))
    result(b"send after it", send(client, b"x", Msg.MSG_NOSIGNAL))
    result(b"shutdown reading", syscall(numbers.shutdown, fd, Shutdown.SHUT_RD))
    result(b"shutdown both", syscall(numbers.shutdown, client, Shutdown.SHUT_RDWR))
    close(fd)
    result(b"nothing left", receive(client, addr(big[0]), 10, 0))
    close(client)
    # Reset by closing with data unread.
    client = tcp()
    connect4(client, name)
    fd = syscall(numbers.accept, server, 0, 0)
    send(client, b"unread", 0)
    nap(10)
    close(fd)
    nap(10)
    result(b"reset", receive(client, addr(big[0]), 10, 0))
    result(b"after it", receive(client, addr(big[0]), 10, 0))
    result(b"broken pipe", send(client, b"x", Msg.MSG_NOSIGNAL))
    result(b"peer", peer_name4(client, name))
    close(client)
    close(server)


def filling() -> None:
    """A socket that takes no more."""
    name = Name4()
    server = listener(name)
    client = tcp()
    connect4(client, name)
    fd = syscall(numbers.accept, server, 0, 0)
    size = i32(4096)
    syscall(numbers.setsockopt, client, 1, SocketOption.SO_SNDBUF, addr(size), 4)
    total = i64(0)
    full = 0
    while full < 5:  # what was sent is still on its way to the other queue: look again a little later
        sent = syscall(numbers.sendto, client, addr(big[0]), 65536, Msg.MSG_DONTWAIT, 0, 0)
        if sent < 0:
            full += 1
            nap(5)
        else:
            full = 0
            total += sent
    result(b"full", send(client, b"x", Msg.MSG_DONTWAIT))
    limit(client, SocketOption.SO_SNDTIMEO, 30)
    result(b"time-out of sending", syscall(numbers.sendto, client, addr(big[0]), 65536, 0, 0, 0))
    got = i64(0)
    while got < total:
        n = receive(fd, addr(big[0]), 65536, Msg.MSG_DONTWAIT)
        if n < 0:
            nap(1)
        else:
            got += n
    check(b"all arrived", got == total)
    close(client)
    close(fd)
    close(server)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    names()
    connections()
    transfers()
    filling()
    if argc > 1:
        say(b"SIGPIPE\n")
        fds = array[i32, 2]()
        syscall(numbers.socketpair, 1, 1, 0, fds.ptr)
        close(i64(fds[0]))
        send(i64(fds[1]), b"x", 0)
        say(b"survived\n")
    return 0
