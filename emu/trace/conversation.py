"""What was said on one socket, pipe or the like: HTTP messages, WebSocket frames, or the bytes as they were moved.

Only what the trace has kept is decoded. Where bytes are missing (a payload limit, sendfile), a body or a frame whose length is
known is shown with the gap; anything else goes on as bytes from there, as nobody can say where the next message begins.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from emu.trace.export.transfer import transfers
from emu.trace.http_messages import Exchange, Messages, sniff
from emu.trace.message import Mark, Message, missing, readable, sized
from emu.trace.websocket_frames import Frames

__all__ = ["Message", "conversation"]

_DATAGRAMS = ("UDP", "UNIX DGRAM", "UNIX SEQPACKET", "IP")
_MOVES = ("fd", "out_fd")


def conversation(records: Iterable[Mapping[str, Any]], object: int) -> list[Message]:
    """The messages on the open file with this number (`objects` in a record), in the order in which they began.

    `records` are in file order; those of other objects do no harm. Nothing that stands in them raises.
    """
    talk = _Talk()
    for record in records:
        if record["event"] == "syscall" and _is_on(record, object):
            talk.record(record, object)
    return talk.messages()


def _is_on(record: Mapping[str, Any], object: int) -> bool:
    objects = record.get("objects") or {}
    return any(objects.get(argument) == object for argument in _MOVES)


class _Talk:
    """Both directions of one connection."""

    def __init__(self) -> None:
        self._found: list[tuple[Mark, Message]] = []
        self._exchange = Exchange()
        self._sides = {incoming: _Side(incoming, self._exchange, self._emit) for incoming in (True, False)}
        self._turn = 0

    def messages(self) -> list[Message]:
        for side in self._sides.values():
            side.end()
        # A message is told when it is complete, but stands where it began.
        return [message for _, message in sorted(self._found, key=lambda one: one[0].turn)]

    def _emit(self, message: Message, mark: Mark) -> None:
        self._found.append((mark, message))

    def record(self, record: Mapping[str, Any], object: int) -> None:
        name, result = record["name"], record["result"]
        self._turn += 1
        mark = Mark(record["sequence"], record["time"] + record["duration"], self._turn)
        texts = record.get("fds") or {}
        text = next((texts.get(argument) for argument in _MOVES if argument in texts), "")
        whole = isinstance(text, str) and text.startswith(_DATAGRAMS)
        for transfer in transfers(dict(record)):
            side = self._sides[transfer.incoming]
            lost = transfer.size - len(transfer.data)
            if whole:
                side.datagram(transfer.data, lost, mark)
            elif transfer.size:
                side.feed(transfer.data, lost, mark)
            elif transfer.incoming and _had_room(record):
                self._ends(True, "the other side sends no more", mark)
        if record.get("error") in ("ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNREFUSED"):
            self._say(name not in _SENDERS, "error", f"{name}: {record['error']}", mark)
        elif name == "shutdown" and result == 0:
            how = record["args"].get("how")
            if how in ("SHUT_WR", "SHUT_RDWR"):
                self._ends(False, "this side sends no more", mark)
        elif name == "close" and result == 0:
            self._say(False, "end", "a descriptor is closed", mark)

    def _ends(self, incoming: bool, summary: str, mark: Mark) -> None:
        self._sides[incoming].end()
        self._say(incoming, "end", summary, mark)

    def _say(self, incoming: bool, kind: str, summary: str, mark: Mark) -> None:
        self._emit(Message(mark.sequence, mark.time, incoming, kind, summary, "", b"", False), mark)


_SENDERS = frozenset({"write", "writev", "sendto", "sendmsg", "sendmmsg", "sendfile"})


def _had_room(record: Mapping[str, Any]) -> bool:
    """Whether a call that received nothing had asked for something: otherwise it says nothing of the end."""
    return record["name"] not in ("read", "recvfrom") or bool(record["registers"][2])


class _Side:
    """One direction: what it is shows in its first bytes, or in what the other one says."""

    def __init__(self, incoming: bool, exchange: Exchange, emit: Any) -> None:
        self._incoming = incoming
        self._exchange = exchange
        self._emit = emit
        self._first: list[tuple[bytes, int, Mark]] = []
        self._known = False
        self._http: Messages | None = None
        self._frames: Frames | None = None

    def feed(self, data: bytes, lost: int, mark: Mark) -> None:
        """More bytes of a stream, and how many the trace has not kept behind them."""
        if self._known:
            self._decode(data, lost, mark)
            return
        self._first.append((data, lost, mark))
        kind = sniff(b"".join(piece for piece, *_ in self._first))
        if kind != "?" or lost:
            self._decide(kind)

    def datagram(self, data: bytes, lost: int, mark: Mark) -> None:
        """A message with bounds of its own."""
        self._raw(data, lost, mark)

    def end(self) -> None:
        """Nothing more comes."""
        if not self._known:
            self._decide("")
        if self._http is not None and not self._http.over:
            self._http.end()
        if self._frames is not None:
            self._frames.end()

    def _decide(self, kind: str) -> None:
        self._known = True
        if kind in ("request", "response"):
            self._http = Messages(kind, self._incoming, self._exchange, self._emit)
        first, self._first = self._first, []
        for piece in first:
            self._decode(*piece)

    def _decode(self, data: bytes, lost: int, mark: Mark) -> None:
        if self._http is not None and not self._http.over and not self._has_switched():
            data, lost = self._http.feed(data, lost, mark)
        if (data or lost) and self._has_switched() and self._exchange.upgrade == "websocket":
            if self._frames is None:
                self._frames = Frames(self._incoming, self._emit, self._exchange.extensions)
            data, lost = self._frames.feed(data, lost, mark)
        if data or lost:
            self._raw(data, lost, mark)

    def _has_switched(self) -> bool:
        """Whether this is HTTP no more; what the answer to a request decides for both directions."""
        return bool(self._exchange.upgrade) and self._http is not None and not self._http.busy

    def _raw(self, data: bytes, lost: int, mark: Mark) -> None:
        detail = readable(data) if data else ""
        if lost:
            detail = f"{detail}\n{missing(lost)}".lstrip()
        self._emit(
            Message(
                mark.sequence, mark.time, self._incoming, "bytes", sized(len(data) + lost), detail, data, lost > 0
            ),
            mark,
        )  # fmt: skip
