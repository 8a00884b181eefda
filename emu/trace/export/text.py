"""Text: the lines that the live trace shows, without colours."""

from collections.abc import Iterable
from typing import Any, BinaryIO

from emu.trace.read import line
from emu.trace.text import Palette


def write(records: Iterable[dict[str, Any]], header: dict[str, Any], out: BinaryIO) -> list[str]:
    """Writes a line a record; no notes."""
    palette = Palette()
    for record in records:
        out.write((line(record, palette) + "\n").encode("utf-8", "backslashreplace"))
    return []
