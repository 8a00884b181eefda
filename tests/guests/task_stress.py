"""Tokens go round a ring of tasks that only wake each other: if one wake-up is lost, the ring stands still.

Every round ends a task and begins another in its slot, so that stale handles are woken too.
"""

from guest.lang import addr, array, atomic, i64, null, ptr, struct, u8, u32, u64
from guest.rt import heap, idle, io, sys, tasks, threads, workers
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.threads import current

RING = 100
TOKENS = 7
LAPS = 300
WORKERS = 4

flags: array[u32, 100]
handles: array[u64, 100]
finished: u32


@struct
class Token:
    """Await a token at this place of the ring."""

    place: u32

    def poll(self) -> bool:
        """Take one token if there is any."""
        there = addr(flags[self.place])
        while True:
            old = atomic.load(there)
            if old == 0:
                return False
            if atomic.compare_exchange(there, old, old - 1) == old:
                return True


async def station(place: u32) -> None:
    """Hand each token on to the next place, LAPS times for each token."""
    following = (place + 1) % RING
    atomic.store(addr(handles[place]), current().task)
    for _ in range(LAPS * TOKENS):
        await Token(place)
        atomic.add(addr(flags[following]), u32(1))
        tasks.wake(atomic.load(addr(handles[following])))
    if atomic.add(addr(finished), u32(1)) == RING - 1:
        sys.write(1, b"every token went round\n")
        sys.exit_group(0)


async def passer_by(left: u32) -> None:
    """End at once and begin anew, to give the slots new generations."""
    if left > 0:
        slot = tasks.reserve()
        frame = passer_by(left - 1)
        if slot != 0 and frame != null:
            tasks.start(slot - 1, frame)
    tasks.wake(current().task - (1 << 32))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Set the ring up and work."""
    threads.adopt_main_thread()
    if not heap.initialise():
        return 1
    tasks.initialise()
    io.initialise()
    if idle.initialise(u32(WORKERS)) < 0:
        return 1
    for place in range(RING):
        tasks.start(tasks.reserve() - 1, station(u32(place)))
    for i in range(TOKENS):
        atomic.add(addr(flags[i * 13]), u32(1))
    tasks.start(tasks.reserve() - 1, passer_by(u32(2000)))
    if workers.start(u32(WORKERS - 1)) < 0:
        return 1
    workers.work(u64(0))
    return 0
