"""read, write, pread, pwrite, lseek, close on a file: results, offsets, errors in Linux's order. Works in the current directory."""

from hands import NOWHERE, buffer, make_file, open_at, pages, position, read_back, show, try_open, write_text
from say import result, say

from guest.lang import addr, i64, ptr, syscall, u8
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open, Prot, Seek

NAME = b"io.txt\0"


def plain() -> None:
    fd = open_at(NAME, Open.O_RDWR | Open.O_CREAT | Open.O_TRUNC)
    result(b"write", write_text(fd, b"hello, world"))
    position(b"offset", fd)
    read_back(b"read at the end", fd, 10)
    result(b"lseek SET 7", syscall(numbers.lseek, fd, 7, Seek.SEEK_SET))
    read_back(b"read", fd, 3)
    read_back(b"read the rest", fd, 100)
    result(b"lseek END -5", syscall(numbers.lseek, fd, -5, Seek.SEEK_END))
    result(b"lseek CUR -100", syscall(numbers.lseek, fd, -100, Seek.SEEK_CUR))
    result(b"lseek whence 9", syscall(numbers.lseek, fd, 0, 9))
    result(b"lseek whence -1", syscall(numbers.lseek, fd, 0, -1))
    result(b"lseek DATA", syscall(numbers.lseek, fd, 0, Seek.SEEK_DATA))
    result(b"lseek HOLE", syscall(numbers.lseek, fd, 0, Seek.SEEK_HOLE))
    result(b"lseek DATA beyond", syscall(numbers.lseek, fd, 100, Seek.SEEK_DATA))
    result(b"lseek far", syscall(numbers.lseek, fd, 1 << 40, Seek.SEEK_SET))
    read_back(b"read far", fd, 10)
    result(b"pwrite", syscall(numbers.pwrite64, fd, NAME.ptr, 2, 3))
    show(b"pread", syscall(numbers.pread64, fd, addr(buffer[0]), 6, 0))
    result(b"pread -1", syscall(numbers.pread64, fd, addr(buffer[0]), 6, -1))
    result(b"pwrite -1", syscall(numbers.pwrite64, fd, addr(buffer[0]), 6, -1))
    result(b"pread beyond", syscall(numbers.pread64, fd, addr(buffer[0]), 6, 1 << 30))
    result(b"read 0", syscall(numbers.read, fd, NOWHERE, 0))
    result(b"write 0", syscall(numbers.write, fd, NOWHERE, 0))
    result(b"close", syscall(numbers.close, fd))
    result(b"close again", syscall(numbers.close, fd))


def order_of_errors() -> None:
    make_file(NAME, b"0123456789")
    reader = open_at(NAME, Open.O_RDONLY)
    writer = open_at(NAME, Open.O_WRONLY)
    result(b"read nowhere", syscall(numbers.read, reader, NOWHERE, 4))
    result(b"read huge", syscall(numbers.read, reader, NOWHERE, -1))
    result(b"read kernel", syscall(numbers.read, reader, 0xFFFF800000000000, 4))
    result(b"read from a writer, nowhere", syscall(numbers.read, writer, NOWHERE, 4))
    result(b"read from a writer, huge", syscall(numbers.read, writer, NOWHERE, -1))
    result(b"write nowhere", syscall(numbers.write, writer, NOWHERE, 4))
    result(b"write huge", syscall(numbers.write, writer, NOWHERE, -1))
    result(b"write to a reader", syscall(numbers.write, reader, NOWHERE, 4))
    result(b"read 99", syscall(numbers.read, 99, NOWHERE, 4))
    result(b"write 99", syscall(numbers.write, 99, NOWHERE, 4))
    result(b"read -1", syscall(numbers.read, -1, NOWHERE, 4))
    result(b"read 2^32", syscall(numbers.read, (1 << 32) + reader, addr(buffer[0]), 4))
    result(b"pread 99, offset -1", syscall(numbers.pread64, 99, NOWHERE, 4, -1))
    result(b"pread 99", syscall(numbers.pread64, 99, NOWHERE, 4, 0))
    result(b"pread nowhere", syscall(numbers.pread64, reader, NOWHERE, 4, 0))
    result(b"pread writer", syscall(numbers.pread64, writer, NOWHERE, 4, 0))
    result(b"pwrite reader", syscall(numbers.pwrite64, reader, NOWHERE, 4, 0))
    result(b"pwrite nowhere", syscall(numbers.pwrite64, writer, NOWHERE, 4, 0))
    result(b"lseek 99", syscall(numbers.lseek, 99, 0, 9))
    result(b"close -1", syscall(numbers.close, -1))
    syscall(numbers.close, reader)
    syscall(numbers.close, writer)


def at_the_edge() -> None:
    """A buffer whose second page is missing: what fits is transferred."""
    fd = open_at(NAME, Open.O_RDWR | Open.O_CREAT | Open.O_TRUNC)
    edge = pages(2, Prot.PROT_READ | Prot.PROT_WRITE)
    syscall(numbers.munmap, edge + 4096, 4096)
    ptr[u8](edge + 4095)[0] = 0x41
    ptr[u8](edge + 4094)[0] = 0x42
    result(b"write over the edge", syscall(numbers.write, fd, edge + 4094, 10))
    position(b"offset", fd)
    result(b"write from the edge", syscall(numbers.write, fd, edge + 4096, 10))
    write_text(fd, b"more than two bytes")
    syscall(numbers.lseek, fd, 0, Seek.SEEK_SET)
    result(b"read over the edge", syscall(numbers.read, fd, edge + 4092, 10))
    position(b"offset", fd)
    result(b"read to the edge", syscall(numbers.read, fd, edge + 4096, 10))
    syscall(numbers.mprotect, edge, 4096, Prot.PROT_READ)
    result(b"read into read-only", syscall(numbers.read, fd, edge, 10))
    result(b"write from read-only", syscall(numbers.write, fd, edge + 4094, 2))
    syscall(numbers.mprotect, edge, 4096, Prot.PROT_NONE)
    result(b"write from PROT_NONE", syscall(numbers.write, fd, edge, 10))
    syscall(numbers.close, fd)


def modes() -> None:
    make_file(NAME, b"0123456789")
    fd = open_at(NAME, Open.O_RDWR | Open.O_APPEND)
    result(b"append", write_text(fd, b"abc"))
    position(b"offset", fd)
    result(b"pwrite appends too", syscall(numbers.pwrite64, fd, NAME.ptr, 2, 0))
    syscall(numbers.lseek, fd, 0, Seek.SEEK_SET)
    read_back(b"all", fd, 100)
    syscall(numbers.close, fd)
    fd = open_at(b".\0", Open.O_RDONLY | Open.O_DIRECTORY)
    result(b"read a directory", syscall(numbers.read, fd, addr(buffer[0]), 10))
    result(b"write a directory", syscall(numbers.write, fd, addr(buffer[0]), 10))
    result(b"pread a directory", syscall(numbers.pread64, fd, addr(buffer[0]), 10, 0))
    syscall(numbers.close, fd)
    fd = open_at(NAME, Open.O_PATH)
    result(b"read O_PATH", syscall(numbers.read, fd, addr(buffer[0]), 10))
    result(b"write O_PATH", syscall(numbers.write, fd, addr(buffer[0]), 10))
    result(b"lseek O_PATH", syscall(numbers.lseek, fd, 0, 0))
    result(b"close O_PATH", syscall(numbers.close, fd))
    try_open(b"truncate", NAME, Open.O_WRONLY | Open.O_TRUNC)
    fd = open_at(NAME, Open.O_RDONLY)
    result(b"size", syscall(numbers.lseek, fd, 0, Seek.SEEK_END))
    syscall(numbers.close, fd)
    fd = open_at(b"/dev/null\0", Open.O_RDWR)
    read_back(b"null", fd, 10)
    result(b"write null", write_text(fd, b"abc"))
    syscall(numbers.close, fd)
    fd = open_at(b"/dev/zero\0", Open.O_RDWR)
    result(b"zero", syscall(numbers.read, fd, addr(buffer[0]), 10))
    syscall(numbers.close, fd)
    fd = open_at(b"/dev/full\0", Open.O_RDWR)
    result(b"full", write_text(fd, b"abc"))
    syscall(numbers.close, fd)
    fd = open_at(b"/dev/urandom\0", Open.O_RDONLY)
    result(b"urandom", syscall(numbers.read, fd, addr(buffer[0]), 4096))
    result(b"urandom nowhere", syscall(numbers.read, fd, NOWHERE, 10))
    result(b"urandom lseek", syscall(numbers.lseek, fd, 5, 0))
    result(b"urandom pread", syscall(numbers.pread64, fd, addr(buffer[0]), 100, 7))
    syscall(numbers.close, fd)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    say(b"- plain\n")
    plain()
    say(b"- order\n")
    order_of_errors()
    say(b"- edge\n")
    at_the_edge()
    say(b"- modes\n")
    modes()
    return 0
