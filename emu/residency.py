"""Which pages of this process exist, asked of the host's kernel: what is worth copying when an address space is forked.

Source: Documentation/admin-guide/mm/pagemap.rst. PAGEMAP_SCAN (Linux 6.7) skips what is empty; before it, the pagemap is
read, 8 bytes a page. Where neither is to be had, all pages count as existing.
"""

import errno
import os
import re
from array import array
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from emu.pages import PAGE
from syscalls import kernel, numbers

Ranges = list[tuple[int, int]]
"""Host addresses [start, end), in order."""

_PAGEMAP = "/proc/self/pagemap"
_SCAN = 0xC0606610  # _IOWR('f', 16, struct pm_scan_arg)
_IS_FILE, _IS_PRESENT, _IS_SWAPPED, _IS_ZERO = 1 << 2, 1 << 3, 1 << 4, 1 << 5
_EXISTS = _IS_PRESENT | _IS_SWAPPED
_MOST_FOUND = 1024
_MOST_COPIED = 1 << 30
_STEP = 1 << 17  # pages that are read from the pagemap at a time
_RUN = re.compile(rb"\x01+")
# By the top byte of a pagemap entry: bit 7 present, bit 6 swapped, bit 5 of a file or shared.
_TOUCHED = bytes(1 if top & 0xC0 else 0 for top in range(256))
_CHANGED = bytes(1 if top & 0xC0 and not top & 0x20 else 0 for top in range(256))


class Residency:
    """The pagemap of this process, open for a while."""

    def __init__(self) -> None:
        self._fd = -1
        with suppress(OSError):
            self._fd = os.open(_PAGEMAP, os.O_RDONLY | os.O_CLOEXEC)
        self._found = array("Q", bytes(24 * _MOST_FOUND))
        self._can_scan = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def existing(self, start: int, end: int) -> Ranges:
        """The pages of [start, end) in private anonymous memory that have content; all where the kernel does not tell.

        Raises ENOMEM where it does not tell and so much would be copied that it would take seconds.
        """
        told = self._told(start, end, changed=False)
        if told is None:
            if end - start > _MOST_COPIED:
                raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
            return [(start, end)]
        return told

    def changed(self, start: int, end: int) -> Ranges | None:
        """The pages of [start, end) in a private mapping of a file that are not the file's; None where the kernel does not tell."""
        return self._told(start, end, changed=True)

    def _told(self, start: int, end: int, changed: bool) -> Ranges | None:
        if self._fd < 0:
            return None
        if self._can_scan:
            try:
                return self._scan(start, end, changed)
            except OSError:
                self._can_scan = False
        try:
            return self._read(start, end, changed)
        except OSError:
            return None

    def _scan(self, start: int, end: int, changed: bool) -> Ranges:
        ranges: Ranges = []
        found = self._found
        without = _IS_FILE if changed else _IS_ZERO
        argument = array(
            "Q", (96, 0, start, end, 0, found.buffer_info()[0], _MOST_FOUND, 0, without, without, _EXISTS, 0)
        )
        while start < end:
            argument[2] = start
            count = kernel.call3(numbers.ioctl, self._fd, _SCAN, argument.buffer_info()[0])
            if count < 0:
                raise OSError(-count, os.strerror(-count))
            for at in range(0, 3 * count, 3):
                _add(ranges, found[at], found[at + 1])
            start = argument[4]
        return ranges

    def _read(self, start: int, end: int, changed: bool) -> Ranges:
        ranges: Ranges = []
        wanted = _CHANGED if changed else _TOUCHED
        for low in range(start, end, _STEP * PAGE):
            count = (min(low + _STEP * PAGE, end) - low) // PAGE
            entries = os.pread(self._fd, 8 * count, low // PAGE * 8)
            if len(entries) < 8 * count:
                raise OSError("a short pagemap")
            for first, last in _runs(entries[7::8].translate(wanted)):
                _add(ranges, low + first * PAGE, low + last * PAGE)
        return ranges


def _runs(marks: bytes) -> Iterator[tuple[int, int]]:
    return (match.span() for match in _RUN.finditer(marks))


def _add(ranges: Ranges, start: int, end: int) -> None:
    if ranges and ranges[-1][1] == start:
        ranges[-1] = (ranges[-1][0], end)
    else:
        ranges.append((start, end))
