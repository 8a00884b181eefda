"""The heap: 16 MiB (or as the program says) from mmap, carved by compare-and-swap; freed blocks go to lists by size and are used again.

A block is a 16-byte header and its payload. A list head is one 64-bit word, the block's offset below and a counter above
that every change increments: so a head that was popped and pushed again in between (ABA) does not pass for unchanged.
"""

from guest.lang import (
    addr,
    array,
    atomic,
    coroutine_allocator,
    coroutine_deallocator,
    i64,
    null,
    ptr,
    relaxed,
    sizeof,
    struct,
    u8,
    u32,
    u64,
)
from guest.rt.abi import MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE
from guest.rt.sys import mmap

HEAP_SIZE = 16 << 20
UNIT = 16  # alignment; offsets in list heads count units
FIRST_UNIT = 1  # offset 0 means "no block"
CLASSES = 30  # payloads of 64, 96, 128, 192, ... 1.5 MiB
LARGE_CLASS = 18  # from 32 KiB on
LARGE_SHARE = 6 << 20  # what large blocks may take, so that they never starve the small ones

FREE = 0x46524545
USED = 0x55534544


@struct
class Block:
    """What stands before each payload."""

    state: u32
    size_class: u32
    next: u32  # offset in units of the next free block
    padding: u32


heap_base: u64
heap_size: u64
carved: u64
carved_large: u64
free_lists: array[u64, 30]


def initialise(size: u64 = HEAP_SIZE) -> bool:
    """Map a heap of `size` bytes; False when the kernel has no memory for it."""
    global heap_base, heap_size, carved
    address = mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS)
    if address < 0:
        return False
    heap_base = u64(address)
    heap_size = size
    carved = u64(FIRST_UNIT * UNIT)
    return True


def class_size(size_class: u32) -> u64:
    """The payload bytes of a block of this class."""
    if (size_class & 1) == 0:
        return u64(64) << u64(size_class // 2)
    return u64(96) << u64(size_class // 2)


def class_of(size: u64) -> u32:
    """The smallest class that holds `size` bytes; CLASSES when none does."""
    size_class = u32(0)
    while size_class < CLASSES and class_size(size_class) < size:
        size_class += 1
    return size_class


def block_at(unit: u32) -> ptr[Block]:
    """The block at this offset."""
    return ptr[Block](heap_base + u64(unit) * UNIT)


def push(size_class: u32, unit: u32) -> None:
    """Put a free block on its list."""
    head = addr(free_lists[size_class])
    block = block_at(unit)
    while True:
        old = atomic.load(head)
        atomic.store(addr(block.next), u32(old), relaxed)
        if atomic.compare_exchange(head, old, (((old >> 32) + 1) << 32) | u64(unit)) == old:
            return


def pop(size_class: u32) -> u32:
    """Take a free block off its list; 0 when there is none."""
    head = addr(free_lists[size_class])
    while True:
        old = atomic.load(head)
        unit = u32(old)
        if unit == 0:
            return 0
        # Another thread may own the block by now; then `following` is stale and the exchange fails by the counter.
        following = atomic.load(addr(block_at(unit).next), relaxed)
        if atomic.compare_exchange(head, old, (((old >> 32) + 1) << 32) | u64(following)) == old:
            return unit


def take(counter: ptr[u64], size: u64, limit: u64) -> u64:
    """Raise `counter` by `size` unless it would pass `limit`; returns the old value, or ~0 when it would."""
    while True:
        old = atomic.load(counter)
        if old + size > limit:
            return ~u64(0)
        if atomic.compare_exchange(counter, old, old + size) == old:
            return old


def carve(size_class: u32) -> u32:
    """Cut a fresh block off the untouched part of the heap; 0 when it does not fit there."""
    size = class_size(size_class) + sizeof(Block)
    if size_class >= LARGE_CLASS and take(addr(carved_large), size, u64(LARGE_SHARE)) == ~u64(0):
        return 0
    start = take(addr(carved), size, heap_size)
    if start == ~u64(0):
        return 0
    unit = u32(start // UNIT)
    block_at(unit).size_class = size_class
    return unit


def allocate(size: u64) -> ptr[u8]:
    """A block of at least `size` bytes, not zeroed, 16-byte aligned; null when the heap has none."""
    size_class = class_of(size)
    if size_class == CLASSES:
        return null
    unit = pop(size_class)
    if unit == 0:
        unit = carve(size_class)
    while unit == 0:
        # Nothing left to carve: a larger free block serves as it is, and goes back to its own list later.
        size_class += 1
        if size_class == CLASSES:
            return null
        unit = pop(size_class)
    block = block_at(unit)
    block.state = USED
    return ptr[u8](u64(block) + sizeof(Block))


def free(payload: ptr[u8]) -> None:
    """Give a block back."""
    start = u64(payload) - sizeof(Block)
    block = ptr[Block](start)
    assert block.state == USED, "freed a block that is not in use"
    block.state = FREE
    push(block.size_class, u32((start - heap_base) // UNIT))


def capacity(payload: ptr[u8]) -> i64:
    """How many bytes the block really holds."""
    return i64(class_size(ptr[Block](u64(payload) - sizeof(Block)).size_class))


@coroutine_allocator
def allocate_frame(size: u64) -> ptr[u8]:
    """Memory for a coroutine's frame; null when there is none."""
    return allocate(size)


@coroutine_deallocator
def free_frame(frame: ptr[u8], size: u64) -> None:
    """The end of a coroutine's frame of `size` bytes."""
    assert size <= u64(capacity(frame))
    free(frame)
