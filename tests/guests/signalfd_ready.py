"""signalfd: readiness in poll, select and epoll, level- and edge-triggered; other masks, duplicates, SCM_RIGHTS."""

from say import check, result, say, say_number
from signal_tools import bit
from signalfd_tools import RT, USR, Time, begin, make, queued, sender, take, to_all, to_me, told
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Epoll, EpollOp, Poll
from syscalls.flags.signals import SignalfdFlag

data: array[u8, 8]
vectors: array[u64, 4]
ends: array[i32, 2]
header: array[u64, 8]
control: array[u64, 4]


@struct
class PollFd:
    """struct pollfd."""

    fd: i32
    events: u16
    revents: u16


def polled(fd: i64, timeout: i64) -> None:
    """poll and select of it."""
    one = PollFd()
    one.fd = i32(fd)
    one.events = u16(Poll.POLLIN | Poll.POLLOUT)
    result(b"  poll", syscall(numbers.poll, addr(one), 1, timeout))
    result(b"  revents", i64(one.revents))
    reads = u64(1) << u64(fd)
    writes = reads
    time = Time()
    result(b"  select", syscall(numbers.pselect6, fd + 1, addr(reads), addr(writes), 0, addr(time), 0))
    check(b"  reads", reads != 0)
    check(b"  writes", writes != 0)


def readiness() -> None:
    """Ready exactly while a signal of the mask is pending, however it goes away."""
    fd = make(bit(USR), SignalfdFlag.SFD_NONBLOCK)
    say(b"nothing\n")
    polled(fd, 0)
    to_all(RT)
    say(b"another signal\n")
    polled(fd, 0)
    to_all(USR)
    say(b"pending\n")
    polled(fd, 0)
    polled(fd, 0)
    take(fd, 128)
    say(b"read\n")
    polled(fd, 0)
    to_all(USR)
    wanted = bit(USR)
    zero = Time()
    syscall(numbers.rt_sigtimedwait, addr(wanted), 0, addr(zero), 8)
    say(b"taken by sigtimedwait\n")
    polled(fd, 0)
    to_all(USR)
    action = array[u64, 4]()
    action[0] = 1
    syscall(numbers.rt_sigaction, USR, addr(action[0]), 0, 8)
    say(b"dropped as ignored\n")
    polled(fd, 0)
    action[0] = 0
    syscall(numbers.rt_sigaction, USR, addr(action[0]), 0, 8)
    other = bit(RT)
    result(b"another mask", syscall(numbers.signalfd, fd, addr(other), 8))
    polled(fd, 0)
    result(b"read", take(fd, 512))
    polled(fd, 0)
    say(b"waiting\n")
    spawn_in(0, sender, u64(RT))
    polled(fd, 5000)
    join(0)
    to_me(RT)
    result(b"of both", take(fd, 512))
    syscall(numbers.close, fd)


def event_of(epoll: i64, timeout: i64) -> None:
    """One epoll_wait."""
    events = array[u8, 48]()
    count = result(b"  epoll_wait", syscall(numbers.epoll_wait, epoll, addr(events[0]), 4, timeout))
    if count > 0:
        say(b"  events ")
        say_number(i64(events[0]) + 256 * i64(events[1]))
        say(b"\n")


def epolls(flags: i64) -> None:
    """In an epoll, level- or edge-triggered."""
    fd = make(bit(USR) | bit(RT), SignalfdFlag.SFD_NONBLOCK)
    epoll = syscall(numbers.epoll_create1, 0)
    event = array[u32, 4]()
    event[0] = u32(Epoll.EPOLLIN | Epoll.EPOLLOUT | flags)
    result(b"add", syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_ADD, fd, addr(event[0])))
    event_of(epoll, 0)
    to_all(USR)
    say(b"one\n")
    event_of(epoll, 0)
    event_of(epoll, 0)
    queued(RT, 1)
    say(b"two\n")
    event_of(epoll, 0)
    event_of(epoll, 0)
    take(fd, 128)
    say(b"one is left\n")
    event_of(epoll, 0)
    take(fd, 128)
    say(b"none\n")
    event_of(epoll, 0)
    spawn_in(0, sender, u64(USR))
    say(b"waits\n")
    event_of(epoll, 5000)
    join(0)
    take(fd, 128)
    copy = syscall(numbers.dup, fd)
    syscall(numbers.close, fd)
    to_all(USR)
    say(b"a duplicate keeps it\n")
    event_of(epoll, 0)
    result(b"read", take(copy, 128))
    syscall(numbers.close, copy)
    to_all(USR)
    say(b"closed\n")
    event_of(epoll, 0)
    wanted = bit(USR)
    syscall(numbers.rt_sigtimedwait, addr(wanted), 0, 0, 8)
    syscall(numbers.close, epoll)


def passed() -> None:
    """Over SCM_RIGHTS: the same signalfd, also where the sender has closed its own before."""
    fd = make(bit(USR), SignalfdFlag.SFD_NONBLOCK)
    syscall(numbers.socketpair, 1, 1, 0, addr(ends[0]))
    for i in range(2):
        control[0] = 20
        control[1] = 1 | 1 << 32
        control[2] = u64(fd)
        data[0] = 65
        vectors[0] = u64(addr(data[0]))
        vectors[1] = 1
        header[0] = 0
        header[1] = 0
        header[2] = u64(addr(vectors[0]))
        header[3] = 1
        header[4] = u64(addr(control[0]))
        header[5] = 24
        header[6] = 0
        result(b"sendmsg", syscall(numbers.sendmsg, ends[0], addr(header[0]), 0))
        if i == 1:
            syscall(numbers.close, fd)
        header[5] = 24
        result(b"recvmsg", syscall(numbers.recvmsg, ends[1], addr(header[0]), 0))
        got = i64(control[2] & 0xFFFFFFFF)
        to_all(USR)
        polled(got, 0)
        result(b"read", take(got, 128))
        told(0)
        if i == 1:
            other = bit(RT)
            result(b"mask", syscall(numbers.signalfd, got, addr(other), 8))
        syscall(numbers.close, got)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    begin()
    readiness()
    say(b"level\n")
    epolls(0)
    say(b"edge\n")
    epolls(Epoll.EPOLLET)
    say(b"once\n")
    epolls(Epoll.EPOLLONESHOT)
    passed()
    return 0
