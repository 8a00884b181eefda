"""Argument types of poll, select and epoll: sets of descriptors and the events on them."""

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from syscalls.args import STRUCT_LIMIT, Arg
from syscalls.data import Data, Described, Holding
from syscalls.describe import Shown, describe_all
from syscalls.flags.polling import Epoll, EpollOp, Poll
from syscalls.text import NO_TEXTS, Abridged, array_text, fd_text, strace_text

if TYPE_CHECKING:
    from syscalls.process import Thread

_POLLFD = struct.Struct("<ihH")
_EVENT = struct.Struct("<IQ")
_CACHED = 8192
_DESCRIBED_CACHED = 256


class _Texts(dict[int, str]):
    """One struct pollfd as a number to its JSON text: sets repeat, and their elements even more."""

    def __missing__(self, value: int) -> str:
        fd, events, revents = _POLLFD.unpack(value.to_bytes(8, "little"))
        text = f'{{"fd":{fd},"events":"{Poll.text(events & 0xFFFF)}","revents":"{Poll.text(revents)}"}}'
        if len(self) < _CACHED:
            self[value] = text
        return text


_json_of = _Texts()  # a pure function's results: no state of any run


_described: dict[tuple[object, ...], Described] = {}  # likewise


class PollSet(Holding):
    """An array of struct pollfd, as its bytes until somebody wants to read it."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes, shown: tuple[Shown, ...]) -> None:
        super().__init__(shown)
        self.raw = raw

    def fds(self) -> Sequence[int]:
        return memoryview(self.raw).cast("i")[::2].tolist()

    def described(self) -> Described:
        # Sets repeat, from call to call even in their identities: `Shown` stays as long as what it says.
        key = (self.shown, *self.fds()) if self.shown else ()
        found = _described.get(key)
        if found is None:
            found = super().described()
            if len(_described) >= _DESCRIBED_CACHED:
                _described.clear()
            _described[key] = found
        return found

    def data(self) -> Data:
        return [
            {"fd": fd, "events": Poll.text(events & 0xFFFF), "revents": Poll.text(revents)}
            for fd, events, revents in _POLLFD.iter_unpack(self.raw)
        ]

    def json(self) -> str:
        return "[" + ",".join([_json_of[value] for value in memoryview(self.raw).cast("Q")]) + "]"


class PollFds(Arg):
    """An array of struct pollfd, as the call leaves it; `count` names the parameter with its size."""

    phase = "out"
    holds_fds = True

    def __init__(self, count: str) -> None:
        self.uses = (count,)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        try:
            raw = thread.memory.read(value, min(used[0], STRUCT_LIMIT) * 8)
        except OSError:
            return value
        return PollSet(raw, describe_all(thread, memoryview(raw).cast("i")[::2]))

    def given(self, thread: "Thread", value: int, *used: int) -> Data:
        return self.capture(thread, value, *used)

    def text(self, data: Data, texts: Mapping[int, str] = NO_TEXTS) -> str:
        if not isinstance(data, list):
            return hex(data) if isinstance(data, int) else strace_text(data)

        def one_text(one: Data) -> str:
            if one["fd"] < 0:  # ignored, whatever its events
                return f"{{fd={one['fd']}}}"
            return f"{{fd={fd_text(one['fd'], texts)}, events={one['events']}}}"

        return array_text(data, one_text)

    def aside(self, data: Data, result: int) -> str:
        if not result or not isinstance(data, list):
            return ""
        ready = [one for one in data if one["revents"] != "0"]
        shown = Abridged(ready) if type(data) is Abridged else ready
        return array_text(shown, lambda one: f"{{fd={one['fd']}, revents={one['revents']}}}")


class FdSet(Holding):
    """An fd_set: the descriptors that were given, and after the call those that it has left in."""

    __slots__ = ("left", "numbers")

    def __init__(self, numbers: list[int], shown: tuple[Shown, ...], left: list[int] | None = None) -> None:
        super().__init__(shown)
        self.numbers = numbers
        self.left = left

    def fds(self) -> Sequence[int]:
        return self.numbers

    def data(self) -> Data:
        return self.numbers if self.left is None else {"given": self.numbers, "left": self.left}


class FdSetArg(Arg):
    """An fd_set of select(2), given and left; `count` names the parameter nfds, `which` set it is: in, out, except."""

    phase = "out"
    is_given = True
    holds_fds = True

    def __init__(self, count: str, which: str) -> None:
        self.uses = (count, "result")
        self.which = which

    def given(self, thread: "Thread", value: int, *used: int) -> Data:
        fds = self._read(thread, value, used[0])
        return FdSet(fds, describe_all(thread, fds)) if isinstance(fds, list) else fds

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        return self._read(thread, value, used[0]) if used[1] >= 0 else None

    def merged(self, given: Data, filled: Data) -> Data:
        if isinstance(given, FdSet) and isinstance(filled, list):
            return FdSet(given.numbers, given.shown, filled)
        return given

    def _read(self, thread: "Thread", value: int, count: int) -> Data:
        if not value:
            return None
        count = min(max(count, 0), 4096)
        try:
            bits = int.from_bytes(thread.memory.read(value, (count + 63) // 64 * 8), "little")
        except OSError:
            return value
        return [fd for fd in range(count) if bits >> fd & 1][:STRUCT_LIMIT]

    def text(self, data: Data, texts: Mapping[int, str] = NO_TEXTS) -> str:
        shown = data["given"] if isinstance(data, dict) else data
        if isinstance(shown, list):
            return array_text(shown, lambda fd: fd_text(fd, texts), between=" ")
        return hex(shown) if isinstance(shown, int) else strace_text(shown)

    def aside(self, data: Data, result: int) -> str:
        if not isinstance(data, dict) or not data["left"]:
            return ""
        return f"{self.which} {array_text(data['left'], str, between=' ')}"


class EpollEventIn(Arg):
    """One struct epoll_event of epoll_ctl(2); EPOLL_CTL_DEL has none."""

    phase = "in"

    def __init__(self, operation: str) -> None:
        self.uses = (operation,)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        if used[0] == EpollOp.EPOLL_CTL_DEL:
            return value
        try:
            events, data = _EVENT.unpack(thread.memory.read(value, _EVENT.size))
        except OSError:
            return value
        return {"events": Epoll.text(events), "data": data}

    def text(self, data: Data) -> str:
        return _event_text(data)


class EpollEventsOut(Arg):
    """The array of struct epoll_event that epoll_wait(2) fills in: as many as the result says."""

    phase = "out"
    uses = ("result",)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if used[0] < 0 or not value:
            return value or None
        try:
            raw = thread.memory.read(value, min(used[0], STRUCT_LIMIT) * _EVENT.size)
        except OSError:
            return value
        return [{"events": Epoll.text(events), "data": data} for events, data in _EVENT.iter_unpack(raw)]

    def text(self, data: Data) -> str:
        if isinstance(data, list):
            return array_text(data, _event_text)
        return _event_text(data)


def _event_text(data: Data) -> str:
    if isinstance(data, dict):
        return f"{{events={data['events']}, data={data['data']:#x}}}"
    return hex(data) if isinstance(data, int) else strace_text(data)
