"""Argument types of poll, select and epoll: sets of descriptors and the events on them."""

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from syscalls.args import NO_TEXTS, STRUCT_LIMIT, Arg, Data, Described, Holding, WithFds, fd_text, strace_text
from syscalls.describe import Shown, describe_all
from syscalls.flags.polling import Epoll, EpollOp, Poll

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

    def text(self, data: Data, texts: Mapping[int, str] = NO_TEXTS) -> str:
        if not isinstance(data, list):
            return hex(data) if isinstance(data, int) else strace_text(data)
        parts = []
        for one in data:
            revents = f", revents={one['revents']}" if one["revents"] != "0" else ""
            parts.append(f"{{fd={fd_text(one['fd'], texts)}, events={one['events']}{revents}}}")
        return "[" + ", ".join(parts) + "]"


class FdSetArg(Arg):
    """An fd_set of select(2) as the list of its descriptors; `phase` "in" as given, "out" as left."""

    holds_fds = True

    def __init__(self, count: str, phase: str) -> None:
        self.uses = (count,)
        self.phase = phase  # type: ignore[misc]

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        count = min(max(used[0], 0), 4096)
        try:
            bits = int.from_bytes(thread.memory.read(value, (count + 63) // 64 * 8), "little")
        except OSError:
            return value
        fds = [fd for fd in range(count) if bits >> fd & 1][:STRUCT_LIMIT]
        return WithFds(fds, fds, describe_all(thread, fds))

    def text(self, data: Data, texts: Mapping[int, str] = NO_TEXTS) -> str:
        if isinstance(data, list):
            return "[" + " ".join([fd_text(fd, texts) for fd in data]) + "]"
        return hex(data) if isinstance(data, int) else strace_text(data)


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
            return "[" + ", ".join(_event_text(one) for one in data) + "]"
        return _event_text(data)


def _event_text(data: Data) -> str:
    if isinstance(data, dict):
        return f"{{events={data['events']}, data={data['data']:#x}}}"
    return hex(data) if isinstance(data, int) else strace_text(data)
