"""truncate, fallocate, sync, advice, copies, statfs, holes, close_range, getdents. `fill` of test_files.py says what is there."""

from hands import NOWHERE, buffer, make_file, open_at, position, read_back
from say import check, result, say

from guest.lang import addr, array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Fcntl, Open

offsets: array[i64, 2]
facts: array[u64, 18]
ends: array[i64, 1]


def size_of(label: bytes, path: bytes) -> None:
    syscall(numbers.newfstatat, At.AT_FDCWD, path.ptr, addr(facts[0]), 0)
    result(label, i64(facts[6]))


def lengths() -> None:
    result(b"truncate", syscall(numbers.truncate, b"file\0".ptr, 3))
    size_of(b"file", b"file\0")
    result(b"longer, by a link", syscall(numbers.truncate, b"link\0".ptr, 10000))
    size_of(b"file", b"file\0")
    result(b"negative", syscall(numbers.truncate, b"none\0".ptr, -1))
    result(b"none", syscall(numbers.truncate, b"none\0".ptr, 1))
    result(b"folder", syscall(numbers.truncate, b"folder\0".ptr, 1))
    result(b"FIFO", syscall(numbers.truncate, b"fifo\0".ptr, 1))
    result(b"empty", syscall(numbers.truncate, b"\0".ptr, 1))
    result(b"nowhere", syscall(numbers.truncate, NOWHERE, 1))
    result(b"a file of proc", syscall(numbers.truncate, b"/proc/self/nothing\0".ptr, 1))
    fd = open_at(b"file\0", Open.O_RDWR)
    result(b"ftruncate", syscall(numbers.ftruncate, fd, 4))
    read_back(b"read", fd, 100)
    result(b"ftruncate -1", syscall(numbers.ftruncate, fd, -1))
    result(b"ftruncate 99", syscall(numbers.ftruncate, 99, 4))
    result(b"fallocate", syscall(numbers.fallocate, fd, 0, 0, 5000))
    size_of(b"file", b"file\0")
    result(b"fallocate, size kept", syscall(numbers.fallocate, fd, 1, 5000, 5000))
    size_of(b"file", b"file\0")
    result(b"fallocate nothing", syscall(numbers.fallocate, fd, 0, 0, 0))
    result(b"fallocate negative", syscall(numbers.fallocate, fd, 0, -1, 10))
    result(b"fallocate unknown", syscall(numbers.fallocate, fd, 0x8000, 0, 10))
    result(b"fallocate 99", syscall(numbers.fallocate, 99, 0, 0, 10))
    reader = open_at(b"file\0", Open.O_RDONLY)
    result(b"ftruncate for reading", syscall(numbers.ftruncate, reader, 4))
    result(b"fallocate for reading", syscall(numbers.fallocate, reader, 0, 0, 10))
    path = open_at(b"file\0", Open.O_PATH)
    result(b"ftruncate O_PATH", syscall(numbers.ftruncate, path, 4))
    result(b"fsync", syscall(numbers.fsync, fd))
    result(b"fdatasync", syscall(numbers.fdatasync, fd))
    result(b"fsync O_PATH", syscall(numbers.fsync, path))
    result(b"fsync 99", syscall(numbers.fsync, 99))
    result(b"fdatasync stdin", syscall(numbers.fdatasync, 0))
    result(b"syncfs 99", syscall(numbers.syncfs, 99))
    result(b"sync_file_range", syscall(numbers.sync_file_range, fd, 0, 100, 7))
    result(b"sync_file_range flags", syscall(numbers.sync_file_range, fd, 0, 100, 8))
    result(b"fadvise", syscall(numbers.fadvise64, fd, 0, 0, 2))
    result(b"fadvise unknown", syscall(numbers.fadvise64, fd, 0, 0, 77))
    result(b"fadvise 99", syscall(numbers.fadvise64, 99, 0, 0, 2))
    result(b"readahead", syscall(numbers.readahead, fd, 0, 100))
    result(b"readahead O_PATH", syscall(numbers.readahead, path, 0, 100))
    syscall(numbers.close, fd)
    syscall(numbers.close, reader)
    syscall(numbers.close, path)
    syscall(numbers.pipe2, addr(ends[0]), 0)
    first = ends[0] & 0xFFFF
    result(b"fadvise pipe", syscall(numbers.fadvise64, first, 0, 0, 2))
    result(b"fsync pipe", syscall(numbers.fsync, first))
    result(b"ftruncate pipe", syscall(numbers.ftruncate, first, 0))
    result(b"fallocate pipe", syscall(numbers.fallocate, ends[0] >> 32, 0, 0, 10))
    syscall(numbers.close, first)
    syscall(numbers.close, ends[0] >> 32)


def holes() -> None:
    fd = open_at(b"holes\0", Open.O_RDWR | Open.O_CREAT)
    syscall(numbers.ftruncate, fd, 1 << 20)
    syscall(numbers.pwrite64, fd, b"x".ptr, 1, 1 << 19)
    result(b"data", syscall(numbers.lseek, fd, 0, 3))
    result(b"hole", syscall(numbers.lseek, fd, 0, 4))
    result(b"hole after", syscall(numbers.lseek, fd, 1 << 19, 4))
    result(b"data after", syscall(numbers.lseek, fd, (1 << 19) + 4096, 3))
    result(b"beyond", syscall(numbers.lseek, fd, 1 << 21, 4))
    result(b"whence", syscall(numbers.lseek, fd, 0, 5))
    syscall(numbers.close, fd)


def copies() -> None:
    make_file(b"from\0", b"0123456789")
    source = open_at(b"from\0", Open.O_RDONLY)
    target = open_at(b"to\0", Open.O_RDWR | Open.O_CREAT)
    result(b"copy", syscall(numbers.copy_file_range, source, 0, target, 0, 4, 0))
    position(b"source", source)
    position(b"target", target)
    offsets[0] = 2
    offsets[1] = 8
    both = syscall(numbers.copy_file_range, source, addr(offsets[0]), target, addr(offsets[1]), 100, 0)
    result(b"at offsets", both)
    result(b"from there", offsets[0])
    result(b"to there", offsets[1])
    position(b"source", source)
    syscall(numbers.lseek, target, 0, 0)
    read_back(b"target", target, 100)
    result(b"at the end", syscall(numbers.copy_file_range, source, addr(offsets[0]), target, 0, 100, 0))
    result(b"flags", syscall(numbers.copy_file_range, source, 0, target, 0, 4, 1))
    result(b"99", syscall(numbers.copy_file_range, 99, 0, target, 0, 4, 0))
    result(b"to what is for reading", syscall(numbers.copy_file_range, target, 0, source, 0, 4, 0))
    result(b"offset nowhere", syscall(numbers.copy_file_range, source, NOWHERE, target, 0, 4, 0))
    folder = open_at(b"folder\0", Open.O_RDONLY)
    result(b"of a folder", syscall(numbers.copy_file_range, folder, 0, target, 0, 4, 0))
    proc = open_at(b"/proc/self/stat\0", Open.O_RDONLY)
    syscall(numbers.close, proc)
    say(b"sendfile\n")
    syscall(numbers.lseek, source, 0, 0)
    result(b"to a file", syscall(numbers.sendfile, target, source, 0, 3))
    position(b"source", source)
    syscall(numbers.pipe2, addr(ends[0]), 0)
    first = ends[0] & 0xFFFF
    second = ends[0] >> 32
    result(b"to a pipe", syscall(numbers.sendfile, second, source, 0, 100))
    read_back(b"pipe", first, 100)
    offsets[0] = 8
    result(b"from an offset", syscall(numbers.sendfile, second, source, addr(offsets[0]), 100))
    result(b"then", offsets[0])
    read_back(b"pipe", first, 100)
    result(b"at the end", syscall(numbers.sendfile, second, source, addr(offsets[0]), 100))
    offsets[0] = -1
    result(b"negative", syscall(numbers.sendfile, second, source, addr(offsets[0]), 100))
    result(b"nowhere", syscall(numbers.sendfile, second, source, NOWHERE, 100))
    result(b"from 99", syscall(numbers.sendfile, second, 99, 0, 100))
    result(b"to 99", syscall(numbers.sendfile, 99, source, 0, 100))
    result(b"to the reading end", syscall(numbers.sendfile, first, source, 0, 100))
    result(b"from a folder", syscall(numbers.sendfile, second, folder, 0, 100))
    syscall(numbers.ftruncate, target, 100000)
    syscall(numbers.lseek, target, 0, 0)
    syscall(numbers.fcntl, second, Fcntl.F_SETFL, Open.O_NONBLOCK)
    result(b"more than fits", syscall(numbers.sendfile, second, target, 0, 100000))
    result(b"full", syscall(numbers.sendfile, second, target, 0, 100000))
    syscall(numbers.close, first)
    syscall(numbers.close, second)
    syscall(numbers.close, folder)
    syscall(numbers.close, source)
    syscall(numbers.close, target)


def file_systems() -> None:
    result(b"statfs", syscall(numbers.statfs, b".\0".ptr, addr(facts[0])))
    kind = facts[0]
    blocks = facts[2]
    result(b"block", i64(facts[1]))
    result(b"names", i64(facts[8]))
    check(b"writable", facts[10] & 1 == 0)
    fd = open_at(b"file\0", Open.O_RDONLY)
    result(b"fstatfs", syscall(numbers.fstatfs, fd, addr(facts[0])))
    check(b"the same", facts[0] == kind and facts[2] == blocks)
    syscall(numbers.close, fd)
    result(b"proc", syscall(numbers.statfs, b"/proc\0".ptr, addr(facts[0])))
    result(b"type", i64(facts[0]))
    result(b"sys", syscall(numbers.statfs, b"/sys\0".ptr, addr(facts[0])))
    result(b"type", i64(facts[0]))
    result(b"none", syscall(numbers.statfs, b"none\0".ptr, addr(facts[0])))
    result(b"nowhere", syscall(numbers.statfs, b".\0".ptr, NOWHERE))
    result(b"99", syscall(numbers.fstatfs, 99, addr(facts[0])))
    syscall(numbers.pipe2, addr(ends[0]), 0)
    result(b"pipe", syscall(numbers.fstatfs, ends[0] & 0xFFFF, addr(facts[0])))
    result(b"type", i64(facts[0]))
    syscall(numbers.close, ends[0] & 0xFFFF)
    syscall(numbers.close, ends[0] >> 32)


def ranges() -> None:
    for _i in range(5):
        open_at(b"file\0", Open.O_RDONLY)
    result(b"mark", syscall(numbers.close_range, 4, 5, 4))
    for fd in range(3, 8):
        result(b"flags", syscall(numbers.fcntl, fd, Fcntl.F_GETFD, 0))
    result(b"close", syscall(numbers.close_range, 5, 6, 0))
    for fd in range(3, 8):
        result(b"flags", syscall(numbers.fcntl, fd, Fcntl.F_GETFD, 0))
    result(b"backwards", syscall(numbers.close_range, 6, 5, 0))
    result(b"unknown flags", syscall(numbers.close_range, 3, 4, 1))
    result(b"unshare", syscall(numbers.close_range, 4, 4, 2))
    result(b"the rest", syscall(numbers.close_range, 3, -1, 0))
    for fd in range(3, 8):
        result(b"flags", syscall(numbers.fcntl, fd, Fcntl.F_GETFD, 0))


def old_listings() -> None:
    syscall(numbers.mkdir, b"few\0".ptr, 0o700)
    make_file(b"few/one\0", b"")
    fd = open_at(b"few\0", Open.O_RDONLY)
    count = result(b"getdents", syscall(numbers.getdents, fd, addr(buffer[0]), 1000))
    at = i64(0)
    while at < count:
        size = i64(buffer[at + 16]) | i64(buffer[at + 17]) << 8
        if buffer[at + 18] != 0x2E:
            say(b"  ")
            syscall(numbers.write, 1, addr(buffer[at + 18]), 3)
            result(b" of type", i64(buffer[at + size - 1]))
        at += size
    result(b"at the end", syscall(numbers.getdents, fd, addr(buffer[0]), 1000))
    syscall(numbers.lseek, fd, 0, 0)
    result(b"too small", syscall(numbers.getdents, fd, addr(buffer[0]), 8))
    syscall(numbers.close, fd)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    say(b"- lengths\n")
    lengths()
    say(b"- holes\n")
    holes()
    say(b"- copies\n")
    copies()
    say(b"- file systems\n")
    file_systems()
    say(b"- ranges\n")
    ranges()
    say(b"- old listings\n")
    old_listings()
    return 0
