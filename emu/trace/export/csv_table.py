"""CSV (RFC 4180): one row a record, for spreadsheets and data frames."""

import csv
import io
from collections.abc import Iterable
from typing import Any, BinaryIO

from emu.trace.export.flat import compact, descriptor, rest_of

COLUMNS = (
    "event", "sequence", "time", "duration", "blocked", "pid", "tid", "name", "fd", "descriptor", "object",
    "args", "result", "error", "unfinished", "woken_by", "function", "file", "line",
)  # fmt: skip
"""The header row. Times are nanoseconds; `args` is JSON; `fd`, `descriptor` and `object` are those of the first argument
that is a descriptor. Rows of other events have their own members, as JSON, in `args`."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_PLAIN = ("event", "sequence", "time", "duration", "blocked", "pid", "tid", "name")
_FLUSH = 1 << 18


def safe(text: Any) -> Any:
    """Text that no spreadsheet takes for a formula: what looks like one gets an apostrophe before it.

    A guest chooses the names of its files and functions, and a sheet would run `=HYPERLINK(...)`. Numbers stay as they are.
    """
    if type(text) is str and text.startswith(_FORMULA):
        return "'" + text
    return text


def write(records: Iterable[dict[str, Any]], header: dict[str, Any], out: BinaryIO) -> list[str]:
    """Writes the table; no notes."""
    held = io.StringIO(newline="")
    table = csv.writer(held, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for record in records:
        get = record.get
        row = [safe(get(member)) for member in _PLAIN]
        if record["event"] == "syscall":
            row += map(safe, descriptor(record))
            row.append(compact(record["args"]))
        else:
            row += (None, None, None, compact(rest_of(record)))
        row += (
            get("result"),
            safe(get("error")),
            1 if get("unfinished") else None,
            get("woken_by"),
            safe(get("function")),
            safe(get("file")),
            get("line"),
        )
        table.writerow(row)
        if held.tell() > _FLUSH:
            _out(held, out)
    _out(held, out)
    return []


def _out(held: io.StringIO, out: BinaryIO) -> None:
    out.write(held.getvalue().encode("utf-8", "backslashreplace"))
    held.seek(0)
    held.truncate()
