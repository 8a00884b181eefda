"""Open terminals: how a descriptor of one is made, and what reading and writing it means beyond the host's own calls."""

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable

from syscalls import credentials, kernel, line_discipline, numbers
from syscalls.blocking import AGAIN, IN, OUT, is_ready
from syscalls.fds import Description, Descriptor
from syscalls.flags import Ioctl, Open
from syscalls.flags.signals import Signal
from syscalls.flags.terminals import ControlCharacter, LocalMode
from syscalls.line_discipline import Modes
from syscalls.process import Thread
from syscalls.terminals import Terminal, terminals_of
from syscalls.wait import RESTARTSYS, Blocking, Result, Wait, Wake

TTY_DEVICE = os.makedev(5, 0)
"""st_rdev of /dev/tty."""

MASTER_DEVICE = os.makedev(5, 2)
"""st_rdev of /dev/ptmx, and of every master."""

_HOST_FLAGS = Open.O_NOCTTY | Open.O_NONBLOCK | Open.O_CLOEXEC
_FORGOTTEN = Open.O_CREAT | Open.O_EXCL | Open.O_NOCTTY | Open.O_TRUNC | Open.O_CLOEXEC  # not in F_GETFL
_TENTH = 100_000_000  # nanoseconds: the unit of VTIME

Attempt = Callable[[int], int]
"""One host call that goes on behind so many bytes."""


class TerminalFile:
    """What an open file description of a terminal is: of which, and at which end.

    `device` and `inode` are st_rdev and st_ino of it; inode None: the host's own. `host_blocks`: the host descriptor
    could not be made O_NONBLOCK.
    """

    __slots__ = ("__weakref__", "device", "host_blocks", "inode", "is_master", "terminal")

    def __init__(self, terminal: Terminal, is_master: bool, device: int) -> None:
        self.terminal = terminal
        self.is_master = is_master
        self.device = device
        self.inode = inode_of(terminal) if device == terminal.device else None
        self.host_blocks = False
        if not is_master:
            terminal.files.add(self)


def inode_of(terminal: Terminal) -> int:
    """st_ino of /dev/pts/N (fs/devpts/inode.c)."""
    return terminal.number + 3


def terminal_file(entry: Descriptor) -> TerminalFile | None:
    """What a descriptor is of a terminal; None when it is of something else."""
    detail = entry.description.detail
    return detail if isinstance(detail, TerminalFile) else None


# Opening


def open_master(flags: int, path: str, thread: Thread) -> Descriptor:
    """A new pseudo-terminal's master (pts(4)); raises what the host says when it has none left."""
    host = os.open("/dev/ptmx", flags & Open.O_ACCMODE | _HOST_FLAGS)
    try:
        source = fcntl.ioctl(host, Ioctl.TIOCGPTPEER, Open.O_PATH | Open.O_CLOEXEC)
    except OSError:
        os.close(host)
        raise
    terminal = terminals_of(thread.process.system).new(source)
    file = TerminalFile(terminal, True, MASTER_DEVICE)
    descriptor = _descriptor(file, host, flags, path)
    descriptor.description.on_close = terminal.master_closed
    return descriptor


def open_slave(thread: Thread, terminal: Terminal, flags: int) -> Descriptor:
    """/dev/pts/N; it becomes the controlling terminal of a session that has none, unless O_NOCTTY says otherwise (tty_open).

    Raises EBUSY when it is exclusive, EIO as long as it is locked, and when it has hung up.
    """
    if terminal.exclusive and credentials.of(thread).euid:
        raise OSError(errno.EBUSY, "an exclusive terminal")
    descriptor = _again(terminal, flags, terminal.path, terminal.device)
    become_controlling(thread, terminal, flags)
    return descriptor


def open_current(thread: Thread, flags: int) -> Descriptor:
    """/dev/tty: the process's controlling terminal; raises ENXIO when it has none (tty(4))."""
    terminal = terminals_of(thread.process.system).of(thread.process)
    if terminal is None:
        raise OSError(errno.ENXIO, "no controlling terminal")
    return _again(terminal, flags, "/dev/tty", TTY_DEVICE)


def peer(thread: Thread, entry: Descriptor, flags: int) -> Descriptor:
    """TIOCGPTPEER: the slave of a master, wherever /dev/pts may be; raises what opening it raises, EIO for a slave."""
    file = terminal_file(entry)
    if file is None or not file.is_master:
        raise OSError(errno.EIO, "no master")
    return open_slave(thread, file.terminal, flags)


def _again(terminal: Terminal, flags: int, path: str, device: int) -> Descriptor:
    file = TerminalFile(terminal, False, device)
    try:
        host = os.open(f"/proc/self/fd/{terminal.source}", flags & Open.O_ACCMODE | _HOST_FLAGS)
    except PermissionError:
        if not terminal.is_user:
            raise
        host = fcntl.fcntl(
            terminal.source, fcntl.F_DUPFD_CLOEXEC, 3
        )  # somebody else's, who has lent it (su(1))
        file.host_blocks = True
    return _descriptor(file, host, flags, path)


def _descriptor(file: TerminalFile, host: int, flags: int, path: str) -> Descriptor:
    shown = flags & ~_FORGOTTEN | Open.O_LARGEFILE
    return Descriptor(host, describe(file, shown, path), bool(flags & Open.O_CLOEXEC))


def describe(file: TerminalFile, flags: int, path: str) -> Description:
    """The description of an open terminal. All its calls come through here, for which `host_nonblocking` is False."""
    return Description("tty", flags, path=path, pollable=True, host_nonblocking=False, detail=file)


def become_controlling(thread: Thread, terminal: Terminal, flags: int) -> None:
    """What opening a terminal does for the leader of a session without one (tty_open_proc_set_tty)."""
    process = thread.process
    if (
        not flags & Open.O_NOCTTY
        and flags & Open.O_ACCMODE != Open.O_WRONLY
        and process.session.sid == process.pid
        and terminal.session is None
        and terminals_of(process.system).of(process) is None
    ):
        terminal.take(process)


# Reading and writing


def termios_of(host: int) -> bytes | None:
    """struct termios of a terminal, of the slave where it is asked of a master; None when it has hung up."""
    buffer = ctypes.create_string_buffer(line_discipline.SIZE)
    result = kernel.call3(numbers.ioctl, host, Ioctl.TCGETS, ctypes.addressof(buffer))
    return buffer.raw if result == 0 else None


def modes_of(host: int) -> Modes | None:
    """The same, what of it counts."""
    termios = termios_of(host)
    return None if termios is None else line_discipline.modes(termios)


def read(thread: Thread, entry: Descriptor, file: TerminalFile, count: int, attempt: Attempt) -> Result:
    """read(2) of up to `count` bytes. `attempt(done)` makes one host call for what comes after `done` bytes (n_tty_read)."""
    if not file.is_master:
        refused = file.terminal.refuses(thread, Signal.SIGTTIN)
        if refused.__class__ is not int or refused:
            return refused
        file.terminal.has_acted = True
    result = AGAIN if file.host_blocks and not is_ready(entry.host, IN) else attempt(0)
    if entry.description.nonblocking or not (result == AGAIN or 0 < result < count):
        return result
    if file.is_master:
        return result if result > 0 else _read_on(thread, entry, file, count, attempt, 0, (1, 0, 0))
    modes = modes_of(entry.host)
    patience = (1, 0, 0) if modes is None else _patience(modes)
    if result >= patience[0]:
        return result
    return _read_on(thread, entry, file, count, attempt, max(result, 0), patience)


def _patience(modes: Modes) -> tuple[int, int, int]:
    """How many bytes a read waits for, and nanoseconds: for the first one, and between two; 0: for ever (termios(3), "Canonical
    and noncanonical mode")."""
    if modes.is_canonical:
        return 1, 0, 0
    least = modes.characters[ControlCharacter.VMIN]
    time = modes.characters[ControlCharacter.VTIME] * _TENTH
    return (least, 0, time) if least else (1, time, 0)


def _read_on(
    thread: Thread,
    entry: Descriptor,
    file: TerminalFile,
    count: int,
    attempt: Attempt,
    done: int,
    patience: tuple[int, int, int],
) -> Blocking:
    least, first, between = patience
    clock = thread.bench.monotonic_ns
    limit = between if done else first
    deadline = clock() + limit if limit else None
    thread.fds.pin(entry)
    try:
        while True:
            wake = yield Wait(fds=((entry.host, IN),), deadline=deadline)
            if wake is Wake.INTERRUPTED:
                return done or RESTARTSYS
            result = AGAIN if file.host_blocks and not is_ready(entry.host, IN) else attempt(done)
            if result == AGAIN:
                if wake is Wake.TIMEOUT:
                    return done
                continue
            if result == 0 and file.terminal.has_hung_up and not file.is_master:
                return done or -errno.EIO  # who waited hears of it; who comes later finds the end of the file
            if result <= 0:
                return done or result
            done += result
            if done >= least or done >= count:
                return done
            deadline = clock() + between if between else None
    finally:
        thread.fds.unpin(entry)


def write(
    thread: Thread,
    entry: Descriptor,
    file: TerminalFile,
    count: int,
    attempt: Attempt,
    data: Callable[[int, int], bytes],
) -> Result:
    """write(2) of `count` bytes. `attempt(done)` makes one host call for what comes after `done` bytes, `data(start, size)` are
    some of them."""
    terminal = file.terminal
    if not file.is_master and terminal.group not in (0, thread.process.group):
        modes = modes_of(entry.host)
        if modes is not None and modes.local & LocalMode.TOSTOP:
            refused = terminal.refuses(thread)
            if refused.__class__ is not int or refused:
                return refused
    result = _write_once(entry, file, attempt, data, 0)
    if result == count or entry.description.nonblocking or not (result == AGAIN or 0 < result < count):
        return result
    return _write_on(thread, entry, file, count, attempt, data, max(result, 0))


def _write_once(
    entry: Descriptor, file: TerminalFile, attempt: Attempt, data: Callable[[int, int], bytes], done: int
) -> int:
    result = AGAIN if file.host_blocks and not is_ready(entry.host, OUT) else attempt(done)
    if result > 0 and file.is_master and file.terminal.group:
        termios = termios_of(entry.host)
        if termios is not None:
            file.terminal.type(termios, data(done, result))
    return result


def _write_on(
    thread: Thread,
    entry: Descriptor,
    file: TerminalFile,
    count: int,
    attempt: Attempt,
    data: Callable[[int, int], bytes],
    done: int,
) -> Blocking:
    thread.fds.pin(entry)
    try:
        while True:
            wake = yield Wait(fds=((entry.host, OUT),))
            if wake is Wake.INTERRUPTED:
                return done or RESTARTSYS
            result = _write_once(entry, file, attempt, data, done)
            if result == AGAIN:
                continue
            if result <= 0:
                return done or result
            done += result
            if done >= count:
                return done
    finally:
        thread.fds.unpin(entry)
