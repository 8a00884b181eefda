"""How the clock is disciplined: adjtimex, clock_adjtime, to be read only (kernel/time/timekeeping.c, do_adjtimex)."""

import errno
from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import OutStruct
from syscalls.flags.clock import Clock
from syscalls.flags.system import Adjust, ClockStatus
from syscalls.process import Thread
from syscalls.scratch import WORK
from syscalls.structs import Layout, Timeval
from syscalls.table import syscall
from syscalls.types_threads import ClockNumber
from syscalls.types_volatile import HostResult

Timex = Layout(
    "timex",
    ("I", "modes", Adjust.text), ("4x", ""),
    ("q", "offset"), ("q", "freq"), ("q", "maxerror"), ("q", "esterror"),
    ("i", "status", ClockStatus.text), ("4x", ""),
    ("q", "constant"), ("q", "precision"), ("q", "tolerance"), ("16s", "time", Timeval.show),
    ("q", "tick"), ("q", "ppsfreq"), ("q", "jitter"),
    ("i", "shift"), ("4x", ""), ("q", "stabil"), ("q", "jitcnt"), ("q", "calcnt"), ("q", "errcnt"), ("q", "stbcnt"),
    ("i", "tai"), ("44x", ""),
)  # fmt: skip
SIZE = Timex.size
_TIME_AT = 72
_SINGLESHOT, _READ_ONLY = 0x0001, 0x2000
OutTimex = Annotated[int, OutStruct(Timex)]


@syscall(partial="changes are EPERM, as for a program without CAP_SYS_TIME")
def adjtimex(thread: Thread, buf: OutTimex) -> HostResult:
    """adjtimex(2)."""
    return _tell(thread, buf)


@syscall(partial="changes are EPERM, as for a program without CAP_SYS_TIME")
def clock_adjtime(thread: Thread, clockid: ClockNumber, buf: OutTimex) -> HostResult:
    """clock_adjtime(2)."""
    thread.memory.read(buf, SIZE)
    if clockid != Clock.CLOCK_REALTIME:
        of_device = clockid < 0 and clockid & 7 == 3  # the clock behind a descriptor, of which there is none
        if of_device or (clockid >= 0 and Clock.text(clockid).startswith("0x")):
            return -errno.EINVAL
        return -errno.EOPNOTSUPP
    return _tell(thread, buf)


def _tell(thread: Thread, buf: int) -> int:
    given = bytearray(thread.memory.read(buf, SIZE))
    modes = int.from_bytes(given[:4], "little")
    if modes & Adjust.ADJ_ADJTIME:
        if not modes & _SINGLESHOT:
            return -errno.EINVAL
        if not modes & _READ_ONLY or modes & Adjust.ADJ_SETOFFSET:
            return -errno.EPERM
        modes = Adjust.ADJ_OFFSET_SS_READ
    elif modes:
        return -errno.EPERM
    scratch = thread.process.scratch
    scratch.view[WORK : WORK + 4] = modes.to_bytes(4, "little")
    result = kernel.call1(numbers.adjtimex, scratch.address + WORK)
    if result < 0:
        return result
    told = bytearray(scratch.view[WORK : WORK + SIZE])
    told[:4] = given[:4]
    nano = int.from_bytes(told[40:44], "little") & ClockStatus.STA_NANO
    seconds, rest = divmod(thread.bench.realtime_ns(), 1_000_000_000)
    told[_TIME_AT : _TIME_AT + 16] = Timeval.pack(seconds, rest if nano else rest // 1000)
    thread.memory.write(buf, bytes(told))
    return result
