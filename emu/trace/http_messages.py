"""HTTP/1.1 messages in a stream of bytes, by h11; bodies of a known length are counted here, so that holes can be skipped."""

import re
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import h11

from emu.trace.message import Mark, Message, missing, readable, sized

LARGEST_HEAD: Final = 1 << 20
"""Bytes of the longest head that is waited for."""

_ENDLESS = 1 << 63
_REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) ")
_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH")
_RESPONSE = b"HTTP/1."

Emit = Callable[[Message, Mark], None]


class Exchange:
    """What the two directions of a connection must know of each other."""

    def __init__(self) -> None:
        self.asked: deque[tuple[bytes, bytes]] = deque()
        """Of the requests without a response: the method, and what they want to upgrade to."""
        self.upgrade = ""
        """What the connection has become: "websocket", another protocol's name, "tunnel"; "" while it is HTTP."""
        self.extensions = ""


def sniff(data: bytes) -> str:
    """What a stream is that begins so: "request", "response", "" for neither, "?" when there is too little to say."""
    if _REQUEST.match(data):
        return "request"
    if data.startswith(_RESPONSE):
        return "response"
    starts = (*(method + b" " for method in _METHODS), _RESPONSE)
    return "?" if any(start.startswith(data) for start in starts) else ""


class Messages:
    """One direction. `feed` takes bytes as they were moved, `hole` of which follow that the trace has not kept.

    It gives back what is no HTTP any more: after an upgrade, an error (which it tells), a hole where nobody can know its
    extent. `over` says so.
    """

    def __init__(self, kind: str, incoming: bool, exchange: Exchange, emit: Emit) -> None:
        self._kind = kind
        self._incoming = incoming
        self._exchange = exchange
        self._emit = emit
        self.over = False
        self._parser: h11.Connection | None = None
        self._mark: Mark | None = None
        self._upgrades = False  # whether the current response is the last one of HTTP
        self._event: Any = None  # the head, once it is there
        self._left = 0  # of the body
        self._chunked = False
        self._head = bytearray()
        self._body = bytearray()
        self._lost = 0

    @property
    def busy(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self._event is not None or bool(self._head)

    def feed(self, data: bytes, hole: int, mark: Mark) -> tuple[bytes, int]:
        """Gives back the bytes that are no HTTP, and how many are missing behind them."""
        while not self.over and (data or hole):
            if self._mark is None:
                self._mark = mark
            if self._event is not None and not self._chunked:
                data, hole = self._count(data, hole)
            elif data:
                data = self._parse(data)
            elif not self.busy:  # whatever it is that was not kept
                self.over = True
            else:
                problem = f"{self._unfinished()}, and {sized(hole)} that the trace has not kept"
                self._tell(problem, truncated=True)
                self.over = True
        return data, hole

    def end(self) -> None:
        """Nothing more comes: what there is of a message is told."""
        if self.over:
            return
        self.over = True
        if self._event is not None and self._left == _ENDLESS and not self._chunked:
            self._tell(truncated=bool(self._lost))
        elif self.busy:
            self._tell(f"{self._unfinished()}: it ends here", truncated=bool(self._lost))

    def _unfinished(self) -> str:
        return "an incomplete body" if self._event is not None else "an incomplete head"

    def _buffered(self) -> bytes:
        return b"" if self._parser is None else bytes(self._parser.trailing_data[0])

    def _count(self, data: bytes, hole: int) -> tuple[bytes, int]:
        """Takes what is the body's, by its length. A hole that is longer than the body ends all certainty."""
        taken = min(len(data), self._left)
        if not self._lost:
            self._body += data[:taken]
        else:
            self._lost += taken  # what stands behind a hole is not shown
        data = data[taken:]
        self._left -= taken if self._left != _ENDLESS else 0
        if not data and hole:
            skipped = min(hole, self._left)
            self._lost += skipped
            hole -= skipped
            self._left -= skipped if self._left != _ENDLESS else 0
        if not self._left:
            self._tell(truncated=bool(self._lost))
        return data, hole

    def _parse(self, data: bytes) -> bytes:
        """Gives the parser more. Gives back what is not part of this head or chunked body."""
        try:
            if self._parser is None:
                self._parser = self._new_parser()
            if self._event is None:
                self._head += data
            self._parser.receive_data(data)
            while True:
                event = self._parser.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return b""
                if isinstance(event, h11.Data):
                    self._body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    return self._done()
                elif isinstance(event, h11.Request | h11.Response | h11.InformationalResponse):
                    rest = self._headed(event)
                    if rest is not None:
                        return rest
                else:
                    return self._wrong("the connection was closed in the middle")
        except h11.ProtocolError as error:
            return self._wrong(str(error))

    def _new_parser(self) -> h11.Connection:
        if self._kind == "request":
            return h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
        method, upgrade = self._exchange.asked[0] if self._exchange.asked else (b"GET", b"")
        headers = [(b"Host", b"a")]
        if upgrade:
            headers += [(b"Connection", b"Upgrade"), (b"Upgrade", upgrade)]
        if method not in (b"HEAD", b"CONNECT"):  # of the others no answer depends on which it is
            method = b"GET"
        parser.send(h11.Request(method=method, target=b"/", headers=headers))
        parser.send(h11.EndOfMessage())
        return parser

    def _headed(self, event: Any) -> bytes | None:
        """The head is complete. Gives what follows it, unless the parser is to go on with it."""
        self._event = event
        fields = {bytes(name): bytes(value) for name, value in event.headers}
        method = b"GET"
        if self._kind == "request":
            upgrade = fields.get(b"upgrade", b"")
            self._exchange.asked.append((bytes(event.method), upgrade))
            endless = False
            bodiless = False
        else:
            asked = self._exchange.asked
            informational = event.status_code < 200 and event.status_code != 101
            if asked and not informational:
                method = asked.popleft()[0]
            bodiless = event.status_code < 200 or event.status_code in (204, 304) or method == b"HEAD"
            self._switch(event, fields, method)
            bodiless = bodiless or self._upgrades
            endless = True
        if not bodiless and b"chunked" in fields.get(b"transfer-encoding", b"").lower():
            self._chunked = True
            return None
        length = fields.get(b"content-length")
        if bodiless:
            self._left = 0
        elif length is not None:
            self._left = min(int(length), _ENDLESS - 1)
        else:
            self._left = _ENDLESS if endless else 0
        rest = self._buffered()
        if not self._left:
            self._tell()
        return rest

    def _switch(self, event: Any, fields: dict[bytes, bytes], method: bytes) -> None:
        if event.status_code == 101:
            self._exchange.extensions = fields.get(b"sec-websocket-extensions", b"").decode("latin-1")
            self._exchange.upgrade = fields.get(b"upgrade", b"?").decode("latin-1").lower() or "?"
            self._upgrades = True
        elif method == b"CONNECT" and 200 <= event.status_code < 300:
            self._exchange.upgrade = "tunnel"
            self._upgrades = True

    def _done(self) -> bytes:
        rest = self._buffered()
        self._tell()
        return rest

    def _wrong(self, why: str) -> bytes:
        rest = self._buffered() if self._event is not None else b""
        self._tell(f"no HTTP: {why}")
        self.over = True
        return rest

    def _tell(self, problem: str = "", *, truncated: bool = False) -> None:
        """Tells of the current message, whole or not, and gets ready for the next."""
        mark = self._mark or Mark(-1, 0, 0)
        event, body = self._event, bytes(self._body)
        lines = (
            []
            if event is None
            else [f"{_text(name)}: {_text(value)}" for name, value in event.headers.raw_items()]
        )
        if body:
            lines += ["", readable(body)]
        if self._lost:
            lines += [missing(self._lost)]
        if event is None:
            kind, summary, body = "error", problem, bytes(self._head)
            lines = [readable(body)]
        else:
            kind = self._kind
            summary = _summary(event)
            if body or self._lost:
                summary += f", {sized(len(body) + self._lost)}"
            if problem:
                summary += f" ({problem})"
        self._emit(
            Message(
                mark.sequence, mark.time, self._incoming, kind, summary, "\n".join(lines), body, truncated
            ),
            mark,
        )
        self._parser = self._event = self._mark = None
        self._chunked, self._left, self._lost = False, 0, 0
        self._head.clear()
        self._body.clear()
        self.over = self.over or self._upgrades


def _summary(event: Any) -> str:
    version = f"HTTP/{_text(event.http_version)}"
    if isinstance(event, h11.Request):
        return f"{_text(event.method)} {_text(event.target)} {version}"
    return f"{version} {event.status_code} {_text(event.reason)}".rstrip()


def _text(data: bytes) -> str:
    return bytes(data).decode("utf-8", "backslashreplace")
