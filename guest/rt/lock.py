"""A mutual exclusion lock for short critical sections, on one futex word."""

from guest.lang import addr, atomic, struct, u32
from guest.rt.sys import futex_wait, futex_wake

FREE = 0
HELD = 1
CONTENDED = 2  # held, and somebody may sleep on the word


@struct
class Lock:
    """Unlocked when zeroed. No system call while nobody contends (U. Drepper, "Futexes Are Tricky", mutex 2)."""

    word: u32

    def acquire(self) -> None:
        """Wait until the lock is free and take it."""
        if self.try_acquire():
            return
        while atomic.exchange(addr(self.word), u32(CONTENDED)) != FREE:
            futex_wait(addr(self.word), u32(CONTENDED))

    def try_acquire(self) -> bool:
        """Take the lock if it is free."""
        return atomic.compare_exchange(addr(self.word), u32(FREE), u32(HELD)) == FREE

    def release(self) -> None:
        """Free the lock, and wake one who sleeps for it."""
        if atomic.exchange(addr(self.word), u32(FREE)) == CONTENDED:
            futex_wake(addr(self.word), u32(1))
