"""Signals: actions, masks, the alternate stack, and sending to oneself. Handlers are recorded, not run yet."""

import errno
from typing import Annotated

from syscalls import signals
from syscalls.args import Result, Size
from syscalls.flags.signals import SigAction, SigMask, Signal, SigStack
from syscalls.process import Process, SignalAction, Thread
from syscalls.table import syscall
from syscalls.types_threads import (
    InAction,
    InSet,
    InStack,
    KernelSigAction,
    MaskHow,
    OutAction,
    OutSet,
    OutSigSet,
    OutStack,
    SignalNumber,
    StackT,
)
from syscalls.types_volatile import Pid

SIGSET_SIZE = 8
MINSIGSTKSZ = 2048
_KNOWN_FLAGS = (
    SigAction.SA_NOCLDSTOP
    | SigAction.SA_NOCLDWAIT
    | SigAction.SA_SIGINFO
    | SigAction.SA_EXPOSE_TAGBITS
    | SigAction.SA_RESTORER
    | SigAction.SA_ONSTACK
    | SigAction.SA_RESTART
    | SigAction.SA_NODEFER
    | SigAction.SA_RESETHAND
)
_HANDLERS = "handlers are recorded but not run"


@syscall(partial=_HANDLERS)
def rt_sigaction(
    thread: Thread, signum: SignalNumber, act: InAction, oldact: OutAction, sigsetsize: Size
) -> Result:
    """sigaction(2), "C library/kernel differences"; unknown flags are dropped, as since Linux 5.11."""
    if sigsetsize != SIGSET_SIZE:
        return -errno.EINVAL
    memory, process = thread.memory, thread.process
    new = None
    if act:
        handler, flags, restorer, mask = KernelSigAction.unpack(memory.read(act, KernelSigAction.size))
        new = SignalAction(handler, flags & _KNOWN_FLAGS, restorer, mask & ~signals.UNBLOCKABLE)
    if not 1 <= signum <= signals.COUNT or (new and signum in (Signal.SIGKILL, Signal.SIGSTOP)):
        return -errno.EINVAL
    old = signals.action(process, signum)
    if new:
        process.actions[signum] = new
        if signals.is_ignored(process, signum):
            signals.drop_pending(process, signum)
        else:
            signals.recheck(thread)
    if oldact:
        memory.write(oldact, KernelSigAction.pack(old.handler, old.flags, old.restorer, old.mask))
    return 0


@syscall
def rt_sigprocmask(thread: Thread, how: MaskHow, nset: InSet, oset: OutSet, sigsetsize: Size) -> Result:
    """sigprocmask(2)."""
    if sigsetsize != SIGSET_SIZE:
        return -errno.EINVAL
    old = thread.signal_mask
    if nset:
        given = thread.memory.u64(nset) & ~signals.UNBLOCKABLE
        if how == SigMask.SIG_BLOCK:
            thread.signal_mask = old | given
        elif how == SigMask.SIG_UNBLOCK:
            thread.signal_mask = old & ~given
        elif how == SigMask.SIG_SETMASK:
            thread.signal_mask = given
        else:
            return -errno.EINVAL
    if oset:
        thread.memory.put_u64(oset, old)
    if nset:
        signals.recheck(thread)
    return 0


@syscall
def rt_sigpending(thread: Thread, uset: Annotated[int, OutSigSet()], sigsetsize: Size) -> Result:
    """sigpending(2): what is pending for the thread or its process and blocked."""
    if sigsetsize > SIGSET_SIZE:
        return -errno.EINVAL
    pending = (thread.pending | thread.process.pending) & thread.signal_mask
    thread.memory.write(uset, pending.to_bytes(SIGSET_SIZE, "little")[:sigsetsize])
    return 0


@syscall(partial=_HANDLERS)
def sigaltstack(thread: Thread, ss: InStack, old_ss: OutStack) -> Result:
    """sigaltstack(2)."""
    new = StackT.unpack(thread.memory.read(ss, StackT.size)) if ss else None
    old = thread.altstack
    if new:
        address, flags, size = new
        mode = flags & ~SigStack.SS_AUTODISARM
        if mode not in (0, SigStack.SS_ONSTACK, SigStack.SS_DISABLE):
            return -errno.EINVAL
        if mode == SigStack.SS_DISABLE:
            address = size = 0
        elif size < MINSIGSTKSZ and new != old:
            return -errno.ENOMEM
        thread.altstack = (address, flags, size)
    if old_ss:
        shown = (old[1] & SigStack.SS_AUTODISARM) | (0 if old[2] else SigStack.SS_DISABLE)
        thread.memory.write(old_ss, StackT.pack(old[0], shown, old[2]))
    return 0


@syscall
def kill(thread: Thread, pid: Pid, sig: SignalNumber) -> Result:
    """kill(2). The only process is the guest's own; its group is itself."""
    process = thread.process
    if pid == -1 or abs(pid) not in (0, process.pid, *process.threads):
        return -errno.ESRCH
    if pid < 0 and -pid != process.pid:
        return -errno.ESRCH
    return _send(thread, process, sig)


@syscall
def tkill(thread: Thread, tid: Pid, sig: SignalNumber) -> Result:
    """tkill(2)."""
    if tid <= 0:
        return -errno.EINVAL
    target = thread.process.threads.get(tid)
    return _send(thread, target, sig) if target else -errno.ESRCH


@syscall
def tgkill(thread: Thread, tgid: Pid, tid: Pid, sig: SignalNumber) -> Result:
    """tgkill(2)."""
    if tid <= 0 or tgid <= 0:
        return -errno.EINVAL
    target = thread.process.threads.get(tid) if tgid == thread.process.pid else None
    return _send(thread, target, sig) if target else -errno.ESRCH


def _send(thread: Thread, target: Process | Thread, signal: int) -> int:
    if not 0 <= signal <= signals.COUNT:
        return -errno.EINVAL
    if signal:
        thread.bench.kill(target, signal)
    return 0
