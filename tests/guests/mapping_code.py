"""Code in mapped files: a mapping that is longer than its file, replaced and taken away; a file that is cut and grows again."""

from say import result

from guest.lang import addr, fn, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Map, Prot

PAGE = 4096
SEVEN = 0xC300000007B8  # mov eax, 7; ret
NINE = 0xC300000009B8
CODE = Prot.PROT_READ | Prot.PROT_EXEC


def call(address: i64) -> i64:
    """What the function there returns."""
    return fn[[], i64](address)()


def map_file(fd: i64, at: i64, size: i64, prot: i64) -> i64:
    """Maps the file's start, privately."""
    flags = i64(Map.MAP_PRIVATE)
    if at != 0:
        flags |= Map.MAP_FIXED
    return syscall(numbers.mmap, at, size, prot, flags, fd, 0)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Maps 64 pages of a file of one."""
    fd = syscall(numbers.memfd_create, b"code\0".ptr, 0)
    code = u64(SEVEN)
    syscall(numbers.pwrite64, fd, addr(code), 8, 0)
    base = map_file(fd, 0, 64 * PAGE, CODE)
    result(b"runs", call(base))
    tail = base + 32 * PAGE
    mapped = syscall(
        numbers.mmap, tail, 32 * PAGE, 3, Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_FIXED, -1, 0
    )
    result(b"the second half is replaced", mapped - tail)
    result(b"runs still", call(base))
    result(b"protect", syscall(numbers.mprotect, base + 8 * PAGE, 8 * PAGE, 0))
    result(b"runs still", call(base))
    result(b"unmap the rest behind the file", syscall(numbers.munmap, base + PAGE, 63 * PAGE))
    result(b"runs still", call(base))
    result(b"cut", syscall(numbers.ftruncate, fd, 0))
    syscall(numbers.ftruncate, fd, PAGE)
    code = NINE
    syscall(numbers.pwrite64, fd, addr(code), 8, 0)
    result(b"mapped anew", map_file(fd, base, PAGE, CODE) - base)
    result(b"runs what is there now", call(base))
    result(b"unmapped", syscall(numbers.munmap, base, PAGE))
    return 0
