"""Asynchronous I/O: contexts, requests on files and pipes, events, waiting for them, what is refused."""

from process_tools import ended, fork, leave, nap
from say import check, result, say, say_number

from guest.lang import addr, array, i16, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.aio import AioOperation

UNMAPPED = 0x10000


@struct
class Iocb:
    """struct iocb."""

    data: u64
    key: u32
    rw_flags: i32
    operation: u16
    priority: i16
    fd: i32
    buffer: u64
    size: u64
    offset: i64
    reserved: u64
    flags: u32
    counter: i32


@struct
class Event:
    """struct io_event."""

    data: u64
    request: u64
    result: i64
    result2: i64


requests: array[Iocb, 4]
pointers: array[u64, 4]
events: array[Event, 8]
room: array[u8, 256]
context: u64


def request(index: i64, operation: i64, fd: i64, at: u64, size: i64, offset: i64) -> None:
    """Fills one in."""
    one = requests[index]
    one.data = u64(100 + index)
    one.key = 0
    one.rw_flags = 0
    one.operation = u16(operation)
    one.priority = 0
    one.fd = i32(fd)
    one.buffer = at
    one.size = u64(size)
    one.offset = offset
    one.reserved = 0
    one.flags = 0
    one.counter = 0
    pointers[index] = u64(addr(requests[index]))


def submit(label: bytes, count: i64) -> i64:
    """io_submit."""
    return result(label, syscall(numbers.io_submit, context, count, pointers.ptr))


def got(label: bytes, least: i64, most: i64, timeout: u64) -> None:
    """io_getevents, and what came."""
    count = syscall(numbers.io_getevents, context, least, most, addr(events[0]), timeout)
    result(label, count)
    if count > 0:
        for i in range(count):
            say(b" ")
            say_number(i64(events[i].data))
            say(b": ")
            say_number(1 if events[i].result == 65 else events[i].result)  # POLLRDNORM comes with some wakes
            check(b" its request", events[i].request == pointers[events[i].data - 100])


def one(label: bytes, operation: i64, fd: i64, at: u64, size: i64, offset: i64) -> None:
    """One request, and its event."""
    request(0, operation, fd, at, size, offset)
    if submit(label, 1) == 1:
        got(b" event", 1, 1, 0)


def contexts() -> None:
    """io_setup, io_destroy."""
    global context
    at = u64(addr(context))
    result(b"none", syscall(numbers.io_setup, 0, at))
    result(b"far too many", syscall(numbers.io_setup, 0x7FFFFFFF, at))
    result(b"too many", syscall(numbers.io_setup, 70000, at))
    result(b"unmapped", syscall(numbers.io_setup, 4, UNMAPPED))
    context = 1
    result(b"not zero", syscall(numbers.io_setup, 4, at))
    context = 0
    result(b"set up", syscall(numbers.io_setup, 4, at))
    check(b" somewhere", context != 0)
    result(b"destroy nothing", syscall(numbers.io_destroy, 4096))
    result(b"submit to nothing", syscall(numbers.io_submit, 4096, 1, pointers.ptr))
    result(b"events of nothing", syscall(numbers.io_getevents, 4096, 0, 1, addr(events[0]), 0))


def files() -> None:
    """On a file."""
    fd = syscall(numbers.memfd_create, b"x\0".ptr, 0)
    text = b"hello there"
    request(0, AioOperation.IOCB_CMD_PWRITE, fd, u64(text.ptr), 5, 10)
    request(1, AioOperation.IOCB_CMD_PWRITE, fd, u64(text.ptr), 11, 0)
    request(2, AioOperation.IOCB_CMD_PREAD, fd, u64(room.ptr), 100, 3)
    submit(b"three", 3)
    got(b"all", 3, 8, 0)
    say(room[:12])
    say(b"\n")
    got(b"none", 0, 8, 0)
    result(b"position", syscall(numbers.lseek, fd, 0, 1))
    vector = array[u64, 4]([u64(room.ptr), 2, u64(room.ptr) + 10, 3])
    one(b"readv", AioOperation.IOCB_CMD_PREADV, fd, u64(vector.ptr), 2, 0)
    say(room[:2])
    say(room[10:13])
    say(b"\n")
    one(b"writev", AioOperation.IOCB_CMD_PWRITEV, fd, u64(vector.ptr), 2, 100)
    one(b"at the end", AioOperation.IOCB_CMD_PREAD, fd, u64(room.ptr), 100, 500)
    one(b"to nowhere", AioOperation.IOCB_CMD_PREAD, fd, UNMAPPED, 5, 0)
    one(b"negative offset", AioOperation.IOCB_CMD_PREAD, fd, u64(room.ptr), 5, -5)
    one(b"noop", AioOperation.IOCB_CMD_NOOP, fd, u64(room.ptr), 5, 0)
    one(b"unknown", 4, fd, u64(room.ptr), 5, 0)
    one(b"not open", AioOperation.IOCB_CMD_PREAD, 63, u64(room.ptr), 5, 0)
    one(b"sync with a place", AioOperation.IOCB_CMD_FSYNC, fd, u64(room.ptr), 5, 0)
    file = syscall(numbers.open, b"/tmp\0".ptr, 0o20200002, 0o600)
    one(b"sync", AioOperation.IOCB_CMD_FSYNC, file, 0, 0, 0)
    one(b"data sync", AioOperation.IOCB_CMD_FDSYNC, file, 0, 0, 0)
    result(b"no requests", syscall(numbers.io_submit, context, 0, pointers.ptr))
    result(b"negative", syscall(numbers.io_submit, context, -1, pointers.ptr))
    result(b"requests unmapped", syscall(numbers.io_submit, context, 1, UNMAPPED))
    pointers[0] = UNMAPPED
    submit(b"a request unmapped", 1)
    request(0, AioOperation.IOCB_CMD_PREAD, fd, u64(room.ptr), 5, 0)
    request(1, AioOperation.IOCB_CMD_PREAD, 63, u64(room.ptr), 5, 0)
    submit(b"up to a bad one", 2)
    got(b" event", 1, 4, 0)
    requests[0].reserved = 1
    submit(b"reserved", 1)
    counter = syscall(numbers.eventfd2, 0, 0)
    request(0, AioOperation.IOCB_CMD_PREAD, fd, u64(room.ptr), 5, 0)
    requests[0].flags = 1
    requests[0].counter = i32(counter)
    submit(b"with an eventfd", 1)
    got(b" event", 1, 4, 0)
    syscall(numbers.read, counter, room.ptr, 8)
    result(b" counted", room[0])
    requests[0].counter = i32(fd)
    submit(b"with no eventfd", 1)
    requests[0].counter = 63
    submit(b"with nothing", 1)


def waiting() -> None:
    """For events."""
    ends = array[u32, 2]()
    syscall(numbers.pipe2, ends.ptr, 0)
    span = array[i64, 2]([0, 20000000])
    got(b"in time", 1, 1, u64(span.ptr))
    span[1] = 0
    got(b"at once", 1, 1, u64(span.ptr))
    got(b"timeout unmapped", 1, 1, UNMAPPED)
    got(b"less than least", 2, 1, 0)
    got(b"negative", -1, 1, 0)
    text = b"pipe"
    one(b"into a pipe", AioOperation.IOCB_CMD_PWRITE, ends[1], u64(text.ptr), 4, 0)
    one(b"out of it", AioOperation.IOCB_CMD_PREAD, ends[0], u64(room.ptr), 40, 0)
    one(b"the wrong end", AioOperation.IOCB_CMD_PREAD, ends[1], u64(room.ptr), 40, 0)
    one(b"ready to write", AioOperation.IOCB_CMD_POLL, ends[1], 4, 0, 0)
    request(0, AioOperation.IOCB_CMD_POLL, ends[0], 1, 0, 0)
    submit(b"not ready", 1)
    got(b"none", 0, 1, 0)
    child = fork()
    if child == 0:
        nap(20)
        syscall(numbers.write, ends[1], text.ptr, 1)
        leave(0)
    got(b"ready", 1, 1, 0)
    ended(b"child", child)
    syscall(numbers.read, ends[0], room.ptr, 1)
    submit(b"not ready", 1)
    result(b"cancel another", syscall(numbers.io_cancel, context, addr(requests[2]), addr(events[0])))
    result(b"cancel", syscall(numbers.io_cancel, context, pointers[0], addr(events[0])))
    got(b"comes all the same", 1, 1, 0)
    request(0, AioOperation.IOCB_CMD_POLL, ends[0], 1, 1, 0)
    submit(b"a size to poll", 1)
    mask = array[u64, 3]([0, 8, 0])
    mask[0] = u64(addr(mask[2]))
    call = numbers.io_pgetevents
    result(b"with a mask", syscall(call, context, 0, 1, addr(events[0]), 0, mask.ptr))
    mask[1] = 7
    result(b"with a small mask", syscall(call, context, 0, 1, addr(events[0]), 0, mask.ptr))
    result(b"mask unmapped", syscall(call, context, 0, 1, addr(events[0]), 0, UNMAPPED))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    contexts()
    files()
    waiting()
    result(b"destroy", syscall(numbers.io_destroy, context))
    result(b"destroy again", syscall(numbers.io_destroy, context))
    return 0
