"""Program text that processes have from one file: whoever changes it changes his own, and what is mapped anew is the file's."""

from process_tools import ended, fork, leave, reap, vfork_to
from say import result

from guest.lang import array, asm, i64, naked, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Map, Memfd, Mremap, Prot, Seal

PAGE = 4096
PLACE = 0x300000000
READ_WRITE = Prot.PROT_READ | Prot.PROT_WRITE
READ_EXEC = Prot.PROT_READ | Prot.PROT_EXEC
PRIVATE = Map.MAP_PRIVATE | Map.MAP_FIXED
F_ADD_SEALS = 1033


@naked
def call(code: u64) -> i64:
    """Call the function at this address."""
    asm("call rdi\nret")


def write_code(fd: i64, at: i64, value: u32) -> None:
    """Write a function that returns `value` into a file."""
    code = array[u32, 2]()
    code[0] = 0xB8 | value << 8  # mov eax, value; ret
    code[1] = 0xC300
    syscall(numbers.pwrite64, fd, code.ptr, 8, at)


def program(first: u32, second: u32, sealed: bool) -> i64:
    """A file of two pages, a function on each."""
    fd = syscall(numbers.memfd_create, b"text\0".ptr, Memfd.MFD_ALLOW_SEALING)
    syscall(numbers.ftruncate, fd, 2 * PAGE)
    write_code(fd, 0, first)
    write_code(fd, PAGE, second)
    if sealed:
        syscall(numbers.fcntl, fd, F_ADD_SEALS, Seal.F_SEAL_WRITE | Seal.F_SEAL_SHRINK)
    return fd


def load(fd: i64) -> None:
    """Map it where programs expect it."""
    syscall(numbers.mmap, PLACE, 2 * PAGE, READ_EXEC, PRIVATE, fd, 0)


def both() -> i64:
    """What the two functions say."""
    return call(PLACE) * 1000 + call(PLACE + PAGE)


def change(page: u64, value: u8) -> i64:
    """Make the function on a page return something else, as a program does that relocates or patches its text."""
    syscall(numbers.mprotect, page, PAGE, READ_WRITE)
    at = ptr[u8](page + 1)
    at[0] = value
    return syscall(numbers.mprotect, page, PAGE, READ_EXEC)


def changed_by_a_child(fd: i64) -> None:
    """Nobody else sees it; the child's own children do."""
    load(fd)
    result(b"loaded", both())
    pid = fork()
    if pid == 0:
        result(b"in the child", both())
        change(PLACE + PAGE, 30)
        result(b"changed", both())
        grandchild = fork()
        if grandchild == 0:
            result(b"in the grandchild", both())
            change(PLACE, 40)
            leave(both() // 1000)
        ended(b"grandchild", grandchild)
        result(b"in the child still", both())
        load(fd)
        leave(both() % 1000)
    ended(b"child, with the text mapped again", pid)
    result(b"in the parent still", both())


def change_and_leave(value: u64) -> i64:
    """What a vforked child does to the memory that it borrows."""
    change(PLACE, u8(value))
    return both() % 1000


def changed_by_a_borrower(fd: i64) -> None:
    """With CLONE_VM the text is one."""
    load(fd)
    result(b"loaded", both())
    result(b"status of the borrower", reap(vfork_to(change_and_leave, 50)))
    result(b"after it", both())


def changed_between(fd: i64) -> None:
    """Changed before the fork: both have it, and go apart."""
    load(fd)
    change(PLACE, 60)
    pid = fork()
    if pid == 0:
        change(PLACE, 61)
        leave(both() // 1000)
    ended(b"child", pid)
    result(b"parent", both())


def another_program() -> None:
    """Other files at the same addresses, with and without munmap(2), moved, and without rights for a while."""
    for turn in range(6):
        fd = program(u32(70 + turn), u32(80 + turn), turn % 2 == 0)
        load(fd)
        syscall(numbers.close, fd)
        result(b"another program", both())
        if turn % 3 == 0:
            syscall(numbers.munmap, PLACE, 2 * PAGE)
    syscall(numbers.mprotect, PLACE, 2 * PAGE, Prot.PROT_NONE)
    syscall(numbers.mprotect, PLACE, 2 * PAGE, READ_EXEC)
    result(b"without rights for a while", both())
    flags = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
    moved = u64(syscall(numbers.mremap, PLACE, 2 * PAGE, 2 * PAGE, flags, PLACE + 16 * PAGE))
    result(b"moved", call(moved) * 1000 + call(moved + PAGE))
    load(program(90, 91, True))
    result(b"the old place", both())


def written_file() -> None:
    """A file that is written between two mappings, as fast as can be."""
    fd = program(1, 2, False)
    total = i64(0)
    for turn in range(50):
        write_code(fd, PAGE, u32(turn))
        load(fd)
        total += call(PLACE + PAGE)
        syscall(numbers.munmap, PLACE, 2 * PAGE)
    result(b"sum of what was written", total)


def written_through_a_mapping() -> None:
    """A file that is changed by way of another mapping."""
    fd = program(1, 2, False)
    window = u64(syscall(numbers.mmap, 0, 2 * PAGE, READ_WRITE, Map.MAP_SHARED, fd, 0))
    total = i64(0)
    for turn in range(50):
        at = ptr[u8](window + 1)
        at[0] = u8(turn)
        load(fd)
        total += call(PLACE)
        syscall(numbers.munmap, PLACE, 2 * PAGE)
    result(b"sum of what was stored", total)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    for sealed in range(2):
        fd = program(10, 20, sealed == 1)
        changed_by_a_child(fd)
        changed_by_a_borrower(fd)
        changed_between(fd)
    another_program()
    written_file()
    written_through_a_mapping()
    return 0
