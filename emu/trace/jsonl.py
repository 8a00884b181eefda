"""The sink that writes JSON lines to a file, in large batches."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emu.places import Locate, nowhere
from emu.trace.schema import Formatter, header

BATCH = 512
"""Records that are formatted and written in one go, if the guest does not wait earlier."""


class JsonLines:
    """Writes a trace to a file. Records are kept as they come and formatted later: the guest waits for neither.

    When the file cannot be written any more, `note` is told once, nothing further is kept, and the guest goes on.
    """

    def __init__(
        self, path: str | Path, note: Callable[[str], None], locate: Locate = nowhere, **run: Any
    ) -> None:
        """Opens the file, which is made or emptied, and writes the header; raises OSError when it cannot be opened."""
        self.path = str(path)
        self._note = note
        self._formatter = Formatter(locate)
        self._held: list[Any] = []
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self._write(json.dumps(header(**run)) + "\n")

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
        if held and self._fd >= 0:
            self._write(self._formatter.lines(held))
        held.clear()

    def close(self) -> None:
        """Writes what is held and closes the file."""
        self.flush()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, text: str) -> None:
        data = memoryview(text.encode("ascii"))
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            os.close(self._fd)
            self._fd = -1
            self._note(
                f"trace file {self.path}: {error.strerror}: the trace ends here (incomplete), the guest goes on"
            )
