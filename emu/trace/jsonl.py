"""The sink that writes JSON lines to a file, in large batches."""

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emu.places import Locate
from emu.trace.formatter import Formatter
from emu.trace.schema import header

BATCH = 256
"""Records that are formatted and written in one go, if the guest does not wait earlier."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class JsonLines:
    """Writes a trace to a file. Records are kept as they come and formatted later: the guest waits for neither.

    On a full disk the guest goes on: what could not be written is counted in `lost`, `note` is told once, and when there
    is room again the trace goes on with an event that says how many records are missing. Any other failure ends the
    trace. `note` hears of the loss once more at the end.
    """

    def __init__(
        self, path: str | Path, note: Callable[[str], None], locate: Locate | None = None, **run: Any
    ) -> None:
        """Opens the file, which is made or emptied, and writes the header; raises OSError when it cannot be opened."""
        self.path = str(path)
        self.lost = 0
        """How many records and events are missing in the file."""
        self._note = note
        self._formatter = Formatter(locate)
        self._held: list[Any] = []
        self._gap = 0  # of `lost`: those since the last record that was written
        self._size = 0
        self._failed = ""
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._write(_json(header(**run)) + b"\n")

    def record(self, record: tuple[Any, ...]) -> None:
        """Takes one system call."""
        held = self._held
        held.append(record)
        if len(held) >= BATCH:
            self.flush()

    def event(self, event: dict[str, Any]) -> None:
        """Takes one event."""
        self._held.append(event)

    def flush(self) -> None:
        """Formats and writes what is held."""
        held = self._held
        if not held:
            return
        text = b""
        if self._fd >= 0:
            text = self._formatter.lines(held)
            if self._gap:
                gap = {"event": "lost", "time": _time(held[0]), "count": self._gap}
                text = _json(gap) + b"\n" + text
        if self._write(text):
            self._gap = 0
        else:
            self.lost += len(held)
            self._gap += len(held)
        held.clear()

    def close(self) -> None:
        """Writes what is held and closes the file."""
        self.flush()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self.lost:
            self._note(f"trace file {self.path}: {self._failed}: {self.lost} records are missing in it")

    def _write(self, text: bytes) -> bool:
        """Whether all of the text is in the file; where not, none of it is (if the file can be cut)."""
        if self._fd < 0:
            return False
        data = memoryview(text)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as error:
            self._fails(error)
            return False
        self._size += written
        return True

    def _fails(self, error: OSError) -> None:
        first = not self._failed
        self._failed = os.strerror(error.errno or 0)
        full = error.errno in _FULL and self._regular
        if full:
            try:
                os.ftruncate(self._fd, self._size)  # no half record
                os.lseek(self._fd, self._size, os.SEEK_SET)
            except OSError:
                full = False
        if not full:
            os.close(self._fd)
            self._fd = -1
        if first:
            then = (
                "records are lost until there is room again" if full else "the trace ends here (incomplete)"
            )
            self._note(f"trace file {self.path}: {self._failed}: {then}, the guest goes on")


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _time(record: Any) -> Any:
    return record["time"] if isinstance(record, dict) else record[1]
