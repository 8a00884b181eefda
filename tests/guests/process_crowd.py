"""Two hundred processes at once, each with a pipe to its parent; and a tree of processes that sums up over pipes."""

from process_tools import child, fork, hear, leave, pipe, reap, tell
from say import check, result

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

MOST = 200

ends: array[i32, 2]
gate: array[i32, 2]


def member(number: u64) -> i64:
    """Says its number, waits until all are there."""
    value = i64(number)
    syscall(numbers.write, ends[1], addr(value), 8)
    hear(i64(gate[0]))
    return value % 100


def crowd() -> None:
    """All alive at once."""
    pids = array[i64, 200]()
    pipe(ends.ptr)
    pipe(gate.ptr)
    for number in range(MOST):
        pids[number] = child(member, u64(number))
    total = i64(0)
    value = i64(0)
    for _ in range(MOST):
        syscall(numbers.read, ends[0], addr(value), 8)
        total += value
    result(b"sum of their numbers", total)
    for _ in range(MOST):
        tell(i64(gate[1]))
    good = i64(0)
    for number in range(MOST):
        if reap(pids[number]) == number % 100 << 8:
            good += 1
    result(b"ended as they should", good)
    result(b"nobody is left", syscall(numbers.wait4, -1, 0, 0, 0))


def tree(depth: i64) -> i64:
    """Two subtrees, summed up over a pipe."""
    if depth == 0:
        return 1
    up = array[i32, 2]()
    pipe(up.ptr)
    for _ in range(2):
        if fork() == 0:
            value = tree(depth - 1)
            syscall(numbers.write, up[1], addr(value), 8)
            leave(0)
    syscall(numbers.close, up[1])
    total = i64(1)
    value = i64(0)
    while syscall(numbers.read, up[0], addr(value), 8) == 8:
        total += value
    reap(-1)
    reap(-1)
    syscall(numbers.close, up[0])
    return total


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Both."""
    crowd()
    result(b"nodes of a tree", tree(5))
    check(b"end", True)
    return 0
