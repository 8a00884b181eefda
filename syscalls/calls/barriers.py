"""Memory barriers between threads: membarrier. One processor runs all threads, one after the other."""

import errno
from typing import Annotated

from syscalls import numbers
from syscalls.args import Flags, Int, Result
from syscalls.flags.memory import Membarrier, MembarrierFlags
from syscalls.process import Process, Thread
from syscalls.table import syscall

_ANYBODY = Membarrier.MEMBARRIER_CMD_GLOBAL | Membarrier.MEMBARRIER_CMD_GLOBAL_EXPEDITED
_REGISTERED = (
    Membarrier.MEMBARRIER_CMD_PRIVATE_EXPEDITED | Membarrier.MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
)
_REGISTER = Membarrier.MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | _REGISTERED << 1
_KNOWN = _ANYBODY | _REGISTERED | _REGISTER | Membarrier.MEMBARRIER_CMD_GET_REGISTRATIONS
_STATE = -numbers.membarrier  # a key of `Process.settings` that is no operation of prctl(2)


def forget_registrations(process: Process) -> None:
    """execve(2)."""
    process.settings.pop(_STATE, None)


@syscall(partial="the _RSEQ commands are EINVAL, as of a kernel without CONFIG_RSEQ")
def membarrier(
    thread: Thread,
    cmd: Annotated[int, Flags(Membarrier)],
    flags: Annotated[int, Flags(MembarrierFlags)],
    cpu_id: Int,
) -> Result:
    """membarrier(2)."""
    settings = thread.process.settings
    if flags or cmd < 0 or cmd & (cmd - 1) or cmd & ~_KNOWN:
        return -errno.EINVAL
    if cmd == Membarrier.MEMBARRIER_CMD_QUERY:
        return _KNOWN
    if cmd == Membarrier.MEMBARRIER_CMD_GET_REGISTRATIONS:
        return settings.get(_STATE, 0)
    if cmd & _REGISTER:
        settings[_STATE] = settings.get(_STATE, 0) | cmd
    elif cmd & _REGISTERED and not settings.get(_STATE, 0) & cmd << 1:
        return -errno.EPERM
    return 0
