"""futex_wait, futex_wake, futex_requeue and futex_waitv: what they refuse, who is woken, what counts."""

from process_tools import nap
from say import check, result
from spawn import await_waiters, join, spawn_in, waiters

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.futexes import Futex2
from syscalls.flags.threads import Futex

U32 = Futex2.FUTEX2_SIZE_U32
PRIVATE = Futex2.FUTEX2_SIZE_U32 | Futex2.FUTEX2_PRIVATE
ANY = 0xFFFFFFFF
UNMAPPED = 0x10000


@struct
class Timespec:
    """struct timespec."""

    tv_sec: i64
    tv_nsec: i64


@struct
class Waitv:
    """struct futex_waitv."""

    val: u64
    uaddr: u64
    flags: u32
    reserved: u32


words: array[u32, 4]
told: array[i64, 8]
vector: array[Waitv, 4]


def word(index: i64) -> u64:
    """The address of a word."""
    return u64(addr(words[index]))


def fill(count: i64, flags: i64) -> u64:
    """A vector of the first words."""
    for i in range(count):
        vector[i].val = 0
        vector[i].uaddr = word(i)
        vector[i].flags = u32(flags)
        vector[i].reserved = 0
    return u64(addr(vector[0]))


def wait_one(slot: u64) -> i64:
    """A thread that waits for word 0 with a mask of its own."""
    told[slot] = syscall(numbers.futex_wait, word(0), 0, u64(1) << slot, PRIVATE, 0, 0)
    return 0


def wait_many(slot: u64) -> i64:
    """A thread that waits for three words."""
    told[slot] = syscall(numbers.futex_waitv, fill(3, PRIVATE), 3, 0, 0, 0)
    return 0


def errors() -> None:
    """What they refuse."""
    result(b"wake, size 8", syscall(numbers.futex_wake, word(0), ANY, 1, Futex2.FUTEX2_SIZE_U8))
    result(b"wake, size 64", syscall(numbers.futex_wake, word(0), ANY, 1, Futex2.FUTEX2_SIZE_U64))
    result(b"wake, unknown flags", syscall(numbers.futex_wake, word(0), ANY, 1, U32 | 0x40))
    result(b"wake, no mask", syscall(numbers.futex_wake, word(0), 0, 1, U32))
    result(b"wake, wide mask", syscall(numbers.futex_wake, word(0), ANY << 1, 1, U32))
    result(b"wake, misaligned", syscall(numbers.futex_wake, word(0) + 1, ANY, 1, U32))
    result(b"wake nobody, unmapped", syscall(numbers.futex_wake, UNMAPPED, ANY, 1, U32))
    result(b"wake none, unmapped", syscall(numbers.futex_wake, UNMAPPED, ANY, 0, U32))
    result(b"wake none", syscall(numbers.futex_wake, word(0), ANY, 0, U32))
    result(b"wake nobody", syscall(numbers.futex_wake, word(0), ANY, 5, PRIVATE))
    result(b"wait, other value", syscall(numbers.futex_wait, word(0), 1, ANY, PRIVATE, 0, 0))
    result(b"wait, no mask", syscall(numbers.futex_wait, word(0), 0, 0, PRIVATE, 0, 0))
    result(b"wait, wide value", syscall(numbers.futex_wait, word(0), 1 << 32, ANY, PRIVATE, 0, 0))
    result(b"wait, misaligned", syscall(numbers.futex_wait, word(0) + 2, 0, ANY, PRIVATE, 0, 0))
    result(b"wait, unmapped", syscall(numbers.futex_wait, UNMAPPED, 0, ANY, U32, 0, 0))
    result(b"wait, bad clock", syscall(numbers.futex_wait, word(0), 0, ANY, PRIVATE, addr(vector[0]), 2))
    result(b"wait, bad timeout", syscall(numbers.futex_wait, word(0), 0, ANY, PRIVATE, UNMAPPED, 1))
    span = Timespec(1, 1000000000)
    result(b"wait, no time", syscall(numbers.futex_wait, word(0), 0, ANY, PRIVATE, addr(span), 1))
    span.tv_nsec = 0
    result(b"wait, past", syscall(numbers.futex_wait, word(0), 0, ANY, PRIVATE, addr(span), 1))
    result(b"wait, past, realtime", syscall(numbers.futex_wait, word(0), 0, ANY, PRIVATE, addr(span), 0))
    result(b"waitv, past", syscall(numbers.futex_waitv, fill(3, PRIVATE), 3, 0, addr(span), 1))
    result(b"waitv, flags", syscall(numbers.futex_waitv, fill(3, PRIVATE), 3, 1, 0, 0))
    result(b"waitv, none", syscall(numbers.futex_waitv, fill(3, PRIVATE), 0, 0, 0, 0))
    result(b"waitv, too many", syscall(numbers.futex_waitv, fill(3, PRIVATE), 129, 0, 0, 0))
    result(b"waitv, nothing", syscall(numbers.futex_waitv, 0, 1, 0, 0, 0))
    result(b"waitv, unmapped", syscall(numbers.futex_waitv, UNMAPPED, 1, 0, 0, 0))
    fill(3, PRIVATE)
    vector[1].val = 1
    result(b"waitv, other value", syscall(numbers.futex_waitv, addr(vector[0]), 3, 0, 0, 0))
    vector[1].reserved = 1
    result(b"waitv, reserved", syscall(numbers.futex_waitv, addr(vector[0]), 3, 0, 0, 0))
    fill(3, PRIVATE)
    vector[2].flags = 0
    result(b"waitv, size", syscall(numbers.futex_waitv, addr(vector[0]), 3, 0, 0, 0))
    fill(3, U32)
    vector[2].uaddr = UNMAPPED
    result(b"waitv, bad word", syscall(numbers.futex_waitv, addr(vector[0]), 3, 0, 0, 0))
    result(b"requeue, flags", syscall(numbers.futex_requeue, fill(2, PRIVATE), 1, 1, 1))
    result(b"requeue, nothing", syscall(numbers.futex_requeue, 0, 0, 1, 1))
    result(b"requeue, negative", syscall(numbers.futex_requeue, fill(2, PRIVATE), 0, -1, 1))
    fill(2, PRIVATE)
    vector[0].val = 9
    result(b"requeue, other value", syscall(numbers.futex_requeue, addr(vector[0]), 0, 1, 1))
    result(b"requeue, nobody", syscall(numbers.futex_requeue, fill(2, PRIVATE), 0, 1, 1))


def waking() -> None:
    """Who is woken."""
    for slot in range(3):
        spawn_in(slot, wait_one, u64(slot))
    await_waiters(word(0), Futex.FUTEX_PRIVATE_FLAG, 3)
    result(b"by another mask", syscall(numbers.futex_wake, word(0), 0x10, 9, PRIVATE))
    result(b"by the shared futex", syscall(numbers.futex_wake, word(0), ANY, 9, U32))
    result(b"by its mask", syscall(numbers.futex_wake, word(0), 2, 9, PRIVATE))
    join(1)
    result(b" told", told[1])
    result(b"wake 1, move 9", syscall(numbers.futex_requeue, fill(2, PRIVATE), 0, 1, 9))
    join(0)
    result(b" left", waiters(word(0), Futex.FUTEX_PRIVATE_FLAG))
    result(b" moved", waiters(word(1), Futex.FUTEX_PRIVATE_FLAG))
    result(b"there", syscall(numbers.futex, word(1), Futex.FUTEX_WAKE_PRIVATE, 1))
    join(2)
    for index in range(3):
        spawn_in(4, wait_many, 4)
        await_waiters(word(0), Futex.FUTEX_PRIVATE_FLAG, 1)
        await_waiters(word(2), Futex.FUTEX_PRIVATE_FLAG, 1)
        result(b"one of three", syscall(numbers.futex_wake, word(index), ANY, 1, PRIVATE))
        join(4)
        result(b" which", told[4])
        result(b" nobody is left", waiters(word(1), Futex.FUTEX_PRIVATE_FLAG))
    spawn_in(4, wait_many, 4)
    await_waiters(word(2), Futex.FUTEX_PRIVATE_FLAG, 1)
    result(b"moved away", syscall(numbers.futex, word(0), Futex.FUTEX_REQUEUE_PRIVATE, 0, 9, word(3), 0))
    result(b"and woken there", syscall(numbers.futex_wake, word(3), ANY, 1, PRIVATE))
    join(4)
    result(b" which", told[4])
    now = Timespec()
    syscall(numbers.clock_gettime, 1, addr(now))
    now.tv_nsec += 20000000
    if now.tv_nsec >= 1000000000:
        now.tv_nsec -= 1000000000
        now.tv_sec += 1
    result(b"until a time", syscall(numbers.futex_waitv, fill(3, U32), 3, 0, addr(now), 1))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    errors()
    waking()
    check(b"done", True)
    nap(0)
    return 0
