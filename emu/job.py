"""The bench as one job of the user's shell: keys and hang-ups of its terminal go to the guest, stops and modes come back.

An interrupt (Ctrl-C) goes to the guest. One more ends the run, unless the first has led to something: the guest has read
from the terminal since, changed its modes or its foreground group, a process has ended, or a job of the guest's own has
the foreground. So Ctrl-C always gets rid of a program that hangs, and never of an interactive shell.
"""

import contextlib
import os
import signal
import termios
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from syscalls import siginfo
from syscalls.process import Process
from syscalls.terminals import Terminal

if TYPE_CHECKING:
    from emu.bench import Bench

_NOTE_AFTER = 300_000_000  # nanoseconds after an interrupt: who has done nothing by then goes on
_KEYS = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH})
GOES_ON = "the guest goes on after SIGINT; once more ends it"


class Job:
    """What a bench has to do with the terminal and the shell that it was started from."""

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench
        self._interrupts = 0
        self._terminal: Terminal | None = None
        self._modes: list[Any] | None = None
        self._has_shell = False

    def begin(self) -> list[int]:
        """The run starts, in the main host thread: which signals of the bench are to be caught."""
        system = self._bench.process.system
        self._terminal = None if system.terminals is None else system.terminals.user
        wanted: list[int] = [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup(1)
            wanted.append(signal.SIGHUP)
        if self._terminal is not None:
            self._modes = self._get_modes()
            self._has_shell = not is_orphan()
            system.has_shell = self._has_shell
            wanted += [signal.SIGWINCH, signal.SIGCONT]
            if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
                wanted.append(signal.SIGTSTP)
        return wanted

    # Signals

    def signal_came(self, number: int) -> None:
        """The bench was sent a signal."""
        if number == signal.SIGINT and self._is_too_many():
            self._bench.processes.end_all(number)
            return
        if number in (signal.SIGTERM, signal.SIGHUP) and self._bench.process.wait_status is not None:
            self._bench.processes.end_all(number)  # nobody is left who would know what it is for
            return
        for process in self._receivers(number):
            self._bench.send_signal(process, siginfo.from_kernel(number))
        if number == signal.SIGINT:
            self._tell()

    def _is_too_many(self) -> bool:
        terminal = self._terminal
        if terminal is not None:
            if terminal.has_acted or terminal.group not in (0, self._bench.process.group):
                self._interrupts = 0
            terminal.has_acted = False
        self._interrupts += 1
        return self._interrupts > 1

    def _tell(self) -> None:
        bench = self._bench
        if self._terminal is None:
            self._note_who_goes_on()
        else:
            bench.arm_timer("interrupted", bench.monotonic_ns() + _NOTE_AFTER, self._note_who_goes_on)

    def _note_who_goes_on(self) -> None:
        terminal = self._terminal
        if terminal is not None and (
            terminal.has_acted or terminal.group not in (0, self._bench.process.group)
        ):
            return
        if not all(process.exiting for process in self._bench.process.system.living()):
            self._bench.note(GOES_ON)

    def _receivers(self, number: int) -> list[Process]:
        """Whom a signal of the bench is for: a key is the foreground group's, a hang-up also the first job's (termios(3))."""
        system, first = self._bench.process.system, self._bench.process
        survivor = first if first.wait_status is None else system.living()[0]
        if number == signal.SIGTERM:
            return [survivor]
        groups = {first.group}
        if self._terminal is not None and self._terminal.group:
            if number in _KEYS:
                groups = {self._terminal.group}
            elif number == signal.SIGHUP:
                groups.add(self._terminal.group)
        found = [process for process in system.living() if process.group in groups]
        return found or [survivor]

    # Stops

    def process_stopped(self) -> None:
        """A process of the guest was stopped: when it was the last of the first group, the job has stopped, and so does the
        bench, as the program itself would, until the shell continues it."""
        terminal, bench = self._terminal, self._bench
        if terminal is None or not self._has_shell:
            return
        group = bench.process.group
        members = [process for process in bench.process.system.living() if process.group == group]
        if not members or not all(process.stopped for process in members):
            return
        if bench.dispatcher.sink is not None:
            bench.dispatcher.sink.flush()
        modes = self._get_modes()
        self._set_modes(self._modes)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._set_modes(modes)

    # Modes

    def end(self, left_on_purpose: bool) -> None:
        """The run is over: a terminal whose modes the guest has changed gets its own back, unless the guest has ended by
        itself, as stty(1) does."""
        if not left_on_purpose and self._modes is not None and self._get_modes() != self._modes:
            self._set_modes(self._modes)

    def _get_modes(self) -> list[Any] | None:
        modes: list[Any] | None = self._on_terminal(termios.tcgetattr)
        return modes

    def _set_modes(self, modes: list[Any] | None) -> None:
        # In the background the host would stop the bench for it.
        if modes is not None and self._on_terminal(os.tcgetpgrp) == os.getpgrp():
            self._on_terminal(lambda fd: termios.tcsetattr(fd, termios.TCSANOW, modes))

    def _on_terminal(self, ask: Callable[[int], Any]) -> Any:
        if self._terminal is None:
            return None
        with contextlib.suppress(OSError, termios.error):
            return ask(self._terminal.source)
        return None


def is_orphan() -> bool:
    """Whether nobody in the bench's session could continue it, once it is stopped (setpgid(2), "orphaned process group")."""
    pid, group, session = os.getpid(), os.getpgrp(), os.getsid(0)
    with contextlib.suppress(OSError, ValueError, IndexError):
        while True:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
            if os.getsid(pid) != session:
                return True
            if os.getpgid(pid) != group:
                return False
    return True
