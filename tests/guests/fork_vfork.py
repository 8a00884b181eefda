"""vfork and CLONE_VM without CLONE_THREAD: the child runs first in the parent's memory, the parent waits; or both run at once."""

from process_tools import (
    WALL,
    ended,
    fork,
    getpid,
    getppid,
    hear,
    kill,
    leave,
    nap,
    pipe,
    status,
    tell,
    vfork_to,
    wait4,
)
from say import check, result, say
from signal_tools import bit, install, mask_of
from spawn import clone_onto, join, prepared_stack, spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal
from syscalls.flags.threads import Clone, Futex

word: u32
above: i64
calls: i64
ends: array[i32, 2]
first: i64  # what the child found


def writes(value: u64) -> i64:
    """In the parent's memory, before the parent goes on."""
    global word, above
    nap(20)
    word = u32(value)
    above = getppid()
    return 7


def opens(unused: u64) -> i64:
    """Descriptors, umask and signal actions are copies."""
    result(b"dup in the child", i64(syscall(numbers.dup2, 1, 30) == 30))
    syscall(numbers.umask, 0o77)
    return 0


def vforks() -> None:
    """vfork(2)."""
    pid = vfork_to(writes, 5)
    check(b"the child has written", word == 5)
    check(b"its parent was this process", above == getpid())
    ended(b"vfork child", pid)
    pid = vfork_to(opens, 0)
    result(b"not here", syscall(numbers.fcntl, 30, 1, 0))
    check(b"own umask", syscall(numbers.umask, 0o22) != 0o77)
    ended(b"vfork child", pid)


def dies(number: u64) -> i64:
    """By a signal."""
    kill(getpid(), i64(number))
    return 0


def forks_on(unused: u64) -> i64:
    """fork in a vfork child: a copy of the memory that it shares."""
    global word
    word = 10
    pid = fork()
    if pid == 0:
        word = 11
        leave(1)
    ended(b"forked by the vfork child", pid)
    pid = vfork_to(writes, 12)
    ended(b"vforked by the vfork child", pid)
    return i64(word)


def killed_children() -> None:
    """However the child ends, the parent goes on."""
    pid = vfork_to(dies, u64(Signal.SIGKILL))
    ended(b"vfork child", pid)
    pid = vfork_to(dies, u64(Signal.SIGTERM))
    ended(b"vfork child", pid)
    pid = vfork_to(forks_on, 0)
    result(b"word", i64(word))
    ended(b"vfork child", pid)


def spawned(value: u64) -> i64:
    """The child of posix_spawn's way, on its own stack."""
    global word, first
    first = i64(word)
    word = u32(value)
    return 3


def as_posix_spawn() -> None:
    """CLONE_VM|CLONE_VFORK."""
    flags = u64(Clone.CLONE_VM | Clone.CLONE_VFORK | Signal.SIGCHLD)
    word_before = word
    pid = clone_onto(flags, prepared_stack(0, spawned, 21), 0, 0, 0)
    check(b"the child ran first", word == 21 and first == i64(word_before))
    ended(b"posix_spawn child", pid)
    flags = u64(Clone.CLONE_VM | Clone.CLONE_VFORK | Clone.CLONE_FILES | Clone.CLONE_FS | Signal.SIGCHLD)
    pid = clone_onto(flags, prepared_stack(0, opens, 0), 0, 0, 0)
    result(b"the descriptor that the child made", syscall(numbers.close, 30))
    result(b"the umask that the child set", syscall(numbers.umask, 0o22))
    ended(b"child with common files", pid)
    flags = u64(Clone.CLONE_VFORK | Signal.SIGCHLD)
    pid = clone_onto(flags, prepared_stack(0, spawned, 22), 0, 0, 0)
    result(b"CLONE_VFORK without CLONE_VM: word", i64(word))
    ended(b"it ends as well", pid)


def passes(value: u64) -> i64:
    """A child in the same memory that plays with a futex."""
    global word
    while word != 31:
        syscall(numbers.futex, addr(word), Futex.FUTEX_WAIT, 30, 0)
    word = u32(value)
    syscall(numbers.futex, addr(word), Futex.FUTEX_WAKE, 9)
    return 4


def together() -> None:
    """CLONE_VM alone: two processes in one memory at once."""
    global word
    word = 30
    flags = u64(Clone.CLONE_VM | Signal.SIGCHLD)
    pid = clone_onto(flags, prepared_stack(0, passes, 32), 0, 0, 0)
    nap(5)
    word = 31
    syscall(numbers.futex, addr(word), Futex.FUTEX_WAKE, 9)
    while word != 32:
        syscall(numbers.futex, addr(word), Futex.FUTEX_WAIT, 31, 0)
    check(b"not a thread", syscall(numbers.tgkill, getpid(), pid, 0) == -3)
    ended(b"child in the same memory", pid)


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler; it writes what process it runs in."""
    global calls
    calls += 1


def signals_parent(unused: u64) -> i64:
    """The waiting parent does not handle signals until the child has gone."""
    kill(getppid(), Signal.SIGUSR1)
    nap(20)
    result(b"handlers run while the parent waits", calls)
    return 0


def interrupted() -> None:
    """A parent in vfork: only a fatal signal ends its wait."""
    install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO, 0)
    pid = vfork_to(signals_parent, 0)
    result(b"and when it goes on", calls)
    check(b"vfork has not failed", pid > 0)
    ended(b"child", pid)
    pipe(ends.ptr)
    pid = fork()
    if pid == 0:
        syscall(numbers.prctl, 36, 0)
        vfork_to(kills_parent, 0)
        say(b"never here\n")
        leave(1)
    ended(b"a parent killed while it waits", pid)
    syscall(numbers.close, ends[1])
    result(b"its child lived on, until", hear(i64(ends[0])))


def kills_parent(unused: u64) -> i64:
    """Ends the parent, and outlives it."""
    above_me = getppid()
    kill(above_me, Signal.SIGKILL)
    while getppid() == above_me:
        syscall(numbers.sched_yield)
    tell(i64(ends[1]))
    return 0


def counts(unused: u64) -> i64:
    """A thread that goes on while the main thread waits in vfork."""
    global above
    while word != 50:
        above += 1
        syscall(numbers.sched_yield)
    return 0


def ends_it(unused: u64) -> i64:
    """The vfork child sees the thread work."""
    global word
    seen = above
    while above < seen + 3:
        syscall(numbers.sched_yield)
    word = 50
    return 0


def with_threads() -> None:
    """Only the thread that called vfork waits."""
    global above, word
    above = 0
    word = 0
    spawn_in(0, counts, 0)
    pid = vfork_to(ends_it, 0)
    join(0)
    check(b"the other thread ran", above > 3)
    ended(b"child", pid)


def with_mask() -> None:
    """The mask is the thread's own also in common memory; pending signals are not inherited."""
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGUSR2))
    kill(getpid(), Signal.SIGUSR2)
    pid = vfork_to(unblocks, 0)
    ended(b"child that unblocks", pid)
    check(b"blocked here", mask_of(SigMask.SIG_BLOCK, 0) == bit(Signal.SIGUSR2))
    install(Signal.SIGUSR2, notes, SigAction.SA_SIGINFO, 0)
    mask_of(SigMask.SIG_SETMASK, 0)
    value, word_of = wait4(-1, WALL)
    status(b"no more children", value if value < 0 else word_of)


def unblocks(unused: u64) -> i64:
    """Nothing is pending here."""
    mask_of(SigMask.SIG_SETMASK, 0)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    vforks()
    killed_children()
    as_posix_spawn()
    together()
    interrupted()
    with_threads()
    with_mask()
    return 0
