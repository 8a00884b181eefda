"""The guest's output and the trace on one terminal, file or pipe: no line holds both, and nothing is lost of either."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emu.output_watch import place

ROOT = Path(__file__).parent.parent.parent
EMU = [sys.executable, "-m", "emu", "trace"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "NO_COLOR": "1"}

TRACE = re.compile(r"\[\d+\] +\d+\.\d{6} (?:\w+\(.*\)(?: += .*| \.\.\. waiting)|\+\+\+ .* \+\+\+)")
TALK = re.compile(r"(?:<\w+>)*")
SAID = {
    "one": 13,
    "two": 13,
    "three": 13,
    "four": 13,
    "five": 13,
    "six": 13,
    "seven": 13,
    "nine": 13,
    "last": 1,
}


def on_a_terminal(*words: str) -> str:
    """What a terminal shows of emu, all three streams on it."""
    child, master = pty.fork()
    if child == 0:
        os.execve(sys.executable, [*EMU, *words], ENVIRONMENT)
    seen = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # the other side is gone
            break
        if not data:
            break
        seen += data
    assert os.waitpid(child, 0)[1] == 0
    os.close(master)
    return seen.decode().replace("\r\n", "\n")


def in_a_shell(words: list[str], redirection: str) -> None:
    command = " ".join([*EMU, *words])
    subprocess.run(["/bin/sh", "-c", f"{command} {redirection}"], env=ENVIRONMENT, timeout=60, check=True)


def check(text: str, said: dict[str, int], lines: int) -> None:
    """No line is both; all that was said is there, and so many lines of trace."""
    trace = [line for line in text.split("\n") if line.startswith("[")]
    talk = [line for line in text.split("\n") if not line.startswith("[")]
    assert [line for line in trace if not TRACE.fullmatch(line)] == []
    assert [line for line in talk if not TALK.fullmatch(line)] == []
    assert {word: "".join(talk).count(f"<{word}>") for word in said} == said
    assert len(trace) >= lines


@pytest.fixture(scope="module")
def talker(elf: Callable[[str], Path]) -> str:
    return str(elf("talker"))


def test_on_a_terminal(talker: str) -> None:
    check(on_a_terminal(talker), {**SAID, "eight": 13}, 13 * 11)


def test_calls_that_are_not_shown_count_too(talker: str) -> None:
    text = on_a_terminal("-e", "getpid", talker)
    check(text, {**SAID, "eight": 13}, 26)
    assert "write" not in text


def test_with_times_and_call_chains_off_and_on(talker: str) -> None:
    text = on_a_terminal("--stacks", "-e", "writev", talker)
    lines = [line for line in text.split("\n") if not line.startswith("         > ")]
    check("\n".join(lines), SAID, 26)
    assert re.search(r"^         > (\w+\.)*gather talker\.py:\d+$", text, re.MULTILINE)


def test_in_one_file(talker: str, tmp_path: Path) -> None:
    in_a_shell([talker], f"</dev/null >{tmp_path}/all 2>&1")
    check((tmp_path / "all").read_text(), SAID, 13 * 10)


def test_in_one_file_that_both_append_to(talker: str, tmp_path: Path) -> None:
    in_a_shell([talker], f"</dev/null >>{tmp_path}/all 2>>{tmp_path}/all")
    check((tmp_path / "all").read_text(), SAID, 13 * 10)


def test_in_one_pipe(talker: str, tmp_path: Path) -> None:
    in_a_shell([talker], f"</dev/null 2>&1 | cat >{tmp_path}/all")
    check((tmp_path / "all").read_text(), SAID, 13 * 10)


def test_apart_they_are_left_as_they_are(talker: str, tmp_path: Path) -> None:
    in_a_shell([talker, "--", "x"], f"</dev/null >{tmp_path}/out 2>{tmp_path}/err")
    native = subprocess.run([talker], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True)
    assert sorted((tmp_path / "out").read_text()) == sorted(native.stdout.decode())
    assert "\n<nine>" in (tmp_path / "out").read_text()


def test_places_are_told_apart(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    again = os.open(os.ttyname(slave), os.O_RDWR | os.O_NOCTTY)
    other_master, other = pty.openpty()
    first, second = (os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in ("first", "second"))
    twin = os.dup(first)
    receiver, sender = os.pipe()
    assert place(slave) == place(again)
    assert place(slave) != place(other)
    assert place(first) == place(twin)
    assert place(first) != place(second)
    assert place(sender) == place(receiver) != place(first)
    for fd in (master, slave, again, other_master, other, first, second, twin, receiver, sender):
        os.close(fd)
    assert place(first) is None
