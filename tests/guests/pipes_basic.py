"""pipe, pipe2, eventfd: what goes through, what would block, what breaks."""

from hands import NOWHERE, buffer, pages, read_back, write_text
from say import check, result, say

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Eventfd, Fcntl, Ioctl, Open, Pipe, Prot, Seek

ends: array[i32, 2]
counter: u64
word: i32


def pipe(label: bytes, flags: i64) -> None:
    """A pipe in `ends`."""
    result(label, syscall(numbers.pipe2, addr(ends[0]), flags))


def close_pipe() -> None:
    syscall(numbers.close, ends[0])
    syscall(numbers.close, ends[1])


def plain() -> None:
    result(b"pipe", syscall(numbers.pipe, addr(ends[0])))
    reader = i64(ends[0])
    writer = i64(ends[1])
    result(b"reader", reader)
    result(b"writer", writer)
    result(b"F_GETFL reader", syscall(numbers.fcntl, reader, Fcntl.F_GETFL, 0))
    result(b"F_GETFL writer", syscall(numbers.fcntl, writer, Fcntl.F_GETFL, 0))
    result(b"write", write_text(writer, b"through the pipe"))
    result(b"FIONREAD", syscall(numbers.ioctl, reader, Ioctl.FIONREAD, addr(word)))
    result(b"  bytes", i64(word))
    read_back(b"read", reader, 7)
    read_back(b"read the rest", reader, 100)
    result(b"read 0", syscall(numbers.read, reader, NOWHERE, 0))
    result(b"write 0", syscall(numbers.write, writer, NOWHERE, 0))
    write_text(writer, b"x")
    result(b"read nowhere", syscall(numbers.read, reader, NOWHERE, 5))
    result(b"write nowhere", syscall(numbers.write, writer, NOWHERE, 5))
    result(b"read the writer", syscall(numbers.read, writer, NOWHERE, 5))
    result(b"write the reader", syscall(numbers.write, reader, NOWHERE, 5))
    result(b"lseek", syscall(numbers.lseek, reader, 0, Seek.SEEK_CUR))
    result(b"pread", syscall(numbers.pread64, reader, addr(buffer[0]), 5, 0))
    result(b"pwrite", syscall(numbers.pwrite64, writer, addr(buffer[0]), 5, 0))
    result(b"TCGETS", syscall(numbers.ioctl, reader, Ioctl.TCGETS, addr(buffer[0])))
    syscall(numbers.close, writer)
    read_back(b"what was left", reader, 100)
    read_back(b"end", reader, 100)
    read_back(b"end again", reader, 100)
    syscall(numbers.close, reader)
    result(b"nowhere", syscall(numbers.pipe, NOWHERE))
    result(b"the lowest descriptor is free again", syscall(numbers.dup, 1))
    syscall(numbers.close, 3)
    pipe(b"unknown flag", 1)
    pipe(b"O_APPEND", Open.O_APPEND)


def nonblocking() -> None:
    pipe(b"O_NONBLOCK|O_CLOEXEC", Pipe.O_NONBLOCK | Pipe.O_CLOEXEC)
    reader = i64(ends[0])
    writer = i64(ends[1])
    result(b"F_GETFL", syscall(numbers.fcntl, reader, Fcntl.F_GETFL, 0))
    result(b"F_GETFD", syscall(numbers.fcntl, writer, Fcntl.F_GETFD, 0))
    read_back(b"read empty", reader, 5)
    result(b"read empty, nowhere", syscall(numbers.read, reader, NOWHERE, 5))
    memory = pages(32, Prot.PROT_READ | Prot.PROT_WRITE)
    result(b"F_GETPIPE_SZ", syscall(numbers.fcntl, reader, Fcntl.F_GETPIPE_SZ, 0))
    result(b"F_SETPIPE_SZ", syscall(numbers.fcntl, writer, Fcntl.F_SETPIPE_SZ, 5000))
    result(b"F_GETPIPE_SZ", syscall(numbers.fcntl, reader, Fcntl.F_GETPIPE_SZ, 0))
    result(b"F_SETPIPE_SZ 0", syscall(numbers.fcntl, writer, Fcntl.F_SETPIPE_SZ, 0))
    result(b"F_SETPIPE_SZ -1", syscall(numbers.fcntl, writer, Fcntl.F_SETPIPE_SZ, -1))
    result(b"write more than fits", syscall(numbers.write, writer, memory, 20000))
    result(b"write to the full", syscall(numbers.write, writer, memory, 1))
    result(b"write to the full, nowhere", syscall(numbers.write, writer, NOWHERE, 1))
    result(b"read all", syscall(numbers.read, reader, memory, 100000))
    result(b"write 5000", syscall(numbers.write, writer, memory, 5000))
    result(b"write 5000", syscall(numbers.write, writer, memory, 5000))
    result(b"write 4096", syscall(numbers.write, writer, memory, 4096))
    result(b"F_SETPIPE_SZ too small", syscall(numbers.fcntl, writer, Fcntl.F_SETPIPE_SZ, 4096))
    close_pipe()
    pipe(b"O_DIRECT", Pipe.O_DIRECT)
    write_text(i64(ends[1]), b"packet 1")
    write_text(i64(ends[1]), b"packet 2")
    read_back(b"one packet", i64(ends[0]), 100)
    read_back(b"part of the other", i64(ends[0]), 3)
    result(b"F_GETFL", syscall(numbers.fcntl, ends[0], Fcntl.F_GETFL, 0))
    close_pipe()


def eventfd(label: bytes, start: i64, flags: i64) -> i64:
    return result(label, syscall(numbers.eventfd2, start, flags))


def take(label: bytes, fd: i64) -> None:
    """Read the counter."""
    code = result(label, syscall(numbers.read, fd, addr(counter), 8))
    if code == 8:
        result(b"  counter", i64(counter))


def give(label: bytes, fd: i64, value: u64) -> None:
    counter_given = value
    result(label, syscall(numbers.write, fd, addr(counter_given), 8))


def events() -> None:
    fd = eventfd(b"eventfd", 5, Eventfd.EFD_NONBLOCK)
    take(b"read", fd)
    take(b"read 0", fd)
    give(b"write 3", fd, 3)
    give(b"write 4", fd, 4)
    take(b"read", fd)
    give(b"write 2^64-2", fd, 0xFFFFFFFFFFFFFFFE)
    give(b"write 1 more", fd, 1)
    give(b"write 2^64-1", fd, 0xFFFFFFFFFFFFFFFF)
    take(b"read", fd)
    result(b"read 7 bytes", syscall(numbers.read, fd, addr(buffer[0]), 7))
    give(b"write 1", fd, 1)
    result(b"read 16 bytes", syscall(numbers.read, fd, addr(buffer[0]), 16))
    result(b"write 7 bytes", syscall(numbers.write, fd, addr(buffer[0]), 7))
    buffer[0] = 2
    result(b"write 16 bytes", syscall(numbers.write, fd, addr(buffer[0]), 16))
    result(b"read nowhere", syscall(numbers.read, fd, NOWHERE, 8))
    result(b"write nowhere", syscall(numbers.write, fd, NOWHERE, 8))
    result(b"lseek", syscall(numbers.lseek, fd, 0, 0))
    result(b"pread", syscall(numbers.pread64, fd, addr(buffer[0]), 8, 0))
    result(b"FIONREAD", syscall(numbers.ioctl, fd, Ioctl.FIONREAD, addr(word)))
    result(b"F_GETFL", syscall(numbers.fcntl, fd, Fcntl.F_GETFL, 0))
    syscall(numbers.close, fd)
    fd = eventfd(b"semaphore", 3, Eventfd.EFD_SEMAPHORE | Eventfd.EFD_NONBLOCK | Eventfd.EFD_CLOEXEC)
    take(b"read", fd)
    take(b"read", fd)
    take(b"read", fd)
    take(b"read", fd)
    result(b"F_GETFD", syscall(numbers.fcntl, fd, Fcntl.F_GETFD, 0))
    syscall(numbers.close, fd)
    result(b"old eventfd", syscall(numbers.eventfd, -1))
    take(b"read 2^32-1", 3)
    result(b"F_GETFL", syscall(numbers.fcntl, 3, Fcntl.F_GETFL, 0))
    syscall(numbers.close, 3)
    eventfd(b"unknown flag", 0, 2)
    eventfd(b"start above 32 bits", 1 << 40, 0)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    say(b"- plain\n")
    plain()
    say(b"- nonblocking\n")
    nonblocking()
    say(b"- events\n")
    events()
    # SIGPIPE ignored: the error remains.
    action = array[u64, 4]()
    action[0] = 1
    result(b"ignore SIGPIPE", syscall(numbers.rt_sigaction, 13, addr(action[0]), 0, 8))
    result(b"close", syscall(numbers.close, 3))
    pipe(b"pipe", 0)
    syscall(numbers.close, ends[0])
    result(b"write without a reader", write_text(i64(ends[1]), b"x"))
    result(b"write nowhere without a reader", syscall(numbers.write, ends[1], NOWHERE, 5))
    result(b"write 0 without a reader", syscall(numbers.write, ends[1], NOWHERE, 0))
    check(b"one argument", argc == 1)
    if argc > 1:
        action[0] = 0
        syscall(numbers.rt_sigaction, 13, addr(action[0]), 0, 8)
        write_text(i64(ends[1]), b"x")
        say(b"not reached\n")
    return 0
