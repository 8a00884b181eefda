"""prctl(2): settings of a thread, of its process, of its credentials (kernel/sys.c, security/commoncap.c)."""

import errno

from syscalls import credentials
from syscalls.calls.sandboxing import mode_of, set_filter, set_strict
from syscalls.credentials import Credentials
from syscalls.flags.seccomp import SeccompMode
from syscalls.flags.threads import Capability, Prctl, SecureBits
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_prctl import (
    PrctlFifth,
    PrctlFourth,
    PrctlOption,
    PrctlResult,
    PrctlThird,
    PrctlValue,
)

NAME_SIZE = 16
"""TASK_COMM_LEN: a thread's name with its NUL."""

_HIGHEST_SIGNAL = 64
_LAST_CAPABILITY = Capability.CAP_CHECKPOINT_RESTORE
_TIMER_SLACK = 50_000
_MCE_DEFAULT = 2
_ALL_BITS, _ALL_LOCKS = 0x555, 0xAAA
_UNPRIVILEGED = 0xF00
"""The bits of 6.14 with which user space restricts itself, and their locks: nobody needs a privilege to set them."""
_AMBIENT_IS_SET, _AMBIENT_RAISE, _AMBIENT_LOWER, _AMBIENT_CLEAR_ALL = 1, 2, 3, 4

_PR_SET_MM_AUXV = 12
_SPECULATION = (Prctl.PR_GET_SPECULATION_CTRL, Prctl.PR_SET_SPECULATION_CTRL)
_PR_SPEC_L1D_FLUSH, _PR_SPEC_ENABLE, _PR_SPEC_FORCE_DISABLE = 2, 2, 8

_MUST_BE_ZERO = {
    Prctl.PR_SET_NO_NEW_PRIVS: slice(1, 4),
    Prctl.PR_GET_NO_NEW_PRIVS: slice(0, 4),
    Prctl.PR_SET_THP_DISABLE: slice(1, 4),
    Prctl.PR_GET_THP_DISABLE: slice(0, 4),
    Prctl.PR_MCE_KILL: slice(2, 4),
    Prctl.PR_MCE_KILL_GET: slice(0, 4),
}
"""Which of arguments 2 to 5 the kernel wants to be zero."""

_TOLD = {
    Prctl.PR_GET_DUMPABLE: ("process", Prctl.PR_SET_DUMPABLE, 1),
    Prctl.PR_GET_THP_DISABLE: ("process", Prctl.PR_SET_THP_DISABLE, 0),
    Prctl.PR_GET_TIMERSLACK: ("thread", Prctl.PR_SET_TIMERSLACK, _TIMER_SLACK),
    Prctl.PR_GET_NO_NEW_PRIVS: ("thread", Prctl.PR_SET_NO_NEW_PRIVS, 0),
    Prctl.PR_MCE_KILL_GET: ("thread", Prctl.PR_MCE_KILL, _MCE_DEFAULT),
}
"""What the result tells: whose setting it is, which operation sets it, and the value at the start."""


@syscall(
    partial="settings are kept, of those that have an effect the names, death signals and subreapers; the rest is EINVAL"
)
def prctl(
    thread: Thread, op: PrctlOption, arg2: PrctlValue, arg3: PrctlThird, arg4: PrctlFourth, arg5: PrctlFifth
) -> PrctlResult:
    """prctl(2)."""
    others: tuple[int, ...] = (arg2, arg3, arg4, arg5)
    if any(others[_MUST_BE_ZERO.get(op, slice(0, 0))]):
        return -errno.EINVAL
    memory, process = thread.memory, thread.process
    if op in _TOLD:
        whose, setting, default = _TOLD[op]
        return (thread if whose == "thread" else process).settings.get(setting, default)
    if op == Prctl.PR_SET_NAME:
        return _set_name(thread, arg2)
    if op == Prctl.PR_GET_NAME:
        memory.write(arg2, thread.name[: NAME_SIZE - 1].ljust(NAME_SIZE, b"\0"))
    elif op == Prctl.PR_SET_PDEATHSIG:
        if arg2 > _HIGHEST_SIGNAL:
            return -errno.EINVAL
        process.death_signal = arg2
    elif op == Prctl.PR_GET_PDEATHSIG:
        memory.put_u32(arg2, process.death_signal)
    elif op == Prctl.PR_SET_CHILD_SUBREAPER:
        process.subreaper = bool(arg2)
    elif op == Prctl.PR_GET_CHILD_SUBREAPER:
        memory.put_u32(arg2, process.subreaper)
    elif op == Prctl.PR_SET_DUMPABLE:
        if arg2 > 1:
            return -errno.EINVAL
        process.settings[op] = arg2
    elif op == Prctl.PR_SET_THP_DISABLE:
        process.settings[op] = int(bool(arg2))
    elif op == Prctl.PR_SET_NO_NEW_PRIVS:
        if arg2 != 1:
            return -errno.EINVAL
        thread.settings[op] = 1
    elif op == Prctl.PR_SET_TIMERSLACK:
        thread.settings[op] = arg2 if 0 < arg2 < 1 << 63 else _TIMER_SLACK
    elif op == Prctl.PR_MCE_KILL:
        if (arg3 if arg2 == 0 else arg3 > _MCE_DEFAULT) or arg2 > 1:
            return -errno.EINVAL
        thread.settings[op] = arg3 if arg2 else _MCE_DEFAULT
    elif op == Prctl.PR_GET_TSC:
        memory.put_u32(arg2, 1)
    elif op == Prctl.PR_GET_TID_ADDRESS:
        memory.put_u64(arg2, thread.clear_child_tid)
    elif op == Prctl.PR_SET_TIMING:
        return -errno.EINVAL if arg2 else 0
    elif op == Prctl.PR_SET_MM:
        return _set_memory(thread, arg2, arg4, arg5)
    elif op in _SPECULATION:
        return _speculation(op, arg2, others[1:])
    elif op == Prctl.PR_GET_SECCOMP:
        return mode_of(thread)
    elif op == Prctl.PR_SET_SECCOMP:
        if arg2 == SeccompMode.SECCOMP_MODE_STRICT:
            return set_strict(thread)
        return set_filter(thread, arg3) if arg2 == SeccompMode.SECCOMP_MODE_FILTER else -errno.EINVAL
    elif op != Prctl.PR_GET_TIMING:
        result = _of_credentials(thread, op, arg2, (arg3, arg4, arg5))
        if result is None:
            thread.bench.note_once(f"prctl {op}", f"prctl({Prctl.text(op)}) is not supported: EINVAL")
            return -errno.EINVAL
        return result
    return 0


def _set_name(thread: Thread, address: int) -> int:
    """The name of the calling thread, which is the process's name when it is the first one."""
    memory = thread.memory
    size = memory.readable(address, NAME_SIZE - 1)
    name = memory.read(address, size) if size else b""
    if b"\0" not in name and size < NAME_SIZE - 1:
        return -errno.EFAULT
    thread.name = name.partition(b"\0")[0]
    if thread.tid == thread.process.pid:
        thread.process.name = thread.name
    return 0


def _set_memory(thread: Thread, what: int, arg4: int, arg5: int) -> int:
    """prctl_set_mm of a kernel without CONFIG_CHECKPOINT_RESTORE: what it could set is the bench's."""
    if arg5 or (arg4 and what != _PR_SET_MM_AUXV):
        return -errno.EINVAL
    if not credentials.of(thread).can(Capability.CAP_SYS_RESOURCE):
        return -errno.EPERM
    thread.bench.note_once("prctl PR_SET_MM", "prctl(PR_SET_MM) is not supported: EINVAL")
    return -errno.EINVAL


def _speculation(op: int, which: int, others: tuple[int, ...]) -> int:
    """arch_prctl_spec_ctrl_get of a processor without such faults: the emulated one speculates on nothing."""
    if any(others[1:]) or (op == Prctl.PR_GET_SPECULATION_CTRL and others[0]):
        return -errno.EINVAL
    if which > _PR_SPEC_L1D_FLUSH:
        return -errno.ENODEV
    if op == Prctl.PR_GET_SPECULATION_CTRL:
        return _PR_SPEC_FORCE_DISABLE if which == _PR_SPEC_L1D_FLUSH else _PR_SPEC_ENABLE
    if which == _PR_SPEC_L1D_FLUSH:
        return -errno.EPERM
    return -errno.ENXIO if which == 0 else -errno.ERANGE


def _of_credentials(thread: Thread, op: int, arg2: int, others: tuple[int, int, int]) -> int | None:
    """cap_task_prctl; None for an operation that is none of it."""
    own = credentials.of(thread)
    if op == Prctl.PR_GET_SECUREBITS:
        return own.securebits
    if op == Prctl.PR_GET_KEEPCAPS:
        return int(bool(own.securebits & SecureBits.SECBIT_KEEP_CAPS))
    if op == Prctl.PR_SET_KEEPCAPS:
        if arg2 > 1:
            return -errno.EINVAL
        if own.securebits & SecureBits.SECBIT_KEEP_CAPS_LOCKED:
            return -errno.EPERM
        kept = SecureBits.SECBIT_KEEP_CAPS if arg2 else 0
        bits = own.securebits & ~SecureBits.SECBIT_KEEP_CAPS | kept
        credentials.change(thread, own._replace(securebits=bits))
        return 0
    if op == Prctl.PR_SET_SECUREBITS:
        return _set_securebits(thread, own, arg2)
    if op == Prctl.PR_CAPBSET_READ:
        return own.bounding >> arg2 & 1 if arg2 <= _LAST_CAPABILITY else -errno.EINVAL
    if op == Prctl.PR_CAPBSET_DROP:
        if not own.can(Capability.CAP_SETPCAP):
            return -errno.EPERM
        if arg2 > _LAST_CAPABILITY:
            return -errno.EINVAL
        credentials.change(thread, own._replace(bounding=own.bounding & ~(1 << arg2)))
        return 0
    if op == Prctl.PR_CAP_AMBIENT:
        return _ambient(thread, own, arg2, others)
    return None


def _set_securebits(thread: Thread, own: Credentials, bits: int) -> int:
    locked = own.securebits & _ALL_LOCKS
    changed = (locked >> 1) & (own.securebits ^ bits)
    if changed or locked & ~bits or bits & ~(_ALL_BITS | _ALL_LOCKS):
        return -errno.EPERM
    different = own.securebits ^ bits
    if not own.can(Capability.CAP_SETPCAP) and (not different or different & ~_UNPRIVILEGED):
        return -errno.EPERM
    credentials.change(thread, own._replace(securebits=bits))
    return 0


def _ambient(thread: Thread, own: Credentials, operation: int, others: tuple[int, int, int]) -> int:
    """PR_CAP_AMBIENT (capabilities(7), "Ambient")."""
    if operation == _AMBIENT_CLEAR_ALL:
        if any(others):
            return -errno.EINVAL
        credentials.change(thread, own._replace(ambient=0))
        return 0
    capability = others[0]
    if capability > _LAST_CAPABILITY or any(others[1:]):
        return -errno.EINVAL
    bit = 1 << capability
    if operation == _AMBIENT_IS_SET:
        return int(bool(own.ambient & bit))
    if operation == _AMBIENT_LOWER:
        credentials.change(thread, own._replace(ambient=own.ambient & ~bit))
        return 0
    if operation != _AMBIENT_RAISE:
        return -errno.EINVAL
    if not own.permitted & own.inheritable & bit or own.securebits & SecureBits.SECBIT_NO_CAP_AMBIENT_RAISE:
        return -errno.EPERM
    credentials.change(thread, own._replace(ambient=own.ambient | bit))
    return 0
