"""Attempts to get out of the bench: what each needs of the host, how it is run, and what must be as before. The attempts are in `escapes_*.py`."""

from __future__ import annotations

import errno
import os
import secrets
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .run import ROOT
from .scripted import TOLD, Argument, Script, result, results

LIMIT = 90.0
"""Seconds for an attempt: the machine may be busy."""


class World:
    """A piece of the host with secrets in it: `root` is shown read-only, `rw` may be changed, `outside` must not be reached.

    `victim` is a process that notes in `outside/hits` each signal that reaches it. Use `with`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.secret = f"secret-{secrets.token_hex(8)}".encode()
        self.root, self.rw, self.outside = (self.folder / name for name in ("root", "rw", "outside"))
        for path in (self.root / "sub", self.rw / "sub", self.outside / "sub", self.folder / "tmp"):
            path.mkdir(parents=True)
        (self.root / "file").write_text("content")
        (self.rw / "file").write_text("content")
        (self.outside / "secret").write_bytes(self.secret)
        (self.outside / "program").write_text("#!/bin/sh\necho out\n")
        (self.outside / "program").chmod(0o755)
        for inside in (self.root, self.rw):
            (inside / "up").symlink_to("../outside/secret")
            (inside / "absolute").symlink_to(self.outside / "secret")
            (inside / "folder").symlink_to(self.outside)
            (inside / "loop").symlink_to("loop")
        os.mkfifo(self.root / "fifo")
        self.abstract = b"host-" + secrets.token_hex(8).encode()
        self.listeners = [self._listener(str(self.outside / "s")), self._listener(str(self.root / "s"))]
        self.listeners.append(self._listener(b"\0" + self.abstract))
        self.victim = subprocess.Popen(
            [sys.executable, "-c", _VICTIM, str(self.outside / "hits")],
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self.victim.stdout is not None
        self.victim.stdout.read(1)
        self.finally_: list[Callable[[], object]] = []
        """What an attempt has made on the host is removed by these."""
        self.before = self.facts()

    @staticmethod
    def _listener(name: str | bytes) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        here = os.open(".", os.O_RDONLY)
        try:
            if isinstance(name, str):  # sun_path is short, folders of tests are long
                os.chdir(os.path.dirname(name))
                made.bind(os.path.basename(name))
            else:
                made.bind(name)
        finally:
            os.fchdir(here)
            os.close(here)
        made.listen()
        made.setblocking(False)
        return made

    def facts(self) -> list[object]:
        """What no attempt may change."""
        found: list[object] = [os.uname()]
        for top in (self.root, self.outside):
            for path in (top, *sorted(top.rglob("*"))):
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

    def changes(self) -> list[str]:
        """What an attempt has done to the host."""
        found = []
        now = self.facts()
        if now != self.before:
            found.append(f"changed: {[one for one in now if one not in self.before]}")
        for listener in self.listeners:
            try:
                listener.accept()[0].close()
                found.append(f"somebody has connected to {listener.getsockname()!r}")
            except BlockingIOError:
                pass
        if self.victim.poll() is not None:
            found.append("the host's process was killed")
        if left := os.listdir(self.folder / "tmp"):
            found.append(f"left behind: {left}")
        return found

    def __enter__(self) -> World:
        return self

    def __exit__(self, *error: object) -> None:
        for remove in self.finally_:
            remove()
        self.victim.kill()
        self.victim.communicate()
        for listener in self.listeners:
            listener.close()


_VICTIM = """
import signal, sys, os
def note(number, frame):
    os.write(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND), b"%d " % number)
for number in range(1, 65):
    try: signal.signal(number, note)
    except (OSError, ValueError): pass
os.write(1, b".")
while True: signal.pause()
"""


class Try(Script):
    """A script of which is known what each step has to come to."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.expected: list[tuple[int, str, tuple[str, ...]]] = []
        self.hidden: list[bytes] = [world.secret]
        """What must not appear in the output."""
        self.options: list[str] = []
        self.status = 0

    def path(self, *names: str) -> bytes:
        """A host path below the world's folder."""
        return os.fsencode(str(self.world.folder.joinpath(*names)))

    def refused(self, errors: str, name: str, *arguments: Argument) -> int:
        """A call that must fail with one of these errors; `*`: any."""
        step = self.call(name, *arguments)
        self.expected.append((step, name, tuple(errors.split())))
        return step

    def works(self, name: str, *arguments: Argument) -> int:
        """A call that must succeed, so that what follows is an attempt at all."""
        step = self.call(name, *arguments)
        self.expected.append((step, name, ()))
        return step

    def opened(self, path: bytes, flags: int = 0, mode: int = 0) -> int:
        """Opens what may be opened."""
        return self.works("open", path, flags, mode)

    def peek(self, path: Argument, at: Argument = -100) -> None:
        """Tells what can be read of a file, if it can be opened."""
        fd = self.call("openat", at, path, 0, 0)
        self.tell_of(result(fd))

    def tell_of(self, fd: Argument) -> None:
        """Tells what can be read of a descriptor."""
        got = self.call("pread64", fd, room := self.room(8192), 8192, 0)
        self.call("write", 1, room, result(got))

    def wrong(self, told: list[int]) -> list[str]:
        """The steps that came to something else than they should."""
        found = []
        for step, name, errors in self.expected:
            value = told[step]
            word = errno.errorcode.get(-value, str(value)) if value < 0 else str(value)
            good = value >= 0 if not errors else value < 0 and (errors == ("*",) or word in errors)
            if not good:
                found.append(f"step {step}, {name}: {word}, expected {' or '.join(errors) or 'success'}")
        return found


Attempt = Callable[[Try], None]
ATTEMPTS: dict[str, Attempt] = {}
"""Every attempt by its name."""


def attempt(function: Attempt) -> Attempt:
    """Puts an attempt into the table; its docstring is its name."""
    ATTEMPTS[(function.__doc__ or "").split("\n")[0].rstrip(".")] = function
    return function


@dataclass
class Outcome:
    """What came of an attempt; `findings` is to be empty."""

    findings: list[str] = field(default_factory=list)
    output: bytes = b""
    words: str = ""


def make(guest: Path, world: World, build: Attempt, script: Try | None = None) -> Outcome:
    """Runs an attempt under `emu trace`, with its roots, and judges it."""
    script = script or Try(world)
    build(script)
    mark = b"\n--results--\n"
    script.tell(script.put(mark), len(mark))
    script.tell(TOLD, 8 * len(script.steps))
    script.end()
    trace = world.folder / "trace.jsonl"
    roots = [] if "--root" in script.options else ["--root", str(world.root)]
    command = [sys.executable, "-m", "emu", "trace", "-o", str(trace), *roots, "--rw", str(world.rw)]
    command += [*script.options, "--time-limit", "30", str(guest)]
    around = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BENCH_SECRET": world.secret.decode(),
        "TMPDIR": str(world.folder / "tmp"),
    }
    given = world.folder / "script"
    given.write_bytes(script.bytes())
    with given.open("rb") as stdin:
        done = subprocess.run(
            command, stdin=stdin, capture_output=True, env=around, cwd=world.rw, timeout=LIMIT, check=False
        )
    said = done.stderr.decode("utf-8", "replace")
    head, _, told = done.stdout.rpartition(mark)
    outcome = Outcome(world.changes(), head, said)
    if not told:
        outcome.findings.append(f"no results: status {done.returncode}, {said[-2000:]}")
        return outcome
    outcome.findings += script.wrong(results(told))
    outcome.findings += [
        f"the guest has seen {hidden!r}" for hidden in script.hidden if hidden in done.stdout
    ]
    if done.returncode != script.status or "internal error" in said:
        outcome.findings.append(f"status {done.returncode}: {said[-2000:]}")
    return outcome


def name_in(address: str, port: int = 9) -> bytes:
    """A sockaddr_in or sockaddr_in6."""
    if ":" in address:
        return (
            struct.pack("<H", 10)
            + struct.pack(">HI", port, 0)
            + socket.inet_pton(socket.AF_INET6, address)
            + bytes(4)
        )
    return struct.pack("<H", 2) + struct.pack(">H", port) + socket.inet_aton(address) + bytes(8)


def name_un(path: bytes) -> bytes:
    """A sockaddr_un, as long as its path (at most 108 bytes)."""
    return struct.pack("<H", 1) + path
