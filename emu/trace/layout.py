"""One line of the shown trace: thread, time, call, aligned result, waits and call chain; the same live and from a file."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emu.places import Locate, Nowhere
from emu.trace.call_text import CallText
from emu.trace.processes import Processes
from emu.trace.text import WAIT_SHOWN, Palette, event_words, painted, thread_of
from syscalls.table import Syscall
from syscalls.text import path_bytes

COLUMN = 48
"""Where results stand, counted from the beginning of the call: as wide as most calls are."""

LABEL = 24
"""Columns up to which the names of processes and threads are aligned."""

_HIDDEN_QUIETLY = frozenset({"thread_start", "thread_end", "process_start", "process_end", "exec"})
_UNSAFE = re.compile(r"[^\x20-\x7e]")


def safe(text: str) -> str:
    """Text without anything that a terminal obeys or measures differently: octal escapes, as strace writes them."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: "re.Match[str]") -> str:
    return "".join(f"\\{byte:03o}" for byte in path_bytes(found[0]))


@dataclass(slots=True)
class Form:
    """What a line shows.

    `times` is "start" (seconds since the start of the run), "previous" (since the previous line's call began), "clock",
    "clock us", "epoch" (wall clock, see `started`: nanoseconds since the epoch at the start of the run), or "" for none.
    `durations` is strace's -T, `column` where results are aligned (0: not at all), `limit` how many bytes of a string are
    shown (None: all that were kept), `quiet` leaves out beginnings and ends of threads and processes. `header` is the
    trace's, or as much as is known of it: the pid and program of the first process.
    """

    palette: Palette = field(default_factory=Palette)
    times: str = ""
    durations: bool = False
    column: int = 0
    limit: int | None = None
    quiet: bool = False
    started: int = 0
    header: Mapping[str, Any] = field(default_factory=dict)


class Layout:
    """Makes lines, without their newline; a call with a call chain becomes several. Holds what a line needs of the ones before.

    Lines begin with their thread, `[1000]`; from when there is more than one process on with the process, `[1001]`, and
    `[1001/1003]` for its other threads; from the first execve on with what each runs, too: `[1001 sh]`.
    """

    def __init__(self, form: Form, locate: Locate | None = None) -> None:
        self.form = form
        self._locate = locate or Nowhere()
        self._previous = 0
        self._processes = Processes(form.header)
        self._width = 0
        self._names = False
        self._chains: dict[int, list[dict[str, Any]]] = {}

    def call(
        self,
        *,
        tid: int,
        began: int,
        duration: int,
        blocked: int,
        entry: Syscall,
        text: CallText,
        result: int | None,
        pid: int = 0,
        stack: Sequence[dict[str, Any]] = (),
    ) -> str:
        """The line of a call that is over, or still unfinished at the end (`result` None). Times are nanoseconds."""
        form = self.form
        palette = form.palette
        shown = painted(palette, safe(text.result), result)
        if blocked >= WAIT_SHOWN:
            shown += palette.dim(f" <waited {blocked / 1e9:.3f} s>")
        if form.durations:
            shown += palette.dim(f" <{duration / 1e9:.6f}>")
        line = f"{self._begin(pid, tid, began)}{self._call(entry, text.inside)} = {shown}"
        return line if not stack else "\n".join([line, *self._frames(stack)])

    def waiting(
        self,
        *,
        tid: int,
        began: int,
        entry: Syscall,
        args: str,
        pid: int = 0,
        stack: Sequence[dict[str, Any]] = (),
    ) -> str:
        """The line of a call that waits now, and whose own line will come when it is over."""
        dim = self.form.palette.dim
        previous = self._previous
        line = f"{self._begin(pid, tid, began)}{self._call(entry, args, dim=True)}{dim(' ... waiting')}"
        self._previous = previous
        return "\n".join([line, *self._frames(stack)])

    def event(self, event: dict[str, Any]) -> str | None:
        """The line of an event that is no call; None where it is not to be shown."""
        self._processes.event(event)
        self._names = self._names or event["event"] == "exec"
        if self.form.quiet and event["event"] in _HIDDEN_QUIETLY:
            return None
        moment = _whole(event.get("time"))
        leader = self._begin(_whole(event.get("pid")), thread_of(event), moment)
        return leader + self.form.palette.event(event_words(_without_controls(event)))

    def chain(self, pc: int, addresses: Sequence[int]) -> list[dict[str, Any]]:
        """The frames of a live record's stack: its pc and return addresses as docs/trace-format.md has them."""
        # A return address belongs to the call before it.
        found = list(self._places(pc, pc))
        for address in addresses:
            found += self._places(address, address - 1)
        return found

    def _places(self, address: int, within: int) -> list[dict[str, Any]]:
        known = self._chains.get(address)
        if known is None:
            known = [{"pc": address, **place._asdict()} for place in self._locate.chain(within)] or [
                {"pc": address}
            ]
            if len(self._chains) < 65536:  # a guest can make any number
                self._chains[address] = known
        return known

    def _begin(self, pid: int, tid: int, began: int) -> str:
        return f"{self.form.palette.tid(tid, self._label(pid, tid, began))} {self._time(began)}"

    def _label(self, pid: int, tid: int, moment: int) -> str:
        """Which thread of which process; empty as long as there is only one process."""
        processes = self._processes
        if not processes.several or not pid:
            return ""
        number = f"{pid}" if tid == pid else f"{pid}/{tid}"
        program = safe(processes.program(pid, moment)) if self._names else ""
        label = f"[{number} {program}".rstrip() + "]"
        self._width = min(max(self._width, len(label)), LABEL)
        return label.ljust(self._width)

    def _call(self, entry: Syscall, args: str, dim: bool = False) -> str:
        args = safe(args)
        name = entry.name
        padding = " " * (self.form.column - len(name) - len(args) - 2) if not dim else ""
        painted = f"{self.form.palette.name(name)}({args})"
        return (self.form.palette.dim(f"{name}({args})") if dim else painted) + padding

    def _time(self, moment: int) -> str:
        times = self.form.times
        if not times:
            return ""
        if times == "start":
            text = f"{moment / 1e9:.6f}"
        elif times == "previous":
            since = moment - self._previous
            self._previous = moment
            text = f"{since / 1e9:+.6f}" if since < 0 else f"{since / 1e9:.6f}"
        else:
            text = self._wall_clock(self.form.started + moment)
        return self.form.palette.dim(text.rjust(_WIDTHS[times])) + " "

    def _wall_clock(self, nanoseconds: int) -> str:
        seconds, rest = divmod(nanoseconds, 1_000_000_000)
        if self.form.times == "epoch":
            return f"{seconds}.{rest // 1000:06}"
        try:
            text = time.strftime("%H:%M:%S", time.localtime(seconds))
        except (OverflowError, OSError, ValueError):  # a damaged file's
            return "?"
        return f"{text}.{rest // 1000:06}" if self.form.times == "clock us" else text

    def _frames(self, stack: Sequence[dict[str, Any]]) -> list[str]:
        lines = []
        for frame in stack:
            name = safe(str(frame.get("function") or hex(_whole(frame.get("pc")))))
            place = (
                f" {safe(str(frame['file']).rpartition('/')[2])}:{frame.get('line')}"
                if frame.get("file")
                else ""
            )
            lines.append(self.form.palette.dim(f"         > {name}{place}"))
        return lines


_WIDTHS = {"start": 10, "previous": 10, "clock": 8, "clock us": 15, "epoch": 17}


def _whole(value: Any) -> int:
    return value if type(value) is int else 0


def _without_controls(event: dict[str, Any]) -> dict[str, Any]:
    return {name: safe(value) if type(value) is str else value for name, value in event.items()}
