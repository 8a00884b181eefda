"""fork: the child's private memory is its own; what is shared is common; descriptors share their descriptions."""

from process_tools import child, ended, fork, getpid, getppid, leave, pipe, put_word, shared, whose, word_at
from say import check, result

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Map, Open, Prot, Seek

data: u32 = 7
bss: array[u8, 8192]


def mapped(flags: i64, fd: i64) -> u64:
    """4 KiB."""
    return u64(syscall(numbers.mmap, 0, 4096, Prot.PROT_READ | Prot.PROT_WRITE, flags, fd, 0))


def memory() -> None:
    """Each kind of memory, written by both after the fork."""
    global data
    stack = array[u32, 4]()
    brk = syscall(numbers.brk, 0)
    syscall(numbers.brk, brk + 4096)
    heap = u64(brk)
    memfd = syscall(numbers.memfd_create, b"m\0".ptr, 0)
    syscall(numbers.ftruncate, memfd, 4096)
    private = mapped(Map.MAP_PRIVATE | Map.MAP_ANONYMOUS, -1)
    common = mapped(Map.MAP_SHARED | Map.MAP_ANONYMOUS, -1)
    of_memfd = mapped(Map.MAP_SHARED, memfd)
    copy_of_memfd = mapped(Map.MAP_PRIVATE, memfd)
    put_word(of_memfd, 5)
    put_word(copy_of_memfd + 8, 5)
    data = 1
    stack[0] = 1
    bss[5000] = 1
    put_word(heap, 1)
    put_word(private, 1)
    put_word(common, 1)
    ends = array[i32, 2]()
    pipe(ends.ptr)
    pid = fork()
    if pid == 0:
        check(
            b"the child sees what was",
            data == 1 and stack[0] == 1 and bss[5000] == 1 and word_at(heap) == 1 and word_at(private) == 1,
        )
        check(b"and what is shared", word_at(common) == 1 and word_at(of_memfd) == 5)
        check(b"and the private copy of a file", word_at(copy_of_memfd + 8) == 5)
        data = 2
        stack[0] = 2
        bss[5000] = 2
        put_word(heap, 2)
        put_word(private, 2)
        put_word(common, 2)
        put_word(of_memfd, 6)
        put_word(copy_of_memfd + 8, 6)
        syscall(numbers.munmap, private, 4096)
        grown = syscall(numbers.brk, brk + 65536)
        leave(i64(grown == brk + 65536))
    ended(b"child", pid)
    check(b"data is the parent's", data == 1)
    check(b"stack is the parent's", stack[0] == 1)
    check(b"bss is the parent's", bss[5000] == 1)
    check(b"heap is the parent's", word_at(heap) == 1)
    check(b"private map is the parent's", word_at(private) == 1)
    check(b"private copy of a file is the parent's", word_at(copy_of_memfd + 8) == 5)
    check(b"the break is the parent's", syscall(numbers.brk, 0) == brk + 4096)
    check(b"shared memory has the child's word", word_at(common) == 2)
    check(b"shared file has the child's word", word_at(of_memfd) == 6)
    check(b"the file has it, too", i64(word_at(mapped(Map.MAP_SHARED, memfd))) == 6)


def advice() -> None:
    """MADV_DONTFORK and MADV_WIPEONFORK."""
    wiped = mapped(Map.MAP_PRIVATE | Map.MAP_ANONYMOUS, -1)
    missing = mapped(Map.MAP_PRIVATE | Map.MAP_ANONYMOUS, -1)
    put_word(wiped, 3)
    put_word(missing, 3)
    result(b"MADV_WIPEONFORK", syscall(numbers.madvise, wiped, 4096, 18))
    result(b"MADV_DONTFORK", syscall(numbers.madvise, missing, 4096, 10))
    pid = fork()
    if pid == 0:
        check(b"wiped", word_at(wiped) == 0)
        result(b"missing", syscall(numbers.write, 1, missing, 0 + 1))
        leave(0)
    ended(b"child", pid)
    check(b"kept by the parent", word_at(wiped) == 3 and word_at(missing) == 3)


def protections() -> None:
    """Rights of pages go with them, and change for one process only."""
    page = mapped(Map.MAP_PRIVATE | Map.MAP_ANONYMOUS, -1)
    put_word(page, 9)
    syscall(numbers.mprotect, page, 4096, Prot.PROT_READ)
    pid = fork()
    if pid == 0:
        result(b"read into a read-only page", syscall(numbers.getcwd, page, 64))
        syscall(numbers.mprotect, page, 4096, Prot.PROT_READ | Prot.PROT_WRITE)
        put_word(page, 10)
        leave(i64(word_at(page)))
    ended(b"child", pid)
    result(b"still read-only for the parent", syscall(numbers.getcwd, page, 64))
    check(b"with its word", word_at(page) == 9)


def seeks(fd: u64) -> i64:
    """Move the offset and set O_NONBLOCK."""
    result(b"the child's offset", syscall(numbers.lseek, fd, 0, Seek.SEEK_CUR))
    syscall(numbers.lseek, fd, 100, Seek.SEEK_SET)
    syscall(numbers.close, fd)
    result(b"closed", syscall(numbers.lseek, fd, 0, Seek.SEEK_CUR))
    return 0


def descriptors() -> None:
    """Offsets are common, tables are not; flags of descriptions are common, those of descriptors are not."""
    memfd = syscall(numbers.memfd_create, b"f\0".ptr, 0)
    syscall(numbers.write, memfd, b"0123456789".ptr, 10)
    ended(b"child", child(seeks, u64(memfd)))
    result(b"the parent's offset", syscall(numbers.lseek, memfd, 0, Seek.SEEK_CUR))
    ends = array[i32, 2]()
    pipe(ends.ptr)
    syscall(numbers.fcntl, ends[0], 2, 1)
    pid = fork()
    if pid == 0:
        result(b"FD_CLOEXEC in the child", syscall(numbers.fcntl, ends[0], 1, 0))
        syscall(numbers.fcntl, ends[0], 2, 0)
        syscall(numbers.fcntl, ends[0], 4, Open.O_NONBLOCK)
        opened = syscall(numbers.dup, 1)
        check(b"its own new descriptor", opened >= 0)
        leave(0)
    ended(b"child", pid)
    result(b"FD_CLOEXEC in the parent", syscall(numbers.fcntl, ends[0], 1, 0))
    check(b"O_NONBLOCK in the parent", syscall(numbers.fcntl, ends[0], 3, 0) & Open.O_NONBLOCK != 0)
    byte = array[u8, 4]()
    result(b"read", syscall(numbers.read, ends[0], byte.ptr, 4))
    result(b"no descriptor from the child", syscall(numbers.fcntl, ends[1] + 1, 1, 0))


def flocks() -> None:
    """flock belongs to the description, record locks to the process."""
    fd = syscall(numbers.openat, -100, b"/tmp/emu-test-fork-lock\0".ptr, Open.O_CREAT | Open.O_RDWR, 0o600)
    other = syscall(numbers.openat, -100, b"/tmp/emu-test-fork-lock\0".ptr, Open.O_RDWR, 0)
    syscall(numbers.unlink, b"/tmp/emu-test-fork-lock\0".ptr)
    result(b"flock", syscall(numbers.flock, fd, 2))
    lock = array[u64, 4]()
    lock[0] = 1  # F_WRLCK from the start of the file
    result(b"F_SETLK", syscall(numbers.fcntl, other, 6, lock.ptr))
    pid = fork()
    if pid == 0:
        result(b"flock by the child, same description", syscall(numbers.flock, fd, 2 | 4))
        result(b"flock by the child, another", syscall(numbers.flock, other, 2 | 4))
        result(b"F_SETLK by the child", syscall(numbers.fcntl, other, 6, lock.ptr))
        asked = array[u64, 4]()
        asked[0] = 1
        syscall(numbers.fcntl, other, 5, asked.ptr)
        check(b"F_GETLK names the parent", i64(asked[3] & 0xFFFFFFFF) == getppid())
        result(b"the child unlocks for both", syscall(numbers.flock, fd, 8))
        leave(0)
    ended(b"child", pid)
    result(b"flock on another description", syscall(numbers.flock, other, 2 | 4))


def identity() -> None:
    """Who is who."""
    me = getpid()
    parent = getppid()
    ends = array[i32, 2]()
    pipe(ends.ptr)
    pid = fork()
    if pid == 0:
        told = i64(0)
        syscall(numbers.read, ends[0], addr(told), 8)
        check(b"fork told the parent", told == getpid())
        check(b"the parent's pid", getppid() == me)
        check(b"a new pid", getpid() != me)
        check(b"one thread", syscall(numbers.gettid) == getpid())
        whose(b"group", syscall(numbers.getpgid, 0), getpid(), syscall(numbers.getpgid, me), 0)
        leave(42)
    syscall(numbers.write, ends[1], addr(pid), 8)
    ended(b"child", pid)
    check(b"the parent has kept its ids", getpid() == me and getppid() == parent)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    identity()
    memory()
    advice()
    protections()
    descriptors()
    flocks()
    check(b"shared() works", shared(4096) != 0)
    return 0
