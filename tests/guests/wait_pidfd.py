"""pidfds in waits: poll, epoll, waitid(P_PIDFD), pidfds of zombies, of those that are reaped, of grandchildren, over fork."""

from process_tools import (
    P_PIDFD,
    WEXITED,
    WNOHANG,
    WNOWAIT,
    child,
    ended,
    fork,
    hear,
    kill,
    leave,
    pipe,
    reap,
    tell,
)
from say import check, result, say, say_number

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open
from syscalls.flags.polling import Epoll, EpollOp, Poll
from syscalls.flags.signals import Signal

ends: array[i32, 2]


@struct
class PollFd:
    """struct pollfd."""

    fd: i32
    events: u16
    revents: u16


@struct
class Event:
    """struct epoll_event, unpacked to words."""

    events: u32
    low: u32
    high: u32


def listens(code: u64) -> i64:
    """Until told."""
    hear(i64(ends[0]))
    return i64(code)


def events_of(label: bytes, fd: i64, timeout: i64) -> None:
    """poll."""
    fds = PollFd(i32(fd), u16(Poll.POLLIN | Poll.POLLHUP | Poll.POLLRDNORM))
    result(label, syscall(numbers.poll, fds, 1, timeout))
    say(b"  events ")
    say_number(i64(fds.revents))
    say(b"\n")


def told(label: bytes, fd: i64, options: i64, pid: i64) -> None:
    """waitid(P_PIDFD)."""
    info = array[i32, 32]()
    result(label, syscall(numbers.waitid, P_PIDFD, fd, info.ptr, options, 0))
    say(b"  code ")
    say_number(i64(info[2]))
    say(b" status ")
    say_number(i64(info[6]))
    say(b" of the child\n" if i64(info[4]) == pid else b" of nobody\n")


def waits() -> None:
    """From running to reaped."""
    one = child(listens, 5)
    fd = syscall(numbers.pidfd_open, one, 0)
    epoll = syscall(numbers.epoll_create1, 0)
    event = Event(u32(Epoll.EPOLLIN | Epoll.EPOLLET), 7, 0)
    result(b"epoll_ctl", syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_ADD, fd, event))
    events_of(b"running", fd, 0)
    told(b"not yet", fd, WEXITED | WNOHANG, one)
    result(b"epoll_wait, not yet", syscall(numbers.epoll_wait, epoll, event, 1, 0))
    tell(i64(ends[1]))
    result(b"epoll_wait", syscall(numbers.epoll_wait, epoll, event, 1, -1))
    result(b"its events", i64(event.events))
    result(b"an edge, told once", syscall(numbers.epoll_wait, epoll, event, 1, 0))
    events_of(b"ended", fd, -1)
    told(b"looked at", fd, WEXITED | WNOWAIT, one)
    result(b"a signal to a zombie", syscall(numbers.pidfd_send_signal, fd, Signal.SIGTERM, 0, 0))
    again = syscall(numbers.pidfd_open, one, 0)
    check(b"one more of a zombie", again > 0)
    told(b"reaped", fd, WEXITED, one)
    events_of(b"reaped", fd, 0)
    events_of(b"reaped, the other one", again, 0)
    told(b"gone", fd, WEXITED, one)
    result(b"a signal to nobody", syscall(numbers.pidfd_send_signal, fd, 0, 0, 0))
    result(b"one more of nobody", syscall(numbers.pidfd_open, one, 0))
    byte = array[u8, 1]()
    result(b"read", syscall(numbers.read, fd, byte.ptr, 1))
    result(b"write", syscall(numbers.write, fd, byte.ptr, 1))
    result(b"lseek", syscall(numbers.lseek, fd, 0, 0))
    syscall(numbers.close, fd)
    syscall(numbers.close, again)
    syscall(numbers.close, epoll)


def nonblocking() -> None:
    """PIDFD_NONBLOCK: EAGAIN instead of waiting."""
    one = child(listens, 6)
    fd = syscall(numbers.pidfd_open, one, Open.O_NONBLOCK)
    told(b"PIDFD_NONBLOCK", fd, WEXITED, one)
    told(b"with WNOHANG", fd, WEXITED | WNOHANG, one)
    result(b"killed by pidfd", syscall(numbers.pidfd_send_signal, fd, Signal.SIGKILL, 0, 0))
    events_of(b"ready", fd, -1)
    told(b"reaped", fd, WEXITED, one)
    syscall(numbers.close, fd)


def of_others() -> None:
    """Of a grandchild, of the parent, of oneself: to be polled, not to be waited for."""
    up = array[i32, 2]()
    pipe(up.ptr)
    one = fork()
    if one == 0:
        other = child(listens, 7)
        syscall(numbers.write, up[1], addr(other), 8)
        leave(reap(other) >> 8)
    other = i64(0)
    syscall(numbers.read, up[0], addr(other), 8)
    fd = syscall(numbers.pidfd_open, other, 0)
    told(b"not my child", fd, WEXITED, other)
    events_of(b"it runs", fd, 0)
    tell(i64(ends[1]))
    fds = PollFd(i32(fd), u16(Poll.POLLIN))
    result(b"poll", syscall(numbers.poll, fds, 1, -1))
    ended(b"child", one)
    result(b"gone", syscall(numbers.pidfd_send_signal, fd, 0, 0, 0))
    syscall(numbers.close, fd)
    me = syscall(numbers.pidfd_open, syscall(numbers.getpid), 0)
    told(b"myself", me, WEXITED, 0)
    events_of(b"I run", me, 0)
    one = fork()
    if one == 0:
        events_of(b"the parent runs", me, 0)
        told(b"the parent is no child", me, WEXITED, 0)
        result(b"kill(pidfd of the parent, 0)", syscall(numbers.pidfd_send_signal, me, 0, 0, 0))
        leave(0)
    ended(b"child", one)
    syscall(numbers.close, me)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    pipe(ends.ptr)
    waits()
    nonblocking()
    of_others()
    check(b"nobody", kill(0x3FFFFFFF, 0) == -3)
    return 0
