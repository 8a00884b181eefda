"""The three standard streams of the bench, which are also the guest's: which of them were open at the start."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator

from emu.failure import Failure

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


def put(text: str) -> None:
    """Prints a line of emu's own answer on stdout. Raises `Failure` when it cannot be written, BrokenPipeError when its
    reader has gone."""
    with _told():
        sys.stdout.write(text + "\n")


def flush() -> None:
    """Writes what `put` has held back; raises as it does."""
    with _told():
        sys.stdout.flush()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), 1
        )  # what is still held goes nowhere, without a second complaint
        raise Failure(f"standard output cannot be written: {error.strerror}") from None
