"""Part `soak`: the bench under load for minutes with constant memory and descriptors, and what it does with guests that want too much.

The first rows are no comparison: "equal" says that the bench's resident memory and its open descriptors did not grow, or that
the guest met its limit in the way that its row tells. docs/conformance.md has the bounds.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from guest.compiler import build

from .report import DIFFERS, EQUAL, SKIPPED, Effort, Row
from .run import EMU, ROOT, Run, compared, emulated, native
from .servers import free_ports
from .soak_load import hold_connections, load_http, load_terminals

SHORT, LONG = 20.0, 180.0
"""Seconds of load on a server."""
GROWTH = 6 << 10
"""KiB that resident memory may grow by between the first third of the load and its end: the allocator's moods, not the requests, of which
there are thousands."""
START_LIMIT = 60.0
"""Seconds until a server must have said where it listens."""
CONNECTIONS = {True: 1000, False: 10000}
"""Open at the same time, in the short form and in the long one."""
LISTENING = re.compile(rb":(\d+)/?\s")
Load = Callable[[int, float], int]
"""A load on a port for so many seconds; returns how much was done."""
GUESTS = ROOT / "tests" / "guests"


class Served:
    """A server guest under `emu run`: its bench's pid, and the port that it has announced."""

    def __init__(
        self,
        options: Sequence[str],
        command: Sequence[str],
        folder: Path,
        listening: re.Pattern[bytes] = LISTENING,
    ) -> None:
        self._listening = listening
        # A file: a server that logs to a pipe which nobody reads would stand still once it is full.
        self._said = (folder / "said").open("w+b")
        self._process = subprocess.Popen(
            [*EMU, "run", *options, command[0], "--", *command[1:]],
            stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said, cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.pid = self._process.pid
        self.port = 0

    def __enter__(self) -> Served:
        deadline = time.monotonic() + START_LIMIT
        while (match := self._listening.search(said := Path(self._said.name).read_bytes())) is None:
            if self.status is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"the server did not start to listen: {said!r}")
            time.sleep(0.05)
        if match[1].isdigit():
            self.port = int(match[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(START_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    @property
    def status(self) -> int | None:
        """How the bench ended; None while it runs."""
        return self._process.poll()


def resident_set(pid: int) -> int:
    """KiB that a process has resident (proc(5), VmRSS)."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


def descriptors(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def settled(pid: int, expected: int) -> int:
    """The descriptors once the server has let go of those of the last clients, or after five seconds."""
    deadline = time.monotonic() + 5
    while (found := descriptors(pid)) > expected and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def loaded_row(name: str, what: str, server: Served, load: Load, seconds: float) -> Row:
    """Puts a load on a running server, and compares what the bench holds after a third of it and at the end."""
    began = time.monotonic()
    idle = descriptors(server.pid)
    count = load(server.port, seconds / 3)
    before, held = resident_set(server.pid), settled(server.pid, idle)
    count += load(server.port, seconds * 2 / 3)
    after, holds = resident_set(server.pid), settled(server.pid, held)
    note = f"{count} in {seconds:.0f} s; {before / 1024:.1f} to {after / 1024:.1f} MiB, {held} to {holds} descriptors"
    steady = count > 0 and after - before <= GROWTH and holds <= held
    return Row(name, what, EQUAL if steady else DIFFERS, seconds=time.monotonic() - began, note=note)


def crowd_row(name: str, what: str, guest: str, folder: Path) -> Row:
    """A guest of tests/guests, natively and emulated."""
    elf = folder / f"{guest}.elf"
    elf.write_bytes(build(str(GUESTS / f"{guest}.py")))
    elf.chmod(0o755)
    return compared(name, what, native([elf], cwd=folder), emulated([elf], cwd=folder, calls=True))


def connections_row(count: int, folder: Path) -> Row:
    """So many clients of redis-server at once (server.elf itself knows 1,023): each gets its answer, and keeps its connection until all have one."""
    what = f"{count} connections at once, each answered, all open"
    if shutil.which("redis-server") is None:
        return Row("connections", what, SKIPPED, note="not installed: redis-server")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        return Row("connections", what, SKIPPED, note=f"ulimit -Hn is {hard} here")
    port = free_ports(1)[0]
    command = f"redis-server --port {port} --bind 127.0.0.1 --save '' --maxclients {count + 10}"
    shell = f"ulimit -n {count + 100} && exec {command} --dir {folder}"
    options = ["--root", "/", "--rw", str(folder), "--user", "0", "--env", "PATH=/usr/bin:/bin"]
    with Served(options, ["/bin/sh", "-c", shell], folder, re.compile(rb"(Ready to accept)")) as server:
        began = time.monotonic()
        answered, held = hold_connections(port, count, lambda: descriptors(server.pid))
        note = f"{answered} answered; the bench held {held} descriptors and {resident_set(server.pid) / 1024:.0f} MiB"
        fine = answered == count and held >= count
        return Row(
            "connections", what, EQUAL if fine else DIFFERS, seconds=time.monotonic() - began, note=note
        )


def limited_row(name: str, what: str, run: Run, expected: bytes, word: bytes) -> Row:
    """A guest that wants too much: it prints what is expected, and the bench or the guest says `word` on stderr."""
    fine = run.stdout == expected and run.status == 0 and word in run.stderr
    last = (run.stderr.strip().splitlines() or [b""])[0 if fine else -1].decode(errors="replace")
    note = last if fine else f"status {run.status}, printed {run.stdout[-200:]!r}, said {last!r}"
    return Row(name, what, EQUAL if fine else DIFFERS, run.calls, run.seconds, note)


def bomb_row(folder: Path) -> Row:
    """A loop of forks without end, only emulated."""
    elf = folder / "process_limit.elf"
    elf.write_bytes(build(str(GUESTS / "process_limit.py")))
    elf.chmod(0o755)
    what = "fork without end meets --processes 100: EAGAIN; a process beside it is unharmed, and there is room afterwards"
    run = emulated([elf], cwd=folder, options=["--processes", "100"])
    kept = b"made: 98" in run.stdout and b"there is room again" in run.stdout
    fine = kept and run.status == 0 and b"limit of 100 processes" in run.stderr
    note = (run.stderr.strip().splitlines() or [b"no word"])[0].decode(errors="replace")
    return Row(
        "fork bomb",
        what,
        EQUAL if fine else DIFFERS,
        run.calls,
        run.seconds,
        note if fine else f"{note}; {run.stdout!r}",
    )


def hog_row(folder: Path) -> Row:
    """A line without end, read by tail(1), which keeps it: memory until there is none."""
    what = "tail /dev/zero meets --memory 256M: ENOMEM; the shell and a job beside it are unharmed"
    if shutil.which("tail") is None:
        return Row("memory hog", what, SKIPPED, note="not installed: coreutils")
    script = 'sleep 1 & tail /dev/zero; echo "the hog: $?"; wait $!; echo "the job beside it: $?"'
    options = ["--root", "/", "--memory", "256M"]
    run = emulated(["/bin/sh", "-c", script], cwd=folder, options=options, env={"PATH": "/usr/bin:/bin"})
    return limited_row("memory hog", what, run, b"the hog: 1\nthe job beside it: 0\n", b"memory exhausted")


def rows(effort: Effort) -> Iterator[Row]:
    """Servers under load, crowds, and guests that want too much."""
    seconds = SHORT if effort.short else LONG
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        folder = Path(name)
        for guest in ("server", "pty_server"):
            (folder / f"{guest}.elf").write_bytes(build(guest))
            (folder / f"{guest}.elf").chmod(0o755)
        command = [str(folder / "server.elf"), "4", "127.0.0.1", "0"]
        with Served([], command, folder) as server:
            yield loaded_row("server.elf", "HTTP requests, 8 connections at once", server, load_http, seconds)
        command = [str(folder / "pty_server.elf"), "0", "/bin/sh"]
        with Served(["--root", "/"], command, folder) as server:
            what = "terminals: a worker and a shell each, one after the other"
            yield loaded_row("pty_server.elf", what, server, load_terminals, seconds)
        yield connections_row(CONNECTIONS[effort.short], folder)
        yield crowd_row("threads", "1,000 threads at once, woken by one futex", "crowd", folder)
        yield crowd_row("processes", "200 processes at once, each with a pipe", "process_crowd", folder)
        yield bomb_row(folder)
        yield hog_row(folder)
