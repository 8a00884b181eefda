"""Who is related to whom: process groups, sessions, parents (kernel/sys.c, credentials(7))."""

import errno

from syscalls import family
from syscalls.args import Result
from syscalls.process import Process, Session, Thread
from syscalls.system import PARENT_PID
from syscalls.table import syscall
from syscalls.types_volatile import HostResult, Pid, PidResult


@syscall
def getppid(thread: Thread) -> HostResult:
    """getppid(2)."""
    return thread.process.ppid


@syscall
def getpgrp(thread: Thread) -> PidResult:
    """getpgrp(2)."""
    return thread.process.group


@syscall
def getpgid(thread: Thread, pid: Pid) -> PidResult:
    """getpgid(2)."""
    if pid in family.OUTSIDE:
        return pid
    return family.named(thread, pid).group


@syscall
def getsid(thread: Thread, pid: Pid) -> HostResult:
    """getsid(2)."""
    if pid in family.OUTSIDE:
        return pid
    return family.named(thread, pid).session.sid


@syscall
def setpgid(thread: Thread, pid: Pid, pgid: Pid) -> Result:
    """setpgid(2); the order of checks is the kernel's."""
    caller = thread.process
    system = caller.system
    pid = pid or caller.pid
    pgid = pgid or pid
    if pgid < 0:
        return -errno.EINVAL
    target = system.processes.get(pid)
    if target is None:
        return -errno.EINVAL if system.thread(pid) is not None else -errno.ESRCH
    if target.parent is caller:
        if target.session is not caller.session:
            return -errno.EPERM
        if target.has_execed:
            return -errno.EACCES
    elif target is not caller:
        return -errno.ESRCH
    if _leads_session(target) or (pgid != pid and not _is_group(caller, pgid)):
        return -errno.EPERM
    target.group = pgid
    return 0


def _leads_session(process: Process) -> bool:
    return process.session.sid == process.pid


def _is_group(caller: Process, group: int) -> bool:
    """Whether the caller's session has such a group; the shell that has started the first process has one of its own."""
    if group == PARENT_PID:
        return caller.session.sid == PARENT_PID
    return any(member.session is caller.session for member in caller.system.members(group))


@syscall
def setsid(thread: Thread) -> PidResult:
    """setsid(2): a new session has no controlling terminal."""
    process = thread.process
    if _leads_session(process) or process.system.members(process.pid):
        return -errno.EPERM
    process.session = Session(process.pid)
    process.group = process.pid
    return process.pid
