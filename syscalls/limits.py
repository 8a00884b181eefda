"""Resource limits in force (getrlimit(2)), and the checks that follow from them."""

import errno
import os

from syscalls import credentials
from syscalls.flags.threads import Capability, Rlimit
from syscalls.process import Process, Thread

INFINITY = (1 << 64) - 1
NR_OPEN = 1 << 20
"""The most descriptors that RLIMIT_NOFILE may be raised to (/proc/sys/fs/nr_open)."""

DEFAULT_LIMITS = {
    Rlimit.RLIMIT_STACK: (8 << 20, INFINITY),
    Rlimit.RLIMIT_CORE: (0, INFINITY),
    Rlimit.RLIMIT_MEMLOCK: (8 << 20, 8 << 20),
    Rlimit.RLIMIT_SIGPENDING: (16384, 16384),
    Rlimit.RLIMIT_MSGQUEUE: (819200, 819200),
    Rlimit.RLIMIT_NICE: (0, 0),
    Rlimit.RLIMIT_RTPRIO: (0, 0),
}
"""Limits of a process whose machine sets none, where they are not infinite; RLIMIT_NOFILE is the descriptor table's."""


def limit(process: Process, resource: int) -> tuple[int, int]:
    """The soft and the hard limit in force."""
    if resource in process.limits:
        return process.limits[resource]
    if resource == Rlimit.RLIMIT_NOFILE:
        return process.fds.limit, max(process.fds.limit, 4096)
    return DEFAULT_LIMITS.get(resource, (INFINITY, INFINITY))


def check_processes(thread: Thread) -> None:
    """RLIMIT_NPROC: raises EAGAIN where the thread's real user has too many threads to make one more (copy_process)."""
    most, _ = limit(thread.process, Rlimit.RLIMIT_NPROC)
    if most == INFINITY:
        return
    own = credentials.of(thread)
    if own.uid == 0 or own.can(Capability.CAP_SYS_RESOURCE):
        return
    count = sum(
        credentials.of(other).uid == own.uid
        for process in thread.process.system.processes.values()
        for other in process.threads.values()
    )
    if count >= most:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
