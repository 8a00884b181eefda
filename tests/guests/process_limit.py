"""A fork loop without end: it meets a limit with EAGAIN, and the others go on. Only to be run on the bench!"""

from process_tools import child, ended, fork, hear, kill, leave, pipe, tell
from say import check, result

from guest.lang import array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import Signal

MOST = 5000

ends: array[i32, 2]
pids: array[i64, 5000]


def echoes(unused: u64) -> i64:
    """Another process, which is there before and afterwards."""
    hear(i64(ends[0]))
    return 7


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Fork until it fails; the argument is a RLIMIT_NPROC to be set before, if there is one."""
    pipe(ends.ptr)
    if argc > 1:
        limit = array[u64, 2]()
        limit[0] = u64(argv[1][0] - 0x30) * 10
        limit[1] = limit[0]
        result(b"RLIMIT_NPROC", syscall(numbers.setrlimit, 6, limit.ptr))
    other = child(echoes, 0)
    made = i64(0)
    while made < MOST:
        pid = fork()
        if pid == 0:
            while True:
                syscall(numbers.pause)
        if pid < 0:
            result(b"fork", pid)
            break
        pids[made] = pid
        made += 1
    result(b"made", made)
    result(b"again", fork())
    tell(i64(ends[1]))
    ended(b"the other one", other)
    for at in range(made):
        kill(pids[at], Signal.SIGKILL)
    for at in range(made):
        syscall(numbers.wait4, pids[at], 0, 0, 0)
    pid = fork()
    if pid == 0:
        leave(3)
    ended(b"there is room again", pid)
    check(b"end", syscall(numbers.wait4, -1, 0, 0, 0) == -10)
    return 0
