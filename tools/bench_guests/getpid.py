"""Makes the cheapest system call COUNT times: `getpid COUNT`."""

from guest.lang import i64, ptr, syscall, u8
from guest.rt.cstring import cstring
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal
from syscalls import numbers


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """getpid(2) COUNT times; 2 when COUNT is no number."""
    if argc != 2:
        return 2
    left = parse_decimal(cstring(argv[1]), 1 << 40)
    if left < 0:
        return 2
    while left > 0:
        syscall(numbers.getpid)
        left -= 1
    return 0
