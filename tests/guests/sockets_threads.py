"""Sockets between threads: calls that wait for each other, large transfers, a descriptor closed under a waiting call."""

from inet import (
    Message,
    Name4,
    NameUnix,
    Vector,
    close,
    connect4,
    listener,
    nap,
    path_name,
    receive,
    send,
    tcp,
)
from say import check, result, say

from guest.lang import addr, array, atomic, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.threads import adopt_main_thread, spawn
from syscalls import numbers
from syscalls.flags import Epoll, EpollOp, Msg, Poll, SocketOption, SocketType

big: array[u8, 1000000]
small: array[u8, 4096]
done: u32
outcome: i64
outcomes: array[i64, 8]
server_name: Name4
shared: array[i32, 8]
message: Message
vectors: array[Vector, 3]


def finish(value: i64) -> None:
    """The other thread has a result."""
    global outcome
    outcome = value
    atomic.add(addr(done), 1)
    syscall(numbers.futex, addr(done), 1, 100, 0, 0, 0)


def join(count: u32) -> i64:
    """Wait until so many results were reported; the last one."""
    global done
    while True:
        now = atomic.load(addr(done))
        if now == count:
            break
        syscall(numbers.futex, addr(done), 0, now, 0, 0, 0)
    done = 0
    return outcome


def connect_later(argument: u64) -> None:
    """Connect, send, close."""
    nap(20)
    fd = tcp()
    name = server_name
    code = connect4(fd, name)
    send(fd, b"later", 0)
    close(fd)
    finish(code)


def accept_one(argument: u64) -> None:
    """Accept in another thread."""
    fd = syscall(numbers.accept, i64(argument), 0, 0)
    if fd >= 0:
        close(fd)
        finish(1)
    else:
        finish(fd)


def send_all(argument: u64) -> None:
    """One large send."""
    finish(syscall(numbers.sendto, i64(argument), addr(big[0]), 1000000, 0, 0, 0))


def write_all(argument: u64) -> None:
    """One large write."""
    finish(syscall(numbers.write, i64(argument), addr(big[0]), 1000000))


def send_message(argument: u64) -> None:
    """One large sendmsg of three buffers."""
    vectors[0].base = addr(big[0])
    vectors[0].size = 300000
    vectors[1].base = addr(big[300000])
    vectors[1].size = 1
    vectors[2].base = addr(big[300001])
    vectors[2].size = 699999
    message.name = 0
    message.vectors = addr(vectors[0])
    message.vector_count = 3
    finish(syscall(numbers.sendmsg, i64(argument), addr(message), 0))


def receive_some(argument: u64) -> None:
    """One receive."""
    finish(receive(i64(argument), addr(small[0]), 100, 0))


def receive_all(argument: u64) -> None:
    """A receive of 1000 bytes."""
    finish(receive(i64(argument), addr(small[0]), 1000, Msg.MSG_WAITALL))


def poll_one(argument: u64) -> None:
    """poll without a time-out."""
    set = array[u64, 1]()
    set[0] = argument | u64(Poll.POLLIN) << 32
    code = syscall(numbers.poll, set.ptr, 1, 2000)
    finish(code * 100000 + i64(set[0] >> 48))


def epoll_one(argument: u64) -> None:
    """epoll_wait."""
    events = array[u8, 48]()
    finish(syscall(numbers.epoll_wait, argument, events.ptr, 4, 2000))


def pair(kind: i64) -> None:
    """A socketpair in `shared`."""
    syscall(numbers.socketpair, 1, kind, 0, shared.ptr)


def drain(fd: i64, want: i64, step: i64) -> bool:
    """Receive until `want` bytes came, and look at them."""
    got = i64(0)
    good = True
    while got < want:
        n = receive(fd, addr(small[0]), step, 0)
        if n <= 0:
            return False
        for i in range(n):
            if small[i] != u8((got + i) % 251):
                good = False
        got += n
    return good and got == want


def waiting() -> None:
    """A call that waits, and what ends it."""
    server = listener(server_name)
    spawn(connect_later, 0)
    fd = syscall(numbers.accept, server, 0, 0)
    check(b"accept waited", fd >= 0)
    result(b"receive waits", receive(fd, addr(small[0]), 100, 0))
    result(b"connected", join(1))
    result(b"end", receive(fd, addr(small[0]), 100, 0))
    close(fd)
    for _ in range(3):
        spawn(accept_one, u64(server))
    nap(20)
    for _ in range(3):
        client = tcp()
        connect4(client, server_name)
        nap(5)
        close(client)
    result(b"three accepted", join(3))
    close(server)
    pair(SocketType.SOCK_STREAM)
    a = i64(shared[0])
    b = i64(shared[1])
    spawn(receive_some, u64(a))
    nap(20)
    send(b, b"wake", 0)
    result(b"receive", join(1))
    spawn(receive_all, u64(a))
    for _ in range(10):
        nap(2)
        syscall(numbers.sendto, b, addr(big[0]), 100, 0, 0, 0)
    result(b"receive all", join(1))
    spawn(receive_all, u64(a))
    nap(5)
    syscall(numbers.sendto, b, addr(big[0]), 100, 0, 0, 0)
    nap(5)
    syscall(numbers.shutdown, b, 1)
    result(b"receive until the end", join(1))
    close(a)
    close(b)


def large() -> None:
    """Transfers that no buffer holds."""
    for i in range(1000000):
        big[i] = u8(i % 251)
    pair(SocketType.SOCK_STREAM)
    spawn(send_all, u64(shared[0]))
    check(b"unix: all arrive", drain(i64(shared[1]), 1000000, 4096))
    result(b"send", join(1))
    spawn(write_all, u64(shared[0]))
    check(b"unix: all arrive", drain(i64(shared[1]), 1000000, 1000))
    result(b"write", join(1))
    spawn(send_message, u64(shared[0]))
    check(b"unix: all arrive", drain(i64(shared[1]), 1000000, 4000))
    result(b"sendmsg", join(1))
    # The reader goes away in the middle.
    spawn(send_all, u64(shared[0]))
    nap(30)
    close(i64(shared[1]))
    got = join(1)
    check(b"a part", got > 0 and got < 1000000)
    result(b"then", send(i64(shared[0]), b"x", Msg.MSG_NOSIGNAL))
    close(i64(shared[0]))
    server = listener(server_name)
    client = tcp()
    connect4(client, server_name)
    fd = syscall(numbers.accept, server, 0, 0)
    spawn(send_all, u64(client))
    check(b"tcp: all arrive", drain(fd, 1000000, 4096))
    result(b"send", join(1))
    spawn(send_message, u64(fd))
    check(b"tcp: all arrive", drain(client, 1000000, 4096))
    result(b"sendmsg", join(1))
    # A time-out in the middle.
    time = array[i64, 2]()
    time[1] = 50000
    syscall(numbers.setsockopt, client, 1, SocketOption.SO_SNDTIMEO, time.ptr, 16)
    total = i64(0)
    parts = 0
    while parts < 100:
        sent = syscall(numbers.sendto, client, addr(big[0]), 1000000, 0, 0, 0)
        if sent < 0:
            result(b"full", sent)
            break
        total += sent
        parts += 1
    check(b"more than nothing", total > 0)
    close(client)
    close(fd)
    close(server)


def datagrams() -> None:
    """A full queue of a Unix datagram socket."""
    pair(SocketType.SOCK_DGRAM | SocketType.SOCK_NONBLOCK)
    a = i64(shared[0])
    b = i64(shared[1])
    count = i64(0)
    while count < 10000:
        code = send(a, b"datagram", 0)
        if code < 0:
            result(b"full", code)
            break
        count += 1
    check(b"some fit", count > 1)
    syscall(numbers.fcntl, a, 4, 0)
    spawn(send_all_small, u64(a))
    nap(20)
    check(b"still waits", atomic.load(addr(done)) == 0)
    while receive(b, addr(small[0]), 100, 0) >= 0:
        continue
    result(b"room", join(1))
    close(a)
    close(b)
    server = syscall(numbers.socket, 1, SocketType.SOCK_DGRAM, 0)
    name = NameUnix()
    size = path_name(name, b"\0emu-test-queue")
    syscall(numbers.bind, server, addr(name), size)
    a = syscall(numbers.socket, 1, SocketType.SOCK_DGRAM, 0)
    while True:
        if syscall(numbers.sendto, a, addr(big[0]), 10, Msg.MSG_DONTWAIT, addr(name), size) < 0:
            break
    shared[0] = i32(a)
    shared[1] = i32(server)
    spawn(receive_slowly, u64(server))
    result(b"not connected: waits", syscall(numbers.sendto, a, addr(big[0]), 10, 0, addr(name), size))
    join(1)
    close(a)
    close(server)


def receive_slowly(argument: u64) -> None:
    """Make room after a while."""
    nap(20)
    while receive(i64(argument), addr(small[0]), 100, Msg.MSG_DONTWAIT) >= 0:
        continue
    finish(0)


def send_all_small(argument: u64) -> None:
    """One datagram."""
    finish(send(i64(argument), b"datagram", 0))


def backlog() -> None:
    """A Unix listener whose backlog is full."""
    server = syscall(numbers.socket, 1, SocketType.SOCK_STREAM, 0)
    name = NameUnix()
    size = path_name(name, b"\0emu-test-backlog")
    syscall(numbers.bind, server, addr(name), size)
    syscall(numbers.listen, server, 0)
    first = syscall(numbers.socket, 1, SocketType.SOCK_STREAM, 0)
    second = syscall(numbers.socket, 1, SocketType.SOCK_STREAM, 0)
    result(b"first", syscall(numbers.connect, first, addr(name), size))
    time = array[i64, 2]()
    time[1] = 30000
    syscall(numbers.setsockopt, second, 1, SocketOption.SO_SNDTIMEO, time.ptr, 16)
    result(b"second, time-out", syscall(numbers.connect, second, addr(name), size))
    time[1] = 0
    syscall(numbers.setsockopt, second, 1, SocketOption.SO_SNDTIMEO, time.ptr, 16)
    spawn(accept_later, u64(server))
    result(b"second waits", syscall(numbers.connect, second, addr(name), size))
    result(b"accepted", join(1))
    close(first)
    close(second)
    close(server)


def accept_later(argument: u64) -> None:
    """Accept after a while."""
    nap(20)
    fd = syscall(numbers.accept, i64(argument), 0, 0)
    if fd >= 0:
        close(fd)
        fd = 0
    finish(fd)


def watching() -> None:
    """poll and epoll_wait in a thread while another one changes things."""
    pair(SocketType.SOCK_STREAM)
    a = i64(shared[0])
    b = i64(shared[1])
    spawn(poll_one, u64(a))
    nap(20)
    send(b, b"x", 0)
    result(b"poll", join(1))
    receive(a, addr(small[0]), 10, 0)
    ep = syscall(numbers.epoll_create1, 0)
    spawn(epoll_one, u64(ep))
    nap(20)
    event = array[u8, 12]()
    ptr[u32](u64(event.ptr))[0] = Epoll.EPOLLIN
    result(b"added while it waits", syscall(numbers.epoll_ctl, ep, EpollOp.EPOLL_CTL_ADD, a, event.ptr))
    send(b, b"x", 0)
    result(b"epoll_wait", join(1))
    receive(a, addr(small[0]), 10, 0)
    spawn(epoll_one, u64(ep))
    spawn(poll_one, u64(ep))
    nap(20)
    send(b, b"x", 0)
    join(2)
    say(b"both woke\n")
    receive(a, addr(small[0]), 10, 0)
    # A file that a waiting call holds lives on after close.
    spawn(poll_one, u64(a))
    spawn(receive_some, u64(a))
    nap(20)
    copy = syscall(numbers.dup, a)
    close(a)
    send(b, b"still", 0)
    join(2)
    check(b"one or both", True)
    close(copy)
    close(b)
    close(ep)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    adopt_main_thread()
    waiting()
    say(b"large\n")
    large()
    say(b"datagrams\n")
    datagrams()
    say(b"backlog\n")
    backlog()
    say(b"watching\n")
    watching()
    return 0
