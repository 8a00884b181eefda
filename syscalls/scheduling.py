"""How a thread asks to be scheduled: niceness, policy, I/O priority. It is kept and told, and has no effect on the bench's turns."""

from typing import NamedTuple

from syscalls.process import Thread

BEST_EFFORT = 2
"""IOPRIO_CLASS_BE."""

CLASS_SHIFT = 13


class Scheduling(NamedTuple):
    """What sched(7), setpriority(2) and ioprio_set(2) can set for one thread."""

    nice: int = 0  # -20 to 19
    policy: int = 0  # SCHED_OTHER
    priority: int = 0  # 1 to 99 for real-time policies
    reset_on_fork: bool = False
    io_priority: int = 0  # 0: as the niceness says

    @property
    def effective_io_priority(self) -> int:
        """What it comes to (get_task_ioprio in block/ioprio.c)."""
        return self.io_priority or BEST_EFFORT << CLASS_SHIFT | (self.nice + 20) // 5


DEFAULT = Scheduling()


def of(thread: Thread) -> Scheduling:
    """A thread's."""
    found: Scheduling = thread.scheduling or DEFAULT
    return found


def inherit(maker: Thread, made: Thread) -> None:
    """A new thread has its maker's, unless that has asked for SCHED_RESET_ON_FORK (sched_fork in kernel/sched/core.c)."""
    given = of(maker)
    if given.reset_on_fork:
        given = given._replace(nice=max(given.nice, 0), reset_on_fork=False)
        if given.priority:
            given = given._replace(nice=0, policy=0, priority=0)
    made.scheduling = given
