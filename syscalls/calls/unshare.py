"""unshare(2): what a thread has in common with others becomes its own (kernel/fork.c)."""

import errno

from syscalls.args import Result
from syscalls.flags.threads import Clone
from syscalls.process import Thread
from syscalls.semaphores import take_back
from syscalls.table import syscall
from syscalls.types_threads import UnshareFlags

_NAMESPACES = (
    Clone.CLONE_NEWNS
    | Clone.CLONE_NEWCGROUP
    | Clone.CLONE_NEWUTS
    | Clone.CLONE_NEWIPC
    | Clone.CLONE_NEWUSER
    | Clone.CLONE_NEWPID
    | Clone.CLONE_NEWNET
    | Clone.CLONE_NEWTIME
)
_KNOWN = (
    Clone.CLONE_THREAD
    | Clone.CLONE_FS
    | Clone.CLONE_SIGHAND
    | Clone.CLONE_VM
    | Clone.CLONE_FILES
    | Clone.CLONE_SYSVSEM
    | _NAMESPACES
)


@syscall(partial="namespaces are EPERM")
def unshare(thread: Thread, flags: UnshareFlags) -> Result:
    """unshare(2)."""
    if flags & (Clone.CLONE_NEWUSER | Clone.CLONE_NEWPID):
        flags |= Clone.CLONE_THREAD
    if flags & Clone.CLONE_VM:
        flags |= Clone.CLONE_SIGHAND
    if flags & Clone.CLONE_SIGHAND:
        flags |= Clone.CLONE_THREAD
    if flags & ~_KNOWN or not _is_alone(thread, flags):
        return -errno.EINVAL
    if flags & _NAMESPACES:
        return -errno.EPERM  # needs CAP_SYS_ADMIN, which a guest never has
    if flags & Clone.CLONE_FILES:
        thread.bench.unshare_fds(thread)
    if flags & Clone.CLONE_SYSVSEM and thread.process.system.ipc is not None:
        take_back(thread, thread.process.system.ipc)
    if flags & Clone.CLONE_FS:
        thread.bench.unshare_files(thread)
    return 0


def _is_alone(thread: Thread, flags: int) -> bool:
    """check_unshare_flags(): threads, signal actions and memory cannot be parted; where nobody shares them nothing is to be done."""
    process = thread.process
    if flags & Clone.CLONE_THREAD and len(process.threads) > 1:
        return False
    for other in process.system.living():
        if other is process:
            continue
        if flags & Clone.CLONE_SIGHAND and other.actions is process.actions:
            return False
        if flags & Clone.CLONE_VM and other.memory is process.memory:
            return False
    return True
