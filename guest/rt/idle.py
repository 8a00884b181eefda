"""Who works, who sleeps, and whom a new ready task has to wake.

One word says it all: the number of awake workers below, of parked ones above. A worker that finds nothing to do leaves:
the last one awake becomes the poller, which sleeps in ppoll on all descriptors; the others park on a futex. So while
anyone works nobody sleeps in ppoll: a wake-up then costs no system call, and a descriptor becomes readable for one
sleeper, not for a herd.

No wake-up is lost: who makes a task ready pushes it first and then reads the word; who leaves as the last writes the
word first and then looks at the ready tasks once more (all sequentially consistent). One of the two sees the other.
"""

from guest.lang import addr, atomic, i32, i64, u32, u64
from guest.rt.abi import EFD_CLOEXEC, EFD_NONBLOCK
from guest.rt.sys import eventfd2, futex_wait, futex_wake, read_eventfd, write_eventfd

SPREAD = 4  # ready tasks for each awake worker before one more is woken, which costs more than short tasks
PARKED_ONE = 1 << 32

workers: u64  # awake | parked << 32
tokens: u32  # one for each parked worker that was woken and has not taken notice yet
kicked: u32  # 1 from the decision to write the eventfd until the poller has read it
wake_fd: i32


def initialise(count: u32) -> i64:
    """Count `count` workers as awake and make the eventfd that wakes the poller; 0 or minus an errno."""
    global wake_fd
    fd = eventfd2(EFD_NONBLOCK | EFD_CLOEXEC)
    if fd < 0:
        return fd
    wake_fd = i32(fd)
    atomic.store(addr(workers), u64(count))
    return 0


def leave() -> bool:
    """Stop being awake. True: the caller is the poller now. False: it is parked, and `park` is its place."""
    while True:
        old = atomic.load(addr(workers))
        if u32(old) == 1:
            if atomic.compare_exchange(addr(workers), old, old - 1) == old:
                return True
        elif atomic.compare_exchange(addr(workers), old, old - 1 + PARKED_ONE) == old:
            return False


def arrive() -> None:
    """The poller is awake again."""
    atomic.add(addr(workers), u64(1))


def park() -> None:
    """Sleep until `nudge` picks this worker, which then counts as awake already."""
    while True:
        held = atomic.load(addr(tokens))
        if held == 0:
            futex_wait(addr(tokens), u32(0))
        elif atomic.compare_exchange(addr(tokens), held, held - 1) == held:
            return


def nudge(ready: u32) -> None:
    """`ready` tasks wait: see that somebody runs them. Call after the task was pushed."""
    while True:
        old = atomic.load(addr(workers))
        awake = u32(old)
        if awake == 0:
            kick()
            return
        if ready <= awake * SPREAD or old < PARKED_ONE:
            return  # who is awake looks for ready tasks before it leaves
        if atomic.compare_exchange(addr(workers), old, old + 1 - PARKED_ONE) == old:
            atomic.add(addr(tokens), u32(1))
            futex_wake(addr(tokens), u32(1))
            return


def kick() -> None:
    """Get the poller out of ppoll, with one write however many ask for it."""
    if atomic.exchange(addr(kicked), u32(1)) == 0:
        write_eventfd(wake_fd)


def kick_seen() -> None:
    """The poller found the eventfd readable: take it back, before looking for what it announced."""
    read_eventfd(wake_fd)
    atomic.store(addr(kicked), u32(0))
