"""Tells a saved trace from a program, without loading what reads traces."""

import os
import stat
from pathlib import Path

HEAD = 64
"""Bytes of a file's beginning that are enough to tell."""

PACKERS = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ\0": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
}
"""What a compressed file begins with, what compressed it, and the command that undoes it."""


def packer(head: bytes) -> tuple[str, str] | None:
    """What has compressed a file that begins with `head`, and the command that undoes it."""
    return next((names for magic, names in PACKERS.items() if head.startswith(magic)), None)


def is_trace(head: bytes) -> bool:
    """Whether a file that begins with `head` (`HEAD` bytes) means to be a trace, damaged or compressed ones included:
    no program begins with a brace."""
    return (
        head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\0").startswith(b"{") or packer(head) is not None
    )


def is_saved(path: str | Path) -> bool:
    """Whether the file is a trace to be read rather than a program to be run; False when it cannot be opened.

    A FIFO cannot be run, so it is a trace; it is not looked into, which would take from it what is to be read.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            return stat.S_ISFIFO(mode)
        with open(path, "rb") as file:
            return is_trace(file.read(HEAD))
    except (OSError, ValueError):
        return False


def what_neither(path: str | Path) -> str:
    """Why a file is neither a trace nor a program, in words; empty when it may be one, or cannot be opened."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return ""
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except (OSError, ValueError):
        return ""
    if not head:
        return "the file is empty"
    if is_trace(head) or head.startswith((b"\x7fELF"[: len(head)], b"#!")):
        return ""
    return "it begins neither as a trace nor as an ELF file"
