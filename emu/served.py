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
        self._judge: Call | None = None
        self._found: dict[int, Call] = {}  # what was entered here, and not by a hook

    def guard(self, judge: Call) -> None:
        """From now on asks before each call of a thread that has given up some (seccomp(2)); until then it costs nothing."""
        if self._judge is None:
            self._judge = judge
            for number, call in self._found.items():
                if self.get(number) is call:
                    del self[number]
            self._found.clear()

    def __missing__(self, number: int) -> Call:
        call = self.by_kernel(number, self._cpu.pc - _SYSCALL_BYTES)
        if len(self) < _MOST:
            self[number] = self._found[number] = call
        return call

    def by_kernel(self, number: int, pc: int | None = None) -> Call:
        """What serves the call where no hook does. With the `pc` of the call, the user is told of one that is not served."""
        entry = lookup(number)
        call = None if self.kernel is None else older.call_as_of(entry, self.kernel)
        if call is None:
            call = entry.call
            if entry.is_absent and pc is not None:
                self._owner.missing(entry, pc)
        return call if self._judge is None else self._guarded(number, call)

    def _guarded(self, number: int, call: Call) -> Call:
        judge, cpu = self._judge, self._cpu
        assert judge is not None

        def guarded(thread: Any, *registers: int) -> Any:
            if thread.seccomp is not None:
                answer = judge(thread, number, cpu.pc, registers)
                if answer is not None:
                    return answer
            return call(thread, *registers)

        return guarded
