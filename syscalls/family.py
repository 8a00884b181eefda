"""Finding processes by the numbers that calls name them by, and who may do what to whom (kernel/signal.c, kernel/sys.c)."""

import errno
import os

from syscalls import credentials
from syscalls.credentials import Credentials
from syscalls.flags.signals import Signal
from syscalls.flags.threads import Capability, Prctl
from syscalls.process import Process, Thread
from syscalls.system import INIT_PID, PARENT_PID, System

OUTSIDE = (INIT_PID, PARENT_PID)
"""Processes that a guest can name, and that are the bench: init, and the shell that has started the first process."""


def process_of(system: System, tid: int) -> Process | None:
    """The process that has, or whose thread has, this id; zombies included."""
    process = system.processes.get(tid)
    if process is None:
        thread = system.thread(tid)
        process = None if thread is None else thread.process
    return process


def named(thread: Thread, pid: int) -> Process:
    """The process that a pid argument names, 0 being the caller's; raises ESRCH."""
    process = thread.process if pid == 0 else process_of(thread.process.system, pid)
    if process is None:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    return process


def thread_named(thread: Thread, tid: int) -> Thread:
    """The thread that a tid argument names, 0 being the caller; raises ESRCH, also for one that has ended."""
    found = thread if tid == 0 else thread.process.system.thread(tid)
    if found is None:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    return found


def check_signal(thread: Thread, target: Process, signal: int, victim: Credentials | None = None) -> None:
    """check_kill_permission: raises EPERM. `victim` are the credentials of a thread of the target that is meant."""
    if thread.process is target:
        return
    own = credentials.of(thread)
    theirs = victim or credentials.of_process(target)
    if own.reaches(theirs) or own.can(Capability.CAP_KILL):
        return
    if signal == Signal.SIGCONT and target.session is thread.process.session:
        return
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def check_access(thread: Thread, target: Process) -> None:
    """ptrace_may_access with PTRACE_MODE_ATTACH_REALCREDS: raises EPERM."""
    if target is thread.process:
        return
    own, theirs = credentials.of(thread), credentials.of_process(target)
    if own.can(Capability.CAP_SYS_PTRACE):
        return
    same = {own.uid} == {theirs.uid, theirs.euid, theirs.suid} and {own.gid} == {
        theirs.gid,
        theirs.egid,
        theirs.sgid,
    }
    if not same or target.settings.get(Prctl.PR_SET_DUMPABLE, 1) != 1 or theirs.permitted & ~own.permitted:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
