#!/usr/bin/env python3
"""The one entry for people and CI: set up the environment, run the server, test, check, measure.

    python3 tools/dev.py run [WORKERS [IP [PORT]]]   set up, build server.elf, serve under emulation
    python3 tools/dev.py test [PYTEST ARGUMENTS]     set up, then the whole test suite
    python3 tools/dev.py setup                       only the set-up: leaves .venv/bin/emu
    python3 tools/dev.py quick                       the tests that take under two minutes together
    python3 tools/dev.py check                       what CI runs: format, lint, types, layout, all tests
    python3 tools/dev.py format                      format and fix what can be fixed
    python3 tools/dev.py bench [BENCH ARGUMENTS]     the figures of the README, measured here
    python3 tools/dev.py conformance [PARTS]         programs natively and emulated, compared (--short, --markdown)

Needs Python 3.11 or later on x86_64 Linux, and nothing else: dependencies are installed into .venv, pinned.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "tools" / "requirements.txt"
STAMP = VENV / ".set-up"
SOURCES = ["emu", "guest", "syscalls", "tests", "tools"]


class Failure(Exception):
    """Something that the person at the keyboard can act on; the message says what."""


def say(text: str) -> None:
    """One line about what happens, on stderr: the guest owns stdout."""
    print(f"dev: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, quiet: bool = False) -> None:
    """Runs a command in the project's root; raises `Failure` with its name and status."""
    words = [str(part) for part in command]
    pipe = subprocess.PIPE if quiet else None
    with subprocess.Popen(
        words, cwd=ROOT, stdout=pipe, stderr=subprocess.STDOUT if quiet else None, text=True
    ) as child:
        try:
            output, _ = child.communicate()
        except KeyboardInterrupt:
            # The terminal's Ctrl-C has reached the child as well: it may clean up and say how far it came.
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=20)
            child.kill()
            raise
    if child.returncode:
        if quiet:
            sys.stderr.write(output)
        raise Failure(f"{' '.join(words[:4])} ... failed with status {child.returncode}")


def fingerprint() -> str:
    """What the environment depends on: changes when it has to be made anew."""
    parts = [sys.version, str(ROOT), REQUIREMENTS.read_text(), (ROOT / "pyproject.toml").read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def setup() -> None:
    """Makes .venv with the pinned dependencies and the `emu` command; does nothing when it is up to date."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python is told by
        raise Failure(f"Python 3.11 or later is needed, this is {platform.python_version()}")
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        raise Failure(f"x86_64 Linux is needed, this is {platform.machine()} {platform.system()}")
    if STAMP.exists() and STAMP.read_text() == fingerprint() and PYTHON.exists():
        return
    say(f"setting up {VENV.name} (once; about a minute)")
    try:
        run(sys.executable, "-m", "venv", "--clear", VENV, quiet=True)
    except Failure as failure:
        raise Failure(
            f"{failure}\nOn Debian and Ubuntu the venv module is a package: apt install python3-venv"
        ) from None
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--require-hashes", "-r", REQUIREMENTS, quiet=True)
    # A plain .pth entry instead of setuptools' import hook: the hook costs start-up time.
    editable: list[str | Path] = [
        "--no-build-isolation",
        "--no-deps",
        "--config-settings",
        "editable_mode=compat",
        "-e",
        ROOT,
    ]
    run(*pip, *editable, quiet=True)
    STAMP.write_text(fingerprint())
    say(f"done: {VENV.name}/bin/emu")


def serve(arguments: list[str]) -> int:
    """Builds server.elf and serves it under emulation until Ctrl-C; returns the exit status."""
    command = [str(VENV / "bin" / "emu"), "run", "server.elf", "--", *(arguments or ["4"])]
    os.chdir(ROOT)
    os.execv(command[0], command)


def test(arguments: list[str]) -> None:
    """The whole suite, on two processes."""
    run(PYTHON, "-m", "pytest", "-n", "2", "--dist", "loadgroup", *arguments)


def quick(arguments: list[str]) -> None:
    """The part of the suite to run while working."""
    run(PYTHON, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-m", "not slow", *arguments)


def check(_: list[str]) -> None:
    """Everything that must be true of a commit; the last part is the README's test command."""
    run(PYTHON, "-m", "ruff", "format", "--check", *SOURCES)
    run(PYTHON, "-m", "ruff", "check", *SOURCES)
    run(PYTHON, "-m", "mypy")
    run(sys.executable, Path(__file__), "test")


def format_(_: list[str]) -> None:
    """Formats the sources and applies the linter's safe fixes."""
    run(PYTHON, "-m", "ruff", "format", *SOURCES)
    run(PYTHON, "-m", "ruff", "check", "--fix", *SOURCES)


def bench(arguments: list[str]) -> None:
    """Measures the figures of the README on this machine."""
    run(PYTHON, ROOT / "tools" / "bench.py", *arguments)


def conformance(arguments: list[str]) -> None:
    """Runs programs natively and emulated, and shows where they differ."""
    run(PYTHON, "-m", "tools.conformance", *arguments)


COMMANDS = {
    "test": test, "quick": quick, "check": check, "format": format_, "bench": bench, "conformance": conformance,
}  # fmt: skip


def main() -> int:
    """Runs the command that the first argument names."""
    name, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("help", [])
    if name in ("help", "-h", "--help"):
        print(__doc__.rstrip())
        return 0
    if name == "setup" and arguments:
        say("setup takes no arguments")
        return 2
    if name not in {"run", "setup", *COMMANDS}:
        print(f"dev: no such command: {name}\n\n{__doc__.rstrip()}", file=sys.stderr)
        return 2
    try:
        setup()
        if name == "run":
            return serve(arguments)
        if name != "setup":
            COMMANDS[name](arguments)
    except Failure as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
