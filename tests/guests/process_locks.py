"""Record locks between processes: ranges, who holds them, waits, deadlocks, and when they are given up."""

from process_tools import child, ended, fork, getpid, getppid, hear, leave, nap, pipe, tell
from say import check, result, say, say_number

from guest.lang import array, i32, i64, ptr, struct, syscall, u8, u16, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Fcntl, LockType, Open, Seek


@struct
class Lock:
    """struct flock."""

    kind: u16
    whence: u16
    start: i64
    size: i64
    pid: i32


fd: i64
ends: array[i32, 2]
back: array[i32, 2]


def lock(command: i64, kind: i64, start: i64, size: i64) -> i64:
    """One command on the file."""
    wanted = Lock(u16(kind), u16(Seek.SEEK_SET), start, size)
    return syscall(numbers.fcntl, fd, command, wanted)


def tries(label: bytes, kind: i64, start: i64, size: i64) -> None:
    """F_SETLK by another process, which gives up at once."""
    pid = fork()
    if pid == 0:
        result(label, lock(Fcntl.F_SETLK, kind, start, size))
        leave(0)
    ended(b"  ", pid)


def asks(label: bytes, kind: i64, start: i64, size: i64) -> None:
    """F_GETLK by another process: what is in the way."""
    pid = fork()
    if pid == 0:
        wanted = Lock(u16(kind), u16(Seek.SEEK_SET), start, size)
        result(label, syscall(numbers.fcntl, fd, Fcntl.F_GETLK, wanted))
        say(b"  kind ")
        say_number(i64(wanted.kind))
        say(b" from ")
        say_number(wanted.start)
        say(b" size ")
        say_number(wanted.size)
        say(b" of the parent\n" if i64(wanted.pid) == getppid() else b" of nobody\n")
        leave(0)
    ended(b"  ", pid)


def ranges() -> None:
    """Two locks, and what they leave free."""
    result(b"write 10-19", lock(Fcntl.F_SETLK, LockType.F_WRLCK, 10, 10))
    result(b"read 30-", lock(Fcntl.F_SETLK, LockType.F_RDLCK, 30, 0))
    tries(b"write 0-9", LockType.F_WRLCK, 0, 10)
    tries(b"write 19-20", LockType.F_WRLCK, 19, 2)
    tries(b"read 19-20", LockType.F_RDLCK, 19, 2)
    tries(b"read 40", LockType.F_RDLCK, 40, 1)
    tries(b"write 40", LockType.F_WRLCK, 40, 1)
    asks(b"who is at 0-9", LockType.F_WRLCK, 0, 10)
    asks(b"who is at 15", LockType.F_RDLCK, 15, 1)
    asks(b"who is at 35", LockType.F_WRLCK, 35, 1)
    asks(b"who is at 35 for a reader", LockType.F_RDLCK, 35, 1)
    result(b"my own are not in my way", lock(Fcntl.F_SETLK, LockType.F_WRLCK, 0, 0))
    result(b"unlock the middle", lock(Fcntl.F_SETLK, LockType.F_UNLCK, 12, 4))
    tries(b"write 12-15", LockType.F_WRLCK, 12, 4)
    tries(b"write 11-12", LockType.F_WRLCK, 11, 2)
    asks(b"who is at 16", LockType.F_WRLCK, 16, 1)


def refused() -> None:
    """Errors."""
    wanted = Lock(9, 0, 0, 0)
    result(b"a kind that is none", syscall(numbers.fcntl, fd, Fcntl.F_SETLK, wanted))
    wanted.kind = 2
    result(b"F_GETLK with F_UNLCK", syscall(numbers.fcntl, fd, Fcntl.F_GETLK, wanted))
    wanted.kind = 1
    wanted.whence = 7
    result(b"from nowhere", syscall(numbers.fcntl, fd, Fcntl.F_SETLK, wanted))
    wanted.whence = 0
    wanted.start = -1
    result(b"before the start", syscall(numbers.fcntl, fd, Fcntl.F_SETLK, wanted))
    wanted.start = 0
    result(b"bad pointer", syscall(numbers.fcntl, fd, Fcntl.F_SETLK, 8))
    reader = syscall(numbers.openat, -100, b"/tmp/emu-test-locks\0".ptr, Open.O_RDONLY, 0)
    result(b"write lock of a reader", syscall(numbers.fcntl, reader, Fcntl.F_SETLK, wanted))
    syscall(numbers.lseek, fd, 100, Seek.SEEK_SET)
    wanted.whence = 1
    wanted.start = -10
    wanted.size = 5
    result(b"from the offset", syscall(numbers.fcntl, fd, Fcntl.F_SETLK, wanted))
    asks(b"who is at 90", LockType.F_WRLCK, 0, 0)


def given_up() -> None:
    """By the close of any descriptor of the file, by the end of the process, and not by a child."""
    result(b"write all", lock(Fcntl.F_SETLK, LockType.F_WRLCK, 0, 0))
    pid = fork()
    if pid == 0:
        syscall(numbers.close, fd)
        leave(0)
    ended(b"child that closes", pid)
    tries(b"still locked", LockType.F_WRLCK, 0, 1)
    syscall(numbers.close, syscall(numbers.dup, fd))
    tries(b"given up by a close", LockType.F_WRLCK, 0, 1)
    pid = fork()
    if pid == 0:
        leave(-lock(Fcntl.F_SETLK, LockType.F_WRLCK, 0, 0))
    ended(b"child that locks and ends", pid)
    result(b"free again", lock(Fcntl.F_SETLK, LockType.F_WRLCK, 0, 0))
    pid = syscall(numbers.clone, 0x400 | 17, 0, 0, 0, 0)
    if pid == 0:
        leave(-lock(Fcntl.F_SETLK, LockType.F_WRLCK, 0, 0))
    ended(b"child with the same table", pid)
    own = Lock(1, 0, 0, 0)
    result(b"a description's lock meets them", syscall(numbers.fcntl, fd, Fcntl.F_OFD_SETLK, own))
    lock(Fcntl.F_SETLK, LockType.F_UNLCK, 0, 0)
    result(b"until they are given up", syscall(numbers.fcntl, fd, Fcntl.F_OFD_SETLK, own))
    tries(b"and they meet it", LockType.F_WRLCK, 0, 1)
    own.kind = 2
    syscall(numbers.fcntl, fd, Fcntl.F_OFD_SETLK, own)


def waits(unused: u64) -> i64:
    """F_SETLKW."""
    tell(i64(back[1]))
    return -lock(Fcntl.F_SETLKW, LockType.F_WRLCK, 0, 1)


def crosses(unused: u64) -> i64:
    """Holds 1, wants 0."""
    lock(Fcntl.F_SETLK, LockType.F_WRLCK, 1, 1)
    tell(i64(back[1]))
    return -lock(Fcntl.F_SETLKW, LockType.F_WRLCK, 0, 1)


def waiting() -> None:
    """F_SETLKW gets it when it is given up; a circle is EDEADLK."""
    lock(Fcntl.F_SETLK, LockType.F_WRLCK, 0, 1)
    pid = child(waits, 0)
    hear(i64(back[0]))
    nap(20)
    lock(Fcntl.F_SETLK, LockType.F_UNLCK, 0, 1)
    ended(b"it got the lock", pid)
    lock(Fcntl.F_SETLK, LockType.F_WRLCK, 0, 1)
    pid = child(crosses, 0)
    hear(i64(back[0]))
    nap(30)
    result(b"a circle", lock(Fcntl.F_SETLKW, LockType.F_WRLCK, 1, 1))
    lock(Fcntl.F_SETLK, LockType.F_UNLCK, 0, 1)
    ended(b"the other one got it", pid)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    global fd
    pipe(ends.ptr)
    pipe(back.ptr)
    fd = syscall(
        numbers.openat, -100, b"/tmp/emu-test-locks\0".ptr, Open.O_CREAT | Open.O_TRUNC | Open.O_RDWR, 0o600
    )
    ranges()
    lock(Fcntl.F_SETLK, LockType.F_UNLCK, 0, 0)
    refused()
    given_up()
    waiting()
    check(b"a pipe can be locked", syscall(numbers.fcntl, ends[0], Fcntl.F_SETLK, Lock(0, 0, 0, 0)) == 0)
    syscall(numbers.unlink, b"/tmp/emu-test-locks\0".ptr)
    check(b"me", getpid() > 0)
    return 0
