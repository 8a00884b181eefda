"""Argument types of messages: struct msgbuf, whose text has its length beside it."""

from syscalls.args import Arg, payload
from syscalls.data import Data
from syscalls.process import Thread
from syscalls.text import strace_text

_HEAD = 8


class InMessage(Arg):
    """A struct msgbuf that the call reads; `size` names the parameter with the length of its text."""

    phase = "in"

    def __init__(self, size: str) -> None:
        self.uses = (size,)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        return _message(thread, value, used[0])

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class OutMessage(InMessage):
    """One that the call fills; the result is the length of its text."""

    phase = "out"

    def __init__(self) -> None:
        super().__init__("result")


def _message(thread: Thread, address: int, size: int) -> Data:
    if size < 0 or not address:
        return address or None
    try:
        kind = thread.memory.u64(address)
    except OSError:
        return address
    return {"mtype": (kind ^ 1 << 63) - (1 << 63), "mtext": payload(thread, address + _HEAD, size)}
