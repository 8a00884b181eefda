"""epoll(7): wrappers, and the event with its two words of the program's own."""

from guest.lang import addr, i32, i64, ptr, struct, syscall, u32
from syscalls import numbers
from syscalls.flags.polling import Epoll, EpollCreate, EpollOp

EPOLLIN = Epoll.EPOLLIN
EPOLLOUT = Epoll.EPOLLOUT
EPOLLERR = Epoll.EPOLLERR
EPOLLHUP = Epoll.EPOLLHUP
EPOLLRDHUP = Epoll.EPOLLRDHUP


@struct
class Event:
    """struct epoll_event, which is packed on x86_64; its 64 bits of data are two words here."""

    events: u32
    key: u32
    generation: u32  # tells an event of a descriptor that was closed from one of its successor


def create() -> i64:
    """epoll_create1(2), closed on exec."""
    return syscall(numbers.epoll_create1, EpollCreate.EPOLL_CLOEXEC)


def add(epoll: i32, fd: i32, events: u32, key: u32, generation: u32) -> i64:
    """Watch `fd`, level-triggered; its events carry `key` and `generation`."""
    event = Event(events, key, generation)
    return syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_ADD, fd, addr(event))


def modify(epoll: i32, fd: i32, events: u32, key: u32, generation: u32) -> i64:
    """Watch `fd` for other events."""
    event = Event(events, key, generation)
    return syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_MOD, fd, addr(event))


def remove(epoll: i32, fd: i32) -> i64:
    """Watch `fd` no more: a hang-up is reported as long as it is watched at all."""
    return syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_DEL, fd, 0)


def wait(epoll: i32, events: ptr[Event], count: i64, timeout_ms: i64) -> i64:
    """epoll_wait(2): how many events there are, 0 after the time-out (-1: none), or minus an errno."""
    return syscall(numbers.epoll_wait, epoll, events, count, timeout_ms)
