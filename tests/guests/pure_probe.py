"""Runs the cases of pure_cases on records from stdin (case, length in 2 bytes, data); writes length and result of each."""

from pure_cases import run_case

from guest.lang import addr, array, i64, ptr, syscall, u8
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

data: array[u8, 65536]
out: array[u8, 4096]


def read_exactly(target: ptr[u8], size: i64) -> bool:
    """Fill `size` bytes from stdin; False at its end."""
    got = i64(0)
    while got < size:
        count = syscall(numbers.read, 0, target + got, size - got)
        if count <= 0:
            return False
        got += count
    return True


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Serve records until stdin ends."""
    head = array[u8, 3]()
    while read_exactly(head.ptr, 3):
        size = i64(head[1]) * 256 + i64(head[2])
        if not read_exactly(data.ptr, size):
            return 1
        written = run_case(i64(head[0]), data[0:size], out)
        head[1] = u8(written >> 8)
        head[2] = u8(written & 255)
        syscall(numbers.write, 1, addr(head[1]), 2)
        syscall(numbers.write, 1, out.ptr, written)
    return 0
