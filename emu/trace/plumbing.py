"""What the calls on descriptors do to the channels between them: who wrote what somebody read, closed, or was told of."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from emu.trace.channels import Call, Channel
from emu.trace.endpoints import Endpoints, Link
from emu.trace.holdings import ENDS, Held

_EINPROGRESS: Final = -115
_LATEST = (1 << 63) - 1
_HEAD = 32
"""Bytes of a payload by which the two ends of a connection are held against each other."""

_APART = ("MSG_OOB", "MSG_ERRQUEUE")
"""What is sent or received with these flags is no part of the stream."""


_TABLE_CALLS: Final = ENDS | {
    "close", "close_range", "dup2", "dup3", "fcntl", "ioctl", "pipe", "pipe2", "recvmmsg", "recvmsg", "socketpair", "unshare",
}  # fmt: skip
"""The calls that change a table of descriptors, but for those that make one and return it."""


class Report(NamedTuple):
    """What a poll said of one object."""

    object: int
    text: Any
    readable: bool
    ended: bool
    certain: bool = True
    """False where it may have been woken by something else (EPOLLET with EPOLLOUT)."""


class _Watched(NamedTuple):
    object: int
    text: Any
    certain: bool


class Plumbing:
    """Takes the calls of a trace in file order, and tells `link` of each edge between two of them."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._ends = Endpoints(link)
        self._tables = Held(self._let_go)
        self._watched: dict[int, dict[int, _Watched]] = {}  # by epoll object and its user's data
        self._watching: dict[int, set[int]] = {}  # by watched object

    @property
    def inside(self) -> set[int]:
        """The objects whose other end is the guest's, too."""
        return self._ends.inside

    def call(self, record: dict[str, Any]) -> None:
        """Takes a system call, whatever its arguments look like."""
        name, objects = record["name"], record.get("objects")
        handler = _HANDLERS.get(name)
        if name in _TABLE_CALLS or (objects and "result" in objects):
            self._tables.call(record)
        if handler is not None and objects:
            handler(self, _call(record), record, record["args"], objects)

    def event(self, event: dict[str, Any]) -> None:
        """Takes an event that is no call."""
        self._tables.event(event)

    def _let_go(self, record: dict[str, Any] | None, object: int) -> None:
        """A process has ended, or runs another program, and its descriptor is closed."""
        if record is None:
            pass  # it was killed: by no call that is known
        elif self._tables.is_held(object):
            self._ends.closing(_call(record), object)
        else:
            self._closed(_call(record), object)

    def distrust(self, record: dict[str, Any]) -> None:
        """Takes a call whose result is not what the kernel gave: nothing is known of its channels from now on."""
        for object in (record.get("objects") or {}).values():
            self._forget(object, record["time"])

    def _forget(self, object: Any, since: int) -> None:
        if type(object) is int:
            for channel in (self._ends.reads.get(object), self._ends.writes.get(object)):
                if channel is not None:
                    channel.void(since)

    # What makes channels

    def _pipe(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        pair = _two(args.get("pipefd"), objects.get("pipefd"))
        if record["result"] == 0 and pair:
            self._ends.pipe(call, *pair, messages="O_DIRECT" in str(args.get("flags")))

    def _pair(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        pair = _two(args.get("sv"), objects.get("sv"))
        if record["result"] == 0 and pair:
            self._ends.pair(call, *pair, messages="SOCK_STREAM" not in str(args.get("type")))

    def _eventfd(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        object, count = objects.get("result"), args.get("count")
        if type(object) is int and type(count) is int and count >= 0:
            self._ends.eventfd(call, object, count, "EFD_SEMAPHORE" in str(args.get("flags")))

    def _bind(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        path, text = _path(args.get("addr")), _text(record, "fd")
        if record["result"] == 0 and path and type(objects.get("fd")) is int and text.startswith("UNIX"):
            self._ends.bind(call, objects["fd"], path, text)

    def _connect(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        if record["result"] in (0, _EINPROGRESS) and type(objects.get("fd")) is int:
            self._ends.connect(call, objects["fd"], _path(args.get("addr")), _text(record, "fd"))

    def _accept(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        listener, object = objects.get("sockfd", objects.get("fd")), objects.get("result")
        if type(listener) is int and type(object) is int:
            self._ends.accept(call, listener, object, _text(record, "result"))

    # What flows

    def _write(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        object = objects.get("fd", objects.get("out_fd"))
        if type(object) is not int:
            return
        self._ends.seen(object, _text(record, "fd"))
        channel = self._ends.writes.get(object)
        result, name = record["result"], record["name"]
        to = _destination(args)
        if to is not None and (channel is None or channel.unit == "messages"):
            channel = self._ends.inbox(to)
        if channel is None or channel.is_void or (result is not None and result < 0):
            return
        if any(flag in str(args.get("flags")) for flag in _APART):
            channel.void(call.time)
            return
        if result is None:
            fed = channel.goes_on(call)
        elif channel.unit == "bytes":
            if name == "sendmmsg":
                channel.void(call.time)  # does not say how many bytes of the last message went
                return
            fed = channel.write(call, result, _head(args) if channel.kind == "socket" else b"")
        elif channel.unit == "ones":
            value = args.get("buf")
            if type(value) is not str or len(value) != 8:
                channel.void(call.time)
                return
            fed = channel.write(call, int.from_bytes(value.encode("latin-1", "replace"), "little"))
        elif channel.unit == "sum" and args.get("buf") == "\0" * 8:
            return  # nothing was added, no read has waited for it
        else:
            fed = channel.write(call, result if name == "sendmmsg" else 1)
        for target in fed:
            self._link(call, target, channel.kind, channel)

    def _read(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        object, result, name = objects.get("fd"), record["result"], record["name"]
        if type(object) is not int:
            return
        self._ends.seen(object, _text(record, "fd"))
        channel = self._ends.reads.get(object)
        if channel is None or channel.is_void or result is None or result < 0:
            return
        flags = str(args.get("flags"))
        if any(flag in flags for flag in _APART):
            if "MSG_OOB" in flags:
                channel.void(call.time)
            return
        size = result
        if channel.unit == "bytes" and name == "recvmmsg":
            size = _received(args.get("msgvec"), result)
            if size is None:
                channel.void(call.time)
                return
        elif channel.unit != "bytes" and name != "recvmmsg":
            size = 1
        if result == 0 and (channel.unit == "bytes" or channel.is_empty):
            self._ended(call, record, args, channel)
            return
        found = channel.read(
            call, size, _head(args) if channel.kind == "socket" else b"",
            peek="MSG_PEEK" in flags, pieces="MSG_WAITALL" in flags,
        )  # fmt: skip
        for source in found:
            self._link(source, call, channel.kind, channel)

    def _ended(self, call: Call, record: dict[str, Any], args: dict[str, Any], channel: Channel) -> None:
        if _asked(record, args):
            for source in channel.end():
                self._link(source, call, "close", channel)

    def _opaque(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        """What moves bytes in a way that is not followed: nothing is known of its channels from now on."""
        if record["name"] == "sendfile":
            self._write(call, record, args, objects)
            objects = {"in_fd": objects.get("in_fd")}
        for object in objects.values():
            self._forget(object, call.time)

    def _fcntl(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        if args.get("cmd") == "F_SETFL" and "O_DIRECT" in str(args.get("arg")).split("|"):
            self._opaque(call, record, args, objects)  # from bytes to packets

    # What ends

    def _close(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        object = objects.get("fd")
        if type(object) is int and record.get("error") != "EBADF":
            self._ends.seen(object, _text(record, "fd"))
            self._closed(call, object)

    def _dup(self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]) -> None:
        object, result = objects.get("newfd"), record["result"]
        if (
            type(object) is int
            and result is not None
            and result >= 0
            and args.get("newfd") != args.get("oldfd")
        ):
            self._closed(call, object)

    def _closed(self, call: Call, object: int) -> None:
        if self._tables.is_held(object):  # by another process, or by a duplicate
            self._ends.closing(call, object)
            return
        self._ends.closed(call, object)
        for epoll in self._watching.pop(object, ()):
            watched = self._watched.get(epoll, {})
            for data in [data for data, one in watched.items() if one.object == object]:
                del watched[data]
        for one in self._watched.pop(object, {}).values():
            self._watching.get(one.object, set()).discard(object)

    def _shutdown(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        object, how = objects.get("fd"), args.get("how")
        if type(object) is not int or record["result"] != 0:
            return
        self._ends.seen(object, _text(record, "fd"))
        writes, reads = self._ends.writes.get(object), self._ends.reads.get(object)
        if writes is not None and how in ("SHUT_WR", "SHUT_RDWR") and writes.shut is None:
            writes.shut = call
        if reads is not None and how in ("SHUT_RD", "SHUT_RDWR"):
            reads.deaf = True

    # What tells of readiness

    def _epoll_ctl(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        epoll, object, event = objects.get("epfd"), objects.get("fd"), args.get("event")
        if type(epoll) is not int or type(object) is not int or record["result"] != 0:
            return
        watched = self._watched.setdefault(epoll, {})
        if args.get("op") != "EPOLL_CTL_ADD":
            for known in [data for data, one in watched.items() if one.object == object]:
                del watched[known]
        if args.get("op") == "EPOLL_CTL_DEL" or not isinstance(event, dict):
            return
        data, events = event.get("data"), str(event.get("events")).split("|")
        if type(data) is int:
            # Two descriptors with the same data cannot be told apart.
            text = _text(record, "fd")
            certain = data not in watched and not ("EPOLLET" in events and "EPOLLOUT" in events)
            watched[data] = _Watched(object if data not in watched else -1, text, certain)
            self._watching.setdefault(object, set()).add(epoll)

    def _poll(
        self, call: Call, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> None:
        result = record["result"]
        if result is None or result <= 0:
            return
        for report in self._reports(record, args, objects):
            self._ends.seen(report.object, report.text)
            channel = self._ends.reads.get(report.object)
            if channel is None:
                if report.readable and str(report.text).startswith(("TCP", "UNIX")):
                    self._ends.polled(call, report.object)
            elif report.readable and not channel.is_empty:
                source = channel.first(call)
                if source is not None and (report.certain or not call.blocked):
                    self._link(source, call, "poll", channel)
            elif report.ended and channel.unit == "bytes":
                for source in channel.end():
                    self._link(source, call, "poll", channel)

    def _reports(
        self, record: dict[str, Any], args: dict[str, Any], objects: dict[str, Any]
    ) -> Iterator[Report]:
        fds = record.get("fds")
        if "epfd" in args:
            watched = self._watched.get(objects.get("epfd", -1), {})
            for one in _dicts(args.get("events")):
                data = one.get("data")
                found = watched.get(data) if type(data) is int else None
                if found is not None and found.object >= 0:
                    readable, ended = _bits(one.get("events"), "EPOLL")
                    yield Report(found.object, found.text, readable, ended, found.certain)
        elif "readfds" in args:
            given = args["readfds"]
            given = given.get("left") if isinstance(given, dict) else given
            for fd in given if isinstance(given, list) else ():
                object, text = _member(objects, "readfds", fd), _member(fds, "readfds", fd)
                if type(object) is int:
                    yield Report(object, text, True, False)
        else:
            for one in _dicts(args.get("fds")):
                object = _member(objects, "fds", one.get("fd"))
                if type(object) is int and one.get("revents") != "0":
                    text = _member(fds, "fds", one.get("fd"))
                    yield Report(object, text, *_bits(one.get("revents"), "POLL"))


def _call(record: dict[str, Any]) -> Call:
    time = record["time"]
    end = min(time + record["duration"], _LATEST)
    return Call(record["sequence"], record["tid"], time, end, record["blocked"])


def _bits(events: Any, prefix: str) -> tuple[bool, bool]:
    """Whether there was something to read, and whether the other end had gone."""
    names = str(events).split("|")
    ended = f"{prefix}HUP" in names or f"{prefix}RDHUP" in names
    return f"{prefix}IN" in names or f"{prefix}RDNORM" in names, ended


def _member(described: Any, argument: str, fd: Any) -> Any:
    inside = described.get(argument) if isinstance(described, dict) else None
    return inside.get(str(fd)) if isinstance(inside, dict) else None


def _dicts(data: Any) -> list[dict[str, Any]]:
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _two(fds: Any, objects: Any) -> tuple[int, int] | None:
    """The objects of an array of two descriptors."""
    if not isinstance(fds, list) or len(fds) != 2 or not isinstance(objects, dict):
        return None
    one, other = (objects.get(str(fd)) for fd in fds)
    return (one, other) if type(one) is int and type(other) is int else None


def _text(record: dict[str, Any], argument: str) -> str:
    fds = record.get("fds")
    text = fds.get(argument) if fds else None
    return text if type(text) is str else ""


def _path(address: Any) -> str | None:
    path = address.get("sun_path") if isinstance(address, dict) else None
    return path if type(path) is str else None


def _destination(args: dict[str, Any]) -> str | None:
    """The Unix socket that a message is sent to by name."""
    message = args.get("msg")
    return _path(args.get("dest_addr")) or (
        _path(message.get("msg_name")) if isinstance(message, dict) else None
    )


def _head(args: dict[str, Any]) -> bytes:
    """The first bytes of what was moved, as far as they stand in one piece."""
    data = args.get("buf")
    if data is None:
        message = args.get("msg")
        vectors = message.get("msg_iov") if isinstance(message, dict) else args.get("iov")
        first = vectors[0] if isinstance(vectors, list) and vectors else None
        data = first.get("iov_base") if isinstance(first, dict) else None
    if isinstance(data, dict):
        data = data.get("bytes")
    return data[:_HEAD].encode("latin-1", "replace") if type(data) is str else b""


def _received(messages: Any, count: int) -> int | None:
    sizes = [one.get("msg_len") for one in _dicts(messages)[:count]]
    whole = len(sizes) == count and all(type(size) is int and size >= 0 for size in sizes)
    return sum(size for size in sizes if size) if whole else None


def _asked(record: dict[str, Any], args: dict[str, Any]) -> bool:
    """Whether a read that got nothing had room for something."""
    message = args.get("msg")
    vectors = message.get("msg_iov") if isinstance(message, dict) else args.get("iov")
    if vectors is None:
        return bool(record["registers"][2])
    return any(one.get("iov_len") for one in _dicts(vectors))


_Handler = Callable[[Plumbing, Call, dict[str, Any], dict[str, Any], dict[str, Any]], None]

_HANDLERS: Final[dict[str, _Handler]] = {
    **dict.fromkeys(("pipe", "pipe2"), Plumbing._pipe),
    "socketpair": Plumbing._pair,
    **dict.fromkeys(("eventfd", "eventfd2"), Plumbing._eventfd),
    "bind": Plumbing._bind,
    "connect": Plumbing._connect,
    **dict.fromkeys(("accept", "accept4"), Plumbing._accept),
    **dict.fromkeys(("write", "writev", "pwritev2", "sendto", "sendmsg", "sendmmsg"), Plumbing._write),
    **dict.fromkeys(("read", "readv", "preadv2", "recvfrom", "recvmsg", "recvmmsg"), Plumbing._read),
    **dict.fromkeys(("sendfile", "splice", "tee", "vmsplice", "copy_file_range"), Plumbing._opaque),
    "fcntl": Plumbing._fcntl,
    "close": Plumbing._close,
    **dict.fromkeys(("dup2", "dup3"), Plumbing._dup),
    "shutdown": Plumbing._shutdown,
    "epoll_ctl": Plumbing._epoll_ctl,
    **dict.fromkeys(
        ("poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"), Plumbing._poll
    ),
}
