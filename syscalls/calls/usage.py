"""What processes have used: getrusage, times (kernel/sys.c)."""

import errno

from syscalls.args import Result
from syscalls.flags.threads import Rusage
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_threads import OutRusage, OutTms, RusageWho, Tms
from syscalls.types_volatile import TimeResult
from syscalls.usage import pack_usage

USER_HZ = 100
"""Clock ticks a second of times(2), sysconf(_SC_CLK_TCK)."""

_TICK = 1_000_000_000 // USER_HZ


@syscall(partial="all processor time counts as user time")
def times(thread: Thread, buf: OutTms) -> TimeResult:
    """times(2)."""
    process = thread.process
    if buf:
        used = (thread.bench.cpu_time_ns(process) // _TICK, 0, process.children_time_ns // _TICK, 0)
        thread.memory.write(buf, Tms.pack(*used))
    return thread.bench.monotonic_ns() // _TICK


@syscall(partial="only user time is filled in; a thread's is its process's")
def getrusage(thread: Thread, who: RusageWho, usage: OutRusage) -> Result:
    """getrusage(2)."""
    process = thread.process
    if who == Rusage.RUSAGE_CHILDREN:
        used = process.children_time_ns
    elif who in (Rusage.RUSAGE_SELF, Rusage.RUSAGE_THREAD):
        used = thread.bench.cpu_time_ns(process)
    else:
        return -errno.EINVAL
    thread.memory.write(usage, pack_usage(used))
    return 0
