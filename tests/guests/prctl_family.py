"""prctl between parents and children: death signals, subreapers, names, and what fork and exec leave of settings."""

from gates import Gate
from process_tools import ended, fork, leave
from say import check, result, say
from signal_tools import bit, mask_of
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal
from syscalls.flags.threads import Prctl

UNMAPPED = 0x10000
info: array[i32, 32]
room: array[u8, 64]
word: array[i32, 2]


def told(label: bytes, operation: i64) -> None:
    """What an operation stores."""
    word[0] = -1
    result(label, syscall(numbers.prctl, operation, addr(word[0]), 0, 0, 0))
    result(b" it is", i64(word[0]))


def heard(label: bytes, number: i64) -> None:
    """Waits for a blocked signal."""
    wanted = bit(number)
    result(label, syscall(numbers.rt_sigtimedwait, addr(wanted), info.ptr, 0, 8))
    result(b" code", i64(info[2]))


def death_signals() -> None:
    """PR_SET_PDEATHSIG."""
    prctl = numbers.prctl
    told(b"at first", Prctl.PR_GET_PDEATHSIG)
    result(b"65", syscall(prctl, Prctl.PR_SET_PDEATHSIG, 65, 0, 0, 0))
    result(b"-1", syscall(prctl, Prctl.PR_SET_PDEATHSIG, -1, 0, 0, 0))
    result(b"64", syscall(prctl, Prctl.PR_SET_PDEATHSIG, 64, 0, 0, 0))
    told(b"kept", Prctl.PR_GET_PDEATHSIG)
    result(b"bad pointer", syscall(prctl, Prctl.PR_GET_PDEATHSIG, UNMAPPED, 0, 0, 0))
    ready = Gate()
    done = Gate()
    ready.make()
    done.make()
    middle = fork()
    if middle == 0:
        own = syscall(numbers.getpid)
        told(b"a child's", Prctl.PR_GET_PDEATHSIG)
        if fork() == 0:
            syscall(prctl, Prctl.PR_SET_PDEATHSIG, Signal.SIGUSR1, 0, 0, 0)
            ready.open()
            heard(b"the parent has died", Signal.SIGUSR1)
            check(b"sent by it", i64(info[4]) == own)
            check(b"another parent", syscall(numbers.getppid) != own)
            done.open()
            leave(0)
        ready.wait()
        leave(0)
    syscall(numbers.wait4, middle, 0, 0, 0)
    done.wait()
    syscall(prctl, Prctl.PR_SET_PDEATHSIG, 0, 0, 0, 0)
    ready.close()
    done.close()


def subreapers() -> None:
    """PR_SET_CHILD_SUBREAPER."""
    prctl = numbers.prctl
    told(b"no subreaper", Prctl.PR_GET_CHILD_SUBREAPER)
    result(b"be one", syscall(prctl, Prctl.PR_SET_CHILD_SUBREAPER, 7, 0, 0, 0))
    told(b"a subreaper", Prctl.PR_GET_CHILD_SUBREAPER)
    pid = syscall(numbers.getpid)
    gate = Gate()
    gate.make()
    middle = fork()
    if middle == 0:
        told(b"not inherited", Prctl.PR_GET_CHILD_SUBREAPER)
        if fork() == 0:
            gate.wait()
            check(b"adopted", syscall(numbers.getppid) == pid)
            leave(5)
        leave(0)
    ended(b"middle", middle)
    gate.open()
    ended(b"adopted", -1)
    result(b"no longer", syscall(prctl, Prctl.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0))
    gate.close()


def say_file(path: bytes) -> None:
    """Prints a file."""
    fd = syscall(numbers.open, path.ptr, 0, 0)
    size = syscall(numbers.read, fd, room.ptr, 64)
    if size > 0:
        say(room[0:size])
    syscall(numbers.close, fd)


def renames(unused: u64) -> i64:
    """A thread that has a name of its own."""
    say_file(b"/proc/thread-self/comm\0")
    result(b"of the thread", syscall(numbers.prctl, Prctl.PR_SET_NAME, b"thread\0".ptr, 0, 0, 0))
    return 0


def names() -> None:
    """PR_SET_NAME, and what /proc says."""
    result(b"a name", syscall(numbers.prctl, Prctl.PR_SET_NAME, b"a name that is too long\0".ptr, 0, 0, 0))
    say_file(b"/proc/self/comm\0")
    child = fork()
    if child == 0:
        say_file(b"/proc/self/comm\0")
        result(b"another", syscall(numbers.prctl, Prctl.PR_SET_NAME, b"child\0".ptr, 0, 0, 0))
        say_file(b"/proc/self/comm\0")
        leave(0)
    ended(b"child", child)
    say_file(b"/proc/self/comm\0")
    spawn_in(0, renames, 0)
    join(0)
    say_file(b"/proc/self/comm\0")


def settings(label: bytes) -> None:
    """All that can be asked for."""
    prctl = numbers.prctl
    say(label)
    say(b"\n")
    result(b" dumpable", syscall(prctl, Prctl.PR_GET_DUMPABLE, 0, 0, 0, 0))
    result(b" keep capabilities", syscall(prctl, Prctl.PR_GET_KEEPCAPS, 0, 0, 0, 0))
    result(b" no new privileges", syscall(prctl, Prctl.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
    result(b" timer slack", syscall(prctl, Prctl.PR_GET_TIMERSLACK, 0, 0, 0, 0))
    result(b" no huge pages", syscall(prctl, Prctl.PR_GET_THP_DISABLE, 0, 0, 0, 0))
    result(b" seccomp", syscall(prctl, Prctl.PR_GET_SECCOMP, 0, 0, 0, 0))
    result(b" secure bits", syscall(prctl, Prctl.PR_GET_SECUREBITS, 0, 0, 0, 0))
    result(b" machine checks", syscall(prctl, Prctl.PR_MCE_KILL_GET, 0, 0, 0, 0))
    told(b" death signal", Prctl.PR_GET_PDEATHSIG)
    told(b" subreaper", Prctl.PR_GET_CHILD_SUBREAPER)
    told(b" time stamps", Prctl.PR_GET_TSC)
    result(b" personality", syscall(numbers.personality, 0xFFFFFFFF))
    result(b" ambient", syscall(prctl, Prctl.PR_CAP_AMBIENT, 1, 5, 0, 0))
    result(b" priority", syscall(numbers.getpriority, 0, 0))


def refusals() -> None:
    """What is not taken."""
    prctl = numbers.prctl
    result(b"dumpable 2", syscall(prctl, Prctl.PR_SET_DUMPABLE, 2, 0, 0, 0))
    result(b"keep capabilities 2", syscall(prctl, Prctl.PR_SET_KEEPCAPS, 2, 0, 0, 0))
    result(b"new privileges", syscall(prctl, Prctl.PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0))
    result(b"no new privileges, more", syscall(prctl, Prctl.PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0))
    result(b"secure bits", syscall(prctl, Prctl.PR_SET_SECUREBITS, 1, 0, 0, 0))
    result(b"drop from the bounding set", syscall(prctl, Prctl.PR_CAPBSET_DROP, 5, 0, 0, 0))
    result(b"of no capability", syscall(prctl, Prctl.PR_CAPBSET_READ, 64, 0, 0, 0))
    result(b"ambient, raise", syscall(prctl, Prctl.PR_CAP_AMBIENT, 2, 5, 0, 0))
    result(b"ambient, lower", syscall(prctl, Prctl.PR_CAP_AMBIENT, 3, 5, 0, 0))
    result(b"ambient, clear", syscall(prctl, Prctl.PR_CAP_AMBIENT, 4, 0, 0, 0))
    result(b"ambient, clear one", syscall(prctl, Prctl.PR_CAP_AMBIENT, 4, 1, 0, 0))
    result(b"ambient, what", syscall(prctl, Prctl.PR_CAP_AMBIENT, 9, 1, 0, 0))
    result(b"ambient, no capability", syscall(prctl, Prctl.PR_CAP_AMBIENT, 1, 64, 0, 0))
    result(b"timing", syscall(prctl, Prctl.PR_SET_TIMING, 1, 0, 0, 0))
    result(b"machine checks", syscall(prctl, Prctl.PR_MCE_KILL, 2, 0, 0, 0))
    result(b"machine checks, how", syscall(prctl, Prctl.PR_MCE_KILL, 1, 3, 0, 0))
    result(b"nothing", syscall(prctl, 0, 0, 0, 0, 0))
    result(b"much", syscall(prctl, 12345, 0, 0, 0, 0))


def inherited(name: ptr[u8]) -> None:
    """Everything is set; then a fork, then an exec."""
    prctl = numbers.prctl
    result(b"not dumpable", syscall(prctl, Prctl.PR_SET_DUMPABLE, 0, 0, 0, 0))
    result(b"keep capabilities", syscall(prctl, Prctl.PR_SET_KEEPCAPS, 1, 0, 0, 0))
    result(b"no new privileges", syscall(prctl, Prctl.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    result(b"timer slack", syscall(prctl, Prctl.PR_SET_TIMERSLACK, 70000, 0, 0, 0))
    result(b"no huge pages", syscall(prctl, Prctl.PR_SET_THP_DISABLE, 1, 0, 0, 0))
    result(b"machine checks", syscall(prctl, Prctl.PR_MCE_KILL, 1, 1, 0, 0))
    result(b"death signal", syscall(prctl, Prctl.PR_SET_PDEATHSIG, 10, 0, 0, 0))
    result(b"subreaper", syscall(prctl, Prctl.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
    result(b"personality", syscall(numbers.personality, 0x0440000))
    result(b"nice", syscall(numbers.setpriority, 0, 0, 5))
    settings(b"set")
    child = fork()
    if child == 0:
        settings(b"after a fork")
        leave(0)
    ended(b"child", child)
    words = array[u64, 3]()
    self = b"/proc/self/exe\0"
    words[0] = u64(self.ptr)
    words[1] = u64(name)
    result(b"exec", syscall(numbers.execve, self.ptr, words.ptr, addr(words[2])))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them, as somebody without privileges."""
    if argc > 1:
        settings(b"after an exec")
        say_file(b"/proc/self/comm\0")
        return 0
    if syscall(numbers.getuid) == 0:
        syscall(numbers.setgroups, 0, 0)
        syscall(numbers.setresgid, 1000, 1000, 1000)
        syscall(numbers.setresuid, 1000, 1000, 1000)
    syscall(numbers.prctl, Prctl.PR_SET_DUMPABLE, 1, 0, 0, 0)
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGUSR1))
    settings(b"at first")
    death_signals()
    subreapers()
    names()
    refusals()
    inherited(b"again\0".ptr)
    return 1
