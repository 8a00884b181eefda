"""What stands above and below the list: what was traced, and how far reading and filtering are."""

from dataclasses import replace
from pathlib import Path

from rich.text import Text

from emu.trace.layout import safe
from emu.viewer.document import Document
from emu.viewer.theme import ACCENT, DIM, ERROR, GOOD, GROUND, TEXT, WAIT
from emu.viewer.words import lasting, plural


def heading(document: Document, *, is_following: bool) -> Text:
    """The first line: what ran, its threads, calls, time and errors."""
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(" emu ", f"bold {GROUND} on {ACCENT}")
    head.append(f" {safe(document.title)} ", f"bold {TEXT}")
    for words, look in (
        *([(plural(len(document.index.processes), "process"), DIM)] if document.several else []),
        (plural(len(document.lanes), "thread"), DIM),
        (plural(document.calls, "call"), DIM),
        (lasting(document.end), DIM),
        (plural(document.failures, "error"), ERROR if document.failures else DIM),
    ):
        head.append(" · ", DIM)
        head.append(words, look)
    if is_following:
        head.append("  ● following", GOOD)
    return head


def progress(document: Document, *, is_read: bool, is_brief: bool = False) -> Text:
    """How far things are, and what is wrong with the file; `is_brief`: nothing but what the filter has found."""
    note = Text()
    index = document.index
    if not is_brief:
        if index.changed:
            note.append(f" {index.changed}", ERROR)
        elif index.damage is not None:
            note.append(f" {safe(str(replace(index.damage, path=Path(index.path).name)))}", WAIT)
        elif not is_read:
            note.append(f" reading {100 * index.position // max(1, index.size)} %", DIM)
    if document.filter is not None:
        done = 100 * document.filtered // max(1, len(index))
        note.append(f" {len(document):,} of {len(index):,}", ACCENT)
        if done < 100:
            note.append(f" · filtering {done} %", DIM)
    elif is_read and not is_brief:
        note.append(f" {plural(len(index), 'record')}", DIM)
    return note
