"""Copies stdin to stdout with blocking calls of `copies SIZE` bytes, then tells on stderr how much that was: a cat(1)."""

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u64
from guest.rt.cstring import cstring
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal
from syscalls import numbers
from syscalls.flags import Fcntl, Ioctl, Map, Prot


@struct
class Vector:
    """struct iovec."""

    base: u64
    size: i64


def complain(text: bytes) -> None:
    syscall(numbers.write, 2, text.ptr, len(text))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    size = parse_decimal(cstring(argv[1]), 1 << 30)
    memory = syscall(
        numbers.mmap, 0, size, Prot.PROT_READ | Prot.PROT_WRITE, Map.MAP_PRIVATE | Map.MAP_ANONYMOUS, -1, 0
    )
    room = array[u8, 256]()
    if syscall(numbers.ioctl, 0, Ioctl.TCGETS, addr(room[0])) == 0:
        complain(b"a terminal\n")
    if syscall(numbers.fcntl, 1, Fcntl.F_GETFL, 0) & 0o4000 != 0:
        complain(b"stdout is nonblocking\n")
    table = array[Vector, 2]()
    turn = i64(0)
    while True:
        count = syscall(numbers.read, 0, memory, size)
        if count == 0:
            break
        if count < 0:
            complain(b"read failed\n")
            return 1
        turn += 1
        if turn % 2 == 0:
            table[0].base = u64(memory)
            table[0].size = count // 2
            table[1].base = u64(memory + count // 2)
            table[1].size = count - count // 2
            written = syscall(numbers.writev, 1, addr(table[0]), 2)
        else:
            written = syscall(numbers.write, 1, memory, count)
        if written != count:
            complain(b"a short write\n")
            return 1
    complain(b"end\n")
    return 0
