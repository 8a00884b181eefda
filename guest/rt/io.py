"""The io registry: which task waits for which descriptor, until when; and the ppoll that ends those waits.

A wait fires once. Each has a sequence number, so what ppoll says about a descriptor that was closed, or waited for anew,
since its set was made is recognised as stale. All fields are under `registry`; who polls holds `polling` too.
"""

from guest.lang import addr, array, atomic, i16, i32, i64, struct, u32, u64
from guest.rt import idle, tasks
from guest.rt.abi import POLLIN, PollFd, Timespec
from guest.rt.lock import Lock
from guest.rt.sys import monotonic_ns, ppoll
from guest.rt.threads import current

DESCRIPTORS = 4096  # numbers that can be waited for; the kernel always gives the lowest free one
WAITS = 1025  # one for each task, and the acceptor's
FOREVER = 1 << 62
LONGEST_SLEEP_NS = 3600 * 1000000000
CLOCK_TRUST = 16  # polls before the clock is read anew


@struct
class Wait:
    """One task's wait."""

    fd: i32
    events: i16
    sequence: u32
    deadline: i64  # ms of now(), or FOREVER
    handle: u64


registry: Lock
waits: array[Wait, 1025]
count: u32
sequences: u32
place: array[u32, 4096]  # by descriptor: index into waits + 1

polling: Lock
polled: array[PollFd, 1026]
polled_sequence: array[u32, 1026]
clock_ns: i64
clock_age: u32  # polls since the clock was read


def initialise() -> None:
    """Read the clock for the first time."""
    global clock_ns
    clock_ns = monotonic_ns()


def now() -> i64:
    """Milliseconds of CLOCK_MONOTONIC as of the last poll: exact enough for time-outs, and no system call."""
    return atomic.load(addr(clock_ns)) // 1000000


def watch(fd: i32, events: i16, deadline: i64) -> bool:
    """Wake the running task when `fd` is ready or fails, or `deadline` passes. False if it cannot be waited for."""
    if fd < 0 or fd >= DESCRIPTORS:
        return False
    handle = current().task
    registry.acquire()
    if place[fd] != 0 or count == WAITS:
        registry.release()
        return False
    tasks.slots[u32(handle)].outcome = tasks.PENDING
    add(fd, events, deadline, handle)
    registry.release()
    idle.nudge(0)  # a poller that sleeps with the former set has to learn of it
    return True


def add(fd: i32, events: i16, deadline: i64, handle: u64) -> None:
    """Append a wait."""
    global count, sequences
    wait = addr(waits[count])
    wait.fd = fd
    wait.events = events
    wait.sequence = sequences
    wait.deadline = deadline
    wait.handle = handle
    sequences += 1
    count += 1
    place[fd] = count


def finish(index: u32, outcome: u32) -> None:
    """End the wait at `index`: the last one takes its place, its task is told and woken."""
    global count
    wait = addr(waits[index])
    handle = wait.handle
    place[wait.fd] = 0
    count -= 1
    if index != count:
        last = addr(waits[count])
        wait.fd = last.fd
        wait.events = last.events
        wait.sequence = last.sequence
        wait.deadline = last.deadline
        wait.handle = last.handle
        place[wait.fd] = index + 1
    # Sequentially consistent: should the task be SCHEDULED for another reason, wake() changes nothing, and the run that
    # is to come has to see the outcome.
    atomic.store(addr(tasks.slots[u32(handle)].outcome), outcome)
    tasks.wake(handle)


def outcome() -> u32:
    """How the running task's last wait ended; PENDING when it has not."""
    return atomic.load(addr(tasks.slots[u32(current().task)].outcome))


def forget(fd: i32) -> None:
    """The descriptor is about to be closed: whoever waits for it is woken with CLOSED."""
    if fd < 0 or fd >= DESCRIPTORS or atomic.load(addr(place[fd])) == 0:
        return
    registry.acquire()
    if place[fd] != 0:
        finish(place[fd] - 1, tasks.CLOSED)
    registry.release()


def poll(sleep: bool) -> None:
    """Look at all descriptors once and wake the tasks whose waits ended.

    With `sleep`, the caller is the poller (idle.leave said so): wait until there is something, and be awake again.
    """
    if sleep:
        polling.acquire()
    elif not polling.try_acquire():
        return
    earliest = i64(FOREVER)
    polled[0].fd = idle.wake_fd
    polled[0].events = POLLIN
    registry.acquire()
    size = count
    for i in range(size):
        wait = addr(waits[i])
        entry = addr(polled[i + 1])
        entry.fd = wait.fd
        entry.events = wait.events
        polled_sequence[i + 1] = wait.sequence
        if wait.deadline < earliest:
            earliest = wait.deadline
    registry.release()
    ready = wait_for_events(i64(size) + 1, sleep_time(earliest) if sleep else 0)
    if sleep:
        idle.arrive()
    if ready > 0 and polled[0].revents != 0:
        idle.kick_seen()
        ready -= 1
    registry.acquire()
    at = u32(1)
    while ready > 0 and at <= size:
        if polled[at].revents != 0:
            ready -= 1
            index = place[polled[at].fd]
            if index != 0 and waits[index - 1].sequence == polled_sequence[at]:
                finish(index - 1, tasks.READY)
        at += 1
    if now() >= earliest:
        expire()
    registry.release()
    polling.release()


def expire() -> None:
    """End all waits whose deadline has passed."""
    limit = now()
    index = count
    while index > 0:
        index -= 1
        if waits[index].deadline <= limit:
            finish(index, tasks.TIMED_OUT)


def sleep_time(deadline: i64) -> i64:
    """Nanoseconds from now to `deadline` (ms), rounded up to be surely past it."""
    if deadline == FOREVER:
        return LONGEST_SLEEP_NS
    left = deadline * 1000000 - atomic.load(addr(clock_ns))
    if left < 0:
        return 0
    return LONGEST_SLEEP_NS if left > LONGEST_SLEEP_NS else left


def wait_for_events(size: i64, limit_ns: i64) -> i64:
    """ppoll the first `size` entries of `polled` for at most `limit_ns`, and advance the clock.

    ppoll(2) writes the time not slept back, which saves asking the clock: it is read only when that cannot be (no
    sleep was asked for, nothing was written back) and every CLOCK_TRUST polls, to count the time spent working.
    """
    global clock_age
    timeout = Timespec()
    timeout.tv_sec = limit_ns // 1000000000
    timeout.tv_nsec = limit_ns % 1000000000
    ready = ppoll(addr(polled[0]), size, timeout)
    slept = limit_ns - (timeout.tv_sec * 1000000000 + timeout.tv_nsec)
    clock_age += 1
    if slept <= 0 or ready <= 0 or clock_age >= CLOCK_TRUST:
        clock_age = 0
        atomic.store(addr(clock_ns), monotonic_ns())
    else:
        atomic.add(addr(clock_ns), slept)
    return ready
