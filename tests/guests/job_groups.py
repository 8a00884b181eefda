"""Job control without a terminal: orphaned groups with stopped members, stop signals in orphaned groups, stops that parents hear of."""

from process_tools import (
    WNOHANG,
    WUNTRACED,
    await_continue,
    await_stop,
    child,
    ended,
    finish,
    fork,
    getpid,
    getppid,
    hear,
    in_session,
    kill,
    leave,
    no_core,
    pipe,
    set_action,
    shared,
    status,
    tell,
    waited,
)
from say import check, result, say
from signal_tools import install

from guest.lang import array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, Signal
from syscalls.flags.threads import Prctl

ends: array[i32, 2]
other: array[i32, 2]
page: u64


def note(index: i64, value: i64) -> None:
    """Keep a number where every process sees it."""
    ptr[i64](page)[index] = value


def noted(index: i64) -> i64:
    """What was kept."""
    return ptr[i64](page)[index]


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Counts by number, keeps the sender and the order."""
    note(number, noted(number) + 1)
    note(100 + number, i64(info[4]))
    note(200 + number, i64(info[2]))
    note(99, noted(99) * 100 + number)


def listens(code: u64) -> i64:
    """Until told."""
    tell(i64(other[1]))
    hear(i64(ends[0]))
    return i64(code)


def in_an_orphaned_group(unused: u64) -> i64:
    """The leader of a new session: its group is orphaned, for its parent is in another session."""
    me = getpid()
    for number in range(Signal.SIGTSTP, Signal.SIGTTOU + 1):
        result(b"a stop signal for an orphaned group", kill(me, number))
    say(b"has not stopped\n")
    result(b"SIGSTOP", kill(me, Signal.SIGSTOP))
    say(b"SIGSTOP did, and SIGCONT came\n")
    return 1


def orphaned_and_stop_signals() -> None:
    """Only SIGSTOP stops a member of an orphaned group."""
    one = fork()
    if one == 0:
        syscall(numbers.setsid)
        leave(in_an_orphaned_group(0))
    await_stop(b"the leader", one)
    kill(one, Signal.SIGCONT)
    ended(b"the leader", one)


def stopped_member(unused: u64) -> i64:
    """Handles SIGHUP and SIGCONT, stops itself."""
    install(Signal.SIGHUP, notes, SigAction.SA_SIGINFO, 0)
    install(Signal.SIGCONT, notes, SigAction.SA_SIGINFO, 0)
    kill(getpid(), Signal.SIGSTOP)
    while noted(Signal.SIGHUP) == 0 or noted(Signal.SIGCONT) == 0:
        syscall(numbers.sched_yield)
    hear(i64(ends[0]))
    check(b"its parent has gone", getppid() != noted(50))
    result(b"SIGHUP", noted(Signal.SIGHUP))
    result(b"SIGCONT", noted(Signal.SIGCONT))
    result(b"si_code of SIGHUP", noted(200 + Signal.SIGHUP))
    check(b"si_pid of SIGHUP", noted(100 + Signal.SIGHUP) == 0)
    return 2


def plain_member(unused: u64) -> i64:
    """Runs; gets the two signals as well, because another one of the group is stopped."""
    install(Signal.SIGHUP, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    tell(i64(other[1]))
    hear(i64(ends[0]))
    return 3


def shell(both: u64) -> i64:
    """The parent that makes the group, and ends: with that the group is orphaned."""
    note(50, getpid())
    one = child(stopped_member, 0)
    syscall(numbers.setpgid, one, one)
    waited(b"stopped", one, WUNTRACED, one)
    note(51, one)
    if both == 1:
        two = child(plain_member, 0)
        syscall(numbers.setpgid, two, one)
        note(52, two)
        hear(i64(other[0]))
    return 4


def dies_of_it(unused: u64) -> i64:
    """Without a handler SIGHUP ends it."""
    kill(getpid(), Signal.SIGSTOP)
    return 5


def another_shell(unused: u64) -> i64:
    """Leaves two: one stopped, one that runs and ignores SIGHUP."""
    one = child(dies_of_it, 0)
    syscall(numbers.setpgid, one, one)
    waited(b"stopped", one, WUNTRACED, one)
    note(51, one)
    set_action(Signal.SIGHUP, 1, 0)
    two = child(listens, 6)
    syscall(numbers.setpgid, two, one)
    hear(i64(other[0]))
    note(52, two)
    return 4


def a_third_shell(unused: u64) -> i64:
    """Nobody is stopped: nothing is sent."""
    one = child(listens, 7)
    syscall(numbers.setpgid, one, one)
    hear(i64(other[0]))
    note(51, one)
    return 4


def whole_groups() -> None:
    """Stop and continue a group of three by one signal."""
    first = child(listens, 1)
    syscall(numbers.setpgid, first, first)
    hear(i64(other[0]))
    second = child(listens, 2)
    syscall(numbers.setpgid, second, first)
    hear(i64(other[0]))
    third = child(listens, 3)
    syscall(numbers.setpgid, third, first)
    hear(i64(other[0]))
    result(b"SIGTSTP to the group", kill(-first, Signal.SIGTSTP))
    await_stop(b"first", first)
    await_stop(b"second", second)
    await_stop(b"third", third)
    result(b"SIGCONT to the group", kill(-first, Signal.SIGCONT))
    await_continue(b"first", first)
    await_continue(b"second", second)
    await_continue(b"third", third)
    finish(b"the leader", first)
    result(b"the group is there without its leader", kill(-first, 0))
    result(b"SIGTERM to what is left", kill(-first, Signal.SIGTERM))
    ended(b"second", second)
    ended(b"third", third)
    result(b"the group has gone", kill(-first, 0))
    result(b"kill(-gone, SIGTERM)", kill(-first, Signal.SIGTERM))
    result(b"a signal that is none", kill(-first, 65))


def all_of_it(unused: u64) -> i64:
    """What needs one session only."""
    orphaned_and_stop_signals()
    whole_groups()
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """In a session of its own; the shells in others."""
    global page
    page = shared(4096)
    no_core()
    pipe(ends.ptr)
    pipe(other.ptr)
    status(b"all", in_session(all_of_it, 0))
    syscall(numbers.prctl, Prctl.PR_SET_CHILD_SUBREAPER, 1)
    becomes_orphaned_in_a_session()
    return 0


def becomes_orphaned_in_a_session() -> None:
    """The shell is the leader's only link; this process, outside of the session, adopts what it leaves."""
    for i in range(300):
        note(i, 0)
    status(b"the shell", in_session(shell, 0))
    tell(i64(ends[1]))
    ended(b"the member", noted(51))
    for i in range(300):
        note(i, 0)
    status(b"the shell", in_session(shell, 1))
    while noted(Signal.SIGHUP) < 2:
        syscall(numbers.sched_yield)
    tell(i64(ends[1]))
    tell(i64(ends[1]))
    ended(b"the member", noted(51))
    ended(b"the other member", noted(52))
    status(b"the shell", in_session(another_shell, 0))
    ended(b"the stopped member", noted(51))
    waited(b"the one that ignores it", noted(52), WNOHANG, noted(52))
    tell(i64(ends[1]))
    ended(b"the one that ignores it", noted(52))
    status(b"the shell", in_session(a_third_shell, 0))
    tell(i64(ends[1]))
    ended(b"the member, not stopped", noted(51))
