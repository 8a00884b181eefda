"""dup, dup2, dup3, fcntl, ioctl: numbers, flags, sharing, errors. Works in the current directory."""

from hands import NOWHERE, make_file, open_at, position, read_back
from say import check, result, say, say_hex

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Fcntl, Ioctl, LockType, Open, Seal

NAME = b"io.txt\0"

words: array[i32, 64]


def fcntl(fd: i64, command: i64, argument: i64) -> i64:
    return syscall(numbers.fcntl, fd, command, argument)


def flags(label: bytes, fd: i64) -> None:
    """Print F_GETFL in hexadecimal."""
    value = fcntl(fd, Fcntl.F_GETFL, 0)
    if value < 0:
        result(label, value)
        return
    say(label)
    say(b": ")
    say_hex(u64(value))
    say(b"\n")


def duplicates() -> None:
    fd = open_at(NAME, Open.O_RDWR)
    copy = result(b"dup", syscall(numbers.dup, fd))
    read_back(b"read", fd, 3)
    position(b"offset of the copy", copy)
    result(b"dup 99", syscall(numbers.dup, 99))
    result(b"dup -1", syscall(numbers.dup, -1))
    result(b"dup2 onto 10", syscall(numbers.dup2, fd, 10))
    position(b"offset of 10", 10)
    result(b"dup2 of itself", syscall(numbers.dup2, fd, fd))
    result(b"dup2 99 99", syscall(numbers.dup2, 99, 99))
    result(b"dup2 99 5", syscall(numbers.dup2, 99, 5))
    result(b"dup2 onto -1", syscall(numbers.dup2, fd, -1))
    result(b"dup2 99 onto -1", syscall(numbers.dup2, 99, -1))
    result(b"dup2 onto a million", syscall(numbers.dup2, fd, 1000000))
    result(b"dup3", syscall(numbers.dup3, fd, 11, Open.O_CLOEXEC))
    result(b"cloexec of 11", fcntl(11, Fcntl.F_GETFD, 0))
    result(b"cloexec of 10", fcntl(10, Fcntl.F_GETFD, 0))
    result(b"dup3 onto itself", syscall(numbers.dup3, fd, fd, 0))
    result(b"dup3 99 onto 99", syscall(numbers.dup3, 99, 99, 0))
    result(b"dup3 other flag", syscall(numbers.dup3, fd, 12, Open.O_NONBLOCK))
    result(b"dup3 other flag, 99", syscall(numbers.dup3, 99, 99, 1))
    result(b"dup3 onto -1", syscall(numbers.dup3, fd, -1, 0))
    result(b"dup3 99", syscall(numbers.dup3, 99, 12, 0))
    result(b"dup2 over 11", syscall(numbers.dup2, 1, 11))
    result(b"cloexec of 11", fcntl(11, Fcntl.F_GETFD, 0))
    result(b"F_DUPFD 20", fcntl(fd, Fcntl.F_DUPFD, 20))
    result(b"F_DUPFD 20", fcntl(fd, Fcntl.F_DUPFD, 20))
    result(b"F_DUPFD_CLOEXEC 0", fcntl(fd, Fcntl.F_DUPFD_CLOEXEC, 0))
    result(b"F_DUPFD -1", fcntl(fd, Fcntl.F_DUPFD, -1))
    result(b"F_DUPFD a million", fcntl(fd, Fcntl.F_DUPFD, 1000000))
    result(b"F_DUPFD 99", fcntl(99, Fcntl.F_DUPFD, -1))
    result(b"F_DUPFD_QUERY same", fcntl(fd, Fcntl.F_DUPFD_QUERY, copy))
    result(b"F_DUPFD_QUERY other", fcntl(fd, Fcntl.F_DUPFD_QUERY, 0))
    result(b"F_DUPFD_QUERY 99", fcntl(fd, Fcntl.F_DUPFD_QUERY, 99))
    for number in range(3, 25):
        syscall(numbers.close, number)
    result(b"lowest again", open_at(NAME, Open.O_RDONLY))
    syscall(numbers.close, 3)


def descriptor_flags() -> None:
    fd = open_at(NAME, Open.O_RDONLY | Open.O_CLOEXEC)
    result(b"F_GETFD", fcntl(fd, Fcntl.F_GETFD, 0))
    result(b"F_SETFD 2", fcntl(fd, Fcntl.F_SETFD, 2))
    result(b"F_GETFD", fcntl(fd, Fcntl.F_GETFD, 0))
    result(b"F_SETFD 3", fcntl(fd, Fcntl.F_SETFD, 3))
    result(b"F_GETFD", fcntl(fd, Fcntl.F_GETFD, 0))
    result(b"FIONCLEX", syscall(numbers.ioctl, fd, Ioctl.FIONCLEX, NOWHERE))
    result(b"F_GETFD", fcntl(fd, Fcntl.F_GETFD, 0))
    result(b"FIOCLEX", syscall(numbers.ioctl, fd, Ioctl.FIOCLEX, NOWHERE))
    result(b"F_GETFD", fcntl(fd, Fcntl.F_GETFD, 0))
    syscall(numbers.close, fd)


def status_flags() -> None:
    fd = open_at(NAME, Open.O_RDWR | Open.O_CREAT | Open.O_NOCTTY | Open.O_TRUNC | Open.O_CLOEXEC)
    flags(b"as opened", fd)
    result(
        b"F_SETFL all",
        fcntl(fd, Fcntl.F_SETFL, Open.O_APPEND | Open.O_NONBLOCK | Open.O_NOATIME | Open.O_WRONLY),
    )
    flags(b"set", fd)
    copy = syscall(numbers.dup, fd)
    flags(b"of the copy", copy)
    result(b"F_SETFL 0 by the copy", fcntl(copy, Fcntl.F_SETFL, 0))
    flags(b"cleared", fd)
    words[0] = 1
    result(b"FIONBIO", syscall(numbers.ioctl, fd, Ioctl.FIONBIO, addr(words[0])))
    flags(b"FIONBIO 1", copy)
    words[0] = 0
    result(b"FIONBIO", syscall(numbers.ioctl, fd, Ioctl.FIONBIO, addr(words[0])))
    flags(b"FIONBIO 0", copy)
    result(b"FIONBIO nowhere", syscall(numbers.ioctl, fd, Ioctl.FIONBIO, NOWHERE))
    syscall(numbers.close, copy)
    syscall(numbers.close, fd)
    fd = open_at(NAME, Open.O_PATH | Open.O_RDWR | Open.O_NONBLOCK)
    flags(b"O_PATH", fd)
    result(b"F_SETFL of O_PATH", fcntl(fd, Fcntl.F_SETFL, 0))
    result(b"F_GETFD of O_PATH", fcntl(fd, Fcntl.F_GETFD, 0))
    result(b"ioctl of O_PATH", syscall(numbers.ioctl, fd, Ioctl.FIONBIO, NOWHERE))
    syscall(numbers.close, fd)
    fd = open_at(b".\0", Open.O_RDONLY | Open.O_DIRECTORY | Open.O_NOFOLLOW)
    flags(b"directory", fd)
    syscall(numbers.close, fd)
    fd = open_at(NAME, Open.O_WRONLY | Open.O_SYNC)
    flags(b"O_SYNC", fd)
    syscall(numbers.close, fd)


def commands() -> None:
    make_file(NAME, b"0123456789")
    fd = open_at(NAME, Open.O_RDWR)
    result(b"F_GETPIPE_SZ of a file", fcntl(fd, Fcntl.F_GETPIPE_SZ, 0))
    result(b"F_SETPIPE_SZ of a file", fcntl(fd, Fcntl.F_SETPIPE_SZ, 4096))
    result(b"F_GET_SEALS of a file", fcntl(fd, Fcntl.F_GET_SEALS, 0))
    result(b"F_GETOWN", fcntl(fd, Fcntl.F_GETOWN, 0))
    me = syscall(numbers.getpid)
    result(b"F_SETOWN me", fcntl(fd, Fcntl.F_SETOWN, me))
    check(b"F_GETOWN is me", fcntl(fd, Fcntl.F_GETOWN, 0) == me)
    result(b"F_GETOWN_EX", fcntl(fd, Fcntl.F_GETOWN_EX, i64(addr(words[0]))))
    check(b"type is F_OWNER_PID", words[0] == 1 and i64(words[1]) == me)
    result(b"F_SETOWN 0", fcntl(fd, Fcntl.F_SETOWN, 0))
    result(b"F_GETOWN", fcntl(fd, Fcntl.F_GETOWN, 0))
    result(b"F_SETOWN nobody", fcntl(fd, Fcntl.F_SETOWN, 0x3FFFFFFF))
    words[0] = 7
    result(b"F_SETOWN_EX bad type", fcntl(fd, Fcntl.F_SETOWN_EX, i64(addr(words[0]))))
    result(b"F_SETOWN_EX nowhere", fcntl(fd, Fcntl.F_SETOWN_EX, NOWHERE))
    result(b"F_GETSIG", fcntl(fd, Fcntl.F_GETSIG, 0))
    result(b"F_SETSIG 10", fcntl(fd, Fcntl.F_SETSIG, 10))
    result(b"F_GETSIG", fcntl(fd, Fcntl.F_GETSIG, 0))
    result(b"F_SETSIG 65", fcntl(fd, Fcntl.F_SETSIG, 65))
    result(b"F_SETSIG -1", fcntl(fd, Fcntl.F_SETSIG, -1))
    result(b"F_GETLEASE", fcntl(fd, Fcntl.F_GETLEASE, 0))
    result(b"command 77", fcntl(fd, 77, 0))
    result(b"command -1", fcntl(fd, -1, 0))
    result(b"command 77 of 99", fcntl(99, 77, 0))
    syscall(numbers.close, fd)
    memory = result(b"memfd_create", syscall(numbers.memfd_create, NAME.ptr, 3))
    result(b"F_GET_SEALS", fcntl(memory, Fcntl.F_GET_SEALS, 0))
    result(b"F_ADD_SEALS", fcntl(memory, Fcntl.F_ADD_SEALS, Seal.F_SEAL_WRITE | Seal.F_SEAL_SEAL))
    result(b"F_ADD_SEALS again", fcntl(memory, Fcntl.F_ADD_SEALS, Seal.F_SEAL_GROW))
    result(b"F_GET_SEALS", fcntl(memory, Fcntl.F_GET_SEALS, 0))
    result(b"write sealed", syscall(numbers.write, memory, NAME.ptr, 3))
    flags(b"flags of a memfd", memory)
    syscall(numbers.close, memory)
    result(b"memfd_create, other flags", syscall(numbers.memfd_create, NAME.ptr, 0x4000))
    result(b"memfd_create, no name", syscall(numbers.memfd_create, NOWHERE, 0))


def lock(label: bytes, fd: i64, command: i64, kind: i64, start: i64, size: i64) -> None:
    """fcntl with a struct flock."""
    words[0] = i32(kind)
    record = ptr[i64](addr(words[0]))
    record[1] = start
    record[2] = size
    words[6] = 0
    result(label, fcntl(fd, command, i64(addr(words[0]))))
    if command == Fcntl.F_GETLK:
        result(b"  type", i64(words[0] & 0xFFFF))


def locks() -> None:
    fd = open_at(NAME, Open.O_RDWR)
    other = open_at(NAME, Open.O_RDONLY)
    lock(b"lock", fd, Fcntl.F_SETLK, LockType.F_WRLCK, 0, 10)
    lock(b"own lock does not hinder", other, Fcntl.F_GETLK, LockType.F_RDLCK, 0, 10)
    lock(b"write lock on a reader", other, Fcntl.F_SETLK, LockType.F_WRLCK, 0, 10)
    lock(b"wait for it", fd, Fcntl.F_SETLKW, LockType.F_RDLCK, 5, 10)
    lock(b"unlock", fd, Fcntl.F_SETLK, LockType.F_UNLCK, 0, 0)
    lock(b"bad type", fd, Fcntl.F_SETLK, 9, 0, 0)
    lock(b"negative start", fd, Fcntl.F_SETLK, LockType.F_RDLCK, -5, 0)
    result(b"nowhere", fcntl(fd, Fcntl.F_SETLK, NOWHERE))
    lock(b"OFD", fd, Fcntl.F_OFD_SETLK, LockType.F_WRLCK, 0, 10)
    lock(b"OFD of another", other, Fcntl.F_OFD_SETLK, LockType.F_RDLCK, 0, 10)
    lock(b"OFD unlock", fd, Fcntl.F_OFD_SETLK, LockType.F_UNLCK, 0, 0)
    result(b"flock EX", syscall(numbers.flock, fd, 2))
    result(b"flock SH|NB of another", syscall(numbers.flock, other, 5))
    result(b"flock UN", syscall(numbers.flock, fd, 8))
    result(b"flock SH of another", syscall(numbers.flock, other, 1))
    result(b"flock 0", syscall(numbers.flock, fd, 0))
    result(b"flock 3", syscall(numbers.flock, fd, 3))
    result(b"flock 99", syscall(numbers.flock, 99, 1))
    result(b"flock 99, 0", syscall(numbers.flock, 99, 0))
    syscall(numbers.close, fd)
    syscall(numbers.close, other)


def ioctl(label: bytes, fd: i64, request: i64, argument: i64) -> None:
    result(label, syscall(numbers.ioctl, fd, request, argument))


def controls() -> None:
    make_file(NAME, b"0123456789")
    fd = open_at(NAME, Open.O_RDONLY)
    at = i64(addr(words[0]))
    ioctl(b"FIONREAD", fd, Ioctl.FIONREAD, at)
    result(b"  bytes", i64(words[0]))
    read_back(b"read", fd, 3)
    ioctl(b"FIONREAD", fd, Ioctl.FIONREAD, at)
    result(b"  bytes", i64(words[0]))
    ioctl(b"FIONREAD nowhere", fd, Ioctl.FIONREAD, NOWHERE)
    ioctl(b"TCGETS of a file", fd, Ioctl.TCGETS, at)
    ioctl(b"TIOCGWINSZ of a file", fd, Ioctl.TIOCGWINSZ, at)
    ioctl(b"FIOASYNC of a file", fd, Ioctl.FIOASYNC, at)
    ioctl(b"unknown", fd, 0x12345678, at)
    ioctl(b"99", 99, Ioctl.FIONREAD, at)
    syscall(numbers.close, fd)
    fd = open_at(b".\0", Open.O_RDONLY)
    ioctl(b"FIONREAD of a directory", fd, Ioctl.FIONREAD, at)
    syscall(numbers.close, fd)
    fd = open_at(b"/dev/null\0", Open.O_RDWR)
    ioctl(b"FIONREAD of null", fd, Ioctl.FIONREAD, at)
    ioctl(b"TCGETS of null", fd, Ioctl.TCGETS, at)
    flags(b"flags of null", fd)
    syscall(numbers.close, fd)
    ioctl(b"TCGETS of stdin", 0, Ioctl.TCGETS, at)
    ioctl(b"TIOCGWINSZ of stdout", 1, Ioctl.TIOCGWINSZ, at)
    flags(b"stdin", 0)
    flags(b"stdout", 1)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    make_file(NAME, b"0123456789")
    say(b"- duplicates\n")
    duplicates()
    say(b"- descriptor flags\n")
    descriptor_flags()
    say(b"- status flags\n")
    status_flags()
    say(b"- commands\n")
    commands()
    say(b"- locks\n")
    locks()
    say(b"- controls\n")
    controls()
    return 0
