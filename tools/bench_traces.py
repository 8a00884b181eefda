"""The figures of traces: what writing and filtering one costs, in time and memory, and how long a large one takes to read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench_loops import Effort, calls, choose, microseconds
from bench_report import Row, Series
from bench_run import MeasureError, Subject, build, count_lines, emu_command

MILLION = 1_000_000
LONG = 10 * MILLION
"""Calls of the run whose memory is measured."""

FILTERS = ("-e", "trace=getpid,%network,!close", "-e", "status=successful", "-e", "thread=1000")
"""All of them are asked for every call, and none is turned away: the dearest case."""

LIMIT = 300.0  # seconds for one command here


def extra(costs: dict[str, list[float]], more: str, less: str) -> dict[str, list[float]]:
    """The difference of two subjects, round by round, in seconds, under the first one's name; empty if one is missing."""
    if more not in costs or less not in costs:
        return {}
    return {more: [a - b for a, b in zip(costs[more], costs[less], strict=True)]}


def tracing_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """What a call costs more with a trace to a file than without."""
    rows = []
    for guest, what in (("getpid", "`getpid`"), ("write", "`write` of 64 bytes")):
        costs, notes = calls(guest, choose(installed, "emu", "emu-trace"), folder, effort)
        row = Row(
            "tracing", f"writing the trace of a call ({what}): more than without", "emu-trace",
            microseconds(extra(costs, "emu-trace", "emu")), notes=notes,
        )  # fmt: skip
        row.at_most(2.0)
        rows.append(row)
    return rows


def filter_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """What a call costs more with filters than with a trace of everything."""
    emu = emu_command()
    subjects = [
        installed["emu-trace"],
        Subject("emu-filter", lambda elf, out: [*emu, "trace", *FILTERS, "-o", str(out), elf, "--"]),
    ]
    costs, notes = calls("getpid", subjects, folder, effort)
    row = Row(
        "filters", f"filters on a traced call (`{' '.join(FILTERS)}`): more than without", "emu-filter",
        microseconds(extra(costs, "emu-filter", "emu-trace")), notes=notes,
    )  # fmt: skip
    row.at_most(0.5)
    return [row]


def long_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """The memory of ten million traced calls, and of a tenth of them."""
    elf = build("getpid", folder)
    trace = folder / "long.jsonl"
    peaks = {}
    for count in (MILLION, LONG):
        command = [*emu_command(), "trace", "-o", str(trace), str(elf), "--", str(count)]
        _, peaks[count] = run_measured(command, folder)
        written = count_lines(trace)
        trace.unlink()
        if written < count:
            raise MeasureError(f"{written} lines for {count} calls")
    row = Row(
        "long", "ten million calls traced to a file: peak memory more than for one million", "emu-trace",
        {"emu-trace": Series("emu-trace", "MiB", (max(0.0, peaks[LONG] - peaks[MILLION]),))},
        notes=[f"{peaks[LONG]:.1f} MiB in all"],
    )  # fmt: skip
    row.at_most(2.0)
    return [row]


def file_rows(installed: dict[str, Subject], folder: Path, effort: Effort) -> list[Row]:
    """A million saved events: the summary table, and the terminal viewer's first screen."""
    elf = build("write", folder)
    trace = folder / "million.jsonl"
    run_measured([*emu_command(), "trace", "-o", str(trace), str(elf), "--", str(MILLION)], folder)
    size = trace.stat().st_size / 1e6
    took, peak = [], 0.0
    for _ in range(effort.rounds):
        seconds, peak = run_measured([*emu_command(), "trace", str(trace), "-c"], folder)
        took.append(seconds)
    row = Row(
        "files", "`emu trace FILE -c` over a million events", "emu-trace",
        {"emu-trace": Series("emu-trace", "s", tuple(took))},
        notes=[f"a file of {size:.0f} MB, {peak:.0f} MiB of memory"],
    )  # fmt: skip
    row.at_most(5.0)
    return [row, viewer_row(trace, folder, effort)]


def viewer_row(trace: Path, folder: Path, effort: Effort) -> Row:
    """`emu view` of a trace on a terminal of its own: until everything is read, and from a key to the screen."""
    figures = []
    for _ in range(effort.rounds):
        run_measured([sys.executable, "-m", "emu.viewer.measure", str(trace)], folder)
        figures.append(json.loads((folder / "said").read_text()))
    last = figures[-1]
    row = Row(
        "files", "`emu view` opens a million events: start of the process to all of them read", "emu-trace",
        {"emu-trace": Series("emu-trace", "s", tuple(one["all_read"] for one in figures))},
        notes=[
            f"first screen after {last['first_screen']:.2f} s; from a key to the screen {last['key_median']:.0f} ms in the "
            f"middle, {last['key_slowest']:.0f} ms at most; {last['memory']:.0f} MiB, {last['peak_memory']:.0f} at most"
        ],
    )  # fmt: skip
    row.at_most(2.0)
    return row


def run_measured(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Runs a command to its end: seconds and peak resident MiB. Raises MeasureError when it fails or takes too long."""
    log = folder / "said"
    peak = 0.0
    begin = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder)
        try:
            while True:
                peak = peak_memory(process.pid) or peak
                pid, status = os.waitpid(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.perf_counter() - begin > LIMIT:
                    process.kill()
                    os.waitpid(process.pid, 0)
                    raise MeasureError(f"{' '.join(command[:4])} ... took more than {LIMIT:.0f} s")
                time.sleep(0.005)
        finally:
            process.returncode = 0  # it has been waited for
    if status:
        raise MeasureError(
            f"{' '.join(command[:4])} ... failed: {log.read_text(errors='replace').strip()[-300:]}"
        )
    return time.perf_counter() - begin, peak


def peak_memory(pid: int) -> float:
    """The most that a process had resident so far, in MiB (proc(5), VmHWM); 0 when it has ended.

    Not ru_maxrss: that begins with what its parent had at the fork.
    """
    text = Path(f"/proc/{pid}/status").read_text()
    _, found, rest = text.partition("VmHWM:")
    return int(rest.split()[0]) / 1024 if found else 0.0
