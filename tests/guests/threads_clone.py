"""clone(2), clone3(2) and exit: what is refused, what a thread shares and inherits, where its id is stored and cleared."""

from say import check, result
from spawn import THREAD, clone3_onto, clone_onto, join, prepared_stack, spawn_in, tids

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigMask
from syscalls.flags.threads import Arch, Clone, Futex, Prctl


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
    beyond: u64


seen: array[i64, 8]
parent_word: u32
gate: u32
block: array[u64, 8]
UNMAPPED = 0x10000
KERNEL = 0x7FFFFFFFF000


def bare_clone(flags: u64, tls: u64) -> i64:
    """A clone that must fail: it has no stack for a child."""
    return syscall(numbers.clone, flags, 0, 0, 0, tls)


def refusals() -> None:
    """Combinations that make no sense."""
    thread = u64(Clone.CLONE_THREAD)
    result(b"THREAD without SIGHAND", bare_clone(thread, 0))
    result(b"THREAD and VM without SIGHAND", bare_clone(thread | Clone.CLONE_VM, 0))
    result(b"SIGHAND without VM", bare_clone(Clone.CLONE_SIGHAND, 0))
    result(b"THREAD and SIGHAND without VM", bare_clone(thread | Clone.CLONE_SIGHAND, 0))
    result(b"FS with NEWNS", bare_clone(Clone.CLONE_FS | Clone.CLONE_NEWNS, 0))
    result(b"FS with NEWUSER", bare_clone(Clone.CLONE_FS | Clone.CLONE_NEWUSER, 0))
    result(b"thread with NEWPID", bare_clone(u64(THREAD) | Clone.CLONE_NEWPID, 0))
    result(b"NEWIPC with SYSVSEM", bare_clone(Clone.CLONE_NEWIPC | Clone.CLONE_SYSVSEM, 0))
    result(b"PIDFD with PARENT_SETTID", bare_clone(Clone.CLONE_PIDFD | Clone.CLONE_PARENT_SETTID, 0))
    result(b"TLS in kernel space", bare_clone(u64(THREAD) | Clone.CLONE_SETTLS, KERNEL))


def clone3(args: CloneArgs, size: i64) -> i64:
    """The raw call."""
    return syscall(numbers.clone3, addr(args), size)


def refusals_of_clone3() -> None:
    """Sizes and members that clone3 takes a look at."""
    args = CloneArgs()
    result(b"clone3 too small", clone3(args, 63))
    result(b"clone3 too large", clone3(args, 4097))
    args.beyond = 1
    result(b"clone3 with unknown members set", clone3(args, 96))
    args.beyond = 0
    result(b"clone3 unmapped", syscall(numbers.clone3, UNMAPPED, 64))
    args.exit_signal = 65
    result(b"clone3 bad exit signal", clone3(args, 88))
    args.exit_signal = 17
    args.flags = u64(THREAD)
    result(b"clone3 thread with exit signal", clone3(args, 88))
    args.exit_signal = 0
    args.flags = u64(THREAD) | Clone.CLONE_DETACHED
    result(b"clone3 DETACHED", clone3(args, 88))
    args.flags = u64(THREAD) | 17
    result(b"clone3 signal in the flags", clone3(args, 88))
    args.flags = u64(THREAD) | u64(0x400000000)
    result(b"clone3 unknown flag", clone3(args, 88))
    args.flags = u64(THREAD) | Clone.CLONE_CLEAR_SIGHAND
    result(b"clone3 SIGHAND with CLEAR_SIGHAND", clone3(args, 88))
    args.flags = u64(THREAD)
    args.stack_size = 4096
    result(b"clone3 size without stack", clone3(args, 88))
    args.stack = 4096
    args.stack_size = 0
    result(b"clone3 stack without size", clone3(args, 88))
    args.stack_size = 0xFFFFFFFFFFFFF000
    result(b"clone3 stack beyond the end", clone3(args, 88))
    args.stack = 0
    args.stack_size = 0
    args.set_tid_size = 1
    result(b"clone3 set_tid_size without set_tid", clone3(args, 88))
    args.set_tid_size = 33
    args.set_tid = u64(addr(args))
    result(b"clone3 set_tid_size too large", clone3(args, 88))
    args.set_tid_size = 0
    result(b"clone3 set_tid without size", clone3(args, 88))


def look_around(argument: u64) -> i64:
    """What a new thread finds."""
    seen[0] = i64(argument)
    seen[1] = syscall(numbers.getpid)
    seen[2] = syscall(numbers.gettid)
    seen[3] = i64(tids[0])
    held = u64(0)
    syscall(numbers.rt_sigprocmask, SigMask.SIG_BLOCK, 0, addr(held), 8)
    seen[4] = i64(held)
    name = array[u8, 16]()
    syscall(numbers.prctl, Prctl.PR_GET_NAME, name.ptr)
    seen[5] = i64(name[0])
    base = u64(0)
    syscall(numbers.arch_prctl, Arch.ARCH_GET_FS, addr(base))
    seen[6] = i64(base)
    syscall(numbers.prctl, Prctl.PR_SET_NAME, b"child\0".ptr)
    return 0


def inherits() -> None:
    """Ids, mask, name, TLS."""
    mask = u64(0x800)  # SIGUSR2
    syscall(numbers.rt_sigprocmask, SigMask.SIG_BLOCK, addr(mask), 0, 8)
    syscall(numbers.prctl, Prctl.PR_SET_NAME, b"parent\0".ptr)
    flags = (
        u64(THREAD)
        | Clone.CLONE_PARENT_SETTID
        | Clone.CLONE_CHILD_SETTID
        | Clone.CLONE_CHILD_CLEARTID
        | Clone.CLONE_SETTLS
    )
    tids[0] = 1  # the child stores its id itself, at a time of its own
    tid = clone_onto(
        flags,
        prepared_stack(0, look_around, 42),
        u64(addr(parent_word)),
        u64(addr(tids[0])),
        u64(addr(block)),
    )
    check(b"the id is positive", tid > 0)
    check(b"the parent's word has it", i64(parent_word) == tid)
    join(0)
    result(b"the argument", seen[0])
    check(b"same pid", seen[1] == syscall(numbers.getpid))
    check(b"the child's own tid", seen[2] == tid)
    check(b"CHILD_SETTID stored it", seen[3] == tid)
    check(b"which is another", seen[2] != syscall(numbers.gettid))
    result(b"mask inherited", seen[4])
    result(b"name inherited", seen[5])
    check(b"TLS set", u64(seen[6]) == u64(addr(block)))
    name = array[u8, 16]()
    syscall(numbers.prctl, Prctl.PR_GET_NAME, name.ptr)
    result(b"the parent keeps its name", i64(name[0]))
    mask = 0
    syscall(numbers.rt_sigprocmask, SigMask.SIG_SETMASK, addr(mask), 0, 8)


def wait_at_gate(argument: u64) -> i64:
    """A thread that stays until the gate opens."""
    while gate == 0:
        syscall(numbers.futex, addr(gate), Futex.FUTEX_WAIT_PRIVATE, 0, 0)
    return 0


def life_and_death() -> None:
    """A thread can be named while it lives, and not after."""
    global gate
    tid = spawn_in(1, wait_at_gate, 0)
    pid = syscall(numbers.getpid)
    result(b"tgkill of nothing to it", syscall(numbers.tgkill, pid, tid, 0))
    result(b"tkill of nothing to it", syscall(numbers.tkill, tid, 0))
    result(b"kill by its tid", syscall(numbers.kill, tid, 0))
    result(b"tgkill, other group", syscall(numbers.tgkill, tid, tid, 0))
    result(b"tgkill, signal 65", syscall(numbers.tgkill, pid, tid, 65))
    gate = 1
    syscall(numbers.futex, addr(gate), Futex.FUTEX_WAKE_PRIVATE, 1)
    join(1)
    while syscall(numbers.tkill, tid, 0) == 0:
        syscall(numbers.sched_yield)
    result(b"after its end", syscall(numbers.tgkill, pid, tid, 0))


def with_clone3() -> None:
    """clone3 gives the child the stack's upper end."""
    args = CloneArgs()
    args.flags = u64(THREAD) | Clone.CLONE_CHILD_CLEARTID | Clone.CLONE_PARENT_SETTID
    args.child_tid = u64(addr(tids[2]))
    args.parent_tid = u64(addr(tids[2]))
    args.stack = prepared_stack(2, look_around, 43) - 1024
    args.stack_size = 1024
    tid = clone3_onto(u64(addr(args)), 88)
    check(b"clone3 made a thread", tid > 0)
    join(2)
    result(b"its argument", seen[0])


def bad_words() -> None:
    """Addresses for the ids that cannot be written are no error."""
    global gate
    flags = u64(THREAD) | Clone.CLONE_PARENT_SETTID | Clone.CLONE_CHILD_SETTID | Clone.CLONE_CHILD_CLEARTID
    gate = 0
    tid = clone_onto(flags, prepared_stack(3, wait_at_gate, 0), UNMAPPED, UNMAPPED, 0)
    check(b"a thread all the same", tid > 0)
    gate = 1
    syscall(numbers.futex, addr(gate), Futex.FUTEX_WAKE_PRIVATE, 1)
    while syscall(numbers.tkill, tid, 0) == 0:
        syscall(numbers.sched_yield)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them; the process ends with the main thread's status, though another ends last."""
    global gate
    refusals()
    refusals_of_clone3()
    inherits()
    life_and_death()
    with_clone3()
    bad_words()
    check(b"set_tid_address is gettid", syscall(numbers.set_tid_address, 0) == syscall(numbers.gettid))
    gate = 0
    spawn_in(4, linger, 0)
    syscall(numbers.exit, 7)
    return 0


def linger(argument: u64) -> i64:
    """A thread that outlives the main thread."""
    for _ in range(50):
        syscall(numbers.sched_yield)
    check(b"the other thread goes on", True)
    return 9
