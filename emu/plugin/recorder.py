"""The trace of a guest of a test: kept in memory, and known to change, so that a test can wait for it."""

import os
import threading
from collections.abc import Callable
from typing import Any

from emu.places import Locate
from emu.plugin.clock import Deadline
from emu.trace.jsonl import JsonLines
from emu.trace.kept import Kept

_LOOK = 0.05  # seconds between two looks at a guest that never rests
_SETTLED_WITHIN = 5.0
_BUSY = 1.0
"""Seconds of processor time after which a guest is one that never rests: on a loaded machine that takes longer than by the clock."""


class Recorder(Kept):
    """A sink, and the `Source` of the guest's `Trace`.

    `look_up` makes a waiting guest look at the world once more; `rested_at` is how many records there were when the guest
    had nothing to do for the last time.
    """

    def __init__(self, locate: Locate) -> None:
        super().__init__(locate)
        self._locate = locate
        self.header: dict[str, Any] | None = None
        """What is known of the run: the pid and program of its first process."""
        self.look_up: Callable[[], None] = _nothing
        self.sent: Callable[[], bool] = _yes
        self.rested_at = 0
        self._rests = 0
        self._ended = False
        self._changed = threading.Condition()
        self._reading = threading.Lock()

    # As a sink, in the guest's host thread

    def flush(self) -> None:
        """The guest has nothing to do: it waits for the world."""
        with self._changed:
            self.rested_at = len(self._held)
            self._rests += 1
            self._changed.notify_all()

    def close(self) -> None:
        """The run is over."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    # As a source, in the test's thread

    def records(self) -> list[dict[str, Any]]:
        """The records so far."""
        with self._reading:
            return super().records()

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self._held)

    def is_running(self) -> bool:
        """Whether the guest has not ended."""
        return not self._ended

    def wait(self, count: int, timeout: float) -> None:
        """Waits until there are more than `count` records and the guest rests, or has ended; not for long if it never rests."""
        deadline = Deadline(timeout)
        with self._changed:
            while not self._ended and not deadline.passed:
                if count < len(self._held) == self.rested_at:
                    return
                self._changed.wait(min(deadline.left, _LOOK))
                if len(self._held) > count:
                    return

    def ends_within(self, timeout: float) -> bool:
        """Waits for the end of the run; whether it has come in time."""
        deadline = Deadline(timeout)
        with self._changed:
            while not self._ended and not deadline.passed:
                self._changed.wait(deadline.left)
            return self._ended

    def settle(self) -> None:
        """Waits until the guest has dealt with all that it was sent, and rests; a second of its work at most for one that never does."""
        deadline = Deadline(_SETTLED_WITHIN, busy=_BUSY)
        while not self._ended and not deadline.passed:
            arrived = self.sent()
            before = len(self._held)
            # Twice: what the first rest did not see, because it had begun before, the second has seen.
            if self._rest(deadline) and self._rest(deadline) and arrived and len(self._held) == before:
                return

    def save(self, path: str | os.PathLike[str], **about: Any) -> None:
        """Writes the records to a trace file; raises OSError."""
        failures: list[str] = []
        file = JsonLines(os.fspath(path), failures.append, self._locate, **about)
        for record in list(self._held):
            if isinstance(record, dict):
                file.event(record)
            else:
                file.record(record)
        file.close()
        if failures:
            raise OSError(failures[0])

    def _rest(self, deadline: Deadline) -> bool:
        with self._changed:
            rests = self._rests
            self.look_up()
            while not self._ended and self._rests == rests and not deadline.passed:
                self._changed.wait(min(deadline.left, _LOOK))
            return self._rests != rests


def _nothing() -> None:
    """A guest that does not run yet."""


def _yes() -> bool:
    """Nothing is under way to it."""
    return True
