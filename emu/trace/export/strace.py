"""strace: the lines of `strace -f -ttt -T -y`, for the tools that read those."""

from collections.abc import Iterable
from typing import Any, BinaryIO

from emu.trace.strace import lines


def write(records: Iterable[dict[str, Any]], header: dict[str, Any], out: BinaryIO) -> list[str]:
    """Writes strace's lines; no notes."""
    for line in lines(records, header):
        out.write((line + "\n").encode("ascii", "backslashreplace"))
    return []
