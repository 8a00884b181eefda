"""Which open files of a guest are the two ends of one thing: pipes and pairs as they are made, connections as they meet."""

from collections import deque
from collections.abc import Callable
from typing import Any

from emu.trace.channels import LIMIT, PIPE_BUF, Call, Channel

Link = Callable[[Call, Call, str, Channel], None]
"""Takes an edge: its source, its target, its kind, and the channel without which it does not hold."""

_EAGER = 64
"""Polls that are kept until it is known which connection they saw."""

_UNMATCHED = 4096
"""Accepted connections that are kept until it is known whether they were made in the guest."""

_UNREAD = 256
"""Writes that are kept as long as it is not known whether the reader is in the guest, too."""

_WRITES, _READS = 1, 2
_MAPPED = "[::ffff:"


class _Flow:
    """One direction of a TCP connection, and the objects at its ends as soon as they are known."""

    __slots__ = ("channel", "ends")

    def __init__(self) -> None:
        self.channel = Channel("socket", 0, "bytes", atomic=1)
        self.channel.limit = _UNREAD
        self.ends: dict[int, int] = {}


class Endpoints:
    """Objects to the channels that they write to and read from.

    The two ends of a TCP connection are found by their mirrored addresses, which the texts in `fds` tell; those of
    a Unix connection by the order in which a listening socket is connected to and accepts (unix(7)).
    """

    def __init__(self, link: Link) -> None:
        self.writes: dict[int, Channel] = {}
        self.reads: dict[int, Channel] = {}
        self.inside: set[int] = set()
        """The objects whose other end is the guest's, too."""
        self._link = link
        self._flows: dict[tuple[str, str], _Flow] = {}
        self._addresses: dict[int, tuple[str, str]] = {}
        self._connecting: dict[int, Call] = {}
        self._connected: dict[tuple[str, str], Call] = {}
        self._accepted: dict[tuple[str, str], tuple[Call, list[Call]]] = {}
        self._polled: dict[int, list[Call]] = {}
        self._bound: dict[str, int] = {}
        self._backlogs: dict[int, deque[tuple[Call, Channel, Channel]]] = {}
        self._listening: dict[int, Channel] = {}

    def pipe(self, call: Call, read: int, write: int, messages: bool) -> None:
        """A pipe; `messages` with O_DIRECT."""
        channel = Channel("pipe", call.sequence, *(("messages",) if messages else ("bytes", PIPE_BUF)))
        self.reads[read] = self.writes[write] = channel
        self.inside |= {read, write}

    def pair(self, call: Call, one: int, other: int, messages: bool) -> None:
        """A socketpair."""
        for source, target in ((one, other), (other, one)):
            channel = _unix(call, messages)
            self.writes[source] = self.reads[target] = channel
        self.inside |= {one, other}

    def eventfd(self, call: Call, object: int, initial: int, semaphore: bool) -> None:
        """An eventfd."""
        channel = Channel("eventfd", call.sequence, "ones" if semaphore else "sum", initial=initial)
        self.reads[object] = self.writes[object] = channel
        self.inside.add(object)

    def seen(self, object: int, text: Any) -> None:
        """An object was shown with a text, which may tell that it is an end of a TCP connection."""
        if object in self._addresses or type(text) is not str or not text.startswith("TCP "):
            return
        local, arrow, remote = text[4:].partition("->")
        if not arrow:
            local, arrow, remote = text[4:].partition("<-")
        if not arrow:
            return
        local, remote = _plain(local), _plain(remote)
        self._addresses[object] = local, remote
        self.writes[object] = self._flow((local, remote), _WRITES, object)
        self.reads[object] = self._flow((remote, local), _READS, object)
        call = self._connecting.pop(object, None)
        if call is not None:
            self._begins_at(object, call)
            accepted = self._accepted.pop((remote, local), None)
            if accepted is None:
                self._connected[remote, local] = call
            else:
                self._meet(call, *accepted, self.writes[object])

    def _flow(self, key: tuple[str, str], end: int, object: int) -> Channel:
        flow = self._flows.get(key)
        if flow is None or flow.ends.get(end, object) != object:  # the addresses are used again
            flow = self._flows[key] = _Flow()
        flow.ends[end] = object
        if len(flow.ends) == 2:
            flow.channel.limit = LIMIT
            self.inside.update(flow.ends.values())
        return flow.channel

    def _begins_at(self, object: int, call: Call) -> None:
        for channel in (self.writes[object], self.reads[object]):
            channel.since = call.sequence

    def bind(self, call: Call, object: int, path: str, text: str) -> None:
        """A Unix socket has got a name."""
        self._bound[path] = object
        self._listening[object] = Channel("connect", call.sequence, "messages")
        if "DGRAM" in text and object not in self.reads:
            self.reads[object] = _unix(call, messages=True)

    def connect(self, call: Call, object: int, path: str | None, text: str) -> None:
        """A socket is connected, or begins to be; `path` of a Unix socket."""
        if text.startswith("TCP"):
            self.seen(object, text)
            if object not in self._addresses:
                self._connecting.setdefault(
                    object, call
                )  # not the second one, which asks how the first one went
            return
        listener = self._bound.get(path or "")
        if listener is None:
            return
        if "DGRAM" in text:
            self.writes[object] = self.reads.setdefault(listener, _unix(call, messages=True))
            return
        to, back = (_unix(call, "SEQPACKET" in text) for _ in range(2))
        self.writes[object], self.reads[object] = to, back
        self.inside.add(object)
        self._backlogs.setdefault(listener, deque()).append((call, to, back))

    def accept(self, call: Call, listener: int, object: int, text: Any) -> None:
        """A connection was accepted."""
        polls = self._polled.pop(listener, [])
        self.seen(object, text)
        address = self._addresses.get(object)
        if address is not None:
            source = self._connected.pop(address, None)
            if source is None:
                # A connect that waits is complete after the connection was accepted, perhaps after it was closed.
                self._accepted[address] = call, polls
                if len(self._accepted) > _UNMATCHED:
                    del self._accepted[next(iter(self._accepted))]
            else:
                self._meet(source, call, polls, self.reads[object])
            return
        waiting = self._backlogs.get(listener)
        if waiting:
            source, to, back = waiting.popleft()
            self.reads[object], self.writes[object] = to, back
            self.inside.add(object)
            self._meet(source, call, polls, self._listening[listener])
        elif listener in self._listening:
            self._listening[listener].void(call.time)  # somebody else connects here, too
            self._backlogs[listener] = deque(maxlen=0)

    def _meet(self, source: Call, accept: Call, polls: list[Call], channel: Channel) -> None:
        self._link(source, accept, "connect", channel)
        for poll in polls:
            self._link(source, poll, "poll", channel)

    def polled(self, call: Call, listener: int) -> None:
        """A poll has reported a socket that listens: it saw the connection that is accepted next."""
        polls = self._polled.setdefault(listener, [])
        if len(polls) < _EAGER:
            polls.append(call)

    def inbox(self, path: Any) -> Channel | None:
        """What is read by the datagram socket with this name."""
        return self.reads.get(self._bound.get(path, 0)) if type(path) is str else None

    def closing(self, call: Call, object: int) -> None:
        """A descriptor of an object was closed, and there are more."""
        channel = self.writes.get(object)
        if channel is not None and channel.unit not in ("sum", "ones"):
            channel.closers.append(call)

    def closed(self, call: Call, object: int) -> None:
        """The last descriptor of an object was closed, as far as is known."""
        self.closing(call, object)
        self._polled.pop(object, None)
        address = self._addresses.get(object)
        if address is not None and not self._connecting:
            self._forget(object, address)

    def _forget(self, object: int, address: tuple[str, str]) -> None:
        """A connection whose other end is outside has nothing more to tell."""
        local, remote = address
        flows = [self._flows.get(key) for key in ((local, remote), (remote, local))]
        if all(flow is not None and len(flow.ends) == 1 and object in flow.ends.values() for flow in flows):
            del self._flows[local, remote], self._flows[remote, local]
            for channel in (self.writes[object], self.reads[object]):
                channel.lose()


def _unix(call: Call, messages: bool) -> Channel:
    if messages:
        return Channel("socket", call.sequence, "messages")
    return Channel("socket", call.sequence, "bytes", atomic=1)


def _plain(address: str) -> str:
    """An address as both families write it: a socket of IPv6 may have a peer of IPv4."""
    if address.startswith(_MAPPED) and "." in address:
        host, _, port = address[len(_MAPPED) :].partition("]")
        return host + port
    return address
