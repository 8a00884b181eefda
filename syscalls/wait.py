"""What a handler may answer besides a number: a wait, a yield of the processor, the end of a thread.

A handler that cannot answer now returns a generator. It yields `Wait` values; the bench parks the thread and goes on
with the generator once something that the wait names has happened, sending the `Wake` that says what. The generator's
return value is the call's result. Nothing here knows how the bench waits.
"""

from collections import deque
from collections.abc import Generator
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from syscalls.process import Thread


class Wake(Enum):
    """Why a parked handler goes on."""

    READY = "a descriptor may be ready"
    TIMEOUT = "the deadline has passed"
    QUEUE = "taken from the wait queue"
    INTERRUPTED = "a signal came"


class Waiter(Protocol):
    """One parked thread in a `WaitQueue`; made by the bench."""

    thread: "Thread"
    queue: "WaitQueue | None"
    key: int

    def wake(self) -> None:
        """Takes the thread out of its wait with `Wake.QUEUE`; it runs when its turn comes."""
        ...


class WaitQueue:
    """Parked threads in the order in which they came: a futex, a join, a condition.

    The bench appends a waiter when it parks the thread and removes it when another reason ends the wait.
    """

    __slots__ = ("waiters",)

    def __init__(self) -> None:
        self.waiters: deque[Waiter] = deque()

    def wake(self, count: int = 1) -> int:
        """Wakes up to `count` waiters, the longest waiting first; returns how many."""
        woken = 0
        while woken < count and self.waiters:
            waiter = self.waiters.popleft()
            waiter.queue = None
            waiter.wake()
            woken += 1
        return woken


class Wait(NamedTuple):
    """What a parked thread waits for; the first of these that happens ends the wait.

    `fds` are pairs of a host descriptor and EPOLL* event bits: the wait ends when the descriptor reports any event, so
    the handler must try again and may park again. `deadline` is in CLOCK_MONOTONIC nanoseconds of the bench's clock.
    `key` is free for the owner of the queue (a futex keeps its bitset there). `interruptible` is False for waits that
    no signal may end.
    """

    fds: tuple[tuple[int, int], ...] = ()
    deadline: int | None = None
    queue: WaitQueue | None = None
    key: int = 0
    interruptible: bool = True


class Exit(NamedTuple):
    """The calling thread (or, with `group`, its whole process) ends with `status` (0 to 255)."""

    status: int
    group: bool


class Yield(NamedTuple):
    """The calling thread goes to the end of the run queue; the call's result is `result`."""

    result: int = 0


class SignalReturn(NamedTuple):
    """The calling thread goes on where a signal had interrupted it, with what its frame says; `result` is its rax then."""

    result: int = 0


class Executed(NamedTuple):
    """The calling thread has become the first of another program (execve(2)); the trace shows `result`."""

    result: int = 0


RESTARTSYS, RESTARTNOINTR, RESTARTNOHAND, RESTART_RESTARTBLOCK = -512, -513, -514, -516
"""What a call answers that a signal has interrupted (include/linux/errno.h). The program sees EINTR, or the call begins anew:
the first, if the handler has SA_RESTART; the second always; the others only if no handler ran (signal(7))."""

Blocking = Generator[Wait, Wake, int]
"""A handler that waits: yields waits, is sent wakes, returns the call's result."""

Result = int | Blocking | Exit | Yield | SignalReturn | Executed
"""What a handler returns: a value or -errno, or one of the answers of this module."""
