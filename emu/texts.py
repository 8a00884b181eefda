"""Program text that all address spaces have in common: each file's code is mapped once, and translated once.

Translated code is known by its physical address. What a file holds, mapped privately, executable and not writable, gets one
place in physical memory, wherever it is mapped: a forked process, or the next one that runs the same program, finds the
translations of the first. The private mapping of each space stays what handlers read through; both show the pages of
the same file. As soon as a space may write there, it has its own pages, and its own translations.
"""

import os
import stat
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

from emu.pages import CHUNK, CHUNKS, PAGE
from syscalls import kernel, numbers
from syscalls.flags import Fcntl, Map, Prot, Seal

MOST_TEXTS = 512
MOST_BYTES = 1 << 30
"""How much there may be. What no address space uses any more makes room."""

_MOST_PAGES = 1 << 32  # a page table has 4 bytes for the number of a physical page
_FIXED = Map.MAP_PRIVATE | Map.MAP_NORESERVE | Map.MAP_FIXED
_NOTHING = _FIXED | Map.MAP_ANONYMOUS
_NO_FD = (1 << 64) - 1
_BUCKETS = 1 << 16
_SEALED = Seal.F_SEAL_WRITE | Seal.F_SEAL_SHRINK
_SECOND = 1_000_000_000
_FINE, _COARSE = _SECOND // 20, 5 * _SECOND // 2
_LEAVES_AT_ONCE = MOST_TEXTS // 4

File = tuple[int, int]
"""Device and inode."""


class Source(Protocol):
    """A mapped file (`emu.account.MappedFile`): what is in `texts` is in use, and told so (`Text.leave`), as long as it lives."""

    texts: set["Text"]

    def reopen(self) -> int | None: ...


class Chunk(Protocol):
    """What texts lie in (`emu.chunks.Chunk`)."""

    @property
    def host(self) -> int: ...
    @property
    def physical(self) -> int: ...


class Space(Protocol):
    """An address space."""

    def unshare(self, file: File) -> None:
        """To have pages of its own wherever this file is mapped."""
        ...


class Text:
    """A part of a file: `page` is the number of its first physical page. `key` begins with device and inode, and tells it from all
    others, also from what its file held before."""

    __slots__ = ("_texts", "host", "is_old", "key", "page", "size", "users")

    def __init__(self, texts: "Texts", key: tuple[int, ...], size: int, host: int, page: int) -> None:
        self._texts = texts
        self.key, self.size, self.host, self.page = key, size, host, page
        self.users = 0
        self.is_old = False
        """Whether what will be mapped from now on is not this."""

    @property
    def file(self) -> File:
        """Whose it is."""
        return self.key[0], self.key[1]

    @property
    def offset(self) -> int:
        """Where in its file it begins."""
        return self.key[-2]

    def leave(self, is_deleted: bool) -> None:
        """One user less; a deleted file is not kept."""
        self.users -= 1
        if not self.users and (is_deleted or self.is_old):
            self._texts.drop(self)


class Texts:
    """The texts of one engine. They lie in a chunk that `take` gives; `give_back` is called in the end."""

    def __init__(self, take: Callable[[int], Chunk], give_back: Callable[[], None]) -> None:
        self._take, self._give_back = take, give_back
        self._chunk: Chunk | None = None
        self._is_closed = False
        self._end = 0  # of what is used of the chunk
        self._free: dict[int, list[int]] = {}  # places by size, a power of two
        self._dropped: list[Text] = []
        self._known: OrderedDict[tuple[int, ...], Text] = (
            OrderedDict()
        )  # by key, the last one used at the end
        self._all: dict[int, Text] = {}  # by first page: what has a place, also when it is old
        self._bytes = 0
        self._changing: set[int] = set()
        self.spaces: WeakSet[Space] = WeakSet()
        """All that may have some of it."""

    def find(self, source: Source, status: os.stat_result, offset: int, size: int) -> Text | None:
        """The text of `size` bytes (whole pages) from `offset` on of a file that is mapped privately; None where each address
        space has to have its own."""
        if not 0 < size <= MOST_BYTES or not stat.S_ISREG(status.st_mode) or self._is_closed:
            return None
        file, times = (status.st_dev, status.st_ino), (status.st_mtime_ns, status.st_ctime_ns)
        key = (*file, status.st_size, *times, offset, size)
        text = self._known.get(key)
        if text is None:
            if hash(file) % _BUCKETS in self._changing:
                return None
            fd = source.reopen()  # the mapping would keep the locks of the guest's own alive
            if fd is None:
                return None
            try:
                text = self._make(key, size, fd) if _is_settled(fd, max(times)) else None
            except OSError:  # the host has no room for more
                return None
            finally:
                os.close(fd)
            if text is None:
                return None
        self._known.move_to_end(key)
        if text not in source.texts:
            source.texts.add(text)
            text.users += 1
        return text

    def _make(self, key: tuple[int, ...], size: int, fd: int) -> Text | None:
        if not self._make_room(size):
            return None
        chunk = self._chunk
        if chunk is None:
            chunk = self._chunk = self._take(CHUNKS)
            self._is_closed = (chunk.physical + CHUNK) // PAGE > _MOST_PAGES
        place = self._place(_room(size))
        if place is None or self._is_closed:
            return None
        offset = key[-2]
        result = kernel.call6(numbers.mmap, chunk.host + place, size, Prot.PROT_READ, _FIXED, fd, offset)
        if result < 0:
            self._free.setdefault(_room(size), []).append(place)
            return None
        page = (chunk.physical + place) // PAGE
        text = self._known[key] = self._all[page] = Text(self, key, size, chunk.host + place, page)
        self._bytes += size
        return text

    def _make_room(self, size: int) -> bool:
        if len(self._all) >= MOST_TEXTS or self._bytes + size > MOST_BYTES:
            for text in [text for text in self._known.values() if not text.users][:_LEAVES_AT_ONCE]:
                self.drop(text)
        return len(self._all) < MOST_TEXTS and self._bytes + size <= MOST_BYTES

    def _place(self, room: int) -> int | None:
        again = self._free.get(room)
        if again:
            return again.pop()
        if self._end + room > CHUNK:
            return None
        self._end += room
        return self._end - room

    def drop(self, text: Text) -> None:
        """Gives back the memory of what nobody uses. Its place waits for the engine to forget the code (`recycle`)."""
        self._forget(text)
        if self._all.pop(text.page, None) is None:
            return
        self._bytes -= text.size
        if kernel.call6(numbers.mmap, text.host, text.size, Prot.PROT_NONE, _NOTHING, _NO_FD, 0) >= 0:
            self._dropped.append(text)

    def _forget(self, text: Text) -> None:
        text.is_old = True
        if self._known.get(text.key) is text:
            del self._known[text.key]

    def _forget_file(self, file: File) -> None:
        for text in [text for text in self._known.values() if text.file == file]:
            self._forget(text)
            if not text.users:
                self.drop(text)

    def may_change(self, file: File) -> None:
        """Somebody may change the file from now on without leaving a time behind: it is not shared any more."""
        bucket = hash(file) % _BUCKETS
        if bucket not in self._changing:
            self._changing.add(bucket)
            self._forget_file(file)

    def broken(self, host: int) -> tuple[File, int] | None:
        """What lies at a host address that the host has refused: the file, and the offset in it. It is shorter than it was:
        all address spaces get their own pages, in which that will show."""
        for text in self._all.values():
            if text.host <= host < text.host + text.size:
                self._forget_file(text.file)
                for space in list(self.spaces):
                    space.unshare(text.file)
                return text.file, text.offset + host - text.host
        return None

    @property
    def is_waiting(self) -> bool:
        """Whether so many places wait that the engine should forget its translations and `recycle` be called."""
        return len(self._dropped) >= _LEAVES_AT_ONCE

    def recycle(self) -> None:
        """The engine has forgotten all translated code: the places of what was dropped may be used again."""
        if self._chunk is not None:
            for text in self._dropped:
                self._free.setdefault(_room(text.size), []).append(text.host - self._chunk.host)
        self._dropped.clear()

    def close(self) -> None:
        """The engine is gone."""
        self._is_closed = True
        self._known.clear()
        self._all.clear()
        if self._chunk is not None:
            self._chunk = None
            self._give_back()


def _room(size: int) -> int:
    return int(1 << (size - 1).bit_length())


def _is_settled(fd: int, changed: int) -> bool:
    """Whether the next change of a file will show in its times, of which `changed` is the last: they count ticks of the kernel, or
    (two) seconds on some file systems."""
    seals = kernel.call3(numbers.fcntl, fd, Fcntl.F_GET_SEALS, 0)
    if seals > 0 and seals & _SEALED == _SEALED:
        return True
    return time.time_ns() - changed > (_FINE if changed % _SECOND else _COARSE)
