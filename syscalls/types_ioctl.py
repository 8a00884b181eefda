"""How the argument of ioctl(2) shows in a trace: as what the request says that it is."""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from syscalls.args import Arg, Flags, Result, Unsigned32
from syscalls.data import UNUSED, Data
from syscalls.flags import Ioctl, Open
from syscalls.flags.signals import Signal
from syscalls.flags.terminals import (
    ControlMode,
    FlowAction,
    InputMode,
    LineDiscipline,
    LocalMode,
    OutputMode,
    QueueSelector,
)
from syscalls.outcomes import FdOutcome
from syscalls.structs import Layout
from syscalls.text import strace_text

if TYPE_CHECKING:
    from syscalls.process import Thread

Winsize = Layout("winsize", ("H", "ws_row"), ("H", "ws_col"), ("H", "ws_xpixel"), ("H", "ws_ypixel"))

Termios = Layout(
    "termios",
    ("I", "c_iflag", InputMode.text),
    ("I", "c_oflag", OutputMode.text),
    ("I", "c_cflag", ControlMode.text),
    ("I", "c_lflag", LocalMode.text),
    ("B", "c_line", LineDiscipline.text),
    ("19s", "c_cc", list),
    brief=("c_iflag", "c_oflag", "c_cflag", "c_lflag"),
)

Termios2 = Layout(
    "termios2",
    ("I", "c_iflag", InputMode.text),
    ("I", "c_oflag", OutputMode.text),
    ("I", "c_cflag", ControlMode.text),
    ("I", "c_lflag", LocalMode.text),
    ("B", "c_line", LineDiscipline.text),
    ("19s", "c_cc", list),
    ("I", "c_ispeed"),
    ("I", "c_ospeed"),
)

Termio = Layout(
    "termio",
    ("H", "c_iflag", InputMode.text),
    ("H", "c_oflag", OutputMode.text),
    ("H", "c_cflag", ControlMode.text),
    ("H", "c_lflag", LocalMode.text),
    ("B", "c_line", LineDiscipline.text),
    ("8s", "c_cc", list),
    ("x", ""),
)

_SET = {
    Ioctl.TCSETS: Termios,
    Ioctl.TCSETSW: Termios,
    Ioctl.TCSETSF: Termios,
    Ioctl.TCSETS2: Termios2,
    Ioctl.TCSETSW2: Termios2,
    Ioctl.TCSETSF2: Termios2,
    Ioctl.TCSETA: Termio,
    Ioctl.TCSETAW: Termio,
    Ioctl.TCSETAF: Termio,
    Ioctl.TIOCSWINSZ: Winsize,
}
_GET = {
    Ioctl.TCGETS: Termios,
    Ioctl.TIOCGLCKTRMIOS: Termios,
    Ioctl.TCGETS2: Termios2,
    Ioctl.TCGETA: Termio,
    Ioctl.TIOCGWINSZ: Winsize,
}
_SET_NUMBERS = frozenset(
    (Ioctl.FIONBIO, Ioctl.FIOASYNC, Ioctl.TIOCSPTLCK, Ioctl.TIOCSPGRP, Ioctl.TIOCPKT, Ioctl.TIOCSETD)
)
_GET_NUMBERS = frozenset(
    (
        Ioctl.FIONREAD,
        Ioctl.TIOCOUTQ,
        Ioctl.TIOCGPTN,
        Ioctl.TIOCGPTLCK,
        Ioctl.TIOCGPKT,
        Ioctl.TIOCGEXCL,
        Ioctl.TIOCGPGRP,
        Ioctl.TIOCGSID,
        Ioctl.TIOCGETD,
        Ioctl.TIOCGSOFTCAR,
        Ioctl.TIOCMGET,
        Ioctl.SIOCATMARK,
        Ioctl.FIGETBSZ,
        Ioctl.FS_IOC_GETFLAGS,
        Ioctl.FS_IOC_GETVERSION,
    )
)
_WITHOUT = frozenset(
    (
        *(Ioctl.FIOCLEX, Ioctl.FIONCLEX, Ioctl.TIOCEXCL, Ioctl.TIOCNXCL, Ioctl.TIOCNOTTY),
        *(Ioctl.TIOCSBRK, Ioctl.TIOCCBRK, Ioctl.TIOCVHANGUP),
    )
)
_BY_VALUE = frozenset((Ioctl.TCSBRK, Ioctl.TCSBRKP, Ioctl.TIOCSCTTY))
_NAMED: dict[int, Callable[[int], Data]] = {
    Ioctl.TCXONC: FlowAction.text,
    Ioctl.TCFLSH: QueueSelector.text,
    Ioctl.TIOCGPTPEER: Open.text,
    Ioctl.TIOCSIG: lambda number: Signal.text(number) if 0 < number <= Signal.SIGRTMAX else number,
}


class IoctlArgument(Arg):
    """The third argument of ioctl(2), whose meaning depends on the request."""

    phase = "out"
    uses = ("request", "result")

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        request, result = used
        if request in _WITHOUT:
            return UNUSED
        if request in _NAMED:
            return _NAMED[request](value & 0xFFFFFFFF)
        if request in _BY_VALUE:
            return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
        layout = _SET.get(request) or (_GET.get(request) if result >= 0 else None)
        try:
            if layout is not None:
                return layout.show(thread.memory.read(value, layout.size))
            if request in _SET_NUMBERS or (request in _GET_NUMBERS and result >= 0):
                return list(struct.unpack("<i", thread.memory.read(value, 4)))
        except OSError:
            pass
        return value or None

    def text(self, data: Data) -> str:
        if isinstance(data, dict) and "c_iflag" in data:
            return "{" + ", ".join([f"{name}={data[name]}" for name in Termios.brief]) + ", ...}"
        return hex(data) if isinstance(data, int) else strace_text(data)

    def text_among(self, data: Data, args: Mapping[str, Data]) -> str:
        if isinstance(data, int) and args.get("request") in _BY_VALUE_NAMES:
            return str(data)
        return str(data) if args.get("request") in _NAMED_NAMES else self.text(data)


_BY_VALUE_NAMES = frozenset(Ioctl.text(request) for request in _BY_VALUE)
_NAMED_NAMES = frozenset(Ioctl.text(request) for request in _NAMED)


class IoctlOutcome(FdOutcome):
    """What ioctl(2) returns: mostly 0, a descriptor for TIOCGPTPEER."""

    fd_when = f"{{request}} == {Ioctl.TIOCGPTPEER}"

    def text(self, value: int, args: Mapping[str, Data] = MappingProxyType({})) -> str:
        return str(value)


class UnsignedFlags(Flags):
    """A set in an unsigned int."""

    conversion = Unsigned32.conversion


IoctlRequest = Annotated[int, UnsignedFlags(Ioctl)]
IoctlArg = Annotated[int, IoctlArgument()]
IoctlResult = Annotated[Result, IoctlOutcome()]
