"""One array, polled again and again while everything about it changes, in a way that only looks random."""

from inet import close, nap
from say import result, say, say_hex

from guest.lang import addr, array, i16, i32, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.threads import adopt_main_thread, spawn
from syscalls import numbers
from syscalls.flags import Poll


@struct
class PollFd:
    """struct pollfd."""

    fd: i32
    events: i16
    revents: i16


COUNT = 24
sets: array[PollFd, 48]
near: array[i32, 24]
far: array[i32, 24]
pair: array[i32, 2]
data: array[u8, 64]
seed: u64
hash: u64
later: array[i32, 4]


def random(limit: u64) -> i64:
    """The next number below `limit`."""
    global seed
    seed = seed * 6364136223846793005 + 1442695040888963407
    return i64((seed >> 33) % limit)


def mix(value: u64) -> None:
    """Take a value into the transcript."""
    global hash
    hash = (hash ^ value) * 0x100000001B3


def renew(index: u32) -> None:
    """A fresh pair at this place."""
    syscall(numbers.socketpair, 1, 1, 0, pair.ptr)
    near[index] = pair[0]
    far[index] = pair[1]


def events() -> i16:
    """What to ask for."""
    kind = random(4)
    if kind == 0:
        return i16(Poll.POLLIN)
    if kind == 1:
        return i16(Poll.POLLOUT)
    if kind == 2:
        return i16(Poll.POLLIN | Poll.POLLRDHUP)
    return i16(0)


def step(number: i64) -> i64:
    """Change something, and poll."""
    index = u32(random(COUNT))
    what = random(12)
    if what < 4:
        syscall(numbers.sendto, far[index], data.ptr, 3, 0x4040, 0, 0)
    elif what < 7:
        syscall(numbers.recvfrom, near[index], data.ptr, 64, 0x40, 0, 0)
    elif what == 7:
        syscall(numbers.close, far[index])
        far[index] = -1
    elif what == 8:
        close(i64(near[index]))
        if far[index] >= 0:
            close(i64(far[index]))
        renew(index)
    elif what == 9:
        # The same number, another file: and the old one lives on as a duplicate.
        copy = syscall(numbers.dup, near[index])
        other = u32(random(COUNT))
        syscall(numbers.dup2, near[other], near[index])
        close(copy)
    elif what == 10:
        syscall(numbers.shutdown, near[index], random(3))
    size = u32(COUNT)
    if random(8) == 0:
        size = u32(random(COUNT))
    if random(3) == 0:
        for i in range(size):
            sets[i].fd = near[u32(random(COUNT))]
            sets[i].events = events()
    elif random(2) == 0:
        one = u32(random(COUNT))
        sets[one].fd = near[u32(random(COUNT))]
        sets[one].events = events()
    else:
        for i in range(COUNT):
            sets[i].fd = near[i]
            sets[i].events = i16(Poll.POLLIN)
    if random(20) == 0:
        sets[u32(random(COUNT))].fd = 999
    if random(10) == 0:
        sets[u32(random(COUNT))].fd = -1
    if random(5) == 0:
        for i in range(COUNT):
            sets[i].revents = 0x77
    code = syscall(numbers.poll, addr(sets[0]), size, 0)
    mix(u64(code))
    for i in range(COUNT):
        mix(u64(sets[i].revents) & 0xFFFF)
    return code


def write_later(argument: u64) -> None:
    """Make something ready while the other thread waits; close first what it waits for."""
    nap(10)
    copy = syscall(numbers.dup, later[0])
    close(i64(later[0]))
    nap(5)
    syscall(numbers.write, later[1], b"x".ptr, 1)
    nap(5)
    close(copy)
    close(i64(later[1]))


def under_the_hand() -> None:
    """A descriptor is closed while poll waits for it, and its number is used again."""
    for turn in range(6):
        syscall(numbers.socketpair, 1, 1, 0, later.ptr)
        sets[0].fd = later[0]
        sets[0].events = Poll.POLLIN
        if turn % 2 == 0:
            result(b"no time", syscall(numbers.poll, addr(sets[0]), 1, 0))
            close(i64(later[0]))
            close(i64(later[1]))
        else:
            spawn(write_later, 0)
            result(b"waits", syscall(numbers.poll, addr(sets[0]), 1, 2000))
            say_hex(u64(sets[0].revents) & 0xFFFF)
            say(b"\n")
            nap(30)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The transcript."""
    adopt_main_thread()
    for i in range(COUNT):
        renew(u32(i))
    for number in range(3000):
        code = step(number)
        if number % 20 == 0:
            result(b"ready", code)
            say_hex(hash)
            say(b"\n")
    under_the_hand()
    return 0
