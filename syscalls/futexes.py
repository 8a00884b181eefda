"""Futex queues: which words are the same futex, waking, requeueing, and the robust list of a dying thread (futex(2))."""

import errno

from syscalls.memory import TASK_SIZE
from syscalls.process import Process, Thread
from syscalls.wait import WaitQueue

_U64 = 0xFFFFFFFFFFFFFFFF

MATCH_ANY = 0xFFFFFFFF
"""The bitset of waits and wakes that name none (FUTEX_BITSET_MATCH_ANY)."""

WAITERS = 0x80000000
OWNER_DIED = 0x40000000
TID_MASK = 0x3FFFFFFF
ROBUST_LIST_LIMIT = 2048
"""How many entries of a robust list the kernel walks (include/linux/futex.h): the guest may have tied it to a loop."""

_SWEEP_AT = 1024
_PROT_WRITE = 2

# A key that is no shared object's is one number, as numbers are found fast: space, address, and a bit that is 0 in the
# address of every futex.
_SPACE_SHIFT = 48
_NOT_PRIVATE = 1


def wake(process: Process, key: object, count: int, bitset: int = MATCH_ANY) -> int:
    """Wakes up to `count` waiters (at least one, as the kernel does) whose bitset meets `bitset`; returns how many."""
    queue = process.system.futexes.get(key)
    if queue is None:
        return 0
    count = max(count, 1)
    if bitset == MATCH_ANY:
        woken = queue.wake(count)
    else:
        woken = 0
        for waiter in [waiter for waiter in queue.waiters if waiter.key & bitset][:count]:
            queue.waiters.remove(waiter)
            waiter.queue = None
            waiter.wake()
            woken += 1
    if not queue.waiters:
        del process.system.futexes[key]
    return woken


def queue_for(process: Process, key: object) -> WaitQueue:
    """The queue of a futex, made when there is none."""
    futexes = process.system.futexes
    queue = futexes.get(key)
    if queue is None:
        if len(futexes) >= _SWEEP_AT:  # timeouts can leave empty queues behind
            for empty in [known for known, queue in futexes.items() if not queue.waiters]:
                del futexes[empty]
        queue = futexes[key] = WaitQueue()
    return queue


def requeue(process: Process, key: object, target: object, wake_count: int, move_count: int) -> int:
    """Wakes up to `wake_count` waiters and moves up to `move_count` more to the futex `target`; returns the sum."""
    queue = process.system.futexes.get(key)
    if queue is None:
        return 0
    done = queue.wake(wake_count) if wake_count else 0
    waiting = min(len(queue.waiters), move_count)
    if key != target:
        for _ in range(waiting):
            waiter = queue.waiters.popleft()
            waiter.queue = queue_for(process, target)
            waiter.queue.waiters.append(waiter)
    if not queue.waiters:
        process.system.futexes.pop(key, None)
    return done + waiting


def key_of(thread: Thread, address: int, *, private: bool, write: bool = False) -> object:
    """What two futex words must have in common to be one futex; raises EINVAL, EFAULT in get_futex_key()'s order.

    A private futex is its address space and its address there. A shared one is the object behind the page; for private memory
    that is space and address again, but never the same futex as the private one (kernel/futex/core.c marks the two apart).
    """
    if address & 3:
        raise OSError(errno.EINVAL, "misaligned futex")
    if private:
        if address >= TASK_SIZE:
            raise OSError(errno.EFAULT, "futex outside the user range")
        return thread.memory.identity << _SPACE_SHIFT | address
    memory = thread.memory
    word = memory.u32(address)
    if write:
        memory.put_u32(address, word)
    shared = memory.shared_identity(address)
    if shared:
        return shared
    region = memory.regions.find(address)
    if region is not None and not region.prot & _PROT_WRITE and region.file is None:
        # Nobody could ever wake who waits there (the comment in get_futex_key says so).
        raise OSError(errno.EFAULT, "private memory that cannot be written")
    return memory.identity << _SPACE_SHIFT | address | _NOT_PRIVATE


def thread_ends(thread: Thread, *, others: bool) -> None:
    """What the kernel does to the memory of a thread that ends: robust futexes, then the cleared tid if `others` use the memory."""
    _release_robust(thread)
    address, thread.clear_child_tid = thread.clear_child_tid, 0
    if address and others:
        try:
            thread.memory.put_u32(address, 0)
            wake(thread.process, key_of(thread, address, private=False), 1)
        except OSError:  # the kernel ignores a bad address here (kernel/fork.c, mm_release)
            return


def _release_robust(thread: Thread) -> None:
    """exit_robust_list() of kernel/futex/core.c; the list is the guest's, so every read may fail and it may be a loop."""
    head, thread.robust_list = thread.robust_list, 0
    if not head:
        return
    memory = thread.memory
    try:
        entry = memory.u64(head)
        offset = memory.u64(head + 8)
        pending = memory.u64(head + 16)
        following = entry
        for _ in range(ROBUST_LIST_LIMIT):
            entry, is_pi = following & ~1, following & 1
            if entry == head:
                break
            broken = None
            try:
                following = memory.u64(entry)
            except OSError as error:
                broken = error
            if entry != pending & ~1:
                _owner_died(thread, (entry + offset) & _U64, bool(is_pi))
            if broken:
                raise broken
        if pending & ~1:
            _owner_died(thread, ((pending & ~1) + offset) & _U64, bool(pending & 1), in_progress=True)
    except OSError:  # as the kernel: a broken list ends the walk, silently
        return


def _owner_died(thread: Thread, address: int, is_pi: bool, in_progress: bool = False) -> None:
    """handle_futex_death(): marks a lock of this thread as orphaned and wakes one waiter; raises EFAULT, EINVAL."""
    if address & 3:
        raise OSError(errno.EINVAL, "misaligned robust futex")
    memory = thread.memory
    value = memory.u32(address)
    if in_progress and not is_pi and not value:
        wake(thread.process, key_of(thread, address, private=False), 1)
    elif value & TID_MASK == thread.tid:
        memory.put_u32(address, (value & WAITERS) | OWNER_DIED)
        if value & WAITERS and not is_pi:
            wake(thread.process, key_of(thread, address, private=False), 1)
