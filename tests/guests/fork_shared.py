"""What processes use together after a fork: one listener, one pipe, one epoll, signalfds, shared futexes, robust mutexes, sent descriptors."""

from inet import Name4, connect4, listener, tcp
from process_tools import (
    child,
    ended,
    fork,
    getpid,
    hear,
    kill,
    leave,
    nap,
    pipe,
    put_word,
    shared,
    tell,
    word_at,
)
from say import check, result, say
from signal_tools import bit, mask_of

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import AddressFamily, Open, SocketType
from syscalls.flags.polling import Epoll, EpollOp
from syscalls.flags.signals import SigMask, Signal
from syscalls.flags.threads import Futex

ends: array[i32, 2]
back: array[i32, 2]
server: Name4
listening: i64
page: u64


@struct
class Event:
    """struct epoll_event, unpacked to words."""

    events: u32
    low: u32
    high: u32


@struct
class Vector:
    """struct iovec."""

    base: ptr[u8]
    size: i64


@struct
class Message:
    """struct msghdr."""

    name: i64
    name_size: u32
    vectors: ptr[Vector]
    vector_count: i64
    control: i64
    control_size: i64
    flags: u32


@struct
class Rights:
    """A control message with one descriptor."""

    size: i64
    level: i32
    kind: i32
    fd: i32
    pad: i32


def accepts(unused: u64) -> i64:
    """Serves two connections of the common listener."""
    byte = array[u8, 1]()
    for _ in range(2):
        fd = syscall(numbers.accept4, listening, 0, 0, 0)
        syscall(numbers.read, fd, byte.ptr, 1)
        byte[0] += 1
        syscall(numbers.write, fd, byte.ptr, 1)
        syscall(numbers.close, fd)
    return 2


def prefork() -> None:
    """Three processes accept on one listener."""
    global listening
    listening = listener(server)
    pids = array[i64, 3]()
    for at in range(3):
        pids[at] = child(accepts, 0)
    byte = array[u8, 1]()
    total = i64(0)
    for at in range(6):
        fd = tcp()
        connect4(fd, server)
        byte[0] = u8(at)
        syscall(numbers.write, fd, byte.ptr, 1)
        syscall(numbers.read, fd, byte.ptr, 1)
        total += byte[0]
        syscall(numbers.close, fd)
    result(b"answers", total)
    for at in range(3):
        ended(b"server", pids[at])


def takes(unused: u64) -> i64:
    """Reads bytes of a common pipe until its end."""
    syscall(numbers.close, ends[1])
    count = i64(0)
    while hear(i64(ends[0])) == 1:
        count += 1
        syscall(numbers.futex, page, Futex.FUTEX_WAKE, 1)
    return count


def one_pipe() -> None:
    """Each byte goes to one of four readers; the end comes when the last writer has gone."""
    pipe(ends.ptr)
    pids = array[i64, 4]()
    for at in range(4):
        pids[at] = child(takes, 0)
    for _ in range(100):
        tell(i64(ends[1]))
    syscall(numbers.close, ends[1])
    total = i64(0)
    for at in range(4):
        word = i32(0)
        syscall(numbers.wait4, pids[at], addr(word), 0, 0)
        total += i64(word) >> 8
    result(b"bytes", total)
    syscall(numbers.close, ends[0])


def epolls() -> None:
    """A set is inherited; what one process adds the other sees; an event is told where one waits."""
    pipe(ends.ptr)
    pipe(back.ptr)
    epoll = syscall(numbers.epoll_create1, 0)
    event = Event(u32(Epoll.EPOLLIN), 5, 0)
    syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_ADD, ends[0], event)
    pid = fork()
    if pid == 0:
        result(b"in the child", syscall(numbers.epoll_wait, epoll, event, 1, -1))
        result(b"its data", i64(event.low))
        hear(i64(ends[0]))
        event.events = u32(Epoll.EPOLLIN)
        event.low = 6
        result(
            b"added by the child", syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_ADD, back[0], event)
        )
        leave(0)
    nap(10)
    tell(i64(ends[1]))
    ended(b"child", pid)
    tell(i64(back[1]))
    result(b"what the child added", syscall(numbers.epoll_wait, epoll, event, 1, -1))
    result(b"its data", i64(event.low))
    hear(i64(back[0]))
    pid = fork()
    if pid == 0:
        syscall(numbers.close, ends[0])
        leave(0)
    ended(b"child that closes", pid)
    tell(i64(ends[1]))
    result(b"still watched", syscall(numbers.epoll_wait, epoll, event, 1, -1))
    hear(i64(ends[0]))


def signalfds() -> None:
    """A signalfd gives the signals of who reads it."""
    wanted = bit(Signal.SIGUSR1)
    mask_of(SigMask.SIG_BLOCK, wanted)
    fd = syscall(numbers.signalfd4, -1, addr(wanted), 8, Open.O_NONBLOCK)
    room = array[i32, 32]()
    pid = fork()
    if pid == 0:
        result(b"the parent's are not the child's", syscall(numbers.read, fd, room.ptr, 128))
        kill(getpid(), Signal.SIGUSR1)
        result(b"its own", syscall(numbers.read, fd, room.ptr, 128))
        check(b"sent by itself", i64(room[3]) == getpid())
        kill(getpid(), Signal.SIGUSR1)
        leave(0)
    ended(b"child", pid)
    result(b"the child's are not the parent's", syscall(numbers.read, fd, room.ptr, 128))
    mask_of(SigMask.SIG_UNBLOCK, wanted)


def plays(rounds: u64) -> i64:
    """Ping-pong by a futex in shared memory."""
    for _ in range(i64(rounds)):
        while word_at(page) != 1:
            syscall(numbers.futex, page, Futex.FUTEX_WAIT, 0, 0)
        put_word(page, 0)
        syscall(numbers.futex, page, Futex.FUTEX_WAKE, 1)
    return 1


def futexes() -> None:
    """Shared words wake across processes; private ones do not; each mapping of a file is the same word."""
    put_word(page, 0)
    pid = child(plays, 100)
    for _ in range(100):
        put_word(page, 1)
        syscall(numbers.futex, page, Futex.FUTEX_WAKE, 1)
        while word_at(page) != 0:
            syscall(numbers.futex, page, Futex.FUTEX_WAIT, 1, 0)
    ended(b"ping-pong", pid)
    memfd = syscall(numbers.memfd_create, b"m\0".ptr, 0)
    syscall(numbers.ftruncate, memfd, 8192)
    first = u64(syscall(numbers.mmap, 0, 8192, 3, 1, memfd, 0))
    pid = fork()
    if pid == 0:
        second = u64(syscall(numbers.mmap, 0, 4096, 3, 1, memfd, 4096))
        put_word(second + 8, 1)
        tell(i64(back[1]))
        leave(-syscall(numbers.futex, second + 8, Futex.FUTEX_WAIT, 1, 0))
    hear(i64(back[0]))
    while syscall(numbers.futex, first + 4096 + 8, Futex.FUTEX_WAKE, 1) == 0:
        nap(1)
    ended(b"woken by another mapping", pid)
    time = array[i64, 2]()
    time[1] = 20000000
    put_word(page, 0)
    pid = fork()
    if pid == 0:
        leave(-syscall(numbers.futex, page, Futex.FUTEX_WAIT_PRIVATE, 0, time.ptr))
    result(b"a private wake", syscall(numbers.futex, page, Futex.FUTEX_WAKE_PRIVATE, 1))
    ended(b"a private wait", pid)


def robust() -> None:
    """A robust mutex in shared memory: its owner dies, the word says so, a waiter is woken."""
    put_word(page + 64, 0)
    pid = fork()
    if pid == 0:
        head = array[u64, 3]()
        node = page + 128
        ptr[u64](node)[0] = u64(head.ptr)
        head[0] = node
        head[1] = u64(64) - u64(128)
        syscall(numbers.set_robust_list, head.ptr, 24)
        put_word(page + 64, u32(syscall(numbers.gettid)) | u32(0x80000000))
        tell(i64(back[1]))
        nap(20)
        kill(getpid(), Signal.SIGKILL)
    hear(i64(back[0]))
    held = word_at(page + 64)
    check(b"held by the child", i64(held & 0x3FFFFFFF) == pid)
    result(b"woken", syscall(numbers.futex, page + 64, Futex.FUTEX_WAIT, held, 0))
    check(b"owner died", word_at(page + 64) & 0x40000000 != 0)
    ended(b"owner", pid)


def sends() -> None:
    """A descriptor sent to another process over a Unix socket."""
    pair = array[i32, 2]()
    syscall(numbers.socketpair, AddressFamily.AF_UNIX, SocketType.SOCK_STREAM, 0, pair.ptr)
    byte = array[u8, 1]()
    vector = Vector(byte.ptr, 1)
    rights = Rights(20, 1, 1)
    message = Message(0, 0, vector, 1, i64(u64(addr(rights.size))), 24)
    pid = fork()
    if pid == 0:
        memfd = syscall(numbers.memfd_create, b"m\0".ptr, 0)
        syscall(numbers.write, memfd, b"sent".ptr, 4)
        rights.fd = i32(memfd)
        result(b"sendmsg", syscall(numbers.sendmsg, pair[0], message, 0))
        leave(0)
    ended(b"sender", pid)
    result(b"recvmsg", syscall(numbers.recvmsg, pair[1], message, 0))
    text = array[u8, 8]()
    result(b"pread of what was sent", syscall(numbers.pread64, rights.fd, text.ptr, 8, 0))
    check(b"sent", text[0] == 0x73)
    pid = fork()
    if pid == 0:
        leave(0)
    ended(b"child", pid)
    syscall(numbers.close, pair[0])
    result(b"the end, when all have closed", syscall(numbers.read, pair[1], byte.ptr, 1))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    global page
    page = shared(4096)
    prefork()
    one_pipe()
    epolls()
    signalfds()
    futexes()
    robust()
    sends()
    say(b"end\n")
    return 0
