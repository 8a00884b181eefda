"""futex(2): waiting for a word of memory, waking, requeueing."""

import errno
from typing import Annotated

from syscalls import futexes
from syscalls.args import Address, Result, UInt
from syscalls.flags.threads import Futex, FutexCmp, FutexOp
from syscalls.memory import TASK_SIZE
from syscalls.process import Process, Thread
from syscalls.structs import Timespec
from syscalls.table import syscall
from syscalls.types_threads import FutexOperation, FutexTimeout, FutexValue3, FutexWord2
from syscalls.wait import RESTART_RESTARTBLOCK, RESTARTSYS, Blocking, Wait, WaitQueue, Wake

_WAIT = Futex.FUTEX_WAIT
_WAKE = Futex.FUTEX_WAKE
_PRIVATE = Futex.FUTEX_PRIVATE_FLAG
_REALTIME = Futex.FUTEX_CLOCK_REALTIME
_COMMAND = Futex.FUTEX_CMD_MASK
_TIMED = frozenset(
    {_WAIT, Futex.FUTEX_WAIT_BITSET, Futex.FUTEX_LOCK_PI, Futex.FUTEX_LOCK_PI2, Futex.FUTEX_WAIT_REQUEUE_PI}
)
_REALTIME_ALLOWED = frozenset({Futex.FUTEX_WAIT_BITSET, Futex.FUTEX_LOCK_PI2, Futex.FUTEX_WAIT_REQUEUE_PI})
_OPARG_SHIFT = 8


@syscall(partial="priority inheritance (the PI operations) is ENOSYS")
def futex(
    thread: Thread,
    uaddr: Address,
    futex_op: FutexOperation,
    val: UInt,
    timeout: Annotated[int, FutexTimeout("futex_op")],
    uaddr2: Annotated[int, FutexWord2("futex_op")],
    val3: Annotated[int, FutexValue3("futex_op")],
) -> Result:
    """futex(2); the order of checks is that of kernel/futex/syscalls.c."""
    command = futex_op & _COMMAND
    private = bool(futex_op & _PRIVATE)
    deadline = None
    if timeout and command in _TIMED:
        deadline = _deadline(thread, command, timeout, bool(futex_op & _REALTIME))
    if futex_op & _REALTIME and command not in _REALTIME_ALLOWED:
        return -errno.ENOSYS
    if command in (_WAIT, Futex.FUTEX_WAIT_BITSET):
        bitset = val3 if command else futexes.MATCH_ANY
        if not bitset:
            return -errno.EINVAL
        key = futexes.key_of(thread, uaddr, private=private)
        if thread.memory.u32(uaddr) != val:
            return -errno.EAGAIN
        queue = futexes.queue_for(thread.process, key)
        return _sleep(thread.process, key, queue, Wait((), deadline, queue, bitset))
    if command in (_WAKE, Futex.FUTEX_WAKE_BITSET):
        bitset = futexes.MATCH_ANY if command == _WAKE else val3
        if not bitset:
            return -errno.EINVAL
        key = futexes.key_of(thread, uaddr, private=private)
        return futexes.wake(thread.process, key, _signed(val), bitset)
    if command in (Futex.FUTEX_REQUEUE, Futex.FUTEX_CMP_REQUEUE):
        return _requeue(
            thread,
            (uaddr, uaddr2),
            (_signed(val), _signed(timeout)),
            private,
            val3 if command == Futex.FUTEX_CMP_REQUEUE else None,
        )
    if command == Futex.FUTEX_WAKE_OP:
        return _wake_op(thread, (uaddr, uaddr2), (_signed(val), _signed(timeout)), private, val3)
    thread.bench.note_once(f"futex {command}", f"futex operation {Futex.text(futex_op)} answers ENOSYS")
    return -errno.ENOSYS


def _signed(value: int) -> int:
    return ((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


def _deadline(thread: Thread, command: int, timeout: int, realtime: bool) -> int:
    """The timeout as a monotonic deadline: relative for FUTEX_WAIT, absolute otherwise; raises EFAULT, EINVAL."""
    seconds, nanoseconds = Timespec.unpack(thread.memory.read(timeout, Timespec.size))
    if seconds < 0 or not 0 <= nanoseconds < 1_000_000_000:
        raise OSError(errno.EINVAL, "not a valid timespec")
    span = int(seconds * 1_000_000_000 + nanoseconds)
    bench = thread.bench
    if command == _WAIT:
        return bench.monotonic_ns() + span
    return bench.monotonic_ns() + span - bench.realtime_ns() if realtime else span


def _sleep(process: Process, key: object, queue: WaitQueue, wait: Wait) -> Blocking:
    wake = yield wait
    if not queue.waiters and process.system.futexes.get(key) is queue:
        del process.system.futexes[key]
    if wake is Wake.QUEUE:
        return 0
    if wake is Wake.TIMEOUT:
        return -errno.ETIMEDOUT
    return RESTARTSYS if wait.deadline is None else RESTART_RESTARTBLOCK


def _requeue(
    thread: Thread, words: tuple[int, int], counts: tuple[int, int], private: bool, expected: int | None
) -> int:
    if counts[0] < 0 or counts[1] < 0:
        return -errno.EINVAL
    source = futexes.key_of(thread, words[0], private=private)
    target = futexes.key_of(thread, words[1], private=private)
    if expected is not None and thread.memory.u32(words[0]) != expected:
        return -errno.EAGAIN
    return futexes.requeue(thread.process, source, target, *counts)


def _wake_op(
    thread: Thread, words: tuple[int, int], counts: tuple[int, int], private: bool, encoded: int
) -> int:
    first = futexes.key_of(thread, words[0], private=private)
    second = futexes.key_of(thread, words[1], private=private, write=True)
    operand = _sign_extend_12(encoded >> 12)
    operation = encoded >> 28 & 15
    if operation & _OPARG_SHIFT:
        operand = 1 << (operand & 31)
        operation &= ~_OPARG_SHIFT
    memory = thread.memory
    if words[1] >= TASK_SIZE:
        return -errno.EFAULT
    if operation not in _OPERATIONS:
        return -errno.ENOSYS
    old = memory.u32(words[1])
    memory.put_u32(words[1], _OPERATIONS[operation](old, operand) & 0xFFFFFFFF)
    compare = _COMPARISONS.get(encoded >> 24 & 15)
    if compare is None:  # after the store, as in the kernel
        return -errno.ENOSYS
    woken = futexes.wake(thread.process, first, counts[0])
    if compare(_signed(old), _sign_extend_12(encoded)):
        woken += futexes.wake(thread.process, second, counts[1])
    return woken


def _sign_extend_12(value: int) -> int:
    return ((value & 0xFFF) ^ 0x800) - 0x800


_OPERATIONS = {
    FutexOp.FUTEX_OP_SET: lambda old, operand: operand,
    FutexOp.FUTEX_OP_ADD: lambda old, operand: old + operand,
    FutexOp.FUTEX_OP_OR: lambda old, operand: old | operand,
    FutexOp.FUTEX_OP_ANDN: lambda old, operand: old & ~operand,
    FutexOp.FUTEX_OP_XOR: lambda old, operand: old ^ operand,
}
_COMPARISONS = {
    FutexCmp.FUTEX_OP_CMP_EQ: lambda old, value: old == value,
    FutexCmp.FUTEX_OP_CMP_NE: lambda old, value: old != value,
    FutexCmp.FUTEX_OP_CMP_LT: lambda old, value: old < value,
    FutexCmp.FUTEX_OP_CMP_LE: lambda old, value: old <= value,
    FutexCmp.FUTEX_OP_CMP_GT: lambda old, value: old > value,
    FutexCmp.FUTEX_OP_CMP_GE: lambda old, value: old >= value,
}
