"""Waiting by threads, and the end of processes with threads: leader first, last thread, exit_group, a signal for all."""

from process_tools import (
    WALL,
    WCLONE,
    WNOHANG,
    WNOTHREAD,
    child,
    ended,
    getpid,
    hear,
    kill,
    leave,
    nap,
    pipe,
    shared,
    tell,
    wait4,
    waited,
)
from say import check, result, say, say_number
from signal_tools import install
from spawn import await_waiters, join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, Signal
from syscalls.flags.threads import Futex

ends: array[i32, 2]
other: array[i32, 2]
third: array[i32, 2]
never: u32
got: array[i64, 4]
target: i64


def sits(unused: u64) -> i64:
    """A thread that waits for ever."""
    while True:
        syscall(numbers.futex, addr(never), Futex.FUTEX_WAIT, 0, 0)
    return 0


def ends_all(code: u64) -> i64:
    """A thread that ends the process after the leader has gone."""
    nap(20)
    leave(i64(code))
    return 0


def ends_itself(code: u64) -> i64:
    """A thread that is the last one."""
    nap(20)
    return i64(code)


def leader_first(way: u64) -> i64:
    """The leader exits with 1; the process goes on until its last thread."""
    if way == 0:
        spawn_in(0, ends_all, 2)
    elif way == 1:
        spawn_in(0, ends_itself, 3)
    elif way == 2:
        spawn_in(0, sits, 0)
    syscall(numbers.exit, 1)
    return 0


def with_threads(way: u64) -> i64:
    """Threads that sit, and ends that reach them all."""
    for slot in range(4):
        spawn_in(slot, sits, 0)
    await_waiters(u64(addr(never)), 0, 4)
    if way == 0:
        return 7
    if way == 1:
        kill(getpid(), Signal.SIGTERM)
    if way == 2:
        ptr[u8](u64(8))[0] = 1
    if way == 3:
        spawn_in(4, ends_all, 8)
        join(0)
    nap(10000)
    return 0


def the_end() -> None:
    """Status of processes with threads."""
    ended(b"leader first, exit_group by another", child(leader_first, 0))
    ended(b"leader first, the last one's code", child(leader_first, 1))
    one = child(leader_first, 2)
    nap(20)
    waited(b"leader gone, a thread still there", one, WNOHANG, one)
    result(b"kill(pid, 0)", kill(one, 0))
    kill(one, Signal.SIGKILL)
    ended(b"killed then", one)
    limit = array[u64, 2]()
    syscall(numbers.setrlimit, 4, limit.ptr)
    ended(b"exit_group by the leader", child(with_threads, 0))
    ended(b"a fatal signal", child(with_threads, 1))
    ended(b"a fault", child(with_threads, 2))
    ended(b"exit_group by another", child(with_threads, 3))


def waits(index: u64) -> i64:
    """Each of two threads gets one of two children."""
    value, word = wait4(-1, 0)
    got[i64(index)] = value
    got[i64(index) + 2] = word
    return 0


def listens(code: u64) -> i64:
    """Until told."""
    hear(i64(ends[0]))
    return i64(code)


def two_waiters() -> None:
    """Two threads wait for any child; each end goes to one of them; with the last child the rest get ECHILD."""
    one = child(listens, 1)
    two = child(listens, 2)
    spawn_in(0, waits, 0)
    spawn_in(1, waits, 1)
    nap(20)
    tell(i64(ends[1]))
    tell(i64(ends[1]))
    join(0)
    join(1)
    check(
        b"both were reaped, each once", (got[0] == one and got[1] == two) or (got[0] == two and got[1] == one)
    )
    result(b"their codes", (got[2] >> 8) + (got[3] >> 8))
    one = child(listens, 3)
    spawn_in(0, waits, 0)
    spawn_in(1, waits, 1)
    nap(20)
    tell(i64(ends[1]))
    join(0)
    join(1)
    check(
        b"one got it, the other ECHILD",
        (got[0] == one and got[1] == -10) or (got[0] == -10 and got[1] == one),
    )


def makes(unused: u64) -> i64:
    """A thread's child, waited for with __WNOTHREAD there; then a child that it leaves behind."""
    one = child(listens, 4)
    syscall(numbers.write, other[1], addr(one), 8)
    hear(i64(third[0]))
    tell(i64(ends[1]))
    waited(b"by its maker", one, WNOTHREAD, one)
    child(listens, 6)
    return 0


def not_mine() -> None:
    """__WNOTHREAD: only children of the calling thread; children of a thread that ended are the process's still."""
    spawn_in(0, makes, 0)
    one = i64(0)
    syscall(numbers.read, other[0], addr(one), 8)
    waited(b"not of this thread", one, WNOTHREAD | WNOHANG, one)
    waited(b"of this process", one, WNOHANG, one)
    result(b"of clone", syscall(numbers.wait4, one, 0, WCLONE | WNOHANG, 0))
    tell(i64(third[1]))
    join(0)
    tell(i64(ends[1]))
    value, word = wait4(-1, WALL)
    check(b"left behind by the thread", value > 0)
    result(b"its code", word >> 8)


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler: by whom it runs."""
    got[0] = syscall(numbers.gettid)


def sends(unused: u64) -> i64:
    """Interrupts the wait of the main thread."""
    nap(20)
    syscall(numbers.tgkill, getpid(), target, Signal.SIGUSR1)
    return 0


def interrupted() -> None:
    """EINTR, and SA_RESTART."""
    global target
    target = syscall(numbers.gettid)
    word = i32(-1)
    info = array[i32, 32]()
    one = child(listens, 5)
    install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO, 0)
    spawn_in(0, sends, 0)
    result(b"wait4", syscall(numbers.wait4, one, addr(word), 0, 0))
    join(0)
    spawn_in(0, sends, 0)
    result(b"waitid", syscall(numbers.waitid, 1, one, info.ptr, 4, 0))
    join(0)
    install(Signal.SIGUSR1, lets_go, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    spawn_in(0, sends, 0)
    result(b"waitid with SA_RESTART", syscall(numbers.waitid, 1, one, info.ptr, 4 | 0x01000000, 0))
    join(0)
    one = child(listens, 5)
    spawn_in(0, sends, 0)
    check(b"wait4 with SA_RESTART", syscall(numbers.wait4, one, addr(word), 0, 0) == one)
    join(0)
    ended(b"the first", -1)


def lets_go(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that lets the child end."""
    tell(i64(ends[1]))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    pipe(ends.ptr)
    pipe(other.ptr)
    pipe(third.ptr)
    the_end()
    two_waiters()
    not_mine()
    interrupted()
    say(b"children left: ")
    say_number(syscall(numbers.wait4, -1, 0, 0, 0))
    say(b"\n")
    check(b"shared", shared(64) != 0)
    return 0
