"""epoll: control and its errors, level and edge triggering, one shot, nesting, closed and duplicated descriptors."""

from inet import Name4, close, connect4, listener, nap, send, tcp
from say import check, result, say, say_hex

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Epoll, EpollCreate, EpollOp

raw: array[u8, 480]
data: array[u8, 64]

IN = Epoll.EPOLLIN
OUT = Epoll.EPOLLOUT
ET = Epoll.EPOLLET
ADD = EpollOp.EPOLL_CTL_ADD
MOD = EpollOp.EPOLL_CTL_MOD
DEL = EpollOp.EPOLL_CTL_DEL


def epoll() -> i64:
    """A new one."""
    return syscall(numbers.epoll_create1, 0)


def control(ep: i64, op: i64, fd: i64, events: i64, tag: u64) -> i64:
    """epoll_ctl(2)."""
    event = array[u8, 12]()
    words = ptr[u32](u64(event.ptr))
    words[0] = u32(events)
    words[1] = u32(tag)
    words[2] = u32(tag >> 32)
    return syscall(numbers.epoll_ctl, ep, op, fd, event.ptr)


def wait(label: bytes, ep: i64, most: i64, timeout: i64) -> i64:
    """epoll_wait(2), with the events that came."""
    count = result(label, syscall(numbers.epoll_wait, ep, addr(raw[0]), most, timeout))
    for i in range(count):
        words = ptr[u32](addr(raw[i * 12]))
        say(b"  ")
        say_hex(u64(words[0]))
        say(b" ")
        say_hex(u64(words[1]) | u64(words[2]) << 32)
        say(b"\n")
    return count


def controls() -> None:
    """epoll_create, epoll_ctl and their refusals."""
    result(b"create 0", syscall(numbers.epoll_create, 0))
    result(b"create -1", syscall(numbers.epoll_create, -1))
    ep = result(b"create 5", syscall(numbers.epoll_create, 5))
    result(b"flags", syscall(numbers.fcntl, ep, 1))
    result(b"status flags", syscall(numbers.fcntl, ep, 3))
    close(ep)
    result(b"create1, flag", syscall(numbers.epoll_create1, 1))
    ep = result(b"create1", syscall(numbers.epoll_create1, EpollCreate.EPOLL_CLOEXEC))
    result(b"flags", syscall(numbers.fcntl, ep, 1))
    fds = array[i32, 2]()
    syscall(numbers.pipe2, fds.ptr, 0)
    fd = i64(fds[0])
    result(b"add", control(ep, ADD, fd, IN, 1))
    result(b"add again", control(ep, ADD, fd, OUT, 2))
    result(b"modify another", control(ep, MOD, i64(fds[1]), IN, 1))
    result(b"delete another", control(ep, DEL, i64(fds[1]), 0, 1))
    result(b"delete, no event", syscall(numbers.epoll_ctl, ep, DEL, fd, 0))
    result(b"delete again", syscall(numbers.epoll_ctl, ep, DEL, fd, 8))
    result(b"add, no event", syscall(numbers.epoll_ctl, ep, ADD, fd, 0))
    result(b"no event, no descriptor", syscall(numbers.epoll_ctl, 99, ADD, 98, 8))
    result(b"bad epoll", control(99, ADD, fd, IN, 1))
    result(b"bad target", control(ep, ADD, 99, IN, 1))
    result(b"not an epoll", control(fd, ADD, i64(fds[1]), IN, 1))
    result(b"itself", control(ep, ADD, ep, IN, 1))
    result(b"unknown operation", control(ep, 7, fd, IN, 1))
    file = syscall(numbers.memfd_create, b"x\0".ptr, 0)
    result(b"a file", control(ep, ADD, file, IN, 1))
    result(b"a file, not an epoll", control(file, ADD, file, IN, 1))
    result(b"unknown events", control(ep, ADD, fd, 0x00FFF000, 1))
    result(b"modify", control(ep, MOD, fd, IN | Epoll.EPOLLEXCLUSIVE, 1))
    result(b"exclusive", control(ep, ADD, i64(fds[1]), OUT | Epoll.EPOLLEXCLUSIVE, 1))
    result(b"exclusive, modify", control(ep, MOD, i64(fds[1]), OUT, 1))
    control(ep, DEL, i64(fds[1]), 0, 0)
    result(
        b"exclusive, one shot",
        control(ep, ADD, i64(fds[1]), OUT | Epoll.EPOLLEXCLUSIVE | Epoll.EPOLLONESHOT, 1),
    )
    other = epoll()
    result(b"exclusive, nested", control(ep, ADD, other, IN | Epoll.EPOLLEXCLUSIVE, 1))
    result(b"wakeup", control(ep, ADD, i64(fds[1]), OUT | Epoll.EPOLLWAKEUP | ET, 0x1122334455667788))
    wait(b"none is ready but it", ep, 5, 0)
    result(b"wait, 0 events", syscall(numbers.epoll_wait, ep, addr(raw[0]), 0, 0))
    result(b"wait, -1 events", syscall(numbers.epoll_wait, ep, addr(raw[0]), -1, 0))
    result(b"wait, too many", syscall(numbers.epoll_wait, ep, addr(raw[0]), 0x0FFFFFFF, 0))
    result(b"wait, bad epoll", syscall(numbers.epoll_wait, 99, addr(raw[0]), 1, 0))
    result(b"wait, not an epoll", syscall(numbers.epoll_wait, fd, addr(raw[0]), 1, 0))
    result(b"wait, bad epoll, 0 events", syscall(numbers.epoll_wait, 99, addr(raw[0]), 0, 0))
    control(ep, MOD, i64(fds[1]), OUT, 1)
    result(b"wait, nowhere", syscall(numbers.epoll_wait, ep, 8, 1, 0))
    result(b"wait, kernel's", syscall(numbers.epoll_wait, ep, 0xFFFF800000000000, 1, 0))
    result(b"read", syscall(numbers.read, ep, addr(data[0]), 10))
    result(b"write", syscall(numbers.write, ep, addr(data[0]), 10))
    result(b"seek", syscall(numbers.lseek, ep, 0, 0))
    close(other)
    close(ep)
    close(fd)
    close(i64(fds[1]))
    close(file)


def triggers() -> None:
    """Level, edge, one shot."""
    ep = epoll()
    fds = array[i32, 2]()
    syscall(numbers.pipe2, fds.ptr, 0)
    fd = i64(fds[0])
    out = i64(fds[1])
    control(ep, ADD, fd, IN, 0xAAAA)
    wait(b"nothing", ep, 5, 0)
    wait(b"nothing in 20 ms", ep, 5, 20)
    syscall(numbers.write, out, b"ab".ptr, 2)
    wait(b"level", ep, 5, 1000)
    wait(b"level again", ep, 5, -1)
    control(ep, MOD, fd, IN | ET, 0xBBBB)
    wait(b"edge", ep, 5, 1000)
    wait(b"edge is over", ep, 5, 0)
    syscall(numbers.write, out, b"c".ptr, 1)
    wait(b"next edge", ep, 5, 1000)
    control(ep, MOD, fd, IN | Epoll.EPOLLONESHOT, 0xCCCC)
    wait(b"one shot", ep, 5, 1000)
    wait(b"it was", ep, 5, 0)
    control(ep, MOD, fd, IN | Epoll.EPOLLONESHOT, 0xDDDD)
    wait(b"armed again", ep, 5, 1000)
    control(ep, MOD, fd, 0, 0xEEEE)
    wait(b"no events", ep, 5, 0)
    control(ep, ADD, out, OUT, 0xFFFF)
    control(ep, MOD, fd, IN, 0xEEEE)
    wait(b"room for one", ep, 1, 0)
    wait(b"the other", ep, 1, 0)
    close(out)
    syscall(numbers.read, fd, addr(data[0]), 60)
    wait(b"hang-up", ep, 5, 0)
    close(fd)
    wait(b"all closed", ep, 5, 0)
    close(ep)


def duplicates() -> None:
    """A registration lives as long as the open file, not as the number."""
    ep = epoll()
    fd = syscall(numbers.eventfd2, 1, 0)
    control(ep, ADD, fd, IN, 1)
    copy = syscall(numbers.dup, fd)
    result(b"the copy is another", control(ep, ADD, copy, IN, 2))
    wait(b"both", ep, 5, 0)
    close(fd)
    wait(b"one number closed", ep, 5, 0)
    result(b"cannot be deleted", control(ep, DEL, fd, 0, 0))
    result(b"nor found by the copy", control(ep, DEL, copy, 0, 0))
    wait(b"one left", ep, 5, 0)
    again = syscall(numbers.eventfd2, 1, 0)
    check(b"the number is used again", again == fd)
    result(b"another file", control(ep, ADD, again, IN, 3))
    wait(b"two", ep, 5, 0)
    close(copy)
    wait(b"one", ep, 5, 0)
    syscall(numbers.dup2, again, ep + 10)
    close(again)
    wait(b"still", ep, 5, 0)
    close(ep + 10)
    wait(b"none", ep, 5, 0)
    close(ep)


def nesting() -> None:
    """epolls in epolls, and in poll."""
    inner = epoll()
    outer = epoll()
    fd = syscall(numbers.eventfd2, 0, 0)
    result(b"inner in outer", control(outer, ADD, inner, IN, 1))
    result(b"a loop", control(inner, ADD, outer, IN, 1))
    control(inner, ADD, fd, IN, 2)
    wait(b"nothing", outer, 5, 0)
    value = array[u64, 1]()
    value[0] = 3
    syscall(numbers.write, fd, value.ptr, 8)
    wait(b"outer", outer, 5, 1000)
    wait(b"inner", inner, 5, 0)
    set = array[u64, 1]()
    set[0] = u64(outer) | 1 << 32
    result(b"poll", syscall(numbers.poll, set.ptr, 1, 1000))
    say_hex(set[0] >> 48)
    say(b"\n")
    syscall(numbers.read, fd, value.ptr, 8)
    wait(b"nothing", outer, 5, 0)
    chain = epoll()
    third = epoll()
    result(b"third level", control(chain, ADD, outer, IN, 1))
    result(b"fourth level", control(third, ADD, chain, IN, 1))
    value[0] = 3
    syscall(numbers.write, fd, value.ptr, 8)
    wait(b"all the way", third, 5, 1000)
    control(outer, DEL, inner, 0, 0)
    wait(b"cut", third, 5, 0)
    close(inner)
    close(outer)
    close(chain)
    close(third)
    close(fd)


def variants() -> None:
    """epoll_pwait and epoll_pwait2."""
    ep = epoll()
    fd = syscall(numbers.eventfd2, 1, 0)
    mask = array[u64, 1]()
    time = array[i64, 2]()
    result(b"pwait", syscall(numbers.epoll_pwait, ep, addr(raw[0]), 5, 0, mask.ptr, 8))
    result(b"pwait, no mask", syscall(numbers.epoll_pwait, ep, addr(raw[0]), 5, 10, 0, 99))
    result(b"pwait, mask size", syscall(numbers.epoll_pwait, ep, addr(raw[0]), 5, 0, mask.ptr, 4))
    result(b"pwait, mask nowhere", syscall(numbers.epoll_pwait, ep, addr(raw[0]), 5, 0, 8, 8))
    result(b"pwait, mask before epoll", syscall(numbers.epoll_pwait, 99, addr(raw[0]), 0, 0, 8, 8))
    time[1] = 10000000
    result(b"pwait2, time-out", syscall(numbers.epoll_pwait2, ep, addr(raw[0]), 5, time.ptr, 0, 0))
    check(b"time stays", time[1] == 10000000)
    control(ep, ADD, fd, IN, 7)
    result(b"pwait2", syscall(numbers.epoll_pwait2, ep, addr(raw[0]), 5, time.ptr, mask.ptr, 8))
    result(b"pwait2, for ever", syscall(numbers.epoll_pwait2, ep, addr(raw[0]), 5, 0, 0, 0))
    time[1] = -1
    result(b"pwait2, bad time", syscall(numbers.epoll_pwait2, ep, addr(raw[0]), 5, time.ptr, 0, 0))
    result(b"pwait2, time nowhere", syscall(numbers.epoll_pwait2, ep, addr(raw[0]), 5, 8, 0, 0))
    close(ep)
    close(fd)


def sockets() -> None:
    """A server's usual pattern."""
    ep = epoll()
    name = Name4()
    server = listener(name)
    control(ep, ADD, server, IN, 100)
    client = tcp()
    connect4(client, name)
    wait(b"a connection", ep, 5, 1000)
    fd = syscall(numbers.accept4, server, 0, 0, 0o4000)
    control(ep, ADD, fd, IN | OUT | Epoll.EPOLLRDHUP | ET, 200)
    wait(b"writable", ep, 5, 1000)
    wait(b"once", ep, 5, 0)
    send(client, b"hello", 0)
    wait(b"readable", ep, 5, 1000)
    close(client)
    nap(10)
    wait(b"closed by the peer", ep, 5, 1000)
    close(fd)
    wait(b"gone", ep, 5, 0)
    close(server)
    close(ep)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    controls()
    say(b"triggers\n")
    triggers()
    say(b"duplicates\n")
    duplicates()
    say(b"nesting\n")
    nesting()
    say(b"variants\n")
    variants()
    say(b"sockets\n")
    sockets()
    return 0
