"""What a signal carries: siginfo_t (sigaction(2), "The siginfo_t argument"; include/uapi/asm-generic/siginfo.h)."""

import struct
from typing import NamedTuple, Protocol

SIZE = 128
"""sizeof(siginfo_t)."""

SI_USER, SI_KERNEL, SI_QUEUE, SI_TIMER, SI_MESGQ, SI_ASYNCIO, SI_SIGIO, SI_TKILL = (
    0,
    0x80,
    -1,
    -2,
    -3,
    -4,
    -5,
    -6,
)

_SIGCHLD = 17
_RAISED = frozenset({4, 5, 7, 8, 11})  # SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV
_HEAD = struct.Struct("<iii4x")
_SENDER = struct.Struct("<iI")
_VALUE = struct.Struct("<iIQ")
_ADDRESS = struct.Struct("<Q")
_TIMER = struct.Struct("<iiQ")
_CHILD = struct.Struct("<iIi4xqq")

USER_HZ = 100
"""Ticks in a second, in what the kernel tells programs."""


class Source(Protocol):
    """What has made a signal, and wants to hear what becomes of it: a timer, whose signal is never pending twice."""

    def queued(self) -> None:
        """The signal is pending now."""
        ...

    def ignored(self) -> None:
        """The signal was thrown away, or not even made pending, because its action is to ignore it."""
        ...

    def taken(self, info: "SigInfo") -> "SigInfo | None":
        """The signal is no longer pending: the program gets what this answers, None for nothing at all."""
        ...


class SigInfo(NamedTuple):
    """One signal on its way. `rest` are the bytes behind si_signo, si_errno and si_code, from offset 16 on."""

    signal: int
    code: int = SI_USER
    rest: bytes = b""
    errno: int = 0
    source: Source | None = None

    @property
    def sender(self) -> int:
        """si_pid, where the code says that there is one; else 0."""
        told = self.code in (SI_USER, SI_TKILL, SI_QUEUE, SI_MESGQ) or (
            self.signal == _SIGCHLD and self.code > 0
        )
        if told and len(self.rest) >= _SENDER.size:
            return int(_SENDER.unpack_from(self.rest)[0])
        return 0

    def pack(self) -> bytes:
        """The structure as the kernel writes it for a program."""
        return (_HEAD.pack(self.signal, self.errno, self.code) + self.rest).ljust(SIZE, b"\0")


def from_kernel(signal: int) -> SigInfo:
    """Sent by the kernel: a broken pipe, a terminal."""
    return SigInfo(signal, SI_KERNEL)


def from_user(signal: int, pid: int, uid: int, code: int = SI_USER) -> SigInfo:
    """Sent by kill(2), or with SI_TKILL by tkill(2)."""
    return SigInfo(signal, code, _SENDER.pack(pid, uid))


CHILD_END = 28
"""Where what waitid(2) stores ends: behind si_status."""

CLD_EXITED, CLD_KILLED, CLD_DUMPED, CLD_STOPPED, CLD_CONTINUED = 1, 2, 3, 5, 6
"""si_code of SIGCHLD."""


def from_child(signal: int, code: int, pid: int, uid: int, status: int, time_ns: int = 0) -> SigInfo:
    """Sent for a child: its exit code or signal is si_status, its processor time (nanoseconds) counts as si_utime."""
    return SigInfo(signal, code, _CHILD.pack(pid, uid, status, time_ns * USER_HZ // 1_000_000_000, 0))


def from_timer(signal: int, number: int, value: int, source: Source) -> SigInfo:
    """Sent by a timer of timer_create(2): si_timerid, si_overrun (which `with_overrun` tells), si_value."""
    return SigInfo(signal, SI_TIMER, _TIMER.pack(number, 0, value), source=source)


def with_overrun(info: SigInfo, overrun: int) -> SigInfo:
    """The same with si_overrun."""
    number, _, value = _TIMER.unpack(info.rest)
    return info._replace(rest=_TIMER.pack(number, overrun, value))


def fault(signal: int, code: int, address: int) -> SigInfo:
    """Raised by an instruction: `address` is si_addr."""
    return SigInfo(signal, code, _ADDRESS.pack(address))


def is_fault(info: SigInfo) -> bool:
    """Whether an instruction raised it."""
    return info.signal in _RAISED and (info.code > 0) and len(info.rest) == _ADDRESS.size


def given(signal: int, data: bytes) -> SigInfo:
    """What rt_sigqueueinfo(2) was given: 128 bytes, of which the signal number counts for nothing."""
    _, number, code = _HEAD.unpack_from(data)
    return SigInfo(signal, code, data[_HEAD.size : SIZE], number)
