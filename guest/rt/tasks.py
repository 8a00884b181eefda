"""Tasks: 1024 slots, each holding a coroutine; handles that outlive them harmlessly; the list of those ready to run.

A slot's word is its generation above and its state below. Every change of state is one compare-and-swap on that word,
so a handle of an earlier generation changes nothing, a task is on the ready list at most once, only one worker polls
it, and a wake-up during the poll (NOTIFIED) is not lost.

The ready list is two stacks: wakers push on `incoming`; takers pop from `outgoing`, and when that is empty take all of
`incoming` at once and turn it round, so that tasks run about in the order they became ready. `outgoing` and the free
list carry a counter above the slot number against the ABA problem; `incoming` needs none, since nobody pops one from it.
"""

from guest.lang import addr, array, atomic, coro, destroy, done, ptr, relaxed, resume, struct, u32, u64
from guest.rt import idle
from guest.rt.threads import current

SLOTS = 1024
BUDGET = 16  # operations before a task that never has to wait lets others run

# States
FREE = 0
RESERVED = 1
IDLE = 2
SCHEDULED = 3  # on the ready list
RUNNING = 4
NOTIFIED = 5  # running, and woken meanwhile

# Why a wait on a descriptor ended
PENDING = 0
READY = 1
TIMED_OUT = 2
CLOSED = 3


@struct
class Task:
    """One slot. All but `word` and `link` belong to whoever runs or reserved the task."""

    word: u64
    frame: u64  # the coroutine
    link: u32  # next slot + 1 on the ready list or the free list
    outcome: u32  # of the wait on a descriptor; written by the io registry before it wakes the task


slots: array[Task, 1024]
free_slots: u64
incoming: u32
outgoing: u64
ready_count: u32


def initialise() -> None:
    """Put all slots on the free list, the first one on top."""
    for i in range(SLOTS):
        push_tagged(addr(free_slots), u32(SLOTS - 1 - i))


def push_tagged(head: ptr[u64], slot: u32) -> None:
    """Put a slot on a stack with a counter."""
    while True:
        old = atomic.load(head)
        atomic.store(addr(slots[slot].link), u32(old), relaxed)
        if atomic.compare_exchange(head, old, (((old >> 32) + 1) << 32) | u64(slot + 1)) == old:
            return


def pop_tagged(head: ptr[u64]) -> u32:
    """Take a slot off a stack with a counter; returns slot + 1, or 0 when it is empty."""
    while True:
        old = atomic.load(head)
        top = u32(old)
        if top == 0:
            return 0
        following = atomic.load(addr(slots[top - 1].link), relaxed)
        if atomic.compare_exchange(head, old, (((old >> 32) + 1) << 32) | u64(following)) == old:
            return top


def reserve() -> u32:
    """Claim a slot; returns slot + 1, or 0 when all are taken."""
    top = pop_tagged(addr(free_slots))
    if top != 0:
        set_state(top - 1, RESERVED)
    return top


def release(slot: u32) -> None:
    """Free a slot whose task ended or never began; handles to it are stale from here on."""
    generation = atomic.load(addr(slots[slot].word)) >> 32
    atomic.store(addr(slots[slot].word), ((generation + 1) << 32) | FREE)
    push_tagged(addr(free_slots), slot)


def start(slot: u32, frame: coro[None]) -> None:
    """Give a reserved slot its coroutine and make it ready."""
    slots[slot].frame = u64(frame)
    set_state(slot, SCHEDULED)
    push_ready(slot)
    idle.nudge(atomic.load(addr(ready_count)))


def set_state(slot: u32, state: u32) -> None:
    """Change the state where no other thread may."""
    word = addr(slots[slot].word)
    atomic.store(word, ((atomic.load(word) >> 32) << 32) | u64(state))


def handle_of(slot: u32) -> u64:
    """The handle of the slot's present task: generation << 32 | slot."""
    return ((atomic.load(addr(slots[slot].word)) >> 32) << 32) | u64(slot)


def wake(handle: u64) -> None:
    """Make the task run once more, soon. Any thread may, at any time; a task that has ended is left alone."""
    slot = u32(handle)
    word = addr(slots[slot].word)
    while True:
        old = atomic.load(word)
        state = u32(old)
        if (old >> 32) != (handle >> 32):
            return
        if state == IDLE:
            if atomic.compare_exchange(word, old, old - IDLE + SCHEDULED) == old:
                push_ready(slot)
                idle.nudge(atomic.load(addr(ready_count)))
                return
        elif state == RUNNING:
            if atomic.compare_exchange(word, old, old - RUNNING + NOTIFIED) == old:
                return
        else:
            return


def push_ready(slot: u32) -> None:
    """Put a slot in state SCHEDULED on the ready list."""
    atomic.add(addr(ready_count), u32(1))
    while True:
        old = atomic.load(addr(incoming))
        atomic.store(addr(slots[slot].link), old, relaxed)
        if atomic.compare_exchange(addr(incoming), old, slot + 1) == old:
            return


def take_ready() -> u32:
    """Take the task that is ready longest, about; returns slot + 1, or 0 when none is."""
    top = pop_tagged(addr(outgoing))
    if top == 0:
        top = turn_incoming()
    if top != 0:
        atomic.sub(addr(ready_count), u32(1))
    return top


def turn_incoming() -> u32:
    """Take all of `incoming`, keep its oldest task, put the others on `outgoing` with the next oldest on top."""
    newest = atomic.exchange(addr(incoming), u32(0))
    oldest = u32(0)
    at = u32(newest)
    while at != 0:
        link = addr(slots[at - 1].link)
        following = atomic.load(link, relaxed)
        atomic.store(link, oldest, relaxed)
        oldest = at
        at = following
    if oldest == newest:
        return oldest
    rest = atomic.load(addr(slots[oldest - 1].link), relaxed)
    last = addr(slots[newest - 1].link)
    while True:
        old = atomic.load(addr(outgoing))
        atomic.store(last, u32(old), relaxed)
        if atomic.compare_exchange(addr(outgoing), old, (((old >> 32) + 1) << 32) | u64(rest)) == old:
            return oldest


def any_ready() -> bool:
    """Whether a task is on the ready list, or about to be."""
    return atomic.load(addr(ready_count)) != 0


def run(slot: u32) -> None:
    """Poll a task that was taken off the ready list; frees its slot when it is done."""
    task = addr(slots[slot])
    word = addr(task.word)
    set_state(slot, RUNNING)
    thread = current()
    thread.task = handle_of(slot)
    thread.budget = BUDGET
    frame = coro[None](task.frame)
    resume(frame)
    current().task = 0
    if done(frame):
        destroy(frame)
        release(slot)
        return
    running = (handle_of(slot) - u64(slot)) | RUNNING
    if atomic.compare_exchange(word, running, running - RUNNING + IDLE) != running:
        set_state(slot, SCHEDULED)
        push_ready(slot)


def spend() -> bool:
    """Take one operation off the running task's budget. False: it has to let others run; it is woken at once."""
    thread = current()
    if thread.budget == 0:
        wake(thread.task)
        return False
    thread.budget -= 1
    return True
