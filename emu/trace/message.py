"""One message of a conversation, and bytes made readable."""

from typing import NamedTuple

SHOWN = 4096
"""Bytes of a message that `detail` shows."""

_ROW = 16


class Mark(NamedTuple):
    """The call in which a piece of data was moved: its sequence number and when it ended (nanoseconds); `turn` counts pieces."""

    sequence: int
    time: int
    turn: int


class Message(NamedTuple):
    """What one side said.

    `sequence` and `time` (nanoseconds since the start of the run) are of the call that moved its first byte. `kind` is
    "request", "response", "websocket", "bytes", "end" or "error". `summary` is one line, `detail` any number of them.
    `data` is the body, the frame's payload (unmasked, inflated) or the bytes themselves, as far as the trace kept them;
    `truncated` says that some of it is missing.
    """

    sequence: int
    time: int
    incoming: bool
    kind: str
    summary: str
    detail: str
    data: bytes
    truncated: bool


def readable(data: bytes) -> str:
    """Text as text, anything else as a hexdump, at most `SHOWN` bytes of it."""
    shown = data[:SHOWN]
    text = _text(shown, cut=len(data) > SHOWN)
    lines = text if text is not None else "\n".join(_hexdump(shown))
    if len(data) > SHOWN:
        lines += f"\n[{len(data) - SHOWN} more bytes]"
    return lines


def missing(count: int) -> str:
    """What is said of bytes that the trace has not kept."""
    return f"[{count} bytes are not in the trace: it keeps the first ones of each buffer (--payload)]"


def sized(count: int) -> str:
    """A number of bytes in words."""
    return "1 byte" if count == 1 else f"{count} bytes"


def _text(data: bytes, *, cut: bool) -> str | None:
    """The data as text; None when it is none."""
    for end in range(len(data), max(len(data) - 4, -1), -1):
        try:
            text = data[:end].decode()
        except UnicodeDecodeError:
            if not cut:
                return None
            continue
        return text if all(char.isprintable() or char in "\r\n\t" for char in text) else None
    return None


def _hexdump(data: bytes) -> list[str]:
    lines = []
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:06x}  {row.hex(' '):<{_ROW * 3 - 1}}  {text}")
    return lines
