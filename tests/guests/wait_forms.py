"""wait4 and waitid in all their forms: whom they wait for, what they report, and how they refuse."""

from process_tools import (
    P_ALL,
    P_PGID,
    P_PID,
    WALL,
    WCLONE,
    WCONTINUED,
    WEXITED,
    WNOHANG,
    WNOTHREAD,
    WNOWAIT,
    WSTOPPED,
    WUNTRACED,
    child,
    ended,
    fork,
    getpid,
    hear,
    in_session,
    kill,
    leave,
    nap,
    no_core,
    pipe,
    say_status,
    set_action,
    status,
    tell,
    waited,
)
from say import check, result, say, say_number

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import Signal

ends: array[i32, 2]


def exits(code: u64) -> i64:
    """exit_group with any code."""
    return i64(code)


def exits_alone(code: u64) -> i64:
    """exit of the only thread."""
    syscall(numbers.exit, code)
    return 0


def dies(number: u64) -> i64:
    """By a signal."""
    set_action(i64(number), 0, 0)
    kill(getpid(), i64(number))
    return 0


def faults(way: u64) -> i64:
    """By a fault of the processor."""
    if way == 0:
        ptr[u8](u64(8))[0] = 1
    return 1 // i64(way - 1)


def words() -> None:
    """Status words: codes are cut to a byte, signals say so."""
    ended(b"exit 0", child(exits, 0))
    ended(b"exit 255", child(exits, 255))
    ended(b"exit 256", child(exits, 256))
    ended(b"exit -1", child(exits, ~u64(0)))
    ended(b"exit 0x1234", child(exits, 0x1234))
    ended(b"exit of the thread", child(exits_alone, 77))
    for number in range(1, 32):
        if number != 17 and number != 18 and number != 23 and number != 28 and not (19 <= number <= 22):
            say_number(number)
            ended(b"", child(dies, u64(number)))
    ended(b"real-time", child(dies, 34))
    ended(b"real-time", child(dies, 64))
    ended(b"SIGCHLD", child(dies, 17))
    ended(b"SIGURG", child(dies, 23))
    ended(b"SIGWINCH", child(dies, 28))
    ended(b"SIGCONT", child(dies, 18))
    ended(b"null pointer", child(faults, 0))


def listens(code: u64) -> i64:
    """Until told."""
    hear(i64(ends[0]))
    return i64(code)


def who() -> None:
    """pid > 0, -1, 0, below -1."""
    me = getpid()
    one = child(exits, 1)
    waited(b"one pid", one, 0, one)
    waited(b"again", one, 0, one)
    waited(b"nobody", -1, 0, 0)
    one = child(exits, 2)
    waited(b"any", -1, 0, one)
    one = child(exits, 3)
    waited(b"of my group", 0, 0, one)
    one = child(exits, 4)
    waited(b"of a group by number", -syscall(numbers.getpgid, 0), 0, one)
    one = child(listens, 5)
    syscall(numbers.setpgid, one, one)
    waited(b"none of my group any more", 0, WNOHANG, one)
    waited(b"of its group, not yet", -one, WNOHANG, one)
    waited(b"any, not yet", -1, WNOHANG, one)
    tell(i64(ends[1]))
    waited(b"of its group", -one, 0, one)
    waited(b"not my child: me", me, 0, me)
    waited(b"not my child: the parent", syscall(numbers.getppid), 0, 0)
    waited(b"no such process", 0x3FFFFFFF, 0, 0)
    waited(b"the least number", -0x80000000, 0, 0)


def refuses() -> None:
    """EINVAL, EFAULT, ECHILD."""
    one = child(listens, 6)
    word = i32(-1)
    result(b"unknown option", syscall(numbers.wait4, one, addr(word), 0x10, 0))
    result(b"WEXITED is no option of wait4", syscall(numbers.wait4, one, addr(word), WEXITED, 0))
    result(b"WNOWAIT neither", syscall(numbers.wait4, one, addr(word), WNOWAIT, 0))
    result(b"bad pointer, but nothing to tell", syscall(numbers.wait4, one, 8, WNOHANG, 0))
    info = array[i32, 32]()
    result(b"waitid without a state", syscall(numbers.waitid, P_PID, one, info.ptr, 0, 0))
    result(b"WNOHANG alone", syscall(numbers.waitid, P_PID, one, info.ptr, WNOHANG, 0))
    result(b"unknown option", syscall(numbers.waitid, P_PID, one, info.ptr, WEXITED | 0x10, 0))
    result(b"unknown kind", syscall(numbers.waitid, 4, one, info.ptr, WEXITED, 0))
    result(b"P_PID 0", syscall(numbers.waitid, P_PID, 0, info.ptr, WEXITED, 0))
    result(b"P_PID -1", syscall(numbers.waitid, P_PID, -1, info.ptr, WEXITED, 0))
    result(b"P_PGID -1", syscall(numbers.waitid, P_PGID, -1, info.ptr, WEXITED, 0))
    result(b"P_PID of nobody", syscall(numbers.waitid, P_PID, 0x3FFFFFFF, info.ptr, WEXITED, 0))
    result(b"P_PGID of nobody", syscall(numbers.waitid, P_PGID, 0x3FFFFFFF, info.ptr, WEXITED, 0))
    result(b"P_PIDFD -1", syscall(numbers.waitid, 3, -1, info.ptr, WEXITED, 0))
    result(b"P_PIDFD of no descriptor", syscall(numbers.waitid, 3, 99, info.ptr, WEXITED, 0))
    result(b"P_PIDFD of a pipe", syscall(numbers.waitid, 3, ends[0], info.ptr, WEXITED, 0))
    info[0] = 5
    info[4] = 5
    result(b"WNOHANG, nothing yet", syscall(numbers.waitid, P_ALL, 0, info.ptr, WEXITED | WNOHANG, 0))
    check(b"zeros", info[0] == 0 and info[4] == 0)
    result(b"bad pointer, nothing yet", syscall(numbers.waitid, P_ALL, 0, 8, WEXITED | WNOHANG, 0))
    tell(i64(ends[1]))
    result(b"looked at", syscall(numbers.waitid, P_PID, one, info.ptr, WEXITED | WNOWAIT, 0))
    result(b"waitid into a bad pointer", syscall(numbers.waitid, P_PID, one, 8, WEXITED, 0))
    result(b"it is gone all the same", syscall(numbers.wait4, one, 0, 0, 0))
    one = child(exits, 7)
    result(b"wait4 into a bad pointer", syscall(numbers.wait4, one, 8, 0, 0))
    result(b"it is gone all the same", syscall(numbers.wait4, one, 0, 0, 0))
    one = child(exits, 7)
    result(b"bad rusage", syscall(numbers.wait4, one, addr(word), 0, 8))
    result(b"it is gone all the same", syscall(numbers.wait4, one, 0, 0, 0))
    one = child(exits, 8)
    result(b"no pointers at all", i64(syscall(numbers.wait4, one, 0, 0, 0) == one))
    one = child(exits, 8)
    result(b"none for waitid", syscall(numbers.waitid, P_PID, one, 0, WEXITED, 0))
    result(b"ECHILD by waitid", syscall(numbers.waitid, P_ALL, 0, info.ptr, WEXITED, 0))


def says(label: bytes, value: i64, info: ptr[i32], pid: i64) -> None:
    """A result of waitid with its siginfo."""
    result(label, value)
    say(b"  signo ")
    say_number(i64(info[0]))
    say(b" errno ")
    say_number(i64(info[1]))
    say(b" code ")
    say_number(i64(info[2]))
    say(b" status ")
    say_number(i64(info[6]))
    if i64(info[4]) == pid:
        say(b" of the child")
    if info[2] != 0 and i64(info[5]) == syscall(numbers.getuid):
        say(b" of my user")
    say(b"\n")


def infos() -> None:
    """What waitid stores: exited, killed, dumped, stopped, continued; WNOWAIT leaves it to be seen again."""
    info = array[i32, 32]()
    one = child(exits, 0x1F7)
    says(
        b"exited, looked at",
        syscall(numbers.waitid, P_PID, one, info.ptr, WEXITED | WNOWAIT, 0),
        info.ptr,
        one,
    )
    says(b"exited", syscall(numbers.waitid, P_PID, one, info.ptr, WEXITED, 0), info.ptr, one)
    one = child(dies, 15)
    says(b"killed", syscall(numbers.waitid, P_ALL, 0, info.ptr, WEXITED, 0), info.ptr, one)
    one = child(dies, 6)
    says(b"aborted", syscall(numbers.waitid, P_PGID, 0, info.ptr, WEXITED, 0), info.ptr, one)
    one = child(listens, 1)
    kill(one, Signal.SIGSTOP)
    says(
        b"stopped, looked at",
        syscall(numbers.waitid, P_PID, one, info.ptr, WSTOPPED | WNOWAIT, 0),
        info.ptr,
        one,
    )
    says(b"stopped", syscall(numbers.waitid, P_PID, one, info.ptr, WSTOPPED | WEXITED, 0), info.ptr, one)
    says(b"only once", syscall(numbers.waitid, P_PID, one, info.ptr, WSTOPPED | WNOHANG, 0), info.ptr, 0)
    kill(one, Signal.SIGCONT)
    says(
        b"continued, looked at",
        syscall(numbers.waitid, P_PID, one, info.ptr, WCONTINUED | WNOWAIT, 0),
        info.ptr,
        one,
    )
    says(b"continued", syscall(numbers.waitid, P_PID, one, info.ptr, WCONTINUED, 0), info.ptr, one)
    says(b"only once", syscall(numbers.waitid, P_PID, one, info.ptr, WCONTINUED | WNOHANG, 0), info.ptr, 0)
    kill(one, Signal.SIGSTOP)
    waited(b"wait4 of a stopped one", one, WUNTRACED, one)
    kill(one, Signal.SIGCONT)
    waited(b"wait4 of a continued one", one, WCONTINUED, one)
    kill(one, Signal.SIGKILL)
    says(
        b"killed",
        syscall(numbers.waitid, P_PID, one, info.ptr, WEXITED | WSTOPPED | WCONTINUED, 0),
        info.ptr,
        one,
    )


def unseen() -> None:
    """States that were not asked for in time are lost, or wait."""
    one = child(listens, 1)
    kill(one, Signal.SIGSTOP)
    nap(20)
    waited(b"stopped, not asked for", one, WNOHANG, one)
    waited(b"asked for continued", one, WNOHANG | WCONTINUED, one)
    kill(one, Signal.SIGCONT)
    nap(20)
    waited(b"stopped, too late", one, WNOHANG | WUNTRACED, one)
    waited(b"continued", one, WNOHANG | WCONTINUED, one)
    kill(one, Signal.SIGCONT)
    nap(20)
    waited(b"continued while it ran", one, WNOHANG | WCONTINUED, one)
    kill(one, Signal.SIGSTOP)
    nap(20)
    kill(one, Signal.SIGKILL)
    waited(b"stopped, then killed", one, WUNTRACED, one)


def several() -> None:
    """Of several, each once."""
    first = child(exits, 1)
    second = child(exits, 2)
    third = child(exits, 3)
    waited(b"the third", third, 0, third)
    waited(b"the first", first, WALL | WNOTHREAD, first)
    waited(b"the second", -1, 0, second)
    waited(b"nobody", -1, WNOHANG, 0)
    waited(b"nobody of clone", -1, WCLONE, 0)
    mask = u32(0)
    for code in range(20):
        child(exits, u64(code))
    for _ in range(20):
        word = i32(0)
        syscall(numbers.wait4, -1, addr(word), 0, 0)
        mask |= u32(1) << u32(word >> 8)
    check(b"twenty, each once", mask == 0xFFFFF)
    result(b"nobody is left", syscall(numbers.wait4, -1, 0, 0, 0))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it, in a group of its own."""
    no_core()
    pipe(ends.ptr)
    status(b"all", in_session(all_of_it, 0))
    return 0


def all_of_it(unused: u64) -> i64:
    """Every part."""
    words()
    who()
    refuses()
    infos()
    unseen()
    several()
    pid = fork()
    if pid == 0:
        leave(0)
    say(b"last: ")
    say_status(0 if pid > 0 else 1)
    ended(b"child", pid)
    return 0
