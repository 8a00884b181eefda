"""splice, tee, vmsplice: from files to pipes and back, between pipes and sockets, what they refuse, and how they wait."""

from hands import NOWHERE, buffer, make_file, open_at, position, read_back, write_text
from say import result, say
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open

NONBLOCK = 2
IGN = 1


@struct
class Vector:
    """struct iovec."""

    base: u64
    size: i64


one: array[i32, 2]
two: array[i32, 2]
pair: array[i32, 2]
answers: array[i64, 8]
vectors: array[Vector, 3]


def splice(source: i64, from_: i64, target: i64, to: i64, size: i64, flags: i64) -> i64:
    """splice(2)."""
    return syscall(numbers.splice, source, from_, target, to, size, flags)


def open_pipes(flags: i64) -> None:
    syscall(numbers.pipe2, addr(one[0]), flags)
    syscall(numbers.pipe2, addr(two[0]), flags)


def close_pipes() -> None:
    for i in range(2):
        syscall(numbers.close, one[i])
        syscall(numbers.close, two[i])


def files() -> None:
    """A file into a pipe, a pipe into a file, with offsets and without."""
    open_pipes(0)
    make_file(b"spliced\0", b"0123456789abcdef")
    fd = open_at(b"spliced\0", Open.O_RDWR)
    offset = i64(4)
    result(b"file to pipe", splice(fd, 0, one[1], 0, 3, 0))
    position(b"  the file is at", fd)
    result(b"with an offset", splice(fd, i64(addr(offset)), one[1], 0, 5, 0))
    result(b"  the offset is", offset)
    position(b"  the file is at", fd)
    read_back(b"what came", one[0], 100)
    offset = 100
    result(b"behind the end", splice(fd, i64(addr(offset)), one[1], 0, 5, 0))
    write_text(one[1], b"into the file")
    offset = 14
    result(b"pipe to file", splice(one[0], 0, fd, i64(addr(offset)), 100, 0))
    result(b"  the offset is", offset)
    syscall(numbers.lseek, fd, 0, 0)
    read_back(b"the file", fd, 100)
    result(b"nothing", splice(fd, 0, one[1], 0, 0, 99))
    result(b"unknown flags", splice(fd, 0, one[1], 0, 1, 16))
    result(b"no pipe", splice(fd, 0, fd, 0, 1, 0))
    result(b"bad source", splice(99, 0, one[1], 0, 1, 0))
    result(b"bad target", splice(fd, 0, 99, 0, 1, 0))
    result(b"an offset of a pipe", splice(fd, 0, one[1], i64(addr(offset)), 1, 0))
    result(b"an offset nowhere", splice(fd, NOWHERE, one[1], 0, 1, 0))
    offset = -1
    result(b"a negative offset", splice(fd, i64(addr(offset)), one[1], 0, 1, 0))
    result(b"from the writing end", splice(one[1], 0, fd, 0, 1, 0))
    result(b"to the reading end", splice(fd, 0, one[0], 0, 1, 0))
    append = open_at(b"spliced\0", Open.O_WRONLY | Open.O_APPEND)
    write_text(one[1], b"x")
    result(b"to a file that is appended to", splice(one[0], 0, append, 0, 1, 0))
    reader = open_at(b"spliced\0", Open.O_RDONLY)
    result(b"to a file that is read", splice(one[0], 0, reader, 0, 1, 0))
    syscall(numbers.close, reader)
    syscall(numbers.close, append)
    event = syscall(numbers.eventfd2, 5, 0)
    result(b"from an eventfd", splice(event, 0, one[1], 0, 8, NONBLOCK))
    syscall(numbers.close, event)
    syscall(numbers.close, fd)
    close_pipes()


def between() -> None:
    """Pipe to pipe, tee, and without waiting."""
    open_pipes(0)
    write_text(one[1], b"a copy, then the rest")
    result(b"tee", syscall(numbers.tee, one[0], two[1], 6, 0))
    read_back(b"  the copy", two[0], 100)
    result(b"pipe to pipe", splice(one[0], 0, two[1], 0, 13, 0))
    read_back(b"  what moved", two[0], 100)
    read_back(b"  what stayed", one[0], 100)
    result(b"empty", splice(one[0], 0, two[1], 0, 5, NONBLOCK))
    result(b"tee of nothing", syscall(numbers.tee, one[0], two[1], 5, NONBLOCK))
    result(b"to itself", splice(one[0], 0, one[1], 0, 5, NONBLOCK))
    result(b"tee to itself", syscall(numbers.tee, one[0], one[1], 5, NONBLOCK))
    result(b"tee, flags", syscall(numbers.tee, one[0], two[1], 5, 32))
    result(b"tee, bad", syscall(numbers.tee, one[0], 99, 5, 0))
    result(b"tee of 0 bytes", syscall(numbers.tee, one[0], two[1], 0, 0))
    result(b"tee to the reading end", syscall(numbers.tee, one[0], two[0], 5, 0))
    syscall(numbers.close, one[1])
    result(b"without a writer", splice(one[0], 0, two[1], 0, 5, 0))
    result(b"tee without a writer", syscall(numbers.tee, one[0], two[1], 5, 0))
    close_pipes()
    open_pipes(Open.O_NONBLOCK)
    result(b"O_NONBLOCK", splice(one[0], 0, two[1], 0, 5, 0))
    result(b"tee, O_NONBLOCK", syscall(numbers.tee, one[0], two[1], 5, 0))
    syscall(numbers.close, two[0])
    write_text(one[1], b"lost")
    result(b"without a reader", splice(one[0], 0, two[1], 0, 5, 0))
    close_pipes()


def memory() -> None:
    """vmsplice, both ways."""
    open_pipes(0)
    text = b"first and second"
    vectors[0].base = u64(text.ptr)
    vectors[0].size = 5
    vectors[1].base = u64(text.ptr) + 10
    vectors[1].size = 6
    result(b"vmsplice", syscall(numbers.vmsplice, one[1], addr(vectors[0]), 2, 0))
    read_back(b"  what came", one[0], 100)
    result(b"no vectors", syscall(numbers.vmsplice, one[1], addr(vectors[0]), 0, 0))
    result(b"too many", syscall(numbers.vmsplice, one[1], addr(vectors[0]), 2000, 0))
    result(b"from nowhere", syscall(numbers.vmsplice, one[1], NOWHERE, 2, 0))
    result(b"flags", syscall(numbers.vmsplice, one[1], addr(vectors[0]), 2, 64))
    result(b"bad", syscall(numbers.vmsplice, 99, addr(vectors[0]), 2, 0))
    write_text(one[1], b"for memory")
    vectors[0].base = u64(addr(buffer[0]))
    vectors[0].size = 3
    vectors[1].base = u64(addr(buffer[0])) + 3
    vectors[1].size = 100
    count = syscall(numbers.vmsplice, one[0], addr(vectors[0]), 2, 0)
    result(b"from the reading end", count)
    syscall(numbers.write, 1, addr(buffer[0]), count)
    say(b"\n")
    result(b"empty", syscall(numbers.vmsplice, one[0], addr(vectors[0]), 2, NONBLOCK))
    vectors[0].base = NOWHERE
    result(b"memory that is not there", syscall(numbers.vmsplice, one[1], addr(vectors[0]), 1, 0))
    fd = open_at(b"spliced\0", Open.O_RDWR)
    result(b"not a pipe", syscall(numbers.vmsplice, fd, addr(vectors[0]), 1, 0))
    syscall(numbers.close, fd)
    close_pipes()


def rest(milliseconds: i64) -> None:
    """Let the others get where they wait."""
    time = array[i64, 2]()
    time[1] = milliseconds * 1000000
    syscall(numbers.nanosleep, addr(time[0]), 0)


def moves(slot: u64) -> i64:
    answers[slot] = splice(one[0], 0, two[1], 0, 100, 0)
    return 0


def copies(slot: u64) -> i64:
    answers[slot] = syscall(numbers.tee, one[0], two[1], 100, 0)
    return 0


def from_socket(slot: u64) -> i64:
    answers[slot] = splice(pair[0], 0, two[1], 0, 100, 0)
    return 0


def waits() -> None:
    """Threads that wait for bytes, for room, for the end."""
    open_pipes(0)
    spawn_in(0, moves, 0)
    rest(20)
    write_text(one[1], b"moved late")
    join(0)
    result(b"a waiting splice", answers[0])
    spawn_in(0, copies, 0)
    rest(20)
    write_text(one[1], b"copied late")
    join(0)
    result(b"a waiting tee", answers[0])
    read_back(b"  both", two[0], 100)
    read_back(b"  what is left", one[0], 100)
    syscall(numbers.fcntl, two[1], 4, Open.O_NONBLOCK)
    full = i64(0)
    while full >= 0:
        full = syscall(numbers.write, two[1], addr(buffer[0]), 4096)
    syscall(numbers.fcntl, two[1], 4, 0)
    write_text(one[1], b"when there is room")
    result(b"no room", splice(one[0], 0, two[1], 0, 100, NONBLOCK))
    spawn_in(0, moves, 0)
    rest(20)
    for _i in range(16):
        syscall(numbers.read, two[0], addr(buffer[0]), 4096)
    join(0)
    result(b"a splice that waits for room", answers[0])
    spawn_in(0, moves, 0)
    rest(20)
    syscall(numbers.close, one[1])
    join(0)
    result(b"when the writer goes", answers[0])
    close_pipes()


def sockets() -> None:
    """Stream sockets at either end."""
    open_pipes(0)
    syscall(numbers.socketpair, 1, 1, 0, addr(pair[0]))
    write_text(one[1], b"through a socket")
    result(b"pipe to socket", splice(one[0], 0, pair[0], 0, 100, 0))
    read_back(b"  what came", pair[1], 100)
    write_text(pair[1], b"back again")
    result(b"socket to pipe", splice(pair[0], 0, two[1], 0, 100, 0))
    read_back(b"  what came", two[0], 100)
    spawn_in(0, from_socket, 0)
    rest(20)
    write_text(pair[1], b"late")
    join(0)
    result(b"a splice that waits for a socket", answers[0])
    syscall(numbers.fcntl, pair[0], 4, Open.O_NONBLOCK)
    result(b"a socket with nothing", splice(pair[0], 0, two[1], 0, 100, 0))
    syscall(numbers.close, pair[1])
    result(b"a socket at its end", splice(pair[0], 0, two[1], 0, 100, 0))
    write_text(one[1], b"lost")
    result(b"to nobody", splice(one[0], 0, pair[0], 0, 100, 0))
    syscall(numbers.close, pair[0])
    close_pipes()


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it; SIGPIPE is ignored."""
    ignore = array[u64, 4]()
    ignore[0] = IGN
    syscall(numbers.rt_sigaction, 13, addr(ignore[0]), 0, 8)
    files()
    between()
    memory()
    waits()
    sockets()
    return 0
