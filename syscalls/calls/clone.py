"""clone(2) and clone3(2): threads. Process forms are refused until the bench can run a second process."""

import errno

from syscalls.args import Size
from syscalls.flags.threads import Clone
from syscalls.memory import TASK_SIZE
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_threads import (
    CloneArgs,
    CloneChild,
    CloneFlags,
    CloneParent,
    CloneStack,
    CloneTls,
    InCloneArgs,
)
from syscalls.types_volatile import PidResult

_FS_FLAGS = Clone.CLONE_FS | Clone.CLONE_FILES
_NAMESPACES = (
    Clone.CLONE_NEWNS
    | Clone.CLONE_NEWCGROUP
    | Clone.CLONE_NEWUTS
    | Clone.CLONE_NEWIPC
    | Clone.CLONE_NEWUSER
    | Clone.CLONE_NEWPID
    | Clone.CLONE_NEWNET
)
_PROCESS_FORMS = "threads only: without CLONE_THREAD it is ENOSYS"
_MAX_SIZE = 4096
_MAX_PID_NAMESPACES = 32
_LARGEST = 88
"""The size of the newest struct clone_args that is known here (CLONE_ARGS_SIZE_VER2)."""


@syscall(partial=_PROCESS_FORMS)
def clone(
    thread: Thread,
    flags: CloneFlags,
    stack: CloneStack,
    parent_tid: CloneParent,
    child_tid: CloneChild,
    tls: CloneTls,
) -> PidResult:
    """clone(2): the kernel's call, x86_64 order of arguments."""
    flags &= 0xFFFFFFFF
    if flags & Clone.CLONE_PIDFD and flags & Clone.CLONE_PARENT_SETTID:
        return -errno.EINVAL  # both would be stored at parent_tid
    return _start(thread, flags & ~Clone.CSIGNAL, stack, parent_tid, child_tid, tls)


@syscall(partial=_PROCESS_FORMS)
def clone3(thread: Thread, cl_args: InCloneArgs, size: Size) -> PidResult:
    """clone3(2); the order of checks is that of kernel/fork.c, copy_clone_args_from_user()."""
    if size > _MAX_SIZE:
        return -errno.E2BIG
    if size < CloneArgs.size:
        return -errno.EINVAL
    given = thread.memory.read(cl_args, size)
    if any(given[_LARGEST:]):
        return -errno.E2BIG
    flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls = CloneArgs.unpack(
        given[: CloneArgs.size]
    )
    more = given[CloneArgs.size : _LARGEST].ljust(_LARGEST - CloneArgs.size, b"\0")
    set_tid, set_tid_size, cgroup = (int.from_bytes(more[at : at + 8], "little") for at in (0, 8, 16))
    if set_tid_size > _MAX_PID_NAMESPACES or bool(set_tid) != bool(set_tid_size):
        return -errno.EINVAL
    if exit_signal > 64:
        return -errno.EINVAL
    if flags & Clone.CLONE_INTO_CGROUP and (cgroup > 0x7FFFFFFF or size < _LARGEST):
        return -errno.EINVAL
    if not _is_valid(flags, exit_signal, stack, stack_size):
        return -errno.EINVAL
    if set_tid or flags & Clone.CLONE_INTO_CGROUP:
        return -errno.EPERM  # needs CAP_CHECKPOINT_RESTORE, and a control group file system
    del pidfd
    return _start(thread, flags, stack + stack_size, parent_tid, child_tid, tls)


def _is_valid(flags: int, exit_signal: int, stack: int, stack_size: int) -> bool:
    """clone3_args_valid() of kernel/fork.c."""
    if flags & ~(0xFFFFFFFF | Clone.CLONE_CLEAR_SIGHAND | Clone.CLONE_INTO_CGROUP):
        return False
    if flags & (Clone.CLONE_DETACHED | (Clone.CSIGNAL & ~Clone.CLONE_NEWTIME)):
        return False
    if flags & Clone.CLONE_SIGHAND and flags & Clone.CLONE_CLEAR_SIGHAND:
        return False
    if flags & (Clone.CLONE_THREAD | Clone.CLONE_PARENT) and exit_signal:
        return False
    if bool(stack) != bool(stack_size):
        return False
    return stack + stack_size <= TASK_SIZE


def _start(thread: Thread, flags: int, stack: int, parent_tid: int, child_tid: int, tls: int) -> int:
    """copy_process() of kernel/fork.c for what the two calls have in common; the thread's id."""
    if flags & Clone.CLONE_FS and flags & (Clone.CLONE_NEWNS | Clone.CLONE_NEWUSER):
        return -errno.EINVAL
    if flags & Clone.CLONE_THREAD and not flags & Clone.CLONE_SIGHAND:
        return -errno.EINVAL
    if flags & Clone.CLONE_SIGHAND and not flags & Clone.CLONE_VM:
        return -errno.EINVAL
    if flags & Clone.CLONE_THREAD and flags & (Clone.CLONE_NEWUSER | Clone.CLONE_NEWPID):
        return -errno.EINVAL
    if flags & Clone.CLONE_PIDFD and flags & Clone.CLONE_DETACHED:
        return -errno.EINVAL
    if flags & Clone.CLONE_NEWIPC and flags & Clone.CLONE_SYSVSEM:
        return -errno.EINVAL
    if flags & _NAMESPACES:
        return -errno.EPERM  # needs CAP_SYS_ADMIN, which a guest never has
    refused = (
        "processes (no CLONE_THREAD)"
        if not flags & Clone.CLONE_THREAD
        else "threads with descriptors or a working directory of their own"
        if flags & _FS_FLAGS != _FS_FLAGS
        else "CLONE_PIDFD and CLONE_VFORK on threads"
        if flags & (Clone.CLONE_PIDFD | Clone.CLONE_VFORK)
        else ""
    )
    if refused:
        thread.bench.note_once(f"clone {refused}", f"clone: {refused} are not supported yet: ENOSYS")
        return -errno.ENOSYS
    if flags & Clone.CLONE_SETTLS and tls >= TASK_SIZE:
        return -errno.EPERM
    child = thread.bench.spawn_thread(thread, stack=stack, tls=tls if flags & Clone.CLONE_SETTLS else None)
    child.signal_mask = thread.signal_mask
    child.name = thread.name
    if flags & Clone.CLONE_CHILD_CLEARTID:
        child.clear_child_tid = child_tid
    if flags & Clone.CLONE_PARENT_SETTID:
        _store_tid(thread, parent_tid, child.tid)
    if flags & Clone.CLONE_CHILD_SETTID:
        _store_tid(thread, child_tid, child.tid)
    return child.tid


def _store_tid(thread: Thread, address: int, tid: int) -> None:
    try:
        thread.memory.put_u32(address, tid)
    except OSError:  # the thread exists by now: the kernel ignores a bad address here
        return
