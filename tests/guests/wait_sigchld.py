"""SIGCHLD: what its siginfo tells, SA_NOCLDSTOP, SA_NOCLDWAIT, and children that nobody wants to hear of."""

from process_tools import (
    WALL,
    WCONTINUED,
    WNOHANG,
    WUNTRACED,
    await_continue,
    await_stop,
    child,
    ended,
    fork,
    getpid,
    hear,
    in_session,
    kill,
    leave,
    no_core,
    pending,
    pipe,
    set_action,
    status,
    tell,
    waited,
)
from say import check, result, say, say_number
from signal_tools import bit, install, mask_of

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal

ends: array[i32, 2]
calls: i64
seen: array[i32, 32]


@struct
class Time:
    """struct timespec."""

    seconds: i64
    nanoseconds: i64


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Keeps the siginfo."""
    global calls
    calls += 1
    for i in range(32):
        seen[i] = info[i]


def tells(label: bytes, pid: i64) -> None:
    """The last SIGCHLD. A wait may see a stop or a continuation a little before the signal comes."""
    global calls
    while calls == 0:
        syscall(numbers.sched_yield)
    say(label)
    say(b": handlers ")
    say_number(calls)
    say(b" signo ")
    say_number(i64(seen[0]))
    say(b" errno ")
    say_number(i64(seen[1]))
    say(b" code ")
    say_number(i64(seen[2]))
    say(b" status ")
    say_number(i64(seen[6]))
    say(b" of the child\n" if i64(seen[4]) == pid else b" of ANOTHER\n")
    if i64(seen[5]) != syscall(numbers.getuid):
        say(b"  of ANOTHER user\n")
    calls = 0


def exits(code: u64) -> i64:
    """Code."""
    return i64(code)


def dies(number: u64) -> i64:
    """By a signal."""
    kill(getpid(), i64(number))
    return 0


def listens(code: u64) -> i64:
    """Until told."""
    while hear(i64(ends[0])) != 1:
        pass
    return i64(code)


def handled() -> None:
    """To a handler."""
    install(Signal.SIGCHLD, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    one = child(exits, 0x305)
    ended(b"child", one)
    tells(b"exited", one)
    one = child(dies, 9)
    ended(b"child", one)
    tells(b"killed", one)
    one = child(dies, 6)
    ended(b"child", one)
    tells(b"aborted", one)
    one = child(listens, 2)
    kill(one, Signal.SIGSTOP)
    await_stop(b"child", one)
    tells(b"stopped", one)
    kill(one, Signal.SIGCONT)
    await_continue(b"child", one)
    tells(b"continued", one)
    install(Signal.SIGCHLD, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART | SigAction.SA_NOCLDSTOP, 0)
    kill(one, Signal.SIGSTOP)
    await_stop(b"child", one)
    kill(one, Signal.SIGCONT)
    await_continue(b"child", one)
    result(b"handlers with SA_NOCLDSTOP", calls)
    tell(i64(ends[1]))
    ended(b"child", one)
    tells(b"exited", one)


def merged() -> None:
    """Standard signals do not queue: of two ends while it is blocked one is told, and both children are there."""
    install(Signal.SIGCHLD, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGCHLD))
    first = child(exits, 1)
    info = array[i32, 32]()
    syscall(numbers.waitid, 1, first, info.ptr, 4 | 0x01000000, 0)
    check(b"pending", pending() == bit(Signal.SIGCHLD))
    second = child(exits, 2)
    syscall(numbers.waitid, 1, second, info.ptr, 4 | 0x01000000, 0)
    mask_of(SigMask.SIG_SETMASK, 0)
    tells(b"the first of both", first)
    ended(b"first", first)
    ended(b"second", second)


def taken() -> None:
    """By sigtimedwait and signalfd."""
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGCHLD))
    wanted = bit(Signal.SIGCHLD)
    one = child(exits, 3)
    result(b"sigtimedwait", syscall(numbers.rt_sigtimedwait, addr(wanted), seen.ptr, 0, 8))
    check(b"about it", i64(seen[4]) == one and seen[2] == 1 and seen[6] == 3)
    ended(b"child", one)
    fd = syscall(numbers.signalfd4, -1, addr(wanted), 8, 0)
    room = array[i32, 32]()
    one = child(dies, 15)
    result(b"signalfd", syscall(numbers.read, fd, room.ptr, 128))
    check(b"about the child", i64(room[3]) == one and room[0] == 17 and room[2] == 2 and room[10] == 15)
    ended(b"child", one)
    mask_of(SigMask.SIG_SETMASK, 0)


def unwanted() -> None:
    """SIG_IGN: no zombies; a wait blocks until all have ended, then ECHILD. The same with SA_NOCLDWAIT, with the signal."""
    global calls
    calls = 0
    set_action(Signal.SIGCHLD, 1, 0)
    one = child(listens, 1)
    waited(b"ignored: not yet", one, WNOHANG, one)
    tell(i64(ends[1]))
    waited(b"ignored: a wait for it", one, 0, one)
    result(b"no such process", kill(one, 0))
    one = child(listens, 1)
    two = child(listens, 2)
    tell(i64(ends[1]))
    tell(i64(ends[1]))
    waited(b"ignored: a wait for any", -1, 0, one)
    check(b"both have gone", kill(one, 0) == -3 and kill(two, 0) == -3)
    install(Signal.SIGCHLD, notes, SigAction.SA_SIGINFO | SigAction.SA_NOCLDWAIT, 0)
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGCHLD))
    one = child(exits, 9)
    waited(b"SA_NOCLDWAIT: a wait for it", one, 0, one)
    mask_of(SigMask.SIG_SETMASK, 0)
    tells(b"SA_NOCLDWAIT: the signal", one)
    one = child(listens, 1)
    kill(one, Signal.SIGSTOP)
    waited(b"it stops", one, WUNTRACED, one)
    kill(one, Signal.SIGCONT)
    waited(b"it goes on", one, WCONTINUED, one)
    tell(i64(ends[1]))
    waited(b"and ends", one, 0, one)
    set_action(Signal.SIGCHLD, 1, 0)
    one = syscall(numbers.clone, Signal.SIGUSR1 | 0, 0, 0, 0, 0)
    if one == 0:
        leave(4)
    set_action(Signal.SIGUSR1, 1, 0)
    waited(b"one that sends SIGUSR1 is waited for", one, WALL, one)
    one = child(listens, 1)
    set_action(Signal.SIGCHLD, 0, 0)
    tell(i64(ends[1]))
    waited(b"default again before the end", one, 0, one)
    one = child(exits, 5)
    info = array[i32, 32]()
    syscall(numbers.waitid, 1, one, info.ptr, 4 | 0x01000000, 0)
    set_action(Signal.SIGCHLD, 1, 0)
    waited(b"ignored after the end", one, 0, one)


def inherited() -> None:
    """A forked child ignores it, too."""
    set_action(Signal.SIGCHLD, 1, 0)
    ends_of = array[i32, 2]()
    pipe(ends_of.ptr)
    pid = fork()
    if pid == 0:
        one = child(exits, 5)
        waited(b"in the child", one, 0, one)
        leave(0)
    waited(b"the child", pid, 0, pid)


def all_of_it(unused: u64) -> i64:
    """Every part."""
    handled()
    merged()
    taken()
    unwanted()
    inherited()
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """In a group of its own."""
    no_core()
    pipe(ends.ptr)
    status(b"all", in_session(all_of_it, 0))
    return 0
