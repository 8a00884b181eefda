"""async functions: nested awaits, locals of every kind across them, runtime awaitables, handles as integers."""

from prelude import _start, say, show, show_bool

from guest.lang import (
    addr,
    array,
    coro,
    coroutine_allocator,
    coroutine_deallocator,
    destroy,
    done,
    i64,
    noinline,
    null,
    ptr,
    result,
    resume,
    struct,
    suspend,
    u8,
    u32,
    u64,
)

arena: array[u64, 4096]
used: u64
live: i64
limit: i64 = 100


@coroutine_allocator
def allocate(size: u64) -> ptr[u8]:
    global used, live
    if live >= limit:
        return null
    live += 1
    place = ptr[u8](addr(arena[0])) + used
    used += (size + 15) // 16 * 16
    return place


@coroutine_deallocator
def free(place: ptr[u8], size: u64) -> None:
    global live, used
    live -= 1
    if live == 0:
        used = 0


@struct
class Ticks:
    """Ready at the n-th poll."""

    left: u32
    answer: u64 = 5
    polls: u32

    def poll(self) -> bool:
        self.polls += 1
        if self.left == 0:
            return True
        self.left -= 1
        return False

    def value(self) -> u64:
        return self.answer + self.polls


@struct
class Plain:
    ready: bool

    def poll(self) -> bool:
        return self.ready


@struct
class Pair:
    a: u64
    b: u64


async def leaf(n: u64) -> u64:
    suspend()
    return n * 2


async def wide(n: u64) -> tuple[u64, bool]:
    x = await leaf(n)
    return x, x > 10


async def nothing() -> None:
    suspend()
    say(b"nothing")


async def text(name: bytes) -> bytes:
    room = array[u8, 8]()
    suspend()
    room[0] = name[0]
    suspend()
    if room[0] == 0x61:
        return b"is a"
    return b"is no a"


async def parent(n: u64) -> u64:
    pair = Pair(n, 1)
    numbers = array[u32, 4]()
    view = b"abc"
    total: u64 = 0
    for i in range(3):
        numbers[i] = u32(i) * 10
        total += await leaf(n + u64(i))
        pair.b += total
    x, big = await wide(total)
    if big:
        total += x
    await nothing()
    total += await Ticks(2, answer=1000)
    await Plain(True)
    for number in numbers:
        total += number
    total += u64(len(view)) + u64(view[2])
    return total + pair.a + pair.b


async def recursive(n: u32) -> u32:
    if n == 0:
        suspend()
        return 0
    return n + await recursive(n - 1)


@struct
class Server:
    count: u32

    async def serve(self, times: u32) -> u32:
        for _ in range(times):
            self.count += 1
            suspend()
        return self.count


async def waits() -> None:
    await Plain(False)


@noinline
def run(handle: u64) -> i64:
    rounds = 0
    c = coro[u64](handle)
    while not done(c):
        resume(c)
        rounds += 1
    return rounds


async def conditions() -> u64:
    rounds: u64 = 0
    while await leaf(rounds) < 6 and (await leaf(1) == 2 or await leaf(2) == 0):
        rounds += 1 if await leaf(3) == 6 else 100
    return rounds


async def kept() -> u64:
    first = leaf(1)
    second = leaf(2)
    resume(first)
    resume(second)
    resume(second)
    total = await second + await first
    room = array[u64, 3]([await leaf(5), 1, total])
    room[await leaf(0)] += await leaf(room[1])
    return room[0] * 100 + room[2]


async def starved() -> u64:
    c = leaf(1)
    if c == null:
        return 1
    destroy(c)
    return 0


def main() -> i64:
    c = parent(5)
    show_bool(done(c))  # => false
    slot = u64(c)
    # => nothing
    show(run(slot))  # => 8
    show(i64(result(c)))  # => 1317
    destroy(c)
    show(live)  # => 0
    r = recursive(10)
    resume(r)
    show_bool(done(r))  # => false
    show(live)  # => 11
    resume(r)
    show_bool(done(r))  # => true
    show(result(r))  # => 55
    destroy(r)
    show(live)  # => 0
    # destroying a coroutine that waits destroys those it waits for
    r = recursive(7)
    resume(r)
    show(live)  # => 8
    destroy(r)
    show(live)  # => 0
    w = waits()
    resume(w)
    resume(w)
    show_bool(done(w))  # => false
    destroy(w)
    server = Server()
    s = server.serve(3)
    while not done(s):
        resume(s)
    show(result(s) + server.count)  # => 6
    destroy(s)
    d = conditions()
    run(u64(d))
    show(i64(result(d)))  # => 3
    destroy(d)
    k = kept()
    run(u64(k))
    show(i64(result(k)))  # => 1206
    destroy(k)
    show(live)  # => 0
    t = text(b"abc")
    while not done(t):
        resume(t)
    say(result(t))  # => is a
    destroy(t)
    global limit
    limit = 1
    x = starved()
    resume(x)
    show(i64(result(x)))  # => 1
    destroy(x)
    limit = 0
    y = leaf(3)
    show_bool(y == null)  # => true
    show(live)  # => 0
    return 0
