"""Signals: actions, masks, the alternate stack, waiting for one, and the return from a handler."""

import errno
from typing import Annotated

from syscalls import siginfo, signals
from syscalls.args import Result, Size
from syscalls.flags.signals import SigAction, SigMask, Signal, SigStack
from syscalls.process import SignalAction, Thread
from syscalls.sigmasks import under_mask
from syscalls.table import syscall
from syscalls.timespecs import read_timespec
from syscalls.types_siginfo import OutInfo, SignalResult
from syscalls.types_signals import (
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
from syscalls.types_threads import InTimespec
from syscalls.types_volatile import RegisterResult
from syscalls.wait import RESTARTNOHAND, Blocking, Wait, Wake

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


@syscall
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
            if process.timers is not None:
                process.timers.heeded(signum)
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


@syscall
def sigaltstack(thread: Thread, ss: InStack, old_ss: OutStack) -> Result:
    """sigaltstack(2)."""
    new = StackT.unpack(thread.memory.read(ss, StackT.size)) if ss else None
    old = thread.altstack
    in_use = (
        old[2] > 0
        and not old[1] & SigStack.SS_AUTODISARM
        and 0 < thread.bench.stack_pointer(thread) - old[0] <= old[2]
    )
    if new:
        if in_use:
            return -errno.EPERM
        address, flags, size = new
        mode = flags & ~SigStack.SS_AUTODISARM
        if mode not in (0, SigStack.SS_ONSTACK, SigStack.SS_DISABLE):
            return -errno.EINVAL
        if mode == SigStack.SS_DISABLE:
            address = size = 0
        elif size < MINSIGSTKSZ and new != old:
            return -errno.ENOMEM  # what changes nothing is not looked at (do_sigaltstack in kernel/signal.c)
        thread.altstack = (address, flags, size)
    if old_ss:
        state = SigStack.SS_ONSTACK if in_use else 0 if old[2] else SigStack.SS_DISABLE
        shown = (old[1] & SigStack.SS_AUTODISARM) | state
        thread.memory.write(old_ss, StackT.pack(old[0], shown, old[2]))
    return 0


@syscall
def rt_sigreturn(thread: Thread) -> RegisterResult:
    """sigreturn(2): the registers are those of the frame at the stack pointer."""
    answer: Result = thread.bench.signal_return(thread)
    return answer


@syscall
def pause(thread: Thread) -> Result:
    """pause(2)."""
    return _pause(thread)


def _pause(thread: Thread) -> Blocking:
    wake = None
    while wake is not Wake.INTERRUPTED:
        wake = yield Wait()
    return RESTARTNOHAND


@syscall
def rt_sigsuspend(thread: Thread, mask: InSet, sigsetsize: Size) -> Result:
    """sigsuspend(2)."""
    if sigsetsize != SIGSET_SIZE:
        return -errno.EINVAL
    wanted = thread.memory.u64(mask) & ~signals.UNBLOCKABLE
    return under_mask(thread, wanted, lambda: _pause(thread))


@syscall
def rt_sigtimedwait(
    thread: Thread, set_: InSet, info: OutInfo, timeout: InTimespec, sigsetsize: Size
) -> SignalResult:
    """sigtimedwait(2)."""
    if sigsetsize != SIGSET_SIZE:
        return -errno.EINVAL
    wanted = thread.memory.u64(set_) & ~signals.UNBLOCKABLE
    limit = read_timespec(thread, timeout) if timeout else None
    found = signals.take(thread, wanted)
    if found is not None:
        return _tell(thread, found, info)
    if limit == 0:
        return -errno.EAGAIN
    return _wait_for(thread, wanted, info, limit)


def _wait_for(thread: Thread, wanted: int, info: int, limit: int | None) -> Blocking:
    deadline = None if limit is None else thread.bench.monotonic_ns() + limit
    thread.waits_for = wanted
    try:
        wake = yield Wait(deadline=deadline)
    finally:
        thread.waits_for = 0
    found = signals.take(thread, wanted)
    if found is not None:
        return _tell(thread, found, info)
    return -errno.EAGAIN if wake is Wake.TIMEOUT else -errno.EINTR


def _tell(thread: Thread, found: siginfo.SigInfo, address: int) -> int:
    if address:
        thread.memory.write(address, found.pack())
    return found.signal
