"""fork and memory in corners: pages without rights, ends of files, code, locks of mapped files, futexes, moved mappings."""

from process_tools import ended, fork, hear, leave, pipe, put_word, reap, shared, tell, word_at
from say import check, result

from guest.lang import array, asm, i32, i64, naked, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Map, Mremap, Open, Prot

PAGE = 4096
PRIVATE = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS
READ_WRITE = Prot.PROT_READ | Prot.PROT_WRITE
FUTEX_WAIT = 0
FUTEX_WAKE = 1
FUTEX_PRIVATE = 128
LOCK_EX_NB = 6


@naked
def call(code: u64) -> i64:
    """Call the function at this address."""
    asm("call rdi\nret")


def mapped(size: i64, prot: i64, flags: i64, fd: i64) -> u64:
    """mmap(2)."""
    return u64(syscall(numbers.mmap, 0, size, prot, flags, fd, 0))


def memfd(size: i64) -> i64:
    """A file in memory."""
    fd = syscall(numbers.memfd_create, b"m\0".ptr, 0)
    syscall(numbers.ftruncate, fd, size)
    return fd


def without_rights() -> None:
    """What a page holds goes along although nobody may look at it."""
    page = mapped(PAGE, READ_WRITE, PRIVATE, -1)
    put_word(page, 77)
    syscall(numbers.mprotect, page, PAGE, Prot.PROT_NONE)
    pid = fork()
    if pid == 0:
        syscall(numbers.mprotect, page, PAGE, Prot.PROT_READ)
        leave(i64(word_at(page)))
    ended(b"made readable by the child", pid)
    pid = fork()
    if pid == 0:
        leave(i64(word_at(page)))
    ended(b"not made readable", pid)


def generations() -> None:
    """Each generation sees what its parent had at its birth."""
    page = mapped(PAGE, READ_WRITE, PRIVATE, -1)
    common = shared(PAGE)
    put_word(page, 1)
    pid = fork()
    if pid == 0:
        put_word(page, 2)
        grandchild = fork()
        if grandchild == 0:
            put_word(common, 10 + word_at(page))
            put_word(page, 3)
            leave(i64(word_at(page)))
        ended(b"grandchild", grandchild)
        leave(i64(word_at(page)))
    ended(b"child", pid)
    result(b"parent", i64(word_at(page)))
    result(b"told by the grandchild", i64(word_at(common)))


def ends_of_files() -> None:
    """A page beyond the end of a file is SIGBUS until the file has grown; what is not changed is the file's own."""
    fd = memfd(PAGE)
    page = mapped(2 * PAGE, READ_WRITE, Map.MAP_PRIVATE, fd)
    pid = fork()
    if pid == 0:
        leave(i64(word_at(page + PAGE)))
    ended(b"beyond the end", pid)
    put_word(page + 64, 5)
    syscall(numbers.ftruncate, fd, 2 * PAGE)
    pid = fork()
    if pid == 0:
        leave(i64(word_at(page + PAGE)) + i64(word_at(page + 64)))
    ended(b"grown, and a changed page", pid)
    gate = array[i32, 2]()
    pipe(gate.ptr)
    pid = fork()
    if pid == 0:
        hear(gate[0])
        leave(i64(word_at(page + PAGE + 8)))
    byte = array[u8, 1]()
    byte[0] = 9
    syscall(numbers.pwrite64, fd, byte.ptr, 1, PAGE + 8)
    tell(gate[1])
    ended(b"written to the file after the fork", pid)
    result(b"seen by the parent", i64(word_at(page + PAGE + 8)))


def locks() -> None:
    """A mapping holds its description, and with it a lock; when it is gone everywhere, so is the lock."""
    name = b"/tmp/fork_memory.locked\0"
    fd = syscall(numbers.open, name.ptr, Open.O_RDWR | Open.O_CREAT, 0o600)
    other = syscall(numbers.open, name.ptr, Open.O_RDWR)
    syscall(numbers.unlink, name.ptr)
    syscall(numbers.ftruncate, fd, PAGE)
    place = mapped(PAGE, READ_WRITE, Map.MAP_PRIVATE, fd)
    result(b"flock", syscall(numbers.flock, fd, LOCK_EX_NB))
    result(b"flock of another", syscall(numbers.flock, other, LOCK_EX_NB))
    gate = array[i32, 2]()
    pipe(gate.ptr)
    pid = fork()
    if pid == 0:
        syscall(numbers.close, fd)
        hear(gate[0])
        leave(0)
    result(b"while two hold the description", syscall(numbers.flock, other, LOCK_EX_NB))
    tell(gate[1])
    ended(b"child", pid)
    syscall(numbers.close, fd)
    result(b"when it is closed", syscall(numbers.flock, other, LOCK_EX_NB))
    syscall(numbers.munmap, place, PAGE)
    result(b"when it is unmapped", syscall(numbers.flock, other, LOCK_EX_NB))


def code() -> None:
    """Code that is written belongs to one process."""
    place = mapped(PAGE, READ_WRITE | Prot.PROT_EXEC, PRIVATE, -1)
    put_word(place, 0x000001B8)  # mov eax, 1; ret
    put_word(place + 4, 0x0000C300)
    result(b"code", call(place))
    pid = fork()
    if pid == 0:
        before = call(place)
        put_word(place, 0x000002B8)
        leave(before * 10 + call(place))
    ended(b"changed by the child", pid)
    result(b"not for the parent", call(place))


def wait_on(word: u64, operation: i64, milliseconds: i64) -> i64:
    """FUTEX_WAIT for a word that is 0."""
    time = array[i64, 2]()
    time[1] = milliseconds * 1000000
    return syscall(numbers.futex, word, operation, 0, time.ptr if milliseconds > 0 else ptr[i64](0))


def wake(word: u64, operation: i64) -> i64:
    """Wake whoever waits, as soon as there is somebody."""
    while True:
        woken = syscall(numbers.futex, word, operation, 1, 0)
        if woken != 0:
            return woken
        syscall(numbers.sched_yield)


def futexes() -> None:
    """Shared words are one futex wherever they are mapped; private ones are each process's own."""
    words = shared(2 * PAGE)
    fd = memfd(PAGE)
    file = mapped(PAGE, READ_WRITE, Map.MAP_SHARED, fd)
    own = mapped(PAGE, READ_WRITE, PRIVATE, -1)
    pid = fork()
    if pid == 0:
        result(b"woken", wait_on(words + PAGE + 16, FUTEX_WAIT, 0))
        moved = syscall(
            numbers.mremap, words, PAGE, PAGE, Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED, 0x200000000
        )
        result(b"woken at another place", wait_on(u64(moved) + 32, FUTEX_WAIT, 0))
        again = mapped(PAGE, READ_WRITE, Map.MAP_SHARED, fd)
        syscall(numbers.munmap, file, PAGE)
        result(b"woken through a file", wait_on(again + 8, FUTEX_WAIT, 0))
        result(b"private", wait_on(own, FUTEX_WAIT, 60))
        result(b"private to the process", wait_on(again, FUTEX_WAIT | FUTEX_PRIVATE, 60))
        leave(0)
    wake(words + PAGE + 16, FUTEX_WAKE)
    wake(words + 32, FUTEX_WAKE)
    wake(file + 8, FUTEX_WAKE)
    time = array[i64, 2]()
    time[1] = 30000000
    syscall(numbers.nanosleep, time.ptr, 0)
    mine = syscall(numbers.futex, own, FUTEX_WAKE, 100, 0)
    status = reap(pid)
    result(b"child", status)
    result(b"woken by the private word", mine)


def moved() -> None:
    """Mappings are moved and taken away by one process only."""
    block = mapped(4 * PAGE, READ_WRITE, PRIVATE, -1)
    put_word(block, 4)
    pid = fork()
    if pid == 0:
        place = u64(syscall(numbers.mremap, block, 4 * PAGE, 64 * PAGE, Mremap.MREMAP_MAYMOVE))
        put_word(place + 63 * PAGE, 5)
        leave(i64(word_at(place) + word_at(place + 63 * PAGE)))
    ended(b"moved by the child", pid)
    result(b"still there", i64(word_at(block)))
    pid = fork()
    if pid == 0:
        syscall(numbers.munmap, block, 4 * PAGE)
        leave(i64(word_at(block)))
    ended(b"unmapped", pid)
    result(b"still there", i64(word_at(block)))


def large() -> None:
    """A heap of 16 MiB arrives whole."""
    size = 16 << 20
    block = mapped(size, READ_WRITE, PRIVATE, -1)
    for at in range(0, size, PAGE):
        put_word(block + u64(at), u32(at))
    pid = fork()
    if pid == 0:
        wrong = i64(0)
        for at in range(0, size, PAGE):
            if i64(word_at(block + u64(at))) != at:
                wrong += 1
            put_word(block + u64(at), 1)
        leave(1 if wrong != 0 else 0)
    ended(b"16 MiB", pid)
    check(b"kept by the parent", i64(word_at(block + 8 * PAGE)) == 8 * PAGE)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """One after the other."""
    without_rights()
    generations()
    ends_of_files()
    locks()
    code()
    futexes()
    moved()
    large()
    return 0
