"""The newer futex calls: futex_wake, futex_wait, futex_requeue, futex_waitv (kernel/futex/syscalls.c)."""

import errno
from typing import Annotated

from syscalls import futexes
from syscalls.args import Address, Flags, Int, Result, Size, UInt
from syscalls.flags.clock import Clock
from syscalls.flags.futexes import Futex2
from syscalls.futex_vectors import AnyOf
from syscalls.process import Thread
from syscalls.structs import Layout, Timespec
from syscalls.table import syscall
from syscalls.types_threads import ClockNumber, InTimespec
from syscalls.types_vectors import InArray
from syscalls.wait import RESTARTSYS, Blocking, Wait, Wake

Waitv = Layout(
    "futex_waitv", ("Q", "val"), ("Q", "uaddr", hex), ("I", "flags", Futex2.text), ("I", "__reserved")
)
FutexFlags = Annotated[int, Flags(Futex2)]

MOST = 128
"""FUTEX_WAITV_MAX."""

_NUMA = "FUTEX2_NUMA and FUTEX2_MPOL are EINVAL, as before Linux 6.16"
_SIZE = 3
_WORD = 0xFFFFFFFF


def _is_valid(flags: int, *values: int) -> bool:
    known = not flags & ~(_SIZE | Futex2.FUTEX2_PRIVATE) & _WORD
    return known and flags & _SIZE == Futex2.FUTEX2_SIZE_U32 and all(value <= _WORD for value in values)


@syscall(partial=_NUMA)
def futex_wake(thread: Thread, uaddr: Address, mask: Size, nr: Int, flags: FutexFlags) -> Result:
    """futex_wake(2)."""
    if not _is_valid(flags, mask) or not mask:
        return -errno.EINVAL
    key = futexes.key_of(thread, uaddr, private=bool(flags & Futex2.FUTEX2_PRIVATE))
    return futexes.wake(thread.process, key, nr, mask) if nr else 0


@syscall(partial=_NUMA)
def futex_wait(
    thread: Thread,
    uaddr: Address,
    val: Size,
    mask: Size,
    flags: FutexFlags,
    timeout: InTimespec,
    clockid: ClockNumber,
) -> Result:
    """futex_wait(2): the timeout is absolute."""
    if not _is_valid(flags, val, mask):
        return -errno.EINVAL
    deadline = _deadline(thread, timeout, clockid)
    if not mask:
        return -errno.EINVAL
    key = futexes.key_of(thread, uaddr, private=bool(flags & Futex2.FUTEX2_PRIVATE))
    if thread.memory.u32(uaddr) != val:
        return -errno.EAGAIN
    return _sleep(Wait((), deadline, futexes.queue_for(thread.process, key), mask))


def _deadline(thread: Thread, timeout: int, clock: int) -> int | None:
    """futex2_setup_timeout(): raises EINVAL, EFAULT."""
    if not timeout:
        return None
    if clock not in (Clock.CLOCK_REALTIME, Clock.CLOCK_MONOTONIC):
        raise OSError(errno.EINVAL, "no clock of futexes")
    seconds, nanoseconds = Timespec.unpack(thread.memory.read(timeout, Timespec.size))
    if seconds < 0 or not 0 <= nanoseconds < 1_000_000_000:
        raise OSError(errno.EINVAL, "not a valid timespec")
    deadline = int(seconds * 1_000_000_000 + nanoseconds)
    bench = thread.bench
    if clock == Clock.CLOCK_REALTIME:
        deadline += bench.monotonic_ns() - bench.realtime_ns()
    return deadline


def _sleep(wait: Wait) -> Blocking:
    wake = yield wait
    if wake is Wake.QUEUE:
        return 0
    return -errno.ETIMEDOUT if wake is Wake.TIMEOUT else RESTARTSYS


@syscall(partial=_NUMA)
def futex_requeue(
    thread: Thread,
    waiters: Annotated[int, InArray(Waitv, 2)],
    flags: UInt,
    nr_wake: Int,
    nr_requeue: Int,
) -> Result:
    """futex_requeue(2): as FUTEX_CMP_REQUEUE, from the first of two futexes to the second."""
    if flags or not waiters:
        return -errno.EINVAL
    (first, expected, first_private), (second, _, second_private) = _parse(thread, waiters, 2)
    if nr_wake < 0 or nr_requeue < 0:
        return -errno.EINVAL
    source = futexes.key_of(thread, first, private=first_private)
    target = futexes.key_of(thread, second, private=second_private)
    if thread.memory.u32(first) != expected:
        return -errno.EAGAIN
    return futexes.requeue(thread.process, source, target, nr_wake, nr_requeue)


def _parse(thread: Thread, address: int, count: int) -> list[tuple[int, int, bool]]:
    """futex_parse_waitv(): address, expected value, whether it is private. Raises EFAULT, EINVAL."""
    found = []
    for index in range(count):
        value, word, flags, reserved = Waitv.unpack(
            thread.memory.read(address + index * Waitv.size, Waitv.size)
        )
        if reserved or not _is_valid(flags, value):
            raise OSError(errno.EINVAL, "a futex that cannot be waited for")
        found.append((word, value, bool(flags & Futex2.FUTEX2_PRIVATE)))
    return found


@syscall(partial=_NUMA)
def futex_waitv(
    thread: Thread,
    waiters: Annotated[int, InArray(Waitv, "nr_futexes")],
    nr_futexes: UInt,
    flags: UInt,
    timeout: InTimespec,
    clockid: ClockNumber,
) -> Result:
    """futex_waitv(2): the index of a futex that was woken; the timeout is absolute."""
    if flags or not 0 < nr_futexes <= MOST or not waiters:
        return -errno.EINVAL
    deadline = _deadline(thread, timeout, clockid)
    words = _parse(thread, waiters, nr_futexes)
    keys = [futexes.key_of(thread, word, private=private) for word, _, private in words]
    if any(thread.memory.u32(word) != expected for word, expected, _ in words):
        return -errno.EAGAIN
    return _wait_for_any(thread, keys, deadline)


def _wait_for_any(thread: Thread, keys: list[object], deadline: int | None) -> Blocking:
    waits = AnyOf()
    try:
        for index, key in enumerate(keys):
            waits.add(thread, index, key)
        wake = yield Wait(deadline=deadline, queue=waits.queue)
    finally:
        waits.close()
    if waits.index >= 0:
        return waits.index
    return -errno.ETIMEDOUT if wake is Wake.TIMEOUT else RESTARTSYS
