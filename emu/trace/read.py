"""Reads a saved trace back: every readable record as a plain dict, and where what could not be read stands."""

import contextlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import syscalls.calls  # noqa: F401  fills the table
from emu.trace.call_text import BYTE_MEMBERS, line
from emu.trace.record import Brief, object_of, parse, projected, wrong_with
from emu.trace.schema import FORMAT, VERSION
from emu.trace.sniff import is_trace, packer

__all__ = [
    "BYTE_MEMBERS",
    "CUT_OFF",
    "Brief",
    "Damage",
    "Reader",
    "TraceError",
    "is_trace",
    "line",
    "parse",
    "projected",
    "wrong_with",
]

T = TypeVar("T")

MAX_LINE = 64 << 20
"""Bytes of the longest line that is read: a record is a few kilobytes, unless much more payload was asked for."""

CHUNK = 1 << 20
"""Bytes that are read in one go."""

LOOKED_AT = 64
"""Lines in which a file without a header must have a record to be taken for a trace."""

CUT_OFF = "the last line is cut off: was the run killed?"

_RECORD = b'{"event"'
"""How a record begins. Inside a record it cannot stand: quotes in strings are escaped."""

_HEADER = {
    "emu": str,
    "program": str,
    "argv": list,
    "pid": int,
    "seed": int,
    "started": int,
    "payload_limit": int,
}


class TraceError(Exception):
    """A file that cannot be read as a trace at all; `line` counts from 1."""

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}")
        self.path = path
        self.line = line
        self.why = why


@dataclass(frozen=True, slots=True)
class Damage:
    """What could not be read of a trace: how many lines, the first of them (from 1), and what is wrong with that one."""

    lines: int
    first: int
    why: str
    path: str = ""

    def __str__(self) -> str:
        rest = "" if self.lines == 1 else f" (and {self.lines - 1} more damaged line{'s' * (self.lines > 2)})"
        return f"{self.path}:{self.first}: {self.why}{rest}"


class Reader:
    """An iterable over the records of a file, in file order; to be iterated once. `header` is the first line's object.

    A line that holds no record is left out and counted in `damage`, which is None as long as all is well. A file whose
    header is lost still gives its records: `header` then has no more than "format" and "version". `position` is how many
    bytes have been read, `size` how many there were at the start (0 for a FIFO).

    The constructor raises OSError when the file cannot be opened, and `TraceError` when it is no trace, a compressed one,
    or one of a newer version. The iteration raises OSError when reading fails.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.damage: Damage | None = None
        self.position = 0
        self._cut = 0
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by the iteration, or by close()
        try:
            status = os.fstat(self._file.fileno())
            self.size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            self._lines: Iterator[tuple[int, bytes]] = self._split()
            self.header = self._read_header()
        except BaseException:
            self._file.close()
            raise

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.each(parse)

    def each(self, decode: Callable[[bytes], T]) -> Iterator[T]:
        """What `decode` makes of each line; lines for which it raises ValueError are damage (see `projected`)."""
        with self._file:
            for number, line in self._lines:
                try:
                    record = decode(line)
                except ValueError as error:
                    if line.strip():  # an empty line has lost nothing
                        yield from self._rest_of(number, line, str(error), decode)
                else:
                    yield record

    def close(self) -> None:
        """Lets go of the file; also done by the end of the iteration."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _split(self) -> Iterator[tuple[int, bytes]]:
        """The lines with their numbers, without their newlines. None is longer than MAX_LINE: such are left out."""
        number, rest, skipping = 0, b"", False
        while chunk := self._file.read(CHUNK):
            self.position += len(chunk)
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for one in lines:
                number += 1
                if skipping:
                    skipping = False
                else:
                    yield number, one
            if len(rest) > MAX_LINE and not number:
                raise TraceError(self.path, 1, "not a trace: the first line is too long")
            if len(rest) > MAX_LINE and not skipping:
                self._damaged(number + 1, "the line is too long for a record")
                skipping = True
            if skipping:
                rest = b""
        if rest:
            self._cut = number + 1
            yield number + 1, rest

    def _read_header(self) -> dict[str, Any]:
        first = next(self._lines, None)
        if first is None:
            raise TraceError(self.path, 1, "an empty file, not a trace")
        number, line = first
        packed = packer(line)
        if packed:
            raise TraceError(self.path, 1, f"compressed by {packed[0]}: unpack it first, with {packed[1]}")
        try:
            found = object_of(line.removeprefix(b"\xef\xbb\xbf"))
            why = self._wrong_with_header(found)
        except ValueError as error:
            found, why = {}, str(error)
        if why:
            return self._without_header(number, line, why)
        for member, kind in _HEADER.items():
            if member in found and type(found[member]) is not kind:
                del found[member]
                self._damaged(number, f'"{member}" in the header is not what it should be')
        return found

    def _wrong_with_header(self, found: dict[str, Any]) -> str:
        if found.get("format") != FORMAT:
            return f'not a trace: the first line has no "format": "{FORMAT}"'
        version = found.get("version")
        if type(version) is not int or version < 1:
            return f"not a trace version: {str(version)[:40]!r}"
        if version > VERSION:
            why = f"trace version {version}; this emu reads up to {VERSION}: use a newer emu"
            raise TraceError(self.path, 1, why)
        return ""

    def _without_header(self, number: int, line: bytes, why: str) -> dict[str, Any]:
        """The header of a file that has lost it; raises `TraceError` when there are no records either."""
        ahead = [(number, line)]
        for _ in range(LOOKED_AT):
            if _is_record(ahead[-1][1]):
                break
            following = next(self._lines, None)
            if following is None:
                raise TraceError(self.path, number, _no_trace(line, why))
            ahead.append(following)
        else:
            raise TraceError(self.path, number, _no_trace(line, why))
        if len(ahead) == 1:
            self._damaged(number, "the header is missing")
        else:
            self._damaged(number, f"the header cannot be read: {why}")
            ahead[0] = (number, line[line.rfind(_RECORD) :] if line.rfind(_RECORD) > 0 else b"")
        self._lines = itertools.chain(ahead, self._lines)
        return {"format": FORMAT, "version": VERSION}

    def _rest_of(self, number: int, line: bytes, why: str, decode: Callable[[bytes], T]) -> Iterator[T]:
        """What can be had of a damaged line: a record that stands whole at its end, behind the torn one."""
        self._damaged(number, CUT_OFF if number == self._cut else why)
        at = line.rfind(_RECORD)
        if at > 0:
            with contextlib.suppress(ValueError):
                yield decode(line[at:])

    def _damaged(self, line: int, why: str) -> None:
        if self.damage is None:
            self.damage = Damage(1, line, why, self.path)
        else:
            self.damage = Damage(self.damage.lines + 1, self.damage.first, self.damage.why, self.path)


def _no_trace(line: bytes, why: str) -> str:
    """What to say of a file that begins so and has no records."""
    if line.startswith(b"\x7fELF"):
        return "a program, not a trace: `emu trace -o FILE` records one"
    return why if is_trace(line) else "not a trace of emu"


def _is_record(line: bytes) -> bool:
    try:
        parse(line)
    except ValueError:
        return False
    return True
