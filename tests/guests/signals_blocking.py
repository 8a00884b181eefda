"""A signal in the middle of every call that waits: EINTR, a part, or a new beginning; and what SA_RESTART changes."""

from inet import Name4, connect4, listener, tcp
from say import check, result, say, say_number
from signal_tools import bit, install, mask_of
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Poll
from syscalls.flags.signals import SigAction, SigMask, Signal
from syscalls.flags.threads import Futex


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


calls: i64
target: i64
later: (
    i64  # what the helper does after the signal: 0 nothing, 1 write to the pipe, 2 wake the futex, 3 connect
)
ends: array[i32, 2]
word: u32
server: Name4
data: array[u8, 64]


def counts(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler."""
    global calls
    calls += 1


def nap(milliseconds: i64) -> None:
    """Sleep."""
    time = Time()
    time.nanoseconds = milliseconds * 1000000
    syscall(numbers.nanosleep, addr(time), 0)


def helper(unused: u64) -> i64:
    """The thread that sends, and then lets the call come to its end."""
    nap(30)
    syscall(numbers.tgkill, syscall(numbers.getpid), target, Signal.SIGUSR1)
    if later != 0:
        nap(30)
    if later == 1:
        syscall(numbers.write, ends[1], addr(data[0]), 3)
    if later == 2:
        syscall(numbers.futex, addr(word), Futex.FUTEX_WAKE, 1)
    if later == 3:
        fd = tcp()
        connect4(fd, server)
    return 0


def begin(what: i64) -> None:
    """Start the helper."""
    global later, calls
    later = what
    calls = 0
    spawn_in(0, helper, 0)


def end(label: bytes, value: i64) -> None:
    """The call has returned."""
    join(0)
    result(label, value)
    say(b"  handlers run: ")
    say_number(calls)
    say(b"\n")


def waits(what: i64) -> None:
    """All calls; `what` is 1 where the helper has to finish those that begin anew."""
    global word
    fds = PollFd()
    fds.fd = ends[0]
    fds.events = u16(Poll.POLLIN)
    time = Time()
    rest = Time()
    begin(what)
    end(b"read", syscall(numbers.read, ends[0], addr(data[0]), 64))
    begin(0)
    end(b"poll", syscall(numbers.poll, addr(fds), 1, 5000))
    begin(0)
    time.seconds = 5
    end(b"ppoll", syscall(numbers.ppoll, addr(fds), 1, addr(time), 0, 8))
    check(b"  time left", time.seconds == 4)
    begin(0)
    time.seconds = 5
    time.nanoseconds = 0
    end(b"nanosleep", syscall(numbers.nanosleep, addr(time), addr(rest)))
    check(b"  time left", rest.seconds == 4)
    begin(0)
    end(b"clock_nanosleep", syscall(numbers.clock_nanosleep, 1, 0, addr(time), addr(rest)))
    begin(0)
    end(b"pause", syscall(numbers.pause))
    begin(2 * what)
    end(b"futex", syscall(numbers.futex, addr(word), Futex.FUTEX_WAIT, 0, 0))
    begin(0)
    end(b"futex with a time-out", syscall(numbers.futex, addr(word), Futex.FUTEX_WAIT, 0, addr(time)))
    epoll = syscall(numbers.epoll_create1, 0)
    begin(0)
    end(b"epoll_wait", syscall(numbers.epoll_wait, epoll, addr(data[0]), 1, 5000))
    syscall(numbers.close, epoll)
    fd = listener(server)
    begin(3 * what)
    client = syscall(numbers.accept4, fd, 0, 0, 0)
    end(b"accept", i64(client >= 0) if client >= 0 else client)
    syscall(numbers.close, client)
    syscall(numbers.close, fd)
    begin(0)
    end(b"select", syscall(numbers.pselect6, 0, 0, 0, 0, addr(time), 0))


def masks() -> None:
    """Calls that change the mask while they wait."""
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGUSR1))
    empty = u64(0)
    begin(0)
    end(b"sigsuspend", syscall(numbers.rt_sigsuspend, addr(empty), 8))
    check(b"  blocked again", mask_of(SigMask.SIG_BLOCK, 0) == bit(Signal.SIGUSR1))
    syscall(numbers.tgkill, syscall(numbers.getpid), target, Signal.SIGUSR1)
    result(b"sigsuspend, pending already", syscall(numbers.rt_sigsuspend, addr(empty), 8))
    check(b"  blocked again", mask_of(SigMask.SIG_BLOCK, 0) == bit(Signal.SIGUSR1))
    begin(0)
    end(b"ppoll with a mask", syscall(numbers.ppoll, 0, 0, 0, addr(empty), 8))
    check(b"  blocked again", mask_of(SigMask.SIG_BLOCK, 0) == bit(Signal.SIGUSR1))
    begin(0)
    info = array[i32, 32]()
    wanted = bit(Signal.SIGUSR1)
    end(b"sigtimedwait", syscall(numbers.rt_sigtimedwait, addr(wanted), addr(info[0]), 0, 8))
    say(b"  signo ")
    say_number(i64(info[0]))
    say(b" code ")
    say_number(i64(info[2]))
    say(b"\n")
    time = Time()
    time.nanoseconds = 10000000
    result(b"sigtimedwait, nothing comes", syscall(numbers.rt_sigtimedwait, addr(wanted), 0, addr(time), 8))
    time.nanoseconds = 0
    result(b"sigtimedwait, at once", syscall(numbers.rt_sigtimedwait, addr(wanted), 0, addr(time), 8))
    mask_of(SigMask.SIG_SETMASK, 0)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Without SA_RESTART, and with it."""
    global target
    target = syscall(numbers.gettid)
    syscall(numbers.pipe2, addr(ends[0]), 0)
    install(Signal.SIGUSR1, counts, SigAction.SA_SIGINFO, 0)
    waits(0)
    say(b"SA_RESTART\n")
    install(Signal.SIGUSR1, counts, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    waits(1)
    masks()
    return 0
