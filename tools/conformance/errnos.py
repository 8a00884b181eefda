"""Part `errnos`: every system call with hostile arguments, native against emulated: one score, and the differences call by call."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errno_reasons import reason
from .errno_run import SURELY_WAITS, answers, probe
from .errno_values import Case, cases
from .report import DIFFERS, EQUAL, Effort, Row

TARGET = 0.98
SAMPLE = 3000
"""Cases of the short form."""
WAITING = 3
"""Cases of one form that wait natively, and are tried in the bench: each takes as long as the patience is."""


@dataclass(frozen=True)
class Difference:
    """A case that came to different ends, and why that is so by design; empty: it is a fault."""

    case: Case
    native: str
    emulated: str
    why: str


@dataclass
class Comparison:
    """All that was found: how many cases were compared, and those that differ."""

    compared: int
    different: list[Difference]

    @property
    def faults(self) -> list[Difference]:
        """The differences that nothing explains."""
        return [one for one in self.different if not one.why]

    @property
    def score(self) -> float:
        """Equal to compared; what differs by design is not counted on either side."""
        counted = self.compared - (len(self.different) - len(self.faults))
        return 1 - len(self.faults) / counted if counted else 1.0


def sample(effort: Effort, names: Sequence[str] = ()) -> list[Case]:
    """The cases of a run: all (or those of some calls), or a sample that follows from the seed."""
    found = [case for case in cases(effort.seed, os.geteuid() == 0) if not names or case.name in names]
    if effort.short and len(found) > SAMPLE:
        found = random.Random(effort.seed).sample(found, SAMPLE)
    return found


def compare(chosen: Sequence[Case]) -> Comparison:
    """Runs all natively, then what does not wait (and a few that do) in the bench."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the runs are nobody's, and must come in
        return _compared(chosen, probe(folder))


def _compared(chosen: Sequence[Case], elf: Path) -> Comparison:
    expected = answers(chosen, elf, emulated=False)
    waiting: Counter[str] = Counter()
    kept: list[tuple[Case, str]] = []
    for case, want in zip(chosen, expected, strict=True):
        waiting[case.form] += want == "waits"
        if want != "waits" or waiting[case.form] <= WAITING:
            kept.append((case, want))
    # On a busy machine a short wait proves nothing: those that are compared are asked again, with more patience.
    slow = [case for case, want in kept if want == "waits"]
    surely = iter(answers(slow, elf, emulated=False, wait=SURELY_WAITS))
    kept = [(case, next(surely) if want == "waits" else want) for case, want in kept]
    found = answers([case for case, _ in kept], elf, emulated=True)
    different = [
        Difference(case, want, got, reason(case, want, got))
        for (case, want), got in zip(kept, found, strict=True)
        if want != got
    ]
    return Comparison(len(kept), different)


def rows(effort: Effort) -> Iterator[Row]:
    """One row for all; `EMU_ERRNO_CALLS=read,write` looks at some calls only, and prints every difference."""
    names = [name for name in os.environ.get("EMU_ERRNO_CALLS", "").split(",") if name]
    chosen = sample(effort, names)
    started = time.monotonic()
    found = compare(chosen)
    calls = frozenset(case.name for case in chosen)
    by_design = len(found.different) - len(found.faults)
    equal = 1 - len(found.different) / found.compared
    note = f"{found.score:.2%} of {found.compared - by_design} equal (target {TARGET:.0%}); {by_design} more differ by design ({equal:.2%} with them)"
    what = f"{len(calls)} calls, hostile arguments"
    result = EQUAL if found.score >= TARGET else DIFFERS
    print(grouped(found, examples=8 if names else 2))
    yield Row("errors", what, result, calls, time.monotonic() - started, note)


def grouped(found: Comparison, examples: int) -> str:
    """The differences for a person: by call and by what was answered, the most frequent first, with examples."""
    groups: dict[tuple[str, str, str, str], list[Case]] = {}
    for one in found.different:
        groups.setdefault((one.why, one.case.name, one.native, one.emulated), []).append(one.case)
    by_call = Counter(one.case.name for one in found.faults)
    lines = []
    for (why, name, native, emulated), members in sorted(
        groups.items(), key=lambda item: (item[0][0] != "", -by_call[item[0][1]], item[0][1], -len(item[1]))
    ):
        shown = "; ".join(str(case) for case in members[:examples])
        lines.append(
            f"{len(members):5} {name}: Linux {native}, emu {emulated}{f' [{why}]' if why else ''}: {shown}"
        )
    return "\n".join(lines)
