"""The twin run: one program on the bare kernel and under emu, with the same input, into two traces that are compared."""

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from emu.cli_run import environment, positive, program
from emu.elf import ElfError, parse, read_program
from emu.failure import Failure, say
from emu.native.sides import Emulated, Native, Run, Side
from emu.native.start import NotAllowed, NotStarted

DEFAULT_LIMIT = 30.0
"""Seconds that each of the two runs may take."""

_QUIET = 0.3
"""Seconds without a call after which a program that rests is taken to have come to rest."""

_REST = 3.0
"""Seconds that a program gets to come to rest after the driver has ended, and to end after SIGTERM."""

Compare = Callable[[tuple[Path, Path], tuple[str, str]], int]
"""Compares two traces, whose names for a person are given too; the exit status."""


def run(arguments: argparse.Namespace, compare: Compare) -> int:
    """Runs both sides as the command line says, and compares them. Raises `Failure`."""
    limit = DEFAULT_LIMIT
    if arguments.time_limit is not None:
        limit = positive("--time-limit", arguments.time_limit)
    stdin = arguments.stdin or os.devnull
    if not os.path.exists(stdin) or os.path.isdir(stdin):
        raise Failure(f"--stdin {stdin}: there is no such file")
    for folder in (*([arguments.root] if arguments.root else []), *arguments.rw):
        if not Path(folder).is_dir():
            raise Failure(f"{folder}: not a directory")
    for number in (signal.SIGTERM, signal.SIGHUP):  # to leave nothing behind
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)
    with tempfile.TemporaryDirectory(prefix="emu-diff-") as own:
        traces = _folder(arguments.keep, own)
        directory = Path(own) / "cwd"
        settings = Run(
            path=_executable(arguments.files[0], Path(own)),
            argv=(arguments.files[0], *arguments.arguments),
            env=environment(arguments.env),
            directory=str(directory),
            stdin=os.path.realpath(stdin),
            limit=limit,
            root=os.path.realpath(arguments.root) if arguments.root else None,
            writable=tuple(os.path.realpath(folder) for folder in arguments.rw),
        )
        paths = traces / "native.jsonl", traces / "emu.jsonl"
        here = os.getcwd()
        try:
            for make, path in ((_native, paths[0]), (_emulated, paths[1])):
                directory.mkdir()
                os.chdir(directory)  # where the guest begins is where emu is
                _one(make(settings, path), arguments.drive, settings)
                os.chdir(here)
                shutil.rmtree(directory)
        finally:
            os.chdir(here)
        return compare(paths, (f"{arguments.files[0]} on the bare kernel", f"{arguments.files[0]} under emu"))


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _folder(keep: str | None, own: str) -> Path:
    if not keep:
        return Path(own)
    folder = Path(keep).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"--keep {keep}: {error.strerror}") from None
    return folder


def _executable(name: str, folder: Path) -> str:
    """The path of the program as a file that the kernel can execute. Raises `Failure`."""
    found = program(name)
    try:
        data = found if isinstance(found, bytes) else read_program(found)
        parse(data, name)
    except ElfError as error:
        raise Failure(str(error), error.status) from None
    if isinstance(found, bytes):
        path = folder / "program"
        path.write_bytes(found)
        path.chmod(0o755)
        return str(path)
    if not os.access(found, os.X_OK):
        raise Failure(f"{name}: not executable\nthe bare kernel wants that: chmod +x {name}")
    return os.path.realpath(found)


def _native(settings: Run, path: Path) -> Side:
    return Native(settings, path)


def _emulated(settings: Run, path: Path) -> Side:
    return Emulated(settings, path, lambda text: say(text.removeprefix("emu: ")))


def _one(side: Side, drive: str | None, settings: Run) -> None:
    """One run, to its end. Raises `Failure`."""
    try:
        side.start()
        if drive:
            _drive(side, drive, settings.limit)
        if not side.ended(settings.limit + _REST):
            raise Failure(f"the run on {side.name} does not end")
        if side.timed_out and not drive:
            say(
                f"the time limit of {settings.limit:g} s was over on {side.name}: the program was killed there"
            )
    except NotAllowed as error:
        raise Failure(f"{error}\nthe traces of two runs can still be compared: emu diff A B") from None
    except NotStarted as error:
        raise Failure(f"{error}\nthe bare kernel does not run it") from None
    finally:
        side.close()


def _let_rest(side: Side) -> None:
    """Waits until the program has done what was left to do: it rests, and has made no call for a while since now."""
    now = started = time.monotonic()
    while now < started + _REST:
        if side.idle.wait(started + _REST - now):
            quiet = time.monotonic() - max(side.last, started)
            if quiet >= _QUIET:
                return
            time.sleep(_QUIET - quiet)
        now = time.monotonic()


def _drive(side: Side, command: str, limit: float) -> None:
    """Waits until the program listens, runs the command, lets the program come to rest, and asks it to end."""
    deadline = time.monotonic() + limit
    side.listening.wait(limit)
    if side.address is None:
        say(f"the program did not listen on {side.name}: it was not driven there")
    else:
        host, port = side.address
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        variables = {"EMU_HOST": host, "EMU_PORT": str(port), "EMU_ADDRESS": shown}
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                timeout=max(0.1, deadline - time.monotonic()),
                check=False,
            )
        except subprocess.TimeoutExpired:
            say(f"the driver did not end within the time limit on {side.name}: it was killed")
        else:
            if done.returncode:
                say(f"the driver ended with status {done.returncode} on {side.name}")
    _let_rest(side)
    side.send(signal.SIGTERM)
    if not side.ended(_REST):
        side.send(signal.SIGKILL)
