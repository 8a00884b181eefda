"""Signals without the machine: default actions, what a new signal does to its target, pending sets (signal(7)).

The bench delivers by asking `post`; calls that change masks or dispositions ask `recheck`. Nothing here runs a guest's
handler: a signal that has one is reported once and stays pending.
"""

from syscalls.flags.signals import Signal
from syscalls.process import Process, SignalAction, Thread

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


def post(target: Process | Thread, signal: int) -> int:
    """Generates a signal for a process or one thread; returns the signal when it ends the process now, else 0.

    A blocked signal stays pending. One that is ignored vanishes. One with a handler is reported and stays pending,
    as the bench cannot run handlers yet; so is, without being kept, one that would stop the process.
    """
    process = target.process if isinstance(target, Thread) else target
    if signal == Signal.SIGKILL:
        return signal
    if isinstance(target, Thread):
        blocked = target.signal_mask
    else:
        blocked = -1
        for thread in process.threads.values():
            blocked &= thread.signal_mask
    mask = bit(signal) & ~UNBLOCKABLE
    if signal == Signal.SIGCONT:
        _forget_stops(process)
    if blocked & mask:
        target.pending |= mask
        return 0
    if is_ignored(process, signal):
        return 0
    handler = action(process, signal).handler
    name = Signal.text(signal)
    if signal == Signal.SIGSTOP or (handler == SIG_DFL and signal in _STOPPING):
        process.bench.note_once(
            f"stop {signal}", f"{name} would stop the guest: stopping is not supported, the guest goes on"
        )
        return 0
    if handler == SIG_DFL:
        return signal
    target.pending |= mask
    process.bench.note_once(
        f"handler {signal}",
        f"{name} has a handler at {handler:#x}: handlers are not run yet, the signal stays pending",
    )
    return 0


def _forget_stops(process: Process) -> None:
    """SIGCONT takes pending stop signals away (signal(7))."""
    for signal in _STOPPING:
        drop_pending(process, signal)


def drop_pending(process: Process, signal: int) -> None:
    """Takes a signal out of every pending set of the process."""
    process.pending &= ~bit(signal)
    for thread in process.threads.values():
        thread.pending &= ~bit(signal)


def recheck(thread: Thread) -> None:
    """Generates again what was pending and is no longer blocked: after a change of the mask or of an action."""
    for target in (thread, thread.process):
        unblocked = target.pending & ~thread.signal_mask
        signal = 0
        while unblocked:
            signal += 1
            if unblocked & 1:
                target.pending &= ~bit(signal)
                thread.bench.kill(target, signal)
            unblocked >>= 1
