"""WebSocket frames in a stream of bytes (RFC 6455), unmasked, joined and inflated as far as the bytes are there."""

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from emu.trace.message import Mark, Message, missing, readable, sized

OPCODES: Final = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
"""RFC 6455, section 5.2."""

INFLATED: Final = 1 << 20
"""Bytes up to which a compressed message is inflated: a small one may stand for gigabytes."""

_TAIL = b"\x00\x00\xff\xff"
_SHORT = 60
_NOWHERE = 1 << 63


class Frames:
    """One direction. `feed` takes bytes as they were moved, `hole` of which follow that the trace has not kept.

    `emit` gets a message a frame. A hole in a payload is skipped, as its length is known; one in the head of a frame ends the
    decoding: `feed` then gives back what it cannot use, and goes on doing so.
    """

    def __init__(self, incoming: bool, emit: Callable[[Message, Mark], None], extensions: str = "") -> None:
        self._incoming = incoming
        self._emit = emit
        self._buffer = bytearray()
        self._mark: Mark | None = None
        self._lost = False
        self._skip = 0  # bytes of the payload at the front that are known to be missing
        self._cut = _NOWHERE  # where in the buffer the first of them is: what stands behind is not shown
        self._parts: list[bytes] = []  # of a fragmented message
        self._compressed = False  # whether that is compressed
        self._whole = True
        self._inflate = _Inflate(extensions) if "permessage-deflate" in extensions else None

    def feed(self, data: bytes, hole: int, mark: Mark) -> tuple[bytes, int]:
        """Gives the bytes that are no frames, and how many of them are missing behind: nothing as long as all is well."""
        if self._lost:
            return data, hole
        self._add(data, mark)
        if not hole:
            return b"", 0
        head = self._head()
        if head is not None and hole <= head[0] + head[1] - len(self._buffer) - self._skip:
            self._cut = min(self._cut, len(self._buffer))
            self._skip += hole
            self._add(b"", mark)
            return b"", 0
        self.end()
        return b"", hole

    def end(self) -> None:
        """No more frames come: what there is of one is told."""
        if self._buffer and not self._lost:
            self._tell(
                f"an incomplete frame, {sized(len(self._buffer))}", readable(bytes(self._buffer)), bytes(self._buffer),
                truncated=True,
            )  # fmt: skip
        self._lost = True

    def _head(self) -> tuple[int, int, bytes] | None:
        """Of the frame at the front: the length of its head, of its payload, and the mask; None when it is not all there."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, at = buffer[1] & 0x7F, 2
        if size >= 126:
            at += 2 if size == 126 else 8
            size = int.from_bytes(buffer[2:at], "big")
        mask = b""
        if buffer[1] & 0x80:
            mask = bytes(buffer[at : at + 4])
            at += 4
        return (at, size, mask) if len(buffer) >= at else None

    def _add(self, data: bytes, mark: Mark) -> None:
        """Takes more bytes, and tells of the frames that are now all there but for what is known to be missing."""
        if not self._buffer:
            self._mark = mark
        self._buffer += data
        while (head := self._head()) is not None:
            at, size, key = head
            have = at + size - self._skip
            if len(self._buffer) < have:
                return
            first = self._buffer[0]
            payload = bytes(self._buffer[at : min(have, self._cut)])
            del self._buffer[:have]
            self._skip, self._cut = 0, _NOWHERE
            self._describe(first, size, _unmasked(payload, key), size - len(payload))
            self._mark = mark

    def _describe(self, first: int, size: int, payload: bytes, lost: int) -> None:
        opcode, final = first & 15, bool(first & 0x80)
        name = OPCODES.get(opcode, f"reserved opcode {opcode}")
        wrong = list(self._wrong(first, size))
        if opcode >= 8:
            summary, detail = _control(name, opcode, payload, size)
        else:
            if opcode:
                self._parts, self._compressed, self._whole = [], bool(first & 0x40), True
            self._parts.append(payload)
            self._whole = self._whole and not lost
            body = b"".join(self._parts) if final else payload
            notes = (
                [] if final and opcode else [("last" if final else "first" if opcode else "next") + " part"]
            )
            if self._compressed:
                inflated = self._inflated(body) if final else None
                notes.append("compressed (permessage-deflate)" if inflated is None else "permessage-deflate")
                body = body if inflated is None else inflated
                payload = body
            if final:
                self._parts = []
            summary, detail = _described(name, body, size, notes), readable(body)
        if lost:
            detail += "\n" + missing(lost)
        if wrong:
            summary += f" (wrong: {', '.join(wrong)})"
        self._tell(summary, detail, payload, truncated=bool(lost))

    def _inflated(self, body: bytes) -> bytes | None:
        if self._inflate is None:
            return None
        if not self._whole:
            self._inflate = None  # what follows refers to what is missing
            return None
        found = self._inflate.message(body)
        if found is None:
            self._inflate = None
        return found

    def _wrong(self, first: int, size: int) -> Iterator[str]:
        """What RFC 6455 forbids of a frame."""
        opcode = first & 15
        if opcode not in OPCODES:
            yield "unknown opcode"
        if first & 0x30 or (first & 0x40 and self._inflate is None and not self._compressed):
            yield "reserved bits are set"
        if opcode >= 8 and (size > 125 or not first & 0x80):
            yield "a control frame is short and in one part"
        if opcode == 0 and not self._parts:
            yield "nothing to continue"

    def _tell(self, summary: str, detail: str, data: bytes, *, truncated: bool) -> None:
        mark = self._mark or Mark(-1, 0, 0)
        self._emit(
            Message(mark.sequence, mark.time, self._incoming, "websocket", summary, detail, data, truncated),
            mark,
        )


class _Inflate:
    """permessage-deflate (RFC 7692), one direction."""

    def __init__(self, extensions: str) -> None:
        self._keeps = "no_context_takeover" not in extensions
        self._stream = zlib.decompressobj(-15)

    def message(self, data: bytes) -> bytes | None:
        """The inflated message; None when it cannot be, or is too long."""
        if not self._keeps:
            self._stream = zlib.decompressobj(-15)
        try:
            found = self._stream.decompress(data + _TAIL, INFLATED)
        except zlib.error:
            return None
        return None if self._stream.unconsumed_tail else found


def _described(name: str, body: bytes, size: int, notes: list[str]) -> str:
    if name == "text" and not notes:
        text = body[: _SHORT * 4].decode("utf-8", "backslashreplace")
        short = text if len(text) <= _SHORT and len(body) <= _SHORT * 4 else text[:_SHORT] + "..."
        return f"text {short!r}"
    return ", ".join([f"{name} {sized(size)}", *notes])


def _control(name: str, opcode: int, payload: bytes, size: int) -> tuple[str, str]:
    if opcode == 8 and len(payload) >= 2:
        reason = payload[2:].decode("utf-8", "backslashreplace")
        code = int.from_bytes(payload[:2], "big")
        return f"close {code}{f' {reason!r}' if reason else ''}", reason
    return f"{name} {sized(size)}" if size else name, readable(payload)


def _unmasked(data: bytes, mask: bytes) -> bytes:
    if not mask or not data:
        return data
    key = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(len(data), "big")
