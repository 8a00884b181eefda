"""The progress bar of a long export: on a terminal's stderr only, and only once it has taken a while."""

import contextlib
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

PATIENCE = 1.0
"""Seconds without a bar."""

_EVERY = 0.1


class Source(Protocol):
    """What is being read: `emu.trace.read.Reader`, for one."""

    position: int
    size: int


@contextlib.contextmanager
def shown(source: Source, wanted: bool = True) -> Iterator[Callable[[int], None]]:
    """Gives a `progress` for `export`, which draws how much of the source has been read; the bar is gone at the end.

    Nothing is drawn when it is not `wanted`, stderr is no terminal, or the source's size is not known (a FIFO).
    """
    if not wanted or not source.size or not sys.stderr.isatty():
        yield lambda count: None
        return
    bar = _Bar(source)
    try:
        yield bar.progress
    finally:
        bar.end()


class _Bar:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._next = time.monotonic() + PATIENCE
        self._display: Any = None
        self._task: Any = None

    def progress(self, count: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY
        if self._display is None:
            rich = importlib.import_module("rich.progress")  # takes a while to load
            console = importlib.import_module("rich.console").Console(stderr=True)
            self._display = rich.Progress(
                rich.TextColumn("{task.fields[count]:,} records"),
                rich.BarColumn(),
                rich.TaskProgressColumn(),
                rich.TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._display.add_task("", total=self._source.size, count=count)
            self._display.start()
        self._display.update(self._task, completed=self._source.position, count=count)

    def end(self) -> None:
        if self._display is not None:
            self._display.stop()
