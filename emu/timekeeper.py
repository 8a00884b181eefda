"""Sees to it that a guest whose calls take long is looked at in time: a turn counts blocks of code, however long its calls last."""

import threading
from collections.abc import Callable

_EVERY = 0.05  # seconds


class Timekeeper:
    """Calls `hurry` from a host thread of its own again and again, from `seconds` after the start on: use `with`."""

    def __init__(self, seconds: float, hurry: Callable[[], None]) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, args=(seconds, hurry), daemon=True)

    def _keep(self, seconds: float, hurry: Callable[[], None]) -> None:
        while not self._over.wait(seconds):
            hurry()
            seconds = _EVERY

    def __enter__(self) -> "Timekeeper":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
