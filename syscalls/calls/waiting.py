"""Waiting for children: wait4(2), waitid(2) (kernel/exit.c)."""

import errno
import os
from collections.abc import Callable

from syscalls import children, siginfo
from syscalls.args import Result
from syscalls.fds import Descriptor
from syscalls.flags.signals import Signal
from syscalls.flags.waiting import WALL, WCLONE, WNOTHREAD, IdType, WaitId
from syscalls.process import Process, Thread
from syscalls.table import syscall
from syscalls.types_threads import OutRusage
from syscalls.types_volatile import Pid, PidResult
from syscalls.types_waiting import ChildInfo, Status, WaitIdOptions, WaitIdType, WaitOptions
from syscalls.usage import child_usage
from syscalls.wait import RESTARTSYS, Blocking, Wait, Wake

_KINDS = WaitId.WEXITED | WaitId.WSTOPPED | WaitId.WCONTINUED
_ANY_WAIT = WALL | WCLONE | WNOTHREAD
_HEAD, _REST = 12, 16  # of a siginfo_t: where si_code ends, and si_pid begins
_INT_MIN = -(1 << 31)


class Wanted:
    """Which children a wait means: `pid` is one of them, `group` a process group's, 0 and None stand for all."""

    def __init__(self, options: int, pid: int = 0, group: int | None = None) -> None:
        self.options = options
        self._pid = pid
        self._group = group

    def means(self, caller: Thread, child: Process) -> bool:
        """eligible_child() and eligible_pid()."""
        if (self._pid and child.pid != self._pid) or (self._group is not None and child.group != self._group):
            return False
        if self.options & WNOTHREAD and child.maker != caller.tid:
            return False
        unusual = child.exit_signal != Signal.SIGCHLD
        return bool(self.options & WALL) or unusual == bool(self.options & WCLONE)


def _find(caller: Thread, wanted: Wanted) -> tuple[Process, int] | None:
    """The first child that has something to tell, and the word that tells it; raises ECHILD where there is none to wait for."""
    candidates = [child for child in caller.process.children.values() if wanted.means(caller, child)]
    if not candidates:
        raise OSError(errno.ECHILD, os.strerror(errno.ECHILD))
    options = wanted.options
    for child in candidates:
        if child.wait_status is not None:
            if options & WaitId.WEXITED:
                return child, child.wait_status
        elif options & WaitId.WSTOPPED and child.unwaited:
            return child, children.stopped_status(child.unwaited)
        elif options & WaitId.WCONTINUED and child.continued:
            return child, children.CONTINUED_STATUS
    return None


def _take(child: Process, status: int, options: int) -> None:
    """What was told is told once, but with WNOWAIT."""
    if options & WaitId.WNOWAIT:
        return
    if child.wait_status is not None:
        children.reap(child)
    elif status == children.CONTINUED_STATUS:
        child.continued = False
    else:
        child.unwaited = 0


class Told:
    """What a wait has found: the child, the word that tells of it, its resource usage as getrusage(2) has it."""

    def __init__(self, child: Process, status: int) -> None:
        self.child = child
        self.status = status
        self.usage = child_usage(child)


def _look(caller: Thread, wanted: Wanted) -> Told | None:
    found = _find(caller, wanted)
    if found is None:
        return None
    told = Told(*found)
    _take(*found, wanted.options)
    return told


@syscall
def wait4(thread: Thread, upid: Pid, stat_addr: Status, options: WaitOptions, ru: OutRusage) -> PidResult:
    """wait4(2)."""
    known = WaitId.WNOHANG | WaitId.WSTOPPED | WaitId.WCONTINUED | _ANY_WAIT
    options &= 0xFFFFFFFF
    if options & ~known:
        return -errno.EINVAL
    if upid == _INT_MIN:
        return -errno.ESRCH
    options |= WaitId.WEXITED
    if upid > 0:
        wanted = Wanted(options, pid=upid)
    elif upid == -1:
        wanted = Wanted(options)
    else:
        wanted = Wanted(options, group=-upid or thread.process.group)

    def answer(told: Told | None) -> int:
        if told is None:
            return 0
        if stat_addr:
            thread.memory.put_u32(stat_addr, told.status)
        if ru:
            thread.memory.write(ru, told.usage)
        return told.child.pid

    told = _look(thread, wanted)
    if told is not None or options & WaitId.WNOHANG:
        return answer(told)
    return _wait(thread, wanted, answer)


@syscall
def waitid(
    thread: Thread, which: WaitIdType, upid: Pid, infop: ChildInfo, options: WaitIdOptions, ru: OutRusage
) -> Result:
    """waitid(2); the kernel's call, which also tells the resource usage. It fills in zeroes where there is nothing to tell, and
    where it fails.
    """
    try:
        result = _waitid(thread, which, upid, infop, options & 0xFFFFFFFF, ru)
    except OSError as error:
        result = -(error.errno or errno.EINVAL)
    if not infop:
        return result
    if isinstance(result, int):
        return _cleared(thread, infop, result)
    return _clearing(thread, infop, result)


def _cleared(thread: Thread, infop: int, result: int) -> int:
    if result < 0:
        _put_info(thread, infop, None)
    return result


def _clearing(thread: Thread, infop: int, waiting: Blocking) -> Blocking:
    try:
        result = yield from waiting
    except OSError as error:
        result = -(error.errno or errno.EINVAL)
    return _cleared(thread, infop, result)


def _waitid(thread: Thread, which: int, upid: int, infop: int, options: int, ru: int) -> int | Blocking:
    if options & ~(WaitId.WNOHANG | WaitId.WNOWAIT | _KINDS | _ANY_WAIT) or not options & _KINDS:
        return -errno.EINVAL
    nonblocking = False
    if which == IdType.P_ALL:
        wanted = Wanted(options)
    elif which == IdType.P_PID:
        if upid <= 0:
            return -errno.EINVAL
        wanted = Wanted(options, pid=upid)
    elif which == IdType.P_PGID:
        if upid < 0:
            return -errno.EINVAL
        wanted = Wanted(options, group=upid or thread.process.group)
    elif which == IdType.P_PIDFD:
        if upid < 0:
            return -errno.EINVAL
        entry = thread.fds.get(upid)
        wanted = Wanted(options, pid=_process_of(entry))
        nonblocking = entry.description.nonblocking
    else:
        return -errno.EINVAL

    def answer(told: Told | None) -> int:
        if told is not None and ru:
            thread.memory.write(ru, told.usage)
        if infop:
            _put_info(thread, infop, told)
        return 0

    told = _look(thread, wanted)
    if told is not None or options & WaitId.WNOHANG:
        return answer(told)
    if nonblocking:
        return -errno.EAGAIN
    return _wait(thread, wanted, answer)


def _process_of(entry: Descriptor) -> int:
    """The pid behind a pidfd; raises EBADF for any other descriptor."""
    process = entry.description.detail
    if entry.description.kind != "pidfd" or not isinstance(process, Process):
        raise OSError(errno.EBADF, "not a pidfd")
    return process.pid


def _put_info(thread: Thread, infop: int, told: Told | None) -> None:
    """What waitid(2) fills of a siginfo_t: its members, not what lies between them."""
    info = bytes(siginfo.CHILD_END)
    if told is not None:
        code, status = children.told(told.status)
        info = siginfo.from_child(Signal.SIGCHLD, code, told.child.pid, told.child.uid, status).pack()
    thread.memory.write(infop, info[:_HEAD])
    thread.memory.write(infop + _REST, info[_REST : siginfo.CHILD_END])


def _wait(thread: Thread, wanted: Wanted, answer: Callable[[Told | None], int]) -> Blocking:
    while True:
        wake = yield Wait(queue=thread.process.child_changed)
        told = _look(thread, wanted)
        if told is not None:
            return answer(told)
        if wake is Wake.INTERRUPTED:
            return RESTARTSYS
