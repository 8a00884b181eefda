"""One run of a program, natively or emulated: the same arguments, input, environment and folder, a limit of time, and what it left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emu.trace.read import Reader

from .report import DIFFERS, EQUAL, Row

ROOT = Path(__file__).resolve().parent.parent.parent
EMU = (sys.executable, "-m", "emu")
NATIVE_LIMIT = 30.0
"""Seconds for a native run."""
EMULATED_LIMIT = 120.0
"""Seconds for an emulated run: the machine may be busy."""
TIMED_OUT = -1
"""The status of a run that its limit ended."""


@dataclass(frozen=True)
class Run:
    """What a run left behind. `status` is a shell's: 128+N when signal N ended it, TIMED_OUT when its limit did; `seconds` on the clock; `calls` the
    names of the system calls made, where they were recorded."""

    status: int
    stdout: bytes
    stderr: bytes
    seconds: float
    calls: frozenset[str] = frozenset()


def native(
    command: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: str | Path = "/",
    limit: float = NATIVE_LIMIT,
) -> Run:
    """Runs a command on the bare kernel, in its own process group: a job of a shell, as the bench's first process is. `env` is its whole environment (default: empty)."""
    return finish([str(word) for word in command], stdin, dict(env or {}), cwd, limit)


def emulated(
    command: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: str | Path = "/",
    limit: float = EMULATED_LIMIT,
    options: Sequence[str | Path] = (),
    calls: bool = False,
) -> Run:
    """Runs the same command under `emu run`, or with `calls` under `emu trace`, which records the names of its calls. `options` are those of the bench
    (`--root /`); `env` is the guest's environment, `cwd` the bench's folder."""
    words = [str(word) for word in command]
    given = [str(option) for option in options]
    given += [word for name, value in (env or {}).items() for word in ("--env", f"{name}={value}")]
    around = {**os.environ, "PYTHONPATH": str(ROOT)}
    if not calls:
        return finish([*EMU, "run", *given, words[0], "--", *words[1:]], stdin, around, cwd, limit)
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        trace = Path(folder, "trace.jsonl")
        traced = [*EMU, "trace", "-o", str(trace), "--payload", "0", *given, words[0], "--", *words[1:]]
        run = finish(traced, stdin, around, cwd, limit)
        return Run(run.status, run.stdout, run.stderr, run.seconds, calls_of(trace))


def finish(command: Sequence[str], stdin: bytes, env: dict[str, str], cwd: str | Path, limit: float) -> Run:
    """Runs a command to its end, or to its limit: then its process group is killed."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # Files, not pipes: a child that outlives the command and keeps its streams would hold up whoever reads a pipe.
        given.write(stdin)
        given.seek(0)
        with subprocess.Popen(
            command, stdin=given, stdout=out, stderr=err, env=env, cwd=cwd, process_group=0
        ) as child:
            try:
                code = child.wait(limit)
                status = code if code >= 0 else 128 - code
            except subprocess.TimeoutExpired:
                status = TIMED_OUT
            finally:
                if child.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(child.pid, signal.SIGKILL)
        seconds = time.monotonic() - started
        out.seek(0)
        err.seek(0)
        return Run(status, out.read(), err.read(), seconds)


def calls_of(trace: Path) -> frozenset[str]:
    """The names of the calls in a saved trace."""
    if not trace.exists():
        return frozenset()
    with Reader(str(trace)) as records:
        return frozenset(str(record["name"]) for record in records if record["event"] == "syscall")


def difference(expected: Run, found: Run, streams: Sequence[str] = ("stdout",)) -> str:
    """Where the emulated run leaves the native one, in a few words; empty when it does not."""
    for name in streams:
        want, got = getattr(expected, name).splitlines(), getattr(found, name).splitlines()
        for number, (one, other) in enumerate(zip(want, got, strict=False), 1):
            if one != other:
                return f"line {number} of {name}: natively {shown(one)}, emulated {shown(other)}"
        if len(want) != len(got):
            more = "natively" if len(want) > len(got) else "emulated"
            return f"{name} has {abs(len(want) - len(got))} more lines {more}, first {shown(max(want, got, key=len)[min(len(want), len(got))])}"
    if expected.status != found.status:
        last = found.stderr.strip().splitlines()[-1:] or [b""]
        return f"status natively {told(expected.status)}, emulated {told(found.status)} {shown(last[0]) if last[0] else ''}".rstrip()
    return ""


def compared(name: str, what: str, expected: Run, found: Run, streams: Sequence[str] = ("stdout",)) -> Row:
    """The row of two runs: equal when their streams and their statuses are."""
    where = difference(expected, found, streams)
    return Row(name, what, DIFFERS if where else EQUAL, found.calls, found.seconds, where)


def told(status: int) -> str:
    """A status in words."""
    return "none in time" if status == TIMED_OUT else str(status)


def shown(line: bytes) -> str:
    """A line of a guest, short and printable."""
    text = line.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= 60 else text[:57] + "...")
