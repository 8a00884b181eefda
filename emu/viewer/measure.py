"""`python -m emu.viewer.measure FILE`: how long the terminal viewer takes to open a trace and to answer keys, on a terminal of its own."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

KEYS: tuple[tuple[str, bytes], ...] = (
    ("down", b"\x1b[B"), ("page down", b"\x1b[6~"), ("last", b"G"), ("up", b"\x1b[A"), ("page up", b"\x1b[5~"),
    ("zoom", b"+"), ("later", b"\x1b[C"), ("next of thread", b"]"), ("first", b"g"), ("whole run", b"0"),
)  # fmt: skip
"""The keys that are pressed, one round after the other."""

ROUNDS = 5
SIZE = (140, 40)
PATIENCE = 60.0
"""Seconds after which it is given up."""

QUIET = 0.12
"""Seconds without output after which the screen is taken to be painted."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds from the start of the process until the first rows were shown and until all was read; milliseconds from a
    key to the first and to the last byte of what it changed on the screen; peak and current resident memory in MiB."""

    first_screen: float
    all_read: float
    key_median: float
    key_slowest: float
    painted_slowest: float
    peak_memory: float
    memory: float


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, command: Sequence[str], size: tuple[int, int] = SIZE, **environment: str) -> None:
        self.said = b""
        self.began = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:  # pragma: no cover - another program from here on
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.execvpe(command[0], list(command), {**os.environ, "TERM": "xterm-256color", **environment})

    def read(self, seconds: float) -> bytes:
        """What it writes next; empty when there is nothing for so long, or nothing more to come."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            data = os.read(self._fd, 1 << 16)
            self.said += data
            return data
        return b""

    def wait_for(self, pattern: bytes) -> float:
        """Seconds from the start until the pattern was written. Raises TimeoutError."""
        while not re.search(pattern, self.said):
            if time.perf_counter() - self.began > PATIENCE or not self.read(PATIENCE):
                raise TimeoutError(f"{pattern!r} was not shown: {self.said[-400:]!r}")
        return time.perf_counter() - self.began

    def settle(self, quiet: float = QUIET) -> None:
        """Reads until nothing has been written for a while."""
        while self.read(quiet):
            pass

    def press(self, key: bytes) -> tuple[float, float]:
        """Seconds from a key to the first and to the last byte that followed."""
        begin = time.perf_counter()
        os.write(self._fd, key)
        first = last = 0.0
        while self.read(QUIET if first else 1.0):
            last = time.perf_counter() - begin
            first = first or last
        return first, last

    def memory(self, member: str = "VmHWM") -> float:
        """MiB that it has resident (VmRSS), or had at most (VmHWM; proc(5))."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.partition(f"{member}:")[2].split()[0]) / 1024

    def end(self, key: bytes = b"q") -> int:
        """Presses a key that ends it; as `ended`."""
        os.write(self._fd, key)
        return self.ended()

    def ended(self) -> int:
        """Its exit status, once it has ended by itself. Raises TimeoutError, after it has been killed."""
        until = time.perf_counter() + PATIENCE
        while time.perf_counter() < until:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.settle(0.05)
                os.close(self._fd)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)  # what it closed is always ready
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise TimeoutError("it did not end")


def measure(path: str | Path, rounds: int = ROUNDS) -> Figures:
    """Opens a trace in `emu view` and presses keys. Raises TimeoutError."""
    terminal = Terminal(
        [sys.executable, "-P", "-m", "emu", "view", str(path)], PYTHONPATH=os.pathsep.join(sys.path)
    )
    try:
        first = terminal.wait_for(rb"\d\.\d{6}  ")
        whole = terminal.wait_for(rb"[\d,]+ records")
        terminal.settle()
        answers = [terminal.press(key) for _ in range(rounds) for _, key in KEYS]
        peak, now = terminal.memory(), terminal.memory("VmRSS")
    finally:
        terminal.end()
    firsts = [first * 1000 for first, _ in answers if first]
    return Figures(
        first,
        whole,
        statistics.median(firsts),
        max(firsts),
        max(last for _, last in answers) * 1000,
        peak,
        now,
    )


def main() -> int:
    """Prints the figures as JSON."""
    print(
        json.dumps({name: round(value, 3) for name, value in asdict(measure(sys.argv[1])).items()}, indent=1)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
