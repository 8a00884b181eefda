"""/proc/self/fdinfo of a pidfd; signals for a thread of another process; pidfds that are passed on."""

from gates import Gate
from process_tools import ended, fork, leave
from say import check, result, say
from signal_tools import bit, mask_of
from spawn import spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal

info: array[i32, 32]
text: array[u8, 1024]
name: array[u8, 32]
tid: u32
gate: Gate
ready: Gate


def say_info(fd: i64) -> None:
    """The lines about the process; only whether it is there differs not from run to run."""
    name[0:18] = b"/proc/self/fdinfo/"
    name[18] = u8(0x30 + fd // 10)
    name[19] = u8(0x30 + fd % 10)
    name[20] = 0
    file = syscall(numbers.open, name.ptr, 0, 0)
    size = syscall(numbers.read, file, text.ptr, 1024)
    syscall(numbers.close, file)
    start = i64(0)
    for at in range(size):
        if text[at] == 0x0A:
            line = text[start:at]
            if line[0:5] == b"flags":
                say(line)
                say(b"\n")
            if line[0:3] == b"Pid" or line[0:5] == b"NSpid":
                gone = line[len(line) - 2 :] == b"-1"
                check(b"a pid line, gone", gone)
            start = at + 1
    name[0:14] = b"/proc/self/fd/"
    name[14] = u8(0x30 + fd // 10)
    name[15] = u8(0x30 + fd % 10)
    name[16] = 0
    say(text[0 : syscall(numbers.readlink, name.ptr, text.ptr, 1024)])
    say(b"\n")


def listens(unused: u64) -> i64:
    """A thread that waits for a signal of its own."""
    wanted = bit(Signal.SIGUSR1)
    syscall(numbers.write, ready.outside, addr(tid), 4)
    result(b"the thread got", syscall(numbers.rt_sigtimedwait, addr(wanted), info.ptr, 0, 8))
    check(b"by tkill", info[2] == -6)
    check(b"from the parent", i64(info[4]) == syscall(numbers.getppid))
    syscall(numbers.exit_group, 3)
    return 0


def threads_of_others() -> None:
    """tgkill and rt_tgsigqueueinfo with a thread that is not the first one."""
    child = fork()
    if child == 0:
        tid = u32(spawn_in(0, listens, 0))
        syscall(numbers.write, ready.outside, addr(tid), 4)
        while True:
            syscall(numbers.pause)
    got = array[u32, 1]()
    other = i64(0)
    for _i in range(2):
        syscall(numbers.read, ready.inside, got.ptr, 4)
        if got[0] != 0:
            other = i64(got[0])
    check(b"another id", other != child)
    result(b"of that process", syscall(numbers.tgkill, child, other, 0))
    result(b"of this one", syscall(numbers.tgkill, syscall(numbers.getpid), other, 0))
    result(b"kill takes it, too", syscall(numbers.kill, other, 0))
    result(b"its group", syscall(numbers.getpgid, other) - syscall(numbers.getpgrp))
    result(b"it leads nothing", syscall(numbers.setpgid, other, 0))
    result(b"a pidfd", syscall(numbers.pidfd_open, other, 0))
    result(b"its policy", syscall(numbers.sched_getscheduler, other))
    result(b"its limits", syscall(numbers.prlimit64, other, 7, 0, text.ptr))
    sent = syscall(numbers.tgkill, child, other, Signal.SIGUSR1)
    ended(b"child", child)
    result(b"really", sent)
    result(b"gone", syscall(numbers.tgkill, child, other, 0))


def inherited() -> None:
    """A child has its parent's pidfds."""
    fd = syscall(numbers.pidfd_open, syscall(numbers.getpid), 0)
    first = fork()
    if first == 0:
        gate.wait()
        leave(4)
    other = syscall(numbers.pidfd_open, first, 0)
    second = fork()
    if second == 0:
        result(b"the parent", syscall(numbers.pidfd_send_signal, fd, 0, 0, 0))
        gate.open()
        entry = array[u32, 2]()
        entry[0] = u32(other)
        entry[1] = 1
        result(b"the sibling's end", syscall(numbers.poll, entry.ptr, 1, -1))
        result(b"is not its child's", syscall(numbers.waitid, 3, other, info.ptr, 4, 0))
        leave(0)
    ended(b"second", second)
    say_info(fd)
    say_info(other)
    ended(b"first", first)
    say_info(other)
    result(b"gone", syscall(numbers.pidfd_send_signal, other, 0, 0, 0))


def cleared(label: bytes, which: i64, number: i64, options: i64) -> None:
    """A waitid that fails leaves zeroes behind."""
    for i in range(8):
        info[i] = 7
    result(label, syscall(numbers.waitid, which, number, info.ptr, options, 0))
    check(b" cleared", info[0] == 0 and info[1] == 0 and info[2] == 0 and info[4] == 0 and info[5] == 0)
    result(b" status", i64(info[6]))
    result(b" between", i64(info[3]))
    result(b" behind", i64(info[7]))


def failures() -> None:
    """Those of waitid."""
    cleared(b"no child", 0, 0, 4)
    cleared(b"no options", 0, 0, 0)
    cleared(b"of what", 9, 0, 4)
    cleared(b"not open", 3, 63, 4)
    result(b"no child, bad pointer", syscall(numbers.waitid, 0, 0, 16, 4, 0))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    gate.make()
    ready.make()
    mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR1))
    threads_of_others()
    while syscall(numbers.dup, 1) < 20:
        pass
    inherited()
    failures()
    return 0
