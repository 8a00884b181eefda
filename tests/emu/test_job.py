"""A run on the user's own terminal: keys, sizes, stops and modes, in real terminals and under a real shell."""

import fcntl
import os
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emu.viewer.measure import Terminal
from syscalls import numbers

Elf = Callable[[str], Path]
EMU = (sys.executable, "-P", "-m", "emu")
PATHS = {"PYTHONPATH": os.pathsep.join(sys.path)}


class Screen(Terminal):
    """A command on a terminal, which ends with the test."""

    def __init__(self, *command: str | Path, **environment: str) -> None:
        super().__init__([str(word) for word in command], (100, 30), **PATHS, **environment)

    def type(self, keys: bytes) -> None:
        """Types, without a look at what follows."""
        os.write(self._fd, keys)

    def modes(self) -> int:
        """c_lflag."""
        return int(termios.tcgetattr(self._fd)[3])

    def idle(self) -> None:
        """Waits until the guest of a bench that was started directly waits: what comes before that comes too early for it."""
        end = time.monotonic() + 20
        seen = 0
        while seen < 3 and time.monotonic() < end:
            waiting = Path(f"/proc/{self.pid}/syscall").read_text().startswith(f"{numbers.epoll_wait} ")
            seen = seen + 1 if waiting else 0
            time.sleep(0.01)

    def resize(self, rows: int) -> None:
        """The window has another size."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 90, 0, 0))


@pytest.fixture
def on_screen() -> Iterator[Callable[..., Screen]]:
    """Starts commands; what still runs at the end is killed."""
    started: list[Screen] = []

    def start(*command: str | Path, **environment: str) -> Screen:
        started.append(Screen(*command, **environment))
        return started[-1]

    yield start
    for screen in started:
        try:
            os.kill(screen.pid, 9)
            os.waitpid(screen.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


Start = Callable[..., Screen]


def run(start: Start, elf: Elf, *arguments: str) -> Screen:
    return start(*EMU, "run", elf("tty_user"), "--", *arguments)


def test_the_terminal_is_the_guest_s_controlling_one(on_screen: Start, elf: Elf) -> None:
    screen = run(on_screen, elf, "owner")
    assert screen.ended() == 0
    assert screen.said.replace(b"\r", b"") == (
        b"the foreground is mine: yes\nthe session is mine: yes\non /dev/tty\n"
        b"its name opens it: yes\nand is it: yes\n"
    )


def test_a_killed_guest_leaves_no_raw_terminal(on_screen: Start, elf: Elf) -> None:
    screen = run(on_screen, elf, "raw")
    before = screen.modes()
    screen.wait_for(b"raw")
    while screen.read(5):
        pass
    assert screen.modes() == before
    assert screen.ended() == 137


def test_a_guest_that_ends_by_itself_leaves_the_modes_as_it_wants(on_screen: Start, elf: Elf) -> None:
    shell = on_screen(
        "/bin/sh", "-c", '"$@"; stty -a; stty sane', "-", *EMU, "run", elf("tty_user"), "--", "left"
    )
    shell.wait_for(rb" -echo ")


def test_another_size_is_told(on_screen: Start, elf: Elf) -> None:
    screen = run(on_screen, elf, "window")
    screen.wait_for(b"rows: 30")
    screen.idle()
    screen.resize(20)
    assert screen.ended() == 0
    assert screen.said.replace(b"\r", b"") == b"rows: 30\nsignal: 28\nrows: 20\n"


def test_interrupts_never_end_a_guest_that_goes_on_reading(on_screen: Start, elf: Elf) -> None:
    screen = run(on_screen, elf, "stays")
    screen.wait_for(b"ready")
    for count in range(1, 5):
        screen.idle()
        screen.type(b"\x03")
        screen.wait_for(rb"(?s)(signal: 2.*again.*){%d}" % count)
    screen.idle()
    screen.type(b"text\r")
    screen.wait_for(b"line")
    assert b"once more" not in screen.said
    assert screen.end(b"\x04") == 0


def test_a_second_interrupt_ends_a_guest_that_does_nothing_about_the_first(
    on_screen: Start, elf: Elf
) -> None:
    screen = run(on_screen, elf, "deaf")
    screen.wait_for(b"ready")
    screen.type(b"\x03")
    screen.wait_for(b"signal: 2")
    screen.wait_for(b"once more ends it")
    assert screen.end(b"\x03") == 130


def test_a_job_of_the_user_s_shell(on_screen: Start, elf: Elf) -> None:
    shell = on_screen("/bin/sh", "-i", PS1="prompt> ", ENV="")
    shell.wait_for(b"prompt> ")
    command = " ".join([*EMU, "run", str(elf("tty_user")), "--", "stays"])
    shell.type(command.encode() + b"\r")
    shell.wait_for(b"ready")
    shell.type(b"\x1a")
    shell.wait_for(rb"(?s)Stopped.*prompt> ")
    shell.type(b"echo modes; fg\r")
    shell.wait_for(rb"(?s)modes\r.*signal: 18")
    shell.type(b"text\r")
    shell.wait_for(b"line\r")
    shell.type(b"\x04")
    shell.type(b"echo its status was $?\r")
    shell.wait_for(b"its status was 0")
    assert b"wait for each other" not in shell.said


def test_a_shell_inside_with_jobs_of_its_own(on_screen: Start) -> None:
    shell = on_screen(*EMU, "run", "--root", "/", "--env", "PS1=inside> ", "/bin/sh", "--", "-i")
    shell.wait_for(b"inside> ")
    for count in range(2, 5):
        shell.idle()
        shell.type(b"\x03")
        shell.wait_for(rb"(?s)(inside> .*){%d}" % count)
    shell.idle()
    shell.type(b"sleep 1000\r")
    shell.settle(0.5)
    shell.idle()
    shell.type(b"\x1a")
    shell.wait_for(b"Stopped")
    shell.type(b"jobs; fg\r")
    shell.wait_for(rb"(?s)Stopped.*Stopped.*sleep 1000\r")
    shell.settle(0.5)
    shell.idle()
    shell.type(b"\x03")
    shell.idle()
    shell.type(b"echo status $?\r")
    shell.wait_for(b"status 130")
    assert shell.end(b"exit 5\r") == 5


def test_what_the_first_process_has_left_behind_ends_with_the_bench(on_screen: Start) -> None:
    left = on_screen(*EMU, "run", "--root", "/", "/bin/sh", "--", "-c", "(trap '' HUP; sleep 1000) & echo $!")
    left.wait_for(rb"\d+\r")
    left.wait_for(rb"still run|emu: ")
    os.kill(left.pid, 15)
    assert left.ended() == 0
