"""Where an export goes: a file that is there whole or not at all, or a device that is written into."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

BUFFER = 1 << 20

APPLICATION = int.from_bytes(b"emuT", "big")
"""The application id in the header of the SQLite databases that are written here (https://sqlite.org/fileformat.html)."""


class ExportError(Exception):
    """An export that cannot be: one line that says what, where and what to do."""


def wrong_target(path: Path, format: str, source: str | Path | None) -> str:
    """Why an export must not go there, in words; empty when it may.

    Files are overwritten, as -o does in other tools, but for those that cannot be made again: a trace, which is what
    exports are made from, and (by a database) whatever is no database of ours.
    """
    try:
        if path.is_dir():
            return "is a directory"
        if not path.is_file() or not path.stat().st_size:
            return ""
        if source is not None and os.path.samefile(path, source):
            return "that is the trace itself: name another file"
        with open(path, "rb") as file:
            head = file.read(128)
    except (OSError, ValueError):
        return ""  # writing it says what is wrong
    if format != "json" and re.match(rb'{"format": ?"emu trace"', head):
        return "that is a trace, which an export does not overwrite: name another file"
    ours = head.startswith(b"SQLite format 3\0") and head[68:72] == APPLICATION.to_bytes(4, "big")
    if format == "sqlite" and not ours:
        return "exists and is not a database of a trace: name another file, or remove it"
    return ""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A binary stream whose data is in the file when the block has ended well; else nothing has changed there.

    Links are followed. A device or a FIFO is written into, never replaced. Raises OSError.
    """
    if path.exists() and not path.is_file():  # before links are resolved: /dev/stdout leads to no path
        with open(path, "wb", buffering=BUFFER) as stream:
            yield stream
        return
    path = path.resolve()
    umask = os.umask(0)
    os.umask(umask)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
    os.close(handle)
    try:
        with open(name, "wb", buffering=BUFFER) as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), _mode(path, umask))
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _mode(path: Path, umask: int) -> int:
    """The rights of the file that is replaced, or of a new one."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return 0o666 & ~umask
