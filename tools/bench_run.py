"""How each subject starts a guest, and one timed run of it."""

from __future__ import annotations

import importlib.util
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from guest.compiler import build as compile_guest

TOOLS = Path(__file__).resolve().parent
GUESTS = TOOLS / "bench_guests"
RUN_LIMIT = 60.0  # seconds for one run, whoever runs it


class MeasureError(Exception):
    """A figure could not be measured; the message says what went wrong."""


@dataclass(frozen=True)
class Subject:
    """A way to run a guest. `command(elf, out)` comes before the guest's own arguments; `out` is for what it writes."""

    name: str
    command: Callable[[str, Path], list[str]]


@dataclass(frozen=True)
class Run:
    """One run from start to end: seconds on the clock and of processor time (children included), what it printed."""

    wall: float
    cpu: float
    status: int
    stdout: bytes


def emu_command() -> list[str]:
    """The `emu` beside this interpreter, as a user starts it."""
    script = Path(sys.executable).parent / "emu"
    return [str(script)] if script.exists() else [sys.executable, "-m", "emu"]


def subjects(qiling: str | None = None) -> tuple[dict[str, Subject], list[str]]:
    """Every subject that is installed here, and a line for each that is not.

    `qiling` is an interpreter that can import it; by default this one is tried.
    """
    emu = emu_command()
    found = {
        "emu": Subject("emu", lambda elf, out: [*emu, "run", elf, "--"]),
        "emu-trace": Subject(
            "emu-trace", lambda elf, out: [*emu, "trace", "--syscalls", "-o", str(out), elf, "--"]
        ),
        "native": Subject("native", lambda elf, out: [elf]),
        "unicorn": Subject(
            "unicorn", lambda elf, out: [sys.executable, str(TOOLS / "bench_unicorn.py"), elf]
        ),
    }
    missing = []
    strace, qemu = shutil.which("strace"), shutil.which("qemu-x86_64")
    if strace:
        found["strace"] = Subject("strace", lambda elf, out: [strace, "-f", "-o", str(out), elf])
    else:
        missing.append("strace is not installed")
    if qemu:
        found["qemu"] = Subject("qemu", lambda elf, out: [qemu, elf])
        found["qemu-strace"] = Subject("qemu-strace", lambda elf, out: [qemu, "-strace", "-D", str(out), elf])
    else:
        missing.append("qemu-x86_64 is not installed")
    python = qiling or (sys.executable if importlib.util.find_spec("qiling") else None)
    if python and can_import(python, "qiling"):
        script = str(TOOLS / "bench_qiling.py")
        found["qiling"] = Subject("qiling", lambda elf, out: [python, script, elf])
    elif qiling:
        missing.append(f"{qiling} cannot import qiling")
    else:
        missing.append("Qiling is not installed (--qiling PYTHON names an interpreter that has it)")
    return found, missing


def can_import(python: str, module: str) -> bool:
    """Whether that interpreter can import that module."""
    try:
        done = subprocess.run(
            [python, "-c", f"import {module}"], capture_output=True, timeout=RUN_LIMIT, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def run(subject: Subject, elf: Path | str, args: Sequence[str], folder: Path, lines: int = 0) -> Run:
    """Runs a guest to its end under a subject, in `folder`, and takes the time from start to end.

    Raises MeasureError when it fails, takes too long, or (if `lines` is given) leaves a shorter log than that many lines:
    a trace that is not complete is no trace.
    """
    out = folder / f"{subject.name}.out"
    out.unlink(missing_ok=True)
    command = [*subject.command(str(elf), out), *args]
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=folder
        )
        try:
            status, cpu = wait(process.pid, begin + RUN_LIMIT)
        except MeasureError:
            process.kill()
            process.wait()
            raise MeasureError(f"{' '.join(command[:6])} ... took more than {RUN_LIMIT:.0f} s") from None
        wall = time.perf_counter() - begin
        process.returncode = status  # it has been waited for
        stdout.seek(0)
        stderr.seek(0)
        said, complaint = stdout.read(), stderr.read()
    if status != 0:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise MeasureError(f"{' '.join(command[:6])} ... ended with status {status}: {last[0]}")
    if lines and (found := count_lines(out)) < lines:
        raise MeasureError(f"{subject.name} logged {found} lines of at least {lines}")
    return Run(wall, cpu, status, said)


def wait(pid: int, deadline: float) -> tuple[int, float]:
    """The exit status and processor seconds (with its own waited-for children) of a child; MeasureError past the deadline.

    Sleeps in the kernel, so that a run of milliseconds is timed to microseconds: a pidfd is readable when the child ends.
    """
    pidfd = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([pidfd], [], [], max(0.0, deadline - time.perf_counter()))
    finally:
        os.close(pidfd)
    if not ready:
        raise MeasureError("too long")
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime


def count_lines(path: Path) -> int:
    """How many lines a file has; 0 when there is none."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def build(name: str, folder: Path) -> Path:
    """Compiles a guest of bench_guests/ (or a bundled program) into `folder`; returns the ELF's path."""
    source = GUESTS / f"{name}.py"
    target = folder / f"{name}.elf"
    target.write_bytes(compile_guest(str(source) if source.exists() else name))
    target.chmod(0o755)
    return target
