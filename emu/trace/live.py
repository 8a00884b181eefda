"""The sink that shows each call on a descriptor (stderr) as it completes, in strace's form."""

import os
from typing import Any

from emu.trace.text import Palette, call_line, event_line


class Live:
    """Writes one line a record, at once: lines stand in the order in which the guest's own output came.

    A reader that goes away (a closed pipe) ends the live trace, not the guest.
    """

    def __init__(self, fd: int = 2, palette: Palette | None = None) -> None:
        self._fd = fd
        self._palette = palette or Palette()

    def record(self, record: tuple[Any, ...]) -> None:
        """Shows one system call."""
        _, _, _, blocked, thread, entry, registers, result, _, before, after, _ = record
        is_new = after and entry.outcome.is_fd and result is not None and result >= 0
        new_fd = after[-1].text if is_new else None
        self._line(
            call_line(
                self._palette,
                tid=thread.tid,
                entry=entry,
                args=entry.text(registers, before, after),
                result=result,
                result_fd=new_fd,
                blocked=blocked,
            )
        )

    def event(self, event: dict[str, Any]) -> None:
        """Shows one event."""
        self._line(event_line(self._palette, event))

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The descriptor is the bench's own: it stays open."""

    def _line(self, text: str) -> None:
        if self._fd < 0:
            return
        data = (text + "\n").encode("utf-8", "replace")
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except (
            BlockingIOError
        ):  # the terminal was made non-blocking by a guest or a neighbour: this line is lost
            return
        except OSError:
            self._fd = -1
