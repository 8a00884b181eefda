"""What a comparison found, as values, and their rendering: a table in the terminal, the same table as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.table import Table

EQUAL = "equal"
DIFFERS = "differs"
SKIPPED = "skipped"
STYLES = {EQUAL: "green", DIFFERS: "red", SKIPPED: "yellow"}
NOTE_LENGTH = 160
"""Characters of a note that a table shows."""


@dataclass(frozen=True)
class Effort:
    """How much is done. `short`: all parts together in under three minutes, for CI; `seed` chooses what samples take."""

    short: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `name` is the program or family, `what` it was made to do, `result` one of EQUAL, DIFFERS, SKIPPED (something is not installed here: the note
    names it); `calls` are the names of the system calls that the guest made, where they were recorded; `seconds` the time of the emulated run; `note` a
    figure, or the first difference. The part's name is filled in by the runner.
    """

    name: str
    what: str
    result: str
    calls: frozenset[str] = frozenset()
    seconds: float = 0.0
    note: str = ""
    part: str = ""

    def of(self, part: str) -> Row:
        """The row as one of a part."""
        return replace(self, part=part)


def duration(seconds: float) -> str:
    """Seconds for a person."""
    if not seconds:
        return "–"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def cells(row: Row) -> tuple[str, ...]:
    """A row's texts, in the order of `COLUMNS`."""
    note = " ".join(row.note.split())
    if len(note) > NOTE_LENGTH:
        note = note[: NOTE_LENGTH - 3] + "..."
    return (row.part, row.name, row.what, row.result, str(len(row.calls) or "–"), duration(row.seconds), note)


COLUMNS = ("part", "name", "what", "result", "calls", "time", "note")


def columns(rows: Sequence[Row]) -> Table:
    """The table of the terminal."""
    table = Table(pad_edge=False)
    for title in COLUMNS:
        table.add_column(title, justify="right" if title in ("calls", "time") else "left", overflow="fold")
    for row in rows:
        words = list(cells(row))
        words[3] = f"[{STYLES[row.result]}]{row.result}[/]"
        table.add_row(*(word if place == 3 else word.replace("[", r"\[") for place, word in enumerate(words)))
    return table


def markdown(rows: Sequence[Row]) -> str:
    """The README's table."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    for row in rows:
        lines.append(f"| {' | '.join(word.replace('|', chr(92) + '|') for word in cells(row))} |")
    return "\n".join(lines)


def verdict(rows: Iterable[Row]) -> str:
    """One sentence about all: how many rows are equal, and how many different calls the guests made."""
    rows = list(rows)
    counts = Counter(row.result for row in rows)
    used = frozenset[str]().union(*(row.calls for row in rows))
    words = f"{counts[EQUAL]} of {len(rows)} equal"
    words += "".join(f", {counts[kind]} {kind}" for kind in (DIFFERS, SKIPPED) if counts[kind])
    return words + (f"; {len(used)} different system calls were made" if used else "")
