"""clone's process forms: what CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_PARENT, CLONE_PIDFD and the exit signal change."""

from process_tools import (
    P_PIDFD,
    WALL,
    WCLONE,
    WEXITED,
    WNOHANG,
    action_of,
    ended,
    fork,
    getpid,
    getppid,
    hear,
    kill,
    leave,
    nap,
    pipe,
    reap,
    refused,
    set_action,
    status,
    tell,
    wait4,
    waited,
)
from say import check, result, say
from signal_tools import bit, install, mask_of
from spawn import clone3_onto, clone_onto, prepared_stack

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.polling import Poll
from syscalls.flags.signals import SigAction, SigMask, Signal
from syscalls.flags.threads import Clone

SIGCHLD = 17


@struct
class CloneArgs:
    """struct clone_args of clone3(2)."""

    flags: u64
    pidfd: u64
    child_tid: u64
    parent_tid: u64
    exit_signal: u64
    stack: u64
    stack_size: u64
    tls: u64
    set_tid: u64
    set_tid_size: u64
    cgroup: u64


@struct
class PollFd:
    """struct pollfd."""

    fd: i32
    events: u16
    revents: u16


calls: i64
last: i64
sender: i64
ends: array[i32, 2]
pids: array[u32, 2]


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler: which signal, and about whom."""
    global calls, last, sender
    calls += 1
    last = number
    sender = i64(info[4])


def plain(flags: i64) -> i64:
    """clone(2) as fork is: 0 in the child."""
    return syscall(numbers.clone, flags, 0, 0, 0, 0)


def of_files() -> None:
    """CLONE_FILES: one table; CLONE_FS: one working directory and umask."""
    pid = plain(Clone.CLONE_FILES | SIGCHLD)
    if pid == 0:
        syscall(numbers.dup2, 1, 40)
        syscall(numbers.umask, 0o77)
        leave(0)
    ended(b"CLONE_FILES", pid)
    result(b"descriptor of the child", syscall(numbers.close, 40))
    result(b"umask", i64(syscall(numbers.umask, 0o22) == 0o77))
    pid = plain(Clone.CLONE_FS | SIGCHLD)
    if pid == 0:
        syscall(numbers.dup2, 1, 40)
        syscall(numbers.umask, 0o75)
        syscall(numbers.chdir, b"/\0".ptr)
        leave(0)
    ended(b"CLONE_FS", pid)
    result(b"no descriptor of the child", syscall(numbers.close, 40))
    result(b"umask of the child", syscall(numbers.umask, 0o22))
    path = array[u8, 64]()
    syscall(numbers.getcwd, path.ptr, 64)
    check(b"cwd of the child", path[0] == 0x2F and path[1] == 0)


def acts(unused: u64) -> i64:
    """With CLONE_SIGHAND the action is everybody's; the mask and what is pending are not."""
    set_action(Signal.SIGUSR1, 1, 0)
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGUSR2))
    kill(getpid(), Signal.SIGUSR2)
    return 0


def of_actions() -> None:
    """CLONE_SIGHAND with CLONE_VM, and CLONE_CLEAR_SIGHAND."""
    install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO, 0)
    pid = clone_onto(u64(Clone.CLONE_VM | SIGCHLD), prepared_stack(0, acts, 0), 0, 0, 0)
    ended(b"CLONE_VM", pid)
    check(b"the handler is still there", action_of(Signal.SIGUSR1) == u64(notes))
    pid = clone_onto(u64(Clone.CLONE_VM | Clone.CLONE_SIGHAND | SIGCHLD), prepared_stack(0, acts, 0), 0, 0, 0)
    ended(b"CLONE_SIGHAND", pid)
    check(b"the child has changed it", action_of(Signal.SIGUSR1) == 1)
    check(b"but not the mask", mask_of(SigMask.SIG_BLOCK, 0) == 0)
    install(Signal.SIGUSR2, notes, SigAction.SA_SIGINFO, 0)
    args = CloneArgs()
    args.flags = u64(Clone.CLONE_CLEAR_SIGHAND)
    args.exit_signal = u64(SIGCHLD)
    pid = syscall(numbers.clone3, args, 88)
    if pid == 0:
        check(b"handled is default again", action_of(Signal.SIGUSR2) == 0)
        check(b"ignored stays ignored", action_of(Signal.SIGUSR1) == 1)
        leave(0)
    ended(b"CLONE_CLEAR_SIGHAND", pid)
    check(b"the parent's handler", action_of(Signal.SIGUSR2) == u64(notes))


def of_exit_signals() -> None:
    """Which signal tells of the end, and which waits see such children."""
    global calls
    install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO, 0)
    install(Signal.SIGCHLD, notes, SigAction.SA_SIGINFO, 0)
    calls = 0
    pid = plain(Signal.SIGUSR1)
    if pid == 0:
        leave(1)
    waited(b"plain wait of a child that sends SIGUSR1", pid, 0, pid)
    waited(b"wait for a clone child", pid, WCLONE, pid)
    check(b"the signal was SIGUSR1 about the child", last == Signal.SIGUSR1 and sender == pid and calls == 1)
    pid = plain(0)
    if pid == 0:
        leave(2)
    waited(b"plain wait of a silent child", -1, 0, pid)
    waited(b"wait for all", -1, WALL, pid)
    result(b"signals", calls)
    pid = plain(SIGCHLD)
    if pid == 0:
        leave(3)
    waited(b"wait for a clone child of a plain child", -1, WCLONE, pid)
    waited(b"plain wait", -1, 0, pid)
    check(b"SIGCHLD", last == SIGCHLD and calls == 2)
    pid = plain(Signal.SIGUSR1)
    if pid == 0:
        leave(4)
    other = fork()
    if other == 0:
        leave(5)
    waited(b"both: the plain one", -1, 0, other)
    waited(b"both: the other one", -1, WCLONE, pid)
    set_action(Signal.SIGCHLD, 0, 0)


def of_parents() -> None:
    """CLONE_PARENT: the new one is the caller's sibling."""
    me = getpid()
    pipe(ends.ptr)
    pid = fork()
    if pid == 0:
        sibling = plain(Clone.CLONE_PARENT | SIGCHLD)
        if sibling == 0:
            leave(11 if getppid() == me else 0)
        result(b"no child of mine", syscall(numbers.wait4, sibling, 0, 0, 0))
        syscall(numbers.write, ends[1], addr(sibling), 8)
        leave(12)
    sibling = i64(0)
    syscall(numbers.read, ends[0], addr(sibling), 8)
    ended(b"sibling", sibling)
    ended(b"child", pid)


def of_pidfds() -> None:
    """CLONE_PIDFD."""
    fd = i32(-1)
    pid = syscall(numbers.clone, Clone.CLONE_PIDFD | SIGCHLD, 0, addr(fd), 0, 0)
    if pid == 0:
        hear(i64(ends[0]))
        leave(21)
    check(b"a descriptor", fd > 2)
    result(b"its FD_CLOEXEC", syscall(numbers.fcntl, fd, 1, 0))
    poll = PollFd(fd, u16(Poll.POLLIN), 0)
    result(b"not ready", syscall(numbers.poll, poll, 1, 0))
    tell(i64(ends[1]))
    result(b"ready", syscall(numbers.poll, poll, 1, -1))
    result(b"events", i64(poll.revents))
    info = array[i32, 32]()
    result(b"waitid", syscall(numbers.waitid, P_PIDFD, fd, info.ptr, WEXITED, 0))
    check(b"about the child", i64(info[4]) == pid and info[6] == 21)
    syscall(numbers.close, fd)


def of_words() -> None:
    """CLONE_CHILD_CLEARTID in shared memory; the ids that clone stores."""
    page = u64(syscall(numbers.mmap, 0, 4096, 3, 0x21, -1, 0))
    word = ptr[u32](page)
    word[0] = 77
    pid = syscall(numbers.clone, Clone.CLONE_CHILD_CLEARTID | SIGCHLD, 0, 0, page, 0)
    if pid == 0:
        leave(0)
    ended(b"child", pid)
    result(b"CLONE_CHILD_CLEARTID in shared memory", i64(word[0]))
    word[0] = 77
    pid = syscall(numbers.clone, Clone.CLONE_CHILD_SETTID | SIGCHLD, 0, 0, page, 0)
    if pid == 0:
        leave(i64(i64(word[0]) == getpid()))
    ended(b"CLONE_CHILD_SETTID", pid)
    check(b"seen by the parent", i64(word[0]) == pid)
    refused(
        b"bad word for CLONE_PARENT_SETTID",
        syscall(numbers.clone, Clone.CLONE_PARENT_SETTID | SIGCHLD, 0, 8, 0, 0),
    )
    refused(
        b"bad word for CLONE_CHILD_SETTID",
        syscall(numbers.clone, Clone.CLONE_CHILD_SETTID | SIGCHLD, 0, 0, 8, 0),
    )
    refused(b"bad word for CLONE_PIDFD", syscall(numbers.clone, Clone.CLONE_PIDFD | SIGCHLD, 0, 8, 0, 0))


def third(value: u64) -> i64:
    """A child of clone3 with its own stack."""
    return i64(value)


def with_clone3() -> None:
    """The same by clone3: stack, exit signal, pidfd, ids."""
    stack = array[u8, 32768]()
    top = ptr[u64]((u64(stack.ptr) + 32768) & 0xFFFFFFFFFFFFFFF0)
    top[-2] = 33
    top[-1] = u64(third)
    fd = i32(-1)
    args = CloneArgs()
    args.flags = u64(Clone.CLONE_VM | Clone.CLONE_VFORK | Clone.CLONE_PIDFD | Clone.CLONE_PARENT_SETTID)
    args.pidfd = u64(addr(fd))
    args.parent_tid = u64(addr(pids[0]))
    args.exit_signal = u64(SIGCHLD)
    args.stack = u64(stack.ptr)
    args.stack_size = u64(top - 2) - u64(stack.ptr)
    pid = clone3_onto(u64(ptr[u8](args)), 88)
    check(b"clone3", pid > 0 and i64(pids[0]) == pid and fd > 2)
    ended(b"child of clone3", pid)
    syscall(numbers.close, fd)
    args = CloneArgs()
    args.exit_signal = u64(Signal.SIGUSR2)
    pid = syscall(numbers.clone3, args, 64)
    if pid == 0:
        leave(2)
    value, word = wait4(pid, WALL)
    status(b"64 bytes are enough", word)
    value, word = wait4(pid, WALL | WNOHANG)
    result(b"gone", value)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    of_files()
    of_actions()
    of_exit_signals()
    of_parents()
    of_pidfds()
    of_words()
    with_clone3()
    nap(0)
    result(b"nobody is left", reap(-1))
    say(b"end\n")
    return i64(pids[1])
