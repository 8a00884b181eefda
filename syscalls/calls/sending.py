"""Sending signals: to processes, groups, threads, all (kill(2), tkill(2), rt_sigqueueinfo(2); kernel/signal.c)."""

import errno

from syscalls import credentials, family, siginfo, signals
from syscalls.args import Result
from syscalls.flags.threads import Capability, Rlimit
from syscalls.limits import limit
from syscalls.process import Process, Thread
from syscalls.siginfo import SigInfo
from syscalls.system import PARENT_PID
from syscalls.table import syscall
from syscalls.types_siginfo import InInfo
from syscalls.types_signals import SignalNumber
from syscalls.types_volatile import Pid

_ALL = -1
_INT_MIN = -(1 << 31)


def send(thread: Thread, target: Process | Thread, info: SigInfo) -> None:
    """Sends a signal, 0 being none, if the thread may: raises EINVAL, EPERM, and EAGAIN at RLIMIT_SIGPENDING."""
    if not 0 <= info.signal <= signals.COUNT:
        raise OSError(errno.EINVAL, "no such signal")
    if isinstance(target, Thread):
        process = target.process
        family.check_signal(thread, process, info.signal, credentials.of(target))
    else:
        process = target
        family.check_signal(thread, process, info.signal)
    if info.signal and process.wait_status is None:
        most, _ = limit(process, Rlimit.RLIMIT_SIGPENDING)
        thread.bench.send_signal(target, signals.admit(target, info, most))


def _from(thread: Thread, signal: int, code: int = siginfo.SI_USER) -> SigInfo:
    return siginfo.from_user(signal, thread.process.pid, credentials.of(thread).uid, code)


@syscall
def kill(thread: Thread, pid: Pid, sig: SignalNumber) -> Result:
    """kill(2). -1 means the processes of the run; init and the shell that has started it take no signals."""
    caller = thread.process
    info = _from(thread, sig)
    if pid > 0:
        if pid in family.OUTSIDE:
            return _outside(thread, pid, sig)
        send(thread, family.named(thread, pid), info)
        return 0
    if pid == _INT_MIN:
        return -errno.ESRCH
    if pid == _ALL:
        everybody = sorted(caller.system.processes.values(), key=lambda process: process.pid)
        return _to_all(thread, [process for process in everybody if process is not caller], info)
    group = -pid or caller.group
    if group in family.OUTSIDE:
        return _outside(thread, group, sig)
    return send_to_group(thread, caller.system.members(group), info)


def _outside(thread: Thread, pid: int, signal: int) -> int:
    """To a process that is the bench: one may ask whether it is there; nobody may disturb it."""
    if not 0 <= signal <= signals.COUNT:
        return -errno.EINVAL
    if pid == PARENT_PID and not signal:
        return 0
    own = credentials.of(thread)
    if pid == PARENT_PID or own.can(Capability.CAP_KILL):
        thread.bench.note_once(
            f"kill {pid}", f"kill({pid}): that process is the bench, and takes no signals: EPERM"
        )
    return -errno.EPERM


def send_to_group(thread: Thread, targets: list[Process], info: SigInfo) -> int:
    """__kill_pgrp_info: succeeds if one of them could be sent it."""
    result = -errno.ESRCH
    for target in targets:
        try:
            send(thread, target, info)
        except OSError as error:
            if result:
                result = -(error.errno or errno.EINVAL)
        else:
            result = 0
    return result


def _to_all(thread: Thread, targets: list[Process], info: SigInfo) -> int:
    """kill_something_info with -1: where one may signal nobody it is no error, as long as there is somebody."""
    result = 0 if targets else -errno.ESRCH
    for target in targets:
        try:
            send(thread, target, info)
        except OSError as error:
            if error.errno != errno.EPERM:
                result = -(error.errno or errno.EINVAL)
    return result


@syscall
def tkill(thread: Thread, tid: Pid, sig: SignalNumber) -> Result:
    """tkill(2)."""
    if tid <= 0:
        return -errno.EINVAL
    return _to_thread(thread, 0, tid, _from(thread, sig, siginfo.SI_TKILL))


@syscall
def tgkill(thread: Thread, tgid: Pid, tid: Pid, sig: SignalNumber) -> Result:
    """tgkill(2)."""
    if tid <= 0 or tgid <= 0:
        return -errno.EINVAL
    return _to_thread(thread, tgid, tid, _from(thread, sig, siginfo.SI_TKILL))


def _to_thread(thread: Thread, tgid: int, tid: int, info: SigInfo) -> int:
    """do_send_specific; a first thread that has ended is still there, and takes nothing."""
    system = thread.process.system
    target = system.thread(tid)
    process = target.process if target is not None else system.processes.get(tid)
    if process is None or (tgid and process.pid != tgid):
        return -errno.ESRCH
    if target is not None:
        send(thread, target, info)
    else:
        send(thread, process, info._replace(signal=0) if 0 <= info.signal <= signals.COUNT else info)
    return 0


@syscall
def rt_sigqueueinfo(thread: Thread, tgid: Pid, sig: SignalNumber, info: InInfo) -> Result:
    """rt_sigqueueinfo(2)."""
    data = thread.memory.read(info, siginfo.SIZE)
    queued = _claimed(thread, tgid, sig, data)
    send(thread, family.named(thread, tgid or -1), queued)
    return 0


@syscall
def rt_tgsigqueueinfo(thread: Thread, tgid: Pid, tid: Pid, sig: SignalNumber, info: InInfo) -> Result:
    """rt_tgsigqueueinfo(2)."""
    data = thread.memory.read(info, siginfo.SIZE)
    if tid <= 0 or tgid <= 0:
        return -errno.EINVAL
    return _to_thread(thread, tgid, tid, _claimed(thread, tid, sig, data))


def _claimed(thread: Thread, tid: int, signal: int, data: bytes) -> SigInfo:
    """What the caller says; raises EPERM for codes that only the kernel, kill and tkill use, but towards itself."""
    info = siginfo.given(signal, data)
    if may_not_claim(info.code) and tid != thread.tid:
        raise OSError(errno.EPERM, "a code that only the kernel uses")
    return info


def may_not_claim(code: int) -> bool:
    """Whether a siginfo with this code from somebody else would be a lie (do_rt_sigqueueinfo)."""
    return code >= 0 or code == siginfo.SI_TKILL
