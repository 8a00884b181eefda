"""The records of a page in a temporary file, for who wants to go over them again and again."""

import json
import tempfile
from array import array
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from emu.trace.fields import saved_objects
from emu.trace.record import parse


class Spool:
    """Records that were put in, in that order; in memory are only their places. A context manager."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the context
        self._places = array("Q")
        self._end = 0
        self._about: dict[int, array[int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, record: dict[str, Any]) -> None:
        """Takes the next record. Raises OSError when there is no room."""
        line = json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"
        self._file.write(line)
        if record["event"] == "syscall":
            for number in {number for number in saved_objects(record) if type(number) is int}:
                self._about.setdefault(number, array("I")).append(len(self._places))
        self._places.append(self._end)
        self._end += len(line)

    def clear(self) -> None:
        """Forgets all records."""
        self._file.seek(0)
        self._file.truncate()
        self._places, self._end, self._about = array("Q"), 0, {}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """All records. One iteration at a time."""
        self._file.seek(0)
        for line in self._file:
            yield parse(line)

    def about(self, number: int) -> Iterator[dict[str, Any]]:
        """Those with this open file description among their descriptors."""
        for index in self._about.get(number, ()):
            self._file.seek(self._places[index])
            yield parse(self._file.readline())
