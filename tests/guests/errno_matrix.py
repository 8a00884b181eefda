"""Calls with systematic hostile arguments: for each call and argument set one line, `number set errno` (0 for success)."""

from say import say, say_number

from guest.lang import addr, array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

# Calls that can neither wait for ever, nor reach beyond this process, nor take its memory or output away, whatever
# the arguments.
CALLS = array[u64, 64]([
    numbers.read, numbers.fstat, numbers.lseek, numbers.pread64, numbers.pwrite64, numbers.readv,
    numbers.preadv, numbers.pwritev, numbers.dup, numbers.pipe2, numbers.eventfd2,     numbers.mincore, numbers.msync, numbers.access,
    numbers.faccessat, numbers.readlink, numbers.readlinkat, numbers.newfstatat, numbers.stat, numbers.lstat,
    numbers.getcwd, numbers.chdir, numbers.fchdir, numbers.getdents64, numbers.socket, numbers.socketpair,
    numbers.listen, numbers.bind, numbers.accept4, numbers.getsockname, numbers.getpeername, numbers.setsockopt,
    numbers.getsockopt, numbers.shutdown, numbers.recvfrom, numbers.recvmsg, numbers.sendmsg, numbers.epoll_create1,
    numbers.epoll_create, numbers.epoll_ctl, numbers.set_tid_address, numbers.arch_prctl, numbers.getpid,
    numbers.sched_yield, numbers.set_robust_list,     numbers.clock_gettime, numbers.clock_getres, numbers.gettimeofday, numbers.time, numbers.getrandom,
    numbers.uname, numbers.getrlimit, numbers.rt_sigprocmask, numbers.sigaltstack,
    numbers.rt_sigpending, numbers.ioctl, numbers.fcntl, numbers.flock, numbers.sysinfo, numbers.times,
    numbers.getrusage, numbers.getresuid, numbers.getgroups, numbers.getcpu,
])  # fmt: skip

SETS = 100
KINDS = 12
ROOT = b"/\0"
PATH = b"/dev/null\0"
MISSING = b"/no/such/file\0"

page: array[u8, 8192]
fds: array[u64, 8]
state: u64


def random() -> u64:
    """The next number of a xorshift generator (Marsaglia, 2003)."""
    global state
    state = state ^ (state << 13)
    state = state ^ (state >> 7)
    state = state ^ (state << 17)
    return state


def prepare() -> None:
    """Descriptors of every kind, the same numbers each time."""
    pair = array[u64, 1]()
    fds[0] = u64(syscall(numbers.openat, -100, PATH.ptr, 2, 0))
    syscall(numbers.pipe2, addr(pair[0]), 0o4000)
    fds[1] = pair[0] & 0xFFFFFFFF
    fds[2] = pair[0] >> 32
    fds[3] = u64(syscall(numbers.socket, 2, 1 | 0o4000, 0))
    fds[4] = u64(syscall(numbers.socket, 1, 2 | 0o4000, 0))
    fds[5] = u64(syscall(numbers.eventfd2, 0, 0o4000))
    fds[6] = u64(syscall(numbers.epoll_create1, 0))
    fds[7] = 99


def value(kind: u64) -> u64:
    """An argument of a kind."""
    if kind == 0:
        return 0xFFFFFFFFFFFFFFFF
    if kind == 1:
        return 0
    if kind == 2:
        return u64(addr(page[0])) + 1
    if kind == 3:
        return 0x7FFFFFFFFFFFFFFF
    if kind == 4:
        return u64(1) << (random() % 64)
    if kind == 5:
        return u64(PATH.ptr)
    if kind == 6:
        return u64(MISSING.ptr)
    if kind == 7:
        return 0x10
    if kind == 8:
        return random() % 8
    if kind == 9:
        return u64(addr(page[0]))
    return fds[random() % 8]


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Runs every call with every set; the descriptors are made anew for each call."""
    global state
    syscall(numbers.chdir, ROOT.ptr)
    for number in CALLS:
        for fd in range(3, 32):
            syscall(numbers.close, fd)
        prepare()
        for chosen in range(SETS):
            state = (number * 1024 + u64(chosen)) * 0x9E3779B97F4A7C15 + 1
            arguments = array[u64, 6]()
            for at in range(6):
                if chosen < KINDS:
                    arguments[at] = value(u64(chosen))
                else:
                    arguments[at] = value(random() % KINDS)
            result = syscall(
                number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]
            )
            syscall(numbers.fcntl, 1, 4, 1)  # F_SETFL: the call may have made the output non-blocking
            say_number(i64(number))
            say(b" ")
            say_number(i64(chosen))
            say(b" ")
            say_number(0 - result if result < 0 and result > -4096 else i64(0))
            say(b"\n")
    return 0
