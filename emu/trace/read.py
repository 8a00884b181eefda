"""Reads a saved trace back: checked records as plain dicts, and the line of each in strace's form."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import syscalls.calls  # noqa: F401  fills the table
from emu.trace.schema import FORMAT, VERSION
from emu.trace.text import Palette, call_line, event_line
from syscalls import numbers
from syscalls.args import Cut, Data, Flags
from syscalls.table import Syscall, lookup

MAX_LINE = 16 << 20
"""Bytes of the longest line that is read: a record is a few kilobytes."""

BYTE_MEMBERS = frozenset(
    {"iov_base", "sun_path", "sa_data", "cmsg_data", "msg_control"}
    | {"sysname", "nodename", "release", "version", "machine", "domainname"}
)
"""Members of structures whose text is bytes; all other text in structures is names."""

_INTEGERS = ("sequence", "time", "duration", "blocked", "pid", "tid", "number", "pc")


class TraceError(Exception):
    """A file that is not a trace, or is damaged; `line` counts from 1."""

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}")
        self.path = path
        self.line = line
        self.why = why


def is_trace(head: bytes) -> bool:
    """Whether a file that begins with `head` (64 bytes are enough) means to be a trace."""
    return head.lstrip().startswith(b'{"format"')


class Reader:
    """An iterator over the records of a file; `header` is the first line's object.

    Raises OSError when the file cannot be read and `TraceError` at the first line that is no record: what came before
    has been given out by then.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._file = open(path, "rb")  # noqa: SIM115 - closed by the iteration
        self._line = 0
        try:
            self.header = self._read_header()
        except BaseException:
            self._file.close()
            raise

    def _read_header(self) -> dict[str, Any]:
        found = self._next()
        if found is None:
            raise TraceError(self.path, 1, "an empty file, not a trace")
        if found.get("format") != FORMAT:
            raise TraceError(self.path, 1, f'not a trace: the first line has no "format": "{FORMAT}"')
        version = found.get("version")
        if not isinstance(version, int) or version < 1:
            raise TraceError(self.path, 1, f"not a trace version: {version!r}")
        if version > VERSION:
            raise TraceError(
                self.path, 1, f"trace version {version}; this emu reads up to {VERSION}: use a newer emu"
            )
        return found

    def _next(self) -> dict[str, Any] | None:
        line = self._file.readline(MAX_LINE)
        if not line:
            return None
        self._line += 1
        if not line.endswith(b"\n"):
            if len(line) == MAX_LINE:
                raise TraceError(self.path, self._line, "the line is too long for a record")
            raise TraceError(self.path, self._line, "the last line is cut off: was the run killed?")
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise TraceError(self.path, self._line, "not JSON: the file is damaged") from None
        if not isinstance(found, dict):
            raise TraceError(self.path, self._line, "not a JSON object: the file is damaged")
        return found

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with self._file:
            while (record := self._next()) is not None:
                why = wrong_with(record)
                if why:
                    raise TraceError(self.path, self._line, why)
                yield record


def wrong_with(record: dict[str, Any]) -> str:
    """What keeps an object from being a record, in words; empty when nothing does."""
    if not isinstance(record.get("event"), str):
        return 'no record: "event" is missing'
    if record["event"] != "syscall":
        return ""
    for member in _INTEGERS:
        if type(record.get(member)) is not int:
            return f'not a syscall record: "{member}" must be a whole number'
    registers = record.get("registers")
    if not isinstance(registers, list) or [type(value) for value in registers] != [int] * 6:
        return 'not a syscall record: "registers" must be six whole numbers'
    if not isinstance(record.get("name"), str):
        return 'not a syscall record: "name" is missing'
    if record.get("result") is not None and type(record["result"]) is not int:
        return 'not a syscall record: "result" must be a whole number or null'
    for member in ("args", "fds"):
        if not isinstance(record.get(member, {}), dict):
            return f'not a syscall record: "{member}" must be an object'
    return ""


def line(record: dict[str, Any], palette: Palette) -> str:
    """A record as the live trace would have shown it."""
    if record["event"] != "syscall":
        return event_line(palette, record)
    entry = _entry(record)
    fds = record.get("fds") or {}
    args = [
        _text(entry, name, data) + (f"<{fds[name]}>" if fds.get(name) else "")
        for name, data in record["args"].items()
    ]
    return call_line(
        palette,
        tid=record["tid"],
        entry=entry,
        args=", ".join(filter(None, args)),
        result=record["result"],
        result_fd=fds.get("result"),
        blocked=record["blocked"],
    )


def _entry(record: dict[str, Any]) -> Syscall:
    """The table's entry; for a call that this emu names differently, one that is only its name."""
    entry = lookup(record["number"])
    if entry.name != record["name"]:
        entry = lookup(getattr(numbers, record["name"], -1))
    return entry


def _text(entry: Syscall, name: str, data: Any) -> str:
    arg = entry.args.get(name)
    if arg is None:  # written by another version: show the plain data
        return json.dumps(data)
    if isinstance(data, str) and arg.holds_bytes:
        data = data.encode("latin-1", "replace")
    elif not isinstance(arg, Flags):
        data = _revive(data)
    try:
        return arg.text(data)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        return json.dumps(data, default=str)


def _revive(data: Any) -> Data:
    """JSON back to data: what stands for a cut payload becomes one again."""
    if isinstance(data, list):
        return [_revive(item) for item in data]
    if isinstance(data, dict):
        if data.keys() == {"bytes", "size"}:
            return Cut(str(data["bytes"]).encode("latin-1", "replace"), data["size"])
        return {
            key: value.encode("latin-1", "replace")
            if isinstance(value, str) and key in BYTE_MEMBERS
            else _revive(value)
            for key, value in data.items()
        }
    return data
