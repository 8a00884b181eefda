"""execve and execveat, natively and emulated in the same directory; and the pure parts of finding a program."""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emu import Machine
from syscalls.programs import ScriptLine, may_execute, script_line

REPOSITORY = Path(__file__).parent.parent.parent
LOAD, INTERP = 1, 3


def program(*headers: tuple[int, ...], size: int = 4096, **fields: int) -> bytes:
    """An ELF file whose code exits with 7; headers are (type, flags, offset, address, file size, memory size, alignment)."""
    values = {
        "kind": 2, "machine": 62, "version": 1, "entry": 0x400800, "phoff": 64, "shoff": 0, "flags": 0, "ehsize": 64,
        "phentsize": 56, "phnum": len(headers), "shentsize": 0, "shnum": 0, "shstrndx": 0,
    }  # fmt: skip
    data = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1" + bytes(9), *(values | fields).values())
    for kind, flags, offset, address, file_size, memory_size, alignment in headers:
        data += struct.pack("<IIQQQQQQ", kind, flags, offset, address, 0, file_size, memory_size, alignment)
    data = data.ljust(0x800, b"\0") + bytes.fromhex("b83c000000bf070000000f05")  # exit(7)
    return data.ljust(size, b"\0")[:size]


TEXT = (LOAD, 5, 0, 0x400000, 0x1000, 0x1000, 0x1000)


def asking(path: bytes, **how: int) -> bytes:
    """A program with PT_INTERP."""
    at = how.get("at", 0x200)
    data = program((INTERP, 4, at, 0, how.get("size", len(path)), 0, 1), TEXT)
    return data if at >= len(data) else data[:at] + path + data[at + len(path) :]


def fill(work: Path, shows: Path, rests: Path) -> None:
    """What the guests find in their directory."""
    work.mkdir()
    (work / "folder").mkdir()
    (work / "link").symlink_to("shows")
    (work / "folder" / "up").symlink_to("../link")
    (work / "dangling").symlink_to("nothing")
    (work / "loop").symlink_to("loop")
    os.mkfifo(work / "fifo", 0o777)
    (work / "fifo").chmod(0o777)
    content = shows.read_bytes()
    long = b"x" * 300
    files = {
        "shows": content, "rests": rests.read_bytes(), "twin": content, "plain": content,
        "hollow": b"", "byte": b"#", "text": b"echo no\n", "magic": b"\x7fELF",
        "machine": program(TEXT, machine=183), "object": program(TEXT, kind=1), "headers": program(TEXT, phoff=4090),
        "headless": program(), "lost": asking(b"/nothing/ld.so\0"), "guided": asking(b"folder\0"),
        "talked": asking(b"text\0"), "cramped": asking(b"magic\0"), "endless": asking(b"shows"),
        "beyond": asking(b"shows\0", at=0xFFE),
        "script": b"#!shows\n", "argued": b"#!shows  one argument  \t\nrest\n", "blanks": b"#! \t shows \t \n",
        "unended": b"#!shows short", "cut": b"#!shows short " + long, "broken": b"#!" + long + b"\n", "blank": b"#!" + b" " * 300,
        "bare": b"#!\n", "null": b"#!shows\0 short\n", "orphan": b"#!nothing\n", "housed": b"#!folder short\n",
        "weak": b"#!plain\n", "self": b"#!self\n", "prose": b"#!text\n",
        "deep1": b"#!shows a\n", **{f"deep{n}": b"#!deep%d %d\n" % (n - 1, n) for n in range(2, 7)},
        "unloaded": program((4, 4, 0, 0, 0, 0, 4)),
        "skewed": program((LOAD, 5, 0x10, 0x400000, 0x1000, 0x1000, 0x1000)),
        "high": program((LOAD, 5, 0, 0x7FFFFFFFE000, 0x1000, 0x2000, 0x1000), entry=0x7FFFFFFFE800),
        "lost-entry": program(TEXT, entry=0x500000),
        "short": program((LOAD, 5, 0, 0x400000, 0x3000, 0x3000, 0x1000), entry=0x402000),
    }  # fmt: skip
    for name, data in files.items():
        (work / name).write_bytes(data)
        (work / name).chmod(0o666 if name == "plain" else 0o755)


@pytest.fixture
def alike(elf: Callable[[str], Path], tmp_path: Path) -> Callable[..., str]:
    """Runs a guest natively and emulated in the same directory, freshly filled; both must say the same, which is returned."""

    def compare(name: str, *args: str, status: int = 0) -> str:
        path = elf(name)
        work = tmp_path / "work"
        emulator = [sys.executable, "-m", "emu", "run", "--rw", str(work), str(path), "--", *args]
        said = []
        for command in ([str(path), *args], emulator):
            shutil.rmtree(work, ignore_errors=True)
            fill(work, elf("exec_shows"), elf("exec_rests"))
            environment = {"PYTHONPATH": str(REPOSITORY)} if command is emulator else {}
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, env=environment, cwd=work, check=False
            )  # fmt: skip
            code = done.returncode if done.returncode >= 0 else 128 - done.returncode
            text = done.stdout.decode("latin-1")
            assert code == status, text + done.stderr.decode("latin-1")
            said.append(text)
        assert said[1] == said[0]
        return said[0]

    return compare


@pytest.mark.parametrize("part", ["paths", "scripts", "descriptors"])
def test_programs_are_found_and_refused_alike(alike: Callable[..., str], part: str) -> None:
    alike("exec_calls", part)


def test_arguments_and_their_limits(alike: Callable[..., str]) -> None:
    alike("exec_strings")


def test_what_goes_on_over_it(alike: Callable[..., str]) -> None:
    alike("exec_state", status=2)


@pytest.mark.parametrize(
    ("head", "line"),
    [
        (b"#!/bin/sh\n", ScriptLine(b"/bin/sh", None)),
        (b"#! /bin/sh -e \t\nmore", ScriptLine(b"/bin/sh", b"-e")),
        (b"#!/bin/sh -e -x\n", ScriptLine(b"/bin/sh", b"-e -x")),
        (b"#!/bin/sh", ScriptLine(b"/bin/sh", None)),
        (b"#!/bin/sh \0 -e\n", ScriptLine(b"/bin/sh", b"")),
        (b"#!/bin/sh\0-e\n", ScriptLine(b"/bin/sh", None)),
        (b"#!" + b"a" * 252 + b" \n", ScriptLine(b"a" * 252, None)),
        (b"#!" + b"a" * 253 + b"\n", ScriptLine(b"a" * 253, None)),
        (b"#!" + b"a" * 254 + b"\n", None),
        (b"#!a " + b"b" * 300 + b"\n", ScriptLine(b"a", b"b" * 251)),
        (b"#!" + b" " * 300, None),
        (b"#!\n/bin/sh", None),
        (b"#! \t \n", None),
        (b"# !/bin/sh\n", None),
        (b"", None),
    ],
)
def test_the_first_line_of_a_script(head: bytes, line: ScriptLine | None) -> None:
    assert script_line(head[:256]) == line


@pytest.mark.parametrize(
    ("mode", "user", "allowed"),
    [
        (0o700, 1000, True), (0o077, 1000, False), (0o100, 0, True), (0o001, 0, True), (0o666, 0, False),
        (0o070, 2000, True), (0o707, 2000, False), (0o007, 3000, True), (0o770, 3000, False),
    ],
)  # fmt: skip
def test_who_may_execute(mode: int, user: int, allowed: bool) -> None:
    status = os.stat_result((mode, 1, 1, 1, 1000, 100, 0, 0, 0, 0))
    groups = {100} if user == 2000 else {user}
    assert may_execute(status, user, {user}, groups) is allowed


def test_a_program_executes_itself(same: Callable[..., object]) -> None:
    same("exec_self", status=4)


def test_a_program_that_is_no_file_executes_itself(elf: Callable[[str], Path]) -> None:
    with Machine(elf("exec_self").read_bytes()) as machine:
        assert machine.run() == 4


def test_hooks_see_it_and_may_refuse_it(elf: Callable[[str], Path]) -> None:
    seen: list[object] = []
    with Machine(elf("exec_self")) as machine:
        machine.on("execve", function=lambda call: seen.append(call.args["argv"]))
        machine.on("execve", function=lambda call: seen.append(call.result), when="after")
        assert machine.run() == 4
    assert seen == [[b"again", b"4"], 0] * 2
    with Machine(elf("exec_self")) as machine:
        machine.on("execve", function=lambda call: call.fail("EACCES"))
        assert machine.run() == 13
