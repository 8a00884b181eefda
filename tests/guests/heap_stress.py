"""Four threads allocate, fill, check and free blocks, often each other's; then the heap is used up and given back."""

from guest.lang import addr, array, atomic, fence, i64, null, ptr, u8, u32, u64
from guest.rt import heap, sys, threads
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import put, put_decimal

THREADS = 4
ROUNDS = 20000
SHELF = 64  # blocks that lie between the threads

shelf: array[u64, 64]
finished: u32
failures: u32


def check_and_free(block: u64) -> None:
    """A block begins with its size, and each further byte is what `fill` put there."""
    memory = ptr[u8](block)
    size = i64(ptr[u64](block)[0])
    for i in range(8, size):
        if memory[i] != u8((block >> 4) + u64(size)):
            atomic.add(addr(failures), u32(1))
            return
    heap.free(memory)


def fill(size: i64) -> u64:
    """A fresh block, marked all over; 0 when there is none."""
    memory = heap.allocate(u64(size))
    if memory == null:
        return 0
    block = u64(memory)
    ptr[u64](block)[0] = u64(size)
    for i in range(8, size):
        memory[i] = u8((block >> 4) + u64(size))
    return block


def churn(seed: u64) -> None:
    """Take a block off the shelf or put one there, ROUNDS times."""
    state = u64(seed * 2 + 1)
    for _ in range(ROUNDS):
        state = state * 6364136223846793005 + 1442695040888963407
        place = addr(shelf[(state >> 33) % SHELF])
        block = atomic.exchange(place, u64(0))
        if block != 0:
            check_and_free(block)
        else:
            fresh = fill(i64(8 + (state >> 40) % 700))
            before = atomic.exchange(place, fresh)
            if before != 0:
                check_and_free(before)
    atomic.add(addr(finished), u32(1))
    sys.futex_wake(addr(finished), u32(1))


def say(what: bytes, number: u64) -> None:
    """Print a line."""
    text = array[u8, 64]()
    at = put(text, 0, what)
    at = put_decimal(text, at, number)
    at = put(text, at, b"\n")
    sys.write(1, text[0:at])


def use_up(size: u64) -> u64:
    """Allocate until there is nothing left, chain the blocks, free them all; how many there were."""
    chain = u64(0)
    count = u64(0)
    while True:
        memory = heap.allocate(size)
        if memory == null:
            break
        ptr[u64](memory)[0] = chain
        chain = u64(memory)
        count += 1
    while chain != 0:
        memory = ptr[u8](chain)
        chain = ptr[u64](chain)[0]
        heap.free(memory)
    return count


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Run all of it; with an argument, free a block twice instead."""
    threads.adopt_main_thread()
    if not heap.initialise():
        return 1
    if argc > 1:
        memory = heap.allocate(100)
        heap.free(memory)
        heap.free(memory)
        return 0
    for i in range(THREADS):
        if threads.spawn(churn, u64(i)) < 0:
            return 1
    while True:
        done = atomic.load(addr(finished))
        if done == THREADS:
            break
        sys.futex_wait(addr(finished), done)
    for i in range(SHELF):
        if shelf[i] != 0:
            check_and_free(shelf[i])
    say(b"failures ", u64(failures))
    carved = heap.carved
    small = u64(1) if carved < 1000000 else u64(0)
    say(b"little was carved ", small)
    large = use_up(u64(1 << 20))
    say(b"large blocks ", large)
    first = use_up(u64(1000))
    say(b"again as many ", u64(1) if use_up(u64(1000)) == first else u64(0))
    say(b"large again ", u64(1) if use_up(u64(1 << 20)) == large else u64(0))
    say(b"too large ", u64(heap.allocate(u64(1 << 22))))
    fence()
    return 0
