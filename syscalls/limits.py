"""Resource limits in force (getrlimit(2)), and the checks that follow from them."""

import errno
import os

from syscalls import credentials, siginfo
from syscalls.flags.signals import Signal
from syscalls.flags.threads import Capability, Rlimit
from syscalls.process import Process, Thread

INFINITY = (1 << 64) - 1
_SECOND = 1_000_000_000
_FOREVER = 1 << 33  # seconds; beyond any deadline that fits nanoseconds
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


class _ProcessorLimit:
    """RLIMIT_CPU of one process: SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._next = 0

    def set(self) -> None:
        """Watches what is in force now; a limit of 0 is one of a second (update_rlimit_cpu)."""
        soft, hard = limit(self._process, Rlimit.RLIMIT_CPU)
        self._next = max(soft, 1)
        self._arm(hard)

    def _arm(self, hard: int) -> None:
        bench, due = self._process.bench, min(self._next, max(hard, 1))
        if due >= _FOREVER:
            bench.disarm_timer(self)
        else:
            bench.arm_timer(self, due * _SECOND, self._fire, processor=self._process)

    def _fire(self) -> None:
        process = self._process
        _, hard = limit(process, Rlimit.RLIMIT_CPU)
        used = process.bench.cpu_time_ns(process) // _SECOND
        if used >= max(hard, 1):
            process.bench.send_signal(process, siginfo.from_kernel(Signal.SIGKILL))
            return
        process.bench.send_signal(process, siginfo.from_kernel(Signal.SIGXCPU))
        self._next = used + 1
        self._arm(hard)


def watch_processor_time(process: Process) -> None:
    """RLIMIT_CPU has changed, or a process has inherited it."""
    if process.processor_limit is None:
        if limit(process, Rlimit.RLIMIT_CPU)[0] == INFINITY == limit(process, Rlimit.RLIMIT_CPU)[1]:
            return
        process.processor_limit = _ProcessorLimit(process)
    process.processor_limit.set()
