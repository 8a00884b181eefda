"""The system calls that the runtime makes, one typed wrapper each; a negative result is minus an errno value."""

from guest.lang import addr, i32, i64, ptr, sizeof, syscall, u8, u32, u64
from guest.rt.abi import (
    ARCH_SET_FS,
    CLOCK_MONOTONIC,
    FUTEX_WAIT_PRIVATE,
    FUTEX_WAKE_PRIVATE,
    MSG_NOSIGNAL,
    PollFd,
    SockaddrIn,
    Timespec,
)
from syscalls import numbers


def write(fd: i32, data: bytes) -> i64:
    """write(2) of all of `data`, once."""
    return syscall(numbers.write, fd, data.ptr, len(data))


def write_eventfd(fd: i32) -> i64:
    """Add 1 to the counter of an eventfd(2)."""
    one = u64(1)
    return syscall(numbers.write, fd, addr(one), 8)


def read_eventfd(fd: i32) -> i64:
    """Take the counter of an eventfd(2) back to 0."""
    counter = u64(0)
    return syscall(numbers.read, fd, addr(counter), 8)


def close(fd: i32) -> i64:
    """close(2)."""
    return syscall(numbers.close, fd)


def dup(fd: i32) -> i64:
    """dup(2)."""
    return syscall(numbers.dup, fd)


def exit_group(status: i64) -> None:
    """exit_group(2): ends the process; does not return."""
    syscall(numbers.exit_group, status)


def mmap(size: u64, protection: i64, flags: i64) -> i64:
    """mmap(2) of fresh anonymous memory."""
    return syscall(numbers.mmap, 0, size, protection, flags, -1, 0)


def mprotect(address: u64, size: u64, protection: i64) -> i64:
    """mprotect(2)."""
    return syscall(numbers.mprotect, address, size, protection)


def set_thread_pointer(block: u64) -> i64:
    """arch_prctl(2) ARCH_SET_FS: the base of fs for the calling thread."""
    return syscall(numbers.arch_prctl, ARCH_SET_FS, block)


def futex_wait(word: ptr[u32], expected: u32) -> i64:
    """futex(2) FUTEX_WAIT: sleep while `*word == expected`; may also return for no reason."""
    return syscall(numbers.futex, word, FUTEX_WAIT_PRIVATE, expected, 0)


def futex_wake(word: ptr[u32], count: u32) -> i64:
    """futex(2) FUTEX_WAKE: wake up to `count` sleepers on `word`."""
    return syscall(numbers.futex, word, FUTEX_WAKE_PRIVATE, count)


def eventfd2(flags: i64) -> i64:
    """eventfd2(2) with counter 0."""
    return syscall(numbers.eventfd2, 0, flags)


def ppoll(fds: ptr[PollFd], count: i64, timeout: Timespec) -> i64:
    """ppoll(2) without a signal mask; the kernel writes the time not slept back to `timeout`."""
    return syscall(numbers.ppoll, fds, count, addr(timeout), 0, 8)


def monotonic_ns() -> i64:
    """clock_gettime(2) CLOCK_MONOTONIC in nanoseconds."""
    time = Timespec()
    syscall(numbers.clock_gettime, CLOCK_MONOTONIC, addr(time))
    return time.tv_sec * 1000000000 + time.tv_nsec


def nanosleep(ns: i64) -> i64:
    """nanosleep(2)."""
    time = Timespec()
    time.tv_sec = ns // 1000000000
    time.tv_nsec = ns % 1000000000
    return syscall(numbers.nanosleep, addr(time), 0)


def socket(family: i64, kind: i64) -> i64:
    """socket(2) of the family's default protocol."""
    return syscall(numbers.socket, family, kind, 0)


def setsockopt(fd: i32, level: i64, option: i64, value: i32) -> i64:
    """setsockopt(2) with an int value."""
    held = i32(value)
    return syscall(numbers.setsockopt, fd, level, option, addr(held), 4)


def bind(fd: i32, address: SockaddrIn) -> i64:
    """bind(2) to an IPv4 address."""
    return syscall(numbers.bind, fd, addr(address), sizeof(SockaddrIn))


def listen(fd: i32, backlog: i64) -> i64:
    """listen(2)."""
    return syscall(numbers.listen, fd, backlog)


def getsockname(fd: i32, address: SockaddrIn) -> i64:
    """getsockname(2) of an IPv4 socket."""
    size = u32(sizeof(SockaddrIn))
    return syscall(numbers.getsockname, fd, addr(address), addr(size))


def accept4(fd: i32, flags: i64) -> i64:
    """accept4(2) without the peer's address."""
    return syscall(numbers.accept4, fd, 0, 0, flags)


def recv(fd: i32, data: ptr[u8], size: i64, flags: i64) -> i64:
    """recvfrom(2) of a connected socket."""
    return syscall(numbers.recvfrom, fd, data, size, flags, 0, 0)


def send(fd: i32, data: ptr[u8], size: i64, flags: i64) -> i64:
    """sendto(2) of a connected socket; never raises SIGPIPE."""
    return syscall(numbers.sendto, fd, data, size, flags | MSG_NOSIGNAL, 0, 0)


def shutdown(fd: i32, how: i64) -> i64:
    """shutdown(2)."""
    return syscall(numbers.shutdown, fd, how)
