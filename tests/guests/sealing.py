"""mseal: what a sealed mapping refuses; memfd_secret; cachestat."""

from process_tools import ended, fork, leave
from say import check, result

from guest.lang import array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Madvise, Map, Mremap

UNMAPPED = 0x10000
PAGE = 4096


def refused(pages: u64) -> None:
    """Everything that a sealed page refuses: it is the second of four."""
    second = pages + PAGE
    result(b"munmap", syscall(numbers.munmap, second, PAGE))
    result(b"munmap all", syscall(numbers.munmap, pages, 4 * PAGE))
    result(b"mprotect", syscall(numbers.mprotect, second, PAGE, 3))
    result(b"mprotect all", syscall(numbers.mprotect, pages, 3 * PAGE, 1))
    fixed = Map.MAP_FIXED | Map.MAP_PRIVATE | Map.MAP_ANONYMOUS
    result(b"mmap over it", syscall(numbers.mmap, second, PAGE, 3, fixed, -1, 0))
    fixed = Map.MAP_FIXED_NOREPLACE | Map.MAP_PRIVATE | Map.MAP_ANONYMOUS
    result(b"mmap beside it", syscall(numbers.mmap, second, PAGE, 3, fixed, -1, 0))
    result(b"mremap", syscall(numbers.mremap, second, PAGE, 2 * PAGE, Mremap.MREMAP_MAYMOVE))
    result(b"shrink", syscall(numbers.mremap, pages, 4 * PAGE, PAGE, 0))
    move = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
    result(b"mremap onto it", syscall(numbers.mremap, pages, PAGE, PAGE, move, second))
    result(b"discard", syscall(numbers.madvise, second, PAGE, Madvise.MADV_DONTNEED))
    result(b"free", syscall(numbers.madvise, second, PAGE, Madvise.MADV_FREE))
    result(b"advice", syscall(numbers.madvise, second, PAGE, Madvise.MADV_WILLNEED))
    result(b"mlock", syscall(numbers.mlock, second, PAGE))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    pages = u64(syscall(numbers.mmap, 0, 4 * PAGE, 3, 0x22, -1, 0))
    first = ptr[u8](pages)
    first[0] = 5
    first[PAGE] = 7
    result(b"flags", syscall(numbers.mseal, pages, PAGE, 1))
    result(b"misaligned", syscall(numbers.mseal, pages + 1, PAGE, 0))
    result(b"nothing", syscall(numbers.mseal, pages, 0, 0))
    result(b"unmapped", syscall(numbers.mseal, UNMAPPED, PAGE, 0))
    result(b"too much", syscall(numbers.mseal, pages, -1, 0))
    result(b"wraps", syscall(numbers.mseal, pages, -8192, 0))
    syscall(numbers.mprotect, pages + PAGE, PAGE, 1)
    result(b"seal", syscall(numbers.mseal, pages + PAGE, PAGE, 0))
    result(b"again", syscall(numbers.mseal, pages + PAGE, PAGE, 0))
    refused(pages)
    result(b"what it holds", first[PAGE])
    result(b"the page before cannot be written", syscall(numbers.read, -1, pages, 1))
    child = fork()
    if child == 0:
        result(b"in a child", syscall(numbers.munmap, pages + PAGE, PAGE))
        leave(0)
    ended(b"child", child)
    result(b"the others go", syscall(numbers.munmap, pages + 2 * PAGE, 2 * PAGE))
    writable = u64(syscall(numbers.mmap, 0, PAGE, 3, 0x22, -1, 0))
    result(b"seal what can be written", syscall(numbers.mseal, writable, 1, 0))
    ptr[u8](writable)[0] = 3
    result(b"discard", syscall(numbers.madvise, writable, PAGE, Madvise.MADV_DONTNEED))
    result(b"gone", ptr[u8](writable)[0])
    result(b"munmap", syscall(numbers.munmap, writable, PAGE))
    room = array[u64, 8]()
    fd = syscall(numbers.memfd_create, b"x\0".ptr, 0)
    syscall(numbers.pwrite64, fd, pages, PAGE, 8192)
    call = numbers.cachestat
    result(b"cachestat", syscall(call, fd, array[u64, 2]([0, 0]).ptr, room.ptr, 0))
    result(b"pages", i64(room[0]))
    result(b"cachestat, flags", syscall(call, fd, array[u64, 2]([0, 0]).ptr, room.ptr, 1))
    result(b"cachestat, unmapped", syscall(call, fd, UNMAPPED, room.ptr, 0))
    result(b"cachestat, nowhere", syscall(call, fd, array[u64, 2]([0, 0]).ptr, UNMAPPED, 0))
    result(b"cachestat, not open", syscall(call, 63, array[u64, 2]([0, 0]).ptr, room.ptr, 0))
    secret = syscall(numbers.memfd_secret, 0)
    check(b"secret", secret == fd + 1 or secret == -38)
    if secret >= 0:
        result(b"close-on-exec", syscall(numbers.fcntl, secret, 1, 0))
        result(b"size", syscall(numbers.ftruncate, secret, PAGE))
        result(b"private", syscall(numbers.mmap, 0, PAGE, 3, 2, secret, 0))
        at = syscall(numbers.mmap, 0, PAGE, 3, 1, secret, 0)
        check(b"mapped", at > 0)
        ptr[u8](u64(at))[0] = 9
        result(b"holds", ptr[u8](u64(at))[0])
        result(b"read", syscall(numbers.read, secret, room.ptr, 8))
    result(b"secret, flags", syscall(numbers.memfd_secret, 1))
    return 0
