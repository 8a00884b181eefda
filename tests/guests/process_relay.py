"""Six processes pass numbers around a ring of pipes, with threads, signals and waits among them: the same in every run."""

from process_tools import child, ended, getpid, kill, pipe, reap, set_action
from say import result
from signal_tools import install
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, Signal

ROUNDS = 40

ring: array[array[i32, 2], 6]
calls: i64


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """Counts."""
    global calls
    calls += 1


def works(amount: u64) -> i64:
    """A thread that computes and makes a process."""
    x = amount
    for _ in range(20000):
        x = x * 6364136223846793005 + 1
    pid = child(quits, x % 7)
    return reap(pid)


def quits(code: u64) -> i64:
    """A process of a thread."""
    return i64(code)


def station(number: u64) -> i64:
    """Adds to what comes, passes it on."""
    at = i64(number)
    value = i64(0)
    spawn_in(0, works, number)
    for _ in range(ROUNDS):
        syscall(numbers.read, ring[at][0], addr(value), 8)
        value += at
        if value % 5 == 0:
            kill(getpid(), Signal.SIGUSR1)
        syscall(numbers.write, ring[(at + 1) % 6][1], addr(value), 8)
    join(0)
    return calls


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The first station."""
    install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    set_action(Signal.SIGUSR2, 1, 0)
    for at in range(6):
        pipe(ring[at].ptr)
    pids = array[i64, 6]()
    for at in range(1, 6):
        pids[at] = child(station, u64(at))
    value = i64(1)
    for _ in range(ROUNDS):
        syscall(numbers.write, ring[1][1], addr(value), 8)
        syscall(numbers.read, ring[0][0], addr(value), 8)
    result(b"value", value)
    for at in range(1, 6):
        ended(b"station", pids[at])
    return 0
