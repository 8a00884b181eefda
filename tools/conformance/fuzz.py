"""Part `fuzz`: the bench against hostile guests. Random scripts must leave it whole and the host as it was; attempts to get out must fail.

What a run has to hold: no failure of the bench itself, no crash of its process, its end in time, every line of its trace a record, and no descriptor,
mapping, thread, child, file or directory left behind.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guest.compiler import build

from . import escapes, escapes_files, escapes_memory, escapes_system
from .fuzz_worker import TIME_LIMIT
from .report import DIFFERS, EQUAL, Effort, Row
from .run import ROOT

SHORT, LONG = 25.0, 300.0
"""Seconds of random scripts."""
WORKERS = 2
LATE = 2.0
"""Seconds after its time limit by which a run is to have ended, on a quiet machine."""
PATIENCE = 40.0
"""Seconds without a word after which a worker counts as hung, on any machine."""
TABLES = (escapes_files, escapes_system)
"""The modules that fill the table of attempts."""
__all__ = ["TABLES", "rows"]


@dataclass
class Found:
    """What the workers have told."""

    runs: int = 0
    worst: float = 0.0
    findings: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)


def alone() -> list[str]:
    """The command that gives a process ids of its own, where the host lets us: then not even a fault could signal others."""
    way = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if (
        shutil.which(way[0])
        and subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0
    ):
        return way
    return []


def guest(folder: Path) -> Path:
    """The compiled interpreter of scripts."""
    elf = folder / "scripted.elf"
    elf.write_bytes(build(str(ROOT / "tests" / "guests" / "scripted.py")))
    elf.chmod(0o755)
    return elf


def watch(command: Sequence[str], found: Found, lock: threading.Lock) -> None:
    """Runs a worker to its end, and hears what it tells; kills it when it says nothing any more."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as errors, subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=errors, env=env, cwd=ROOT, process_group=0
    ) as child:  # fmt: skip
        current: Any = None
        hung = False

        def late() -> None:
            nonlocal hung
            hung = True
            os.killpg(child.pid, signal.SIGKILL)

        assert child.stdout is not None
        timer = threading.Timer(PATIENCE, late)
        timer.start()
        for line in child.stdout:
            timer.cancel()
            told = json.loads(line)
            with lock:
                if "begin" in told:
                    current = told["begin"]
                else:
                    current = None
                    found.runs += 1
                    found.worst = max(found.worst, told["seconds"])
                    found.statuses[told["status"]] = found.statuses.get(told["status"], 0) + 1
                    found.findings += [f"seed {told['end']}: {text}" for text in told["findings"]]
            timer = threading.Timer(PATIENCE, late)
            timer.start()
        timer.cancel()
        if child.wait() or hung:
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace")[-1500:]
            what = "hangs" if hung else f"the bench's process ended with {child.returncode}"
            with lock:
                found.findings.append(f"seed {current}: {what} {said}".rstrip())


def random_scripts(elf: Path, folder: Path, seed: int, seconds: float) -> Row:
    """Random scripts in parallel workers."""
    found, lock = Found(), threading.Lock()
    started = time.monotonic()
    way = alone()
    threads = []
    for number in range(WORKERS):
        work = folder / f"worker-{number}"
        command = [*way, sys.executable, "-X", "faulthandler", "-m", "tools.conformance.fuzz_worker"]
        command += [str(elf), str(work), str(seed * 1_000_000 + number), str(WORKERS), str(seconds)]
        threads.append(threading.Thread(target=watch, args=(command, found, lock)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    if not found.runs:
        found.findings.append("no run has come to its end")
    ways = len(found.statuses)
    note = "; ".join(found.findings) or (
        f"{found.runs} scripts, {ways} different endings; the longest took {found.worst:.1f} s with a limit of {TIME_LIMIT} s"
    )
    return Row(
        "random scripts", "calls, threads, processes, signals, code: nothing breaks, nothing is left",
        DIFFERS if found.findings else EQUAL, seconds=time.monotonic() - started, note=note,
    )  # fmt: skip


def ways_out(elf: Path, folder: Path, chosen: Sequence[str]) -> Row:
    """The attempts to get out."""
    started = time.monotonic()
    notes = []
    tried = 0
    for number, name in enumerate(chosen):
        with escapes.World(folder / f"world-{number}") as world:
            script = escapes.Try(world)
            outcome = escapes.make(elf, world, escapes.ATTEMPTS[name], script)
            tried += len(script.steps)
        notes += [f"{name}: {text}" for text in outcome.findings]
    what = f"{len(chosen)} families of attempts, {tried} calls: all in vain"
    result = DIFFERS if notes else EQUAL
    return Row("ways out", what, result, seconds=time.monotonic() - started, note="; ".join(notes))


def wild_addresses(elf: Path, chosen: Sequence[str]) -> Row:
    """Calls with addresses of the bench's memory."""
    started = time.monotonic()
    tried = [entry for entry in escapes_memory.calls() if not chosen or entry.name in chosen]
    notes = [text for entry in tried for text in escapes_memory.findings(elf, entry)]
    what = f"{len(tried)} calls with addresses of the bench's memory: none is read or written"
    result = DIFFERS if notes else EQUAL
    return Row("wild addresses", what, result, seconds=time.monotonic() - started, note="; ".join(notes))


SAMPLE = (
    "write",
    "read",
    "sendmsg",
    "recvmsg",
    "readv",
    "writev",
    "ioctl",
    "getsockopt",
    "futex",
    "process_vm_readv",
    "mincore",
    "move_pages",
)
"""Calls that the short form tries with wild addresses."""


def rows(effort: Effort) -> Iterator[Row]:
    """Random scripts, ways out, wild addresses. The short form takes about a minute."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        folder = Path(name)
        elf = guest(folder)
        yield random_scripts(elf, folder, effort.seed, SHORT if effort.short else LONG)
        names = list(escapes.ATTEMPTS)
        yield ways_out(elf, folder, names[effort.seed % 3 :: 3] if effort.short else names)
        yield wild_addresses(elf, SAMPLE if effort.short else ())
