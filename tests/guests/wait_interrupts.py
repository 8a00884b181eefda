"""A signal with a handler in the middle of every call that waits: EINTR or a new beginning, without SA_RESTART and with it (signal(7))."""

from process_tools import await_sleep, child, ended, in_session, kill, nap, put_word, status, word_at
from say import result, say
from signal_tools import bit, install, mask_of
from wait_calls import (
    COUNT,
    NAMES,
    PAUSE,
    SIGSUSPEND,
    SIGTIMEDWAIT,
    clear,
    complete,
    one_call,
    page,
    prepare,
    prepare_all,
)

from guest.lang import i32, i64, ptr, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls.flags.signals import SigAction, SigMask, Signal

RUN = 64  # where the handler counts


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler."""
    put_word(page + RUN, word_at(page + RUN) + 1)


def caller(way: u64) -> i64:
    """A child that makes one call."""
    if i64(way) == SIGTIMEDWAIT:
        mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR2))
    result(NAMES[i64(way)], one_call(i64(way)))
    return 0


def over_a_signal(way: i64) -> None:
    """One call; interrupted once while it waits."""
    put_word(page + RUN, 0)
    prepare(way)
    one = child(caller, u64(way))
    await_sleep(one)
    kill(one, Signal.SIGUSR1)
    for _ in range(400):
        if word_at(page + RUN) == 0:
            nap(5)
    await_sleep(one)
    complete(way)
    if way == PAUSE or way == SIGSUSPEND:
        kill(one, Signal.SIGTERM)
    ended(NAMES[way], one)
    clear(way)


def all_of_it(unused: u64) -> i64:
    """Every call, both ways."""
    install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO, 0)
    for way in range(COUNT):
        over_a_signal(way)
    say(b"SA_RESTART\n")
    install(Signal.SIGUSR1, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    for way in range(COUNT):
        over_a_signal(way)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """In a session of its own."""
    prepare_all()
    status(b"all", in_session(all_of_it, 0))
    return 0
