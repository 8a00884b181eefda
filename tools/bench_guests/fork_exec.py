"""Runs itself COUNT times: `fork_exec COUNT`; fork(2), execve(2) of a program that ends at once, and wait4(2)."""

from guest.lang import array, i64, ptr, syscall, u8
from guest.rt.cstring import cstring
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal
from syscalls import numbers

SELF = b"/proc/self/exe\0"

arguments: array[ptr[u8], 3]


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """COUNT times; 0 at once when COUNT is 0, 1 when a call did not do what it should, 2 when COUNT is no number."""
    if argc != 2:
        return 2
    left = parse_decimal(cstring(argv[1]), 1 << 40)
    if left < 0:
        return 2
    arguments[0] = SELF.ptr
    arguments[1] = b"0\0".ptr
    while left > 0:
        pid = syscall(numbers.fork)
        if pid == 0:
            syscall(numbers.execve, SELF.ptr, arguments.ptr, envp)
            syscall(numbers.exit_group, 127)
        if pid < 0 or syscall(numbers.wait4, pid, 0, 0, 0) != pid:
            return 1
        left -= 1
    return 0
