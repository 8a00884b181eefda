"""fork by one of several threads: only that one lives on in the child; ids, thread-local storage, words that others hold."""

from process_tools import ended, fork, getpid, hear, leave, pipe, tell
from say import check, result, say
from signal_tools import install
from spawn import await_waiters, clone_onto, join, prepared_stack, spawn_in, tids

from guest.lang import addr, array, asm, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, Signal
from syscalls.flags.threads import Arch, Clone, Futex

gate: u32
held: u32
turns: u64
over: u32
ends: array[i32, 2]
local: u64


def waits(unused: u64) -> i64:
    """A thread that sits in a futex until the gate opens."""
    while gate == 0:
        syscall(numbers.futex, addr(gate), Futex.FUTEX_WAIT, 0, 0)
    return 0


def reads(unused: u64) -> i64:
    """A thread that sits in a read."""
    hear(i64(ends[0]))
    return 0


def forks(unused: u64) -> i64:
    """A thread that forks: in the child it is the only one, and its id is the process's."""
    me = getpid()
    tid = syscall(numbers.gettid)
    pid = fork()
    if pid == 0:
        check(b"one id", getpid() == syscall(numbers.gettid))
        check(b"which is new", getpid() != me and getpid() != tid)
        check(b"the parent is the process", syscall(numbers.getppid) == me)
        result(b"the other thread is not here", syscall(numbers.tgkill, getpid(), me, 0))
        check(
            b"nobody waits on the private word", syscall(numbers.futex, addr(gate), Futex.FUTEX_WAKE, 9) == 0
        )
        check(b"the lock of another is held for ever", held == 1)
        pid = fork()
        if pid == 0:
            leave(9)
        ended(b"grandchild", pid)
        leave(3)
    ended(b"child of a thread", pid)
    return 0


def by_a_thread() -> None:
    """With one in a futex, one in a read, one that forks."""
    global gate, held
    gate = 0
    held = 1
    pipe(ends.ptr)
    spawn_in(0, waits, 0)
    spawn_in(1, reads, 0)
    await_waiters(u64(addr(gate)), 0, 1)
    spawn_in(2, forks, 0)
    join(2)
    gate = 1
    syscall(numbers.futex, addr(gate), Futex.FUTEX_WAKE, 9)
    tell(i64(ends[1]))
    join(0)
    join(1)
    say(b"all threads have ended\n")


def reaps(pid: u64) -> i64:
    """A thread reaps a child that the main thread made."""
    ended(b"reaped by another thread", i64(pid))
    return 0


def of_siblings() -> None:
    """Children belong to the process; with __WNOTHREAD to the thread."""
    pid = fork()
    if pid == 0:
        leave(5)
    spawn_in(0, reaps, u64(pid))
    join(0)
    result(b"already reaped", syscall(numbers.wait4, pid, 0, 0, 0))


def threads_of_the_child() -> None:
    """A child makes threads of its own."""
    pid = fork()
    if pid == 0:
        spawn_in(0, waits, 0)
        spawn_in(1, forks, 0)
        join(1)
        join(0)
        leave(4)
    ended(b"child with threads", pid)


def spins(unused: u64) -> i64:
    """Counts until it is over."""
    global turns
    while over == 0:
        turns += 1
        asm("pause")
    return 0


def while_others_run() -> None:
    """Forking while a thread computes: in the child it does not."""
    spawn_in(0, spins, 0)
    while turns == 0:
        syscall(numbers.sched_yield)
    for i in range(5):
        pid = fork()
        if pid == 0:
            before = turns
            for _k in range(100):
                syscall(numbers.sched_yield)
            leave(i64(turns == before) + 10 * i)
        ended(b"the child's count stands still", pid)
    global over
    over = 1
    join(0)


def storage() -> None:
    """The FS base goes with the thread; the child's change is its own."""
    global local
    base = u64(0)
    syscall(numbers.arch_prctl, Arch.ARCH_GET_FS, addr(base))
    pid = fork()
    if pid == 0:
        mine = u64(1)
        syscall(numbers.arch_prctl, Arch.ARCH_GET_FS, addr(mine))
        check(b"same FS base", mine == base)
        syscall(numbers.arch_prctl, Arch.ARCH_SET_FS, addr(local))
        leave(0)
    ended(b"child", pid)
    mine = u64(1)
    syscall(numbers.arch_prctl, Arch.ARCH_GET_FS, addr(mine))
    check(b"the parent's FS base", mine == base)


def ids() -> None:
    """set_tid_address and CLONE_CHILD_SETTID write into the child's own copy."""
    pid = clone_onto(
        u64(
            Clone.CLONE_CHILD_SETTID | Clone.CLONE_CHILD_CLEARTID | Clone.CLONE_PARENT_SETTID | Signal.SIGCHLD
        ),
        prepared_stack(3, sees_its_id, 0),
        u64(addr(tids[4])),
        u64(addr(tids[5])),
        0,
    )
    ended(b"child", pid)
    check(b"CLONE_PARENT_SETTID", i64(tids[4]) == pid)
    check(b"not CLONE_CHILD_SETTID here", tids[5] == 0)


def sees_its_id(unused: u64) -> i64:
    """The parent's word is written when the copy has been made, the child's in the child."""
    check(b"parent's word in the child", i64(tids[4]) == getpid())
    check(b"child's word in the child", i64(tids[5]) == getpid())
    return 0


calls: i64


def forks_inside(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that forks; both return from it."""
    global calls
    calls = fork()


def in_a_handler() -> None:
    """Each comes back to where it was."""
    install(Signal.SIGUSR1, forks_inside, SigAction.SA_SIGINFO, 0)
    me = getpid()
    syscall(numbers.kill, me, Signal.SIGUSR1)
    if calls == 0:
        check(b"the child is back from the handler", getpid() != me)
        leave(6)
    ended(b"child of a handler", calls)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    by_a_thread()
    of_siblings()
    threads_of_the_child()
    while_others_run()
    storage()
    ids()
    in_a_handler()
    return 0
