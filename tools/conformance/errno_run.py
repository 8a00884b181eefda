"""Runs cases of part `errnos` natively and emulated, as nobody and in an empty folder, and gives what each came to."""

from __future__ import annotations

import os
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from errno import errorcode
from pathlib import Path

from guest.compiler import build

from .errno_values import IMAGE_BYTES, Case
from .run import ROOT, finish
from .unprivileged import user

NATIVE_WAIT = 60
SURELY_WAITS = 600
EMULATED_WAIT = 1500
"""Milliseconds until a call is said to wait."""
CHUNK = 2000
"""Cases of one run of the probe."""
CHUNK_LIMIT = 600.0
"""Seconds for them."""
RETURNED, KILLED, ENDED, WAITS = range(4)
DIED = "the bench died"


class ProbeError(Exception):
    """The probe itself did not run; the message says what it printed."""


def probe(folder: Path) -> Path:
    """The compiled probe."""
    elf = folder / "probe.elf"
    elf.write_bytes(build(str(ROOT / "tests" / "guests" / "errno_probe.py")))
    elf.chmod(0o755)
    return elf


def answer(kind: int, value: int) -> str:
    """What a call came to, in one word: an error's name, `0`, `+` for any other result, or how its process ended."""
    if kind == RETURNED:
        if -4095 <= value < 0:
            name = errorcode.get(-value, f"errno {-value}")
            return "EOPNOTSUPP" if name == "ENOTSUP" else name  # one number, two names
        return "0" if value == 0 else "+"
    if kind == KILLED:
        return f"killed {value}"
    return "waits" if kind == WAITS else f"ends {value}"


@contextmanager
def empty(parent: Path) -> Iterator[Path]:
    """A folder that belongs to the user of the run."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    os.chown(folder, user(), user() if os.geteuid() == 0 else -1)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, onerror=_opened)


def _opened(function: object, path: str, error: object) -> None:
    """A folder whose mode a case has changed is removed all the same."""
    for name in (os.path.dirname(path), path):
        if not os.path.islink(name) and os.path.isdir(name):
            os.chmod(name, 0o700)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)


def answers(cases: Sequence[Case], elf: Path, emulated: bool, wait: int = 0) -> list[str]:
    """What every case came to. Where the bench ends early, the case that it ended at says so, and the rest is run anew."""
    found: list[str] = []
    while len(found) < len(cases):
        chunk = cases[len(found) : len(found) + CHUNK]
        got, said = run_chunk(chunk, elf, emulated, wait or (EMULATED_WAIT if emulated else NATIVE_WAIT))
        found += got
        if len(got) < len(chunk):
            if not emulated:
                raise ProbeError(f"natively the probe ended at {chunk[len(got)]}: {said}")
            if not got and found[-1:] == [DIED]:
                raise ProbeError(f"the bench does not run at all: {said}")
            print(f"{DIED} at {chunk[len(got)]}: {said}", file=sys.stderr)
            found.append(DIED)
    return found


def run_chunk(cases: Sequence[Case], elf: Path, emulated: bool, limit: int) -> tuple[list[str], str]:
    """One run of the probe: its answers, and the end of what it said on stderr."""
    stdin = struct.pack("<Q", len(cases)) + IMAGE_BYTES + b"".join(case.packed(limit) for case in cases)
    with empty(elf.parent) as folder:
        way = [str(folder), "native", str(elf)]
        if emulated:
            way = [
                str(folder),
                "emulated",
                "--rw",
                str(folder),
                "--user",
                f"{user()}:{user()}",
                "--memory",
                "64G",
                str(elf),
            ]
        command = [sys.executable, "-m", "tools.conformance.unprivileged", *way]
        run = finish(command, stdin, {**os.environ, "PYTHONPATH": str(ROOT)}, ROOT, CHUNK_LIMIT)
    pairs = struct.iter_unpack("<qq", run.stdout[: len(run.stdout) // 16 * 16])
    said = run.stderr.decode("utf-8", "replace").strip()
    return [answer(kind, value) for kind, value in pairs], f"status {run.status} {said[-2000:]}"
