"""Records as lines that people read: strace's form, painted by a palette."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emu.trace.schema import ERRORS
from syscalls.flags.signals import CODES, Signal, SignalCode

if TYPE_CHECKING:
    from emu.trace.call_text import CallText

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

    def tid(self, tid: int, label: str = "") -> str:
        """`[1000]`, painted; `label` is what stands there instead."""
        return self.threads[tid % len(self.threads)](label or f"[{tid}]")


def painted(palette: Palette, text: str, result: int | None) -> str:
    """What stands behind the equals sign, painted."""
    if result is None:
        return palette.dim(text) if text != "?" else text
    return palette.error(text) if result in ERRORS else text


def call_line(
    palette: Palette, *, tid: int, name: str, text: "CallText", result: int | None, blocked: int = 0
) -> str:
    """`[1000] write(1</dev/tty>, "hello\\\\n", 6) = 6`; time spent blocked (ns) is shown from a millisecond on."""
    shown = painted(palette, text.result, result)
    if blocked >= WAIT_SHOWN:
        shown += palette.dim(f" <waited {blocked / 1e9:.3f} s>")
    return f"{palette.tid(tid)} {palette.name(name)}({text.inside}) = {shown}"


def event_line(palette: Palette, event: dict[str, Any]) -> str:
    """`[1000] --- SIGSEGV {si_code=SEGV_MAPERR, si_addr=0x8} ---`, `[1000] +++ exited with 0 +++`: as strace says it."""
    return f"{palette.tid(thread_of(event))} {palette.event(event_words(event))}"


def thread_of(event: dict[str, Any]) -> int:
    """The thread of an event; of one that is a whole process's, its first thread."""
    return int(event.get("tid") or event.get("pid") or 0)


def event_words(event: dict[str, Any]) -> str:
    """An event that is no call, without its thread."""
    return _EVENTS.get(event["event"], _other)(event)


def _process_start(event: dict[str, Any]) -> str:
    return f"+++ process started by {event.get('parent')}{' (vfork)' if event.get('vfork') else ''} +++"


def _exec(event: dict[str, Any]) -> str:
    return f"+++ runs {event.get('program')} +++"


def _stopped(event: dict[str, Any]) -> str:
    return f"--- stopped by {_signal_name(event)} ---"


def _continued(event: dict[str, Any]) -> str:
    return "--- continued ---"


def _thread_start(event: dict[str, Any]) -> str:
    return f"+++ thread started by {event.get('parent')} +++"


def _thread_end(event: dict[str, Any]) -> str:
    return f"+++ thread exited with {event.get('status')} +++"


def _process_end(event: dict[str, Any]) -> str:
    if event.get("signal") is not None:
        return f"+++ killed by {_signal_name(event)} +++"
    return f"+++ exited with {event.get('code')} +++"


def _signal(event: dict[str, Any]) -> str:
    if type(event.get("handler")) is not int:
        sender = f" {{si_pid={event['sender']}}}" if type(event.get("sender")) is int else ""
        return f"--- {_signal_name(event)}{sender} ---"
    code = event.get("code")
    shown = CODES.get(event.get("signal", 0), SignalCode).text(code) if type(code) is int else code
    sender = f", si_pid={event['sender']}" if type(event.get("sender")) is int else ""
    return (
        f"--- {_signal_name(event)} {{si_code={shown}{sender}}} to the handler at {event['handler']:#x} ---"
    )


def _hook(event: dict[str, Any]) -> str:
    action = str(event.get("action"))
    joint = " of " if action.startswith("changed") else " "
    return f"--- the hook {event.get('hook')} {action}{joint}{event.get('name')} ---"


def _fault(event: dict[str, Any]) -> str:
    code, address = event.get("code"), event.get("address")
    if type(code) is int:
        code = CODES.get(event.get("signal", 0), SignalCode).text(code)
    if type(address) is int:
        address = hex(address) if address else "NULL"
    place = f" in {event['function']}" if event.get("function") else ""
    place += f" ({event['file']}:{event.get('line')})" if event.get("file") else ""
    return f"--- {_signal_name(event)} {{si_code={code}, si_addr={address}}}{place} ---"


def _other(event: dict[str, Any]) -> str:
    """An event that only a newer emu knows."""
    known = {"event", "sequence", "time", "pid", "tid"}
    rest = ", ".join(
        f"{name}={value}" for name, value in event.items() if name not in known and value is not None
    )
    words = event["event"].replace("_", " ")
    return f"+++ {words}{f': {rest}' if rest else ''} +++"


def _signal_name(event: dict[str, Any]) -> str:
    number = event.get("signal")
    return Signal.text(number) if type(number) is int else str(number)


_EVENTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "process_start": _process_start,
    "thread_start": _thread_start,
    "thread_end": _thread_end,
    "exec": _exec,
    "stopped": _stopped,
    "continued": _continued,
    "process_end": _process_end,
    "signal": _signal,
    "fault": _fault,
    "hook": _hook,
}
