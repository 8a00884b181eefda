"""process_vm_readv and process_vm_writev between processes and on oneself; process_madvise, process_mrelease."""

from gates import Gate
from process_tools import ended, fork, leave
from say import check, result, say

from guest.lang import array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Madvise

NOBODY = 0x3FFFFF
UNMAPPED = 0x10000
here: array[u8, 64]
there: array[u8, 64]
own: array[u64, 8]
other: array[u64, 8]
gate: Gate
ready: Gate


def vectors(mine: u64, size: i64, theirs: u64, theirs_size: i64) -> None:
    """One piece each."""
    own[0] = mine
    own[1] = u64(size)
    other[0] = theirs
    other[1] = u64(theirs_size)


def read(label: bytes, pid: i64, own_count: i64, count: i64, flags: i64) -> i64:
    """process_vm_readv."""
    return result(label, syscall(numbers.process_vm_readv, pid, own.ptr, own_count, other.ptr, count, flags))


def write(label: bytes, pid: i64, own_count: i64, count: i64) -> i64:
    """process_vm_writev."""
    return result(label, syscall(numbers.process_vm_writev, pid, own.ptr, own_count, other.ptr, count, 0))


def between(pid: i64, pages: u64) -> None:
    """Reading and writing a process that has `pages`: one of text, one that is read only, a hole."""
    vectors(u64(here.ptr), 5, pages, 5)
    read(b"read", pid, 1, 1, 0)
    say(here[:5])
    say(b"\n")
    vectors(u64(here.ptr), 3, pages, 5)
    read(b"less room", pid, 1, 1, 0)
    own[2] = u64(here.ptr) + 8
    own[3] = 9
    other[2] = pages + 4096
    other[3] = 4
    read(b"several", pid, 2, 2, 0)
    say(here[8:14])
    say(b"\n")
    vectors(u64(here.ptr), 64, pages + 8192 - 16, 64)
    read(b"up to a hole", pid, 1, 1, 0)
    vectors(u64(here.ptr), 64, pages + 8192, 64)
    read(b"a hole", pid, 1, 1, 0)
    vectors(UNMAPPED, 64, pages, 64)
    read(b"to nowhere", pid, 1, 1, 0)
    here[0] = 0x4A
    vectors(u64(here.ptr), 1, pages, 1)
    write(b"write", pid, 1, 1)
    vectors(u64(here.ptr), 1, pages + 4096, 1)
    write(b"write what is read only", pid, 1, 1)
    vectors(u64(here.ptr), 64, pages + 4096 - 8, 64)
    write(b"write up to it", pid, 1, 1)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    me = syscall(numbers.getpid)
    gate.make()
    ready.make()
    pages = u64(syscall(numbers.mmap, 0, 3 * 4096, 3, 0x22, -1, 0))
    text = ptr[u8](pages)
    for i in range(5):
        text[i] = b"hello"[i]
        text[4096 + i] = b"there"[i]
    syscall(numbers.mprotect, pages + 4096, 4096, 1)
    syscall(numbers.munmap, pages + 8192, 4096)
    vectors(u64(here.ptr), 5, pages, 5)
    read(b"flags", me, 1, 1, 1)
    read(b"nobody", NOBODY, 1, 1, 0)
    read(b"nothing", me, 0, 1, 0)
    read(b"nothing there", me, 1, 0, 0)
    read(b"too many", me, 1025, 1, 0)
    read(b"too many there", me, 1, 1025, 0)
    result(b"no vector", syscall(numbers.process_vm_readv, me, UNMAPPED, 1, other.ptr, 1, 0))
    result(b"no vector there", syscall(numbers.process_vm_readv, me, own.ptr, 1, UNMAPPED, 1, 0))
    vectors(u64(here.ptr), -1, pages, 5)
    read(b"negative", me, 1, 1, 0)
    between(me, pages)
    text[0] = 0x68
    child = fork()
    if child == 0:
        text[1] = 0x75
        ready.open()
        gate.wait()
        say(b"child has ")
        say(array[u8, 1]([text[0]])[:1])
        say(b"\n")
        leave(0)
    ready.wait()
    between(child, pages)
    check(b"not changed here", text[0] == 0x68)
    fd = syscall(numbers.pidfd_open, child, 0)
    result(b"mrelease of the living", syscall(numbers.process_mrelease, fd, 0))
    result(b"mrelease, flags", syscall(numbers.process_mrelease, fd, 1))
    result(b"mrelease, no pidfd", syscall(numbers.process_mrelease, 1, 0))
    result(b"mrelease, not open", syscall(numbers.process_mrelease, 63, 0))
    gate.open()
    ended(b"child", child)
    vectors(u64(here.ptr), 5, pages, 5)
    read(b"reaped", child, 1, 1, 0)
    result(b"mrelease of the dead", syscall(numbers.process_mrelease, fd, 0))
    result(b"madvise of the dead", syscall(numbers.process_madvise, fd, own.ptr, 1, Madvise.MADV_COLD, 0))
    fd = syscall(numbers.pidfd_open, me, 0)
    vectors(pages, 4096, pages + 4096, 4096)
    call = numbers.process_madvise
    result(b"madvise", syscall(call, fd, own.ptr, 1, Madvise.MADV_COLD, 0))
    own[2] = pages + 4096
    own[3] = 4096
    result(b"madvise two", syscall(call, fd, own.ptr, 2, Madvise.MADV_WILLNEED, 0))
    own[2] = UNMAPPED
    result(b"madvise a hole", syscall(call, fd, own.ptr, 2, Madvise.MADV_COLD, 0))
    own[0] = UNMAPPED
    result(b"madvise holes", syscall(call, fd, own.ptr, 2, Madvise.MADV_COLD, 0))
    result(b"madvise, flags", syscall(call, fd, own.ptr, 1, Madvise.MADV_COLD, 1))
    result(b"madvise, unknown", syscall(call, fd, own.ptr, 1, 77, 0))
    result(b"madvise, not open", syscall(call, 63, own.ptr, 1, Madvise.MADV_COLD, 0))
    result(b"madvise, no pidfd", syscall(call, 1, own.ptr, 1, Madvise.MADV_COLD, 0))
    result(b"madvise, unmapped", syscall(call, fd, UNMAPPED, 1, Madvise.MADV_COLD, 0))
    result(b"madvise nothing", syscall(call, fd, own.ptr, 0, Madvise.MADV_COLD, 0))
    return 0
