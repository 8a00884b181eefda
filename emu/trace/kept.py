"""The sink that keeps a trace in memory, for programs that drive a machine and look at what it did."""

import json
from typing import Any

import msgspec

from emu.places import Locate
from emu.trace.formatter import Formatter

_decode_lines = msgspec.json.Decoder().decode_lines


class Kept:
    """Keeps everything. `records()` may be called at any time, from any host thread."""

    def __init__(self, locate: Locate | None = None) -> None:
        self._formatter = Formatter(locate)
        self._held: list[Any] = []
        self._read: list[dict[str, Any]] = []

    def record(self, record: tuple[Any, ...]) -> None:
        """Takes one system call."""
        self._held.append(record)

    def event(self, event: dict[str, Any]) -> None:
        """Takes one event."""
        self._held.append(event)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is to be let go of: the records outlive the run."""

    def records(self) -> list[dict[str, Any]]:
        """The records so far, in the order in which they were completed: the objects of docs/trace-format.md."""
        held = self._held
        read = self._read
        fresh = held[len(read) :]
        lines = self._formatter.lines(fresh)
        try:
            read.extend(_decode_lines(lines))
        except ValueError:  # a path that is no UTF-8 (PEP 383)
            read.extend(json.loads(line) for line in lines.splitlines())
        return list(read)
