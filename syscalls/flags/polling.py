"""Constants of poll(2), select(2) and epoll(7); x86_64 values."""

from syscalls.flags.base import EnumSet, FlagSet


class Poll(FlagSet):
    """poll(2) `events` and `revents`."""

    POLLIN = 0x001
    POLLPRI = 0x002
    POLLOUT = 0x004
    POLLERR = 0x008
    POLLHUP = 0x010
    POLLNVAL = 0x020
    POLLRDNORM = 0x040
    POLLRDBAND = 0x080
    POLLWRNORM = 0x100
    POLLWRBAND = 0x200
    POLLMSG = 0x400
    POLLREMOVE = 0x1000
    POLLRDHUP = 0x2000
    POLL_BUSY_LOOP = 0x8000


class Epoll(FlagSet):
    """epoll_ctl(2) `events`."""

    EPOLLIN = 0x001
    EPOLLPRI = 0x002
    EPOLLOUT = 0x004
    EPOLLERR = 0x008
    EPOLLHUP = 0x010
    EPOLLNVAL = 0x020
    EPOLLRDNORM = 0x040
    EPOLLRDBAND = 0x080
    EPOLLWRNORM = 0x100
    EPOLLWRBAND = 0x200
    EPOLLMSG = 0x400
    EPOLLRDHUP = 0x2000
    EPOLLEXCLUSIVE = 0x10000000
    EPOLLWAKEUP = 0x20000000
    EPOLLONESHOT = 0x40000000
    EPOLLET = 0x80000000


class EpollCreate(FlagSet):
    """epoll_create1(2)."""

    EPOLL_CLOEXEC = 0o2000000


class EpollOp(EnumSet):
    """epoll_ctl(2) `op`."""

    EPOLL_CTL_ADD = 1
    EPOLL_CTL_DEL = 2
    EPOLL_CTL_MOD = 3
