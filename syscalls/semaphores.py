"""System V semaphores without the system calls: operations that happen together or not at all, who waits, what is undone (ipc/sem.c)."""

import errno
from typing import NamedTuple

from syscalls.flags.ipc import SemOp
from syscalls.ipc import Ipc, Object, now
from syscalls.process import Process, Thread
from syscalls.wait import WaitQueue

LARGEST = 32767
"""SEMVMX, and SEMAEM."""

WAITS = 1
"""What `attempt` answers where the operations have to wait."""


class Operation(NamedTuple):
    """struct sembuf."""

    number: int
    change: int
    flags: int


class Pending:
    """Operations that wait. `result` is None until somebody has done them, or made them fail, for the waiting thread."""

    __slots__ = ("blocking", "operations", "process", "queue", "result")

    def __init__(self, process: Process, operations: list[Operation]) -> None:
        self.process = process
        self.operations = operations
        self.blocking = operations[0]
        self.queue = WaitQueue()
        self.result: int | None = None

    @property
    def changes(self) -> bool:
        """Whether a semaphore gets another value by it."""
        return any(operation.change for operation in self.operations)


class Set(Object):
    """A set of semaphores: their values, and the process that has last changed each."""

    def __init__(self, thread: Thread, count: int, mode: int, ipc: Ipc) -> None:
        super().__init__(thread, mode)
        self.values = [0] * count
        self.pids = [0] * count
        self.operated = 0
        self.pending: list[Pending] = []
        self.ipc = ipc

    def attempt(self, process: Process, operations: list[Operation]) -> tuple[int, Operation]:
        """perform_atomic_semop: 0 when all is done, `WAITS`, or -errno; and the operation that it is because of."""
        values = self.values
        undo = self.ipc.undo.get(process, {}).get(self, {})
        changed: dict[int, int] = {}
        adjusted: dict[int, int] = {}
        for operation in operations:
            number, change, flags = operation
            value = changed.get(number, values[number])
            if (not change and value) or value + change < 0:
                return -errno.EAGAIN if flags & SemOp.IPC_NOWAIT else WAITS, operation
            value += change
            if value > LARGEST:
                return -errno.ERANGE, operation
            if flags & SemOp.SEM_UNDO:
                adjusted[number] = adjusted.get(number, undo.get(number, 0)) - change
                if not -LARGEST - 1 <= adjusted[number] <= LARGEST:
                    return -errno.ERANGE, operation
            changed[number] = value
        for number, value in changed.items():
            values[number] = value
            self.pids[number] = process.pid
        if adjusted:
            undo.update(adjusted)
        return 0, operations[-1]

    def update(self, thread: Thread) -> None:
        """Does what waits and is possible now: first what waits for zero, then the others in the order in which they came."""
        again = True
        while again:
            again = False
            for pending in sorted(self.pending, key=lambda one: one.changes):
                result, pending.blocking = self.attempt(pending.process, pending.operations)
                if result == WAITS:
                    continue
                self.pending.remove(pending)
                if not result:
                    self.operated = now(thread)
                pending.result = result
                pending.queue.wake()
                if not result and pending.changes:
                    again = True
                    break

    def waiting(self, number: int, zero: bool) -> int:
        """How many wait for a semaphore to become zero, or to grow."""
        return sum(
            1 for one in self.pending if one.blocking.number == number and (one.blocking.change == 0) is zero
        )

    def forget_undo(self, number: int | None = None) -> None:
        """Takes back no change of a semaphore (None: of any) when a process ends."""
        for undo in self.ipc.undo.values():
            if number is None:
                undo.pop(self, None)
            elif self in undo:
                undo[self].pop(number, None)

    def destroy(self) -> None:
        """IPC_RMID: those who wait are told."""
        self.ipc.semaphores.remove(self)
        self.forget_undo()
        for pending in self.pending:
            pending.result = -errno.EIDRM
            pending.queue.wake()
        self.pending.clear()


def keep_undo(thread: Thread, ipc: Ipc, found: Set) -> None:
    """Prepares for SEM_UNDO: from now on the process takes its changes back when it ends."""
    process = thread.process
    if process not in ipc.undo:
        ipc.undo[process] = {}
        process.ends.append(lambda: take_back(thread, ipc))
    ipc.undo[process].setdefault(found, {})


def take_back(thread: Thread, ipc: Ipc) -> None:
    """exit_sem: the process ends, or does not share its adjustments any more."""
    for changed, undo in ipc.undo.pop(thread.process, {}).items():
        for number, adjustment in undo.items():
            if adjustment:
                changed.values[number] = max(0, min(changed.values[number] + adjustment, LARGEST))
                changed.pids[number] = thread.process.pid
        changed.update(thread)
