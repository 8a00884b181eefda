"""Niceness, scheduling policies, I/O priorities (kernel/sys.c, kernel/sched/syscalls.c, block/ioprio.c).

They are kept and told as on Linux; the bench gives all threads equal turns.
"""

import errno
import os
from typing import Annotated

from syscalls import credentials, family, scheduling
from syscalls.args import Flags, InStruct, Int, Result, UInt
from syscalls.flags.scheduling import IoPriority, Policy, Priority
from syscalls.flags.threads import Capability, Rlimit
from syscalls.limits import limit
from syscalls.process import Process, Thread
from syscalls.structs import Layout, Timespec
from syscalls.table import syscall
from syscalls.types_threads import OutTimespec, OutValue
from syscalls.types_volatile import Pid

_NO_EFFECT = "kept, and of no effect: all threads get equal turns"
_REAL_TIME = (Policy.SCHED_FIFO, Policy.SCHED_RR)
_FAIR = (Policy.SCHED_OTHER, Policy.SCHED_BATCH, Policy.SCHED_IDLE)
_OTHERS = (Policy.SCHED_DEADLINE, Policy.SCHED_EXT)
_HIGHEST = 99
_RR_SLICE = 100_000_000
_FAIR_SLICE = 0  # less than a tick of CONFIG_HZ=250

SchedParam = Layout("sched_param", ("i", "sched_priority"))
PolicyArg = Annotated[int, Flags(Policy)]
InParam = Annotated[int, InStruct(SchedParam)]
OutParam = Annotated[int, OutValue(SchedParam)]


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _named(thread: Thread, which: int, who: int) -> list[Thread]:
    """The threads that PRIO_PROCESS, PRIO_PGRP or PRIO_USER and a number mean; none where there is nobody."""
    system = thread.process.system
    if which == Priority.PRIO_PROCESS:
        found = thread if not who else system.thread(who)
        return [] if found is None else [found]
    if which == Priority.PRIO_PGRP:
        chosen = system.members(who or thread.process.group)
        return [one for process in chosen for one in process.threads.values()]
    user = who & 0xFFFFFFFF or credentials.of(thread).uid
    everybody = [one for process in system.processes.values() for one in process.threads.values()]
    return [one for one in everybody if credentials.of(one).uid == user]


@syscall
def getpriority(thread: Thread, which: Annotated[int, Flags(Priority)], who: Pid) -> Result:
    """getpriority(2); the kernel's call, which gives 20 minus the niceness."""
    if which not in (Priority.PRIO_PROCESS, Priority.PRIO_PGRP, Priority.PRIO_USER):
        return -errno.EINVAL
    found = _named(thread, which, who)
    return max((20 - scheduling.of(one).nice for one in found), default=-errno.ESRCH)


@syscall(partial=_NO_EFFECT)
def setpriority(thread: Thread, which: Annotated[int, Flags(Priority)], who: Pid, prio: Int) -> Result:
    """setpriority(2)."""
    if which not in (Priority.PRIO_PROCESS, Priority.PRIO_PGRP, Priority.PRIO_USER):
        return -errno.EINVAL
    nice = max(-20, min(prio, 19))
    result = -errno.ESRCH
    for one in _named(thread, which, who):
        try:
            _renice(thread, one, nice)
        except OSError as error:
            result = -(error.errno or errno.EPERM)
        else:
            result = 0 if result == -errno.ESRCH else result
    return result


def _renice(thread: Thread, target: Thread, nice: int) -> None:
    """set_one_prio: raises EPERM, EACCES."""
    _check_owner(thread, target)
    now = scheduling.of(target)
    if nice < now.nice and not _can_nice(thread, target.process, nice):
        raise _error(errno.EACCES)
    target.scheduling = now._replace(nice=nice)


def _check_owner(thread: Thread, target: Thread) -> None:
    own, theirs = credentials.of(thread), credentials.of(target)
    if own.euid not in (theirs.uid, theirs.euid) and not own.can(Capability.CAP_SYS_NICE):
        raise _error(errno.EPERM)


def _can_nice(thread: Thread, target: Process, nice: int) -> bool:
    return 20 - nice <= limit(target, Rlimit.RLIMIT_NICE)[0] or credentials.of(thread).can(
        Capability.CAP_SYS_NICE
    )


def _target(thread: Thread, pid: int) -> Thread:
    if pid < 0:
        raise _error(errno.EINVAL)
    return family.thread_named(thread, pid)


@syscall
def sched_getscheduler(thread: Thread, pid: Pid) -> Result:
    """sched_getscheduler(2)."""
    found = scheduling.of(_target(thread, pid))
    return found.policy | (Policy.SCHED_RESET_ON_FORK if found.reset_on_fork else 0)


@syscall
def sched_getparam(thread: Thread, pid: Pid, param: OutParam) -> Result:
    """sched_getparam(2)."""
    if not param:
        return -errno.EINVAL
    found = scheduling.of(_target(thread, pid))
    thread.memory.write(param, SchedParam.pack(found.priority))
    return 0


@syscall(partial=_NO_EFFECT)
def sched_setscheduler(thread: Thread, pid: Pid, policy: PolicyArg, param: InParam) -> Result:
    """sched_setscheduler(2); SCHED_DEADLINE and SCHED_EXT are EINVAL and EPERM."""
    if policy < 0:
        return -errno.EINVAL
    reset = bool(policy & Policy.SCHED_RESET_ON_FORK)
    return _set(thread, pid, policy & ~Policy.SCHED_RESET_ON_FORK, reset, param)


@syscall(partial=_NO_EFFECT)
def sched_setparam(thread: Thread, pid: Pid, param: InParam) -> Result:
    """sched_setparam(2)."""
    return _set(thread, pid, None, False, param)


def _set(thread: Thread, pid: int, policy: int | None, reset: bool, param: int) -> int:
    """__sched_setscheduler; `policy` None leaves it as it is."""
    if not param or pid < 0:
        return -errno.EINVAL
    (priority,) = SchedParam.unpack(thread.memory.read(param, SchedParam.size))
    target = _target(thread, pid)
    now = scheduling.of(target)
    if policy is None:
        policy, reset = now.policy, now.reset_on_fork
    if policy not in (*_REAL_TIME, *_FAIR):
        return -errno.EPERM if policy == Policy.SCHED_EXT and not priority else -errno.EINVAL
    if not 0 <= priority <= _HIGHEST or (policy in _REAL_TIME) != (priority != 0):
        return -errno.EINVAL
    if not credentials.of(thread).can(Capability.CAP_SYS_NICE):
        most = limit(target.process, Rlimit.RLIMIT_RTPRIO)[0]
        if policy in _REAL_TIME and (
            (policy != now.policy and not most) or (priority > now.priority and priority > most)
        ):
            return -errno.EPERM
        if Policy.SCHED_IDLE == now.policy != policy and not _can_nice(thread, target.process, now.nice):
            return -errno.EPERM
        _check_owner(thread, target)
        if now.reset_on_fork and not reset:
            return -errno.EPERM
    target.scheduling = now._replace(policy=policy, priority=priority, reset_on_fork=reset)
    return 0


@syscall
def sched_get_priority_max(thread: Thread, policy: PolicyArg) -> Result:
    """sched_get_priority_max(2)."""
    if policy in _REAL_TIME:
        return _HIGHEST
    return 0 if policy in (*_FAIR, *_OTHERS) else -errno.EINVAL


@syscall
def sched_get_priority_min(thread: Thread, policy: PolicyArg) -> Result:
    """sched_get_priority_min(2)."""
    if policy in _REAL_TIME:
        return 1
    return 0 if policy in (*_FAIR, *_OTHERS) else -errno.EINVAL


@syscall
def sched_rr_get_interval(thread: Thread, pid: Pid, tp: OutTimespec) -> Result:
    """sched_rr_get_interval(2)."""
    policy = scheduling.of(_target(thread, pid)).policy
    slices = {Policy.SCHED_RR: _RR_SLICE, Policy.SCHED_FIFO: 0}
    thread.memory.write(tp, Timespec.pack(0, slices.get(policy, _FAIR_SLICE)))
    return 0


@syscall
def ioprio_get(thread: Thread, which: Annotated[int, Flags(IoPriority)], who: Pid) -> Result:
    """ioprio_get(2): of one thread what was set, of several the highest that is in force, that is the lowest number."""
    if which not in (1, 2, 3):
        return -errno.EINVAL
    found = _named(thread, which - 1, who)
    if found and which == IoPriority.IOPRIO_WHO_PROCESS:
        return scheduling.of(found[0]).io_priority
    return min((scheduling.of(one).effective_io_priority for one in found), default=-errno.ESRCH)


@syscall(partial="kept, and of no effect")
def ioprio_set(
    thread: Thread,
    which: Annotated[int, Flags(IoPriority)],
    who: Pid,
    ioprio: UInt,
) -> Result:
    """ioprio_set(2)."""
    kind, level = ioprio >> scheduling.CLASS_SHIFT & 7, ioprio & 7
    if kind == 1 and not credentials.of(thread).can(Capability.CAP_SYS_NICE):
        return -errno.EPERM
    if kind > 3 or (kind == 0 and level):
        return -errno.EINVAL
    if which not in (1, 2, 3):
        return -errno.EINVAL
    found = _named(thread, which - 1, who)
    for one in found:
        _check_io_owner(thread, one)
        one.scheduling = scheduling.of(one)._replace(io_priority=ioprio & 0xFFFF if kind else 0)
    return 0 if found else -errno.ESRCH


def _check_io_owner(thread: Thread, target: Thread) -> None:
    own, theirs = credentials.of(thread), credentials.of(target)
    if theirs.uid not in (own.euid, own.uid) and not own.can(Capability.CAP_SYS_NICE):
        raise _error(errno.EPERM)
