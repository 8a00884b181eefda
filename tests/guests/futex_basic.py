"""futex(2) on one thread: every operation's results and errors, in the order of the kernel's checks."""

from say import check, result

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.threads import Futex, FutexCmp, FutexOp


@struct
class Timespec:
    """struct timespec."""

    tv_sec: i64
    tv_nsec: i64


words: array[u32, 4]
UNMAPPED = 0x10000
KERNEL = 0x800000000000


def futex(word: u64, op: i64, val: u64, timeout: u64, word2: u64, val3: u64) -> i64:
    """The raw call."""
    return syscall(numbers.futex, word, op, val, timeout, word2, val3)


def monotonic() -> i64:
    """CLOCK_MONOTONIC in nanoseconds."""
    now = Timespec()
    syscall(numbers.clock_gettime, 1, addr(now))
    return now.tv_sec * 1000000000 + now.tv_nsec


def waits(word: u64) -> None:
    """FUTEX_WAIT and FUTEX_WAIT_BITSET that cannot succeed."""
    span = Timespec()
    at = u64(addr(span))
    words[0] = 7
    result(b"wait, other value", futex(word, Futex.FUTEX_WAIT, 8, 0, 0, 0))
    result(b"wait private, other value", futex(word, Futex.FUTEX_WAIT_PRIVATE, 8, 0, 0, 0))
    result(b"wait misaligned", futex(word + 1, Futex.FUTEX_WAIT, 7, 0, 0, 0))
    result(b"wait unmapped", futex(UNMAPPED, Futex.FUTEX_WAIT, 7, 0, 0, 0))
    result(b"wait unmapped private", futex(UNMAPPED, Futex.FUTEX_WAIT_PRIVATE, 7, 0, 0, 0))
    result(b"wait in kernel space", futex(KERNEL, Futex.FUTEX_WAIT_PRIVATE, 7, 0, 0, 0))
    result(b"wait null", futex(0, Futex.FUTEX_WAIT_PRIVATE, 7, 0, 0, 0))
    result(b"wait bad timeout pointer", futex(word, Futex.FUTEX_WAIT, 8, UNMAPPED, 0, 0))
    span.tv_nsec = 1000000000
    result(b"wait nanoseconds too many", futex(word, Futex.FUTEX_WAIT, 8, at, 0, 0))
    span.tv_nsec = -1
    result(b"wait nanoseconds negative", futex(word, Futex.FUTEX_WAIT, 8, at, 0, 0))
    span.tv_nsec = 0
    span.tv_sec = -1
    result(b"wait seconds negative", futex(word, Futex.FUTEX_WAIT, 8, at, 0, 0))
    result(b"wait misaligned and bad timeout", futex(word + 1, Futex.FUTEX_WAIT, 8, at, 0, 0))
    span.tv_sec = 0
    span.tv_nsec = 2000000
    before = monotonic()
    result(b"wait times out", futex(word, Futex.FUTEX_WAIT, 7, at, 0, 0))
    check(b"after at least 2 ms", monotonic() - before >= 2000000)
    span.tv_nsec = 0
    result(b"wait zero timeout", futex(word, Futex.FUTEX_WAIT_PRIVATE, 7, at, 0, 0))
    result(b"wait zero timeout, other value", futex(word, Futex.FUTEX_WAIT_PRIVATE, 8, at, 0, 0))
    result(b"wait realtime", futex(word, Futex.FUTEX_WAIT | Futex.FUTEX_CLOCK_REALTIME, 7, at, 0, 0))
    result(b"bitset zero", futex(word, Futex.FUTEX_WAIT_BITSET, 7, 0, 0, 0))
    result(b"bitset zero misaligned", futex(word + 2, Futex.FUTEX_WAIT_BITSET, 7, 0, 0, 0))
    result(b"bitset long past", futex(word, Futex.FUTEX_WAIT_BITSET, 7, at, 0, 1))
    result(b"bitset other value", futex(word, Futex.FUTEX_WAIT_BITSET_PRIVATE, 9, at, 0, 1))
    now = monotonic() + 3000000
    span.tv_sec = now // 1000000000
    span.tv_nsec = now % 1000000000
    result(b"bitset absolute monotonic", futex(word, Futex.FUTEX_WAIT_BITSET_PRIVATE, 7, at, 0, 1))
    check(b"not before its time", monotonic() >= now)
    syscall(numbers.clock_gettime, 0, at)
    span.tv_nsec += 3000000
    if span.tv_nsec >= 1000000000:
        span.tv_nsec -= 1000000000
        span.tv_sec += 1
    op = Futex.FUTEX_WAIT_BITSET_PRIVATE | Futex.FUTEX_CLOCK_REALTIME
    before = monotonic()
    result(b"bitset absolute realtime", futex(word, op, 7, at, 0, 0xFFFFFFFF))
    check(b"slept about 3 ms", monotonic() - before >= 2000000)


def wakes(word: u64) -> None:
    """FUTEX_WAKE without waiters."""
    result(b"wake nobody", futex(word, Futex.FUTEX_WAKE, 1, 0, 0, 0))
    result(b"wake minus one", futex(word, Futex.FUTEX_WAKE, 0xFFFFFFFF, 0, 0, 0))
    result(b"wake misaligned", futex(word + 3, Futex.FUTEX_WAKE_PRIVATE, 1, 0, 0, 0))
    result(b"wake unmapped private", futex(UNMAPPED, Futex.FUTEX_WAKE_PRIVATE, 1, 0, 0, 0))
    result(b"wake unmapped shared", futex(UNMAPPED, Futex.FUTEX_WAKE, 1, 0, 0, 0))
    result(b"wake in kernel space", futex(KERNEL, Futex.FUTEX_WAKE_PRIVATE, 1, 0, 0, 0))
    result(b"wake bitset", futex(word, Futex.FUTEX_WAKE_BITSET, 1, 0, 0, 1))
    result(b"wake bitset zero", futex(word, Futex.FUTEX_WAKE_BITSET, 1, 0, 0, 0))
    result(b"wake realtime", futex(word, Futex.FUTEX_WAKE | Futex.FUTEX_CLOCK_REALTIME, 1, 0, 0, 0))


def requeues(word: u64, other: u64) -> None:
    """FUTEX_REQUEUE and FUTEX_CMP_REQUEUE without waiters."""
    result(b"requeue", futex(word, Futex.FUTEX_REQUEUE, 1, 1, other, 0))
    result(b"requeue negative wake", futex(word, Futex.FUTEX_REQUEUE, 0xFFFFFFFF, 1, other, 0))
    result(b"requeue negative move", futex(word, Futex.FUTEX_REQUEUE, 1, 0xFFFFFFFF, other, 0))
    result(b"requeue misaligned", futex(word + 1, Futex.FUTEX_REQUEUE, 1, 1, other, 0))
    result(b"requeue misaligned target", futex(word, Futex.FUTEX_REQUEUE_PRIVATE, 1, 1, other + 1, 0))
    result(b"requeue unmapped target", futex(word, Futex.FUTEX_REQUEUE, 1, 1, UNMAPPED, 0))
    result(b"requeue unmapped private target", futex(word, Futex.FUTEX_REQUEUE_PRIVATE, 1, 1, UNMAPPED, 0))
    result(b"compare and requeue", futex(word, Futex.FUTEX_CMP_REQUEUE, 1, 1, other, 7))
    result(b"compare and requeue, other value", futex(word, Futex.FUTEX_CMP_REQUEUE, 1, 1, other, 8))
    result(b"compare unmapped private", futex(UNMAPPED, Futex.FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, other, 8))


def wake_op(word: u64, other: u64, operation: u64, operand: u64, compare: u64, value: u64) -> None:
    """One FUTEX_WAKE_OP, and what the second word holds after it."""
    encoded = operation << 28 | (operand & 0xFFF) << 12 | compare << 24 | (value & 0xFFF)
    result(b"wake_op", futex(word, Futex.FUTEX_WAKE_OP_PRIVATE, 1, 1, other, encoded))
    result(b"  word is now", i64(words[2]))


def wake_ops(word: u64, other: u64) -> None:
    """FUTEX_WAKE_OP: arithmetic and errors."""
    words[2] = 5
    wake_op(word, other, FutexOp.FUTEX_OP_SET, 9, FutexCmp.FUTEX_OP_CMP_EQ, 5)
    wake_op(word, other, FutexOp.FUTEX_OP_ADD, 0xFFF, FutexCmp.FUTEX_OP_CMP_NE, 5)
    wake_op(word, other, FutexOp.FUTEX_OP_OR, 0x30, FutexCmp.FUTEX_OP_CMP_LT, 5)
    wake_op(word, other, FutexOp.FUTEX_OP_ANDN, 0x10, FutexCmp.FUTEX_OP_CMP_LE, 5)
    wake_op(word, other, FutexOp.FUTEX_OP_XOR, 0x7FF, FutexCmp.FUTEX_OP_CMP_GT, 0xFFF)
    wake_op(word, other, 8 | FutexOp.FUTEX_OP_OR, 31, FutexCmp.FUTEX_OP_CMP_GE, 0)
    wake_op(word, other, 8 | FutexOp.FUTEX_OP_SET, 40, FutexCmp.FUTEX_OP_CMP_GE, 0)
    wake_op(word, other, 5, 1, FutexCmp.FUTEX_OP_CMP_GE, 0)
    wake_op(word, other, FutexOp.FUTEX_OP_SET, 77, 6, 0)
    result(b"wake_op unmapped", futex(word, Futex.FUTEX_WAKE_OP_PRIVATE, 1, 1, UNMAPPED, 0))
    result(b"wake_op misaligned", futex(word, Futex.FUTEX_WAKE_OP_PRIVATE, 1, 1, other + 2, 0))
    result(b"wake_op in kernel space", futex(word, Futex.FUTEX_WAKE_OP_PRIVATE, 1, 1, KERNEL, 0))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    word = u64(addr(words[0]))
    other = u64(addr(words[2]))
    waits(word)
    wakes(word)
    requeues(word, other)
    wake_ops(word, other)
    result(b"FUTEX_FD", futex(word, Futex.FUTEX_FD, 0, 0, 0, 0))
    result(b"unknown operation", futex(word, 99, 0, 0, 0, 0))
    return 0
