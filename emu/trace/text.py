"""Records as lines that people read: strace's form, painted by a palette."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emu.trace.schema import ERRORS, EXITS
from syscalls.flags.signals import Signal
from syscalls.table import Syscall

Paint = Callable[[str], str]
"""Wraps a text in the control sequences of a colour."""

WAIT_SHOWN = 1_000_000
"""From how many nanoseconds on a line says that the call had to wait."""


def unpainted(text: str) -> str:
    """The paint of a file or a pipe: none."""
    return text


@dataclass(frozen=True, slots=True)
class Palette:
    """How the parts of a line are painted; a thread keeps its colour."""

    name: Paint = unpainted
    error: Paint = unpainted
    dim: Paint = unpainted
    event: Paint = unpainted
    threads: tuple[Paint, ...] = (unpainted,)

    def tid(self, tid: int) -> str:
        """`[1000]`, painted."""
        return self.threads[tid % len(self.threads)](f"[{tid}]")


def result_text(entry: Syscall | None, result: int | None) -> str:
    """What stands behind the equals sign: a value, `-1 EAGAIN (Resource temporarily unavailable)`, or `?`."""
    if result is None:
        return "?"
    name = ERRORS.get(result)
    if name:
        return f"-1 {name} ({os.strerror(-result)})"
    return entry.outcome.text(result) if entry else str(result)


def call_line(
    palette: Palette,
    *,
    tid: int,
    entry: Syscall,
    args: str,
    result: int | None,
    result_fd: str | None = None,
    blocked: int = 0,
) -> str:
    """`[1000] write(1</dev/tty>, "hello\\\\n", 6) = 6`; time spent blocked (ns) is shown from a millisecond on."""
    shown = result_text(entry, result)
    if result is None:
        shown = "?" if entry.number in EXITS else palette.dim("? <still running at the end>")
    elif result in ERRORS:
        shown = palette.error(shown)
    elif result_fd:
        shown += f"<{result_fd}>"
    if blocked >= WAIT_SHOWN:
        shown += palette.dim(f" <waited {blocked / 1e9:.3f} s>")
    return f"{palette.tid(tid)} {palette.name(entry.name)}({args}) = {shown}"


def event_line(palette: Palette, event: dict[str, Any]) -> str:
    """`[1001] +++ thread ended +++`: an event's kind in words, and what else it says."""
    known = {"event", "sequence", "time", "pid", "tid"}
    rest = ", ".join(
        f"{name}={_event_value(name, value)}"
        for name, value in event.items()
        if name not in known and value is not None
    )
    words = str(event.get("event", "?")).replace("_", " ")
    tid = int(event.get("tid") or event.get("pid") or 0)
    return f"{palette.tid(tid)} " + palette.event(f"+++ {words}{f': {rest}' if rest else ''} +++")


def _event_value(name: str, value: Any) -> str:
    if type(value) is int and name == "signal":
        return Signal.text(value)
    if type(value) is int and name == "address":
        return hex(value)
    return str(value)
