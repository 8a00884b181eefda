"""kill(-1): all processes of a run but the sender. For the bench alone, where nobody else is there."""

from gates import Gate
from process_tools import ended, fork
from say import result

from guest.lang import i64, ptr, syscall, u8
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import Signal


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Nobody, then two children."""
    if syscall(numbers.getpid) != 1000:
        return 1  # not on the bench
    ready = Gate()
    ready.make()
    result(b"nobody", syscall(numbers.kill, -1, 0))
    first = fork()
    if first == 0:
        ready.open()
        while True:
            syscall(numbers.pause)
    second = fork()
    if second == 0:
        ready.open()
        while True:
            syscall(numbers.pause)
    ready.wait()
    ready.wait()
    result(b"somebody", syscall(numbers.kill, -1, 0))
    result(b"no such signal", syscall(numbers.kill, -1, 65))
    result(b"all", syscall(numbers.kill, -1, Signal.SIGTERM))
    ended(b"first", first)
    ended(b"second", second)
    result(b"the shell is there", syscall(numbers.kill, syscall(numbers.getppid), 0))
    result(b"and takes nothing", syscall(numbers.kill, syscall(numbers.getppid), Signal.SIGTERM))
    result(b"nor its group", syscall(numbers.kill, -syscall(numbers.getppid), Signal.SIGTERM))
    result(b"nor init", syscall(numbers.kill, 1, Signal.SIGTERM))
    return 0
