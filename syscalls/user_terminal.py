"""The terminal on which the bench was started, as the guest's: its standard streams, and the controlling terminal of its session.

Modes and window size are the real ones. Foreground group and session are the guest's own: for the host, the bench is one
job in its shell, whatever goes on inside.
"""

import fcntl
import os
import struct
from collections.abc import Callable

from syscalls.fds import Description
from syscalls.flags import Ioctl
from syscalls.process import Process
from syscalls.terminal_files import TerminalFile, describe
from syscalls.terminals import Terminal, Terminals, terminals_of

_AGAIN = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC


def attach(process: Process, changed: Callable[[int, bool], None]) -> None:
    """Makes the terminals among the descriptors of a first process terminals of its own, and finds the controlling one.

    `changed` is told of each terminal of the run from now on, with its number (True: it has come).
    """
    terminals = terminals_of(process.system)
    terminals.changed = changed
    made: dict[Description, Description] = {}
    for entry in process.fds.entries.values():
        if entry.description.kind == "tty" and not isinstance(entry.description.detail, TerminalFile):
            device = _device(entry.host)
            if device is not None:
                terminal = terminals.on_host_device(device) or _lend(terminals, entry.host, device)
                entry.description = _described(made, entry.description, terminal)
    own = _controlling()
    if own is None:
        return
    try:
        device = _device(own)
        if device is not None:
            terminal = terminals.on_host_device(device) or _lend(terminals, own, device)
            terminal.take(process)
            terminals.user = terminal
    finally:
        os.close(own)


def _lend(terminals: Terminals, host: int, device: int) -> Terminal:
    terminal = terminals.new(fcntl.fcntl(host, fcntl.F_DUPFD_CLOEXEC, 3), is_user=True)
    terminal.host_device = device
    return terminal


def _described(made: dict[Description, Description], old: Description, terminal: Terminal) -> Description:
    if old not in made:
        file = TerminalFile(terminal, False, terminal.device)
        file.host_blocks = not old.host_nonblocking
        made[old] = describe(file, old.flags, terminal.path)
    return made[old]


def _controlling() -> int | None:
    try:
        return os.open("/dev/tty", _AGAIN)
    except OSError:
        return None


def _device(host: int) -> int | None:
    """The terminal's own device number, also behind /dev/tty."""
    try:
        (word,) = struct.unpack("I", fcntl.ioctl(host, Ioctl.TIOCGDEV, bytes(4)))
    except OSError:
        return None
    return os.makedev(word >> 8 & 0xFFF, word & 0xFF | word >> 12 & 0xFFF00)
