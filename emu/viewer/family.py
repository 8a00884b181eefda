"""The processes of a trace as lines: a tree with what each ran, when, how much, and how it ended."""

from emu.trace.layout import safe
from emu.trace.processes import Process
from emu.viewer.document import Document
from emu.viewer.lines import Line
from emu.viewer.theme import DIM, ERROR, FAINT, GOOD, TEXT, WAIT, colour_of
from emu.viewer.words import lasting, plural

WORDS = 60
"""Columns of an argument vector."""


def family(document: Document) -> list[Line]:
    """A line a process, makers first; `sequence` is its pid."""
    processes = document.index.processes
    tree = list(processes.tree())
    width = max((2 * depth + len(one.label) for depth, one in tree), default=0)
    unreaped = {one.pid for one in processes.unreaped()}
    return [Line(_parts(document, depth, one, width, one.pid in unreaped), one.pid) for depth, one in tree]


def _parts(
    document: Document, depth: int, one: Process, width: int, is_zombie: bool
) -> list[tuple[str, str]]:
    words = safe(" ".join(one.argv))
    words = words if len(words) <= WORDS else f"{words[: WORDS - 1]}…"
    calls = sum(len(document.lanes[tid].calls) for tid in one.threads if tid in document.lanes)
    ended = one.ended if one.ended is not None else document.end
    look = ERROR if one.signal is not None or one.code else WAIT if one.ended is None else GOOD
    parts = [
        ("  " * max(0, depth - 1) + ("└ " if depth else ""), FAINT),
        (f"{safe(one.label):<{width - 2 * depth + 1}}", colour_of(one.pid)),
        (f" {lasting(one.started or 0):>8} ", DIM),
        (f"{lasting(ended - (one.started or 0)):>8}  ", DIM),
        (f"{plural(calls, 'call'):>13}  ", DIM),
        (f"{one.ending or 'running at the end':<20} ", look),
    ]
    if is_zombie:
        parts.append(("nobody waited for it  ", WAIT))
    return [*parts, (words, TEXT)]
