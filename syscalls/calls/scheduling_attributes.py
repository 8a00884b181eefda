"""Scheduling policy and parameters in one structure: sched_setattr, sched_getattr (kernel/sched/syscalls.c)."""

import errno
import os
from typing import Annotated

from syscalls import credentials, family, kernel, numbers, scheduling
from syscalls.args import Result, UInt
from syscalls.flags.scheduling import Policy
from syscalls.flags.system import SchedFlag
from syscalls.flags.threads import Capability, Rlimit
from syscalls.limits import limit
from syscalls.process import Thread
from syscalls.scratch import WORK
from syscalls.structs import Layout
from syscalls.table import syscall
from syscalls.types_vectors import InSized, OutSized
from syscalls.types_volatile import Pid

SchedAttr = Layout(
    "sched_attr",
    ("I", "size"),
    ("I", "sched_policy", Policy.text),
    ("Q", "sched_flags", SchedFlag.text),
    ("i", "sched_nice"),
    ("I", "sched_priority"),
    ("Q", "sched_runtime"),
    ("Q", "sched_deadline"),
    ("Q", "sched_period"),
    ("I", "sched_util_min"),
    ("I", "sched_util_max"),
)
SIZE = SchedAttr.size
FIRST_SIZE = 48
"""SCHED_ATTR_SIZE_VER0: without the utilisation clamps."""

_PAGE = 4096
_HIGHEST = 99
_REAL_TIME = (Policy.SCHED_FIFO, Policy.SCHED_RR)
_FAIR = (Policy.SCHED_OTHER, Policy.SCHED_BATCH)
_CLAMPS = SchedFlag.SCHED_FLAG_UTIL_CLAMP_MIN | SchedFlag.SCHED_FLAG_UTIL_CLAMP_MAX
_ALL = 0x7F


@syscall
def sched_getattr(
    thread: Thread, pid: Pid, attr: Annotated[int, OutSized(SchedAttr, "size")], size: UInt, flags: UInt
) -> Result:
    """sched_getattr(2); the length of a turn that newer kernels tell is the host's."""
    if not attr or pid < 0 or not FIRST_SIZE <= size <= _PAGE or flags:
        return -errno.EINVAL
    found = scheduling.of(family.thread_named(thread, pid))
    runtime = 0 if found.priority else _host_runtime(thread)
    told = SchedAttr.pack(
        min(size, SIZE), found.policy, int(found.reset_on_fork),
        0 if found.priority else found.nice, found.priority, runtime, 0, 0, 0, 0,
    )  # fmt: skip
    thread.memory.write(attr, told[:size].ljust(size, b"\0"))
    return 0


def _host_runtime(thread: Thread) -> int:
    """sched_runtime of a thread of the host with nothing set: its slice since Linux 6.12, 0 before."""
    scratch = thread.process.scratch
    if kernel.call4(numbers.sched_getattr, 0, scratch.address + WORK, SIZE, 0) < 0:
        return 0
    return int(SchedAttr.unpack(bytes(scratch.view[WORK : WORK + SIZE]))[5])


@syscall(partial="kept, and of no effect: all threads get equal turns; SCHED_DEADLINE is EPERM")
def sched_setattr(thread: Thread, pid: Pid, attr: Annotated[int, InSized(SchedAttr)], flags: UInt) -> Result:
    """sched_setattr(2)."""
    if not attr or pid < 0 or flags:
        return -errno.EINVAL
    memory = thread.memory
    size = memory.u32(attr) or FIRST_SIZE
    if not FIRST_SIZE <= size <= _PAGE:
        return _too_big(thread, attr)
    data = memory.read(attr, size)
    if any(data[SIZE:]):
        return _too_big(thread, attr)
    _, policy, wanted, nice, priority, *deadline, _low, _high = SchedAttr.unpack(
        data[:SIZE].ljust(SIZE, b"\0")
    )
    if (wanted & _CLAMPS and size < SIZE) or policy >> 31:
        return -errno.EINVAL
    target = family.thread_named(thread, pid)
    now = scheduling.of(target)
    reset = bool(wanted & SchedFlag.SCHED_FLAG_RESET_ON_FORK)
    if wanted & SchedFlag.SCHED_FLAG_KEEP_POLICY:
        policy, reset = now.policy, now.reset_on_fork
    if wanted & SchedFlag.SCHED_FLAG_KEEP_PARAMS:
        nice, priority = now.nice, now.priority
    if policy not in (*_REAL_TIME, *_FAIR, Policy.SCHED_IDLE, Policy.SCHED_DEADLINE) or wanted & ~_ALL:
        return -errno.EINVAL
    if priority > _HIGHEST or (policy in _REAL_TIME) != (priority != 0):
        return -errno.EINVAL
    if policy == Policy.SCHED_DEADLINE and not _is_deadline(*deadline):
        return -errno.EINVAL
    nice = max(-20, min(nice, 19))
    _require_right(thread, target, policy, priority, nice, reset)
    if wanted & _CLAMPS:
        return -errno.EOPNOTSUPP  # a kernel without CONFIG_UCLAMP_TASK
    if policy == Policy.SCHED_DEADLINE:
        return -errno.EPERM
    given = now._replace(policy=policy, priority=priority, reset_on_fork=reset)
    target.scheduling = given._replace(nice=nice) if policy in _FAIR else given
    return 0


def _too_big(thread: Thread, attr: int) -> int:
    thread.memory.put_u32(attr, SIZE)
    return -errno.E2BIG


def _is_deadline(runtime: int, deadline: int, period: int) -> bool:
    """__checkparam_dl: 1024 ns at least, and runtime <= deadline <= period."""
    if not deadline or runtime < 1 << 10 or deadline >> 63 or period >> 63:
        return False
    return runtime <= deadline <= (period or deadline)


def _require_right(
    thread: Thread, target: Thread, policy: int, priority: int, nice: int, reset: bool
) -> None:
    """user_check_sched_setscheduler: raises EPERM."""
    own, theirs, now = credentials.of(thread), credentials.of(target), scheduling.of(target)
    if own.can(Capability.CAP_SYS_NICE):
        return
    may_nice = limit(target.process, Rlimit.RLIMIT_NICE)[0]
    most = limit(target.process, Rlimit.RLIMIT_RTPRIO)[0]
    refused = (
        (policy in _FAIR and nice < now.nice and 20 - nice > may_nice)
        or (policy in _REAL_TIME and policy != now.policy and not most)
        or (policy in _REAL_TIME and priority > now.priority and priority > most)
        or policy == Policy.SCHED_DEADLINE
        or (Policy.SCHED_IDLE == now.policy != policy and 20 - now.nice > may_nice)
        or own.euid not in (theirs.uid, theirs.euid)
        or (now.reset_on_fork and not reset)
    )
    if refused:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
