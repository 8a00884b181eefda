"""siginfo_t as data: which members a signal's information has follows from its number and its code."""

import errno
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from syscalls import siginfo
from syscalls.args import Arg
from syscalls.data import Data
from syscalls.flags.signals import CODES, ChildCode, Signal, SignalCode
from syscalls.outcomes import Outcome
from syscalls.text import strace_text
from syscalls.wait import Result

if TYPE_CHECKING:
    from syscalls.process import Thread

Members = dict[str, Data]

_HEAD = struct.Struct("<iii4x")


def _pointer(value: int) -> Data:
    return hex(value) if value else None


def _at(form: str, *names: str, offset: int = 0) -> Callable[[bytes], Members]:
    """Members of the union behind si_code, whose first byte is 16 bytes into the structure."""
    layout = struct.Struct("<" + form)

    def members(union: bytes) -> Members:
        return dict(zip(names, layout.unpack_from(union, offset), strict=True))

    return members


_sender = _at("iI", "si_pid", "si_uid")
_child = _at("iIi4xqq", "si_pid", "si_uid", "si_status", "si_utime", "si_stime")
_timer = _at("ii", "si_timerid", "si_overrun")
_poll = _at("qi", "si_band", "si_fd")


def _value(union: bytes) -> Members:
    number, pointer = struct.unpack_from("<i", union, 8)[0], struct.unpack_from("<Q", union, 8)[0]
    return {"si_int": number, "si_ptr": _pointer(pointer)}


def _sender_and_value(union: bytes) -> Members:
    value = _value(union)
    return _sender(union) | (value if value["si_ptr"] else {})


def _from_nobody(union: bytes) -> Members:
    """Sent by the kernel, as no kind that is known: what there is."""
    sender, value = _sender(union), _value(union)
    return (sender if any(sender.values()) else {}) | (value if value["si_ptr"] else {})


def _address(union: bytes) -> Members:
    return {"si_addr": _pointer(struct.unpack_from("<Q", union)[0])}


def _broken_memory(union: bytes) -> Members:
    return _address(union) | {"si_addr_lsb": hex(struct.unpack_from("<h", union, 8)[0] & 0xFFFF)}


def _bounds(union: bytes) -> Members:
    lower, upper = struct.unpack_from("<QQ", union, 16)
    return _address(union) | {"si_lower": _pointer(lower), "si_upper": _pointer(upper)}


def _key(union: bytes) -> Members:
    return _address(union) | {"si_pkey": struct.unpack_from("<I", union, 16)[0]}


def _filtered_call(union: bytes) -> Members:
    address, number, arch = struct.unpack_from("<QiI", union)
    return {"si_call_addr": _pointer(address), "si_syscall": number, "si_arch": hex(arch)}


_BY_CODE: dict[int, Callable[[bytes], Members]] = {
    siginfo.SI_USER: _sender,
    siginfo.SI_TKILL: _sender,
    siginfo.SI_TIMER: lambda union: _timer(union) | _value(union),
    siginfo.SI_SIGIO: _poll,
}
"""Of the codes that a process can send (0 and below); the others have a sender, and a value if it is not zero."""

_BY_SIGNAL: dict[int, Callable[[bytes], Members]] = {
    Signal.SIGCHLD: _child,
    Signal.SIGILL: _address,
    Signal.SIGFPE: _address,
    Signal.SIGSEGV: _address,
    Signal.SIGBUS: _address,
    Signal.SIGTRAP: _address,
    Signal.SIGSYS: _filtered_call,
}
"""Of codes above 0."""

_BY_BOTH: dict[tuple[int, int], Callable[[bytes], Members]] = {
    **{(Signal.SIGIO, code): _poll for code in range(1, 7)},
    (Signal.SIGBUS, 4): _broken_memory,
    (Signal.SIGBUS, 5): _broken_memory,
    (Signal.SIGSEGV, 3): _bounds,
    (Signal.SIGSEGV, 4): _key,
}
"""Where the code decides, too (include/uapi/asm-generic/siginfo.h)."""


def _union(signal: int, code: int, union: bytes) -> Members:
    if code <= 0:
        return _BY_CODE.get(code, _sender_and_value)(union)
    if signal == Signal.SIGIO and (signal, code) not in _BY_BOTH:
        return {}
    return (_BY_BOTH.get((signal, code)) or _BY_SIGNAL.get(signal, _from_nobody))(union)


def show(data: bytes) -> Members:
    """The members of a siginfo_t of 128 bytes: those that its signal and code say are there (sigaction(2))."""
    number, error, code = _HEAD.unpack_from(data)
    shown: Members = {
        "si_signo": Signal.text(number),
        "si_code": CODES.get(number, SignalCode).text(code),
    }
    if error:
        shown["si_errno"] = errno.errorcode.get(error, error)
    shown |= _union(number, code, data[_HEAD.size :])
    status = shown.get("si_status")
    if isinstance(status, int) and code > ChildCode.CLD_EXITED:  # a signal, and no exit code
        shown["si_status"] = Signal.text(status)
    return shown


class InSigInfo(Arg):
    """A siginfo_t that the call reads."""

    phase = "in"

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        try:
            return show(thread.memory.read(value, siginfo.SIZE))
        except OSError:
            return value

    def text(self, data: Data) -> str:
        if isinstance(data, dict) and isinstance(data.get("si_timerid"), int):
            data = {**data, "si_timerid": hex(data["si_timerid"]) if data["si_timerid"] else "0"}
        return hex(data) if isinstance(data, int) else strace_text(data)


class OutSigInfo(InSigInfo):
    """A siginfo_t that the call fills in; not shown on failure."""

    phase = "out"
    uses = ("result",)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        return super().capture(thread, value) if used[0] >= 0 else value or None


class SignalOutcome(Outcome):
    """The number of the signal that was taken."""

    def text(self, value: int, args: Mapping[str, Data] = MappingProxyType({})) -> str:
        return f"{value} ({Signal.text(value)})" if value else str(value)


InInfo = Annotated[int, InSigInfo()]
OutInfo = Annotated[int, OutSigInfo()]
SignalResult = Annotated[Result, SignalOutcome()]
