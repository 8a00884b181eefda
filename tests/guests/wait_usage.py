"""What a reaped child has used: wait4's and waitid's rusage, RUSAGE_CHILDREN, times."""

from process_tools import (
    P_PID,
    WEXITED,
    WNOHANG,
    WNOWAIT,
    child,
    ended,
    fork,
    hear,
    leave,
    pipe,
    reap,
    set_action,
    tell,
)
from say import check, result

from guest.lang import array, asm, i32, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.threads import Rusage

ends: array[i32, 2]
room: array[u8, 4194304]


@struct
class Usage:
    """struct rusage."""

    user_seconds: i64
    user_microseconds: i64
    system_seconds: i64
    system_microseconds: i64
    maxrss: i64
    more: array[i64, 13]

    def user(self) -> i64:
        """Microseconds in user mode."""
        return self.user_seconds * 1000000 + self.user_microseconds

    def total(self) -> i64:
        """Microseconds."""
        return self.user() + self.system_seconds * 1000000 + self.system_microseconds


@struct
class Times:
    """struct tms."""

    user: i64
    system: i64
    children_user: i64
    children_system: i64


def own_microseconds() -> i64:
    """CLOCK_PROCESS_CPUTIME_ID."""
    time = array[i64, 2]()
    syscall(numbers.clock_gettime, 2, time.ptr)
    return time[0] * 1000000 + time[1] // 1000


def burns(milliseconds: u64) -> i64:
    """Uses the processor for so long."""
    until = own_microseconds() + i64(milliseconds) * 1000
    while own_microseconds() < until:
        for _i in range(10000):
            asm("nop")
    return 0


def listens(unused: u64) -> i64:
    """Until told, with some memory."""
    for i in range(0, 4194304, 4096):
        room[i] = 1
    burns(20)
    hear(i64(ends[0]))
    return 0


def of_children() -> Usage:
    """RUSAGE_CHILDREN, into the one place."""
    usage = everybody
    syscall(numbers.getrusage, Rusage.RUSAGE_CHILDREN, usage)
    return usage


everybody: Usage


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    pipe(ends.ptr)
    check(b"nothing yet", of_children().total() == 0 and everybody.maxrss == 0)
    usage = Usage()
    usage.maxrss = 5
    one = child(listens, 0)
    result(b"WNOHANG, nothing yet", syscall(numbers.wait4, one, 0, WNOHANG, usage))
    check(b"untouched", usage.maxrss == 5)
    check(b"still nothing", of_children().total() == 0)
    tell(i64(ends[1]))
    result(b"looked at", syscall(numbers.waitid, P_PID, one, 0, WEXITED | WNOWAIT, usage))
    check(b"20 ms", usage.total() >= 19000 and usage.total() < 10000000)
    check(b"maxrss", usage.maxrss > 0)
    check(b"not counted before it is reaped", of_children().total() == 0)
    usage.maxrss = 0
    check(b"wait4", syscall(numbers.wait4, one, 0, 0, usage) == one)
    check(b"20 ms", usage.total() >= 19000 and usage.total() < 10000000)
    check(b"maxrss", usage.maxrss > 0)
    check(b"counted", of_children().total() == usage.total() and everybody.maxrss == usage.maxrss)
    before = usage.total()
    one = fork()
    if one == 0:
        check(b"a child begins with nothing", of_children().total() == 0)
        check(b"and has used little", own_microseconds() < 1000000)
        other = child(burns, 30)
        reap(other)
        leave(0)
    result(b"waitid", syscall(numbers.waitid, P_PID, one, 0, WEXITED, usage))
    check(b"with its own children's time", usage.total() >= 29000)
    check(b"the sum", of_children().total() >= before + usage.total() - 10)
    times = Times()
    check(b"times", syscall(numbers.times, times) > 0)
    check(b"cutime and cstime", times.children_user + times.children_system >= 3)
    set_action(17, 1, 0)
    before = of_children().total()
    ended(b"who is not waited for", child(burns, 20))
    check(b"is not counted", of_children().total() == before)
    return 0
