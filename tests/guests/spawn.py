"""Threads for test guests: clone(2) with all its arguments, and waiting for a thread's end by its cleared id."""

from guest.lang import addr, array, asm, fn, i64, naked, ptr, syscall, u8, u32, u64
from syscalls import numbers
from syscalls.flags.threads import Clone, Futex

STACK = 16384
MOST = 16
THREAD = (
    Clone.CLONE_VM
    | Clone.CLONE_FS
    | Clone.CLONE_FILES
    | Clone.CLONE_SIGHAND
    | Clone.CLONE_THREAD
    | Clone.CLONE_SYSVSEM
)

stacks: array[array[u8, 16384], 16]
tids: array[u32, 16]  # by slot: the kernel stores the thread's id, and zero when it has ended


@naked
def clone_onto(flags: u64, stack: u64, parent_tid: u64, child_tid: u64, tls: u64) -> i64:
    """clone(2); the child takes its argument and entry from its stack, and exits with what the entry returns."""
    asm(
        "mov r10, rcx\n"
        "mov eax, 56\n"
        "syscall\n"
        "test rax, rax\n"
        "jz 1f\n"
        "ret\n"
        "1: xor ebp, ebp\n"
        "pop rdi\n"
        "pop rax\n"
        "call rax\n"
        "mov rdi, rax\n"
        "mov eax, 60\n"
        "syscall\n"
        "ud2"
    )


def prepared_stack(slot: i64, entry: fn[[u64], i64], argument: u64) -> u64:
    """The stack pointer for a child that is to call `entry(argument)`."""
    top = ptr[u64]((u64(addr(stacks[slot][0])) + STACK) & 0xFFFFFFFFFFFFFFF0)
    top[-2] = argument
    top[-1] = u64(entry)
    return u64(top - 2)


def spawn_in(slot: i64, entry: fn[[u64], i64], argument: u64) -> i64:
    """A thread that calls `entry(argument)`; `join(slot)` waits for its end. Its id, or minus an errno."""
    at = u64(addr(tids[slot]))
    flags = THREAD | Clone.CLONE_PARENT_SETTID | Clone.CLONE_CHILD_CLEARTID
    return clone_onto(u64(flags), prepared_stack(slot, entry, argument), at, at, 0)


def join(slot: i64) -> None:
    """Wait until the thread of a slot has ended."""
    while True:
        tid = tids[slot]
        if tid == 0:
            return
        syscall(numbers.futex, addr(tids[slot]), Futex.FUTEX_WAIT, tid, 0)


def waiters(word: u64, flag: i64) -> i64:
    """How many threads wait for a futex: requeueing them onto itself tells. `flag` is 0 or FUTEX_PRIVATE_FLAG."""
    return syscall(numbers.futex, word, Futex.FUTEX_REQUEUE | flag, 0, 1000, word, 0)


def await_waiters(word: u64, flag: i64, count: i64) -> None:
    """Let the others run until so many wait."""
    while waiters(word, flag) != count:
        syscall(numbers.sched_yield)


@naked
def clone3_onto(args: u64, size: u64) -> i64:
    """clone3(2); the child goes on as that of `clone_onto`."""
    asm(
        "mov eax, 435\n"
        "syscall\n"
        "test rax, rax\n"
        "jz 1f\n"
        "ret\n"
        "1: xor ebp, ebp\n"
        "pop rdi\n"
        "pop rax\n"
        "call rax\n"
        "mov rdi, rax\n"
        "mov eax, 60\n"
        "syscall\n"
        "ud2"
    )
