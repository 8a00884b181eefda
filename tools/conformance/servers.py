"""Part `servers`: servers of Debian packages, each with its clients in one shell script that runs natively and emulated; a row a script.

A script of server_scripts/ starts a server, talks to it, reloads it, ends it, and prints what it saw: only what is the same
from run to run. Its first line says what it does, its second which programs it needs. The shell, the server and the
clients are all guests of one bench, so that pids, signals and sessions are theirs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .report import DIFFERS, SKIPPED, Effort, Row
from .run import TIMED_OUT, compared, emulated, native

SCRIPTS = Path(__file__).resolve().parent / "server_scripts"
SEARCHED = "/usr/bin:/bin:/usr/sbin:/sbin"
BRIEF = ("redis", "netcat", "go")
"""What the short form runs."""
NATIVE_LIMIT = 60.0
"""Seconds for a native run of a script."""
LIMIT = 400.0
"""Seconds for an emulated run of a script: hundreds of small processes, on a machine that may be busy."""


@dataclass(frozen=True)
class Script:
    """A script with what its head says: `name` is its file's, `what` it makes the server do, `needs` the programs that must be installed."""

    path: Path
    name: str
    what: str
    needs: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """Those of the needed programs that are not installed here."""
        return [name for name in self.needs if shutil.which(name, path=SEARCHED) is None]


def script_of(path: Path) -> Script:
    """Reads the head of a script."""
    first, second = path.read_text().splitlines()[:2]
    words = second.removeprefix("# needs: ").split()
    return Script(path, path.stem, first.removeprefix("# "), tuple(words))


def scripts() -> list[Script]:
    """All scripts, by name."""
    return [script_of(path) for path in sorted(SCRIPTS.glob("*.sh"))]


def free_ports(count: int) -> list[int]:
    """TCP ports of the loopback address that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in taken]


def end_leftovers(folder: Path) -> list[int]:
    """Kills what a native run of a script has left behind: the processes whose command or working directory names its folder, which nobody
    else knows. Returns their pids."""
    left = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if os.fsencode(folder) in command or (entry / "cwd").readlink().is_relative_to(folder):
                os.kill(int(entry.name), signal.SIGKILL)
                left.append(int(entry.name))
    return left


def row_of(script: Script, folder: Path) -> Row:
    """Runs a script on the bare kernel and under the bench, each time in the same folder, which is empty then."""
    if script.missing:
        return Row(script.name, script.what, SKIPPED, note=f"not installed: {', '.join(script.missing)}")
    work = folder / script.name
    ports = free_ports(2)
    env = {
        "PATH": SEARCHED,
        "HOME": str(work),
        "LC_ALL": "C.UTF-8",
        "PORT": str(ports[0]),
        "PORT2": str(ports[1]),
    }
    work.mkdir()
    source = work / "script.sh"
    source.write_bytes(script.path.read_bytes())
    try:
        expected = native(["/bin/sh", source], env=env, cwd=work, limit=NATIVE_LIMIT)
    finally:
        end_leftovers(work)
    if expected.status == TIMED_OUT:
        return Row(script.name, script.what, DIFFERS, note="the script does not end natively")
    shutil.rmtree(work)
    work.mkdir()
    source.write_bytes(script.path.read_bytes())
    # As whoever runs this: a server of root's is another one than a user's.
    options: list[str | Path] = ["--root", "/", "--rw", work, "--user", f"{os.getuid()}:{os.getgid()}"]
    found = emulated(["/bin/sh", source], env=env, cwd=work, limit=LIMIT, options=options, calls=True)
    return compared(script.name, script.what, expected, found)


def rows(effort: Effort) -> Iterator[Row]:
    """A row a script."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        for script in scripts():
            if not effort.short or script.name in BRIEF:
                yield row_of(script, Path(folder))
