"""Processes: fork, execve, wait and kill, one typed wrapper each; a negative result is minus an errno value."""

from guest.lang import addr, i32, i64, ptr, syscall, u8
from syscalls import numbers
from syscalls.flags.threads import Prctl
from syscalls.flags.waiting import Wait

WNOHANG = Wait.WNOHANG


def fork() -> i64:
    """fork(2): 0 in the child, its pid in the parent. The child has the calling thread only."""
    return syscall(numbers.fork)


def getpid() -> i64:
    """getpid(2)."""
    return syscall(numbers.getpid)


def getppid() -> i64:
    """getppid(2)."""
    return syscall(numbers.getppid)


def execve(path: ptr[u8], argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """execve(2): comes back only with an error."""
    return syscall(numbers.execve, path, argv, envp)


def reap(pid: i64) -> tuple[i64, i32]:
    """wait4(2) WNOHANG for a child, or any (-1): its pid and status word; 0 when none has ended, or minus an errno."""
    status = i32(0)
    ended = syscall(numbers.wait4, pid, addr(status), WNOHANG, 0)
    return ended, status


def exit_status(word: i32) -> i64:
    """A wait status word as a shell has it: the exit status, or 128 and the signal's number."""
    signal = word & 127
    return i64(word >> 8) & 255 if signal == 0 else 128 + i64(signal)


def kill(pid: i64, signal: i64) -> i64:
    """kill(2)."""
    return syscall(numbers.kill, pid, signal)


def setsid() -> i64:
    """setsid(2)."""
    return syscall(numbers.setsid)


def dup2(fd: i32, target: i32) -> i64:
    """dup2(2)."""
    return syscall(numbers.dup2, fd, target)


def die_with_parent(signal: i64) -> i64:
    """prctl(2) PR_SET_PDEATHSIG: get `signal` when the parent ends; too late if it has already."""
    return syscall(numbers.prctl, Prctl.PR_SET_PDEATHSIG, signal, 0, 0, 0)
