"""Which calls a thread may make: strict mode and filters, and what becomes of a call that is not allowed (kernel/seccomp.c)."""

import errno
import struct
from typing import NamedTuple

from syscalls import numbers
from syscalls.flags.seccomp import SeccompMode, SeccompReturn
from syscalls.flags.signals import Signal
from syscalls.packet_filter import Program
from syscalls.process import Thread
from syscalls.siginfo import SigInfo
from syscalls.wait import Exit, Result

ARCHITECTURE = 0xC000003E
"""AUDIT_ARCH_X86_64."""

MOST_INSTRUCTIONS = 32768
"""Of all filters of a thread together (MAX_INSNS_PER_PATH); each counts four more than it has."""

PENALTY = 4
SYS_SECCOMP = 1

_DATA = struct.Struct("<IIQ6Q")
_SIGSYS = struct.Struct("<QiI")
_ACTION = 0xFFFF0000
_DATA_MASK = 0xFFFF
_MOST_ERRNO = 4095
_STRICT = frozenset((numbers.read, numbers.write, numbers.exit, numbers.rt_sigreturn))
_WITHOUT_LISTENER = (SeccompReturn.SECCOMP_RET_TRACE, SeccompReturn.SECCOMP_RET_USER_NOTIF)
_ALLOWING = (SeccompReturn.SECCOMP_RET_ALLOW, SeccompReturn.SECCOMP_RET_LOG)


class Guard(NamedTuple):
    """What a thread has: its mode, and its filters, the newest first."""

    mode: int
    programs: tuple[Program, ...] = ()

    @property
    def size(self) -> int:
        """Instructions that count."""
        return sum(len(program) + PENALTY for program in self.programs)


def _signed(action: int) -> int:
    return action - (1 << 32) if action >> 31 else action


def verdict(guard: Guard, number: int, pc: int, registers: tuple[int, ...]) -> int:
    """What the filters say: the answer with the strictest action, the newest filter's first (seccomp_run_filters)."""
    data = _DATA.pack(number, ARCHITECTURE, pc, *registers)
    found = SeccompReturn.SECCOMP_RET_ALLOW
    for program in guard.programs:
        answer = program.answer(number, data)
        if _signed(answer & _ACTION) < _signed(found & _ACTION):
            found = answer
    return found


def judge(thread: Thread, number: int, pc: int, registers: tuple[int, ...]) -> Result | None:
    """What a call answers instead of being served; None: it is served. `pc` is where the thread would go on."""
    guard: Guard = thread.seccomp
    number &= 0xFFFFFFFF
    if guard.mode == SeccompMode.SECCOMP_MODE_STRICT:
        if number in _STRICT:
            return None
        return _end_thread(thread, SigInfo(Signal.SIGKILL))
    answer = verdict(guard, number, pc, registers)
    action, data = answer & _ACTION, answer & _DATA_MASK
    if action in _ALLOWING:
        return None
    if action == SeccompReturn.SECCOMP_RET_ERRNO:
        return -min(data, _MOST_ERRNO)
    if action in _WITHOUT_LISTENER:
        return -errno.ENOSYS
    info = SigInfo(Signal.SIGSYS, SYS_SECCOMP, _SIGSYS.pack(pc, number, ARCHITECTURE), data)
    if action == SeccompReturn.SECCOMP_RET_KILL_THREAD:
        return _end_thread(thread, info)
    # The program sees its registers as they were before the call: rax is the number.
    thread.bench.force_signal(thread, info, fatal=action != SeccompReturn.SECCOMP_RET_TRAP)
    return number


def _end_thread(thread: Thread, info: SigInfo) -> Result:
    """The thread ends, and with the last one the process by the signal."""
    if len(thread.process.threads) > 1:
        return Exit(0, False)
    thread.bench.force_signal(thread, info, fatal=True)
    return 0
