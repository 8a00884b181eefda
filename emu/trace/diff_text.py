"""A divergence of two traces as lines for a person: side by side where there is room, one below the other elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from emu.trace import diff_cause
from emu.trace.layout import safe
from emu.trace.read import line as record_line
from emu.trace.text import Paint, Palette, unpainted
from emu.trace.walk import Divergence, Item, Outcome

SIDE_BY_SIDE = 132
"""Columns from which on both sides stand beside each other."""

_PLAIN = Palette()


@dataclass(frozen=True, slots=True)
class Style:
    """How it is shown: `width` in columns, colours for A, B, both, and for headings."""

    width: int = 80
    a: Paint = unpainted
    b: Paint = unpainted
    both: Paint = unpainted
    heading: Paint = unpainted


def summary(found: Outcome) -> str:
    """One line: what was compared, and what was passed over."""
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    calls = (
        str(found.calls[0]) if found.calls[0] == found.calls[1] else f"{found.calls[0]} and {found.calls[1]}"
    )
    text = f"{calls} calls of {threads} compared"
    if found.passed:
        parts = ", ".join(f"{count} {what}" for what, count in sorted(found.passed.items()))
        text += f"; passed over as timing: {parts} (--exact shows them)"
    return text


def lines(divergence: Divergence, style: Style) -> Iterator[str]:
    """The divergence: where it is, the calls around it, what differs, and the likely cause."""
    yield style.heading(_heading(divergence))
    yield ""
    show = _side_by_side if style.width >= SIDE_BY_SIDE else _below
    yield from show(divergence, style)
    yield ""
    for where, a, b in map(_safe, diff_cause.differences(divergence)):
        if len(where) + len(a) + len(b) + 20 <= style.width:
            yield f"  {where}: A {style.a(a)}, B {style.b(b)}"
        else:
            yield f"  {where}"
            yield f"    A {style.a(_cut(a, style.width - 6))}"
            yield f"    B {style.b(_cut(b, style.width - 6))}"
    first, *more = map(safe, diff_cause.cause(divergence))
    yield from _wrapped(f"likely cause: {first}", style.width)
    for one in more:
        yield from _wrapped(f"  {one}", style.width)


def _safe(texts: tuple[str, str, str]) -> tuple[str, str, str]:
    where, a, b = map(safe, texts)
    return where, a, b


def _heading(divergence: Divergence) -> str:
    numbers = [
        f"{side}'s call {item.number}" for side, item in (("A", divergence.a), ("B", divergence.b)) if item
    ]
    who = divergence.thread
    if any(divergence.tids):
        a, b = divergence.tids
        who += f" ({a})" if a == b else f" ({a or 'none'} in A, {b or 'none'} in B)"
    return f"{who}: {' and '.join(numbers)}"


def _text(item: Item | None, room: int) -> str:
    """The record's line in so many columns, without its thread; where that is too long, without what descriptors are."""
    if item is None:
        return ""
    text = _line(item.record)
    if len(text) > room and item.record.get("fds"):
        text = _line({**item.record, "fds": {}})
    return _cut(text, room)


def _line(record: dict[str, Any]) -> str:
    try:
        text = record_line(record, _PLAIN)
    except (KeyError, TypeError, ValueError):  # a foreign record: it is shown all the same
        return safe(str(record.get("name") or record.get("event")))
    return safe(text.partition("] ")[2] or text)


def _below(divergence: Divergence, style: Style) -> Iterator[str]:
    room = style.width - 9
    for left, right in divergence.before:
        if left is not None and right is not None:
            yield f"  {left.number:>5}  {_text(left, room)}"
        else:
            yield from _one("A", left, style.a, room)
            yield from _one("B", right, style.b, room)
    yield from _one("A", divergence.a, style.a, room, "(nothing)")
    yield from _one("B", divergence.b, style.b, room, "(nothing)")
    for side, paint, items in zip("AB", (style.a, style.b), divergence.after, strict=True):
        if items:
            yield f"  then in {side}:"
        for item in items:
            yield f"  {item.number:>5}  {paint(_text(item, room))}"


def _one(side: str, item: Item | None, paint: Paint, room: int, absent: str = "") -> Iterator[str]:
    if item is not None:
        yield paint(f"{side} {item.number:>5}  {_text(item, room)}")
    elif absent:
        yield paint(f"{side}        {absent}")


def _side_by_side(divergence: Divergence, style: Style) -> Iterator[str]:
    half = (style.width - 3) // 2
    yield f"{'A':<{half}} | B"
    for left, right in divergence.before:
        yield _pair(left, right, style, half, "|")
    yield _pair(divergence.a, divergence.b, style, half, "!", style.a, style.b)
    for at in range(max(map(len, divergence.after))):
        yield _pair(_at(divergence.after[0], at), _at(divergence.after[1], at), style, half, ":")


def _pair(
    left: Item | None, right: Item | None, style: Style, half: int, mark: str,
    paint: Paint = unpainted, other: Paint = unpainted,
) -> str:  # fmt: skip
    cells = []
    for item in (left, right):
        text = f"{item.number:>5}  {_text(item, half - 7)}" if item is not None else ""
        cells.append(text.ljust(half))
    return f"{paint(cells[0])} {mark} {other(cells[1].rstrip())}".rstrip()


def _at(items: Sequence[Item], at: int) -> Item | None:
    return items[at] if at < len(items) else None


def _cut(text: str, room: int) -> str:
    """The text in so many columns: what is cut is the middle, for the result stands at the end."""
    if len(text) <= room:
        return text
    room = max(room, 20)
    tail = min(room // 3, 30)
    return f"{text[: room - tail - 3]}...{text[-tail:]}"


def _wrapped(text: str, width: int) -> Iterator[str]:
    indent = len(text) - len(text.lstrip())
    line = " " * indent
    for word in text.split():
        if len(line) + len(word) + 1 > width and line.strip():
            yield line
            line = " " * (indent + 2) + word
        else:
            line += word if not line.strip() else " " + word
    yield line
