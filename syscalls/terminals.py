"""Terminals as processes see them: numbers, controlling terminals, foreground groups, job control, hang-ups (drivers/tty/).

Each stands on a real terminal of the host, whose line discipline edits and echoes. The host knows no guest process: to
whom a terminal belongs, and who gets which signal, is decided here (tty_jobctrl.c, tty_io.c, pty.c).
"""

import os
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from syscalls import children, line_discipline, signals
from syscalls.blocking import IN, is_ready
from syscalls.flags.signals import Signal
from syscalls.flags.terminals import LocalMode
from syscalls.siginfo import from_kernel, from_user
from syscalls.wait import RESTARTSYS, Blocking, Wait

if TYPE_CHECKING:
    from syscalls.process import Process, Thread
    from syscalls.system import Session, System

PTS_MAJOR = 136
"""UNIX98_PTY_SLAVE_MAJOR: of /dev/pts/N (Documentation/admin-guide/devices.txt)."""

EIO = -5
_LOOK = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
_LOOKS = 1000  # a few milliseconds: what was typed behind the key stays to be read
_SIG_IGN = 1


class Terminal:
    """One terminal: a pseudo-terminal that the guest has made, or ("user") the one on which the bench was started.

    `number` is N of its /dev/pts/N. `source` is a host descriptor from which it is opened again: O_PATH, so that it
    does not count as somebody who has it open. `session` has it as controlling terminal, `group` is the foreground
    process group, 0 for none. `exclusive`: nobody opens it any more (TIOCEXCL). `quoted`: LNEXT was typed last.
    `has_acted`: the guest has used it since this was last cleared.
    """

    def __init__(self, terminals: "Terminals", number: int, source: int, is_user: bool = False) -> None:
        self.terminals = terminals
        self.number = number
        self.source = source
        self.is_user = is_user
        self.host_device = os.fstat(source).st_rdev
        self.session: Session | None = None
        self.group = 0
        self.exclusive = False
        self.quoted = False
        self.has_acted = False
        self.has_hung_up = False
        self.files: weakref.WeakSet[Any] = weakref.WeakSet()  # the open file descriptions of it

    @property
    def device(self) -> int:
        """st_rdev of it in the guest."""
        return os.makedev(PTS_MAJOR, self.number)

    @property
    def path(self) -> str:
        """Where the guest finds it."""
        return f"/dev/pts/{self.number}"

    # Whose it is

    def controls(self, process: "Process") -> bool:
        """Whether it is the process's controlling terminal."""
        return self.session is not None and self.terminals.of(process) is self

    def take(self, process: "Process") -> None:
        """Makes it the controlling terminal of the process's session, and the process's group the foreground (proc_set_tty)."""
        if self.session is not None:
            self.session.terminal = None
        self.session = process.session
        self.session.terminal = self
        self.group = process.group
        self.terminals.given_up.discard(process.pid)

    def let_go(self) -> None:
        """It is nobody's controlling terminal any more."""
        if self.session is not None:
            self.session.terminal = None
        self.session, self.group = None, 0

    def signal(self, number: int) -> None:
        """Sends a signal to the foreground group, as for a key."""
        if self.group:
            signal_group(self.terminals.system, self.group, number)

    # Job control

    def refuses(self, thread: "Thread", signal: int = Signal.SIGTTOU) -> "int | Blocking":
        """What keeps the thread from using it: 0 for nothing, -EIO, or a call that a signal interrupts (__tty_check_change).

        A process of another than the foreground group is sent SIGTTIN when it reads, SIGTTOU when it changes something.
        """
        process = thread.process
        if not self.group or process.group == self.group or not self.controls(process):
            return 0
        if signals.is_blocked(thread, signal) or signals.action(process, signal).handler == _SIG_IGN:
            return EIO if signal == Signal.SIGTTIN else 0
        if children.is_orphaned(process):
            return EIO
        return _stop_group(thread, signal)

    # What is typed

    def type(self, modes: bytes, data: bytes) -> None:
        """The master has written `data` while the slave's struct termios was `modes`: sends the signals of its characters."""
        known = line_discipline.modes(modes)
        found, self.quoted = line_discipline.signals_of(known, data, self.quoted)
        if found and not known.local & LocalMode.NOFLSH and self.files:
            self._settle()
        for number in found:
            self.signal(number)

    def _settle(self) -> None:
        """Lets the host's line discipline flush first, which a thread of the host's kernel does in its own time.

        Otherwise it would throw away what the guest writes in answer to the signal. Looking for input waits for that thread
        (tty_buffer_flush_work in n_tty_poll), unless there is some already, which goes with the flush.
        """
        try:
            slave = os.open(f"/proc/self/fd/{self.source}", _LOOK)
        except OSError:
            return
        try:
            for _ in range(_LOOKS):
                if not is_ready(slave, IN):
                    return
                os.sched_yield()
        finally:
            os.close(slave)

    # The end

    def master_closed(self) -> None:
        """A descriptor of the master was closed. With the last one the terminal hangs up (__tty_hangup, tty_signal_session_leader)."""
        if self.has_hung_up or os.fstat(self.source).st_nlink:
            return
        self.has_hung_up = True
        session, group = self.session, self.group
        self.let_go()
        self.terminals.hung_up(self)
        if session is None:
            return
        if group:
            self.terminals.former_groups[session.sid] = group
        leader = self.terminals.system.processes.get(session.sid)
        if leader is not None and leader.wait_status is None and leader.session is session:
            for number in (Signal.SIGHUP, Signal.SIGCONT):
                leader.bench.send_signal(leader, from_kernel(number))


class Terminals:
    """All terminals of a run, by number: the lowest free one is given out, so numbers follow from the guest alone."""

    def __init__(self, system: "System") -> None:
        self.system = system
        self._all: dict[int, Terminal] = {}
        self.user: Terminal | None = None
        """The one on which the bench was started, if the guest got it as controlling terminal."""
        self.given_up: set[int] = set()
        """Pids of processes that have given up their session's terminal for themselves alone (TIOCNOTTY)."""
        self.former_groups: dict[int, int] = {}
        """By session, the foreground group that its terminal had when it hung up (signal->tty_old_pgrp)."""
        self.changed: Callable[[int, bool], None] = _nobody
        """Told of each number that has come (True) or gone."""

    def __iter__(self) -> Iterator[Terminal]:
        return iter(self._all.values())

    def get(self, number: int) -> Terminal | None:
        """The terminal that /dev/pts/`number` is."""
        found = self._all.get(number)
        return None if found is None or found.has_hung_up else found

    def on_host_device(self, device: int) -> Terminal | None:
        """The terminal that stands on a device of the host."""
        for terminal in self._all.values():
            if terminal.host_device == device and not terminal.has_hung_up:
                return terminal
        return None

    def new(self, source: int, is_user: bool = False) -> Terminal:
        """A terminal with the lowest free number; `source` is its own from now on."""
        number = 0
        while (taken := self._all.get(number)) is not None:
            if taken.has_hung_up and not taken.files:
                self._forget(taken)
                break
            number += 1
        terminal = self._all[number] = Terminal(self, number, source, is_user)
        self.changed(number, True)
        return terminal

    def hung_up(self, terminal: Terminal) -> None:
        """Its name is gone at once, its number when nobody has the slave open any more."""
        self.changed(terminal.number, False)

    def _forget(self, terminal: Terminal) -> None:
        del self._all[terminal.number]
        os.close(terminal.source)

    def of(self, process: "Process") -> Terminal | None:
        """The controlling terminal of a process."""
        terminal: Terminal | None = process.session.terminal
        return None if terminal is None or process.pid in self.given_up else terminal

    def close(self) -> None:
        """The run is over."""
        for terminal in list(self._all.values()):
            terminal.has_hung_up = True
            self._forget(terminal)


def _nobody(number: int, is_there: bool) -> None:
    """Hears of terminals before anybody looks at /dev/pts."""


def terminals_of(system: "System") -> Terminals:
    """The terminals of a run, made at the first use."""
    if system.terminals is None:
        system.terminals = Terminals(system)
    terminals: Terminals = system.terminals
    return terminals


def device_of(process: "Process") -> int:
    """The device number of the process's controlling terminal, 0 for none: `tty_nr` of proc_pid_stat(5)."""
    terminal = None if process.system.terminals is None else process.system.terminals.of(process)
    return 0 if terminal is None else terminal.device


def signal_group(system: "System", group: int, number: int, sender: "Process | None" = None) -> None:
    """Sends a signal to all members of a process group: the kernel's, or as if `sender` had (kill_pgrp)."""
    info = from_kernel(number) if sender is None else from_user(number, sender.pid, sender.uid)
    for member in system.members(group):
        if member.wait_status is None:
            member.bench.send_signal(member, info)


def _stop_group(thread: "Thread", number: int) -> Blocking:
    process = thread.process
    signal_group(process.system, process.group, number)
    # Another thread may have been chosen to take the signal: the call begins anew all the same.
    yield Wait(deadline=thread.bench.monotonic_ns())
    return RESTARTSYS


def give_up(process: "Process") -> None:
    """TIOCNOTTY: the process has no controlling terminal any more; a session's leader takes it from all (disassociate_ctty)."""
    terminals = terminals_of(process.system)
    terminal = process.session.terminal
    if terminal is None:
        return
    if process.session.sid == process.pid:
        group = terminal.group
        terminal.let_go()
        if group:
            for number in (Signal.SIGHUP, Signal.SIGCONT):
                signal_group(process.system, group, number, process)
    else:
        terminals.given_up.add(process.pid)


def session_ends(process: "Process") -> None:
    """A process ends: when it led a session, its terminal is free, and the foreground is told to hang up (disassociate_ctty).

    To be called for every process that ends, when its descriptors are closed and before its parent is told.
    """
    terminals: Terminals | None = process.system.terminals
    if terminals is None:
        return
    if terminals.user is not None:
        terminals.user.has_acted = True
    terminals.given_up.discard(process.pid)
    session = process.session
    if session.sid != process.pid:
        return
    terminal: Terminal | None = session.terminal
    if terminal is not None:
        group = terminal.group
        terminal.let_go()
        if group:
            signal_group(process.system, group, Signal.SIGHUP)
        return
    group = terminals.former_groups.pop(session.sid, 0)
    if group:
        for number in (Signal.SIGHUP, Signal.SIGCONT):
            signal_group(process.system, group, number)
