"""Writes 64 bytes to /dev/null COUNT times: `write COUNT`; a call with a descriptor, a buffer and a size to decode."""

from guest.lang import i64, ptr, syscall, u8
from guest.rt.cstring import cstring
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal
from syscalls import numbers

AT_FDCWD = -100
O_WRONLY = 1
NULL = b"/dev/null\0"
LINE = b"sixty-four bytes of text, as long as a short line of a log file\n"


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """write(2) COUNT times; 1 when a call did not do what it should, 2 when COUNT is no number."""
    if argc != 2:
        return 2
    left = parse_decimal(cstring(argv[1]), 1 << 40)
    if left < 0:
        return 2
    fd = syscall(numbers.openat, AT_FDCWD, NULL.ptr, O_WRONLY, 0)
    if fd < 0:
        return 1
    while left > 0:
        if syscall(numbers.write, fd, LINE.ptr, len(LINE)) != len(LINE):
            return 1
        left -= 1
    return 0
