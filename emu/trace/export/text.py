"""Text: the lines that `emu trace FILE` shows, with all that was kept of strings."""

from collections.abc import Iterable
from typing import Any, BinaryIO

from emu.trace.call_text import entry_of, text_of
from emu.trace.layout import COLUMN, Form, Layout


def write(records: Iterable[dict[str, Any]], header: dict[str, Any], out: BinaryIO) -> list[str]:
    """Writes a line a record, and the call chain's lines where there is one; no notes."""
    layout = Layout(Form(times="start", column=COLUMN, header=header))
    for record in records:
        if record["event"] == "syscall":
            line: str | None = layout.call(
                pid=record["pid"],
                tid=record["tid"],
                began=record["time"],
                duration=record["duration"],
                blocked=record["blocked"],
                entry=entry_of(record),
                text=text_of(record),
                result=record.get("result"),
                stack=record.get("stack") or (),
            )
        else:
            line = layout.event(record)
        if line is not None:
            out.write((line + "\n").encode("utf-8", "backslashreplace"))
    return []
