"""A task waits for a descriptor that another one closes; the number is used again at once; and deadlines."""

from guest.lang import i32, i64, ptr, u8, u32, u64
from guest.rt import heap, idle, io, net, sys, tasks, threads, workers
from guest.rt.abi import ECANCELED, EFD_NONBLOCK, ETIMEDOUT
from guest.rt.net import Readable, Turn
from guest.rt.start import _start  # noqa: F401  where the kernel enters

shared: i32
stage: u32


def say(ok: bool, what: bytes) -> None:
    """Print a fact that should hold."""
    sys.write(1, b"ok: " if ok else b"NOT OK: ")
    sys.write(1, what)
    sys.write(1, b"\n")


async def waiter() -> None:
    """Is woken by the close, then waits for the descriptor that got the same number."""
    global stage
    say(await Readable(shared, io.FOREVER) == -ECANCELED, b"a closed descriptor ends the wait for it")
    fresh = i32(sys.eventfd2(EFD_NONBLOCK))
    say(fresh == shared, b"the number is used again")
    say(
        await Readable(fresh, io.now() + 30) == -ETIMEDOUT,
        b"the new descriptor is not ready, the deadline passes",
    )
    stage = 1
    say(await Readable(fresh, io.FOREVER) == 0, b"the new descriptor becomes ready")
    say(await Readable(fresh, io.FOREVER) == 0, b"and is still")
    sys.exit_group(0)


async def closer() -> None:
    """Let the waiter wait, then close under its feet; later make its new descriptor ready."""
    other = i32(sys.eventfd2(EFD_NONBLOCK))
    await Turn()
    await Turn()
    net.close(shared)
    io.forget(shared)
    io.forget(99999)
    io.forget(-1)
    while stage == 0:
        await Readable(other, io.now() + 5)
    await Readable(other, io.now() + 5)
    sys.write_eventfd(shared)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Two tasks on one worker."""
    global shared
    threads.adopt_main_thread()
    heap.initialise()
    tasks.initialise()
    io.initialise()
    idle.initialise(u32(1))
    shared = i32(sys.eventfd2(EFD_NONBLOCK))
    tasks.start(tasks.reserve() - 1, waiter())
    tasks.start(tasks.reserve() - 1, closer())
    workers.work(u64(0))
    return 0
