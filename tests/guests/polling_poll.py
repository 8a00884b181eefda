"""poll, ppoll, select, pselect6 on one thread."""

from inet import Name4, close, connect4, listener, receive, send, tcp
from say import check, result, say, say_hex

from guest.lang import addr, array, i16, i32, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Poll, Shutdown, SocketType


@struct
class PollFd:
    """struct pollfd."""

    fd: i32
    events: i16
    revents: i16


sets: array[PollFd, 40]
bits: array[u64, 16]
more: array[u64, 16]
data: array[u8, 64]

ALL = Poll.POLLIN | Poll.POLLOUT | Poll.POLLPRI | Poll.POLLRDHUP


def put(index: u32, fd: i64, events: i64) -> None:
    """One entry, with rubbish where the answer goes."""
    sets[index].fd = i32(fd)
    sets[index].events = i16(events)
    sets[index].revents = i16(0x5A5A)


def show(label: bytes, code: i64, count: u32) -> None:
    """The result and all `revents`."""
    result(label, code)
    for i in range(count):
        say(b"  ")
        say_hex(u64(sets[i].revents) & 0xFFFF)
    say(b"\n")


def poll(count: i64, timeout: i64) -> i64:
    """poll(2)."""
    return syscall(numbers.poll, addr(sets[0]), count, timeout)


def states() -> None:
    """What each kind of descriptor reports."""
    fds = array[i32, 2]()
    syscall(numbers.pipe2, fds.ptr, 0)
    put(0, i64(fds[0]), ALL)
    put(1, i64(fds[1]), ALL)
    put(2, -1, ALL)
    put(3, -5, ALL)
    put(4, 99, ALL)
    put(5, 0x7FFFFFFF, 0)
    show(b"pipe", poll(6, 0), 6)
    syscall(numbers.write, fds[1], b"x".ptr, 1)
    put(0, i64(fds[0]), ALL)
    put(1, i64(fds[0]), Poll.POLLIN)
    put(2, i64(fds[0]), Poll.POLLOUT)
    put(3, i64(fds[0]), 0xFFFF)
    show(b"twice the same", poll(4, -1), 4)
    close(i64(fds[1]))
    put(0, i64(fds[0]), 0)
    show(b"writer gone", poll(1, 1000), 1)
    syscall(numbers.read, fds[0], addr(data[0]), 8)
    put(0, i64(fds[0]), Poll.POLLIN)
    show(b"empty, too", poll(1, 1000), 1)
    close(i64(fds[0]))
    syscall(numbers.pipe2, fds.ptr, 0)
    close(i64(fds[0]))
    put(0, i64(fds[1]), ALL)
    show(b"reader gone", poll(1, 1000), 1)
    close(i64(fds[1]))
    fd = syscall(numbers.eventfd2, 0, 0)
    put(0, fd, ALL)
    show(b"eventfd 0", poll(1, 0), 1)
    value = array[u64, 1]()
    value[0] = 0xFFFFFFFFFFFFFFFE
    syscall(numbers.write, fd, value.ptr, 8)
    put(0, fd, ALL)
    show(b"eventfd full", poll(1, 0), 1)
    close(fd)
    fd = syscall(numbers.memfd_create, b"x\0".ptr, 0)
    put(0, fd, ALL)
    put(1, fd, 0)
    put(2, fd, Poll.POLLIN)
    show(b"file", poll(3, -1), 3)
    put(0, fd, 0)
    for _ in range(6):
        show(b"file, asked for nothing", poll(1, 10), 1)
    close(fd)
    fd = syscall(numbers.open, b"/tmp\0".ptr, 0o200000, 0)
    put(0, fd, ALL)
    show(b"directory", poll(1, 0), 1)
    close(fd)
    fd = syscall(numbers.open, b"/dev/null\0".ptr, 2, 0)
    put(0, fd, ALL)
    show(b"/dev/null", poll(1, 0), 1)
    close(fd)
    fd = syscall(numbers.open, b"/dev/zero\0".ptr, 2, 0)
    put(0, fd, ALL)
    show(b"/dev/zero", poll(1, 0), 1)
    close(fd)


def sockets() -> None:
    """Sockets in their states."""
    name = Name4()
    fd = tcp()
    put(0, fd, ALL)
    show(b"fresh", poll(1, 0), 1)
    close(fd)
    server = listener(name)
    client = tcp()
    put(0, server, ALL)
    show(b"listening", poll(1, 0), 1)
    connect4(client, name)
    put(0, server, ALL)
    put(1, client, ALL)
    show(b"connected", poll(2, 1000), 2)
    fd = syscall(numbers.accept, server, 0, 0)
    put(0, fd, ALL)
    show(b"accepted", poll(1, 0), 1)
    send(client, b"abc", 0)
    put(0, fd, ALL)
    show(b"data", poll(1, 1000), 1)
    put(0, fd, Poll.POLLRDNORM | Poll.POLLWRNORM | Poll.POLLRDBAND | Poll.POLLWRBAND)
    show(b"other names", poll(1, 1000), 1)
    send(client, b"u", 1)
    put(0, fd, ALL)
    show(b"urgent", poll(1, 1000), 1)
    receive(fd, addr(data[0]), 10, 1)
    receive(fd, addr(data[0]), 10, 0)
    syscall(numbers.shutdown, client, Shutdown.SHUT_WR)
    put(0, fd, Poll.POLLRDHUP)
    put(1, fd, Poll.POLLIN)
    put(2, fd, 0)
    show(b"half closed", poll(3, 1000), 3)
    syscall(numbers.shutdown, fd, Shutdown.SHUT_WR)
    put(0, fd, 0)
    show(b"closed", poll(1, 1000), 1)
    close(fd)
    close(client)
    close(server)
    client = syscall(numbers.socket, 2, SocketType.SOCK_STREAM | SocketType.SOCK_NONBLOCK, 0)
    connect4(client, name)
    put(0, client, ALL)
    show(b"refused", poll(1, 1000), 1)
    close(client)


def times() -> None:
    """Time-outs, and what ppoll does with them."""
    fds = array[i32, 2]()
    syscall(numbers.pipe2, fds.ptr, 0)
    fd = i64(fds[0])
    time = array[i64, 2]()
    put(0, fd, Poll.POLLIN)
    show(b"at once", poll(1, 0), 1)
    put(0, fd, Poll.POLLIN)
    show(b"in 20 ms", poll(1, 20), 1)
    show(b"nothing to wait for", poll(0, 20), 0)
    result(b"no pointer needed", syscall(numbers.poll, 0, 0, 5))
    time[1] = 20000000
    put(0, fd, Poll.POLLIN)
    show(b"ppoll", syscall(numbers.ppoll, addr(sets[0]), 1, time.ptr, 0, 0), 1)
    check(b"no time left", time[0] == 0 and time[1] == 0)
    time[0] = 5
    syscall(numbers.write, fds[1], b"x".ptr, 1)
    put(0, fd, Poll.POLLIN)
    show(b"ppoll, ready", syscall(numbers.ppoll, addr(sets[0]), 1, time.ptr, 0, 0), 1)
    check(b"nearly all left", time[0] == 4 and time[1] > 0)
    result(b"no time-out", syscall(numbers.ppoll, addr(sets[0]), 1, 0, 0, 0))
    time[0] = 1
    time[1] = 1000000000
    result(b"bad nanoseconds", syscall(numbers.ppoll, addr(sets[0]), 1, time.ptr, 0, 0))
    time[0] = -1
    time[1] = 0
    result(b"negative", syscall(numbers.ppoll, addr(sets[0]), 1, time.ptr, 0, 0))
    result(b"time nowhere", syscall(numbers.ppoll, addr(sets[0]), 1, 8, 0, 0))
    mask = array[u64, 1]()
    time[0] = 0
    result(b"with a mask", syscall(numbers.ppoll, addr(sets[0]), 1, 0, mask.ptr, 8))
    result(b"mask size", syscall(numbers.ppoll, addr(sets[0]), 1, 0, mask.ptr, 16))
    result(b"no mask, any size", syscall(numbers.ppoll, addr(sets[0]), 1, 0, 0, 999))
    result(b"mask nowhere", syscall(numbers.ppoll, addr(sets[0]), 1, 0, 8, 8))
    result(b"set nowhere", syscall(numbers.poll, 8, 1, 0))
    result(b"too many", poll(0x7FFFFFFF, 0))
    time[0] = 3
    result(b"too many, ppoll", syscall(numbers.ppoll, addr(sets[0]), 0x7FFFFFFF, time.ptr, 0, 0))
    check(b"time changed all the same", time[0] == 2)
    close(fd)
    close(i64(fds[1]))
    put(0, fd, Poll.POLLIN)
    put(1, i64(fds[1]), 0)
    show(b"closed", poll(2, -1), 2)


def select_sets(read: u64, write: u64, other: u64) -> None:
    """Three sets, one word each, the second word rubbish."""
    bits[0] = read
    bits[4] = write
    bits[8] = other
    bits[1] = 0xDEAD
    bits[5] = 0xDEAD
    bits[9] = 0xDEAD


def show_sets(label: bytes, code: i64) -> None:
    """The result and what is left of the sets."""
    result(label, code)
    say(b"  ")
    say_hex(bits[0])
    say(b" ")
    say_hex(bits[4])
    say(b" ")
    say_hex(bits[8])
    say(b" ")
    say_hex(bits[1] | bits[5] | bits[9])
    say(b"\n")


def select(count: i64, time: i64) -> i64:
    """select(2)."""
    return syscall(numbers.select, count, addr(bits[0]), addr(bits[4]), addr(bits[8]), time)


def selects() -> None:
    """select and pselect6."""
    fds = array[i32, 2]()
    syscall(numbers.pipe2, fds.ptr, 0)
    fd = i64(fds[0])
    other = i64(fds[1])
    one = u64(1) << u64(fd)
    two = u64(1) << u64(other)
    time = array[i64, 2]()
    now = i64(time.ptr)
    select_sets(one | two, one | two, one | two)
    show_sets(b"writable", select(64, now))
    select_sets(one, 0, 0)
    show_sets(b"nothing", select(64, now))
    time[1] = 20000
    select_sets(one, 0, one)
    show_sets(b"time-out", select(10, now))
    check(b"no time left", time[0] == 0 and time[1] == 0)
    syscall(numbers.write, other, b"x".ptr, 1)
    time[0] = 5
    select_sets(one, two, 0)
    show_sets(b"both", select(64, now))
    check(b"nearly all left", time[0] == 4)
    select_sets(one, two, 0)
    show_sets(b"for ever", select(64, 0))
    select_sets(one, two, 0)
    show_sets(b"only below", select(fd + 1, 0))
    time[0] = 0
    select_sets(one, two, 0)
    show_sets(b"count 0", select(0, now))
    select_sets(one, two, 0)
    show_sets(b"count -1", select(-1, now))
    select_sets(one | 1 << 50, two, 0)
    show_sets(b"bad descriptor", select(64, now))
    select_sets(one | 1 << 50, two, 0)
    show_sets(b"beyond the count", select(50, now))
    result(b"no sets", syscall(numbers.select, 64, 0, 0, 0, now))
    result(b"sets nowhere", syscall(numbers.select, 64, 8, 0, 0, now))
    result(b"time nowhere", syscall(numbers.select, 64, 0, 0, 0, 8))
    time[0] = -1
    result(b"negative time", syscall(numbers.select, 64, 0, 0, 0, now))
    time[0] = 0
    time[1] = 1500000
    select_sets(one, 0, 0)
    show_sets(b"many microseconds", select(64, now))
    check(b"nearly all left", time[0] == 1 and time[1] > 0)
    close(other)
    select_sets(one, 0, 0)
    show_sets(b"writer gone", select(64, 0))
    time[0] = 0
    time[1] = 10000000
    pack = array[u64, 2]()
    mask = array[u64, 1]()
    syscall(numbers.read, fd, addr(data[0]), 10)
    pack[0] = u64(mask.ptr)
    pack[1] = 8
    select_sets(one, 0, 0)
    show_sets(b"pselect6", syscall(numbers.pselect6, 64, addr(bits[0]), 0, 0, now, pack.ptr))
    pack[1] = 9
    result(b"mask size", syscall(numbers.pselect6, 64, addr(bits[0]), 0, 0, now, pack.ptr))
    pack[0] = 0
    select_sets(one, 0, 0)
    result(b"no mask", syscall(numbers.pselect6, 64, addr(bits[0]), 0, 0, now, pack.ptr))
    result(b"pack nowhere", syscall(numbers.pselect6, 64, addr(bits[0]), 0, 0, now, 8))
    time[1] = -1
    result(b"bad time", syscall(numbers.pselect6, 64, addr(bits[0]), 0, 0, now, 0))
    close(fd)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    states()
    say(b"sockets\n")
    sockets()
    say(b"times\n")
    times()
    say(b"select\n")
    selects()
    return 0
