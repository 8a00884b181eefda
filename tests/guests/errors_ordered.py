"""Which error is said first when several arguments are wrong, and calls on descriptors of a kind that they are not for."""

from say import check, result

from guest.lang import addr, array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

BAD = 0x800000000000

data: array[u8, 4096]
pair: array[u64, 1]


def polls() -> None:
    """Nobody waits for /dev/null, so a time-out ends a wait for nothing."""
    words = array[u64, 2]()
    fd = syscall(numbers.openat, -100, b"/dev/null\0".ptr, 2, 0)
    words[0] = u64(fd)
    result(b"poll of /dev/null for nothing", syscall(numbers.poll, words.ptr, 1, 20))
    words[0] = u64(fd) | (5 << 32)
    result(b"for reading and writing", syscall(numbers.poll, words.ptr, 1, 20))
    words[0] = 0
    words[1] = 1
    poll = array[u64, 1]()
    poll[0] = u64(fd)
    result(b"ppoll", syscall(numbers.ppoll, poll.ptr, 1, words.ptr, 0, 8))
    syscall(numbers.close, fd)


def files() -> None:
    """sendfile, statx, extended attributes, memfd_create, timerfd."""
    memory = syscall(numbers.memfd_create, b"a\0".ptr, 0)
    syscall(numbers.ftruncate, memory, 100)
    other = syscall(numbers.memfd_create, b"b\0".ptr, 0)
    path = syscall(numbers.openat, -100, b"/\0".ptr, 0o10000000, 0)
    syscall(numbers.pipe2, pair.ptr, 0)
    reads = i64(pair[0] & 0xFFFFFFFF)
    data[0] = 0
    where = u64(addr(data[0]))
    result(b"sendfile: negative size", syscall(numbers.sendfile, other, memory, 0, -1))
    result(b"sendfile: from a pipe", syscall(numbers.sendfile, other, reads, 0, 4))
    process = syscall(numbers.pidfd_open, syscall(numbers.getpid), 0)
    result(b"sendfile: from a pidfd", syscall(numbers.sendfile, other, process, where, 4))
    result(b"ftruncate of a pidfd", syscall(numbers.ftruncate, process, 4))
    result(b"sendfile: at a place in a pipe", syscall(numbers.sendfile, other, reads, where, 4))
    result(b"statx: flags and no name", syscall(numbers.statx, -100, where, 0x400000, 0, where))
    result(b"statx: flags and no address", syscall(numbers.statx, -100, BAD, 0x400000, 0, where))
    result(b"fgetxattr: no name, no file", syscall(numbers.fgetxattr, 99, where, where, 4))
    result(b"fremovexattr: nowhere, no file", syscall(numbers.fremovexattr, 99, BAD))
    result(b"fsetxattr: flags, no file", syscall(numbers.fsetxattr, 99, b"user.a\0".ptr, where, 1, 4))
    result(b"memfd_create: flags, no name", syscall(numbers.memfd_create, BAD, 0xFFFFFFFF))
    result(b"timerfd_gettime: no file, nowhere", syscall(numbers.timerfd_gettime, 99, BAD))
    result(b"timerfd_settime: no file, nowhere", syscall(numbers.timerfd_settime, 99, 0, BAD, BAD))
    result(b"listen on a path", syscall(numbers.listen, path, 1))
    result(b"getsockname of a path", syscall(numbers.getsockname, path, where, where))
    result(b"listen on a file", syscall(numbers.listen, memory, 1))
    result(b"FS_IOC_FIEMAP of a pipe", syscall(numbers.ioctl, reads, 0xC020660B, where))
    result(b"FIGETBSZ nowhere", syscall(numbers.ioctl, memory, 2, BAD))
    result(b"FIGETBSZ", syscall(numbers.ioctl, memory, 2, where))
    vector = array[u64, 2]()
    vector[0] = where
    vector[1] = 1
    result(b"preadv of a pipe", syscall(numbers.preadv, reads, vector.ptr, 1, 0, 0))


def others() -> None:
    """What is no epoll, is misnamed, cannot be read."""
    mask = array[u64, 1]()
    mask[0] = 1 << 9
    signals = syscall(numbers.signalfd4, -1, mask.ptr, 8, 0)
    event = array[u64, 2]()
    event[0] = 1
    other = syscall(numbers.eventfd2, 0, 0)
    result(b"epoll_ctl of a signalfd", syscall(numbers.epoll_ctl, signals, 1, other, event.ptr))
    result(b"change", syscall(numbers.epoll_ctl, signals, 3, other, event.ptr))
    result(b"epoll_wait of a signalfd", syscall(numbers.epoll_wait, signals, addr(data[0]), 1, 0))
    result(b"of an eventfd, nowhere", syscall(numbers.epoll_wait, other, BAD, 1, 0))
    result(b"no room, nowhere", syscall(numbers.epoll_wait, other, BAD, 0, 0))
    result(b"renameat: no folder, no new name", syscall(numbers.renameat, 99, b"a\0".ptr, -100, BAD))
    result(b"renameat: no folder twice", syscall(numbers.renameat, 99, b"a\0".ptr, 98, b"\0".ptr))
    result(b"linkat: no folder, no new name", syscall(numbers.linkat, 99, b"a\0".ptr, -100, BAD, 0))
    page = u64(syscall(numbers.mmap, 0, 8192, 0, 0x22, -1, 0))
    result(b"mlock of what cannot be read", syscall(numbers.mlock, page, 4096))
    result(b"ARCH_GET_XCOMP_SUPP", syscall(numbers.arch_prctl, 0x1021, addr(data[0])))
    result(b"nowhere", syscall(numbers.arch_prctl, 0x1021, BAD))
    again = u64(syscall(numbers.mmap, 0, 65536, 3, 0x22, -1, 0))
    syscall(numbers.munmap, again + 12288, 4096)
    result(b"mremap: too large", syscall(numbers.mremap, again, 4096, 0x7FFFFFFFFFFFFFFF, 1, 0))
    result(b"mremap: no size that could be", syscall(numbers.mremap, again, -2, 8192, 1, 0))
    result(b"mremap: over a hole", syscall(numbers.mremap, again, 20480, 24576, 1, 0))
    check(b"smaller, over a hole", u64(syscall(numbers.mremap, again, 65536, 8192, 1, 0)) == again)
    result(b"what lay behind is gone", syscall(numbers.msync, again + 20480, 4096, 4))
    result(b"what stays is there", syscall(numbers.msync, again, 8192, 4))
    syscall(numbers.mprotect, page, 4096, 1)
    result(b"futex: shared, cannot be written", syscall(numbers.futex, page, 1, 1, 0, 0, 0))
    result(b"private", syscall(numbers.futex, page, 129, 1, 0, 0, 0))


def settings() -> None:
    """sigaltstack, prctl, clocks, keys."""
    stack = array[u64, 3]()
    result(b"sigaltstack: nothing, as it is", syscall(numbers.sigaltstack, stack.ptr, 0))
    stack[1] = 2
    result(b"sigaltstack: disabled", syscall(numbers.sigaltstack, stack.ptr, 0))
    stack[1] = 0
    result(b"sigaltstack: nothing", syscall(numbers.sigaltstack, stack.ptr, 0))
    result(b"PR_GET_SPECULATION_CTRL of what is not", syscall(numbers.prctl, 52, 9, 0, 0, 0))
    result(b"PR_SET_MM with too much", syscall(numbers.prctl, 35, 1, 0, 0, 1))
    result(b"clock_settime: nowhere", syscall(numbers.clock_settime, -6, BAD))
    result(b"clock_nanosleep: nowhere", syscall(numbers.clock_nanosleep, -0x7FFFFFF0, 0, BAD, 0))
    result(
        b"sched_getaffinity: a size that overflows",
        syscall(numbers.sched_getaffinity, 0, 0x80000000, addr(data[0])),
    )
    result(b"F_SETSIG: the low half counts", syscall(numbers.fcntl, 0, 10, u64(1) << 63))
    result(b"inotify_add_watch: nothing to watch for", syscall(numbers.inotify_add_watch, 99, 0, 0x10000000))
    result(b"what nobody knows", syscall(numbers.inotify_add_watch, 99, 0, 0x10001))
    result(b"no inotify", syscall(numbers.inotify_add_watch, 99, 0, 2))
    result(b"pkey_alloc", syscall(numbers.pkey_alloc, 1, 0))
    result(b"get_mempolicy: flags", syscall(numbers.get_mempolicy, 0, 0, 0, 0, u64(1) << 32))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    polls()
    files()
    others()
    settings()
    return 0
