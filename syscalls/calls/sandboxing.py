"""seccomp(2): a thread gives up the right to make some calls."""

import errno
import struct
from typing import Annotated

from syscalls.args import Address, Flags, Result
from syscalls.flags.seccomp import Seccomp, SeccompFlags, SeccompMode, SeccompReturn
from syscalls.flags.threads import Prctl
from syscalls.packet_filter import MOST, Program
from syscalls.process import Thread
from syscalls.seccomp import MOST_INSTRUCTIONS, PENALTY, Guard, judge
from syscalls.table import syscall

_FPROG = struct.Struct("<H6xQ")
_INSTRUCTION = 8
_SIZES = struct.Struct("<HHH")
_NOTIFICATION, _RESPONSE, _DATA = 80, 24, 64
_ALL = 0x3F
_STRICT, _FILTER = SeccompMode.SECCOMP_MODE_STRICT, SeccompMode.SECCOMP_MODE_FILTER
_AVAILABLE = frozenset(
    value
    for name, value in vars(SeccompReturn).items()
    if name.startswith("SECCOMP_") and value != SeccompReturn.SECCOMP_RET_USER_NOTIF
)


@syscall(partial="SECCOMP_FILTER_FLAG_NEW_LISTENER is EINVAL, as before Linux 5.0; nothing is logged")
def seccomp(
    thread: Thread,
    operation: Annotated[int, Flags(Seccomp)],
    flags: Annotated[int, Flags(SeccompFlags)],
    args: Address,
) -> Result:
    """seccomp(2)."""
    flags &= 0xFFFFFFFF
    if operation == Seccomp.SECCOMP_SET_MODE_STRICT:
        return -errno.EINVAL if flags or args else set_strict(thread)
    if operation == Seccomp.SECCOMP_SET_MODE_FILTER:
        return set_filter(thread, args, flags)
    if flags:
        return -errno.EINVAL
    if operation == Seccomp.SECCOMP_GET_ACTION_AVAIL:
        return 0 if thread.memory.u32(args) in _AVAILABLE else -errno.EOPNOTSUPP
    if operation == Seccomp.SECCOMP_GET_NOTIF_SIZES:
        thread.memory.write(args, _SIZES.pack(_NOTIFICATION, _RESPONSE, _DATA))
        return 0
    return -errno.EINVAL


def mode_of(thread: Thread) -> int:
    """PR_GET_SECCOMP."""
    guard: Guard | None = thread.seccomp
    return 0 if guard is None else guard.mode


def set_strict(thread: Thread) -> int:
    """SECCOMP_MODE_STRICT: read, write, exit and rt_sigreturn are left."""
    if mode_of(thread) not in (0, _STRICT):
        return -errno.EINVAL
    _put(thread, Guard(_STRICT))
    return 0


def set_filter(thread: Thread, address: int, flags: int = 0) -> int:
    """SECCOMP_MODE_FILTER: one more program that is asked."""
    sync = flags & SeccompFlags.SECCOMP_FILTER_FLAG_TSYNC
    late = flags & SeccompFlags.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
    if flags & ~_ALL or flags & SeccompFlags.SECCOMP_FILTER_FLAG_NEW_LISTENER or late:
        return -errno.EINVAL
    count, instructions = _FPROG.unpack(thread.memory.read(address, _FPROG.size))
    if not 0 < count <= MOST:
        return -errno.EINVAL
    if not thread.settings.get(Prctl.PR_SET_NO_NEW_PRIVS):
        return -errno.EACCES
    try:
        program = Program(thread.memory.read(instructions, count * _INSTRUCTION))
    except ValueError:
        return -errno.EINVAL
    if mode_of(thread) not in (0, _FILTER):
        return -errno.EINVAL
    old: Guard = thread.seccomp or Guard(_FILTER)
    if old.size + len(program) + PENALTY > MOST_INSTRUCTIONS:
        return -errno.ENOMEM
    others = [other for other in thread.process.threads.values() if other is not thread] if sync else []
    for other in others:
        if not _follows(old, other.seccomp):
            return -errno.ESRCH if flags & SeccompFlags.SECCOMP_FILTER_FLAG_TSYNC_ESRCH else other.tid
    new = Guard(_FILTER, (program, *old.programs))
    _put(thread, new)
    for other in others:
        other.seccomp = new
        other.settings[Prctl.PR_SET_NO_NEW_PRIVS] = 1
    return 0


def _follows(guard: Guard, other: Guard | None) -> bool:
    """Whether a thread's filters are the beginning of these (seccomp_can_sync_threads)."""
    if other is None:
        return True
    if other.mode != _FILTER:
        return False
    count = len(other.programs)
    return not count or guard.programs[-count:] == other.programs


def _put(thread: Thread, guard: Guard) -> None:
    thread.seccomp = guard
    thread.bench.guard_calls(judge)
