"""One row of the list: time, thread, duration, call and result in columns, as painted pieces of text."""

from collections.abc import Mapping
from typing import Any

from rich.segment import Segment

from emu.trace import text as texts
from emu.trace.call_text import call_text, entry_of, text_of
from emu.trace.layout import safe
from emu.trace.schema import ERRORS
from emu.viewer.theme import ACCENT, DIM, ERROR, FAINT, FOUND, GROUND, STYLES, TEXT, WAIT, colour_of
from emu.viewer.words import lasting

SHOWN = 48
"""Bytes of a string that a row shows, and elements of an array; the detail pane has them all."""

LONGEST = 28
"""Columns of what a descriptor is."""

RESULT = 18
"""Columns of the result, with its equals sign."""

NAME = 35
"""Columns that a row has for the time, the thread and the call's name before any of the result."""

WHO = 16
"""Columns of the process and its program, where there are several."""

NARROW = 76
"""Below so many columns a row leaves durations out."""


def call_words(record: Mapping[str, Any]) -> str:
    """What search looks in: the call as one line of text, or the event in words."""
    if record["event"] != "syscall":
        return event_words(record)
    text = text_of(record)
    return f"{record['name']}({text.inside}) = {text.result}"


def event_words(record: Mapping[str, Any]) -> str:
    """An event that is no call, in the words of the live trace, without the thread."""
    return safe(texts.event_words(dict(record)))


def row(
    record: Mapping[str, Any], width: int, *, mark: str = "", ground: str = "", found: str = "", who: str = ""
) -> list[Segment]:
    """The pieces of a row, `width` columns in all. `mark` stands in front, `ground` is the colour behind it, `found` is lit.

    `who` is the thread with its process, where there are several of those.
    """
    pieces = _Pieces(width, ground)
    pieces.add(f"{mark:<2}", ACCENT)
    pieces.add(f"{record['time'] / 1e9:>11.6f}  ", DIM)
    tid = record.get("tid") or record.get("pid") or 0
    pieces.add(f"{safe(who)[: WHO - 1]:<{WHO}}" if who else f"{tid:<6}", colour_of(tid))
    if record["event"] == "syscall":
        _call(pieces, record, found)
    else:
        if width >= NARROW:
            pieces.add(" " * 10)
        pieces.add(event_words(record), f"italic {WAIT}", found)
    return pieces.done()


def heading(width: int, several: bool = False) -> list[Segment]:
    """The names of the columns; `several` processes."""
    pieces = _Pieces(width, "")
    pieces.add(f"  {'seconds':>11}  " + (f"{'process':<{WHO}}" if several else f"{'tid':<6}"))
    if width >= NARROW:
        pieces.add(f"{'took':>9} ")
    pieces.add("call")
    pieces.to(_end(width))
    pieces.add("  result")
    return [Segment(piece.text, STYLES[f"{DIM} on {GROUND}"]) for piece in pieces.done()]


def result_words(record: Mapping[str, Any], shown: str) -> str:
    """A result as short as a column needs: an error by its name only."""
    result = record.get("result")
    if result is None:
        return "waits still" if record.get("unfinished") else "?"
    return f"-1 {ERRORS[result]}" if result in ERRORS else shown


def _call(pieces: "_Pieces", record: Mapping[str, Any], found: str) -> None:
    text = call_text(entry_of(record), record["args"], _short(record.get("fds")), record["result"], SHOWN)
    result = record.get("result")
    waited = record["blocked"] * 2 > record["duration"]
    if pieces.width >= NARROW:
        pieces.add(f"{lasting(record['duration']):>9} ", WAIT if waited else DIM)
    end = _end(pieces.width)
    pieces.add(record["name"], f"bold {TEXT}", found, end)
    pieces.add("(", DIM, "", end)
    pieces.add(safe(text.inside), TEXT, found, end - 1)
    pieces.add(")", DIM, "", end)
    pieces.to(end)
    pieces.add(" = ", FAINT)
    look = ERROR if result in ERRORS else WAIT if result is None and record.get("unfinished") else TEXT
    pieces.add(safe(result_words(record, text.result)), look, found)


def _end(width: int) -> int:
    """The column where the call ends and its result begins."""
    return max(width - RESULT, NAME)


def _short(fds: Any) -> Any:
    """What descriptors are, shorter: addresses of this machine by their ports, of long paths both ends."""
    if not isinstance(fds, dict):
        return fds
    return {name: _shortened(text) if isinstance(text, str) else _short(text) for name, text in fds.items()}


def _shortened(text: str) -> str:
    text = text.replace("127.0.0.1:", ":")
    return text if len(text) <= LONGEST else f"{text[:8]}..{text[10 - LONGEST :]}"


class _Pieces:
    """Segments up to a width; what is too long ends in an ellipsis. All text is ASCII or one column a character."""

    def __init__(self, width: int, ground: str) -> None:
        self.width = width
        self._ground = f" on {ground or GROUND}"
        self._at = 0
        self._pieces: list[Segment] = []

    def add(self, text: str, look: str = "", found: str = "", until: int | None = None) -> None:
        """Puts text at the end, cut at the column `until`; where `found` stands in it, it is lit."""
        room = (self.width if until is None else until) - self._at
        if room <= 0:
            return
        if len(text) > room:
            text = text[: room - 1] + "…"
        self._at += len(text)
        look = look or TEXT
        at = text.lower().find(found.lower()) if found else -1
        while at >= 0:
            self._put(text[:at], look)
            self._pieces.append(Segment(text[at : at + len(found)], STYLES[f"{look} on {FOUND}"]))
            text = text[at + len(found) :]
            at = text.lower().find(found.lower())
        self._put(text, look)

    def _put(self, text: str, look: str) -> None:
        if text:
            self._pieces.append(Segment(text, STYLES[look + self._ground]))

    def to(self, column: int) -> None:
        """Fills with blanks up to a column."""
        if column > self._at:
            self.add(" " * (column - self._at))

    def done(self) -> list[Segment]:
        self.to(self.width)
        return self._pieces
