"""Orphans and zombies: who adopts, PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, and how long a pid is there."""

from process_tools import (
    WEXITED,
    WNOHANG,
    WNOWAIT,
    child,
    ended,
    fork,
    getpid,
    getppid,
    hear,
    kill,
    leave,
    pipe,
    shared,
    tell,
    vfork_to,
    waited,
)
from say import check, result, say
from signal_tools import bit, install, mask_of
from spawn import clone_onto, join, prepared_stack, spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal
from syscalls.flags.threads import Clone, Prctl

ends: array[i32, 2]
other: array[i32, 2]
page: u64


def exits(code: u64) -> i64:
    """Code."""
    return i64(code)


def listens(code: u64) -> i64:
    """Until told."""
    hear(i64(ends[0]))
    return i64(code)


def note(index: i64, value: i64) -> None:
    """Keep a number where every process sees it."""
    ptr[i64](page)[index] = value


def noted(index: i64) -> i64:
    """What was kept."""
    return ptr[i64](page)[index]


def zombies() -> None:
    """A pid is there until its end has been waited for."""
    one = child(exits, 1)
    result(b"looked at", syscall(numbers.waitid, 1, one, 0, WEXITED | WNOWAIT, 0))
    result(b"kill(zombie, 0)", kill(one, 0))
    result(b"kill(zombie, SIGKILL)", kill(one, Signal.SIGKILL))
    result(b"tgkill(zombie)", syscall(numbers.tgkill, one, one, 0))
    result(b"tkill(zombie)", syscall(numbers.tkill, one, 0))
    check(b"getpgid(zombie)", syscall(numbers.getpgid, one) == syscall(numbers.getpgid, 0))
    check(b"getsid(zombie)", syscall(numbers.getsid, one) == syscall(numbers.getsid, 0))
    result(b"setpgid(zombie)", syscall(numbers.setpgid, one, one))
    ended(b"reaped", one)
    result(b"kill(gone, 0)", kill(one, 0))
    result(b"tgkill(gone)", syscall(numbers.tgkill, one, one, 0))
    result(b"getpgid(gone)", syscall(numbers.getpgid, one))
    result(b"getsid(gone)", syscall(numbers.getsid, one))
    result(b"setpgid(gone)", syscall(numbers.setpgid, one, one))


def orphaned(unused: u64) -> i64:
    """Its parent ends; then who is it?"""
    before = getppid()
    tell(i64(other[1]))
    while getppid() == before:
        syscall(numbers.sched_yield)
    note(0, getppid())
    note(1, getpid())
    tell(i64(other[1]))
    hear(i64(ends[0]))
    return 9


def leaves_one(unused: u64) -> i64:
    """Makes a child and ends before it."""
    child(orphaned, 0)
    hear(i64(other[0]))
    return 2


def subreaper() -> None:
    """The nearest ancestor that said so adopts, and reaps."""
    word = i32(7)
    result(b"PR_GET_CHILD_SUBREAPER", syscall(numbers.prctl, Prctl.PR_GET_CHILD_SUBREAPER, addr(word)))
    result(b"before", i64(word))
    result(b"PR_SET_CHILD_SUBREAPER", syscall(numbers.prctl, Prctl.PR_SET_CHILD_SUBREAPER, 5))
    syscall(numbers.prctl, Prctl.PR_GET_CHILD_SUBREAPER, addr(word))
    result(b"after", i64(word))
    ended(b"the parent", child(leaves_one, 0))
    hear(i64(other[0]))
    check(b"the orphan is mine", noted(0) == getpid())
    tell(i64(ends[1]))
    ended(b"the orphan", noted(1))
    note(0, 0)
    ended(b"that one", child(not_inherited, 0))
    hear(i64(other[0]))
    check(b"not inherited: also that one's orphan is mine", noted(0) == getpid())
    tell(i64(ends[1]))
    ended(b"that one's orphan", noted(1))


def not_inherited(unused: u64) -> i64:
    """A child of a subreaper is none."""
    word = i32(7)
    syscall(numbers.prctl, Prctl.PR_GET_CHILD_SUBREAPER, addr(word))
    result(b"in a child", i64(word))
    ended(b"a parent", child(leaves_one, 0))
    result(b"no child of mine", syscall(numbers.wait4, -1, 0, WNOHANG, 0))
    return 3


def zombie_of_zombie(unused: u64) -> i64:
    """A child that ends before its parent, which never waits."""
    one = child(exits, 4)
    syscall(numbers.waitid, 1, one, 0, WEXITED | WNOWAIT, 0)
    note(2, one)
    return 5


def zombies_move() -> None:
    """A zombie is adopted, too; with SIGCHLD ignored by the one who adopts it vanishes."""
    one = child(zombie_of_zombie, 0)
    ended(b"the parent of a zombie", one)
    ended(b"the zombie", noted(2))


def makes(unused: u64) -> i64:
    """A thread that makes a child and ends: the child goes to another thread."""
    note(3, child(listens, 6))
    return 0


def of_a_thread() -> None:
    """A thread's children stay with the process."""
    spawn_in(0, makes, 0)
    join(0)
    tell(i64(ends[1]))
    ended(b"child of a thread that has gone", noted(3))


calls: i64


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Told of the parent's death."""
    global calls
    calls += 1
    note(5, i64(info[4]))
    note(6, i64(info[2]))


def mourns(unused: u64) -> i64:
    """PR_SET_PDEATHSIG with a handler."""
    install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO, 0)
    result(b"PR_SET_PDEATHSIG", syscall(numbers.prctl, Prctl.PR_SET_PDEATHSIG, Signal.SIGUSR1))
    pid = fork()
    if pid == 0:
        number = i32(-1)
        syscall(numbers.prctl, Prctl.PR_GET_PDEATHSIG, addr(number))
        leave(i64(number))
    ended(b"cleared in a child", pid)
    note(4, getppid())
    empty = u64(0)
    mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR1))
    tell(i64(other[1]))
    while calls == 0:
        syscall(numbers.rt_sigsuspend, addr(empty), 8)
    hear(i64(ends[0]))
    check(b"adopted already", getppid() != noted(4))
    check(b"the signal names the dead parent", noted(5) == noted(4))
    result(b"its code", noted(6))
    return 1


def mourned(unused: u64) -> i64:
    """The parent that dies."""
    note(1, child(mourns, 0))
    hear(i64(other[0]))
    return 2


def killed_with(unused: u64) -> i64:
    """PR_SET_PDEATHSIG SIGKILL."""
    syscall(numbers.prctl, Prctl.PR_SET_PDEATHSIG, Signal.SIGKILL)
    tell(i64(other[1]))
    while True:
        syscall(numbers.pause)
    return 0


def dies_with_child(unused: u64) -> i64:
    """The parent that dies."""
    note(1, child(killed_with, 0))
    hear(i64(other[0]))
    return 2


def death_signals() -> None:
    """PR_SET_PDEATHSIG."""
    result(b"no signal 65", syscall(numbers.prctl, Prctl.PR_SET_PDEATHSIG, 65))
    ended(b"the parent", child(mourned, 0))
    tell(i64(ends[1]))
    ended(b"the one that was told", noted(1))
    ended(b"the parent", child(dies_with_child, 0))
    ended(b"the one that was killed", noted(1))


def thread_parent(unused: u64) -> i64:
    """A thread makes a child and ends: PDEATHSIG is sent then, for the parent is the thread."""
    pid = fork()
    if pid == 0:
        install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO, 0)
        mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR1))
        syscall(numbers.prctl, Prctl.PR_SET_PDEATHSIG, Signal.SIGUSR1)
        above = getppid()
        tell(i64(other[1]))
        empty = u64(0)
        while calls == 0:
            syscall(numbers.rt_sigsuspend, addr(empty), 8)
        check(b"told of the thread's end, the parent still there", getppid() == above)
        leave(3)
    note(1, pid)
    hear(i64(other[0]))
    return 0


def of_threads() -> None:
    """The death of the thread that forked."""
    spawn_in(0, thread_parent, 0)
    join(0)
    ended(b"child of the thread", noted(1))


def all_children_killed() -> None:
    """A parent killed with living children: they are adopted, one by one."""
    pid = fork()
    if pid == 0:
        note(7, child(listens, 11))
        note(8, child(listens, 12))
        tell(i64(other[1]))
        while True:
            syscall(numbers.pause)
    hear(i64(other[0]))
    waited(b"not mine yet", noted(7), WNOHANG, 0)
    kill(pid, Signal.SIGKILL)
    ended(b"killed", pid)
    waited(b"mine now", noted(7), WNOHANG, noted(7))
    waited(b"this one, too", noted(8), WNOHANG, noted(8))
    kill(noted(8), Signal.SIGTERM)
    ended(b"second", noted(8))
    tell(i64(ends[1]))
    ended(b"first", noted(7))


def vforked(unused: u64) -> i64:
    """A child in common memory ends with the process's own exit."""
    return 8


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    global page
    page = shared(4096)
    pipe(ends.ptr)
    pipe(other.ptr)
    zombies()
    subreaper()
    zombies_move()
    of_a_thread()
    death_signals()
    of_threads()
    all_children_killed()
    pid = clone_onto(u64(Clone.CLONE_VM | Clone.CLONE_VFORK | 17), prepared_stack(1, vforked, 0), 0, 0, 0)
    ended(b"posix_spawn's child", pid)
    ended(b"vfork's child", vfork_to(vforked, 0))
    result(b"nobody is left", syscall(numbers.wait4, -1, 0, 0, 0))
    say(b"end\n")
    return 0
