"""seccomp: strict mode, filters and what they answer, who inherits them, what is no filter."""

from process_tools import child, ended, fork, leave, no_core
from say import check, result, say, say_hex, say_number
from signal_tools import install
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.seccomp import Seccomp, SeccompFlags, SeccompMode, SeccompReturn
from syscalls.flags.signals import Signal
from syscalls.flags.threads import Prctl

UNMAPPED = 0x10000
LOAD = 0x20
EQUAL = 0x15
RETURN = 0x06
program: array[u64, 64]
header: array[u64, 2]
length: i64
waiting: u32


def begin() -> None:
    """An empty program."""
    global length
    length = 0


def add(code: u64, if_true: u64, if_false: u64, constant: u64) -> None:
    """One instruction."""
    global length
    program[length] = code | if_true << 16 | if_false << 24 | constant << 32
    length += 1


def install_filter(flags: i64) -> i64:
    """seccomp(SECCOMP_SET_MODE_FILTER)."""
    header[0] = u64(length)
    header[1] = u64(program.ptr)
    return syscall(numbers.seccomp, Seccomp.SECCOMP_SET_MODE_FILTER, flags, header.ptr)


def refuse(number: i64, answer: i64) -> i64:
    """A filter that answers one call, and lets all others through."""
    begin()
    add(LOAD, 0, 0, 0)
    add(EQUAL, 0, 1, u64(number))
    add(RETURN, 0, 0, u64(answer))
    add(RETURN, 0, 0, SeccompReturn.SECCOMP_RET_ALLOW)
    return install_filter(0)


def allow_changes() -> None:
    """What a program has to give up first."""
    syscall(numbers.prctl, Prctl.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def checked(label: bytes) -> None:
    """Whether what was put together is a program."""
    pid = fork()
    if pid == 0:
        leave(-install_filter(0))
    ended(label, pid)


def programs() -> None:
    """What is none."""
    begin()
    checked(b"nothing")
    add(RETURN, 0, 0, SeccompReturn.SECCOMP_RET_ALLOW)
    checked(b"a return")
    add(LOAD, 0, 0, 0)
    checked(b"no return at the end")
    begin()
    add(LOAD, 0, 0, 64)
    add(RETURN, 0, 0, SeccompReturn.SECCOMP_RET_ALLOW)
    checked(b"behind the data")
    program[0] = LOAD | u64(2) << 32
    checked(b"half a word")
    program[0] = EQUAL | u64(1) << 16
    checked(b"a jump out")
    program[0] = 0x05 | u64(1) << 32
    checked(b"a long jump out")
    program[0] = 0x28
    checked(b"a short load")
    program[0] = 0x34
    checked(b"division by zero")
    program[0] = 0x34 | u64(3) << 32
    checked(b"division")
    program[0] = 0x94 | u64(3) << 32
    checked(b"a remainder")
    program[0] = 0x64 | u64(32) << 32
    checked(b"a shift too far")
    program[0] = 0x60 | u64(1) << 32
    checked(b"an empty cell")
    program[0] = 0x02 | u64(16) << 32
    checked(b"no cell")
    program[0] = 0x02 | u64(15) << 32
    checked(b"a cell")
    program[0] = 0xFF
    checked(b"no instruction")


def answers(_argument: u64) -> i64:
    """What filters answer."""
    result(b"errno", refuse(numbers.getppid, SeccompReturn.SECCOMP_RET_ERRNO | 13))
    result(b" answer", syscall(numbers.getppid))
    check(b" others", syscall(numbers.getpid) > 0)
    result(b"errno 0", refuse(numbers.getuid, SeccompReturn.SECCOMP_RET_ERRNO))
    result(b" answer", syscall(numbers.getuid))
    result(b"a large errno", refuse(numbers.getgid, SeccompReturn.SECCOMP_RET_ERRNO | 5000))
    result(b" answer", syscall(numbers.getgid))
    result(b"trace", refuse(numbers.geteuid, SeccompReturn.SECCOMP_RET_TRACE))
    result(b" answer", syscall(numbers.geteuid))
    result(b"log", refuse(numbers.getegid, SeccompReturn.SECCOMP_RET_LOG))
    check(b" answer", syscall(numbers.getegid) >= 0)
    result(b"the stricter one", refuse(numbers.getppid, SeccompReturn.SECCOMP_RET_TRACE))
    result(b" answer", syscall(numbers.getppid))
    result(b"the newer of two alike", refuse(numbers.getppid, SeccompReturn.SECCOMP_RET_ERRNO | 14))
    result(b" answer", syscall(numbers.getppid))
    result(b"mode", syscall(numbers.prctl, Prctl.PR_GET_SECCOMP, 0, 0, 0, 0))
    result(b"strict, too late", syscall(numbers.seccomp, Seccomp.SECCOMP_SET_MODE_STRICT, 0, 0))
    begin()
    add(LOAD, 0, 0, 0)
    add(EQUAL, 0, 5, numbers.lseek)
    add(LOAD, 0, 0, 24)
    add(0x54, 0, 0, 0xF0)
    add(0x74, 0, 0, 4)
    add(0x44, 0, 0, SeccompReturn.SECCOMP_RET_ERRNO)
    add(0x16, 0, 0, 0)
    add(RETURN, 0, 0, SeccompReturn.SECCOMP_RET_ALLOW)
    result(b"by an argument", install_filter(0))
    result(b" answer", syscall(numbers.lseek, 0, 0x50, 0))
    result(b" answer", syscall(numbers.lseek, 0, 0xD0, 0))
    pid = fork()
    if pid == 0:
        leave(-syscall(numbers.getppid))
    ended(b"inherited", pid)
    spawn_in(0, in_thread, 0)
    join(0)
    return 0


def in_thread(_argument: u64) -> i64:
    """A thread has its maker's."""
    result(b"in a thread", syscall(numbers.getppid))
    return 0


def trapped(signal: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """SIGSYS: what it says."""
    result(b" signal", signal)
    result(b" errno", info[1])
    result(b" code", info[2])
    words = ptr[u64](info)
    check(b" place", words[2] == context[5 + 16])
    result(b" call", info[6])
    say_hex(u32(info[7]))
    say(b"\n")
    result(b" rax", i64(context[5 + 13]))
    context[5 + 13] = 4711


def traps(_argument: u64) -> i64:
    """SECCOMP_RET_TRAP with a handler."""
    install(Signal.SIGSYS, trapped, 4, 0)
    result(b"trap", refuse(numbers.getppid, SeccompReturn.SECCOMP_RET_TRAP | 99))
    result(b" answer", syscall(numbers.getppid))
    return 0


def dies(how: u64) -> i64:
    """What ends a process."""
    no_core()
    refuse(numbers.getppid, i64(how))
    syscall(numbers.getppid)
    return 1


def dies_blocked(_argument: u64) -> i64:
    """A trap whose signal is blocked."""
    no_core()
    install(Signal.SIGSYS, trapped, 4, 0)
    mask = u64(1) << 30
    syscall(numbers.rt_sigprocmask, 0, addr(mask), 0, 8)
    refuse(numbers.getppid, SeccompReturn.SECCOMP_RET_TRAP)
    syscall(numbers.getppid)
    return 1


def killed_thread(_argument: u64) -> i64:
    """A thread that may not ask."""
    refuse(numbers.getppid, SeccompReturn.SECCOMP_RET_KILL_THREAD)
    syscall(numbers.getppid)
    say(b"NOT REACHED\n")
    return 0


def loses_a_thread(_argument: u64) -> i64:
    """Only the thread ends."""
    spawn_in(0, killed_thread, 0)
    join(0)
    check(b"goes on", syscall(numbers.getppid) > 0)
    return 5


def strict(_argument: u64) -> i64:
    """read, write, exit are left."""
    result(b"strict", syscall(numbers.prctl, Prctl.PR_SET_SECCOMP, SeccompMode.SECCOMP_MODE_STRICT, 0, 0, 0))
    say(b"writes\n")
    syscall(numbers.exit, 6)
    return 0


def strict_dies(_argument: u64) -> i64:
    """And nothing else."""
    result(b"strict", syscall(numbers.seccomp, Seccomp.SECCOMP_SET_MODE_STRICT, 0, 0))
    syscall(numbers.getpid)
    return 1


def sleeper(_argument: u64) -> i64:
    """A thread that gets a filter from another."""
    while waiting == 0:
        syscall(numbers.sched_yield)
    result(b" in another thread", syscall(numbers.getppid))
    return 0


def synchronised(_argument: u64) -> i64:
    """SECCOMP_FILTER_FLAG_TSYNC."""
    global waiting
    spawn_in(1, sleeper, 0)
    begin()
    add(LOAD, 0, 0, 0)
    add(EQUAL, 0, 1, numbers.getppid)
    add(RETURN, 0, 0, SeccompReturn.SECCOMP_RET_ERRNO | 7)
    add(RETURN, 0, 0, SeccompReturn.SECCOMP_RET_ALLOW)
    result(b"for all threads", install_filter(SeccompFlags.SECCOMP_FILTER_FLAG_TSYNC))
    waiting = 1
    join(1)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    call = numbers.seccomp
    result(b"mode", syscall(numbers.prctl, Prctl.PR_GET_SECCOMP, 0, 0, 0, 0))
    result(b"unknown", syscall(call, 9, 0, 0))
    result(b"strict, flags", syscall(call, Seccomp.SECCOMP_SET_MODE_STRICT, 1, 0))
    result(b"strict, arguments", syscall(call, Seccomp.SECCOMP_SET_MODE_STRICT, 0, header.ptr))
    result(b"filter, flags", syscall(call, Seccomp.SECCOMP_SET_MODE_FILTER, 64, header.ptr))
    result(b"filter, unmapped", syscall(call, Seccomp.SECCOMP_SET_MODE_FILTER, 0, UNMAPPED))
    word = array[u32, 2]([SeccompReturn.SECCOMP_RET_TRAP, 0])
    result(b"available", syscall(call, Seccomp.SECCOMP_GET_ACTION_AVAIL, 0, word.ptr))
    word[0] = SeccompReturn.SECCOMP_RET_KILL_PROCESS
    result(b"available", syscall(call, Seccomp.SECCOMP_GET_ACTION_AVAIL, 0, word.ptr))
    word[0] = 0x12340000
    result(b"not available", syscall(call, Seccomp.SECCOMP_GET_ACTION_AVAIL, 0, word.ptr))
    result(b"available, unmapped", syscall(call, Seccomp.SECCOMP_GET_ACTION_AVAIL, 0, UNMAPPED))
    result(b"available, flags", syscall(call, Seccomp.SECCOMP_GET_ACTION_AVAIL, 1, word.ptr))
    result(b"sizes", syscall(call, Seccomp.SECCOMP_GET_NOTIF_SIZES, 0, word.ptr))
    say_number(word[0] & 0xFFFF)
    say(b" ")
    say_number(word[0] >> 16)
    say(b" ")
    say_number(word[1])
    say(b"\n")
    result(b"prctl, mode", syscall(numbers.prctl, Prctl.PR_SET_SECCOMP, 3, 0, 0, 0))
    allow_changes()
    programs()
    ended(b"answers", child(answers, 0))
    ended(b"traps", child(traps, 0))
    ended(b"trap without a handler", child(dies, SeccompReturn.SECCOMP_RET_TRAP))
    ended(b"trap that is blocked", child(dies_blocked, 0))
    ended(b"kill the process", child(dies, SeccompReturn.SECCOMP_RET_KILL_PROCESS))
    ended(b"kill the only thread", child(dies, SeccompReturn.SECCOMP_RET_KILL_THREAD))
    ended(b"an unknown action", child(dies, 0x00010000))
    ended(b"kill a thread", child(loses_a_thread, 0))
    ended(b"strict", child(strict, 0))
    ended(b"strict, and more", child(strict_dies, 0))
    ended(b"synchronised", child(synchronised, 0))
    result(b"mode", syscall(numbers.prctl, Prctl.PR_GET_SECCOMP, 0, 0, 0, 0))
    return 0
