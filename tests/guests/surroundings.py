"""Prints its arguments, its environment, and what opening the path in the last argument gives."""

from say import result, say

from guest.lang import i64, null, ptr, syscall, u8
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open


def say_string(text: ptr[u8]) -> None:
    """Print a C string and a newline."""
    size = i64(0)
    while text[size] != 0:
        size += 1
    syscall(numbers.write, 1, text, size)
    say(b"\n")


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Print them."""
    for i in range(1, argc):
        say_string(argv[i])
    i = i64(0)
    while envp[i] != null:
        say_string(envp[i])
        i += 1
    path = argv[argc - 1]
    fd = syscall(numbers.openat, At.AT_FDCWD, path, Open.O_RDONLY, 0)
    if fd >= 0:
        fd = 0
    result(b"read", fd)
    fd = syscall(numbers.openat, At.AT_FDCWD, path, Open.O_RDWR, 0)
    if fd >= 0:
        fd = 0
    result(b"write", fd)
    return 0
