"""JSON lines: the records as they are, filtered, with the header of the trace they come from."""

import json
from collections.abc import Iterable
from typing import Any, BinaryIO


def write(records: Iterable[dict[str, Any]], header: dict[str, Any], out: BinaryIO) -> list[str]:
    """Writes a trace that every command reads; no notes."""
    out.write(json.dumps(header).encode("ascii") + b"\n")
    for record in records:
        out.write(json.dumps(record).encode("ascii") + b"\n")
    return []
