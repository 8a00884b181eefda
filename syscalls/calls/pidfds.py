"""Calls on descriptors of processes: pidfd_open, pidfd_send_signal, pidfd_getfd (kernel/pid.c, kernel/signal.c)."""

import errno
import os
from typing import Annotated

from syscalls import credentials, family, siginfo
from syscalls.args import Fd, FdResult, Flags, Int, Result, UInt
from syscalls.calls.sending import may_not_claim, send, send_to_group
from syscalls.flags.pidfds import Pidfd, PidfdSignal
from syscalls.kernel import call3
from syscalls.numbers import fcntl
from syscalls.pidfds import is_reaped, new_pidfd, process_of, signalled_by
from syscalls.process import Process, Thread
from syscalls.table import syscall
from syscalls.types_siginfo import InInfo
from syscalls.types_signals import SignalNumber
from syscalls.types_volatile import Pid

_F_DUPFD_CLOEXEC = 1030
_WHOM = (
    PidfdSignal.PIDFD_SIGNAL_THREAD
    | PidfdSignal.PIDFD_SIGNAL_THREAD_GROUP
    | PidfdSignal.PIDFD_SIGNAL_PROCESS_GROUP
)


def _release() -> tuple[int, int]:
    """The version of the host's kernel, whose answers are the guest's."""
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(filter(str.isdigit, minor)) or 0)


@syscall(partial="PIDFD_THREAD is EINVAL, as before Linux 6.9")
def pidfd_open(thread: Thread, pid: Pid, flags: Annotated[int, Flags(Pidfd)]) -> FdResult:
    """pidfd_open(2)."""
    if flags & ~Pidfd.PIDFD_NONBLOCK or pid <= 0:
        return -errno.EINVAL
    system = thread.process.system
    target = system.processes.get(pid)
    if target is None:
        if system.thread(pid) is None:
            return -errno.ESRCH
        return -errno.ENOENT if _release() >= (6, 16) else -errno.EINVAL
    return new_pidfd(thread, target, flags)


def _alive(process: Process) -> Process:
    if is_reaped(process):
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    return process


@syscall
def pidfd_send_signal(
    thread: Thread, pidfd: Fd, sig: SignalNumber, info: InInfo, flags: Annotated[int, Flags(PidfdSignal)]
) -> Result:
    """pidfd_send_signal(2)."""
    if flags & ~_WHOM or flags & (flags - 1):
        return -errno.EINVAL
    process = signalled_by(thread, thread.fds.get(pidfd))
    to_thread = flags == PidfdSignal.PIDFD_SIGNAL_THREAD
    if info:
        data = thread.memory.read(info, siginfo.SIZE)
        given = siginfo.given(sig, data)
        if int.from_bytes(data[:4], "little", signed=True) != sig:
            return -errno.EINVAL
        own = process is thread.process and thread.tid == process.pid
        own = own and flags != PidfdSignal.PIDFD_SIGNAL_PROCESS_GROUP
        if may_not_claim(given.code) and not own:
            return -errno.EPERM
    else:
        code = siginfo.SI_TKILL if to_thread else siginfo.SI_USER
        given = siginfo.from_user(sig, thread.process.pid, credentials.of(thread).uid, code)
    if flags == PidfdSignal.PIDFD_SIGNAL_PROCESS_GROUP:
        return send_to_group(thread, process.system.members(process.pid), given)
    _alive(process)
    first = process.threads.get(process.pid)
    send(thread, first if to_thread and first is not None else process, given)
    return 0


@syscall
def pidfd_getfd(thread: Thread, pidfd: Fd, targetfd: Int, flags: UInt) -> FdResult:
    """pidfd_getfd(2)."""
    if flags:
        return -errno.EINVAL
    process = _alive(process_of(thread.fds.get(pidfd)))
    family.check_access(thread, process)
    if process.wait_status is not None:
        return -errno.ESRCH
    entry = process.fds.get(targetfd)
    fds = thread.fds
    fds.lowest_free()
    host = call3(fcntl, entry.host, _F_DUPFD_CLOEXEC, 3)
    return host if host < 0 else fds.add(entry.copy(host, True))
