"""The lines of source around the places of calls, as far as the files are found on this machine."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

AROUND = 5
"""Lines shown before and after the line of a call."""

LARGEST = 4 << 20
"""Bytes of a source file that is read."""

MOST_FILES = 500

SUFFIXES = frozenset(
    [
        ".py",
        ".pyi",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".cxx",
        ".hpp",
        ".hh",
        ".rs",
        ".zig",
        ".go",
        ".s",
        ".asm",
        ".inc",
        ".nim",
        ".d",
        ".ada",
        ".adb",
        ".ads",
        ".f90",
        ".hs",
        ".ml",
        ".swift",
        ".v",
        ".odin",
        ".cr",
    ]
)
"""What source files are called. A trace may come from anywhere, and must not make a page show other files."""


def lines(places: Iterable[tuple[str, int]], folders: Iterable[Path]) -> dict[str, dict[str, str]]:
    """By file name as the trace has it, the lines near `places` by their numbers, which count from 1.

    Relative names are looked for below `folders`, in order. What is no source file, is not there or cannot be read is left out.
    """
    wanted: dict[str, set[int]] = {}
    for file, line in places:
        if line > 0:
            wanted.setdefault(file, set()).update(range(max(1, line - AROUND), line + AROUND + 1))
    found: dict[str, dict[str, str]] = {}
    folders = list(folders)
    for file in sorted(wanted)[:MOST_FILES]:
        text = _read(file, folders)
        if text is not None:
            whole = text.split("\n")
            found[file] = {str(line): whole[line - 1] for line in sorted(wanted[file]) if line <= len(whole)}
    return found


def _read(file: str, folders: list[Path]) -> str | None:
    if os.path.splitext(file)[1].lower() not in SUFFIXES or "\0" in file:
        return None
    for folder in folders:
        try:
            # Not to block on a FIFO that is called so.
            handle = os.open(folder / file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError):
            continue
        try:
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST:
                with open(handle, "rb", closefd=False) as stream:
                    return stream.read().decode("utf-8", "replace")
        finally:
            os.close(handle)
    return None
