"""The three standard streams of the bench, which are also the guest's: which of them were open at the start."""

import fcntl
import os
import sys

_closed: set[int] = set()


def reserve() -> None:
    """Takes the numbers of streams that are closed (`<&-`), so that no file of the bench's own gets one of them."""
    for fd in (0, 1, 2):
        try:
            fcntl.fcntl(fd, fcntl.F_GETFD)
        except OSError:
            _closed.add(fd)
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the end


def open_stream(fd: int) -> int | None:
    """The stream when it was open at the start: what the shell closed is closed for the guest, too."""
    return None if fd in _closed else fd
