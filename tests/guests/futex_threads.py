"""futex(2) between threads: who is woken by what, private against shared, bitsets, requeueing."""

from say import check, result
from spawn import await_waiters, join, spawn_in, waiters

from guest.lang import addr, array, atomic, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.threads import Futex, FutexCmp, FutexOp


@struct
class Timespec:
    """struct timespec."""

    tv_sec: i64
    tv_nsec: i64


words: array[u32, 4]
woken: array[i64, 16]
counter: u64
PRIVATE = Futex.FUTEX_PRIVATE_FLAG


def word(index: i64) -> u64:
    """The address of a futex word."""
    return u64(addr(words[index]))


def futex(at: u64, op: i64, val: u64, timeout: u64, other: u64, val3: u64) -> i64:
    """The raw call."""
    return syscall(numbers.futex, at, op, val, timeout, other, val3)


def wait_private(slot: u64) -> i64:
    """A thread that waits for word 0 with a bitset of its own."""
    woken[slot] = futex(word(0), Futex.FUTEX_WAIT_BITSET_PRIVATE, 0, 0, 0, u64(1) << slot)
    return 0


def wait_shared(slot: u64) -> i64:
    """A thread that waits for word 0 without FUTEX_PRIVATE_FLAG."""
    woken[slot] = futex(word(0), Futex.FUTEX_WAIT, 0, 0, 0, 0)
    return 0


def wait_for_second(slot: u64) -> i64:
    """A thread that waits for word 1."""
    woken[slot] = futex(word(1), Futex.FUTEX_WAIT_PRIVATE, 0, 0, 0, 0)
    return 0


def wait_a_while(slot: u64) -> i64:
    """A thread that waits 20 ms, if nobody wakes it."""
    span = Timespec(0, 20000000)
    woken[slot] = futex(word(0), Futex.FUTEX_WAIT_PRIVATE, 0, u64(addr(span)), 0, 0)
    return 0


def add_under_lock(rounds: u64) -> i64:
    """Adds to the counter under a lock made of word 3: 0 free, 1 taken, 2 taken and awaited."""
    global counter
    lock = addr(words[3])
    for i in range(i64(rounds)):
        seen = atomic.compare_exchange(lock, 0, 1)
        while seen != 0:
            if seen == 2 or atomic.compare_exchange(lock, 1, 2) != 0:
                futex(u64(lock), Futex.FUTEX_WAIT_PRIVATE, 2, 0, 0, 0)
            seen = atomic.compare_exchange(lock, 0, 2)
        counter += 1
        if i % 16 == 0:
            syscall(numbers.sched_yield)
        if atomic.exchange(lock, 0) == 2:
            futex(u64(lock), Futex.FUTEX_WAKE_PRIVATE, 1, 0, 0, 0)
    return 0


def line_up(count: i64) -> None:
    """Threads that wait for word 0, in the order of their slots."""
    for slot in range(count):
        spawn_in(slot, wait_private, u64(slot))
        await_waiters(word(0), PRIVATE, slot + 1)


def bitsets() -> None:
    """A wake reaches those whose bitset meets its own."""
    line_up(4)
    result(b"wake with a shared key", futex(word(0), Futex.FUTEX_WAKE, 9, 0, 0, 0))
    result(b"wake with foreign bits", futex(word(0), Futex.FUTEX_WAKE_BITSET_PRIVATE, 9, 0, 0, 0xF0))
    result(b"wake bit 2", futex(word(0), Futex.FUTEX_WAKE_BITSET_PRIVATE, 9, 0, 0, 4))
    join(2)
    result(b"still waiting", waiters(word(0), PRIVATE))
    result(b"wake zero wakes one", futex(word(0), Futex.FUTEX_WAKE_PRIVATE, 0, 0, 0, 0))
    join(0)
    result(b"wake the rest", futex(word(0), Futex.FUTEX_WAKE_PRIVATE, 0x7FFFFFFF, 0, 0, 0))
    join(1)
    join(3)
    for slot in range(4):
        result(b"wait returned", woken[slot])
    result(b"nobody is left", waiters(word(0), PRIVATE))


def keys() -> None:
    """Private and shared futexes on one word are two."""
    spawn_in(0, wait_shared, 0)
    await_waiters(word(0), 0, 1)
    result(b"private wake of a shared wait", futex(word(0), Futex.FUTEX_WAKE_PRIVATE, 1, 0, 0, 0))
    result(b"shared wake of a shared wait", futex(word(0), Futex.FUTEX_WAKE, 1, 0, 0, 0))
    join(0)
    result(b"wait returned", woken[0])


def requeues() -> None:
    """Waiters move from one word to another and keep waiting."""
    line_up(5)
    op = Futex.FUTEX_CMP_REQUEUE_PRIVATE
    result(b"requeue, other value", futex(word(0), op, 1, 2, word(1), 1))
    result(b"wake 1, move 2", futex(word(0), op, 1, 2, word(1), 0))
    join(0)
    result(b"on the first word", waiters(word(0), PRIVATE))
    result(b"on the second word", waiters(word(1), PRIVATE))
    result(b"bits moved along", futex(word(1), Futex.FUTEX_WAKE_BITSET_PRIVATE, 9, 0, 0, 4))
    join(2)
    result(b"move all, wake none", futex(word(0), Futex.FUTEX_REQUEUE_PRIVATE, 0, 9, word(1), 0))
    result(b"on the second word", waiters(word(1), PRIVATE))
    result(b"wake them", futex(word(1), Futex.FUTEX_WAKE_PRIVATE, 9, 0, 0, 0))
    join(1)
    join(3)
    join(4)
    for slot in range(5):
        result(b"wait returned", woken[slot])


def wake_ops() -> None:
    """FUTEX_WAKE_OP wakes on two words, on the second only when the comparison holds."""
    spawn_in(0, wait_private, 0)
    spawn_in(1, wait_for_second, 1)
    spawn_in(2, wait_for_second, 2)
    await_waiters(word(0), PRIVATE, 1)
    await_waiters(word(1), PRIVATE, 2)
    encoded = u64(FutexOp.FUTEX_OP_ADD) << 28 | 1 << 12 | u64(FutexCmp.FUTEX_OP_CMP_EQ) << 24
    result(b"comparison fails", futex(word(0), Futex.FUTEX_WAKE_OP_PRIVATE, 1, 9, word(1), encoded | 5))
    join(0)
    result(b"second word is", i64(words[1]))
    result(b"comparison holds", futex(word(0), Futex.FUTEX_WAKE_OP_PRIVATE, 1, 9, word(1), encoded | 1))
    join(1)
    join(2)
    result(b"second word is", i64(words[1]))
    words[1] = 0


def timeouts() -> None:
    """A requeued waiter times out on its new word; a woken one does not."""
    spawn_in(0, wait_a_while, 0)
    await_waiters(word(0), PRIVATE, 1)
    result(b"move the sleeper", futex(word(0), Futex.FUTEX_REQUEUE_PRIVATE, 0, 1, word(1), 0))
    join(0)
    result(b"it timed out", woken[0])
    result(b"and waits nowhere", waiters(word(1), PRIVATE))
    spawn_in(0, wait_a_while, 0)
    await_waiters(word(0), PRIVATE, 1)
    result(b"wake the sleeper", futex(word(0), Futex.FUTEX_WAKE_PRIVATE, 1, 0, 0, 0))
    join(0)
    result(b"it was woken", woken[0])


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them, then a contended lock."""
    bitsets()
    keys()
    requeues()
    wake_ops()
    timeouts()
    for slot in range(4):
        spawn_in(slot, add_under_lock, 500)
    for slot in range(4):
        join(slot)
    result(b"counted under a lock", i64(counter))
    check(b"lock is free", words[3] == 0)
    return 0
