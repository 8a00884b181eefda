"""Writes the first 64 KiB of each file that is named to stdout; the error where one cannot be opened."""

from say import result

from guest.lang import addr, array, i64, ptr, syscall, u8
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open

contents: array[u8, 65536]


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    for i in range(1, argc):
        fd = syscall(numbers.openat, At.AT_FDCWD, argv[i], Open.O_RDONLY, 0)
        if fd < 0:
            result(b"open", fd)
            continue
        count = syscall(numbers.read, fd, addr(contents[0]), 65536)
        if count < 0:
            result(b"read", count)
        else:
            syscall(numbers.write, 1, addr(contents[0]), count)
        syscall(numbers.close, fd)
    return 0
