"""Argument types of arrays of structures, and of single structures whose size is another argument."""

from syscalls.args import STRUCT_LIMIT, Arg
from syscalls.data import Data
from syscalls.process import Thread
from syscalls.structs import Layout
from syscalls.text import strace_text


class InArray(Arg):
    """An array of structures that the call reads; `count` is their number, or the name of the parameter that tells it."""

    phase = "in"

    def __init__(self, layout: Layout, count: int | str) -> None:
        self.layout = layout
        self._count = count if isinstance(count, int) else 0
        self.uses = () if isinstance(count, int) else (count,)

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if not value:
            return None
        count = used[0] if used else self._count
        if not 0 <= count < 1 << 31:
            return value
        size = self.layout.size
        try:
            data = thread.memory.read(value, size * min(count, STRUCT_LIMIT))
        except OSError:
            return value
        return [self.layout.show(data[at : at + size]) for at in range(0, len(data), size)]

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class OutArray(InArray):
    """An array of structures that the call fills; the result is their number."""

    phase = "out"

    def __init__(self, layout: Layout, count: str = "result") -> None:
        super().__init__(layout, count)
        self.uses = (count, "result")

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if used[1] < 0:
            return value or None
        return super().capture(thread, value, *used)


class InSized(Arg):
    """A structure with its size as its first word, or as another parameter (`size`); what lies behind the known part is not shown."""

    phase = "in"

    def __init__(self, layout: Layout, size: str = "") -> None:
        self.layout = layout
        self.uses = (size,) if size else ()

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if not value:
            return None
        layout = self.layout
        try:
            size = used[0] if used else thread.memory.u32(value)
            data = thread.memory.read(value, min(size, layout.size))
        except OSError:
            return value
        return layout.show(data.ljust(layout.size, b"\0"))

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class OutSized(InSized):
    """The same, filled by the call."""

    phase = "out"

    def __init__(self, layout: Layout, size: str) -> None:
        super().__init__(layout, size)
        self.uses = (size, "result")

    def capture(self, thread: Thread, value: int, *used: int) -> Data:
        if used[1] < 0:
            return value or None
        return super().capture(thread, value, used[0])
