"""splice, tee and vmsplice: between pipes, files and sockets; what waits, what is refused."""

from process_tools import ended, fork, leave, nap
from say import check, result, say

from guest.lang import addr, array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.pipes import Splice

UNMAPPED = 0x10000
NOW = Splice.SPLICE_F_NONBLOCK
one: array[u32, 2]
two: array[u32, 2]
room: array[u8, 4096]
vector: array[u64, 8]
big: array[u8, 65536]


def move(label: bytes, source: i64, from_: u64, target: i64, to: u64, size: i64, flags: i64) -> None:
    """splice."""
    result(label, syscall(numbers.splice, source, from_, target, to, size, flags))


def show(label: bytes, fd: i64) -> None:
    """What is in a pipe, of which there is something."""
    value = syscall(numbers.read, fd, room.ptr, 100)
    say(label)
    say(b": ")
    if value > 0:
        say(room[:value])
    say(b"\n")


def put(fd: i64, text: bytes) -> None:
    """write."""
    syscall(numbers.write, fd, text.ptr, len(text))


def pipes() -> None:
    """From one to another."""
    put(one[1], b"hello there")
    move(b"pipe to pipe", one[0], 0, two[1], 0, 5, 0)
    result(b"tee", syscall(numbers.tee, one[0], two[1], 100, 0))
    show(b"two", two[0])
    show(b"one", one[0])
    move(b"nothing", one[0], 0, two[1], 0, 0, 0)
    move(b"nothing now", one[0], 0, two[1], 0, 5, NOW)
    result(b"tee nothing now", syscall(numbers.tee, one[0], two[1], 5, NOW))
    result(b"tee of nothing", syscall(numbers.tee, one[0], two[1], 0, 0))
    result(b"tee into itself", syscall(numbers.tee, one[0], one[1], 5, 0))
    result(b"tee, flags", syscall(numbers.tee, one[0], two[1], 5, 64))
    result(b"tee, not open", syscall(numbers.tee, 63, two[1], 5, 0))
    result(b"tee, the wrong end", syscall(numbers.tee, one[1], two[1], 5, 0))
    move(b"flags", one[0], 0, two[1], 0, 5, 64)
    move(b"not open", 63, 0, two[1], 0, 5, 0)
    move(b"not open", one[0], 0, 63, 0, 5, 0)
    move(b"the wrong end", one[1], 0, two[1], 0, 5, 0)
    move(b"the wrong end", one[0], 0, two[0], 0, 5, 0)
    move(b"an offset of a pipe", one[0], u64(addr(vector[0])), two[1], 0, 5, 0)
    move(b"itself", one[0], 0, one[1], 0, 5, 0)


def files() -> None:
    """From and into a file."""
    fd = syscall(numbers.memfd_create, b"x\0".ptr, 0)
    put(fd, b"0123456789")
    at = array[i64, 1]([3])
    move(b"file to pipe", fd, u64(at.ptr), one[1], 0, 4, 0)
    result(b" offset", at[0])
    show(b" is", one[0])
    syscall(numbers.lseek, fd, 0, 0)
    move(b"from where it is", fd, 0, one[1], 0, 100, 0)
    show(b" is", one[0])
    move(b"at its end", fd, 0, one[1], 0, 100, 0)
    put(one[1], b"abc")
    at[0] = 20
    move(b"pipe to file", one[0], 0, fd, u64(at.ptr), 100, 0)
    result(b" offset", at[0])
    result(b" size", syscall(numbers.lseek, fd, 0, 2))
    at[0] = -1
    move(b"negative", fd, u64(at.ptr), one[1], 0, 4, 0)
    move(b"unmapped", fd, UNMAPPED, one[1], 0, 4, 0)
    move(b"no pipe", fd, 0, fd, 0, 4, 0)
    result(b"tee of a file", syscall(numbers.tee, fd, one[1], 5, 0))
    syscall(numbers.close, fd)
    pair = array[u32, 2]()
    syscall(numbers.socketpair, 1, 1, 0, pair.ptr)
    put(pair[0], b"socket")
    move(b"socket to pipe", pair[1], 0, one[1], 0, 100, 0)
    move(b"pipe to socket", one[0], 0, pair[1], 0, 100, 0)
    show(b" is", pair[0])
    child = fork()
    if child == 0:
        leave(syscall(numbers.splice, pair[1], 0, one[1], 0, 100, 0))
    nap(20)
    put(pair[0], b"later")
    ended(b"waits for a socket", child)
    show(b" is", one[0])


def waiting() -> None:
    """For something, for room."""
    child = fork()
    if child == 0:
        leave(syscall(numbers.splice, one[0], 0, two[1], 0, 100, 0))
    nap(20)
    put(one[1], b"at last")
    ended(b"waits for a pipe", child)
    show(b" is", two[0])
    child = fork()
    if child == 0:
        leave(syscall(numbers.tee, one[0], two[1], 100, 0))
    nap(20)
    put(one[1], b"twice")
    ended(b"tee waits", child)
    show(b" is", two[0])
    show(b" is", one[0])


def memory() -> None:
    """vmsplice."""
    room[200] = 0x61
    room[201] = 0x62
    vector[0] = u64(addr(room[200]))
    vector[1] = 2
    vector[2] = u64(addr(room[200]))
    vector[3] = 1
    call = numbers.vmsplice
    result(b"vmsplice", syscall(call, one[1], vector.ptr, 2, 0))
    vector[0] = u64(room.ptr)
    vector[1] = 100
    result(b"out", syscall(call, one[0], vector.ptr, 1, 0))
    say(room[:3])
    say(b"\n")
    result(b"nothing now", syscall(call, one[0], vector.ptr, 1, NOW))
    result(b"no vector", syscall(call, one[1], vector.ptr, 0, 0))
    result(b"too many", syscall(call, one[1], vector.ptr, 1025, 0))
    result(b"unmapped", syscall(call, one[1], UNMAPPED, 1, 0))
    result(b"flags", syscall(call, one[1], vector.ptr, 1, 64))
    result(b"not open", syscall(call, 63, vector.ptr, 1, 0))
    result(b"no pipe", syscall(call, syscall(numbers.memfd_create, b"x\0".ptr, 0), vector.ptr, 1, 0))
    vector[0] = UNMAPPED
    result(b"bad memory", syscall(call, one[1], vector.ptr, 1, 0))
    vector[0] = u64(syscall(numbers.mmap, 0, 200704, 3, 0x22, -1, 0))
    vector[1] = 200704
    result(b"more than fits", syscall(call, one[1], vector.ptr, 1, 0))
    result(b"full", syscall(call, one[1], vector.ptr, 1, NOW))
    child = fork()
    if child == 0:
        nap(20)
        total = i64(0)
        while total < 65536:
            total += syscall(numbers.read, one[0], big.ptr, 65536)
        leave(total // 1024)
    vector[1] = 4096
    result(b"waits for room", syscall(call, one[1], vector.ptr, 1, 0))
    ended(b"child", child)
    result(b"left", syscall(numbers.read, one[0], big.ptr, 65536))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    syscall(numbers.pipe2, one.ptr, 0)
    syscall(numbers.pipe2, two.ptr, 0)
    pipes()
    files()
    waiting()
    memory()
    syscall(numbers.close, one[1])
    move(b"at the end", one[0], 0, two[1], 0, 5, 0)
    result(b"tee at the end", syscall(numbers.tee, one[0], two[1], 5, 0))
    check(b"done", True)
    return 0
