"""POSIX message queues: names, attributes, priorities, waiting, readiness, being told of a message."""

from process_tools import ended, fork, leave, nap
from say import check, result, say, say_number
from signal_tools import bit, mask_of

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open
from syscalls.flags.signals import SigMask, Signal

UNMAPPED = 0x10000
NAME = b"emu-test-queue\0"
NEW = Open.O_CREAT | Open.O_EXCL | Open.O_RDWR
room: array[u8, 9000]
attributes: array[i64, 8]
event: array[u64, 8]
info: array[i32, 32]


def sized(most: i64, size: i64) -> u64:
    """struct mq_attr."""
    attributes[0] = 0
    attributes[1] = most
    attributes[2] = size
    return u64(attributes.ptr)


def opened(label: bytes, name: bytes, flags: i64, at: u64) -> i64:
    """mq_open."""
    value = syscall(numbers.mq_open, name.ptr, flags, 0o600, at)
    if value < 0:
        result(label, value)
    else:
        check(label, True)
    return value


def send(label: bytes, queue: i64, size: i64, priority: i64) -> None:
    """A text of one letter, which tells its priority."""
    room[0] = u8(0x41 + priority)
    result(label, syscall(numbers.mq_timedsend, queue, room.ptr, size, priority, 0))


def receive(label: bytes, queue: i64, size: i64) -> None:
    """What comes, and its priority."""
    priority = u32(77)
    value = syscall(numbers.mq_timedreceive, queue, room.ptr, size, addr(priority), 0)
    result(label, value)
    if value > 0:
        say(b" ")
        say(room[:1])
        say_number(priority)
        say(b"\n")


def state(label: bytes, queue: i64) -> None:
    """Its attributes."""
    result(label, syscall(numbers.mq_getsetattr, queue, 0, attributes.ptr))
    for i in range(4):
        say(b" ")
        say_number(attributes[i])
    say(b"\n")


def ready(label: bytes, queue: i64) -> None:
    """What poll reports."""
    entry = array[u32, 2]([u32(queue), 5])
    result(label, syscall(numbers.poll, entry.ptr, 1, 0))
    say_number(i64(entry[1] >> 16))
    say(b"\n")


def names() -> None:
    """What is a name."""
    opened(b"missing", NAME, Open.O_RDWR, 0)
    opened(b"slash", b"/x\0", NEW, 0)
    opened(b"inner slash", b"a/b\0", NEW, 0)
    opened(b"dot", b".\0", NEW, 0)
    opened(b"empty", b"\0", NEW, 0)
    for i in range(300):
        room[i] = 0x61
    room[300] = 0
    result(b"long", syscall(numbers.mq_open, room.ptr, NEW, 0o600, 0))
    result(b"unmapped", syscall(numbers.mq_open, UNMAPPED, NEW, 0o600, 0))
    opened(b"attributes unmapped", NAME, NEW, UNMAPPED)
    opened(b"no messages", NAME, NEW, sized(0, 10))
    opened(b"no size", NAME, NEW, sized(10, 0))
    opened(b"far too many", NAME, NEW, sized(1 << 40, 10))
    result(b"unlink nothing", syscall(numbers.mq_unlink, NAME.ptr))


def waiting(queue: i64) -> None:
    """For a message and for room."""
    span = array[i64, 2]([1, 0])
    call = numbers.mq_timedreceive
    result(b"past", syscall(call, queue, room.ptr, 16, 0, span.ptr))
    span[1] = 1000000000
    result(b"no time", syscall(call, queue, room.ptr, 16, 0, span.ptr))
    result(b"time unmapped", syscall(call, queue, room.ptr, 16, 0, UNMAPPED))
    syscall(numbers.clock_gettime, 0, span.ptr)
    span[1] += 20000000
    if span[1] >= 1000000000:
        span[1] -= 1000000000
        span[0] += 1
    result(b"in time", syscall(call, queue, room.ptr, 16, 0, span.ptr))
    child = fork()
    if child == 0:
        value = syscall(call, queue, room.ptr, 16, 0, 0)
        leave(value * 10 + i64(room[0]) - 0x41)
    nap(20)
    send(b"for the child", queue, 3, 2)
    ended(b"child", child)
    for i in range(4):
        send(b"fill", queue, 1, i)
    span[0] = 1
    span[1] = 0
    result(b"full", syscall(numbers.mq_timedsend, queue, room.ptr, 1, 0, span.ptr))
    child = fork()
    if child == 0:
        leave(-syscall(numbers.mq_timedsend, queue, room.ptr, 1, 9, 0))
    nap(20)
    receive(b"room", queue, 16)
    ended(b"child", child)
    for _i in range(4):
        receive(b"empty", queue, 16)


def told(queue: i64, signal: i64, value: u64, kind: i64) -> i64:
    """mq_notify."""
    event[0] = value
    event[1] = u64(signal) | u64(kind) << 32
    return syscall(numbers.mq_notify, queue, event.ptr)


def notices(queue: i64) -> None:
    """mq_notify."""
    usual = bit(Signal.SIGUSR1)
    mask_of(SigMask.SIG_BLOCK, usual)
    span = array[i64, 2]([0, 50000000])
    result(b"kind", told(queue, 10, 1, 7))
    result(b"signal", told(queue, 99, 1, 0))
    result(b"event unmapped", syscall(numbers.mq_notify, queue, UNMAPPED))
    result(b"no queue", told(1, 10, 1, 0))
    result(b"ask", told(queue, 10, 0x1234, 0))
    result(b"ask again", told(queue, 10, 1, 0))
    send(b"send", queue, 1, 1)
    result(b"came", syscall(numbers.rt_sigtimedwait, addr(usual), info.ptr, span.ptr, 8))
    result(b" code", info[2])
    check(b" by me", i64(info[4]) == syscall(numbers.getpid))
    result(b" value", info[6])
    result(b"ask of a queue with messages", told(queue, 10, 2, 0))
    send(b"send", queue, 1, 1)
    result(b"nothing came", syscall(numbers.rt_sigtimedwait, addr(usual), info.ptr, span.ptr, 8))
    receive(b"one", queue, 16)
    receive(b"two", queue, 16)
    child = fork()
    if child == 0:
        result(b"child asks", told(queue, 10, 3, 0))
        result(b"child takes back", syscall(numbers.mq_notify, queue, 0))
        send(b"child sends", queue, 1, 1)
        leave(0)
    ended(b"child", child)
    result(b"came", syscall(numbers.rt_sigtimedwait, addr(usual), info.ptr, span.ptr, 8))
    check(b" by the child", i64(info[4]) == child)
    result(b" value", info[6])
    receive(b"one", queue, 16)
    result(b"silently", told(queue, 0, 0, 1))
    result(b"taken back", syscall(numbers.mq_notify, queue, 0))
    result(b"ask", told(queue, 10, 4, 0))
    child = fork()
    if child == 0:
        leave(i64(syscall(numbers.mq_timedreceive, queue, room.ptr, 16, 0, 0)))
    nap(20)
    send(b"to who waits", queue, 1, 1)
    ended(b"child", child)
    result(b"nothing came", syscall(numbers.rt_sigtimedwait, addr(usual), info.ptr, span.ptr, 8))
    result(b"still asked for", told(queue, 10, 5, 0))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    names()
    queue = opened(b"make", NAME, NEW, sized(4, 16))
    opened(b"make again", NAME, NEW, 0)
    opened(b"both modes", NAME, 3, 0)
    result(b"close-on-exec", syscall(numbers.fcntl, queue, 1, 0))
    result(b"flags", syscall(numbers.fcntl, queue, 3, 0))
    state(b"new", queue)
    ready(b"for writing", queue)
    reads = opened(b"to read", NAME, Open.O_RDONLY | Open.O_NONBLOCK, 0)
    writes = opened(b"to write", NAME, Open.O_WRONLY | Open.O_NONBLOCK | Open.O_CREAT, 0)
    state(b"not blocking", reads)
    send(b"may not", reads, 1, 0)
    receive(b"may not", writes, 16)
    receive(b"nothing", reads, 16)
    send(b"too long", writes, 17, 0)
    send(b"priority", writes, 1, 32768)
    send(b"no queue", 1, 1, 0)
    send(b"not open", 63, 1, 0)
    result(b"unmapped", syscall(numbers.mq_timedsend, writes, UNMAPPED, 3, 0, 0))
    send(b"low", writes, 5, 1)
    send(b"high", writes, 6, 5)
    send(b"low", writes, 7, 1)
    send(b"nothing", writes, 0, 0)
    send(b"full", writes, 7, 1)
    ready(b"full", queue)
    state(b"full", queue)
    receive(b"small room", reads, 15)
    receive(b"first", reads, 16)
    result(b"to nowhere", syscall(numbers.mq_timedreceive, reads, UNMAPPED, 16, 0, 0))
    receive(b"third", reads, 16)
    receive(b"fourth", reads, 16)
    receive(b"none", reads, 16)
    text = syscall(numbers.read, queue, room.ptr, 100)
    check(b"read tells", text > 20)
    say(room[:7])
    say(b"\n")
    result(b"write", syscall(numbers.write, queue, room.ptr, 10))
    waiting(queue)
    notices(queue)
    attributes[0] = Open.O_NONBLOCK
    result(b"set", syscall(numbers.mq_getsetattr, queue, attributes.ptr, 0))
    state(b"set", queue)
    receive(b"none", queue, 16)
    attributes[0] = 1
    result(b"set more", syscall(numbers.mq_getsetattr, queue, attributes.ptr, 0))
    result(b"of nothing", syscall(numbers.mq_getsetattr, 1, 0, attributes.ptr))
    result(b"attributes to nowhere", syscall(numbers.mq_getsetattr, queue, 0, UNMAPPED))
    result(b"unlink", syscall(numbers.mq_unlink, NAME.ptr))
    opened(b"gone", NAME, Open.O_RDWR, 0)
    send(b"still there", queue, 1, 3)
    receive(b"still there", queue, 16)
    result(b"close", syscall(numbers.close, queue))
    return 0
