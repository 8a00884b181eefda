"""A storm: children that compute, fork, vfork, sleep, wait and run threads are stopped, continued, signalled and killed at random; all come to an end."""

from process_tools import (
    WCONTINUED,
    WNOHANG,
    WUNTRACED,
    child,
    fork,
    kill,
    leave,
    nap,
    pipe,
    reap,
    status,
    vfork_to,
)
from say import check, result
from signal_tools import install
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, Signal
from syscalls.flags.threads import Prctl

PLACES = 8
ROUNDS = 400

SIGNALS = array[i64, 8](
    [
        Signal.SIGSTOP,
        Signal.SIGCONT,
        Signal.SIGUSR1,
        Signal.SIGTSTP,
        Signal.SIGCONT,
        Signal.SIGTERM,
        Signal.SIGUSR1,
        Signal.SIGKILL,
    ]
)

calls: i64
state: u64


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler that forks now and then."""
    global calls
    calls += 1
    if calls % 3 == 0:
        pid = fork()
        if pid == 0:
            leave(0)


def number_below(limit: u64) -> i64:
    """A random number."""
    global state
    state = state * 6364136223846793005 + 1442695040888963407
    return i64((state >> 33) % limit)


def quits(code: u64) -> i64:
    """At once."""
    return i64(code)


def computes(amount: u64) -> i64:
    """Some work."""
    x = amount
    for _ in range(5000):
        x = x * 6364136223846793005 + 1
    return i64(x & 1)


def member(way: u64) -> i64:
    """One of those in the storm; it goes on until it is killed."""
    ends = array[i32, 2]()
    pipe(ends.ptr)
    byte = array[u8, 1]()
    syscall(numbers.setpgid, 0, 0)
    syscall(numbers.prctl, Prctl.PR_SET_PDEATHSIG, Signal.SIGKILL)
    while True:
        if way == 0:
            syscall(numbers.pause)
        elif way == 1:
            computes(way)
        elif way == 2:
            reap(child(quits, 1))
        elif way == 3:
            spawn_in(0, computes, 1)
            spawn_in(1, computes, 2)
            join(0)
            join(1)
        elif way == 4:
            syscall(numbers.write, ends[1], byte.ptr, 1)
            syscall(numbers.read, ends[0], byte.ptr, 1)
        elif way == 5:
            reap(vfork_to(quits, 2))
        elif way == 6:
            nap(1)
        else:
            pid = fork()
            if pid == 0:
                while True:
                    syscall(numbers.pause)
            kill(pid, Signal.SIGSTOP)
            syscall(numbers.wait4, pid, 0, WUNTRACED, 0)
            kill(pid, Signal.SIGKILL)
            reap(pid)


def storm() -> None:
    """The parent's part."""
    global state
    pids = array[i64, 8]()
    state = 12345
    for at in range(PLACES):
        pids[at] = child(member, u64(at))
    word = i32(0)
    for round in range(ROUNDS):
        at = number_below(u64(PLACES))
        kill(pids[at], SIGNALS[number_below(8)])
        if round % 4 == 0:
            syscall(numbers.sched_yield)
        while True:
            pid = syscall(numbers.wait4, -1, addr(word), WNOHANG | WUNTRACED | WCONTINUED, 0)
            if pid <= 0:
                break
            if word == 0xFFFF or word & 0xFF == 0x7F:
                continue
            for place in range(PLACES):
                if pids[place] == pid:
                    kill(-pid, Signal.SIGKILL)  # what it leaves behind
                    pids[place] = child(member, u64(place))
    for place in range(PLACES):
        kill(pids[place], Signal.SIGKILL)
        word = i32(reap(pids[place]))
        check(b"killed at the end", word & 0x7F == Signal.SIGKILL or word & 0x7F == Signal.SIGTERM)
        kill(-pids[place], Signal.SIGKILL)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Everything that is left behind comes here, and is killed and reaped."""
    syscall(numbers.prctl, Prctl.PR_SET_CHILD_SUBREAPER, 1)
    pid = fork()
    if pid == 0:
        install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
        storm()
        leave(0)
    status(b"storm", reap(pid))
    while syscall(numbers.wait4, -1, 0, 0, 0) > 0:
        pass
    result(b"left", syscall(numbers.wait4, -1, 0, 0, 0))
    return 0
