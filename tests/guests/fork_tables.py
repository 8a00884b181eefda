"""Threads with a descriptor table, a working directory or both of their own: clone(CLONE_THREAD) without CLONE_FILES, CLONE_FS; unshare."""

from process_tools import child, ended, hear, pipe, tell
from say import check, result
from spawn import clone_onto, join, prepared_stack, tids

from guest.lang import addr, array, fn, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.threads import Clone

ends: array[i32, 2]
back: array[i32, 2]


def start(flags: i64, entry: fn[[u64], i64], argument: u64) -> None:
    """A thread in slot 0 with CLONE_VM, CLONE_SIGHAND, CLONE_THREAD and `flags`."""
    all_flags = u64(
        Clone.CLONE_VM
        | Clone.CLONE_SIGHAND
        | Clone.CLONE_THREAD
        | Clone.CLONE_PARENT_SETTID
        | Clone.CLONE_CHILD_CLEARTID
    )
    at = u64(addr(tids[0]))
    clone_onto(all_flags | u64(flags), prepared_stack(0, entry, argument), at, at, 0)


def touches(unused: u64) -> i64:
    """Makes a descriptor, closes another, moves, sets the umask."""
    result(b"  thread: dup2", i64(syscall(numbers.dup2, 1, 50) == 50))
    result(b"  thread: close", syscall(numbers.close, 51))
    result(b"  thread: chdir", syscall(numbers.chdir, b"/\0".ptr))
    syscall(numbers.umask, 0o11)
    return 0


def at_root() -> bool:
    """Is the working directory the root?"""
    path = array[u8, 64]()
    syscall(numbers.getcwd, path.ptr, 64)
    return path[0] == 0x2F and path[1] == 0


def with_flags(label: bytes, flags: i64) -> None:
    """What the main thread sees afterwards."""
    syscall(numbers.chdir, b"/tmp\0".ptr)
    syscall(numbers.umask, 0o22)
    syscall(numbers.dup2, 1, 51)
    check(label, True)
    start(flags, touches, 0)
    join(0)
    check(b"descriptor of the thread", syscall(numbers.close, 50) == 0)
    check(b"closed by the thread", syscall(numbers.close, 51) != 0)
    check(b"moved by the thread", at_root())
    check(b"umask of the thread", syscall(numbers.umask, 0o22) == 0o11)


def forks(unused: u64) -> i64:
    """A process made by a thread has that thread's table."""
    syscall(numbers.dup2, 1, 52)
    syscall(numbers.chdir, b"/\0".ptr)
    ended(b"child of the thread", child(looks, 0))
    return 0


def looks(unused: u64) -> i64:
    """What the child has."""
    check(b"descriptor of the thread in its child", syscall(numbers.close, 52) == 0)
    check(b"working directory of the thread in its child", at_root())
    return 0


def holds(unused: u64) -> i64:
    """A table of its own keeps the other end of a pipe open until the thread ends."""
    tell(i64(back[1]))
    hear(i64(ends[0]))
    return 0


def last_close() -> None:
    """A pipe ends when the last table that has it is gone."""
    other = array[i32, 2]()
    pipe(other.ptr)
    start(Clone.CLONE_FS, holds, 0)
    hear(i64(back[0]))
    syscall(numbers.close, other[1])
    syscall(numbers.fcntl, other[0], 4, 0o4000)
    byte = array[u8, 1]()
    result(b"the thread's table has the writing end", syscall(numbers.read, other[0], byte.ptr, 1))
    tell(i64(ends[1]))
    join(0)
    syscall(numbers.fcntl, other[0], 4, 0)
    result(b"gone with the thread", syscall(numbers.read, other[0], byte.ptr, 1))
    syscall(numbers.close, other[0])


def unshares(flags: u64) -> i64:
    """A thread that begins in common and parts."""
    result(b"  thread: unshare", syscall(numbers.unshare, flags))
    return touches(0)


def with_unshare(label: bytes, flags: i64) -> None:
    """unshare(2)."""
    syscall(numbers.chdir, b"/tmp\0".ptr)
    syscall(numbers.umask, 0o22)
    syscall(numbers.dup2, 1, 51)
    check(label, True)
    start(Clone.CLONE_FS | Clone.CLONE_FILES, unshares, u64(flags))
    join(0)
    check(b"descriptor of the thread", syscall(numbers.close, 50) == 0)
    check(b"closed by the thread", syscall(numbers.close, 51) != 0)
    check(b"moved by the thread", at_root())
    check(b"umask of the thread", syscall(numbers.umask, 0o22) == 0o11)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    pipe(ends.ptr)
    pipe(back.ptr)
    with_flags(b"both common", Clone.CLONE_FS | Clone.CLONE_FILES)
    with_flags(b"own table", Clone.CLONE_FS)
    with_flags(b"own directory", Clone.CLONE_FILES)
    with_flags(b"both own", 0)
    syscall(numbers.chdir, b"/tmp\0".ptr)
    start(0, forks, 0)
    join(0)
    last_close()
    with_unshare(b"unshare nothing", 0)
    with_unshare(b"unshare the table", Clone.CLONE_FILES)
    with_unshare(b"unshare the directory", Clone.CLONE_FS)
    with_unshare(b"unshare both", Clone.CLONE_FS | Clone.CLONE_FILES)
    result(b"unshare what is no flag", syscall(numbers.unshare, 1))
    return 0
