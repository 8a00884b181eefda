"""What the dispatcher needs to record calls: the table's entries as it wants them, and the calls that are in progress."""

from collections.abc import Callable, Container
from typing import Any

from syscalls.table import Syscall, lookup

Call = Callable[..., Any]

_NOT_RETURNED = -1  # EPERM stands for a call that has filled nothing


class Traced(dict[int, tuple[Syscall | None, Call | None, Call | None]]):
    """From a number to its entry and the functions that capture memory before and after the call.

    No entry for what the sink does not want to hear of: `wanted` are the numbers, None for all.
    """

    def __init__(self, wanted: Container[int] | None) -> None:
        super().__init__()
        self._wanted = wanted

    def __missing__(self, number: int) -> tuple[Syscall | None, Call | None, Call | None]:
        found: tuple[Syscall | None, Call | None, Call | None] = (None, None, None)
        if self._wanted is None or number in self._wanted:
            entry = lookup(number)
            found = (entry, entry.before, entry.after)
        if len(self) < 1024:
            self[number] = found
        return found


class InProgress:
    """A traced call that is parked. Times are nanoseconds since the start of the run.

    `woken_by` is the sequence number of the call that has ended its wait, None where it was no call of the guest's.
    """

    __slots__ = (
        "before", "blocked", "entry", "parked_at", "pc", "registers", "sequence", "stack", "started", "thread", "woken_by",
    )  # fmt: skip

    def __init__(
        self,
        thread: Any,
        sequence: int,
        started: int,
        entry: Syscall,
        registers: Any,
        pc: int,
        before: Any,
        extra: dict[str, Any] | None,
    ) -> None:
        self.thread = thread
        self.sequence = sequence
        self.started = started
        self.entry = entry
        self.registers = registers
        self.pc = pc
        self.before = before
        self.stack = extra
        self.blocked = 0
        self.parked_at = 0
        self.woken_by: int | None = None

    def so_far(self) -> tuple[Any, ...]:
        """What `Syscall.after` captures of a call that has not returned: as of one that has filled nothing."""
        entry = self.entry
        return () if entry.after is None else entry.after(self.thread, *self.registers, _NOT_RETURNED)

    def extra(self) -> dict[str, Any] | None:
        """What few records have (`syscalls.table.Record`)."""
        if self.woken_by is None:
            return self.stack
        return {"woken_by": self.woken_by, **(self.stack or {})}
