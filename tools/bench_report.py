"""What was measured, as values: series, ratios, targets, and their rendering as tables."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

SUBJECT_LABELS = {
    "emu": "emu run",
    "emu-trace": "emu trace -o",
    "emu-filter": "emu trace -o -e ...",
    "native": "native",
    "strace": "strace -f -o",
    "qemu": "qemu-x86_64",
    "qemu-strace": "qemu-x86_64 -strace",
    "qiling": "Qiling",
    "unicorn": "bare Unicorn",
}
"""Every way to run a guest, by name, in the order of the tables' columns."""


@dataclass(frozen=True)
class Series:
    """The values of one subject, one for each round, all in `unit`. Round i of all subjects ran side by side."""

    subject: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value of the rounds."""
        return statistics.median(self.values)

    def text(self, spread: bool = False) -> str:
        """The median with its unit and, on demand, the lowest and highest round."""
        words = quantity(self.median, self.unit)
        if spread and len(self.values) > 1:
            words += f" ({significant(min(self.values))}–{significant(max(self.values))})"
        return words


@dataclass(frozen=True)
class Check:
    """One target: what it asks, what was found in the same words, and whether it is met."""

    target: str
    measured: str
    met: bool


@dataclass
class Row:
    """One line of the table: a figure, who was measured, and how it stands against its targets.

    `notes` say what was left out and why; a figure that could not be measured at all has a `failure` and no series.
    """

    figure: str
    what: str
    subject: str
    """Whose value the targets are about."""
    series: dict[str, Series] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failure: str = ""

    @property
    def met(self) -> bool | None:
        """Whether every target is met; None when there is nothing to judge."""
        if self.failure:
            return False
        return all(check.met for check in self.checks) if self.checks else None

    def at_most(self, bound: float) -> None:
        """Asks that the subject's median be at most `bound` of its unit."""
        if self.subject not in self.series:
            self.failure = f"{SUBJECT_LABELS[self.subject]} was not measured"
            return
        series = self.series[self.subject]
        self.checks.append(
            Check(f"at most {quantity(bound, series.unit)}", series.text(), series.median <= bound)
        )

    def relative(self, other: str, bound: float, least: bool, words: str = "") -> None:
        """Asks that subject / other be at least (or at most) `bound`; nothing when `other` was not measured."""
        if self.subject not in self.series:
            self.failure = f"{SUBJECT_LABELS[self.subject]} was not measured"
            return
        if other not in self.series:
            self.notes.append(f"no comparison with {SUBJECT_LABELS[other]}: it was not measured")
            return
        found = ratio(self.series[self.subject], self.series[other])
        target = words or f"at {'least' if least else 'most'} {significant(bound)}x {SUBJECT_LABELS[other]}"
        met = found >= bound if least else found <= bound
        self.checks.append(Check(target, f"{significant(found)}x {SUBJECT_LABELS[other]}", met))


def ratio(a: Series, b: Series) -> float:
    """The median of the rounds' ratios a/b: what changes from round to round on the machine cancels out."""
    return statistics.median(x / y for x, y in zip(a.values, b.values, strict=True))


def per_call(short: Sequence[float], long: Sequence[float], short_calls: int, long_calls: int) -> list[float]:
    """Seconds a call, round by round, from the times of a short and a long run: start-up and end cancel out.

    Raises ValueError when a long run was not longer than the short one: then start-up drowned the calls.
    """
    if long_calls <= short_calls:
        raise ValueError("the long run must make more calls than the short one")
    costs = [(b - a) / (long_calls - short_calls) for a, b in zip(short, long, strict=True)]
    if min(costs) <= 0:
        raise ValueError(
            "the calls drowned in the noise of start-up: the machine is too busy, or make more calls"
        )
    return costs


def significant(value: float) -> str:
    """Three digits, never in exponent form: 0.123, 4.56, 78.9, 1,234."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(value: float, unit: str) -> str:
    """A value with its unit; `x` and the like stand without a space."""
    return f"{significant(value)}{unit}" if unit == "x" else f"{significant(value)} {unit}"


def verdict(met: bool | None) -> str:
    """The word of the table's last column."""
    return {True: "yes", False: "no", None: "–"}[met]


def machine() -> dict[str, str]:
    """The machine and the versions that the figures depend on, each as one short text."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processor": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "unicorn": metadata.version("unicorn"),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def machine_line(facts: Mapping[str, str]) -> str:
    """The line under the table."""
    return (
        f"{facts['processor']}, {facts['cores']} cores, Linux {facts['kernel']}, "
        f"Python {facts['python']}, Unicorn {facts['unicorn']}"
    )


def columns(rows: Iterable[Row]) -> list[str]:
    """The subjects that were measured in any row, in the tables' order; emu itself stands first."""
    seen = {subject for row in rows for subject in row.series}
    return [subject for subject in SUBJECT_LABELS if subject in seen]


def markdown(rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """The README's table and the line about the machine."""
    peers = [name for name in columns(rows) if not name.startswith("emu")]
    head = ["what", "emu", *(SUBJECT_LABELS[name] for name in peers), "target", "met"]
    lines = [cells(head), cells(["---"] * len(head))]
    for row in rows:
        own = row.failure or row.series[row.subject].text()
        others = [row.series[name].text() if name in row.series else "–" for name in peers]
        targets = "; ".join(check.target for check in row.checks) or "–"
        measured = "; ".join(check.measured for check in row.checks if check.measured != own)
        met = verdict(row.met) + (f" ({measured})" if measured else "")
        lines.append(cells([row.what, own, *others, targets, met]))
    lines += ["", f"Measured by `python3 tools/dev.py bench` on: {machine_line(facts)}."]
    return "\n".join(lines) + "\n"


def cells(texts: Iterable[str]) -> str:
    """One line of a markdown table."""
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def as_json(rows: Sequence[Row], facts: Mapping[str, str]) -> dict[str, Any]:
    """Everything that was measured, every round of it, as plain data."""
    return {
        "machine": dict(facts),
        "rows": [
            {
                "figure": row.figure,
                "what": row.what,
                "subject": row.subject,
                "met": row.met,
                "failure": row.failure,
                "notes": row.notes,
                "checks": [asdict(check) for check in row.checks],
                "series": {
                    name: {"unit": series.unit, "median": series.median, "rounds": list(series.values)}
                    for name, series in row.series.items()
                },
            }
            for row in rows
        ],
    }
