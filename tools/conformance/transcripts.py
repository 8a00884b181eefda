"""Part `transcripts`: the guest programs of tests/guests print what Linux answers them, natively and emulated; a row a family.

A guest of a family prints hundreds of results of its calls, also in corners; the rows say that all these lines are equal.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from guest.compiler import build

from .report import DIFFERS, EQUAL, Effort, Row
from .run import ROOT, Run, difference, emulated, native

GUESTS = ROOT / "tests" / "guests"
BROKEN_FRAMES = (
    "no-stack", "no-stack-handled", "no-frame", "no-restorer", "again", "blocked", "full", "wild-pc", "no-state",
    "ignored",
)  # fmt: skip

FAMILIES = {
    "files and paths": (
        "files_attributes", "files_fifo", "files_inotify", "files_io", "files_links", "files_space", "files_descriptors",
        "files_paths", "files_vectors", "proc_others",
    ),
    "pipes": ("pipes_basic", "pipes_threads", "pipes_splice", "pipes_basic die"),
    "memory": ("mapping_basic", "memory_kinds"),
    "processes": (
        "fork_basic", "fork_state", "fork_threads", "fork_vfork", "fork_clone", "fork_flags", "fork_tables",
        "fork_memory", "process_orphans", "process_crowd", "process_relay", "exec_self",
    ),
    "waiting": ("wait_forms", "wait_sigchld", "wait_threads", "wait_usage", "wait_interrupts"),
    "job control": ("stop_basic", "stop_calls", "job_groups"),
    "terminals": (
        "pty_requests", "pty_files", "pty_reads", "tty_sessions", "tty_keys", "tty_background", "tty_hangup",
    ),
    "threads": ("threads_clone", "threads_state", "futex_basic", "futex_threads"),
    "signals": (
        "signals_state", *(f"signals_fatal {way}" for way in "tkursd"), "signals_run", "signals_blocking",
        "signals_queued", "signals_handler", *(f"signals_broken {way}" for way in BROKEN_FRAMES), "signals_limit",
        "signals_others", "signals_remasked", "kill_others", "signalfd_read", "signalfd_ready",
    ),
    "timers and clocks": (
        "timers_state", "timers_run", "timerfd_all", *(f"timers_fatal {way}" for way in "arvp"), "clock_time",
    ),
    "polling": ("polling_poll", "polling_epoll", "polling_again", "polling_deep"),
    "sockets": (
        "sockets_create", "sockets_tcp", "sockets_udp", "sockets_unix", "sockets_ipv6", "sockets_options",
        "sockets_threads", "sockets_messages", "sockets_tcp pipe",
    ),
    "errors": ("errors_ordered",),
    "ids, limits, prctl": (
        "identity_all", "users_all", "groups_all", "limits_family", "limits_family cpu", "prctl_family", "pidfds_all",
        "pidfds_info",
    ),
}  # fmt: skip
"""Each guest with its arguments. What else tests/syscalls runs with the fixture `same` is the family `others`."""


def others() -> tuple[str, ...]:
    """The guests that tests run with `same` by name, and that no family has."""
    listed = {guest.split()[0] for guests in FAMILIES.values() for guest in guests}
    found: set[str] = set()
    for path in (ROOT / "tests" / "syscalls").glob("test_*.py"):
        found |= set(re.findall(r'\bsame\(\s*"(\w+)"', path.read_text()))
    return tuple(sorted(found - listed))


def fill(folder: Path) -> None:
    """What the guests of files and paths find in their folder."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "folder").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "file").write_bytes(b"0123456789\n")
    (folder / "folder" / "inner").write_bytes(b"inner\n")
    for name, target in {
        "link": "file", "absolute": str(folder / "file"), "to-folder": "folder", "to-folder-slash": "folder/",
        "dangling": "nothing", "loop": "loop", "up": "folder/../file", "through-file": "file/x",
    }.items():  # fmt: skip
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "fifo")


def both(guest: str, folder: Path) -> tuple[Run, Run]:
    """Builds a guest and runs it on the bare kernel and under the bench, in the same folder, filled anew."""
    name, *arguments = guest.split()
    elf = folder / f"{name}.elf"
    if not elf.exists():
        elf.write_bytes(build(str(GUESTS / f"{name}.py")))
        elf.chmod(0o755)
    work = folder / "work"
    fill(work)
    expected = native([elf, *arguments], cwd=work)
    fill(work)
    found = emulated([elf, *arguments], cwd=work, options=["--rw", work], calls=True)
    return expected, found


def family_row(family: str, guests: tuple[str, ...], folder: Path) -> Row:
    """The row of a family: equal when all of its guests are."""
    calls: set[str] = set()
    seconds, lines, notes = 0.0, 0, []
    for guest in guests:
        expected, found = both(guest, folder)
        calls |= found.calls
        seconds += found.seconds
        lines += expected.stdout.count(b"\n")
        if where := difference(expected, found):
            notes.append(f"{guest}: {where}")
    what = f"{len(guests)} runs, {lines} lines of results"
    result = DIFFERS if notes else EQUAL
    return Row(family, what, result, frozenset(calls), seconds, "; ".join(notes))


def rows(effort: Effort) -> Iterator[Row]:
    """A row a family. The short form leaves it to the tests, which run the same guests, and takes one guest of each."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        for family, guests in {**FAMILIES, "others": others()}.items():
            yield family_row(family, guests[:1] if effort.short else guests, Path(folder))
