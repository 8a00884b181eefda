"""Stopping and going on: default actions, blocked and handled SIGCONT, SIGKILL of the stopped, threads, what is lost."""

from process_tools import (
    WCONTINUED,
    WNOHANG,
    WUNTRACED,
    await_continue,
    await_stop,
    child,
    ended,
    finish,
    getpid,
    getppid,
    hear,
    in_session,
    kill,
    nap,
    no_core,
    pending,
    pipe,
    set_action,
    shared,
    status,
    tell,
    waited,
)
from say import check, result, say
from signal_tools import bit, install, mask_of
from spawn import spawn_in

from guest.lang import array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal

ends: array[i32, 2]
other: array[i32, 2]
page: u64
calls: i64


def note(index: i64, value: i64) -> None:
    """Keep a number where every process sees it."""
    ptr[i64](page)[index] = value


def noted(index: i64) -> i64:
    """What was kept."""
    return ptr[i64](page)[index]


def group() -> None:
    """A group of its own in this session: not orphaned, its parent is outside of it."""
    syscall(numbers.setpgid, 0, 0)


def listens(code: u64) -> i64:
    """Until told."""
    group()
    tell(i64(other[1]))
    hear(i64(ends[0]))
    return i64(code)


def started(code: u64) -> i64:
    """A child that is in its group and about to listen."""
    pid = child(listens, code)
    hear(i64(other[0]))
    return pid


def defaults() -> None:
    """Each of the four stops; SIGCONT goes on."""
    for number in range(Signal.SIGSTOP, Signal.SIGTTOU + 1):
        one = started(3)
        kill(one, number)
        await_stop(b"default", one)
        check(b"it is there", kill(one, 0) == 0)
        kill(one, Signal.SIGCONT)
        await_continue(b"SIGCONT", one)
        tell(i64(ends[1]))
        ended(b"and ends", one)
    one = started(4)
    kill(one, Signal.SIGCONT)
    tell(i64(ends[1]))
    ended(b"SIGCONT of one that runs", one)


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that keeps count by number."""
    global calls
    calls += 1
    note(number, noted(number) + 1)


def handles(unused: u64) -> i64:
    """SIGCONT and SIGTSTP handled."""
    group()
    install(Signal.SIGCONT, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    install(Signal.SIGTSTP, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    set_action(Signal.SIGTTIN, 1, 0)
    result(b"SIGSTOP cannot be handled", set_action(Signal.SIGSTOP, 1, 0))
    result(b"SIGKILL cannot be handled", set_action(Signal.SIGKILL, 1, 0))
    tell(i64(other[1]))
    hear(i64(ends[0]))
    result(b"SIGTSTP handled", noted(Signal.SIGTSTP))
    result(b"SIGCONT handled", noted(Signal.SIGCONT))
    return 1


def handled() -> None:
    """Handlers instead of stopping; SIGCONT goes on all the same, then the handler."""
    note(Signal.SIGCONT, 0)
    note(Signal.SIGTSTP, 0)
    one = child(handles, 0)
    hear(i64(other[0]))
    kill(one, Signal.SIGTTIN)
    kill(one, Signal.SIGTSTP)
    while noted(Signal.SIGTSTP) == 0:
        syscall(numbers.sched_yield)
    waited(b"has not stopped", one, WUNTRACED | WNOHANG, one)
    kill(one, Signal.SIGSTOP)
    await_stop(b"SIGSTOP", one)
    kill(one, Signal.SIGTSTP)
    nap(20)
    result(b"no handler while it is stopped", noted(Signal.SIGTSTP))
    kill(one, Signal.SIGCONT)
    await_continue(b"SIGCONT", one)
    while noted(Signal.SIGCONT) == 0:
        syscall(numbers.sched_yield)
    tell(i64(ends[1]))
    ended(b"end", one)


def blocks(unused: u64) -> i64:
    """SIGCONT, SIGTSTP and SIGTERM blocked."""
    group()
    install(Signal.SIGCONT, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGCONT) | bit(Signal.SIGTSTP) | bit(Signal.SIGUSR1))
    tell(i64(other[1]))
    hear(i64(ends[0]))
    check(b"SIGCONT is pending", pending() == bit(Signal.SIGCONT) | bit(Signal.SIGUSR1))
    result(b"and not handled", noted(Signal.SIGCONT))
    kill(getpid(), Signal.SIGTSTP)
    check(b"SIGTSTP takes it away", pending() == bit(Signal.SIGTSTP) | bit(Signal.SIGUSR1))
    kill(getpid(), Signal.SIGCONT)
    check(b"SIGCONT takes that away", pending() == bit(Signal.SIGCONT) | bit(Signal.SIGUSR1))
    mask_of(SigMask.SIG_UNBLOCK, bit(Signal.SIGCONT))
    result(b"handled then", noted(Signal.SIGCONT))
    mask_of(SigMask.SIG_UNBLOCK, bit(Signal.SIGTSTP))
    say(b"no stop is left\n")
    kill(getpid(), Signal.SIGSTOP)
    say(b"gone on\n")
    return 2


def blocked() -> None:
    """A blocked SIGCONT continues; stop signals and SIGCONT take each other away."""
    note(Signal.SIGCONT, 0)
    one = child(blocks, 0)
    hear(i64(other[0]))
    kill(one, Signal.SIGSTOP)
    await_stop(b"stopped", one)
    kill(one, Signal.SIGUSR1)
    kill(one, Signal.SIGCONT)
    await_continue(b"SIGCONT, blocked", one)
    tell(i64(ends[1]))
    await_stop(b"stopped by itself", one)
    kill(one, Signal.SIGCONT)
    ended(b"end", one)


def stopped_and_killed() -> None:
    """SIGKILL ends a stopped one, SIGTERM waits for SIGCONT; further stops change nothing."""
    one = started(1)
    kill(one, Signal.SIGSTOP)
    await_stop(b"stopped", one)
    kill(one, Signal.SIGSTOP)
    kill(one, Signal.SIGTSTP)
    nap(10)
    waited(b"stopped only once", one, WUNTRACED | WNOHANG, one)
    finish(b"SIGKILL of a stopped one", one)
    one = started(1)
    kill(one, Signal.SIGSTOP)
    await_stop(b"stopped", one)
    kill(one, Signal.SIGTERM)
    nap(10)
    waited(b"SIGTERM waits", one, WNOHANG, one)
    kill(one, Signal.SIGCONT)
    ended(b"until SIGCONT", one)
    one = started(1)
    kill(one, Signal.SIGSTOP)
    await_stop(b"stopped", one)
    tell(i64(ends[1]))
    nap(10)
    waited(b"does not read", one, WNOHANG, one)
    kill(one, Signal.SIGCONT)
    ended(b"reads then", one)


def counts(index: u64) -> i64:
    """A thread that counts."""
    while True:
        note(i64(index), noted(i64(index)) + 1)
        syscall(numbers.sched_yield)
    return 0


def with_threads(unused: u64) -> i64:
    """Two threads count."""
    group()
    spawn_in(0, counts, 100)
    spawn_in(1, counts, 101)
    tell(i64(other[1]))
    while True:
        syscall(numbers.pause)
    return 0


def threads() -> None:
    """All threads stop and go on, however the signal came."""
    one = child(with_threads, 0)
    hear(i64(other[0]))
    for round in range(2):
        while noted(100) < 10 or noted(101) < 10:
            syscall(numbers.sched_yield)
        if round == 0:
            kill(one, Signal.SIGSTOP)
        else:
            syscall(numbers.tgkill, one, one, Signal.SIGTSTP)
        await_stop(b"stopped", one)
        first = noted(100)
        second = noted(101)
        nap(20)
        check(b"both stand still", noted(100) == first and noted(101) == second)
        note(100, 0)
        note(101, 0)
        kill(one, Signal.SIGCONT)
    while noted(100) < 10 or noted(101) < 10:
        syscall(numbers.sched_yield)
    finish(b"both went on", one)


def stops_its_parent(unused: u64) -> i64:
    """A child that stops its parent, and lets it go on."""
    kill(getppid(), Signal.SIGSTOP)
    nap(20)
    note(90, 1)
    kill(getppid(), Signal.SIGCONT)
    hear(i64(ends[0]))
    return 6


def parents() -> None:
    """A parent is stopped by its child while it waits for it."""
    one = child(waits_for_child, 0)
    await_stop(b"the parent", one)
    await_continue(b"the parent", one)
    tell(i64(ends[1]))
    ended(b"the parent", one)


def waits_for_child(unused: u64) -> i64:
    """Reaps."""
    group()
    ended(b"its child", child(stops_its_parent, 0))
    return i64(noted(90))


def all_of_it(unused: u64) -> i64:
    """Every part."""
    defaults()
    handled()
    blocked()
    stopped_and_killed()
    threads()
    parents()
    waited(b"nobody is left", -1, WNOHANG | WUNTRACED | WCONTINUED, 0)
    return calls


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """In a session of its own."""
    global page
    page = shared(4096)
    no_core()
    pipe(ends.ptr)
    pipe(other.ptr)
    status(b"all", in_session(all_of_it, 0))
    return 0
