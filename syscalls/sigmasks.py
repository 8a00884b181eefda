"""The signal mask that ppoll, pselect6 and epoll_pwait put in force while they wait (ppoll(2))."""

import errno
from collections.abc import Callable

from syscalls import signals
from syscalls.blocking import INTERRUPTED
from syscalls.process import Thread
from syscalls.wait import RESTARTNOHAND, Blocking, Result

SIGSET_SIZE = 8


def read_mask(thread: Thread, address: int, size: int) -> int | None:
    """The mask at `address`, None when there is none; raises EINVAL, EFAULT (set_user_sigmask in kernel/signal.c)."""
    if not address:
        return None
    if size != SIGSET_SIZE:
        raise OSError(errno.EINVAL, "not the size of a signal set")
    return thread.memory.u64(address) & ~signals.UNBLOCKABLE


def under_mask(thread: Thread, mask: int | None, work: Callable[[], Result]) -> Result:
    """`work()` with `mask` in force until its result stands."""
    if mask is None:
        return work()
    old = _change(thread, mask)
    try:
        result = work()
        if isinstance(result, int):
            return result
        assert not isinstance(result, tuple)
        waiting, old = _restoring(thread, old, result), thread.signal_mask
        return waiting
    finally:
        _change(thread, old)


def _restoring(thread: Thread, old: int, waiting: Blocking) -> Blocking:
    interrupted = False
    try:
        result = yield from waiting
        interrupted = result in (INTERRUPTED, RESTARTNOHAND)
        return result
    finally:
        if interrupted:  # the handler runs under the new mask, and its return brings the old one back
            thread.saved_mask = old
        else:
            _change(thread, old)


def _change(thread: Thread, mask: int) -> int:
    old = thread.signal_mask
    if mask != old:
        thread.signal_mask = mask
        signals.recheck(thread)
    return old
