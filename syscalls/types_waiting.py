"""Argument types of the waiting calls: the status word, options, what is waited for."""

from typing import TYPE_CHECKING, Annotated

from syscalls.args import Arg, Flags
from syscalls.data import Data
from syscalls.flags.signals import Signal
from syscalls.flags.waiting import IdType, Wait, WaitId
from syscalls.text import strace_text
from syscalls.types_siginfo import OutSigInfo

if TYPE_CHECKING:
    from syscalls.process import Thread

_CORE = 0x80


def status_text(status: int) -> str:
    """A word of wait(2) as strace writes it: `WIFEXITED(s) && WEXITSTATUS(s) == 3`."""
    if status == 0xFFFF:
        return "WIFCONTINUED(s)"
    if status & 0xFF == 0x7F:
        return f"WIFSTOPPED(s) && WSTOPSIG(s) == {Signal.text(status >> 8 & 0xFF)}"
    signal = status & 0x7F
    if signal:
        core = " && WCOREDUMP(s)" if status & _CORE else ""
        return f"WIFSIGNALED(s) && WTERMSIG(s) == {Signal.text(signal)}{core}"
    return f"WIFEXITED(s) && WEXITSTATUS(s) == {status >> 8 & 0xFF}"


class OutStatus(Arg):
    """Where wait4(2) stores how a child has ended, or was stopped or continued; there is none unless the call tells a child."""

    phase = "out"
    uses = ("result",)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[0] <= 0 or not value:
            return value or None
        try:
            return [status_text(thread.memory.u32(value))]
        except OSError:
            return value

    def text(self, data: Data) -> str:
        if isinstance(data, list):
            return f"[{{{data[0]}}}]"
        return hex(data) if isinstance(data, int) else strace_text(data)


class OutChildInfo(OutSigInfo):
    """Where waitid(2) tells of a child; where there is none yet it is zero (WNOHANG)."""

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[0] >= 0 and value:
            try:
                if not thread.memory.u32(value):
                    return {}
            except OSError:
                return value
        return super().capture(thread, value, *used)


Status = Annotated[int, OutStatus()]
ChildInfo = Annotated[int, OutChildInfo()]
WaitOptions = Annotated[int, Flags(Wait)]
WaitIdOptions = Annotated[int, Flags(WaitId)]
WaitIdType = Annotated[int, Flags(IdType)]
