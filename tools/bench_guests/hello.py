"""Says hello and ends: what is left is start-up."""

from guest.lang import i64, ptr, u8
from guest.rt import sys
from guest.rt.start import _start  # noqa: F401  where the kernel enters


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """One write(2)."""
    if sys.write(1, b"hello\n") != 6:
        return 1
    return 0
