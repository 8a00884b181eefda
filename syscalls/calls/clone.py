"""fork(2), vfork(2), clone(2) and clone3(2): new threads and processes (kernel/fork.c)."""

import errno

from syscalls.args import Result, Size
from syscalls.birth import inherit
from syscalls.flags.signals import Signal
from syscalls.flags.threads import Clone
from syscalls.limits import check_processes
from syscalls.memory import TASK_SIZE
from syscalls.pidfds import new_pidfd
from syscalls.process import Fork, Thread
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
from syscalls.wait import Blocking, Wait

_NAMESPACES = (
    Clone.CLONE_NEWNS
    | Clone.CLONE_NEWCGROUP
    | Clone.CLONE_NEWUTS
    | Clone.CLONE_NEWIPC
    | Clone.CLONE_NEWUSER
    | Clone.CLONE_NEWPID
    | Clone.CLONE_NEWNET
)
_MAX_SIZE = 4096
_MAX_PID_NAMESPACES = 32
_LARGEST = 88
"""The size of the newest struct clone_args that is known here (CLONE_ARGS_SIZE_VER2)."""


@syscall
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
    return _start(
        thread, flags & ~Clone.CSIGNAL, stack, parent_tid, child_tid, tls, flags & Clone.CSIGNAL, parent_tid
    )


@syscall
def fork(thread: Thread) -> PidResult:
    """fork(2)."""
    return _start(thread, 0, exit_signal=Signal.SIGCHLD)


@syscall
def vfork(thread: Thread) -> PidResult:
    """vfork(2): the child uses the maker's memory, and the maker waits until it executes a program or ends."""
    return _start(thread, Clone.CLONE_VFORK | Clone.CLONE_VM, exit_signal=Signal.SIGCHLD)


@syscall
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
    if flags & Clone.CLONE_INTO_CGROUP:
        return -errno.EBADF  # there is no control group file system whose directory it could be
    if set_tid:
        if set_tid_size > 1 or not 0 < thread.memory.u32(set_tid) < 1 << 31:
            return -errno.EINVAL
        return -errno.EPERM  # needs CAP_CHECKPOINT_RESTORE
    return _start(thread, flags, stack + stack_size, parent_tid, child_tid, tls, exit_signal, pidfd)


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


def _start(
    thread: Thread,
    flags: int,
    stack: int = 0,
    parent_tid: int = 0,
    child_tid: int = 0,
    tls: int = 0,
    exit_signal: int = 0,
    pidfd_at: int = 0,
) -> Result:
    """copy_process() of kernel/fork.c for what the calls have in common; the id of the thread or process."""
    if flags & Clone.CLONE_FS and flags & (Clone.CLONE_NEWNS | Clone.CLONE_NEWUSER):
        return -errno.EINVAL
    if flags & Clone.CLONE_THREAD and not flags & Clone.CLONE_SIGHAND:
        return -errno.EINVAL
    if flags & Clone.CLONE_SIGHAND and not flags & Clone.CLONE_VM:
        return -errno.EINVAL
    if flags & Clone.CLONE_THREAD and flags & (Clone.CLONE_NEWUSER | Clone.CLONE_NEWPID):
        return -errno.EINVAL
    if flags & Clone.CLONE_PIDFD and flags & (Clone.CLONE_DETACHED | Clone.CLONE_THREAD):
        return -errno.EINVAL
    if flags & Clone.CLONE_NEWIPC and flags & Clone.CLONE_SYSVSEM:
        return -errno.EINVAL
    if flags & _NAMESPACES:
        return -errno.EPERM  # needs CAP_SYS_ADMIN, which a guest never has
    if flags & Clone.CLONE_SETTLS and tls >= TASK_SIZE:
        return -errno.EPERM
    check_processes(thread)
    base = tls if flags & Clone.CLONE_SETTLS else None
    pidfd = -1
    if flags & Clone.CLONE_THREAD:
        child = thread.bench.spawn_thread(
            thread,
            stack=stack,
            tls=base,
            own_fds=not flags & Clone.CLONE_FILES,
            own_files=not flags & Clone.CLONE_FS,
        )
        child.signal_mask = thread.signal_mask
        child.name = thread.name
    else:
        if flags & Clone.CLONE_PIDFD:
            thread.memory.put_u32(pidfd_at, thread.fds.lowest_free())
        child = thread.bench.fork(
            thread,
            Fork(
                memory=bool(flags & Clone.CLONE_VM),
                files=bool(flags & Clone.CLONE_FS),
                fds=bool(flags & Clone.CLONE_FILES),
                actions=bool(flags & Clone.CLONE_SIGHAND),
                clear_actions=bool(flags & Clone.CLONE_CLEAR_SIGHAND),
                sibling=bool(flags & Clone.CLONE_PARENT),
                waits=bool(flags & Clone.CLONE_VFORK),
                stack=stack,
                tls=base,
                exit_signal=exit_signal,
            ),
        )
        if flags & Clone.CLONE_PIDFD:
            pidfd = new_pidfd(thread, child.process, 0)
            thread.memory.put_u32(pidfd_at, pidfd)
    inherit(thread, child)
    if flags & Clone.CLONE_CHILD_CLEARTID:
        child.clear_child_tid = child_tid
    if flags & Clone.CLONE_PARENT_SETTID:
        _store_tid(thread, parent_tid, child.tid)
    if flags & Clone.CLONE_CHILD_SETTID:
        _store_tid(child, child_tid, child.tid)
    if flags & Clone.CLONE_VFORK:
        return _until_let_go(child)
    return child.tid


def _until_let_go(child: Thread) -> Blocking:
    """The maker's wait of a vfork: no signal but SIGKILL ends it."""
    tid, process = child.tid, child.process
    while process.vfork_done is not None:
        yield Wait(queue=process.vfork_done, interruptible=False)
    return tid


def _store_tid(thread: Thread, address: int, tid: int) -> None:
    try:
        thread.memory.put_u32(address, tid)
    except OSError:  # the thread exists by now: the kernel ignores a bad address here
        return
