"""Threads that wait on pipes, eventfds and locks: each wakes when its turn has come, and gets what Linux gives."""

from hands import buffer, open_at, pages
from say import check, result, say
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open, Prot

BIG = 300000


@struct
class Vector:
    """struct iovec."""

    base: u64
    size: i64


ends: array[i32, 2]
event: i32
answers: array[i64, 8]
memory: u64


def rest(milliseconds: i64) -> None:
    """Let the others get where they wait."""
    time = array[i64, 2]()
    time[1] = milliseconds * 1000000
    syscall(numbers.nanosleep, addr(time[0]), 0)


def reads_pipe(slot: u64) -> i64:
    answers[slot] = syscall(numbers.read, ends[0], addr(buffer[0]), 100)
    return 0


def reads_event(slot: u64) -> i64:
    counter = u64(0)
    answers[slot] = syscall(numbers.read, event, addr(counter), 8)
    answers[slot + 1] = i64(counter)
    return 0


def writes_event(slot: u64) -> i64:
    counter = u64(0xFFFFFFFFFFFFFFFE)
    answers[slot] = syscall(numbers.write, event, addr(counter), 8)
    return 0


def writes_much(slot: u64) -> i64:
    answers[slot] = syscall(numbers.write, ends[1], memory, BIG)
    return 0


def writes_vectors(slot: u64) -> i64:
    table = array[Vector, 4]()
    for i in range(4):
        table[i].base = memory + u64(i) * 70001
        table[i].size = 70001
    table[1].size = 0
    answers[slot] = syscall(numbers.writev, ends[1], addr(table[0]), 4)
    return 0


def reads_all(label: bytes, size: i64) -> None:
    """Take `size` bytes off the pipe in odd pieces, and check that they come in order."""
    seen = i64(0)
    count = i64(0)
    right = True
    into = memory + BIG + 4096
    while seen < size:
        count = syscall(numbers.read, ends[0], into, 7777)
        if count <= 0:
            result(label, count)
            return
        seen += count
    for i in range(count):
        if ptr[u8](into)[i] != ptr[u8](memory)[(seen - count + i) % BIG]:
            right = False
    result(label, seen)
    check(b"  the last piece is right", right)


def waits() -> None:
    syscall(numbers.pipe2, addr(ends[0]), 0)
    spawn_in(0, reads_pipe, 0)
    rest(20)
    result(b"write", syscall(numbers.write, ends[1], b"wake".ptr, 4))
    join(0)
    result(b"a waiting read", answers[0])
    spawn_in(0, reads_pipe, 0)
    rest(20)
    syscall(numbers.close, ends[1])
    join(0)
    result(b"a waiting read when the writer goes", answers[0])
    syscall(numbers.close, ends[0])
    syscall(numbers.pipe2, addr(ends[0]), 0)
    spawn_in(0, writes_much, 0)
    reads_all(b"a big write", BIG)
    join(0)
    result(b"  all at once for the writer", answers[0])
    spawn_in(0, writes_much, 0)
    rest(20)
    result(b"close the reader", syscall(numbers.close, ends[0]))
    join(0)
    check(b"a big write whose reader goes is short", answers[0] > 0 and answers[0] < BIG)
    syscall(numbers.close, ends[1])


def vectors() -> None:
    syscall(numbers.pipe2, addr(ends[0]), 0)
    spawn_in(0, writes_vectors, 0)
    seen = i64(0)
    while seen < 210003:
        count = syscall(numbers.read, ends[0], memory + BIG + 4096, 7777)
        if count <= 0:
            break
        seen += count
    result(b"a big writev", seen)
    join(0)
    result(b"  for the writer", answers[0])
    syscall(numbers.close, ends[0])
    syscall(numbers.close, ends[1])


def events() -> None:
    fd = i32(syscall(numbers.eventfd2, 0, 0))
    set_event(fd)
    spawn_in(0, reads_event, 0)
    rest(20)
    counter = u64(7)
    syscall(numbers.write, event, addr(counter), 8)
    join(0)
    result(b"a waiting eventfd read", answers[0])
    result(b"  counter", answers[1])
    counter = 2
    syscall(numbers.write, event, addr(counter), 8)
    spawn_in(0, writes_event, 0)
    rest(20)
    syscall(numbers.read, event, addr(counter), 8)
    result(b"counter", i64(counter))
    join(0)
    result(b"a waiting eventfd write", answers[0])
    syscall(numbers.read, event, addr(counter), 8)
    check(b"counter", counter == 0xFFFFFFFFFFFFFFFE)
    syscall(numbers.close, event)


def set_event(fd: i32) -> None:
    """Tell the threads which one."""
    global event
    event = fd


def reads_two(slot: u64) -> i64:
    answers[slot] = syscall(numbers.read, ends[0], addr(buffer[slot * 100]), 1)
    return 0


def several() -> None:
    syscall(numbers.pipe2, addr(ends[0]), 0)
    for slot in range(4):
        spawn_in(i64(slot), reads_two, u64(slot))
    rest(20)
    syscall(numbers.write, ends[1], b"abcd".ptr, 4)
    total = i64(0)
    for slot in range(4):
        join(i64(slot))
        total += answers[slot]
    result(b"four readers, four bytes", total)
    syscall(numbers.close, ends[0])
    syscall(numbers.close, ends[1])


def opens_fifo(slot: u64) -> i64:
    answers[slot] = open_at(b"fifo\0", Open.O_WRONLY)
    answers[slot + 1] = syscall(numbers.write, answers[slot], b"first".ptr, 5)
    syscall(numbers.close, answers[slot])
    return 0


def fifos() -> None:
    result(b"FIFO without a reader", open_at(b"fifo\0", Open.O_WRONLY | Open.O_NONBLOCK))
    spawn_in(0, opens_fifo, 0)
    rest(20)
    fd = open_at(b"fifo\0", Open.O_RDONLY)
    check(b"FIFO", fd >= 0)
    result(b"read", syscall(numbers.read, fd, addr(buffer[0]), 100))
    join(0)
    result(b"written", answers[1])
    result(b"end", syscall(numbers.read, fd, addr(buffer[0]), 100))
    syscall(numbers.close, fd)
    fd = open_at(b"fifo\0", Open.O_RDONLY | Open.O_NONBLOCK)
    check(b"FIFO, O_NONBLOCK", fd >= 0)
    result(b"read", syscall(numbers.read, fd, addr(buffer[0]), 100))
    syscall(numbers.close, fd)


def waits_for_lock(slot: u64) -> i64:
    answers[slot + 1] = open_at(b"file\0", Open.O_RDWR)
    answers[slot] = syscall(numbers.flock, answers[slot + 1], 2)
    return 0


def locks() -> None:
    fd = open_at(b"file\0", Open.O_RDWR)
    result(b"flock", syscall(numbers.flock, fd, 2))
    answers[0] = 99
    spawn_in(0, waits_for_lock, 0)
    rest(30)
    check(b"the other waits", answers[0] == 99)
    syscall(numbers.close, fd)
    join(0)
    result(b"the other has it", answers[0])


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    global memory
    action = array[u64, 4]()
    action[0] = 1
    syscall(numbers.rt_sigaction, 13, addr(action[0]), 0, 8)
    memory = pages(160, Prot.PROT_READ | Prot.PROT_WRITE)
    for i in range(BIG):
        ptr[u8](memory)[i] = u8(i % 251)
    say(b"- waits\n")
    waits()
    say(b"- vectors\n")
    vectors()
    say(b"- events\n")
    events()
    say(b"- several\n")
    several()
    say(b"- fifos\n")
    fifos()
    say(b"- locks\n")
    locks()
    return 0
