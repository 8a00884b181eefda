"""Calls that wait, each with what makes it wait and what lets it go on: for tests of what comes in between."""

from inet import Name4, NameUnix, Vector, connect4, listener, send, tcp
from process_tools import child, nap, pipe, shared, tell, vfork_to
from signal_tools import bit, mask_of

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from syscalls import numbers
from syscalls.flags import AddressFamily, Open, Poll, SocketLevel, SocketOption, SocketType
from syscalls.flags.files import Fcntl
from syscalls.flags.signals import SigMask, Signal
from syscalls.flags.threads import Futex

READ = 0
WRITE = 1
POLL = 2
PPOLL = 3
SELECT = 4
EPOLL = 5
NANOSLEEP = 6
CLOCK_NANOSLEEP = 7
PAUSE = 8
SIGSUSPEND = 9
FUTEX = 10
FUTEX_TIMED = 11
ACCEPT = 12
RECEIVE = 13
RECEIVE_TIMED = 14
WAIT4 = 15
WAITID = 16
SIGTIMEDWAIT = 17
EVENTFD = 18
TIMERFD = 19
FLOCK = 20
RECORD_LOCK = 21
FIFO = 22
SEND = 23
MSG_WAITALL = 24
ABSOLUTE_SLEEP = 25
READV = 26
RECVMSG = 27
RECVMMSG = 28
SENDFILE = 29
PSELECT = 30
EPOLL_PWAIT = 31
EPOLL_PWAIT2 = 32
FUTEX_BITSET = 33
SIGNALFD = 34
CONNECT_UNIX = 35
OFD_LOCK = 36
PIDFD = 37
FUTEX_ABSOLUTE = 38
ACCEPT_TIMED = 39
VFORK = 40
COUNT = 41

NAMES = array[bytes, 41](
    [
        b"read",
        b"write",
        b"poll",
        b"ppoll",
        b"select",
        b"epoll_wait",
        b"nanosleep",
        b"clock_nanosleep",
        b"pause",
        b"rt_sigsuspend",
        b"futex",
        b"futex with a time-out",
        b"accept",
        b"recv",
        b"recv with SO_RCVTIMEO",
        b"wait4",
        b"waitid",
        b"rt_sigtimedwait",
        b"eventfd",
        b"timerfd",
        b"flock",
        b"F_SETLKW",
        b"open of a FIFO",
        b"send",
        b"recv with MSG_WAITALL",
        b"clock_nanosleep until",
        b"readv",
        b"recvmsg",
        b"recvmmsg",
        b"sendfile",
        b"pselect6",
        b"epoll_pwait",
        b"epoll_pwait2",
        b"futex, FUTEX_WAIT_BITSET",
        b"signalfd",
        b"connect of a Unix socket",
        b"F_OFD_SETLKW",
        b"poll of a pidfd",
        b"futex until",
        b"accept with SO_RCVTIMEO",
        b"vfork",
    ]
)


@struct
class Time:
    """struct timespec."""

    seconds: i64
    nanoseconds: i64


@struct
class PollFd:
    """struct pollfd."""

    fd: i32
    events: u16
    revents: u16


ends: array[i32, 2]
pair: array[i32, 2]
full: array[i32, 2]
big: array[u8, 65536]
page: u64
server: Name4
listening: i64
held: i64  # a file whose locks the first process holds
again: i64  # another description of it
counter: i64


def sleeps(milliseconds: u64) -> i64:
    """A child that ends by itself."""
    nap(i64(milliseconds))
    return 3


def one_call(way: i64) -> i64:
    """The call."""
    time = Time(0, 300000000)
    data = array[u8, 64]()
    fds = PollFd(ends[0], u16(Poll.POLLIN))
    empty = u64(0)
    if way == READ:
        return syscall(numbers.read, ends[0], data.ptr, 64)
    if way == WRITE:
        return syscall(numbers.write, full[1], big.ptr, 65536)
    if way == POLL:
        return syscall(numbers.poll, fds, 1, 5000)
    if way == PPOLL:
        time.seconds = 5
        return syscall(numbers.ppoll, fds, 1, time, 0, 8)
    if way == SELECT:
        sets = u64(1) << u64(ends[0])
        return syscall(numbers.select, ends[0] + 1, addr(sets), 0, 0, 0)
    if way == EPOLL:
        epoll = syscall(numbers.epoll_create1, 0)
        return syscall(numbers.epoll_wait, epoll, data.ptr, 1, 5000)
    if way == NANOSLEEP:
        return syscall(numbers.nanosleep, time, 0)
    if way == CLOCK_NANOSLEEP:
        return syscall(numbers.clock_nanosleep, 0, 0, time, 0)
    if way == ABSOLUTE_SLEEP:
        syscall(numbers.clock_gettime, 1, time)
        time.nanoseconds += 300000000
        if time.nanoseconds >= 1000000000:
            time.nanoseconds -= 1000000000
            time.seconds += 1
        return syscall(numbers.clock_nanosleep, 1, 1, time, 0)
    if way == PAUSE:
        return syscall(numbers.pause)
    if way == SIGSUSPEND:
        return syscall(numbers.rt_sigsuspend, addr(empty), 8)
    if way == FUTEX:
        return syscall(numbers.futex, page, Futex.FUTEX_WAIT, 0, 0)
    if way == FUTEX_TIMED:
        return syscall(numbers.futex, page, Futex.FUTEX_WAIT, 0, time)
    if way == ACCEPT or way == ACCEPT_TIMED:
        limit = array[i64, 2]()
        limit[0] = 5 if way == ACCEPT_TIMED else 0
        syscall(
            numbers.setsockopt, listening, SocketLevel.SOL_SOCKET, SocketOption.SO_RCVTIMEO, limit.ptr, 16
        )
        fd = syscall(numbers.accept4, listening, 0, 0, 0)
        return i64(fd > 0) if fd > 0 else fd
    if way == RECEIVE or way == RECEIVE_TIMED or way == MSG_WAITALL:
        limit = array[i64, 2]()
        limit[0] = 5 if way == RECEIVE_TIMED else 0
        syscall(numbers.setsockopt, pair[0], SocketLevel.SOL_SOCKET, SocketOption.SO_RCVTIMEO, limit.ptr, 16)
        return syscall(numbers.recvfrom, pair[0], data.ptr, 4, 0x100 if way == MSG_WAITALL else 0, 0, 0)
    if way == SEND:
        return syscall(numbers.sendto, pair[0], big.ptr, 4096, 0, 0, 0)
    if way == WAIT4:
        pid = child(sleeps, 200)
        value = syscall(numbers.wait4, pid, 0, 0, 0)
        return i64(value == pid) if value > 0 else value
    if way == WAITID:
        return syscall(numbers.waitid, 1, child(sleeps, 200), 0, 4, 0)
    if way == SIGTIMEDWAIT:
        wanted = bit(Signal.SIGUSR2)
        time.seconds = 5
        return syscall(numbers.rt_sigtimedwait, addr(wanted), 0, time, 8)
    if way == EVENTFD:
        return syscall(numbers.read, counter, data.ptr, 8)
    if way == TIMERFD:
        fd = syscall(numbers.timerfd_create, 1, 0)
        when = array[i64, 4]()
        when[3] = 300000000
        syscall(numbers.timerfd_settime, fd, 0, when.ptr, 0)
        return syscall(numbers.read, fd, data.ptr, 8)
    if way == FLOCK:
        return syscall(numbers.flock, again, 2)
    if way == RECORD_LOCK:
        lock = array[u64, 4]()
        lock[0] = 1
        return syscall(numbers.fcntl, again, Fcntl.F_SETLKW, lock.ptr)
    if way == FIFO:
        fd = syscall(numbers.openat, -100, b"/tmp/emu-test-fifo\0".ptr, Open.O_RDONLY, 0)
        return i64(fd > 0) if fd > 0 else fd
    return second_call(way)


def second_call(way: i64) -> i64:
    """The less usual ones."""
    time = Time(0, 300000000)
    data = array[u8, 64]()
    vector = Vector(data.ptr, 4)
    if way == READV:
        return syscall(numbers.readv, ends[0], vector, 1)
    if way == RECVMSG or way == RECVMMSG:
        messages = array[u64, 16]()
        messages[2] = u64(ptr[u8](vector))
        messages[3] = 1
        if way == RECVMSG:
            return syscall(numbers.recvmsg, pair[0], messages.ptr, 0)
        return syscall(numbers.recvmmsg, pair[0], messages.ptr, 1, 0, 0)
    if way == SENDFILE:
        syscall(numbers.ftruncate, held, 65536)
        offset = i64(0)
        return syscall(numbers.sendfile, full[1], held, addr(offset), 4096)
    if way == PSELECT:
        sets = u64(1) << u64(ends[0])
        return syscall(numbers.pselect6, ends[0] + 1, addr(sets), 0, 0, 0, 0)
    if way == EPOLL_PWAIT or way == EPOLL_PWAIT2:
        epoll = syscall(numbers.epoll_create1, 0)
        if way == EPOLL_PWAIT:
            return syscall(numbers.epoll_pwait, epoll, data.ptr, 1, 300, 0, 8)
        return syscall(numbers.epoll_pwait2, epoll, data.ptr, 1, time, 0, 8)
    if way == FUTEX_BITSET:
        return syscall(numbers.futex, page, Futex.FUTEX_WAIT_BITSET, 0, 0, 0, 0xFFFFFFFF)
    if way == FUTEX_ABSOLUTE:
        syscall(numbers.clock_gettime, 1, time)
        time.seconds += 5
        return syscall(numbers.futex, page, Futex.FUTEX_WAIT_BITSET, 0, time, 0, 0xFFFFFFFF)
    if way == SIGNALFD:
        wanted = bit(Signal.SIGUSR2)
        mask_of(SigMask.SIG_BLOCK, wanted)
        fd = syscall(numbers.signalfd4, -1, addr(wanted), 8, 0)
        room = array[u8, 128]()
        child(signals_its_parent, 200)
        return syscall(numbers.read, fd, room.ptr, 128)
    if way == CONNECT_UNIX:
        return connects(unix)
    if way == OFD_LOCK:
        lock = array[u64, 4]()
        lock[0] = 1
        return syscall(numbers.fcntl, again, Fcntl.F_OFD_SETLKW, lock.ptr)
    if way == PIDFD:
        fds = PollFd(i32(syscall(numbers.pidfd_open, child(sleeps, 200), 0)), u16(Poll.POLLIN))
        return syscall(numbers.poll, fds, 1, 5000)
    if way == VFORK:
        return i64(vfork_to(sleeps, 200) > 0)
    return 0


def signals_its_parent(milliseconds: u64) -> i64:
    """SIGUSR2, a little later."""
    nap(i64(milliseconds))
    syscall(numbers.kill, syscall(numbers.getppid), Signal.SIGUSR2)
    return 0


unix: i64  # a listening Unix socket whose backlog is full
name: NameUnix


def connects(to: i64) -> i64:
    """A new connection to the Unix socket."""
    size = u32(110)
    syscall(numbers.getsockname, to, name, addr(size))
    fd = syscall(numbers.socket, AddressFamily.AF_UNIX, SocketType.SOCK_STREAM, 0)
    return syscall(numbers.connect, fd, name, size)


def fill_backlog() -> None:
    """One connection fits."""
    global unix
    unix = syscall(numbers.socket, AddressFamily.AF_UNIX, SocketType.SOCK_STREAM, 0)
    name.family = u16(AddressFamily.AF_UNIX)
    syscall(numbers.bind, unix, name, 2)
    syscall(numbers.listen, unix, 0)
    connects(unix)


def complete(way: i64) -> None:
    """What the call waits for happens."""
    word = u64(1)
    lock = array[u64, 4]()
    lock[0] = 2
    if way == READ or way == POLL or way == PPOLL or way == SELECT or way == READV or way == PSELECT:
        tell(i64(ends[1]))
    if way == WRITE or way == SENDFILE:
        syscall(numbers.read, full[0], big.ptr, 65536)
    if way == PAUSE or way == SIGSUSPEND:
        pass
    if way == FUTEX or way == FUTEX_TIMED or way == FUTEX_BITSET or way == FUTEX_ABSOLUTE:
        syscall(numbers.futex, page, Futex.FUTEX_WAKE, 1)
    if way == ACCEPT or way == ACCEPT_TIMED:
        connect4(tcp(), server)
    if way == RECEIVE or way == RECEIVE_TIMED or way == MSG_WAITALL or way == RECVMSG or way == RECVMMSG:
        send(pair[1], b"abcd", 0)
    if way == EVENTFD:
        syscall(numbers.write, counter, addr(word), 8)
    if way == FLOCK:
        syscall(numbers.flock, held, 8)
    if way == RECORD_LOCK:
        syscall(numbers.fcntl, held, Fcntl.F_SETLK, lock.ptr)
    if way == OFD_LOCK:
        syscall(numbers.fcntl, held, Fcntl.F_OFD_SETLK, lock.ptr)
    if way == CONNECT_UNIX:
        syscall(numbers.accept4, unix, 0, 0, 0)
    if way == FIFO:
        syscall(numbers.openat, -100, b"/tmp/emu-test-fifo\0".ptr, Open.O_RDWR, 0)
    if way == SEND:
        while syscall(numbers.recvfrom, pair[1], big.ptr, 65536, 0x40, 0, 0) > 0:
            pass


def drain(fd: i32) -> None:
    """Leave nothing for the next."""
    byte = array[u8, 1]()
    fds = PollFd(fd, u16(Poll.POLLIN))
    while syscall(numbers.poll, fds, 1, 0) == 1:
        syscall(numbers.read, fd, byte.ptr, 1)


def prepare(way: i64) -> None:
    """What makes the call wait."""
    lock = array[u64, 4]()
    lock[0] = 1
    if way == WRITE or way == SENDFILE:
        syscall(numbers.write, full[1], big.ptr, 65536)
    if way == FLOCK:
        syscall(numbers.flock, held, 2)
    if way == RECORD_LOCK:
        syscall(numbers.fcntl, held, Fcntl.F_SETLK, lock.ptr)
    if way == OFD_LOCK:
        syscall(numbers.fcntl, held, Fcntl.F_OFD_SETLK, lock.ptr)
    if way == CONNECT_UNIX:
        fill_backlog()
    if way == SEND:
        while syscall(numbers.sendto, pair[0], big.ptr, 4096, 0x40, 0, 0) > 0:
            pass
    if way == FIFO:
        syscall(numbers.mknod, b"/tmp/emu-test-fifo\0".ptr, 0o010600, 0)


def prepare_all() -> None:
    """What they all use."""
    global page, listening, held, again, counter
    page = shared(4096)
    pipe(ends.ptr)
    pipe(full.ptr)
    syscall(numbers.socketpair, AddressFamily.AF_UNIX, SocketType.SOCK_STREAM, 0, pair.ptr)
    listening = listener(server)
    counter = syscall(numbers.eventfd2, 0, 0)
    held = syscall(numbers.openat, -100, b"/tmp/emu-test-lock\0".ptr, Open.O_CREAT | Open.O_RDWR, 0o600)
    again = syscall(numbers.openat, -100, b"/tmp/emu-test-lock\0".ptr, Open.O_RDWR, 0)
    syscall(numbers.unlink, b"/tmp/emu-test-lock\0".ptr)


def clear(way: i64) -> None:
    """Leave nothing for the next."""
    if way == FIFO:
        syscall(numbers.unlink, b"/tmp/emu-test-fifo\0".ptr)
    fds = PollFd(i32(listening), u16(Poll.POLLIN))
    while syscall(numbers.poll, fds, 1, 0) == 1:
        syscall(numbers.close, syscall(numbers.accept4, listening, 0, 0, 0))
    lock = array[u64, 4]()
    lock[0] = 2
    syscall(numbers.flock, again, 8)
    syscall(numbers.fcntl, again, Fcntl.F_OFD_SETLK, lock.ptr)
    value = u64(0)
    fds.fd = i32(counter)
    if syscall(numbers.poll, fds, 1, 0) == 1:
        syscall(numbers.read, counter, addr(value), 8)
    drain(ends[0])
    drain(pair[0])
    drain(full[0])
