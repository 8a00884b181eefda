"""What becomes of processes between birth and burial: ends, stops, orphans, and the word to the parent (kernel/exit.c).

The bench stops the threads of a process and frees what it held; here is what other processes see of it.
"""

from syscalls import siginfo
from syscalls.flags.signals import SigAction, Signal
from syscalls.process import Process
from syscalls.siginfo import CLD_CONTINUED, CLD_EXITED, CLD_KILLED, CLD_STOPPED
from syscalls.system import INIT_PID, PARENT_PID

SIG_IGN = 1
CONTINUED_STATUS = 0xFFFF
_STOPPED = 0x7F
_SIGNAL_MASK = 0x7F
_LAST_SIGNAL = 64


def exited_status(code: int) -> int:
    """The word of wait(2) for a process that has called exit."""
    return (code & 0xFF) << 8


def stopped_status(signal: int) -> int:
    """The word of wait(2) for one that a signal has stopped."""
    return signal << 8 | _STOPPED


def told(status: int) -> tuple[int, int]:
    """si_code and si_status for a word of wait(2)."""
    if status == CONTINUED_STATUS:
        return CLD_CONTINUED, Signal.SIGCONT
    if status & 0xFF == _STOPPED:
        return CLD_STOPPED, status >> 8
    signal = status & _SIGNAL_MASK
    return (CLD_KILLED, signal) if signal else (CLD_EXITED, status >> 8)


def adopt(parent: Process, child: Process, maker: int) -> None:
    """Makes `child` one of the parent's; `maker` is the thread of the parent that is to be told of as such."""
    child.parent, child.ppid, child.maker = parent, parent.pid, maker
    parent.children[child.pid] = child


def ended(process: Process, status: int) -> None:
    """The process has ended with this word of wait(2): it is a zombie now, and its children have another parent."""
    process.wait_status = status
    for call in process.ends:
        call()
    process.ends.clear()
    heir = _heir(process)
    for child in list(process.children.values()):
        _reparent(process, child, heir)
    process.children.clear()
    _hang_up_orphans(process, process.group, process)
    _tell_of_end(process)


def maker_ended(process: Process, tid: int) -> None:
    """A thread has ended: those that it has made get their PR_SET_PDEATHSIG, and belong to another thread (prctl(2))."""
    heir = next(iter(process.threads), process.pid)
    for child in process.children.values():
        if child.maker == tid:
            child.maker = heir
            _send_death_signal(process, child)


def reap(child: Process) -> None:
    """Ends the zombie: its pid is free."""
    if child.parent is not None:
        child.parent.children.pop(child.pid, None)
        child.parent.children_time_ns += child.cpu_time_ns + child.children_time_ns
    _forget(child)


def _forget(child: Process) -> None:
    child.system.processes.pop(child.pid, None)
    if child.lifeline is not None:
        child.lifeline.reaped()


def stopped(process: Process, signal: int) -> None:
    """The process was stopped."""
    process.stopped = process.unwaited = signal
    process.continued = False
    _tell_of_change(process, CLD_STOPPED, signal)


def continued(process: Process) -> None:
    """The process goes on."""
    process.stopped = process.unwaited = 0
    process.continued = True
    _tell_of_change(process, CLD_CONTINUED, Signal.SIGCONT)


def is_orphaned(process: Process, without: Process | None = None) -> bool:
    """Whether nobody in the session could continue the process's group: no living member but `without` has a parent in another
    group of the same session (will_become_orphaned_pgrp)."""
    for member in process.system.members(process.group):
        if member is without or member.wait_status is not None or member.ppid == INIT_PID:
            continue
        if member.parent is None:
            if (
                member.session.sid == PARENT_PID and member.system.has_shell
            ):  # a job of the shell that the bench stands in for
                return False
        elif member.parent.group != member.group and member.parent.session is member.session:
            return False
    return True


def _heir(process: Process) -> Process | None:
    """Who gets the orphans: the nearest ancestor that wants them (PR_SET_CHILD_SUBREAPER); None: init."""
    ancestor = process.parent
    while ancestor is not None:
        if ancestor.subreaper and not ancestor.exiting and ancestor.wait_status is None:
            return ancestor
        ancestor = ancestor.parent
    return None


def _reparent(old: Process, child: Process, heir: Process | None) -> None:
    child.exit_signal = Signal.SIGCHLD
    if heir is None:
        child.parent, child.ppid = None, INIT_PID
    else:
        adopt(heir, child, next(iter(heir.threads), heir.pid))
    if child.wait_status is not None:
        _tell_of_end(child)
        return
    _send_death_signal(old, child)
    if child.session is old.session and child.group != old.group:
        _hang_up_orphans(child, child.group, None)


def _send_death_signal(parent: Process, child: Process) -> None:
    if child.death_signal and child.wait_status is None:
        info = siginfo.from_user(child.death_signal, parent.pid, parent.uid)
        child.bench.send_signal(child, info)


def _hang_up_orphans(process: Process, group: int, without: Process | None) -> None:
    """A group that has just become orphaned, with stopped members: SIGHUP and SIGCONT (kill_orphaned_pgrp)."""
    parent = process.parent
    if without is not None and (
        process.ppid != PARENT_PID
        if parent is None
        else parent.group == group or parent.session is not process.session
    ):
        return  # it was none of those that kept the group
    members = [member for member in process.system.members(group) if member.wait_status is None]
    if not any(member.stopped for member in members) or not is_orphaned(process, without):
        return
    for member in members:
        for signal in (Signal.SIGHUP, Signal.SIGCONT):
            member.bench.send_signal(member, siginfo.from_kernel(signal))


def _tell_of_end(process: Process) -> None:
    """do_notify_parent: the exit signal, and who waits. Where the parent does not want to know, the zombie is reaped at once."""
    parent = process.parent
    if parent is None:
        reap(process)
        return
    assert process.wait_status is not None
    signal = process.exit_signal
    reaps = False
    if signal == Signal.SIGCHLD:
        action = parent.actions.get(Signal.SIGCHLD)
        if action is not None and (action.handler == SIG_IGN or action.flags & SigAction.SA_NOCLDWAIT):
            reaps = True
            signal = 0 if action.handler == SIG_IGN else signal
    if 0 < signal <= _LAST_SIGNAL:  # clone(2) takes any number
        code, status = told(process.wait_status)
        time = process.cpu_time_ns + process.children_time_ns
        info = siginfo.from_child(signal, code, process.pid, process.uid, status, time)
        process.bench.send_signal(parent, info)
    if reaps:
        parent.children.pop(process.pid, None)
        _forget(process)
    parent.child_changed.wake(len(parent.child_changed.waiters))


def _tell_of_change(process: Process, code: int, status: int) -> None:
    """do_notify_parent_cldstop."""
    parent = process.parent
    if parent is None:
        return
    action = parent.actions.get(Signal.SIGCHLD)
    if action is None or not (action.handler == SIG_IGN or action.flags & SigAction.SA_NOCLDSTOP):
        info = siginfo.from_child(Signal.SIGCHLD, code, process.pid, process.uid, status, process.cpu_time_ns)
        process.bench.send_signal(parent, info)
    parent.child_changed.wake(len(parent.child_changed.waiters))
