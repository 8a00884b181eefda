"""A signal for the process goes to a thread that can take it, also when the one that it was meant for cannot any more."""

from say import check, result
from signal_tools import bit, install, mask_of
from spawn import join, spawn_in

from guest.lang import addr, array, atomic, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal
from syscalls.flags.threads import Futex

FIRST = Signal.SIGRTMIN + 3
SECOND = Signal.SIGRTMIN + 4

word: u32
taken: u32
on: i64


def waits_for_the_other(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler of FIRST: with SECOND blocked it waits until another thread has handled that."""
    while atomic.load(addr(taken)) == 0:
        syscall(numbers.sched_yield)


def takes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler of SECOND."""
    global on
    on = syscall(numbers.gettid)
    atomic.store(addr(taken), 1)


def sleeps(unused: u64) -> i64:
    """A thread that waits, with SECOND unblocked only."""
    mask_of(SigMask.SIG_SETMASK, bit(FIRST))
    while atomic.load(addr(word)) < 2:
        syscall(numbers.futex, addr(word), Futex.FUTEX_WAIT_PRIVATE, atomic.load(addr(word)), 0)
    return 0


def sends(unused: u64) -> i64:
    """A thread that has both blocked, and sends both to the process."""
    mask_of(SigMask.SIG_SETMASK, bit(FIRST) | bit(SECOND))
    time = array[i64, 2]()
    time[1] = 20000000
    syscall(numbers.nanosleep, addr(time[0]), 0)
    pid = syscall(numbers.getpid)
    syscall(numbers.kill, pid, FIRST)
    syscall(numbers.kill, pid, SECOND)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """In a handler, and with what is pending when a thread blocks it again."""
    global on, taken
    install(FIRST, waits_for_the_other, SigAction.SA_SIGINFO, bit(SECOND))
    install(SECOND, takes, SigAction.SA_SIGINFO, 0)
    mask_of(SigMask.SIG_SETMASK, bit(FIRST) | bit(SECOND))
    other = spawn_in(0, sleeps, 0)
    spawn_in(1, sends, 0)
    empty = u64(0)
    result(b"interrupted", syscall(numbers.rt_sigsuspend, addr(empty), 8))
    check(b"the other thread has taken it", on == other)
    join(1)
    pid = syscall(numbers.getpid)
    mask_of(SigMask.SIG_SETMASK, bit(FIRST) | bit(SECOND))
    taken = 0
    syscall(numbers.kill, pid, SECOND)
    while atomic.load(addr(taken)) == 0:
        syscall(numbers.sched_yield)
    check(b"again", on == other)
    atomic.store(addr(word), 2)
    syscall(numbers.futex, addr(word), Futex.FUTEX_WAKE_PRIVATE, 1)
    join(0)
    syscall(numbers.kill, pid, SECOND)
    on = 0
    mask_of(SigMask.SIG_SETMASK, bit(FIRST))
    check(b"nobody else is left", on == pid)
    return 0
