"""Resource limits: getrlimit, setrlimit, prlimit64 (kernel/sys.c)."""

import errno
import os

from syscalls import credentials, family
from syscalls.args import Result
from syscalls.flags.threads import Capability, Rlimit
from syscalls.limits import NR_OPEN, limit, watch_processor_time
from syscalls.process import Process, Thread
from syscalls.table import syscall
from syscalls.types_threads import InLimit, OutLimit, Resource, RlimitLayout
from syscalls.types_volatile import Pid

_ENFORCED = "CORE, DATA, MEMLOCK, RSS, AS, MSGQUEUE, LOCKS and RTTIME are recorded only; so is FSIZE, and STACK until exec"


def _set(thread: Thread, target: Process, resource: int, new: tuple[int, int]) -> None:
    """do_prlimit: raises EINVAL, EPERM."""
    soft, hard = new
    if soft > hard:
        raise OSError(errno.EINVAL, "soft limit above the hard one")
    if resource == Rlimit.RLIMIT_NOFILE and hard > NR_OPEN:
        raise OSError(errno.EPERM, "more descriptors than there can be")
    if hard > limit(target, resource)[1] and not credentials.of(thread).can(Capability.CAP_SYS_RESOURCE):
        raise OSError(errno.EPERM, "only a privileged process may raise a hard limit")
    target.limits[resource] = new
    if resource == Rlimit.RLIMIT_NOFILE:
        target.fds.limit = soft
        if target is thread.process:
            thread.fds.limit = soft
    elif resource == Rlimit.RLIMIT_CPU:
        watch_processor_time(target)


def _check(thread: Thread, target: Process) -> None:
    """check_prlimit_permission: raises EPERM."""
    if target is thread.process:
        return
    own, theirs = credentials.of(thread), credentials.of_process(target)
    same = {own.uid} == {theirs.uid, theirs.euid, theirs.suid}
    same = same and {own.gid} == {theirs.gid, theirs.egid, theirs.sgid}
    if not same and not own.can(Capability.CAP_SYS_RESOURCE):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def _is_resource(number: int) -> bool:
    return 0 <= number <= Rlimit.RLIMIT_RTTIME


@syscall
def getrlimit(thread: Thread, resource: Resource, rlim: OutLimit) -> Result:
    """getrlimit(2)."""
    if not _is_resource(resource):
        return -errno.EINVAL
    thread.memory.write(rlim, RlimitLayout.pack(*limit(thread.process, resource)))
    return 0


@syscall(partial=_ENFORCED)
def setrlimit(thread: Thread, resource: Resource, rlim: InLimit) -> Result:
    """setrlimit(2)."""
    new = RlimitLayout.unpack(thread.memory.read(rlim, RlimitLayout.size))
    if not _is_resource(resource):
        return -errno.EINVAL
    _set(thread, thread.process, resource, new)
    return 0


@syscall(partial=_ENFORCED)
def prlimit64(
    thread: Thread, pid: Pid, resource: Resource, new_limit: InLimit, old_limit: OutLimit
) -> Result:
    """prlimit(2)."""
    new = None
    if new_limit:
        new = RlimitLayout.unpack(thread.memory.read(new_limit, RlimitLayout.size))
    target = family.named(thread, pid)
    _check(thread, target)
    if not _is_resource(resource):
        return -errno.EINVAL
    old = limit(target, resource)
    if new:
        _set(thread, target, resource, new)
    if old_limit:
        thread.memory.write(old_limit, RlimitLayout.pack(*old))
    return 0
