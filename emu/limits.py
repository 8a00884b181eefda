"""What a run may use, how it ended, and where the bench's own words go."""

import sys
from typing import NamedTuple

from emu.memory import DEFAULT_LIMIT
from syscalls.flags.signals import Signal

DEFAULT_THREADS = 4096
DEFAULT_DESCRIPTORS = 1024
DEFAULT_PROCESSES = 512


class ExitStatus(NamedTuple):
    """How a run ended: with the guest's own `code`, or by `signal`. It equals the number that a shell would see."""

    code: int | None
    signal: int | None = None

    def __eq__(self, other: object) -> bool:
        return self.shell_status == other if isinstance(other, int) else tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return tuple.__hash__(self)

    @property
    def shell_status(self) -> int:
        """As a shell has it: the code, or 128 + signal."""
        return 128 + self.signal if self.signal is not None else self.code or 0


KILLED = ExitStatus(None, Signal.SIGKILL)


class Limits(NamedTuple):
    """What a guest may use: writable bytes, threads, descriptors a process, seconds of real time (None: no limit), processes."""

    memory: int = DEFAULT_LIMIT
    threads: int = DEFAULT_THREADS
    descriptors: int = DEFAULT_DESCRIPTORS
    time: float | None = None
    processes: int = DEFAULT_PROCESSES


def print_line(text: str) -> None:
    """Where the bench's own messages go if nobody else wants them: stderr."""
    print(text, file=sys.stderr, flush=True)
