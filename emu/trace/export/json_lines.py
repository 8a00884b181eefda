"""JSON lines: the records as they are, filtered, with the header of the trace they come from."""

from collections.abc import Iterable
from typing import Any, BinaryIO

from emu.trace.export.flat import compact


def write(records: Iterable[dict[str, Any]], header: dict[str, Any], out: BinaryIO) -> list[str]:
    """Writes a trace that every command reads; no notes."""
    out.write(compact(header).encode() + b"\n")
    for record in records:
        out.write(compact(record).encode() + b"\n")
    return []
