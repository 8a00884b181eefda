"""Part `programs`: programs of Debian packages and the tests of Python's standard library, natively and emulated with the whole machine as root.

A row is a script of `scripts/` and the program that runs it, in a folder of its own. Output and status must be equal; the scripts say only
what is the same on any machine and at any time. Of Python's tests the result of each test is compared.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from . import python_tests
from .python_tests import Slice
from .report import DIFFERS, EQUAL, SKIPPED, Effort, Row
from .run import Run, compared, emulated, native

SCRIPTS = Path(__file__).parent / "scripts"
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C", "LC_ALL": "C", "TZ": "UTC", "TERM": "xterm",
}  # fmt: skip
LIMIT = 300.0
"""Seconds for an emulated run: a compiler's, on a machine that does other things as well."""
AT_A_TIME = min(2, os.cpu_count() or 1)


@dataclass(frozen=True)
class Program:
    """A program that runs a script. `command` comes before the script's path, or holds `{script}` where the path belongs; `tools` are other programs without which
    the script says nothing; `short`: also in the short form."""

    name: str
    what: str
    script: str
    command: tuple[str, ...] = ("/bin/sh",)
    tools: tuple[str, ...] = ()
    short: bool = False


def shell(name: str, *command: str, short: bool = False) -> Program:
    """A shell with the script that is the same for all shells."""
    return Program(name, "words, redirections, jobs, signals, functions", "posix.sh", command, short=short)


PROGRAMS = (
    shell("dash", "/bin/dash", short=True),
    shell("bash", "/bin/bash"),
    shell("bash-static", "/bin/bash-static", "--posix"),
    shell("zsh-static", "/bin/zsh-static", "--emulate", "sh"),
    shell("mksh", "/bin/mksh"),
    shell("klibc sh", "/usr/lib/klibc/bin/sh"),
    shell("busybox sh", "/bin/busybox", "sh"),
    Program("busybox", "146 applets", "busybox.sh", ("/bin/busybox", "sh")),
    Program("klibc", "its small programs", "klibc.sh", ("/usr/lib/klibc/bin/sh",), short=True),
    Program("coreutils", "100 of its programs", "coreutils.sh"),
    Program("grep, sed, awk, diff, find, xargs", "trees of files searched and changed", "text.sh", tools=("gawk", "mawk")),
    Program("tar, gzip, bzip2, xz, zstd, cpio", "packed, unpacked, damaged", "archives.sh", tools=("xz", "bzip2")),
    Program("gcc, make, binutils, musl-gcc", "programs with threads built and run: static, dynamic, static-pie, with musl", "build.sh", tools=("gcc", "musl-gcc")),
    Program("processor", "17 instruction sets on random operands", "instructions.sh", tools=("gcc",)),
    Program("git", "commits, branches, a merge, a conflict, a clone, gc", "git.sh", tools=("git",)),
    Program("perl", "files, pipes, children, signals, sockets", "perl.pl", ("/usr/bin/perl",), short=True),
    Program("lua5.4", "strings, coroutines, files, pipes", "lua.lua", ("/usr/bin/lua5.4",), short=True),
    Program("sqlite3", "transactions, a log written ahead, vacuum, a backup", "sqlite.sql", ("/bin/sh", "-c", "sqlite3 a.db < {script}"), ("sqlite3",), short=True),
    Program("jq, bc, file, openssl, tput, less", "each with a small task", "small.sh", tools=("jq", "bc", "file")),
    Program("procps, util-linux", "ps, top, kill, renice, taskset, flock, script", "system.sh", tools=("ps", "top", "script")),
    Program("tmux", "a server, panes with shells, keys", "tmux.sh", tools=("tmux",), short=True),
)  # fmt: skip


def missing(program: Program) -> str:
    """What is not installed here, empty when all is there."""
    wanted = [program.command[0], *program.tools]
    return ", ".join(name for name in wanted if shutil.which(name, path=ENVIRONMENT["PATH"]) is None)


def fresh(work: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    return work


def both(
    command: list[str], environment: dict[str, str], work: Path, given: dict[str, Path], limit: float
) -> tuple[Run, Run]:
    """Runs a command natively and emulated in the same folder, which holds the given files and is emptied before each."""
    environment = {**environment, "HOME": str(work)}
    runs = []
    for run in (
        native,
        partial(emulated, options=["--root", "/", "--rw", work, "--user", str(os.getuid())], calls=True),
    ):
        fresh(work)
        for name, source in given.items():
            shutil.copy(source, work / name)
        runs.append(run(command, env=environment, cwd=work, limit=limit))
    return runs[0], runs[1]


def program_row(program: Program, folder: Path) -> Row:
    """The row of a program."""
    if absent := missing(program):
        return Row(program.name, program.what, SKIPPED, note=f"not installed: {absent}")
    work = folder / program.name.split(",")[0].replace(" ", "-")
    script = str(work / program.script)
    words = [word.replace("{script}", script) for word in program.command]
    if words == list(program.command):
        words.append(script)
    expected, found = both(words, ENVIRONMENT, work, {program.script: SCRIPTS / program.script}, LIMIT)
    row = compared(program.name, program.what, expected, found)
    return row if row.note else replace(row, note=f"natively {expected.seconds:.2g} s")


def slice_row(slice_: Slice, folder: Path) -> Row:
    """The row of a slice of Python's tests: equal when each of them comes to the same."""
    name = f"python3: {slice_.name}"
    if absent := python_tests.missing(slice_):
        return Row(name, ", ".join(slice_.modules), SKIPPED, note=f"not installed: {absent}")
    work = folder / slice_.name.replace(" ", "-")
    expected, found = both(slice_.command(work), {**ENVIRONMENT, **python_tests.ENVIRONMENT}, work, {}, LIMIT)
    want, got = python_tests.results(expected.stdout), python_tests.results(found.stdout)
    what = f"{len(want)} tests of {', '.join(slice_.modules)}"
    where = python_tests.difference(want, got)
    if not where and expected.status != found.status:
        where = f"status natively {expected.status}, emulated {found.status}"
    note = where or f"natively {expected.seconds:.2g} s"
    return Row(name, what, DIFFERS if where else EQUAL, found.calls, found.seconds, note)


def rows(effort: Effort) -> Iterator[Row]:
    """A row a program and a slice of tests; some at a time, as each is one process that waits for little."""
    with (
        tempfile.TemporaryDirectory(prefix="conformance-") as name,
        ThreadPoolExecutor(AT_A_TIME) as workers,
    ):
        folder = Path(name)
        jobs = [
            workers.submit(program_row, program, folder)
            for program in PROGRAMS
            if program.short or not effort.short
        ]
        jobs += [
            workers.submit(slice_row, slice_, folder)
            for slice_ in python_tests.SLICES
            if slice_.short or not effort.short
        ]
        for job in jobs:
            yield job.result()
