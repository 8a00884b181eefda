"""The sink that shows each call on a descriptor (stderr) as it completes, and those that wait while they do."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from emu.places import Locate
from emu.trace.call_text import CallText, call_text
from emu.trace.layout import Form, Layout
from emu.trace.text import Palette
from syscalls.data import plain
from syscalls.flags.signals import Signal
from syscalls.table import Syscall

if TYPE_CHECKING:
    from emu.traced import InProgress

HELD = 1 << 20
"""Bytes that are held back, at most, for a terminal that takes nothing now; more is lost."""

_TYPED = frozenset({Signal.SIGINT, Signal.SIGQUIT})


class Screen:
    """A descriptor for whole lines, which others may write to as well.

    `others_wrote` is told by whoever sees that somebody else has written there, and whether that ended the line; if not,
    the next line of ours begins on a new one. A reader that goes away (a closed pipe) ends the writing. Where the descriptor takes nothing
    now (somebody has made it non-blocking), up to `HELD` bytes are held back, whole lines.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.lost = 0
        self._line_is_open = False
        self._held = b""

    def others_wrote(self, ended: bool) -> None:
        """Hears that somebody else has written there."""
        self._line_is_open = not ended

    def was_typed_on(self) -> None:
        """Hears that somebody has probably pressed a key whose echo (`^C`) stands on the terminal, if it is one."""
        if self.fd >= 0 and os.isatty(self.fd):
            self._line_is_open = True

    def line(self, text: str) -> None:
        """Writes a line, given without its newline."""
        if self.fd < 0:
            return
        data = (text + "\n").encode("utf-8", "backslashreplace")
        if self._line_is_open:
            self._line_is_open = False
            data = b"\n" + data
        if self._held:
            if len(self._held) + len(data) > HELD:
                self.lost += 1
                return
            data = self._held + data
        self._held = b""
        self._write(data)

    def lines(self, text: str) -> None:
        """Writes several lines."""
        for line in text.split("\n"):
            self.line(line)

    def flush(self) -> None:
        """Tries to write what is held back."""
        if self._held:
            data, self._held = self._held, b""
            self._write(data)

    def close(self) -> None:
        """Writes what is held back, now that nobody else is to be kept waiting. The descriptor stays open."""
        if self._held and self.fd >= 0:
            os.set_blocking(self.fd, True)
            self.flush()
            os.set_blocking(self.fd, False)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self.fd, data) :]
        except BlockingIOError:
            self._held = data
        except OSError:
            self.fd = -1


class Live:
    """Writes one line a record, at once: lines stand in the order in which the guest's own output came.

    `locate` is needed for call chains.
    """

    def __init__(
        self,
        to: int | Screen = 2,
        palette: Palette | None = None,
        *,
        form: Form | None = None,
        locate: Locate | None = None,
    ) -> None:
        self.screen = to if isinstance(to, Screen) else Screen(to)
        self._layout = Layout(form or Form(palette or Palette()), locate)
        self._told: set[int] = set()

    def record(self, record: tuple[Any, ...]) -> None:
        """Shows one system call."""
        sequence, began, duration, blocked, thread, entry, registers, result, pc, before, after, extra = (
            record
        )
        if self._told:
            self._told.discard(sequence)
        self.screen.line(
            self._layout.call(
                pid=thread.process.pid,
                tid=thread.tid,
                began=began,
                duration=duration,
                blocked=blocked,
                entry=entry,
                text=self._text(entry, registers, before, after, result),
                result=result,
                stack=self._frames(pc, extra),
            )
        )

    def event(self, event: dict[str, Any]) -> None:
        """Shows one event."""
        line = self._layout.event(event)
        if line is not None:
            if event["event"] == "signal" and event.get("signal") in _TYPED:
                self.screen.was_typed_on()
            self.screen.line(line)

    def waiting(self, calls: "Sequence[InProgress]") -> None:
        """Shows calls that wait, each once."""
        for call in calls:
            if call.sequence not in self._told:
                self._told.add(call.sequence)
                text = self._text(call.entry, call.registers, call.before, call.so_far(), None)
                self.screen.line(
                    self._layout.waiting(
                        pid=call.thread.process.pid,
                        tid=call.thread.tid,
                        began=call.started,
                        entry=call.entry,
                        args=text.inside,
                        stack=self._frames(call.pc, call.stack),
                    )
                )

    def flush(self) -> None:
        """Nothing is held back but what the terminal did not take."""
        self.screen.flush()

    def close(self) -> None:
        """The descriptor is the bench's own: it stays open."""
        self.screen.close()

    def _frames(self, pc: int, extra: dict[str, Any] | None) -> list[dict[str, Any]]:
        return self._layout.chain(pc, extra["stack"]) if extra and "stack" in extra else []

    def _text(self, entry: Syscall, registers: Any, before: Any, after: Any, result: int | None) -> CallText:
        args, fds, _ = entry.members(registers, before, after)
        args = {name: plain(data) for name, data in args.items()}
        return call_text(entry, args, fds, result, self._layout.form.limit)
