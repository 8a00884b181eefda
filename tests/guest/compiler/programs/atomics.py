"""Atomic operations, fences, and two threads made with clone that count together."""

from prelude import _start, exit, show, show_bool

from guest.lang import (
    acq_rel,
    acquire,
    addr,
    array,
    asm,
    atomic,
    fence,
    i32,
    i64,
    naked,
    null,
    pause,
    ptr,
    relaxed,
    release,
    syscall,
    thread_pointer,
    u8,
    u32,
    u64,
)

EXIT = 60
CLONE_FLAGS = 0x00000100 | 0x00000200 | 0x00000400 | 0x00000800 | 0x00010000 | 0x00080000 | 0x00200000

counter: u64
finished: u32
stack: array[u8, 65536]
block: array[u64, 8]
tail: u32
where: ptr[u8]


@naked
def clone_thread(flags: u64, stack: u64, block: u64, cell: u64) -> i64:
    asm("""
        mov r8, rdx
        mov r10, rcx
        mov eax, 56
        xor edx, edx
        syscall
        test rax, rax
        jnz 1f
        xor ebp, ebp
        call {thread}
        ud2
    1:
        ret
    """)


def thread() -> None:
    for _ in range(1000):
        atomic.add(addr(counter), 1, relaxed)
    atomic.add(addr(counter), thread_pointer() - u64(addr(block[0])))
    atomic.store(addr(finished), 1, release)
    syscall(EXIT, 0)


def main() -> i64:
    n: u32 = 5
    p = addr(n)
    show(atomic.load(p))  # => 5
    atomic.store(p, 6, relaxed)
    show(atomic.exchange(p, 7, acq_rel))  # => 6
    show(atomic.compare_exchange(p, 7, 8))  # => 7
    show(atomic.compare_exchange(p, 7, 9, acq_rel))  # => 8
    show(atomic.add(p, 4))  # => 8
    show(atomic.sub(p, 2))  # => 12
    show(atomic.or_(p, 5))  # => 10
    show(atomic.and_(p, 6))  # => 15
    show(atomic.load(p, acquire))  # => 6
    signed: i32 = -1
    show(atomic.add(addr(signed), -1))  # => -1
    show(signed)  # => -2
    atomic.store(addr(where), ptr[u8](8))
    show_bool(atomic.compare_exchange(addr(where), ptr[u8](8), null) == ptr[u8](8))  # => true
    show_bool(where == null)  # => true
    fence()
    block[0] = u64(addr(block[0]))
    top = u64(stack.ptr) + u64(len(stack))
    made = clone_thread(CLONE_FLAGS, top, u64(addr(block[0])), u64(addr(tail)))
    if made < 0:
        exit(1)
    for _ in range(1000):
        atomic.add(addr(counter), 1)
    while atomic.load(addr(finished), acquire) == 0:
        pause()
    show(i64(counter))  # => 2000
    return 0
