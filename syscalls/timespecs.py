"""struct timespec and timeval in guest memory, as lengths of time in nanoseconds."""

import errno

from syscalls.process import Thread
from syscalls.structs import Timespec, Timeval

SECOND = 1_000_000_000
LONGEST = (1 << 63) - 1


def read_timespec(thread: Thread, address: int) -> int:
    """A timespec in ns; raises EFAULT, EINVAL (timespec64_valid). More than KTIME_MAX is KTIME_MAX, as in the kernel."""
    seconds: int
    nanoseconds: int
    seconds, nanoseconds = Timespec.unpack(thread.memory.read(address, Timespec.size))
    if seconds < 0 or not 0 <= nanoseconds < SECOND:
        raise OSError(errno.EINVAL, "not a valid timespec")
    return min(seconds * SECOND + nanoseconds, LONGEST)


def write_timespec(thread: Thread, address: int, length: int) -> None:
    """Stores ns as a timespec; raises EFAULT."""
    thread.memory.write(address, Timespec.pack(*divmod(length, SECOND)))


def read_timeval(thread: Thread, address: int) -> int:
    """A timeval of select(2) in ns: microseconds may exceed a second; raises EFAULT, EINVAL (kern_select)."""
    seconds: int
    microseconds: int
    seconds, microseconds = Timeval.unpack(thread.memory.read(address, Timeval.size))
    seconds += int(microseconds / 1_000_000)  # C division: towards zero
    microseconds -= int(microseconds / 1_000_000) * 1_000_000
    if seconds < 0 or microseconds < 0:
        raise OSError(errno.EINVAL, "not a valid timeval")
    return min(seconds * SECOND + microseconds * 1000, LONGEST)


def write_timeval(thread: Thread, address: int, length: int) -> None:
    """Stores ns as a timeval; raises EFAULT."""
    seconds, rest = divmod(length, SECOND)
    thread.memory.write(address, Timeval.pack(seconds, rest // 1000))
