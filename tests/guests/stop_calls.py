"""A stop and SIGCONT in the middle of every call that waits, without handlers: which go on, and which fail with EINTR (signal(7))."""

from inet import Name4, connect4, listener, send, tcp
from process_tools import await_stop, child, ended, in_session, kill, nap, pipe, shared, status, tell
from say import result
from signal_tools import bit, mask_of

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
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
COUNT = 26

NAMES = array[bytes, 26](
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
    if way == ACCEPT:
        fd = syscall(numbers.accept4, listening, 0, 0, 0)
        return i64(fd > 0) if fd > 0 else fd
    if way == RECEIVE or way == RECEIVE_TIMED or way == MSG_WAITALL:
        limit = array[i64, 2]()
        limit[0] = 5 if way == RECEIVE_TIMED else 0
        syscall(
            numbers.setsockopt, pair[0], SocketLevel.SOL_SOCKET, SocketOption.SO_RCVTIMEO, limit.ptr, 16
        )
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
        wanted = bit(Signal.SIGUSR1)
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
        fd = syscall(numbers.openat, -100, b"/tmp/emu-test-stop-fifo\0".ptr, Open.O_RDONLY, 0)
        return i64(fd > 0) if fd > 0 else fd
    return 0


def caller(way: u64) -> i64:
    """A child that makes one call."""
    syscall(numbers.setpgid, 0, 0)
    if i64(way) == SIGTIMEDWAIT:
        mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR1))
    value = one_call(i64(way))
    result(NAMES[i64(way)], value)
    return 0


def complete(way: i64) -> None:
    """What the call waits for happens."""
    word = u64(1)
    lock = array[u64, 4]()
    lock[0] = 2
    if way == READ or way == POLL or way == PPOLL or way == SELECT:
        tell(i64(ends[1]))
    if way == WRITE:
        syscall(numbers.read, full[0], big.ptr, 65536)
    if way == PAUSE or way == SIGSUSPEND:
        pass
    if way == FUTEX or way == FUTEX_TIMED:
        syscall(numbers.futex, page, Futex.FUTEX_WAKE, 1)
    if way == ACCEPT:
        connect4(tcp(), server)
    if way == RECEIVE or way == RECEIVE_TIMED or way == MSG_WAITALL:
        send(pair[1], b"abcd", 0)
    if way == EVENTFD:
        syscall(numbers.write, counter, addr(word), 8)
    if way == FLOCK:
        syscall(numbers.flock, held, 8)
    if way == RECORD_LOCK:
        syscall(numbers.fcntl, held, Fcntl.F_SETLK, lock.ptr)
    if way == FIFO:
        syscall(numbers.openat, -100, b"/tmp/emu-test-stop-fifo\0".ptr, Open.O_RDWR, 0)
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
    if way == WRITE:
        syscall(numbers.write, full[1], big.ptr, 65536)
    if way == FLOCK:
        syscall(numbers.flock, held, 2)
    if way == RECORD_LOCK:
        syscall(numbers.fcntl, held, Fcntl.F_SETLK, lock.ptr)
    if way == SEND:
        while syscall(numbers.sendto, pair[0], big.ptr, 4096, 0x40, 0, 0) > 0:
            pass
    if way == FIFO:
        syscall(numbers.mknod, b"/tmp/emu-test-stop-fifo\0".ptr, 0o010600, 0)


def over_a_stop(way: i64) -> None:
    """One call; stopped and continued while it waits."""
    prepare(way)
    one = child(caller, u64(way))
    nap(30)
    kill(one, Signal.SIGSTOP)
    await_stop(NAMES[way], one)
    kill(one, Signal.SIGCONT)
    nap(30)
    complete(way)
    if way == PAUSE or way == SIGSUSPEND:
        kill(one, Signal.SIGKILL)
    ended(NAMES[way], one)
    if way == FIFO:
        syscall(numbers.unlink, b"/tmp/emu-test-stop-fifo\0".ptr)
    drain(ends[0])
    drain(pair[0])
    drain(full[0])


def all_of_it(unused: u64) -> i64:
    """Every call."""
    global listening, held, again, counter
    listening = listener(server)
    counter = syscall(numbers.eventfd2, 0, 0)
    held = syscall(
        numbers.openat, -100, b"/tmp/emu-test-stop-lock\0".ptr, Open.O_CREAT | Open.O_RDWR, 0o600
    )
    again = syscall(numbers.openat, -100, b"/tmp/emu-test-stop-lock\0".ptr, Open.O_RDWR, 0)
    syscall(numbers.unlink, b"/tmp/emu-test-stop-lock\0".ptr)
    for way in range(COUNT):
        over_a_stop(way)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """In a session of its own."""
    global page
    page = shared(4096)
    pipe(ends.ptr)
    pipe(full.ptr)
    syscall(numbers.socketpair, AddressFamily.AF_UNIX, SocketType.SOCK_STREAM, 0, pair.ptr)
    status(b"all", in_session(all_of_it, 0))
    return 0
