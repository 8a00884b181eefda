"""Forks COUNT times with a heap of 16 MiB that was written to: `fork_heap COUNT`; each child ends at once and is waited for."""

from guest.lang import i64, ptr, syscall, u8
from guest.rt.cstring import cstring
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal
from syscalls import numbers

HEAP = 16 << 20
PAGE = 4096


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """fork(2) and wait4(2) COUNT times; 1 when a call did not do what it should, 2 when COUNT is no number."""
    if argc != 2:
        return 2
    left = parse_decimal(cstring(argv[1]), 1 << 40)
    if left < 0:
        return 2
    start = syscall(numbers.brk, 0)
    if syscall(numbers.brk, start + HEAP) != start + HEAP:
        return 1
    heap = ptr[u8](start)
    for page in range(HEAP // PAGE):
        heap[page * PAGE] = 1
    while left > 0:
        pid = syscall(numbers.fork)
        if pid == 0:
            syscall(numbers.exit_group, 0)
        if pid < 0 or syscall(numbers.wait4, pid, 0, 0, 0) != pid:
            return 1
        left -= 1
    return 0
