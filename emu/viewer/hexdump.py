"""Bytes as offset, hexadecimal and characters."""

from collections.abc import Iterator

LARGEST = 4096
"""Bytes that are shown of one buffer."""


def hexdump(data: bytes, columns: int) -> Iterator[tuple[str, str, str]]:
    """Lines of at most `columns` characters in three parts: offset, bytes in hexadecimal, printable characters."""
    size = 16 if columns >= 74 else 8 if columns >= 40 else 4
    for at in range(0, min(len(data), LARGEST), size):
        part = data[at : at + size]
        halves = (part[:8].hex(" "), part[8:].hex(" "))
        words = "  ".join(half for half in halves if half)
        width = size * 3 - 1 + (size > 8)
        shown = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in part)
        yield f"{at:04x}  ", f"{words:<{width}}  ", shown
