"""Makes the file `rests-now`, and rests until it is killed."""

from process_tools import nap

from guest.lang import i64, ptr, syscall, u8
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import At, Open


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Rest."""
    syscall(numbers.openat, At.AT_FDCWD, b"rests-now\0".ptr, Open.O_CREAT | Open.O_WRONLY, 0o600)
    while True:
        nap(1000)
