"""Signals without the machine: default actions, what a new signal does to its target, pending sets (signal(7)).

The bench generates a signal by asking `post` and delivers what `take` gives; calls that change masks or actions ask
`recheck`. How a handler is entered is told in `emu.delivery`.
"""

import errno

from syscalls.flags.signals import Signal
from syscalls.process import Process, SignalAction, Thread
from syscalls.siginfo import SI_USER, SigInfo

SIG_DFL = 0
SIG_IGN = 1
COUNT = 64
"""The highest signal number (_NSIG)."""

UNBLOCKABLE = 1 << (Signal.SIGKILL - 1) | 1 << (Signal.SIGSTOP - 1)
"""The signals that no mask holds back and no action catches."""

_IGNORED = frozenset({Signal.SIGCHLD, Signal.SIGURG, Signal.SIGWINCH, Signal.SIGCONT})
_STOPPING = frozenset({Signal.SIGSTOP, Signal.SIGTSTP, Signal.SIGTTIN, Signal.SIGTTOU})
_CORE = frozenset(
    {
        Signal.SIGQUIT,
        Signal.SIGILL,
        Signal.SIGTRAP,
        Signal.SIGABRT,
        Signal.SIGBUS,
        Signal.SIGFPE,
        Signal.SIGSEGV,
        Signal.SIGXCPU,
        Signal.SIGXFSZ,
        Signal.SIGSYS,
    }
)
_DEFAULT = SignalAction()
_LOST = bytes(8)  # of a signal that came without what it carries: from nobody
_FAULTS = sum(
    1 << (signal - 1)
    for signal in (
        Signal.SIGILL,
        Signal.SIGTRAP,
        Signal.SIGBUS,
        Signal.SIGFPE,
        Signal.SIGSEGV,
        Signal.SIGSYS,
    )
)
"""The signals that an instruction raises: SYNCHRONOUS_MASK in kernel/signal.c."""


def bit(signal: int) -> int:
    """The signal's bit in a kernel signal set."""
    return 1 << (signal - 1)


def default_action(signal: int) -> str:
    """ "ignore", "stop", "core" or "terminate" (signal(7), "Standard signals"); real-time signals terminate."""
    if signal in _IGNORED:
        return "ignore"
    if signal in _STOPPING:
        return "stop"
    return "core" if signal in _CORE else "terminate"


def action(process: Process, signal: int) -> SignalAction:
    """The action in force for a signal."""
    return process.actions.get(signal, _DEFAULT)


def is_ignored(process: Process, signal: int) -> bool:
    """Whether an unblocked signal is thrown away."""
    handler = action(process, signal).handler
    return handler == SIG_IGN or (handler == SIG_DFL and signal in _IGNORED)


def is_blocked(thread: Thread, signal: int) -> bool:
    """Whether the thread's mask holds the signal back."""
    return bool(thread.signal_mask & bit(signal) & ~UNBLOCKABLE)


def has_handler(process: Process, signal: int) -> bool:
    """Whether the program has a function for the signal."""
    return action(process, signal).handler not in (SIG_DFL, SIG_IGN)


def post(target: Process | Thread, info: SigInfo) -> int | Thread | None:
    """Generates a signal for a process or one thread (send_signal_locked in kernel/signal.c).

    Returns the signal's number when it ends the process now, the thread that has to look at its pending signals now, or
    None when nothing is to be done: the signal is ignored, or stays pending because it is blocked.
    """
    process = target.process if isinstance(target, Thread) else target
    signal = info.signal
    if process.exiting or process.wait_status is not None:
        return None
    if signal == Signal.SIGKILL:
        return signal
    threads = [target] if isinstance(target, Thread) else list(process.threads.values())
    if signal == Signal.SIGCONT:
        _forget_stops(process)
        if process.stopped:
            process.bench.continue_process(process)
            for thread in list(process.threads.values()):
                recheck(thread)  # what came meanwhile
    elif signal in _STOPPING:
        drop_pending(process, Signal.SIGCONT)
    for thread in threads:
        if thread.waits_for & bit(signal):  # rt_sigtimedwait(2) takes it, whatever the action
            queue(target, info)
            return thread
    takers = [thread for thread in threads if not is_blocked(thread, signal)]
    if not takers:
        queue(target, info)
        return None
    if is_ignored(process, signal):
        if info.source is not None:
            info.source.ignored()
        return None
    if process.stopped:  # nobody looks at it before SIGCONT (wants_signal)
        queue(target, info)
        return None
    handler = action(process, signal).handler
    if handler == SIG_DFL and signal not in _STOPPING:
        return signal
    queue(target, info)
    return takers[0]


def queue(target: Process | Thread, info: SigInfo) -> None:
    """Makes a signal pending. Of a standard signal one is kept, of a real-time signal each (signal(7)), and each timer's."""
    mask = bit(info.signal)
    if info.source is not None:
        info.source.queued()
    elif target.pending & mask and (info.signal < Signal.SIGRTMIN or info.rest == _LOST):
        return
    else:
        _process(target).queued += 1
    target.pending |= mask
    target.queue.append(info)
    _tell(target, True)


def take(thread: Thread, wanted: int) -> SigInfo | None:
    """Takes the next pending signal of those in `wanted`: the thread's own before the process's, faults first, then by number."""
    process = thread.process
    while True:
        own = thread.pending & wanted
        ready = own or process.pending & wanted
        if not ready:
            return None
        first = ready & _FAULTS or ready
        signal = (first & -first).bit_length()
        found = _remove(thread if own else process, signal)
        if signal == Signal.SIGALRM and not own and process.timers is not None:
            process.timers.alarm_taken()
        if found.source is None:
            return found
        told = found.source.taken(found)
        if told is not None:
            return told


def _remove(target: Process | Thread, signal: int) -> SigInfo:
    index = next(index for index, info in enumerate(target.queue) if info.signal == signal)
    found = target.queue.pop(index)
    if found.source is None:
        _process(target).queued -= 1
    if not any(info.signal == signal for info in target.queue):
        target.pending &= ~bit(signal)
        _tell(target, False)
    return found


def _process(target: Process | Thread) -> Process:
    return target.process if isinstance(target, Thread) else target


def _tell(target: Process | Thread, arrived: bool) -> None:
    """Lets the signalfds know that what is pending has changed."""
    process = _process(target)
    if process.watchers:
        for watcher in list(process.watchers.values()):
            watcher.pending_changed(process, arrived)


def _forget_stops(process: Process) -> None:
    """SIGCONT takes pending stop signals away (signal(7))."""
    for signal in _STOPPING:
        drop_pending(process, signal)


def drop_pending(process: Process, signal: int) -> None:
    """Takes a signal out of every pending set of the process."""
    targets: list[Process | Thread] = [process, *process.threads.values()]
    for target in targets:
        if target.pending & bit(signal):
            dropped = [info for info in target.queue if info.signal == signal]
            target.pending &= ~bit(signal)
            target.queue[:] = [info for info in target.queue if info.signal != signal]
            _let_go(process, dropped)
            _tell(target, False)


def _let_go(process: Process, dropped: list[SigInfo]) -> None:
    for info in dropped:
        if info.source is not None:
            info.source.ignored()
        else:
            process.queued -= 1


def ended(thread: Thread) -> None:
    """A thread has ended: its own pending signals are lost, those of the process are for others."""
    _let_go(thread.process, thread.queue)
    thread.queue.clear()
    if thread.pending:
        thread.pending = 0
        _tell(thread, False)
    retarget(thread)


def forget_all(process: Process) -> None:
    """The process has ended: nothing is pending any more."""
    _let_go(process, process.queue)
    process.queue.clear()
    process.pending = 0
    if process.watchers:
        _tell(process, False)
        process.watchers.clear()


def admit(target: Process | Thread, info: SigInfo, limit: int) -> SigInfo:
    """What becomes of a signal where `limit` signals are queued already (RLIMIT_SIGPENDING; __send_signal_locked).

    A real-time signal is refused (EAGAIN) unless it is from kill(2); others arrive without what they carry. Standard signals
    from the kernel and from kill(2) need no place.
    """
    process = _process(target)
    timers = 0 if process.timers is None else len(process.timers.posix)
    if process.queued + timers < limit or (info.signal < Signal.SIGRTMIN and info.code >= 0):
        return info
    if info.signal >= Signal.SIGRTMIN and info.code != SI_USER:
        raise OSError(errno.EAGAIN, "too many pending signals")
    return SigInfo(info.signal, rest=_LOST)


def recheck(thread: Thread) -> None:
    """Generates again what was pending and is no longer blocked, after a change of the mask or of an action; what is
    blocked now is left to other threads."""
    for target in (thread, thread.process):
        unblocked = target.pending & ~thread.signal_mask
        for info in list(target.queue) if unblocked else ():
            if unblocked & bit(info.signal):
                _remove(target, info.signal)
                thread.bench.send_signal(target, info)
    retarget(thread)


def retarget(thread: Thread) -> None:
    """Lets others look at the process's pending signals that `thread` does not take: it has blocked them, or ended.

    One of them may have been chosen for `thread` (retarget_shared_pending in kernel/signal.c).
    """
    process = thread.process
    if process.pending:
        left = process.pending if thread.tid not in process.threads else process.pending & thread.signal_mask
        for other in process.threads.values():
            if left & ~other.signal_mask and other is not thread:
                left &= other.signal_mask
                thread.bench.interrupt(other)
