"""docs/tutorial.md is what happens: its commands are run in real terminals, one after the other, and say what it shows."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAPER = ROOT / "docs" / "tutorial.md"
PORT = "8080"
"""The port that the paper uses; the test puts a free one in its place."""

PATIENCE = 30
"""Seconds until a command that says nothing has failed."""

PART = re.compile(
    r"^```(?P<language>\w+)(?: (?P<terminal>\w+))?\n(?P<block>.*?)^```$|^\| (?P<keys>`[^|]*)\|[^|]*\|(?P<screen>[^|]*)\|$",
    re.MULTILINE | re.DOTALL,
)
"""What is done with the paper: blocks, and lines of a table of keys with what the screen then says."""

PROMPT = re.compile(r"(\w*)\$ (.*)")
KEYS = {"Enter": "\r", "Esc": "\x1b"}
CONTROLS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()].)")

VOLATILE = re.compile(
    r"""(?P<peer>(?<=127\.0\.0\.1:)\d+)
    | (?P<request>"GET\ /.*)
    | (?P<waited>\ <waited\ [\d.]+\ s>)
    | (?P<dashes>-{3,}|_{3,}|={3,})
    | (?P<hex>\b0x[0-9a-f]+)
    | (?P<number>(?<![\w.])\d+(?:\.\d+)?(?=\ (?:ns|us|ms|s|B|KiB)\b)|(?<![\w.])\d+\.\d+s?(?![\w.]))
    | (?P<space>\ +)""",
    re.VERBOSE,
)
LOOSE = {
    "peer": r"\d+",
    "request": r'"GET /.*',
    "waited": r"(?: <waited [\d.]+ s>)?",
    "dashes": "[-_=]+",
    "hex": "0x[0-9a-f]+",
    "number": r"[\d.]+s?",
    "space": " +",
}
"""What differs from run to run: ports of clients, what curl says of itself, addresses, times, widths of columns."""


def pattern(line: str) -> str:
    """A regular expression for a line of the paper; a line `...` stands for any number of lines, at a line's end for the rest."""
    if line == "...":
        return r"(?:.*\n)*?"
    line, rest = (line[:-3], ".*") if line.endswith(" ...") else (line, " *")
    parts, at = [], 0
    for found in VOLATILE.finditer(line):
        assert found.lastgroup
        parts += [re.escape(line[at : found.start()]), LOOSE[found.lastgroup]]
        at = found.end()
    return "".join(parts) + re.escape(line[at:]) + rest + r"\n"


@dataclass
class Step:
    """What is typed in a terminal ("" for nothing, "^C"), and what the paper shows after it."""

    terminal: str
    typed: str
    shown: list[str] = field(default_factory=list)


@dataclass
class Keys:
    """Keys for the program that runs in a terminal, and what it says then."""

    terminal: str
    keys: list[str]
    screen: str


@dataclass
class File:
    """A file that the reader writes."""

    name: str
    text: str


def parts(paper: str) -> Iterator[Step | Keys | File]:
    """What a reader does, in order."""
    terminal = ""
    for part in PART.finditer(paper):
        if part["language"] == "console":
            for step in steps(part["block"], part["terminal"] or ""):
                terminal = step.terminal
                yield step
        elif part["language"]:
            yield File(part["block"].split()[1], part["block"])
        else:
            yield Keys(terminal, re.findall("`([^`]+)`", part["keys"]), part["screen"].strip(" `"))


def steps(block: str, continues: str) -> Iterator[Step]:
    """The steps of a block; `continues` is the terminal of what stands before its first prompt."""
    step = None
    terminal = continues
    for line in block.splitlines():
        prompt = PROMPT.fullmatch(line)
        if prompt or line == "^C" or step is None:
            if step is not None:
                yield step
            terminal = prompt[1] if prompt else terminal
            step = Step(terminal, prompt[2] if prompt else "^C" if line == "^C" else "")
            if step.typed:
                continue
        step.shown.append(line)
    if step is not None:
        yield step


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.prompt = f"{name}$ "
        self.said = ""
        self.seen = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            environment = {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "HOME": str(folder),
                "TERM": "xterm-256color",
                "NO_COLOR": "1",
                "LANG": "C.UTF-8",
                "PS1": self.prompt,
            }
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.wait_for(re.escape(self.prompt))

    def type(self, text: str) -> None:
        """Presses keys."""
        os.write(self.fd, text.encode())

    def interrupt(self) -> None:
        """Presses Ctrl-C, once a command runs that can get it."""
        end = time.monotonic() + PATIENCE
        while os.tcgetpgrp(self.fd) == self.pid:
            assert time.monotonic() < end, self.said
            self.read(0.01)
        self.type("\x03")

    def read(self, seconds: float) -> None:
        """Takes what the terminal shows within that time."""
        if select.select([self.fd], [], [], seconds)[0]:
            data = os.read(self.fd, 65536).decode("utf-8", "replace")
            self.said += data.replace("\r\n", "\n")

    def wait_for(self, expected: str) -> None:
        """Waits until that has been shown since the last time."""
        end = time.monotonic() + PATIENCE
        while not (found := re.compile(expected).match(self.said, self.seen)):
            shown = self.said[self.seen :]
            is_over = shown.endswith("\n" + self.prompt) and "\n" in shown
            if is_over or time.monotonic() > end:
                pytest.fail(f"expected\n{expected}\n\nbut there is\n{shown}")
            self.read(0.2)
        self.seen = found.end()

    def wait_for_change(self) -> None:
        """Waits until something has been shown since the last time."""
        self.wait_for(r"(?s:.+)")

    def settle(self) -> None:
        """Waits until a program that draws has nothing more to draw: keys are for what stands on the screen then."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            shown = len(self.said)
            self.read(0.4)
            if len(self.said) == shown:
                return

    def wait_for_words(self, words: str) -> None:
        """Waits until the words stand on the screen that a program draws."""
        end = time.monotonic() + PATIENCE
        while words not in CONTROLS.sub("", self.said[self.seen :]):
            assert time.monotonic() < end, f"{words!r} is not shown in {self.said[self.seen :]!r}"
            self.read(0.2)
        self.seen = len(self.said)

    def close(self) -> None:
        """Ends the shell and what runs in it."""
        foreground = os.tcgetpgrp(self.fd)
        if foreground != self.pid:
            os.killpg(foreground, signal.SIGKILL)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the paper finds in the project's."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)  # the settings of pytest
    return tmp_path


def free_port() -> str:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="no curl or bash here"
)
def test_the_tutorial(folder: Path) -> None:
    todo = list(parts(PAPER.read_text().replace(PORT, free_port())))
    terminals: dict[str, Terminal] = {}
    try:
        for at, step in enumerate(todo):
            if isinstance(step, File):
                (folder / step.name).write_text(step.text)
                continue
            if step.terminal not in terminals:
                terminals[step.terminal] = Terminal(step.terminal, folder)
            terminal = terminals[step.terminal]
            following = next((other for other in todo[at + 1 :] if is_in(other, step.terminal)), None)
            if isinstance(step, Step):
                run(step, terminal, goes_on=following is not None and is_within(following))
                if isinstance(following, Keys):
                    terminal.wait_for_words("q quit")  # the last line of the viewer: it is ready for keys
            else:
                press(step, terminal)
    finally:
        for terminal in terminals.values():
            terminal.close()


def is_in(part: Step | Keys | File, terminal: str) -> bool:
    """Whether it happens in this terminal."""
    return not isinstance(part, File) and part.terminal == terminal


def is_within(part: Step | Keys | File) -> bool:
    """Whether it has to do with a command that runs already."""
    return isinstance(part, Keys) or (isinstance(part, Step) and part.typed in ("", "^C"))


def run(step: Step, terminal: Terminal, goes_on: bool) -> None:
    """Types it, and waits for what the paper shows; `goes_on`: the command does not end with that."""
    expected = "".join(pattern(line) for line in step.shown)
    if step.typed == "^C":
        terminal.interrupt()
        expected = r"\^C\n?(?:\[.*\n)*?" + expected if not step.shown else r"\^C\n?" + expected
    elif step.typed:
        terminal.type(step.typed + "\n")
        expected = re.escape(step.typed + "\n") + expected
    if not goes_on:
        expected += r"\n?" + re.escape(terminal.prompt)
    terminal.wait_for(expected)


def press(step: Keys, terminal: Terminal) -> None:
    """Presses them, each when the screen has changed for the one before, and waits for what it says then."""
    for number, key in enumerate(step.keys):
        if number:
            terminal.wait_for_change()
        terminal.settle()
        terminal.seen = len(terminal.said)
        terminal.type(KEYS.get(key, key))
    if step.screen:
        terminal.wait_for_words(step.screen)
    else:
        terminal.wait_for(r"(?s:.*)" + re.escape(terminal.prompt))
