#!/usr/bin/env python3
"""Measures the figures of the README on this machine, each beside its peers in the same run; see docs/benchmarks.md.

Started by `python3 tools/dev.py bench [FIGURES] [OPTIONS]`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench_loops import Effort, compute_rows, hello_rows, process_rows, syscall_rows, traced_rows
from bench_programs import program_rows
from bench_report import SUBJECT_LABELS, Row, as_json, columns, machine, machine_line, markdown, verdict
from bench_run import MeasureError, Subject, subjects
from bench_servers import http_rows, memory_rows, websocket_rows
from bench_traces import file_rows, filter_rows, long_rows, tracing_rows
from rich.console import Console
from rich.table import Table

FIGURES: dict[str, Callable[[dict[str, Subject], Path, Effort], list[Row]]] = {
    "traced": traced_rows,
    "syscall": syscall_rows,
    "tracing": tracing_rows,
    "filters": filter_rows,
    "long": long_rows,
    "files": file_rows,
    "cpu": compute_rows,
    "processes": process_rows,
    "http": http_rows,
    "websocket": websocket_rows,
    "programs": program_rows,
    "hello": hello_rows,
    "memory": memory_rows,
}
FULL = Effort(rounds=5, seconds=0.3)
QUICK = Effort(rounds=3, seconds=0.15, brief=True)
SERVER_SECONDS = 1.0  # of load in one round: ab and wrk know only whole seconds
WIDTH = 150  # columns of the tables where there is no terminal to ask
MEMORY_FOLDER = "/dev/shm"
SERVERS = {"http", "websocket"}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument(
        "figures", nargs="*", metavar="FIGURE", help=f"some of: {', '.join(FIGURES)} (default: all)"
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, under a minute")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="judge calls and computation by processor time, for a machine that is busy otherwise",
    )
    parser.add_argument("--qiling", metavar="PYTHON", help="an interpreter that can import qiling")
    parser.add_argument(
        "--without",
        metavar="SUBJECT",
        action="append",
        default=[],
        choices=list(SUBJECT_LABELS),
        help="leave one out",
    )
    parser.add_argument(
        "--json", metavar="FILE", type=Path, help="also write every round of everything there"
    )
    parser.add_argument(
        "--folder",
        metavar="DIR",
        help=f"where programs and logs are written meanwhile (default: {MEMORY_FOLDER} if it can be used)",
    )
    parser.add_argument("--markdown", action="store_true", help="print the README's table instead")
    chosen = parser.parse_args(words)
    for name in chosen.figures:
        if name not in FIGURES:
            parser.error(f"no such figure: {name}; there are {', '.join(FIGURES)}")
    return chosen


def scratch(chosen: str | None) -> str | None:
    """Where programs and logs are written: in memory if possible, so that a disk's moods do not show in the figures."""
    if chosen is not None:
        return chosen
    try:
        flags = os.statvfs(MEMORY_FOLDER).f_flag
    except OSError:
        return None
    return None if flags & (os.ST_NOEXEC | os.ST_RDONLY) else MEMORY_FOLDER


def measure(name: str, installed: dict[str, Subject], effort: Effort, place: str | None) -> list[Row]:
    """The rows of one figure; a figure that cannot be measured is a row that says why."""
    if name in SERVERS:
        effort = replace(effort, seconds=SERVER_SECONDS)
    with tempfile.TemporaryDirectory(prefix="emu-bench-", dir=place) as folder:
        try:
            return FIGURES[name](installed, Path(folder), effort)
        except (MeasureError, KeyError) as error:
            return [Row(name, name, "emu", failure=f"could not be measured: {error}")]


def remarks(rows: Sequence[Row], missing: Sequence[str]) -> list[str]:
    """What was left out and why, each said once."""
    notes = [*missing, *(f"{row.figure}: {note}" for row in rows for note in row.notes)]
    return [f"note: {note}" for note in dict.fromkeys(notes)]


def show(rows: Sequence[Row], facts: dict[str, str], missing: Sequence[str], console: Console) -> None:
    """The table for people: each figure with its targets, then everybody's values."""
    table = Table(title="against the targets", title_justify="left")
    for head in ("figure", "what", "measured", "target", "met"):
        table.add_column(head, overflow="fold")
    for row in rows:
        own = row.failure or row.series[row.subject].text(spread=True)
        own_check = row.series[row.subject].text() if not row.failure else ""
        others = [check.measured for check in row.checks if check.measured != own_check]
        colour = {True: "green", False: "red", None: "default"}[row.met]
        table.add_row(
            row.figure, row.what, "\n".join([own, *others]), "\n".join(check.target for check in row.checks),
            f"[{colour}]{verdict(row.met)}",
        )  # fmt: skip
    console.print(table)
    everybody = Table(title="everybody: median (lowest–highest round)", title_justify="left")
    names = columns(rows)
    for head in ("what", *(SUBJECT_LABELS[name] for name in names)):
        everybody.add_column(head, overflow="fold")
    for row in rows:
        values = [
            row.series[name].text(spread=True).replace(" (", "\n(") if name in row.series else "–"
            for name in names
        ]
        everybody.add_row(row.what, *values)
    console.print(everybody)
    for line in remarks(rows, missing):
        console.print(line, markup=False, soft_wrap=True)
    console.print(machine_line(facts), markup=False, highlight=False)
    if float(facts["load before"]) > 0.5:
        console.print(
            f"The machine had other work (load {facts['load before']}): figures are indicative only."
        )


def main() -> int:
    """Measures, prints; 0 also when a target is missed: this is no test."""
    chosen = arguments()
    facts = machine()
    effort = QUICK if chosen.quick else FULL
    if chosen.cpu_time:
        effort = replace(effort, clock="cpu")
    installed, missing = subjects(chosen.qiling)
    for name in chosen.without:
        installed.pop(name, None)
    rows: list[Row] = []
    for name in chosen.figures or FIGURES:
        begin = time.monotonic()
        rows += measure(name, installed, effort, scratch(chosen.folder))
        print(f"bench: {name} took {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(as_json(rows, facts), indent=1) + "\n")
    if chosen.markdown:
        print(markdown(rows, facts), end="")
        for line in remarks(rows, missing):
            print(line, file=sys.stderr)
    else:
        show(rows, facts, missing, Console(width=None if sys.stdout.isatty() else WIDTH))
    return 0


if __name__ == "__main__":
    sys.exit(main())
