"""The summary as a table of text: aligned columns, times in the unit that fits."""

from collections.abc import Sequence

from emu.trace.layout import safe
from emu.trace.summary import Row
from emu.trace.text import Palette

_TITLES = (
    "self %",
    "self",
    "blocked",
    "total",
    "calls",
    "errors",
    "min",
    "p50",
    "p95",
    "p99",
    "max",
    "bytes",
)
_ERRORS = _TITLES.index("errors")
_UNITS = ((1, "ns"), (1_000, "us"), (1_000_000, "ms"), (1_000_000_000, "s"))
_SIZES = ((1, "B"), (1_000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB"), (1_000_000_000_000, "TB"))


def duration(nanoseconds: int) -> str:
    """`812 ns`, `4.05 us`, `1.23 s`: three digits."""
    return _scaled(nanoseconds, _UNITS)


def size(count: int) -> str:
    """`6 B`, `1.23 MB`: three digits, powers of ten."""
    return _scaled(count, _SIZES)


def _scaled(value: int, units: Sequence[tuple[int, str]]) -> str:
    factor, unit = next((pair for pair in reversed(units) if value >= pair[0]), units[0])
    scaled = value / factor
    if scaled >= 999.5 and unit != units[-1][1]:
        factor, unit = units[units.index((factor, unit)) + 1]
        scaled = value / factor
    digits = 0 if factor == 1 or scaled >= 99.95 else 1 if scaled >= 9.995 else 2
    return f"{scaled:.{digits}f} {unit}"


def table(rows: Sequence[Row], by: str, palette: Palette | None = None) -> list[str]:
    """The lines of the table, a sum at its end; one line when there is nothing to show."""
    palette = palette or Palette()
    if not rows:
        return ["no system calls"]
    cells = [[*_TITLES, by], *[_cells(row, sum(row.own for row in rows)) for row in rows], _sums(rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(_TITLES))]
    lines = []
    for index, texts in enumerate(cells):
        parts = [text.rjust(width) for text, width in zip(texts[:-1], widths, strict=True)]
        if texts[_ERRORS] and 0 < index <= len(rows):
            parts[_ERRORS] = palette.error(parts[_ERRORS])
        lines.append("  ".join([*parts, palette.name(texts[-1]) if index else texts[-1]]))
    rule = palette.dim("  ".join("-" * width for width in [*widths, max(len(line[-1]) for line in cells)]))
    return [palette.dim(lines[0]), rule, *lines[1:-1], rule, lines[-1]]


def _cells(row: Row, own: int) -> list[str]:
    return [
        f"{100 * row.own / own:.2f}" if own else "0.00",
        duration(row.own),
        duration(row.blocked) if row.blocked else "",
        duration(row.total),
        f"{row.calls:,}",
        f"{row.errors:,}" if row.errors else "",
        *[duration(value) for value in (row.minimum, row.p50, row.p95, row.p99, row.maximum)],
        size(row.moved) if row.moved else "",
        safe(row.name),
    ]


def _sums(rows: Sequence[Row]) -> list[str]:
    own, blocked, total = (sum(getattr(row, name) for row in rows) for name in ("own", "blocked", "total"))
    calls, errors, moved = (sum(getattr(row, name) for row in rows) for name in ("calls", "errors", "moved"))
    times = [duration(own), duration(blocked) if blocked else "", duration(total)]
    counts = [f"{calls:,}", f"{errors:,}" if errors else ""]
    return ["100.00", *times, *counts, *[""] * 5, size(moved) if moved else "", "total"]
