"""Which function serves a system call: that of the table, of the kernel that the run imitates, or a hook's."""

from collections.abc import Callable
from typing import Any, Protocol

from emu.cpu import Cpu
from syscalls import older
from syscalls.history import Version
from syscalls.table import Syscall, lookup

_SYSCALL_BYTES = 2
_MOST = 1024  # a guest chooses the numbers

Call = Callable[..., Any]


class Owner(Protocol):
    """Who hears of calls that are not served."""

    def missing(self, entry: Syscall, pc: int) -> None: ...


class Served(dict[int, Call]):
    """From a number to the function that serves it; filled as calls are made."""

    def __init__(self, owner: Owner, cpu: Cpu) -> None:
        super().__init__()
        self._owner = owner
        self._cpu = cpu
        self.kernel: Version | None = None
        """The version of Linux that is imitated; None: the newest that the table knows."""

    def __missing__(self, number: int) -> Call:
        call = self.by_kernel(number, self._cpu.pc - _SYSCALL_BYTES)
        if len(self) < _MOST:
            self[number] = call
        return call

    def by_kernel(self, number: int, pc: int | None = None) -> Call:
        """What serves the call where no hook does. With the `pc` of the call, the user is told of one that is not served."""
        entry = lookup(number)
        call = None if self.kernel is None else older.call_as_of(entry, self.kernel)
        if call is not None:
            return call
        if entry.is_absent and pc is not None:
            self._owner.missing(entry, pc)
        return entry.call
