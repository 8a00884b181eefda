"""The numbers of three pseudo-terminals, of which the first is closed before the third is made."""

from pty_tools import ioctl, open_master
from say import say, say_number

from guest.lang import addr, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl


def number(master: i64) -> None:
    """Print TIOCGPTN."""
    found = u32(99)
    ioctl(master, Ioctl.TIOCGPTN, u64(addr(found)))
    say(b"number ")
    say_number(i64(found))
    say(b"\n")


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    first = open_master()
    number(first)
    number(open_master())
    syscall(numbers.close, first)
    number(open_master())
    return 0
