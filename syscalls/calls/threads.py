"""Calls that make, name and end threads."""

from syscalls.args import Int, Result
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.wait import Exit


@syscall
def getpid(thread: Thread) -> Result:
    """getpid(2)."""
    return thread.process.pid


@syscall
def gettid(thread: Thread) -> Result:
    """gettid(2)."""
    return thread.tid


@syscall
def exit_(thread: Thread, status: Int) -> Result:
    """_exit(2): ends the calling thread."""
    return Exit(status & 0xFF, group=False)


@syscall
def exit_group(thread: Thread, status: Int) -> Result:
    """exit_group(2): ends the process."""
    return Exit(status & 0xFF, group=True)
