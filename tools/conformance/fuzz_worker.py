"""Runs random scripts on the bench in this process, one after another, and tells in JSON lines what each has left behind on the host.

python3 -m tools.conformance.fuzz_worker GUEST FOLDER FIRST STEP SECONDS
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from emu.machine import Machine
from emu.trace.jsonl import JsonLines
from emu.trace.read import Reader

from .fuzz_scripts import script_of

TIME_LIMIT = 1.5
"""Seconds of a guest."""
MAPS_ALLOWED = 24
"""Mappings that the interpreter may make for itself in one run."""
LARGEST_FILE = 1 << 28
"""Bytes: many guests at once must not fill the machine that this runs on."""
TRACED = 3
"""Every so many-th run is traced."""


def prepare(folder: Path) -> None:
    """Makes what a guest may read, what it may change, and what it must not reach."""
    for name in ("root/sub", "rw", "outside", "tmp", "trace"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "root" / "file").write_text("content")
    (folder / "outside" / "secret").write_text("secret")
    with suppress(FileExistsError):
        (folder / "root" / "out").symlink_to("../outside/secret")


def facts(*folders: Path) -> list[tuple[str, int, int, int, int, int]]:
    """What must not change of what a guest may not change."""
    found = []
    for top in folders:
        for path in [top, *sorted(top.rglob("*"))]:
            status = path.lstat()
            found.append(
                (
                    str(path),
                    status.st_mode,
                    status.st_uid,
                    status.st_size,
                    status.st_nlink,
                    status.st_ctime_ns,
                )
            )
    return found


class Host:
    """What this process holds of the host."""

    def __init__(self, folder: Path) -> None:
        gc.collect()
        self.fds = {fd: link(fd) for fd in os.listdir("/proc/self/fd")}
        self.maps = sum(1 for _ in open("/proc/self/maps"))  # noqa: SIM115 - read to its end at once
        self.tasks = len(os.listdir("/proc/self/task"))
        self.threads = threading.active_count()
        self.children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        self.left = sorted(os.listdir(folder / "tmp"))
        self.outside = facts(folder / "root", folder / "outside")
        self.cwd, self.mask = os.getcwd(), os.umask(0o22)
        os.umask(self.mask)

    def differences(self, later: Host) -> list[str]:
        """What has come or changed since."""
        found = []
        more = {fd: later.fds[fd] for fd in later.fds if fd not in self.fds and later.fds[fd]}
        if more:
            found.append(f"descriptors are left: {more}")
        if gone := {fd: text for fd, text in self.fds.items() if text and later.fds.get(fd) != text}:
            found.append(f"descriptors are gone: {gone}")
        if later.maps > self.maps + MAPS_ALLOWED:
            found.append(f"{later.maps - self.maps} mappings are left")
        for name in ("tasks", "threads", "children", "left", "outside", "cwd", "mask"):
            was, now = getattr(self, name), getattr(later, name)
            if was != now:
                found.append(f"{name}: {was!r} became {now!r}"[:500])
        return found


def link(fd: str) -> str:
    """Where a descriptor leads; empty for the one that listed them."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


def one(guest: Path, folder: Path, seed: int) -> dict[str, Any]:
    """One run, with what was found."""
    said: list[str] = []
    findings: list[str] = []
    trace = folder / "trace" / f"{seed}.jsonl"
    given = os.memfd_create("script")
    os.write(given, script_of(seed))
    os.lseek(given, 0, os.SEEK_SET)
    null = os.open("/dev/null", os.O_RDWR)
    sink = JsonLines(str(trace), said.append) if seed % TRACED == 0 else None
    started = time.monotonic()
    status = None
    try:
        machine = Machine(
            guest, ["scripted"], stdin=given, stdout=null, stderr=null, trace=sink or False, memory_limit=1 << 28,
            process_limit=24, thread_limit=64, time_limit=TIME_LIMIT, seed=seed, say=said.append,
            root=str(folder / "root") if seed % 2 else None, writable=[str(folder / "rw")] if seed % 5 else (),
            net="none" if seed % 7 == 0 else "loopback", user=(0, 0) if seed % 11 == 0 else None,
        )  # fmt: skip
        with machine:
            status = machine.run().shell_status
    except BaseException:
        findings.append(traceback.format_exc()[-3000:])
    seconds = time.monotonic() - started
    os.close(given)
    os.close(null)
    if any("Traceback" in line or "internal error" in line for line in said):
        findings.append("\n".join(said)[-3000:])
    if sink is not None:
        findings += read_back(trace)
    return {"end": seed, "seconds": seconds, "status": status, "findings": findings}


def read_back(trace: Path) -> list[str]:
    """What is wrong with a saved trace: each line is to be JSON, and a record."""
    wrong = []
    lines = 0
    try:
        with trace.open("rb") as file:
            for line in file:
                json.loads(line)
                lines += 1
        with Reader(str(trace)) as reader:
            records = sum(1 for _ in reader)
        if records != lines - 1:
            wrong.append(f"{lines} lines in the trace, {records} records are read back")
    except Exception as error:
        wrong.append(f"line {lines + 1} of the trace: {type(error).__name__}: {error}"[:500])
    trace.unlink()
    return wrong


def tell(**values: Any) -> None:
    """A line for who has started this."""
    print(json.dumps(values), flush=True)


def main(words: list[str]) -> int:
    """Runs seeds until the time is over."""
    guest, folder = Path(words[0]), Path(words[1])
    seed, step, seconds = int(words[2]), int(words[3]), float(words[4])
    prepare(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    os.environ["TMPDIR"] = str(folder / "tmp")
    os.chdir(folder)
    end = time.monotonic() + seconds
    one(guest, folder, seed)  # whatever Python loads and keeps is there after that
    while time.monotonic() < end:
        tell(begin=seed)
        before = Host(folder)
        told = one(guest, folder, seed)
        after = Host(folder)
        if after.maps > before.maps + MAPS_ALLOWED:  # what was made for once is not made again
            before.maps = after.maps
            one(guest, folder, seed)
            after = Host(folder)
        told["findings"] += before.differences(after)
        tell(**told)
        seed += step
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
