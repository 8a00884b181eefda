"""A thread that needs more stack than it has runs into the guard page below it, and into nobody else's memory."""

from guest.lang import array, i64, noinline, ptr, u8, u64
from guest.rt import heap, sys, threads
from guest.rt.start import _start  # noqa: F401  where the kernel enters


@noinline
def touch(room: ptr[u8], level: u64) -> None:
    """Nothing that a compiler sees through."""
    room[i64(level % 1024)] = u8(level & 255)


@noinline
def deep(level: u64) -> u64:
    """Use a kilobyte of stack for each level."""
    room = array[u8, 1024]()
    touch(room.ptr, level)
    if level == 0:
        return u64(room[5])
    below = deep(level - 1)
    touch(room.ptr, below)
    return below + u64(room[7])


def dive(levels: u64) -> None:
    """Say what came back, if anything does."""
    sum = deep(levels)
    sys.write(1, b"came back\n" if sum < 1000000 else b"odd\n")
    if levels > 60:
        sys.exit_group(0)
    threads.spawn(dive, u64(100))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """40 KiB fit, 100 do not."""
    threads.adopt_main_thread()
    heap.initialise()
    threads.spawn(dive, u64(40))
    while True:
        sys.nanosleep(1000000000)
    return 0
