"""Exports: a trace in the forms of other tools. `export` is the one way in; each form is a module with a `write`."""

import difflib
import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from emu.trace.export.output import ExportError, opened, wrong_target

FORMATS = {
    "text": "emu.trace.export.text",
    "strace": "emu.trace.export.strace",
    "json": "emu.trace.export.json_lines",
    "chrome": "emu.trace.export.chrome",
    "pcapng": "emu.trace.export.pcapng",
    "csv": "emu.trace.export.csv_table",
    "sqlite": "emu.trace.export.sqlite",
}
"""The module of each form: `write(records, header, out) -> list[str]` writes it to a binary stream, as the records come,
and gives notes for the user."""

BINARY = frozenset({"pcapng", "sqlite"})
"""The forms that are no text: a terminal gets none of them."""

STEP = 1024
"""Records between two calls of `progress`."""


def nobody(count: int) -> None:
    """The progress that nobody watches."""


def export(
    format: str,
    records: Iterable[dict[str, Any]],
    header: dict[str, Any],
    out: str | Path | BinaryIO,
    progress: Callable[[int], None] = nobody,
    *,
    source: str | Path | None = None,
) -> list[str]:
    """Writes records in one of `FORMATS` to a file or to a binary stream; returns notes, each a line for the user.

    A regular file is there whole or not at all: on any failure what was there before stays. Devices and FIFOs are written
    into. `progress` hears, every `STEP` records, how many have been read. `source` is the file that the records come
    from: it is not overwritten.

    Raises `ExportError` with one line when the form is not known or nothing could be written; what reading the records
    raises comes through, as does BrokenPipeError.
    """
    if format not in FORMATS:
        nearest = difflib.get_close_matches(format, FORMATS, 1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(FORMATS)}"
        raise ExportError(f"no such format: {format}; {hint}")
    write = importlib.import_module(FORMATS[format]).write
    if isinstance(out, str | Path):
        path = Path(out)
        wrong = wrong_target(path, format, source)
        if wrong:
            raise ExportError(f"{path}: {wrong}")
    elif format in BINARY and out.isatty():
        raise ExportError(f"{format} is not for a terminal: name a file with -o")
    reading = _Reading(records, progress)
    try:
        if isinstance(out, str | Path):
            with opened(path) as stream:
                notes: list[str] = write(reading, header, stream)
        else:
            notes = write(reading, header, out)
            out.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if error is reading.failure:
            raise
        name = out if isinstance(out, str | Path) else "the output"
        raise ExportError(f"{name}: cannot be written: {os.strerror(error.errno or 0)}") from None
    return notes


class _Reading:
    """The records on their way: counted, and with a failure to read them told from one to write."""

    def __init__(self, records: Iterable[dict[str, Any]], progress: Callable[[int], None]) -> None:
        self._records = records
        self._progress = progress
        self.failure: OSError | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        count = 0
        try:
            for count, record in enumerate(self._records, 1):
                yield record
                if not count % STEP:
                    self._progress(count)
        except OSError as error:
            self.failure = error
            raise
        self._progress(count)
