"""A stop and SIGCONT in the middle of every call that waits, without handlers: which go on, and which fail with EINTR (signal(7))."""

from process_tools import await_sleep, await_stop, child, ended, in_session, kill, status
from say import result
from signal_tools import bit, mask_of
from wait_calls import (
    COUNT,
    NAMES,
    PAUSE,
    SIGSUSPEND,
    SIGTIMEDWAIT,
    clear,
    complete,
    one_call,
    prepare,
    prepare_all,
)

from guest.lang import i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal


def caller(way: u64) -> i64:
    """A child that makes one call."""
    syscall(numbers.setpgid, 0, 0)
    if i64(way) == SIGTIMEDWAIT:
        mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR2))
    result(NAMES[i64(way)], one_call(i64(way)))
    return 0


def over_a_stop(way: i64) -> None:
    """One call; stopped and continued while it waits."""
    prepare(way)
    one = child(caller, u64(way))
    await_sleep(one)
    kill(one, Signal.SIGSTOP)
    await_stop(NAMES[way], one)
    kill(one, Signal.SIGCONT)
    await_sleep(one)
    complete(way)
    if way == PAUSE or way == SIGSUSPEND:
        kill(one, Signal.SIGKILL)
    ended(NAMES[way], one)
    clear(way)


def all_of_it(unused: u64) -> i64:
    """Every call."""
    for way in range(COUNT):
        over_a_stop(way)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """In a session of its own."""
    prepare_all()
    status(b"all", in_session(all_of_it, 0))
    return 0
