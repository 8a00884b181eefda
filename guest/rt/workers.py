"""Workers: the loop that runs ready tasks, and looks at the descriptors when there are none."""

from guest.lang import i64, u32, u64
from guest.rt import idle, io, tasks, threads

TICK = 64  # tasks run between two looks at the descriptors, when there are always ready ones


def work(unused: u64) -> None:
    """Run tasks for ever."""
    thread = threads.current()
    while True:
        ready = tasks.take_ready()
        if ready != 0:
            tasks.run(ready - 1)
            thread.ticks += 1
            if thread.ticks >= TICK:
                thread.ticks = 0
                io.poll(False)
        elif not idle.leave():
            idle.park()
        elif tasks.any_ready():
            idle.arrive()
        else:
            io.poll(True)


def start(count: u32) -> i64:
    """Start `count` threads that work; 0 or minus an errno."""
    for _ in range(count):
        started = threads.spawn(work, u64(0))
        if started < 0:
            return started
    return 0
