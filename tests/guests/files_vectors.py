"""readv, writev and their positioned forms: totals, order of errors, limits, short counts."""

from hands import NOWHERE, buffer, open_at, pages, position, read_back, show, zero_buffer
from say import result, say

from guest.lang import addr, array, i64, ptr, struct, syscall, u8
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open, Prot, ReadWrite, Seek


@struct
class Vector:
    """struct iovec."""

    base: i64
    size: i64


table: array[Vector, 1100]


def put(index: i64, base: i64, size: i64) -> None:
    """Fill one element."""
    table[index].base = base
    table[index].size = size


def at() -> i64:
    """The address of the table."""
    return i64(addr(table[0]))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    fd = open_at(b"io.txt\0", Open.O_RDWR | Open.O_CREAT | Open.O_TRUNC)
    reader = open_at(b"io.txt\0", Open.O_RDONLY)
    text = b"gather and scatter"
    put(0, i64(text.ptr), 7)
    put(1, NOWHERE, 0)
    put(2, i64(text.ptr) + 7, 11)
    result(b"writev 3", syscall(numbers.writev, fd, at(), 3))
    result(b"writev 0", syscall(numbers.writev, fd, at(), 0))
    result(b"writev 0, nowhere", syscall(numbers.writev, fd, NOWHERE, 0))
    result(b"writev -1", syscall(numbers.writev, fd, at(), -1))
    result(b"writev 1025", syscall(numbers.writev, fd, at(), 1025))
    result(b"writev nowhere", syscall(numbers.writev, fd, NOWHERE, 2))
    result(b"writev 99", syscall(numbers.writev, 99, NOWHERE, 2))
    result(b"writev to a reader", syscall(numbers.writev, reader, at(), 3))
    result(b"writev to a reader, nowhere", syscall(numbers.writev, reader, NOWHERE, 3))
    result(b"readv 1025", syscall(numbers.readv, reader, at(), 1025))
    put(0, i64(addr(buffer[0])), 4)
    put(1, i64(addr(buffer[100])), 4)
    put(2, i64(addr(buffer[200])), 100)
    result(b"readv", syscall(numbers.readv, reader, at(), 3))
    show(b"first", 4)
    syscall(numbers.write, 1, addr(buffer[100]), 4)
    syscall(numbers.write, 1, addr(buffer[200]), 10)
    say(b"\n")
    position(b"offset", reader)
    result(b"readv at the end", syscall(numbers.readv, reader, at(), 3))
    result(b"lseek", syscall(numbers.lseek, reader, 0, Seek.SEEK_SET))
    put(1, NOWHERE, 4)
    result(b"readv, second nowhere", syscall(numbers.readv, reader, at(), 3))
    position(b"offset", reader)
    put(0, NOWHERE, 4)
    result(b"readv, first nowhere", syscall(numbers.readv, reader, at(), 3))
    put(0, i64(addr(buffer[0])), -1)
    result(b"readv, size -1", syscall(numbers.readv, reader, at(), 1))
    result(b"readv, size -1 first", syscall(numbers.readv, reader, at(), 3))
    put(0, i64(addr(buffer[0])), 4)
    put(1, i64(addr(buffer[0])), -5)
    result(b"readv, size -5 second", syscall(numbers.readv, reader, at(), 2))
    put(1, i64(0xFFFF800000000000), 4)
    result(b"readv, kernel address second", syscall(numbers.readv, reader, at(), 2))
    put(0, i64(addr(buffer[0])), 1 << 40)
    result(b"readv, a huge size", syscall(numbers.readv, reader, at(), 1))
    edge = pages(2, Prot.PROT_READ | Prot.PROT_WRITE)
    syscall(numbers.munmap, edge + 4096, 4096)
    entry = ptr[Vector](edge + 4080)
    entry.base = i64(addr(buffer[0]))
    entry.size = 3
    result(b"one element at the edge", syscall(numbers.readv, reader, edge + 4080, 1))
    result(b"two elements over the edge", syscall(numbers.readv, reader, edge + 4080, 2))
    for i in range(1024):
        put(i, i64(text.ptr) + i % 18, 1)
    result(b"writev 1024", syscall(numbers.writev, fd, at(), 1024))
    put(0, i64(addr(buffer[0])), 3)
    put(1, i64(addr(buffer[3])), 3)
    zero_buffer()
    show(b"preadv", syscall(numbers.preadv, reader, at(), 2, 5, 0))
    show(b"preadv2 at the position", syscall(numbers.preadv2, reader, at(), 2, -1, 0, 0))
    result(b"preadv -1", syscall(numbers.preadv, reader, at(), 2, -1, 0))
    result(b"preadv2 -2", syscall(numbers.preadv2, reader, at(), 2, -2, 0, 0))
    result(b"preadv2, unknown flag", syscall(numbers.preadv2, reader, at(), 2, 0, 0, 1 << 20))
    result(b"preadv2 99, unknown flag", syscall(numbers.preadv2, 99, at(), 2, 0, 0, 1 << 20))
    result(b"pwritev", syscall(numbers.pwritev, fd, at(), 2, 2, 0))
    result(b"pwritev -1", syscall(numbers.pwritev, fd, at(), 2, -1, 0))
    result(b"pwritev2 RWF_APPEND", syscall(numbers.pwritev2, fd, at(), 2, 0, 0, ReadWrite.RWF_APPEND))
    result(b"pwritev2 RWF_SYNC", syscall(numbers.pwritev2, fd, at(), 2, 0, 0, ReadWrite.RWF_SYNC))
    result(b"end", syscall(numbers.lseek, reader, 0, Seek.SEEK_END))
    folder = open_at(b".\0", Open.O_RDONLY)
    result(b"readv of a directory", syscall(numbers.readv, folder, at(), 2))
    result(b"preadv of a directory", syscall(numbers.preadv, folder, at(), 2, 0, 0))
    random = open_at(b"/dev/urandom\0", Open.O_RDONLY)
    result(b"readv of urandom", syscall(numbers.readv, random, at(), 2))
    result(b"readv of urandom, -1", syscall(numbers.readv, random, at(), -1))
    put(1, NOWHERE, 5)
    result(b"readv of urandom, second nowhere", syscall(numbers.readv, random, at(), 2))
    read_back(b"read", reader, 5)
    return 0
