"""One memory for several processes, and many memories: maps, breaks and faults after CLONE_VM and fork; the end of one is not that of the other."""

from process_tools import (
    child,
    ended,
    fork,
    getpid,
    getppid,
    hear,
    kill,
    leave,
    no_core,
    pipe,
    put_word,
    shared,
    tell,
    word_at,
)
from say import check, result
from signal_tools import install
from spawn import clone_onto, join, prepared_stack, spawn_in

from guest.lang import addr, array, asm, i32, i64, noinline, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Map, Mremap, Prot
from syscalls.flags.signals import SigAction, Signal
from syscalls.flags.threads import Clone

ends: array[i32, 2]
back: array[i32, 2]
page: u64
word: u64
caught: i64
code: array[u8, 4096]


def private(size: i64) -> u64:
    """Anonymous memory of one's own."""
    return u64(
        syscall(
            numbers.mmap,
            0,
            size,
            Prot.PROT_READ | Prot.PROT_WRITE,
            Map.MAP_PRIVATE | Map.MAP_ANONYMOUS,
            -1,
            0,
        )
    )


def maps(unused: u64) -> i64:
    """In the parent's memory: a map, a break, a protection."""
    global word
    word = private(4096)
    put_word(word, 77)
    syscall(numbers.brk, syscall(numbers.brk, 0) + 8192)
    syscall(numbers.munmap, page, 4096)
    return 0


def common() -> None:
    """CLONE_VM: what the child maps is there for the parent, also when the child has gone."""
    global page
    page = private(4096)
    before = syscall(numbers.brk, 0)
    pid = clone_onto(u64(Clone.CLONE_VM | 17), prepared_stack(0, maps, 0), 0, 0, 0)
    ended(b"child in the same memory", pid)
    check(b"its map is here", word_at(word) == 77)
    result(b"its break", syscall(numbers.brk, 0) - before)
    result(b"its unmapping", syscall(numbers.write, back[1], page, 1))


def faults(unused: u64) -> i64:
    """Dies of a fault in common memory; the parent lives."""
    ptr[u8](u64(16))[0] = 1
    return 0


def outlives(unused: u64) -> i64:
    """A child in the memory of a parent that ends."""
    above = getppid()
    tell(i64(back[1]))
    while getppid() == above:
        syscall(numbers.sched_yield)
    put_word(u64(addr(word)), 5)
    tell(i64(back[1]))
    return i64(word_at(u64(addr(word))))


def ends_apart() -> None:
    """The end of one that shares memory."""
    ended(b"a fault", clone_onto(u64(Clone.CLONE_VM | 17), prepared_stack(0, faults, 0), 0, 0, 0))
    syscall(numbers.prctl, 36, 1)
    pid = fork()
    if pid == 0:
        other = clone_onto(u64(Clone.CLONE_VM | 17), prepared_stack(0, outlives, 0), 0, 0, 0)
        hear(i64(back[0]))
        leave(i64(other > 0))
    ended(b"the parent of one in the same memory", pid)
    hear(i64(back[0]))
    ended(b"which lived on", -1)


def deeper(depth: i64) -> i64:
    """Memory of a chain of forks: each adds to its copy."""
    global word
    word = word * 3 + u64(depth)
    if depth == 0:
        return i64(word & 0x7F)
    pid = fork()
    if pid == 0:
        leave(deeper(depth - 1))
    status = i32(0)
    syscall(numbers.wait4, pid, addr(status), 0, 0)
    return i64(status) >> 8


def chains() -> None:
    """Eight generations."""
    global word
    word = 1
    result(b"eighth generation", deeper(8))
    check(b"the first one's word", word == 11)


def large() -> None:
    """A sparse gigabyte is forked as fast as nothing; what is written afterwards is private."""
    at = private(1 << 30)
    for i in range(0, 1 << 30, 1 << 27):
        put_word(at + u64(i), u32(i >> 20))
    pid = fork()
    if pid == 0:
        good = i64(0)
        for i in range(0, 1 << 30, 1 << 27):
            if word_at(at + u64(i)) == u32(i >> 20):
                good += 1
            put_word(at + u64(i), 0)
        leave(good)
    ended(b"good words", pid)
    check(b"here as well", word_at(at + (1 << 27)) == 128)
    moved = u64(syscall(numbers.mremap, at, 4096, 8192, Mremap.MREMAP_MAYMOVE))
    pid = fork()
    if pid == 0:
        leave(syscall(numbers.munmap, at, 1 << 30))
    ended(b"unmapped by a child", pid)
    check(b"still here", moved != 0 and word_at(at + (1 << 28)) == 256)
    syscall(numbers.munmap, at, 1 << 30)


def catches(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A SIGSEGV handler of a child: maps what was missing."""
    global caught
    caught += 1
    where = ptr[u64](ptr[u8](info) + 16)[0]
    syscall(numbers.mprotect, where & 0xFFFFFFFFFFFFF000, 4096, Prot.PROT_READ | Prot.PROT_WRITE)


def by_handler() -> None:
    """Rights that a child's handler gives are the child's."""
    install(Signal.SIGSEGV, catches, SigAction.SA_SIGINFO, 0)
    at = private(4096)
    syscall(numbers.mprotect, at, 4096, Prot.PROT_NONE)
    pid = fork()
    if pid == 0:
        put_word(at, 3)
        leave(caught * 10 + i64(word_at(at)))
    ended(b"child with a handler", pid)
    result(b"not here", syscall(numbers.write, back[1], at, 1))


def writes_code(value: u8) -> None:
    """mov eax, value; ret."""
    code[0] = 0xB8
    code[1] = value
    code[2] = 0
    code[3] = 0
    code[4] = 0
    code[5] = 0xC3


@noinline
def calls_code() -> i64:
    """What the code says."""
    return asm[i64]("call $1", "={rax},r", u64(code.ptr))


def own_code() -> None:
    """The same address holds other code in each process."""
    syscall(
        numbers.mprotect,
        u64(code.ptr) & 0xFFFFFFFFFFFFF000,
        8192,
        Prot.PROT_READ | Prot.PROT_WRITE | Prot.PROT_EXEC,
    )
    writes_code(1)
    result(b"code", calls_code())
    pid = fork()
    if pid == 0:
        writes_code(2)
        tell(i64(back[1]))
        hear(i64(ends[0]))
        leave(calls_code())
    hear(i64(back[0]))
    result(b"the parent's", calls_code())
    writes_code(3)
    tell(i64(ends[1]))
    ended(b"the child's", pid)
    result(b"the parent's", calls_code())


def spins(unused: u64) -> i64:
    """A thread that writes while its process forks."""
    while word_at(page) == 0:
        put_word(page + 8, word_at(page + 8) + 1)
    return 0


def while_written() -> None:
    """Forks while a thread writes to private memory: each child's copy stands still."""
    global page
    page = private(4096)
    spawn_in(1, spins, 0)
    good = i64(0)
    for _ in range(10):
        pid = fork()
        if pid == 0:
            first = word_at(page + 8)
            for _ in range(50):
                syscall(numbers.sched_yield)
            leave(i64(word_at(page + 8) == first))
        status = i32(0)
        syscall(numbers.wait4, pid, addr(status), 0, 0)
        good += i64(status) >> 8
    put_word(page, 1)
    join(1)
    result(b"copies that stood still", good)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    no_core()
    pipe(ends.ptr)
    pipe(back.ptr)
    common()
    ends_apart()
    chains()
    large()
    by_handler()
    own_code()
    while_written()
    check(b"shared memory", shared(4096) != 0 and getpid() > 0 and kill(getpid(), 0) == 0)
    result(b"nobody is left", syscall(numbers.wait4, -1, 0, 0, 0))
    ended(b"nobody", child(quits, 3))
    return 0


def quits(value: u64) -> i64:
    """At once."""
    return i64(value)
