"""Executes itself by /proc/self/exe, also from a child, and says how the second time ended."""

from exec_tools import say_end
from process_tools import fork, leave

from guest.lang import array, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers

words: array[u64, 4]


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """The second time there is an argument."""
    if argc > 1:
        return i64(argv[1][0]) - 0x30
    words[0] = u64(b"again\0".ptr)
    words[1] = u64(b"4\0".ptr)
    pid = fork()
    if pid == 0:
        leave(-syscall(numbers.execve, b"/proc/self/exe\0".ptr, words.ptr, 0))
    say_end(b"in a child", pid)
    return -syscall(numbers.execve, b"/proc/self/exe\0".ptr, words.ptr, 0)
