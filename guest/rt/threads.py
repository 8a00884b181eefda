"""Threads: clone(2) with a guarded stack and a block that fs points at."""

from guest.lang import addr, asm, fn, i64, naked, noinline, ptr, struct, thread_pointer, u32, u64
from guest.rt.abi import (
    CLONE_FILES,
    CLONE_FS,
    CLONE_SETTLS,
    CLONE_SIGHAND,
    CLONE_SYSVSEM,
    CLONE_THREAD,
    CLONE_VM,
    MAP_ANONYMOUS,
    MAP_PRIVATE,
    MAP_STACK,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from guest.rt.sys import mmap, mprotect, set_thread_pointer

STACK_SIZE = 64 << 10
GUARD_SIZE = 4096
BLOCK_SIZE = 4096  # the thread's own block, above its stack


@struct
class Thread:
    """What each thread has to itself, at fs:0. The x86_64 TLS ABI wants the block's own address first."""

    self_address: u64
    task: u64  # handle of the task that runs, 0 between tasks
    budget: u32  # how many more operations that task may do before it has to let others run
    ticks: u32  # tasks run since the last look at the descriptors


main_thread: Thread


@noinline
def current() -> ptr[Thread]:
    """The calling thread's block. Not inlined: a coroutine may resume on another thread than it was suspended on."""
    return ptr[Thread](thread_pointer())


def adopt_main_thread() -> None:
    """Give the thread that the kernel started a block like the others'."""
    main_thread.self_address = u64(addr(main_thread))
    set_thread_pointer(u64(addr(main_thread)))


def spawn(entry: fn[[u64], None], argument: u64) -> i64:
    """Start a thread that calls `entry(argument)` and ends when it returns; its thread id, or minus an errno."""
    size = u64(GUARD_SIZE + STACK_SIZE + BLOCK_SIZE)
    mapped = mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK)
    if mapped < 0:
        return mapped
    guarded = mprotect(u64(mapped), u64(GUARD_SIZE), PROT_NONE)
    if guarded < 0:
        return guarded
    block = ptr[Thread](mapped + GUARD_SIZE + STACK_SIZE)
    block.self_address = u64(block)
    top = ptr[u64](u64(block))
    top[-2] = argument  # the trampoline pops these two
    top[-1] = u64(entry)
    flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS
    return clone_thread(u64(flags), u64(top - 2), u64(block))


@naked
def clone_thread(flags: u64, stack: u64, thread_block: u64) -> i64:
    """clone(2), whose child comes back on an empty stack: it takes its argument and entry from there and never returns."""
    asm(
        "mov r8, rdx\n"
        "xor edx, edx\n"
        "xor r10d, r10d\n"
        "mov eax, 56\n"  # clone
        "syscall\n"
        "test rax, rax\n"
        "jz 1f\n"
        "ret\n"
        "1: xor ebp, ebp\n"
        "pop rdi\n"
        "pop rax\n"
        "call rax\n"
        "xor edi, edi\n"
        "mov eax, 60\n"  # exit: of this thread only
        "syscall\n"
        "ud2"
    )
