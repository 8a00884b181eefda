"""The figures of programs that run from start to end: the cost of a call, of a computation, of a start."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_report import Row, Series, per_call
from bench_run import MeasureError, Run, Subject, build, run


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and seconds for one timed run; `clock` is "wall" or "cpu".

    `brief` leaves out those peers and rows of the server that no target is about.
    """

    rounds: int
    seconds: float
    clock: str = "wall"
    brief: bool = False

    def time(self, one: Run) -> float:
        """The time of a run that counts."""
        return one.cpu if self.clock == "cpu" else one.wall


LOGGING = frozenset({"emu-trace", "emu-filter", "strace", "qemu-strace"})
"""The subjects that write a line for each call."""

SHORT = 10
"""Calls of the short run, whose time is taken off the long run's."""

FIRST_GUESS = {
    "native": 200_000,
    "qemu": 50_000,
    "emu": 20_000,
    "emu-trace": 10_000,
    "emu-filter": 10_000,
    "qemu-strace": 10_000,
}
"""Calls of the trial run, from which the long run's number follows; 1,000 for the others."""


def calls(
    guest: str,
    subjects: Sequence[Subject],
    folder: Path,
    effort: Effort,
    *,
    guess: int | None = None,
    logged: bool = True,
) -> tuple[dict[str, list[float]], list[str]]:
    """Seconds a call (or a round of a computation) of each subject, one value a round, and notes on who failed.

    All subjects take turns within each round. With `logged`, those that write a log must have logged every call.
    """
    elf = build(guest, folder)
    logging = LOGGING if logged else frozenset()
    long: dict[str, int] = {}
    notes: list[str] = []
    said: dict[tuple[str, int], bytes] = {}

    def timed(subject: Subject, count: int) -> float:
        lines = count if subject.name in logging else 0
        # qemu's log tears lines of threads apart; of one thread it is whole.
        one = run(subject, elf, [str(count)], folder, lines)
        expected = said.setdefault((guest, count), one.stdout)
        if one.stdout != expected:
            raise MeasureError(f"{subject.name} printed {one.stdout!r}, another {expected!r}")
        return effort.time(one)

    able = []
    for subject in subjects:
        try:
            start = min(timed(subject, SHORT) for _ in range(2))
            trial = guess or FIRST_GUESS.get(subject.name, 1_000)
            # Start-up varies by more than a few calls take: only a run that lasts clearly longer tells what a call costs.
            while (extra := timed(subject, SHORT + trial) - start) < effort.seconds / 4:
                trial *= 4
            long[subject.name] = SHORT + max(trial, int(effort.seconds / extra * trial))
            able.append(subject)
        except MeasureError as error:
            notes.append(f"{subject.name} left out: {error}")
    shorts: dict[str, list[float]] = {subject.name: [] for subject in able}
    longs: dict[str, list[float]] = {subject.name: [] for subject in able}
    for _ in range(effort.rounds):
        for subject in list(able):
            try:
                shorts[subject.name].append(timed(subject, SHORT))
                longs[subject.name].append(timed(subject, long[subject.name]))
            except MeasureError as error:
                notes.append(f"{subject.name} left out: {error}")
                able.remove(subject)
    costs = {}
    for subject in able:
        name = subject.name
        # The start-up is the same in all rounds: its median is a better estimate than each single one.
        middle = [statistics.median(shorts[name])] * effort.rounds
        try:
            costs[name] = per_call(middle, longs[name], SHORT, long[name])
        except ValueError as error:
            notes.append(f"{name} left out: {error}")
    return costs, notes


def microseconds(costs: dict[str, list[float]]) -> dict[str, Series]:
    """Seconds a call as series in microseconds."""
    return {
        name: Series(name, "us", tuple(value * 1e6 for value in values)) for name, values in costs.items()
    }


def choose(installed: dict[str, Subject], *names: str) -> list[Subject]:
    """Those of the named subjects that are installed, in that order."""
    return [installed[name] for name in names if name in installed]


def syscall_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """The untraced call: getpid(2)."""
    costs, notes = calls("getpid", choose(installed, "emu", "native", "qemu", "qiling"), folder, effort)
    row = Row("syscall", "untraced syscall (`getpid`)", "emu", microseconds(costs), notes=notes)
    row.at_most(1.5)
    return [row]


def traced_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """The traced and decoded call, written to a file: getpid(2), and write(2) with its buffer."""
    rows = []
    for guest, what in (("getpid", "`getpid`"), ("write", "`write` of 64 bytes")):
        costs, notes = calls(guest, choose(installed, "emu-trace", "strace", "qemu-strace"), folder, effort)
        row = Row(
            "traced", f"traced, decoded syscall ({what}), JSON lines to a file", "emu-trace",
            microseconds(costs), notes=notes,
        )  # fmt: skip
        row.at_most(4.0)
        row.relative("strace", 0.2, least=False, words="at most 1/5 of strace -f -o")
        rows.append(row)
    return rows


def compute_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """A guest that computes: a sieve and SHA-1's mixing."""
    costs, notes = calls(
        "compute", choose(installed, "emu", "unicorn", "native", "qemu", "qiling"), folder, effort,
        guess=10, logged=False,
    )  # fmt: skip
    series = {
        name: Series(name, "ms", tuple(value * 1e3 for value in values)) for name, values in costs.items()
    }
    row = Row("cpu", "CPU-bound guest, preemption on (one round of work)", "emu", series, notes=notes)
    row.relative("unicorn", 1.4, least=False)
    return [row]


def process_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """Processes: fork(2) with a heap, and fork, execve(2) and wait4(2) of a small program."""
    rows = []
    for guest, what, bound in (
        ("fork_heap", "fork and wait of a process with a heap of 16 MiB", 10.0),
        ("fork_exec", "fork, exec and wait of a small static program", 40.0),
    ):
        able = choose(installed, "emu", "native", "qemu", "strace")
        costs, notes = calls(guest, able, folder, effort, guess=20, logged=False)
        series = {
            name: Series(name, "ms", tuple(value * 1e3 for value in values)) for name, values in costs.items()
        }
        row = Row("processes", what, "emu", series, notes=notes)
        row.at_most(bound)
        rows.append(row)
    return rows


def hello_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """A program that says hello, from the start of the process to its end."""
    elf = build("hello", folder)
    able = choose(installed, "emu", "native", "qemu", "strace", "qiling")
    times: dict[str, list[float]] = {subject.name: [] for subject in able}
    notes = []
    for subject in list(able):  # once to warm up, and to see who can do it
        try:
            if run(subject, elf, [], folder).stdout != b"hello\n":
                raise MeasureError("it did not say hello")
        except MeasureError as error:
            notes.append(f"{subject.name} left out: {error}")
            able.remove(subject)
            del times[subject.name]
    for _ in range(max(5, 2 * effort.rounds)):
        for subject in able:
            times[subject.name].append(run(subject, elf, [], folder).wall)
    series = {
        name: Series(name, "ms", tuple(value * 1e3 for value in values)) for name, values in times.items()
    }
    row = Row("hello", "`emu run` of a hello program, process start to end", "emu", series, notes=notes)
    row.at_most(250.0)
    return [row]
