"""The command line: commands, options, exit statuses, and what is said when something is wrong."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from emu.cli import parser
from emu.version import VERSION

ROOT = Path(__file__).parent.parent.parent
EMU = [sys.executable, "-m", "emu"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

HELLO = """
from guest.lang import i64, ptr, syscall, u8
from guest.rt.start import _start
from syscalls import numbers

def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    syscall(numbers.write, 1, b"hello\\n".ptr, 6)
    syscall(numbers.close, 77)
    return argc + 2
"""


def emu(
    *words: str | Path, cwd: Path | None = None, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*EMU, *map(str, words)],
        input=stdin,
        capture_output=True,
        timeout=60,
        cwd=cwd,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that greets on stdout and ends with the number of its arguments plus 2."""
    folder = tmp_path_factory.mktemp("hello")
    (folder / "hello.py").write_text(HELLO)
    done = emu("build", folder / "hello.py", "-o", folder / "hello")
    assert done.returncode == 0, done.stderr
    return folder / "hello"


def test_version_is_the_projects_and_quick() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    times = []
    for _ in range(3):
        started = time.monotonic()
        done = emu("--version")
        times.append(time.monotonic() - started)
    assert done.stdout == f"emu {VERSION}\n".encode()
    assert min(times) < 0.3


@pytest.mark.parametrize(
    "command", [(), ("run",), ("trace",), ("view",), ("diff",), ("build",), ("syscalls",)]
)
def test_help_begins_with_examples_and_fits(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "COLUMNS", "80")
    done = emu(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.index(b"examples:") < done.stdout.index(b"options:")
    assert max(map(len, done.stdout.splitlines())) < 80
    assert b"examples:" in done.stdout
    assert b"emu " + (command[0].encode() if command else b"run") in done.stdout


def test_the_guest_owns_stdout_and_the_exit_status(hello: Path) -> None:
    done = emu("run", hello, "--", "--its", "-own")
    assert (done.stdout, done.stderr, done.returncode) == (b"hello\n", b"", 5)


def test_a_python_program_and_a_bundled_one_run_by_name(hello: Path, tmp_path: Path) -> None:
    assert emu("run", hello.with_suffix(".py")).returncode == 3
    done = emu("run", "server.elf", "--", "no number", cwd=tmp_path)
    assert done.returncode == 2
    assert b"usage: " in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ((), 125, "emu: a command is missing: there are run, trace"),
        (("fly",), 125, "emu: no such command: fly\nemu: there are run, trace"),
        (("tarce",), 125, "emu: no such command: tarce\nemu: did you mean trace? there are"),
        (("help",), 125, "emu: no such command: help\nemu: did you mean --help? there are"),
        (("HELLO",), 125, "emu: no such command: HELLO\nemu: to run a program: emu run HELLO\n"),
        (("--fly", "run"), 125, "emu: unknown option --fly"),
        (("--verison",), 125, "emu: unknown option --verison\nemu: did you mean --version? the command"),
        (("trace", "--stack"), 125, "emu: unknown option --stack\nemu: did you mean --stacks? `emu trace"),
        (
            ("run", "--nett=host", "HELLO"),
            125,
            "emu: unknown option --nett\nemu: did you mean --net? `emu run",
        ),
        (
            ("run", "-x", "HELLO"),
            125,
            "emu: unknown option -x\nemu: `emu run --help` lists the options; arguments of",
        ),
        (("view", "--htlm", "a", "b"), 125, "emu: unknown option --htlm\nemu: did you mean --html?"),
        (("--fly",), 125, "emu: unknown option --fly"),
        (("run",), 125, "emu: the following arguments are required: ELF"),
        (
            ("run", "HELLO", "4"),
            125,
            "emu: unexpected argument 4\nemu: arguments of the guest go after --: emu run",
        ),
        (("run", "--nett", "HELLO"), 125, "emu: unknown option --nett"),
        (("run", "--net", "mars", "HELLO"), 125, "emu: argument --net: invalid choice: 'mars'"),
        (
            ("run", "--memory", "much", "HELLO"),
            125,
            "emu: --memory much: a size such as 512M or 4G is expected",
        ),
        (("run", "--threads", "0", "HELLO"), 125, "emu: --threads 0: a number above 0 is expected"),
        (("run", "--time-limit", "0", "HELLO"), 125, "emu: --time-limit 0.0: a number above 0 is expected"),
        (("run", "--user", "me", "HELLO"), 125, "emu: --user me: a number is expected, or two: 1000, 0:0"),
        (("run", "--root", "/none", "HELLO"), 125, "emu: --root /none: not a directory"),
        (("run", "--rw", "HELLO", "HELLO"), 125, "emu: --rw"),
        (("run", "--env", "=x", "HELLO"), 125, "emu: --env =x: NAME=VALUE or NAME is expected"),
        (("run", "/none"), 127, "emu: /none: not found"),
        (("run", "/tmp"), 126, "emu: /tmp: is a directory"),
        (("run", "/etc/passwd"), 126, "emu: /etc/passwd: not an ELF program"),
        (
            ("trace", "-o", "/none/t", "HELLO"),
            125,
            "emu: trace file /none/t: cannot be written: No such file",
        ),
        (("trace", "-o", "HELLO", "HELLO"), 125, "emu: trace file"),
        (("trace", "-o", "", "HELLO"), 125, "emu: trace file : cannot be written: No such file"),
        (
            ("build", "/none.py"),
            127,
            "emu: /none.py: not found: neither a file nor a bundled program (pty_server, server",
        ),
        (("build", "/tmp"), 127, "emu: /tmp: is a directory\n"),
        (("view", "HELLO"), 1, "emu: HELLO:1: a program, not a trace: `emu trace -o FILE` records one\n"),
        (("diff", "HELLO", "HELLO"), 125, "emu: HELLO:1: a program, not a trace"),
        (
            ("build", "server", "-o", "/none/x"),
            125,
            "emu: /none/x: cannot be written: No such file or directory",
        ),
        (("build", "server", "--", "4"), 125, "emu: emu build takes nothing after --"),
    ],
)
def test_errors_are_one_or_two_plain_lines(
    hello: Path, words: tuple[str, ...], status: int, message: str
) -> None:
    done = emu(*(str(hello) if word == "HELLO" else word for word in words))
    said = done.stderr.decode()
    assert said.startswith(message.replace("HELLO", str(hello))), said
    assert done.returncode == status
    assert len(said.splitlines()) <= 2
    assert done.stdout == b""


def test_running_loads_nothing_that_only_looking_needs(hello: Path) -> None:
    code = """
import sys
from emu.cli import main
status = main(["run", sys.argv[1]])
print({"rich", "textual", "msgspec", "h11", "scapy", "asyncio"} & sys.modules.keys(), status)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, hello], capture_output=True, timeout=60, env=ENVIRONMENT, check=True
    )
    assert done.stdout == b"hello\nset() 3\n"


def test_a_traceback_only_with_debug(hello: Path) -> None:
    assert b"Traceback" not in emu("run", "/none").stderr
    assert b"Traceback" in emu("run", "--debug", "/none").stderr
    assert emu("run", hello, "--", "--debug").returncode == 4


def test_the_environment_is_what_was_given(emulated: Callable[..., Any]) -> None:
    options = ("--env", "A=1", "--env", "PATH", "--env", "NOT_SET_ANYWHERE", "--env", "B=", "--env", "C=x=y")
    done = emulated("surroundings", "/", options=options)
    path = f"PATH={os.environ['PATH']}"
    assert done.stdout.decode().splitlines()[:5] == ["/", "A=1", path, "B=", "C=x=y"]
    assert emulated("surroundings", "/").stdout.splitlines()[1] == b"read: 0"


def test_files_of_the_host_are_reached_only_by_root_and_rw(
    emulated: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")

    def opened(path: Path | str, *options: str | Path) -> list[bytes]:
        return emulated(
            "surroundings", str(path), options=[str(option) for option in options]
        ).stdout.splitlines()[1:]

    assert opened(tmp_path / "file") == [b"read: -ENOENT", b"write: -ENOENT"]
    assert opened("/file", "--root", tmp_path) == [b"read: 0", b"write: -EROFS"]
    assert opened(tmp_path / "file", "--rw", tmp_path) == [b"read: 0", b"write: 0"]


def test_streams_that_are_closed_are_closed_for_the_guest(hello: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m emu trace -o {tmp_path / 'calls'} {hello} <&- >&- 2>&-"
    done = subprocess.run(["/bin/sh", "-c", command], env=ENVIRONMENT, timeout=30, check=False)
    assert done.returncode == 3
    written = json.loads((tmp_path / "calls").read_text().splitlines()[1])
    assert (written["name"], written["error"]) == ("write", "EBADF")


@pytest.mark.parametrize("form", ["", " --json"])
def test_a_full_disk_under_the_answer_is_said(form: str) -> None:
    command = f"{sys.executable} -m emu syscalls{form} >/dev/full"
    done = subprocess.run(["/bin/sh", "-c", command], env=ENVIRONMENT, capture_output=True, check=False)
    assert done.returncode == 125
    assert done.stderr == b"emu: standard output cannot be written: No space left on device\n"


def test_build_writes_a_program_that_runs_natively(tmp_path: Path, hello: Path) -> None:
    (tmp_path / "greet.py").write_text(HELLO)
    done = emu("build", "greet.py", "--strip", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(b"greet.elf: ")
    native = subprocess.run([tmp_path / "greet.elf", "a"], capture_output=True, check=False)
    assert (native.stdout, native.returncode) == (b"hello\n", 4)
    assert (tmp_path / "greet.elf").stat().st_size < hello.stat().st_size


def test_build_replaces_files_only(tmp_path: Path) -> None:
    (tmp_path / "greet.py").write_text(HELLO)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("greet.elf")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    for name in ("pipe", "link"):
        assert emu("build", "greet.py", "-o", name, cwd=tmp_path).returncode == 0
    assert os.read(reader, 4) == b"\x7fELF"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "greet.elf").read_bytes().startswith(b"\x7fELF")


def test_build_writes_to_what_is_no_regular_file_and_leaves_it_there(tmp_path: Path, hello: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    done = emu("build", hello.with_suffix(".py"), "--strip", "-o", fifo)
    assert done.returncode == 0, done.stderr
    assert os.read(reader, 4) == b"\x7fELF"
    os.close(reader)
    assert fifo.is_fifo()


def test_a_program_that_does_not_compile(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(HELLO.replace("argc + 2", "argc + u8(2) + nothing"))
    done = emu("build", tmp_path / "bad.py", cwd=tmp_path)
    assert done.returncode == 1
    assert b"bad.py:9:" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "bad.elf").exists()


def test_the_support_table_in_three_forms() -> None:
    rows = json.loads(emu("syscalls", "--json").stdout)
    by_name = {row["name"]: row for row in rows}
    assert by_name["getpid"] == {
        "number": 39, "name": "getpid", "family": "threads", "support": "full", "remark": "",
    }  # fmt: skip
    assert by_name["sched_setaffinity"]["support"] == "partial"
    assert by_name["_sysctl"]["support"] == "refused"
    assert "| 39 | `getpid` | threads | full |  |" in emu("syscalls", "--markdown").stdout.decode()
    assert "  39 getpid               full\n" in emu("syscalls").stdout.decode()


def test_every_option_is_documented_in_its_help() -> None:
    commands = next(action for action in parser()._actions if hasattr(action, "choices") and action.choices)
    for name, command in commands.choices.items():  # type: ignore[union-attr]
        for action in command._actions:
            assert action.help, f"emu {name} {action.option_strings or action.dest} has no help"


def on_a_terminal(
    *words: str | Path,
    stop_at: bytes = b"",
    key: bytes = b"\x03",
    environment: Mapping[str, str] = MappingProxyType({}),
) -> tuple[bytes, int]:
    """Runs emu on a pseudo-terminal, with Ctrl-C (or `key`) once `stop_at` has been seen; all output and the status."""
    child, master = pty.fork()
    if child == 0:
        os.environ.update(ENVIRONMENT, TERM="xterm-256color")
        os.environ.pop("NO_COLOR", None)
        os.environ.update(environment)
        os.execv(sys.executable, [*EMU, *map(str, words)])
    seen = b""
    pressed = False
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 1)[0]:
            continue
        try:
            data = os.read(master, 65536)
        except OSError:  # the other side is gone
            break
        if not data:
            break
        seen += data
        if stop_at and stop_at in seen and not pressed:
            pressed = True
            os.write(master, key)
    else:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(master)
    return seen, os.waitstatus_to_exitcode(status)


def test_ctrl_c_ends_the_guest() -> None:
    seen, status = on_a_terminal("run", "server.elf", "--", "1", "127.0.0.1", "0", stop_at=b"listening on")
    assert status == 130
    assert b"Traceback" not in seen


def test_ctrl_backslash_ends_the_guest_and_says_where_it_was() -> None:
    server = ("run", "server.elf", "--", "1", "127.0.0.1", "0")
    seen, status = on_a_terminal(*server, stop_at=b"listening on", key=b"\x1c")
    assert status == 131
    assert b"server.elf killed by SIGQUIT in thread" in seen
    assert b"sent from outside" in seen
    assert b"call chain" in seen


STUBBORN = """
from guest.lang import array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start
from syscalls import numbers

def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    ignore = array[u64, 4]()
    ignore[0] = 1
    syscall(numbers.rt_sigaction, 2, ignore.ptr, 0, 8)
    syscall(numbers.open, b"/tmp/file".ptr, 0o102, 0o600)
    syscall(numbers.write, 1, b"ready\\n".ptr, 6)
    while True:
        syscall(numbers.poll, 0, 0, 3600000)
    return 0
"""


@pytest.mark.parametrize(
    ("signals", "status", "said"),
    [
        ([signal.SIGHUP], 129, b""),
        ([signal.SIGTERM], 143, b""),
        (
            [signal.SIGINT, signal.SIGINT],
            130,
            b"emu: the guest goes on after SIGINT; once more ends it\n",
        ),
    ],
)
def test_signals_end_a_stubborn_guest_and_nothing_is_left(
    tmp_path: Path, signals: list[signal.Signals], status: int, said: bytes
) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    assert emu("build", "stubborn.py", cwd=tmp_path).returncode == 0
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    running = subprocess.Popen(
        [*EMU, "run", tmp_path / "stubborn.elf"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, "TMPDIR": str(scratch)},
    )
    assert running.stdout is not None
    assert running.stderr is not None
    try:
        assert running.stdout.readline() == b"ready\n"
        assert list(scratch.iterdir())
        for number in signals:
            running.send_signal(number)
            if number is signal.SIGINT and said:
                assert running.stderr.readline() == said
                said = b""
        assert running.wait(20) == status
        assert running.stderr.read() == b""
    finally:
        running.kill()
        running.wait()
    assert not list(scratch.iterdir())


def test_the_time_limit_ends_the_guest() -> None:
    done = emu("run", "--time-limit", "0.4", "server.elf", "--", "1", "127.0.0.1", "0")
    assert done.returncode == 137
    assert b"time limit" in done.stderr
