"""Limits, usage, clocks and priorities of other processes."""

from gates import Gate
from process_tools import ended, fork, leave, no_core
from say import check, result
from signal_tools import bit, mask_of
from spawn import spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64, volatile_store
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal
from syscalls.flags.threads import Rlimit

UNMAPPED = 0x10000
NOBODY = 0x3FFFFF
limit: array[u64, 2]
former: array[u64, 2]
time: array[i64, 2]
usage: array[i64, 18]
words: array[i32, 4]
spin: u64
gate: Gate
ready: Gate


def of_a_child() -> None:
    """prlimit64 reaches a child, and what it sets is inherited."""
    limit[0] = 50
    limit[1] = 200
    result(b"own", syscall(numbers.setrlimit, Rlimit.RLIMIT_NOFILE, limit.ptr))
    child = fork()
    if child == 0:
        syscall(numbers.getrlimit, Rlimit.RLIMIT_NOFILE, former.ptr)
        result(b"inherited", i64(former[0]))
        ready.open()
        gate.wait()
        syscall(numbers.getrlimit, Rlimit.RLIMIT_NOFILE, former.ptr)
        result(b"set from outside", i64(former[0]))
        result(b"it holds", syscall(numbers.dup2, 1, 30))
        result(b"really", syscall(numbers.dup2, 1, 29))
        grandchild = fork()
        if grandchild == 0:
            syscall(numbers.getrlimit, Rlimit.RLIMIT_NOFILE, former.ptr)
            result(b"inherited again", i64(former[0]))
            result(b"it holds", syscall(numbers.dup2, 1, 30))
            leave(0)
        ended(b"grandchild", grandchild)
        leave(0)
    ready.wait()
    limit[0] = 30
    result(b"a child's", syscall(numbers.prlimit64, child, Rlimit.RLIMIT_NOFILE, limit.ptr, former.ptr))
    result(b"it was", i64(former[0]))
    limit[1] = 300
    result(b"its hard one", syscall(numbers.prlimit64, child, Rlimit.RLIMIT_NOFILE, limit.ptr, 0))
    limit[0] = 400
    result(b"soft above hard", syscall(numbers.prlimit64, child, Rlimit.RLIMIT_NOFILE, limit.ptr, 0))
    result(b"no such limit", syscall(numbers.prlimit64, child, 99, 0, former.ptr))
    result(b"nobody's", syscall(numbers.prlimit64, NOBODY, 99, 0, former.ptr))
    result(b"negative", syscall(numbers.prlimit64, -1, 7, 0, former.ptr))
    syscall(numbers.getrlimit, Rlimit.RLIMIT_NOFILE, former.ptr)
    result(b"one's own stays", i64(former[0]))
    gate.open()
    ended(b"child", child)
    result(b"of who is gone", syscall(numbers.prlimit64, child, Rlimit.RLIMIT_NOFILE, 0, former.ptr))


def too_many() -> None:
    """RLIMIT_NPROC in a child that is the only process of its user; natively another user's processes do not count."""
    limit[0] = 0
    limit[1] = 0
    result(b"no processes", syscall(numbers.setrlimit, Rlimit.RLIMIT_NPROC, limit.ptr))
    result(b"fork", fork())
    result(b"a thread", spawn_in(0, passes, 0))


def passes(unused: u64) -> i64:
    """A thread."""
    return 0


def burn(seconds: i64, nanoseconds: i64) -> None:
    """Uses processor time."""
    until = array[i64, 2]()
    while True:
        for i in range(100000):
            volatile_store(addr(spin), u64(i))
        syscall(numbers.clock_gettime, 2, until.ptr)
        if until[0] > seconds or (until[0] == seconds and until[1] >= nanoseconds):
            return


def processor_time() -> None:
    """RLIMIT_CPU: SIGXCPU at a second, SIGKILL at two."""
    child = fork()
    if child == 0:
        limit[0] = 1
        limit[1] = 2
        result(b"RLIMIT_CPU", syscall(numbers.setrlimit, Rlimit.RLIMIT_CPU, limit.ptr))
        wanted = bit(Signal.SIGXCPU)
        mask_of(SigMask.SIG_BLOCK, wanted)
        time[0] = 0
        time[1] = 0
        result(b"not yet", syscall(numbers.rt_sigtimedwait, addr(wanted), words.ptr, time.ptr, 8))
        burn(1, 100000000)
        result(b"the soft limit", syscall(numbers.rt_sigtimedwait, addr(wanted), 0, time.ptr, 8))
        burn(10, 0)
        leave(0)
    ended(b"the hard limit", child)
    child = fork()
    if child == 0:
        limit[0] = 1
        limit[1] = 10
        syscall(numbers.setrlimit, Rlimit.RLIMIT_CPU, limit.ptr)
        burn(10, 0)
        leave(0)
    ended(b"the soft limit, not handled", child)


def clocks() -> None:
    """Processor clocks of others; usage of children."""
    syscall(numbers.getrusage, -1, usage.ptr)
    before = usage[0] * 1000000 + usage[1]
    child = fork()
    if child == 0:
        burn(0, 50000000)
        ready.open()
        gate.wait()
        leave(0)
    ready.wait()
    clock = ~child << 3
    result(b"a child's clock", syscall(numbers.clock_gettime, clock | 2, time.ptr))
    check(b"it has run", time[0] > 0 or time[1] >= 50000000)
    result(b"its resolution", syscall(numbers.clock_getres, clock | 2, time.ptr))
    result(b"of profiling", syscall(numbers.clock_gettime, clock, time.ptr))
    result(b"as of a thread", syscall(numbers.clock_gettime, clock | 6, time.ptr))
    result(b"nobody's", syscall(numbers.clock_gettime, ~NOBODY << 3 | 2, time.ptr))
    result(b"set it", syscall(numbers.clock_settime, clock | 2, time.ptr))
    result(b"set nobody's", syscall(numbers.clock_settime, ~NOBODY << 3 | 2, time.ptr))
    result(b"set the monotonic one", syscall(numbers.clock_settime, 1, time.ptr))
    result(b"set it, bad pointer", syscall(numbers.clock_settime, 0, UNMAPPED))
    result(b"usage of children", syscall(numbers.getrusage, -1, usage.ptr))
    check(
        b"does not count it yet",
        usage[0] * 1000000 + usage[1] + usage[2] * 1000000 + usage[3] - before < 50000,
    )
    gate.open()
    ended(b"child", child)
    result(b"usage of children", syscall(numbers.getrusage, -1, usage.ptr))
    check(b"counts it now", usage[0] * 1000000 + usage[1] + usage[2] * 1000000 + usage[3] - before >= 50000)
    result(b"usage of itself", syscall(numbers.getrusage, 0, usage.ptr))
    result(b"of the thread", syscall(numbers.getrusage, 1, usage.ptr))
    result(b"of what", syscall(numbers.getrusage, 2, usage.ptr))
    result(b"bad pointer", syscall(numbers.getrusage, 0, UNMAPPED))
    check(b"times", syscall(numbers.times, usage.ptr) > 0)
    check(b"of children", usage[2] + usage[3] >= 4)
    result(b"its clock is gone", syscall(numbers.clock_gettime, clock | 2, time.ptr))


def priorities() -> None:
    """Niceness and policies, own and of a child."""
    get, put = numbers.getpriority, numbers.setpriority
    result(b"own", syscall(get, 0, 0))
    result(b"of what", syscall(get, 3, 0))
    result(b"of nobody", syscall(get, 0, NOBODY))
    result(b"of no group", syscall(get, 1, NOBODY))
    result(b"of no user", syscall(get, 2, NOBODY))
    child = fork()
    if child == 0:
        syscall(numbers.setpgid, 0, 0)
        ready.open()
        gate.wait()
        result(b"it sees", syscall(get, 0, 0))
        leave(0)
    ready.wait()
    result(b"a child", syscall(put, 0, child, 7))
    result(b"has it", syscall(get, 0, child))
    result(b"its group", syscall(get, 1, child))
    result(b"less", syscall(put, 0, child, 3))
    result(b"the same", syscall(put, 0, child, 7))
    result(b"very nice", syscall(put, 1, child, 100))
    result(b"is 19", syscall(get, 0, child))
    result(b"own is as it was", syscall(get, 0, 0))
    result(b"of what", syscall(put, 3, child, 0))
    result(b"nobody", syscall(put, 0, NOBODY, 0))
    gate.open()
    ended(b"child", child)
    words[0] = 0
    result(b"policy", syscall(numbers.sched_getscheduler, 0))
    result(b"of -1", syscall(numbers.sched_getscheduler, -1))
    result(b"of nobody", syscall(numbers.sched_getscheduler, NOBODY))
    result(b"parameters", syscall(numbers.sched_getparam, 0, words.ptr))
    result(b"are", i64(words[0]))
    result(b"nowhere", syscall(numbers.sched_getparam, 0, 0))
    result(b"bad pointer", syscall(numbers.sched_getparam, 0, UNMAPPED))
    for policy in range(9):
        result(b"max", syscall(numbers.sched_get_priority_max, policy))
        result(b"min", syscall(numbers.sched_get_priority_min, policy))
    result(b"FIFO with 0", syscall(numbers.sched_setscheduler, 0, 1, words.ptr))
    words[0] = 1
    result(b"FIFO", syscall(numbers.sched_setscheduler, 0, 1, words.ptr))
    result(b"OTHER with 1", syscall(numbers.sched_setscheduler, 0, 0, words.ptr))
    result(b"parameters with 1", syscall(numbers.sched_setparam, 0, words.ptr))
    words[0] = 0
    result(b"parameters with 0", syscall(numbers.sched_setparam, 0, words.ptr))
    result(b"no policy", syscall(numbers.sched_setscheduler, 0, 4, words.ptr))
    result(b"negative policy", syscall(numbers.sched_setscheduler, 0, -1, words.ptr))
    result(b"nobody", syscall(numbers.sched_setscheduler, NOBODY, 0, words.ptr))
    result(b"bad pointer", syscall(numbers.sched_setscheduler, 0, 0, UNMAPPED))
    result(b"BATCH", syscall(numbers.sched_setscheduler, 0, 3, words.ptr))
    result(b"it is", syscall(numbers.sched_getscheduler, 0))
    result(b"reset on fork", syscall(numbers.sched_setscheduler, 0, 0x40000003, words.ptr))
    result(b"it is", syscall(numbers.sched_getscheduler, 0))
    result(b"for ever", syscall(numbers.sched_setscheduler, 0, 3, words.ptr))
    child = fork()
    if child == 0:
        result(b"reset", syscall(numbers.sched_getscheduler, 0))
        result(b"IDLE", syscall(numbers.sched_setscheduler, 0, 5, words.ptr))
        result(b"it is", syscall(numbers.sched_getscheduler, 0))
        result(b"and not back", syscall(numbers.sched_setscheduler, 0, 0, words.ptr))
        leave(0)
    ended(b"child", child)
    result(b"round robin", syscall(numbers.sched_rr_get_interval, 0, time.ptr))
    result(b"of -1", syscall(numbers.sched_rr_get_interval, -1, time.ptr))
    result(b"of nobody", syscall(numbers.sched_rr_get_interval, NOBODY, time.ptr))
    mask = array[u64, 16]()
    result(b"processors of nobody", syscall(numbers.sched_getaffinity, NOBODY, 128, mask.ptr))


def input_and_output() -> None:
    """I/O priorities."""
    result(b"I/O", syscall(numbers.ioprio_get, 1, 0))
    result(b"of what", syscall(numbers.ioprio_get, 0, 0))
    result(b"of nobody", syscall(numbers.ioprio_get, 1, NOBODY))
    result(b"set", syscall(numbers.ioprio_set, 1, 0, 0x4002))
    result(b"it is", syscall(numbers.ioprio_get, 1, 0))
    child = fork()
    if child == 0:
        result(b"inherited", syscall(numbers.ioprio_get, 1, 0))
        leave(0)
    ended(b"child", child)
    result(b"real time", syscall(numbers.ioprio_set, 1, 0, 0x2002))
    result(b"idle", syscall(numbers.ioprio_set, 1, 0, 0x6000))
    result(b"it is", syscall(numbers.ioprio_get, 1, 0))
    result(b"no class", syscall(numbers.ioprio_set, 1, 0, 0x8000))
    result(b"no class, a level", syscall(numbers.ioprio_set, 1, 0, 3))
    result(b"of what", syscall(numbers.ioprio_set, 4, 0, 0x4002))
    result(b"nobody", syscall(numbers.ioprio_set, 1, NOBODY, 0x4002))
    result(b"none", syscall(numbers.ioprio_set, 1, 0, 0))
    result(b"it is", syscall(numbers.ioprio_get, 1, 0))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them, as somebody without privileges."""
    gate.make()
    ready.make()
    if syscall(numbers.getuid) == 0:
        syscall(numbers.setgroups, 0, 0)
        syscall(numbers.setresgid, 1000, 1000, 1000)
        syscall(numbers.setresuid, 1000, 1000, 1000)
    result(b"sethostname", syscall(numbers.sethostname, 0, 5))
    result(b"setdomainname", syscall(numbers.setdomainname, 0, 5))
    result(b"syslog", syscall(numbers.syslog, 5, 0, 0))
    if argc > 1:
        no_core()
        processor_time()
        return 0
    priorities()
    input_and_output()
    of_a_child()
    clocks()
    too_many()
    return 0
