"""The requests of ioctl(2) that terminals know (ioctl_tty(2)): what the host answers, and what only the bench can say.

The host keeps modes, window size, lock and packet mode; numbers, sessions and groups are the guest's own. No request may
make the bench wait, and none is passed on that is not known here.
"""

import errno
import struct
from collections.abc import Callable

from syscalls import credentials, kernel, numbers
from syscalls.fds import Descriptor
from syscalls.flags import Ioctl
from syscalls.flags.signals import Signal
from syscalls.process import Process, Thread
from syscalls.streams import host_address
from syscalls.terminal_files import TerminalFile, modes_of, peer
from syscalls.terminals import give_up, terminals_of
from syscalls.wait import RESTARTSYS, Blocking, Result, Wait, Wake

EINVAL, EIO, ENOTTY, EPERM, ESRCH = -errno.EINVAL, -errno.EIO, -errno.ENOTTY, -errno.EPERM, -errno.ESRCH
_WINSIZE = 8
_LARGEST = 44
_DRAIN_NS = 5_000_000  # how often a wait for the end of output looks again: nothing becomes ready then

_ASKED = frozenset(
    (
        Ioctl.TCGETS,
        Ioctl.TCGETS2,
        Ioctl.TCGETA,
        Ioctl.TIOCGETD,
        Ioctl.TIOCGWINSZ,
        Ioctl.TIOCMGET,
        *(Ioctl.TIOCOUTQ, Ioctl.FIONREAD, Ioctl.TIOCGSOFTCAR, Ioctl.TIOCGLCKTRMIOS),
    )
)
"""What the host answers for either end, by writing to memory."""

_OF_MASTERS = frozenset((Ioctl.TIOCSPTLCK, Ioctl.TIOCGPTLCK, Ioctl.TIOCPKT, Ioctl.TIOCGPKT))
"""What the host answers for a master."""

_MODES = frozenset(
    (
        *(Ioctl.TCSETS, Ioctl.TCSETSW, Ioctl.TCSETSF, Ioctl.TCSETA, Ioctl.TCSETAW, Ioctl.TCSETAF),
        *(Ioctl.TCSETS2, Ioctl.TCSETSW2, Ioctl.TCSETSF2),
    )
)
_AFTER_OUTPUT = _MODES - {Ioctl.TCSETS, Ioctl.TCSETA, Ioctl.TCSETS2}
_KEPT_OUT = {
    Ioctl.TIOCSTI: (
        EIO,
        "characters are not typed for the guest's user: EIO, as with dev.tty.legacy_tiocsti=0",
    ),
    Ioctl.TIOCCONS: (EPERM, ""),
    Ioctl.TIOCVHANGUP: (EPERM, ""),
    Ioctl.TIOCSLCKTRMIOS: (EPERM, ""),
}

Handler = Callable[[Thread, Descriptor, TerminalFile, int], Result]


def request(thread: Thread, entry: Descriptor, file: TerminalFile, number: int, arg: int) -> Result | None:
    """Serves a request; None when terminals do not know it."""
    if file.terminal.has_hung_up and not file.is_master:
        return ENOTTY if number == Ioctl.TIOCSPGRP else EIO  # hung_up_tty_ioctl
    if number in _ASKED:
        return _host(thread, entry, number, arg)
    if number in _OF_MASTERS:
        return _host(thread, entry, number, arg) if file.is_master else ENOTTY
    if number in _MODES:
        return _set_modes(thread, entry, file, number, arg)
    if number in _KEPT_OUT:
        answer, why = _KEPT_OUT[number]
        if why:
            thread.bench.note_once(f"ioctl {number:#x}", f"ioctl {Ioctl.text(number)}: {why}")
        return answer
    handler = HANDLERS.get(number)
    return None if handler is None else handler(thread, entry, file, arg)


def _host(thread: Thread, entry: Descriptor, number: int, arg: int) -> int:
    result = kernel.call3(numbers.ioctl, entry.host, number, host_address(thread, arg))
    if result == 0:
        thread.memory.wrote(arg, _LARGEST)
    return result


def _checked(
    thread: Thread, file: TerminalFile, action: Callable[[], Result], either: bool = False
) -> Result:
    """What a background process may not do: `action`, unless a signal stops it. A master is checked if the request is about
    the slave from `either` end."""
    if either or not file.is_master:
        refused = file.terminal.refuses(thread)
        if refused.__class__ is not int or refused:
            return refused
    file.terminal.has_acted = True
    return action()


# Modes, flow and queues


def _set_modes(thread: Thread, entry: Descriptor, file: TerminalFile, number: int, arg: int) -> Result:
    def apply() -> int:
        before = modes_of(entry.host)
        result = kernel.call3(numbers.ioctl, entry.host, number, host_address(thread, arg))
        after = modes_of(entry.host)
        if before is None or after is None or before.is_canonical != after.is_canonical:
            file.terminal.quoted = False  # n_tty_set_termios
        return result

    def when_drained() -> Result:
        return _drained(thread, entry, file, apply) if number in _AFTER_OUTPUT else apply()

    return _checked(thread, file, when_drained, either=True)


def _drained(thread: Thread, entry: Descriptor, file: TerminalFile, then: Callable[[], int]) -> Result:
    """`then` once everything is put out. A pseudo-terminal puts out at once; a line may take its time."""
    if not file.terminal.is_user or not _pending_output(thread, entry):
        return then()
    return _drain(thread, entry, then)


def _drain(thread: Thread, entry: Descriptor, then: Callable[[], int]) -> Blocking:
    thread.fds.pin(entry)
    try:
        while _pending_output(thread, entry):
            wake = yield Wait(deadline=thread.bench.monotonic_ns() + _DRAIN_NS)
            if wake is Wake.INTERRUPTED:
                return RESTARTSYS
        return then()
    finally:
        thread.fds.unpin(entry)


def _pending_output(thread: Thread, entry: Descriptor) -> int:
    scratch = thread.process.scratch
    result = kernel.call3(numbers.ioctl, entry.host, Ioctl.TIOCOUTQ, scratch.address)
    return int(struct.unpack_from("<i", scratch.view)[0]) if result == 0 else 0


def _break(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    """TCSBRK and its kin: a pseudo-terminal has no line that could be broken; TCSBRK of something else than 0 is tcdrain(3)."""
    return _checked(thread, file, lambda: _drained(thread, entry, file, lambda: 0))


def _by_value(number: int) -> Handler:
    def pass_on(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
        return _checked(thread, file, lambda: kernel.call3(numbers.ioctl, entry.host, number, arg))

    return pass_on


def _set_discipline(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    wanted = thread.memory.u32(arg)
    return _checked(thread, file, lambda: EINVAL if wanted else 0)  # N_TTY alone


def _set_size(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    """TIOCSWINSZ: SIGWINCH to the foreground group when it changes (pty_resize)."""
    wanted = thread.memory.read(arg, _WINSIZE)
    pages = thread.process.scratch
    kernel.call3(numbers.ioctl, entry.host, Ioctl.TIOCGWINSZ, pages.address)
    if bytes(pages.view[:_WINSIZE]) == wanted:
        return 0
    pages.view[:_WINSIZE] = wanted
    result = kernel.call3(numbers.ioctl, entry.host, Ioctl.TIOCSWINSZ, pages.address)
    if result == 0 and not file.terminal.is_user:  # there the host signals the bench, which passes it on
        file.terminal.signal(Signal.SIGWINCH)
    return result


# Pseudo-terminals


def _number(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    if not file.is_master:
        return ENOTTY
    thread.memory.put_u32(arg, file.terminal.number)
    return 0


def _device(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    number = file.terminal.number
    major = file.terminal.device >> 8 & 0xFFF
    thread.memory.put_u32(arg, number & 0xFF | major << 8 | (number & ~0xFF) << 12)  # new_encode_dev
    return 0


def _peer(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    thread.fds.lowest_free()
    return thread.fds.add(peer(thread, entry, arg & 0xFFFFFFFF))


def _signal(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    """TIOCSIG (pty_signal)."""
    if not file.is_master:
        return ENOTTY
    number = arg & 0xFFFFFFFF
    if number not in (Signal.SIGINT, Signal.SIGQUIT, Signal.SIGTSTP):
        return EINVAL
    file.terminal.signal(number)
    return 0


def _set_exclusive(value: bool) -> Handler:
    def change(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
        if file.is_master:
            return kernel.call3(numbers.ioctl, entry.host, Ioctl.TIOCEXCL if value else Ioctl.TIOCNXCL, 0)
        file.terminal.exclusive = value
        return 0

    return change


def _exclusive(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    if file.is_master:
        return _host(thread, entry, Ioctl.TIOCGEXCL, arg)
    thread.memory.put_u32(arg, int(file.terminal.exclusive))
    return 0


# Sessions and groups (drivers/tty/tty_jobctrl.c)


def _is_leader(process: Process) -> bool:
    return process.session.sid == process.pid


def _controls(process: Process, file: TerminalFile) -> bool:
    return file.terminal.controls(process)


def _become_controlling(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    """TIOCSCTTY; 1 as argument takes it away from another session, if the caller is privileged (tiocsctty)."""
    process, terminal = thread.process, file.terminal
    if _is_leader(process) and terminal.session is process.session:
        return 0
    if not _is_leader(process) or terminals_of(process.system).of(process) is not None:
        return EPERM
    privileged = credentials.of(thread).euid == 0
    if terminal.session is not None and not (arg & 0xFFFFFFFF == 1 and privileged):
        return EPERM
    if entry.description.flags & 3 == 1 and not privileged:  # O_WRONLY
        return EPERM
    terminal.take(process)
    return 0


def _give_up(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    if file.is_master or not _controls(thread.process, file):
        return ENOTTY
    give_up(thread.process)
    return 0


def _foreground(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    if not file.is_master and not _controls(thread.process, file):
        return ENOTTY
    thread.memory.put_u32(arg, file.terminal.group)
    return 0


def _set_foreground(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    """TIOCSPGRP (tiocspgrp)."""
    process, terminal = thread.process, file.terminal
    refused = terminal.refuses(thread)
    if refused == EIO:
        return ENOTTY
    if refused.__class__ is not int or refused:
        return refused
    (group,) = struct.unpack("<i", thread.memory.read(arg, 4))
    if group < 0:
        return EINVAL
    if not _controls(process, file):
        return ENOTTY
    members = process.system.members(group)
    leader = process.system.processes.get(group)
    if not members and leader is None:
        return ESRCH
    if (members[0] if members else leader).session is not process.session:  # type: ignore[union-attr]
        return EPERM
    terminal.group = group
    terminal.has_acted = True
    return 0


def _session(thread: Thread, entry: Descriptor, file: TerminalFile, arg: int) -> Result:
    session = file.terminal.session
    if session is None or (not file.is_master and not _controls(thread.process, file)):
        return ENOTTY
    thread.memory.put_u32(arg, session.sid)
    return 0


HANDLERS: dict[int, Handler] = {
    Ioctl.TCXONC: _by_value(Ioctl.TCXONC),
    Ioctl.TCFLSH: _by_value(Ioctl.TCFLSH),
    Ioctl.TCSBRK: _break,
    Ioctl.TCSBRKP: _break,
    Ioctl.TIOCSBRK: _break,
    Ioctl.TIOCCBRK: lambda thread, entry, file, arg: 0,
    Ioctl.TIOCSETD: _set_discipline,
    Ioctl.TIOCSWINSZ: _set_size,
    Ioctl.TIOCGPTN: _number,
    Ioctl.TIOCGDEV: _device,
    Ioctl.TIOCGPTPEER: _peer,
    Ioctl.TIOCSIG: _signal,
    Ioctl.TIOCEXCL: _set_exclusive(True),
    Ioctl.TIOCNXCL: _set_exclusive(False),
    Ioctl.TIOCGEXCL: _exclusive,
    Ioctl.TIOCSCTTY: _become_controlling,
    Ioctl.TIOCNOTTY: _give_up,
    Ioctl.TIOCGPGRP: _foreground,
    Ioctl.TIOCSPGRP: _set_foreground,
    Ioctl.TIOCGSID: _session,
}
"""What the bench answers itself, or passes on after a look at who asks."""
