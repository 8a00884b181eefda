"""Which process has the turn: whose memory the CPU sees, whose processor time passes; and the threads of those that are stopped."""

import time

from emu.processes import space_of
from emu.sched import Scheduler, Task
from syscalls.process import Process


class Turn:
    """`process` is the one that has the turn, or had it last; None at the beginning, and when it has ended."""

    def __init__(self) -> None:
        self.process: Process | None = None
        self.held: list[Task] = []
        """Threads of stopped processes that were to run."""
        self._since = 0  # on the host thread's processor time

    def enter(self, process: Process) -> None:
        """From now on the CPU sees the memory of this process, and time counts as its own."""
        now = time.thread_time_ns()
        if self.process is not None:
            self.process.cpu_time_ns += now - self._since
        self._since = now
        self.process = process
        space_of(process).activate()

    def lasted_ns(self) -> int:
        """How long the process has had the turn: processor time that is not in its `cpu_time_ns` yet."""
        return time.thread_time_ns() - self._since

    def end_of(self, process: Process) -> None:
        """A process has ended."""
        if process is self.process:
            process.cpu_time_ns += self.lasted_ns()
            self.process = None

    def release(self, process: Process, scheduler: Scheduler) -> None:
        """Lets the threads of a stopped process go on."""
        scheduler.ready.extend(task for task in self.held if task.thread.process is process)
        self.held = [task for task in self.held if task.thread.process is not process]
