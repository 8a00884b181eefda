"""Talks on all its streams, and on the terminal itself, from three threads, mostly without ending its lines."""

from spawn import join, spawn_in

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open


@struct
class Vector:
    """struct iovec."""

    base: i64
    size: i64


vectors: array[Vector, 4]
terminal: i64


def write(fd: i64, text: bytes) -> None:
    """write(2)."""
    syscall(numbers.write, fd, text.ptr, len(text))


def gather(fd: i64, first: bytes, second: bytes) -> None:
    """writev(2) of two texts and nothing behind them."""
    vectors[0].base, vectors[0].size = i64(first.ptr), len(first)
    vectors[1].base, vectors[1].size = 0, 0
    vectors[2].base, vectors[2].size = i64(second.ptr), len(second)
    vectors[3].base, vectors[3].size = 0, 0
    syscall(numbers.writev, fd, addr(vectors[0]), 4)


def talk(rounds: u64) -> i64:
    """Write in all ways."""
    for _turn in range(i64(rounds)):
        write(1, b"<one>")
        syscall(numbers.getpid)
        write(2, b"<two>\n")
        syscall(numbers.getpid)
        write(1, b"<three>")
        write(2, b"<four>")
        gather(1, b"<five", b">")
        gather(2, b"<six>", b"<seven>\n")
        if terminal >= 0:
            write(terminal, b"<eight>")
        syscall(numbers.sched_yield)
        write(1, b"\n\n<nine>")
        write(1, b"")
        write(77, b"never\n")
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    global terminal
    terminal = syscall(numbers.openat, At.AT_FDCWD, b"/dev/tty\0".ptr, Open.O_RDWR, 0)
    spawn_in(0, talk, 5)
    spawn_in(1, talk, 5)
    talk(3)
    join(0)
    join(1)
    write(1, b"<last>")
    return 0
