"""Signals from process to process: kill in its forms, tkill and tgkill, rt_sigqueueinfo, who sent it, and what is refused."""

from gates import Gate
from process_tools import ended, fork, leave
from say import check, result, say, say_number
from signal_tools import bit, mask_of

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal

NOBODY = 0x3FFFFF
UNMAPPED = 0x10000
info: array[i32, 32]
gate: Gate
second_gate: Gate
ready: Gate


def number(label: bytes, value: i64) -> None:
    """Prints a number that is no result."""
    say(label)
    say(b": ")
    say_number(value)
    say(b"\n")


def heard(wanted: u64) -> i64:
    """Takes one of the signals, which are blocked."""
    given = wanted
    return syscall(numbers.rt_sigtimedwait, addr(given), info.ptr, 0, 8)


def listens(at: Gate, sender: i64, count: i64) -> None:
    """A child that tells what it gets."""
    ready.open()
    at.wait()
    uid = syscall(numbers.getuid)
    for _i in range(count):
        result(b"got", heard(~u64(0)))
        number(b"code", i64(info[2]))
        check(b"by the parent", i64(info[4]) == sender and i64(info[5]) == uid)
    leave(0)


def direct() -> None:
    """One child, all calls."""
    pid = syscall(numbers.getpid)
    child = fork()
    if child == 0:
        listens(gate, pid, 5)
    ready.wait()
    result(b"signal 0", syscall(numbers.kill, child, 0))
    result(b"no such signal", syscall(numbers.kill, child, 65))
    result(b"no such signal, nobody", syscall(numbers.kill, NOBODY, 65))
    result(b"negative signal", syscall(numbers.kill, child, -1))
    result(b"nobody", syscall(numbers.kill, NOBODY, 0))
    result(b"no group", syscall(numbers.kill, -NOBODY, 0))
    result(b"INT_MIN", syscall(numbers.kill, -0x80000000, 0))
    result(b"tkill 0", syscall(numbers.tkill, child, 0))
    result(b"tkill nobody", syscall(numbers.tkill, NOBODY, 0))
    result(b"tgkill 0", syscall(numbers.tgkill, child, child, 0))
    result(b"tgkill, other group", syscall(numbers.tgkill, pid, child, 0))
    result(b"tgkill, other thread", syscall(numbers.tgkill, child, pid, 0))
    result(b"kill", syscall(numbers.kill, child, Signal.SIGUSR1))
    result(b"tkill", syscall(numbers.tkill, child, Signal.SIGUSR2))
    result(b"tgkill", syscall(numbers.tgkill, child, child, Signal.SIGRTMIN))
    info[0] = 0
    info[1] = 0
    info[2] = -1
    info[4] = i32(pid)
    info[5] = i32(syscall(numbers.getuid))
    result(b"sigqueue", syscall(numbers.rt_sigqueueinfo, child, Signal.SIGRTMIN + 1, info.ptr))
    result(b"tgsigqueue", syscall(numbers.rt_tgsigqueueinfo, child, child, Signal.SIGRTMIN + 2, info.ptr))
    gate.open()
    ended(b"listener", child)
    result(b"gone", syscall(numbers.kill, child, 0))
    result(b"gone, queued", syscall(numbers.rt_sigqueueinfo, child, Signal.SIGUSR1, info.ptr))


def forged() -> None:
    """Codes that only the kernel may use, to others and to oneself."""
    child = fork()
    if child == 0:
        gate.wait()
        leave(0)
    codes = array[i32, 6]([0, -6, 0x80, 1, -1, -5])
    for i in range(6):
        info[2] = codes[i]
        number(b"code", i64(codes[i]))
        result(b" to a child", syscall(numbers.rt_sigqueueinfo, child, 0, info.ptr))
        result(b" to its thread", syscall(numbers.rt_tgsigqueueinfo, child, child, 0, info.ptr))
        result(b" to nobody", syscall(numbers.rt_sigqueueinfo, NOBODY, 0, info.ptr))
        result(b" bad signal", syscall(numbers.rt_sigqueueinfo, child, 65, info.ptr))
    result(b"bad pointer", syscall(numbers.rt_sigqueueinfo, child, 0, UNMAPPED))
    result(b"no thread", syscall(numbers.rt_tgsigqueueinfo, child, 0, 0, info.ptr))
    gate.open()
    ended(b"child", child)


def zombies() -> None:
    """What has ended and was not reaped can still be named."""
    child = fork()
    if child == 0:
        leave(7)
    result(b"its end is awaited", syscall(numbers.waitid, 1, child, info.ptr, 0x1000004, 0))
    result(b"kill a zombie", syscall(numbers.kill, child, 0))
    result(b"really", syscall(numbers.kill, child, Signal.SIGKILL))
    result(b"its group", syscall(numbers.kill, -syscall(numbers.getpgrp), 0))
    result(b"tkill a zombie", syscall(numbers.tkill, child, Signal.SIGTERM))
    result(b"tgkill a zombie", syscall(numbers.tgkill, child, child, 0))
    ended(b"zombie", child)


def groups() -> None:
    """Three children in a group of their own."""
    first = fork()
    if first == 0:
        syscall(numbers.setpgid, 0, 0)
        listens(gate, syscall(numbers.getppid), 1)
    ready.wait()
    second = fork()
    if second == 0:
        syscall(numbers.setpgid, 0, first)
        listens(second_gate, syscall(numbers.getppid), 1)
    ready.wait()
    result(b"signal 0 to the group", syscall(numbers.kill, -first, 0))
    result(b"bad signal to the group", syscall(numbers.kill, -first, 70))
    result(b"the first", syscall(numbers.kill, first, Signal.SIGUSR1))
    gate.open()
    ended(b"first", first)
    result(b"the group, whose leader is gone", syscall(numbers.kill, -first, Signal.SIGUSR2))
    second_gate.open()
    ended(b"second", second)
    result(b"nobody is left", syscall(numbers.kill, -first, 0))


def own_group() -> None:
    """kill(0): a group within which one signals all, the sender too."""
    child = fork()
    if child == 0:
        pid = syscall(numbers.getpid)
        syscall(numbers.setpgid, 0, 0)
        other = fork()
        if other == 0:
            gate.wait()
            result(b"the other got", heard(bit(Signal.SIGUSR1)))
            check(b"from the leader", i64(info[4]) == pid)
            leave(2)
        result(b"to all of the group", syscall(numbers.kill, 0, Signal.SIGUSR1))
        gate.open()
        ended(b"other", other)
        result(b"the sender got", heard(bit(Signal.SIGUSR1)))
        check(b"from itself", i64(info[4]) == pid)
        leave(1)
    ended(b"leader", child)


def deadly() -> None:
    """Signals that end others."""
    child = fork()
    if child == 0:
        mask_of(SigMask.SIG_SETMASK, 0)
        ready.open()
        while True:
            syscall(numbers.pause)
    ready.wait()
    result(b"SIGTERM", syscall(numbers.kill, child, Signal.SIGTERM))
    ended(b"terminated", child)
    child = fork()
    if child == 0:
        ready.open()
        while True:
            syscall(numbers.pause)
    ready.wait()
    result(b"SIGKILL of one with all blocked", syscall(numbers.kill, child, Signal.SIGKILL))
    ended(b"killed", child)
    child = fork()
    if child == 0:
        result(b"to itself", syscall(numbers.kill, syscall(numbers.getpid), Signal.SIGKILL))
    ended(b"killed by itself", child)


def to_parent() -> None:
    """A child signals its parent, which sleeps."""
    child = fork()
    if child == 0:
        syscall(numbers.kill, syscall(numbers.getppid), Signal.SIGUSR1)
        leave(0)
    result(b"got", heard(bit(Signal.SIGUSR1)))
    number(b"code", i64(info[2]))
    check(b"by the child", i64(info[4]) == child)
    ended(b"child", child)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them, with all signals but SIGCHLD blocked."""
    gate.make()
    second_gate.make()
    ready.make()
    syscall(numbers.setpgid, 0, 0)
    mask_of(SigMask.SIG_SETMASK, ~bit(Signal.SIGCHLD))
    direct()
    forged()
    zombies()
    groups()
    own_group()
    deadly()
    to_parent()
    return 0
