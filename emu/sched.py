"""The scheduler: which thread runs next, who waits for what. Pure: it does no I/O and knows no clock.

Two run queues, each first in, first out. Threads that were woken come before threads that used up their time slice or
yielded, so that a spinning thread delays nobody by a slice at each wait; but when those before have used as much as a
slice since, one of the others has its turn, so that nobody starves. Use is counted in blocks of guest code, not in time:
the order of threads follows from the guest alone, apart from the moments at which the world outside wakes somebody.
"""

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from syscalls.process import Thread
from syscalls.wait import Blocking, Wait, WaitQueue, Wake

SLICE = 50_000
"""Blocks of guest code that a thread may run before another one gets its turn: some tenths of a millisecond and up."""
_TURN_COST = 500  # blocks that a turn counts for at least: a switch and a system call take as long
_STALE_FACTOR = 4  # the heap of deadlines is rebuilt when so many times more entries are stale than alive


class Task:
    """A thread as the scheduler sees it; it is the `Waiter` that a `WaitQueue` holds while the thread is parked.

    `blocking` is the handler to go on with, `reason` what to send it; None for a thread that simply runs.
    """

    __slots__ = (
        "blocking", "call", "context", "ended", "fds", "interruptible", "key", "parked", "queue", "reason",
        "restart", "returning", "scheduler", "signalled", "thread", "trap", "wait_number",
    )  # fmt: skip

    def __init__(self, scheduler: "Scheduler", thread: Thread, context: Any) -> None:
        self.scheduler = scheduler
        self.thread = thread
        self.context = context
        self.blocking: Blocking | None = None
        self.reason: Wake | None = None
        self.call: Any = None  # what the dispatcher remembers of the call in progress
        self.parked = False
        self.ended = False
        self.signalled = False  # it has to look at its pending signals before it goes on
        self.restart: tuple[int, int] | None = (
            None  # the call that a signal has interrupted, and what it answered
        )
        self.returning: Any = None  # the state that rt_sigreturn(2) has found
        self.trap: Any = None  # what its last exception left behind, for the handler's context
        self.fds: tuple[tuple[int, int], ...] = ()
        self.queue: WaitQueue | None = None
        self.key = 0
        self.interruptible = True
        self.wait_number = 0  # tells a deadline of this wait from those of earlier ones

    def wake(self) -> None:
        """Called by the queue, which has already let go of the task."""
        if self.call is not None:
            self.call.woken_by = self.scheduler.caller()
        self.scheduler.wake(self, Wake.QUEUE)


class Scheduler:
    """The run queue and the parked tasks by descriptor and deadline. Times are nanoseconds of any one clock.

    `caller` gives the sequence number of the system call that is being served, for the trace.
    """

    def __init__(self, caller: Callable[[], int] = lambda: -1) -> None:
        self.caller = caller
        self.ready: deque[Task] = deque()
        self.spent: deque[Task] = deque()
        self._was_spent = False  # whether the task that has the turn came from `spent`
        self._used = 0  # blocks since the last turn of a task from `spent`
        self.parked: dict[Task, Wait] = {}
        self._by_fd: dict[int, dict[Task, None]] = {}
        self._deadlines: list[tuple[int, int, Task, int]] = []
        self._order = 0
        self._with_deadline = 0

    def next(self, used: int) -> Task | None:
        """The task whose turn it is, taken out of its queue; `used` blocks were run since the last call."""
        spent = self.spent
        if spent:
            if not self._was_spent:
                self._used += used + _TURN_COST
            if not self.ready or self._used >= SLICE:
                self._used = 0
                self._was_spent = True
                return spent.popleft()
        self._was_spent = False
        return self.ready.popleft() if self.ready else None

    def is_runnable(self) -> bool:
        """Whether some task waits for its turn."""
        return bool(self.ready or self.spent)

    def park(self, task: Task, wait: Wait) -> None:
        """Takes a task out of the running until something that `wait` names happens."""
        task.parked = True
        task.reason = None
        task.wait_number += 1
        task.interruptible = wait.interruptible
        self.parked[task] = wait
        if wait.fds:
            task.fds = wait.fds
            by_fd = self._by_fd
            for fd, _ in wait.fds:
                waiting = by_fd.get(fd)
                if waiting is None:
                    by_fd[fd] = {task: None}
                else:
                    waiting[task] = None
        if wait.queue is not None:
            task.queue = wait.queue
            task.key = wait.key
            wait.queue.waiters.append(task)
        if wait.deadline is not None:
            self._order += 1
            self._with_deadline += 1
            heappush(self._deadlines, (wait.deadline, self._order, task, task.wait_number))

    def wake(self, task: Task, reason: Wake) -> None:
        """Ends a task's wait; it runs when its turn comes. Without effect on a task that is not parked."""
        if not task.parked:
            return
        task.reason = reason
        self._unpark(task)
        self.ready.append(task)

    def interrupt(self, task: Task) -> None:
        """Ends a task's wait because of a signal, if it is one that a signal ends."""
        if task.parked and task.interruptible:
            self.wake(task, Wake.INTERRUPTED)

    def _unpark(self, task: Task) -> None:
        task.parked = False
        wait = self.parked.pop(task)
        for fd, _ in task.fds:
            waiting = self._by_fd.get(fd)
            if waiting is not None:
                waiting.pop(task, None)
                if not waiting:
                    del self._by_fd[fd]
        task.fds = ()
        if task.queue is not None:
            task.queue.waiters.remove(task)
            task.queue = None
        if wait.deadline is not None:
            self._with_deadline -= 1
            if len(self._deadlines) > 64 and len(self._deadlines) > _STALE_FACTOR * self._with_deadline:
                self._deadlines = [entry for entry in self._deadlines if self._alive(entry)]
                heapify(self._deadlines)

    @staticmethod
    def _alive(entry: tuple[int, int, Task, int]) -> bool:
        return entry[2].parked and entry[2].wait_number == entry[3]

    def remove(self, task: Task) -> None:
        """Forgets a task that has ended."""
        task.ended = True
        if task.parked:
            self._unpark(task)
        for queue in (self.ready, self.spent):
            if task in queue:
                queue.remove(task)

    def fd_event(self, fd: int) -> None:
        """A descriptor reported something: everybody who waits for it tries again."""
        waiting = self._by_fd.get(fd)
        if waiting:
            for task in list(waiting):
                self.wake(task, Wake.READY)

    def expire(self, now: int) -> None:
        """Wakes those whose deadline has passed."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][0] <= now:
            entry = heappop(deadlines)
            if self._alive(entry):
                self.wake(entry[2], Wake.TIMEOUT)
                deadlines = self._deadlines

    def next_deadline(self) -> int | None:
        """The earliest deadline of a parked task."""
        deadlines = self._deadlines
        while deadlines and not self._alive(deadlines[0]):
            heappop(deadlines)
        return deadlines[0][0] if deadlines else None

    def is_deadlock(self) -> bool:
        """Whether nothing inside the guest or outside can ever wake a parked task."""
        return not self.is_runnable() and not self._with_deadline and not self._by_fd
