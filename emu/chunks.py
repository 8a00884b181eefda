"""The chunks that address spaces are made of: host memory with a place in the engine's physical memory, to be used again.

The engine maps memory once and for ever: unmapping would walk all its pages. So a chunk whose address space is gone is
cleared on the host and waits. Translated code is known by its physical address; a chunk may serve again only when
the engine has forgotten all of it, for which it must stand still (`Cpu.run`). One that never held any serves again at once.

Chunks are mapped for the engine in slabs, as what the engine pays for a new mapping grows with their number. In a slab each
chunk is followed by 4 GiB that stay inaccessible: a host call transfers at most 2 GiB, so that a buffer that runs off
the end of a chunk can never reach foreign memory.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from typing import Any

from emu.pages import CHUNK, TABLE_BYTES, TABLES_BYTES
from emu.texts import Texts
from syscalls import kernel, numbers
from syscalls.flags import Map, Prot

TAIL = 4 << 30
SLAB_CHUNKS = 16
MOST_RETIRED = 128
"""How many chunks may wait for the engine to forget their code before it is made to."""

_STRIDE = CHUNK + TAIL
_SLAB = SLAB_CHUNKS * _STRIDE
_TABLES = SLAB_CHUNKS * TABLES_BYTES
_PHYSICAL_SHIFT = 41  # a slab's place in physical memory: its number times 2 TiB; the engine has 52 bits
_ALIGNED = 2 << 20  # so that huge pages of the host are possible where the guest's addresses allow them
_RESERVE = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_NORESERVE
_NO_FD = (1 << 64) - 1

_Bytes: Any = ctypes.c_ubyte * CHUNK
_Chars: Any = ctypes.c_char * CHUNK
_Table: Any = ctypes.c_ubyte * TABLE_BYTES


def checked(result: int) -> int:
    """A host call's result; raises OSError for an error."""
    if -4096 < result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


class Chunk:
    """64 GiB: `host` is the host's address, `physical` the engine's, `view` and `chars` its bytes (as slices of a memoryview, of
    c_char), `rights` its page table at `rights_address`, behind which is the second one. `has_code`: the engine may know translations of
    what was in it."""

    __slots__ = ("chars", "has_code", "host", "index", "physical", "rights", "rights_address", "view")

    def __init__(self, index: int, host: int, physical: int, rights_address: int) -> None:
        self.index = index
        self.host = host
        self.physical = physical
        self.rights_address = rights_address
        self.has_code = False
        self.view = memoryview(_Bytes.from_address(host)).cast("B")
        self.chars = _Chars.from_address(host)
        self.rights = memoryview(_Table.from_address(rights_address)).cast("B")

    def clear(self) -> None:
        """Gives back the host memory behind it and its tables: no page exists, none may be accessed."""
        fixed = _RESERVE | Map.MAP_FIXED
        checked(kernel.call6(numbers.mmap, self.host, CHUNK, 0, fixed, _NO_FD, 0))
        rights = Prot.PROT_READ | Prot.PROT_WRITE
        checked(kernel.call6(numbers.mmap, self.rights_address, TABLES_BYTES, rights, fixed, _NO_FD, 0))


class ChunkPool:
    """The chunks of one engine. `back(physical, size, host)` makes host memory the engine's; `guard(start, end)` is told of
    each range of host memory that guests will use, `release(start)` of its end. `texts` is what all address spaces share."""

    def __init__(
        self,
        back: Callable[[int, int, int], None] = lambda *_: None,
        guard: Callable[[int, int], None] = lambda *_: None,
        release: Callable[[int], None] = lambda *_: None,
    ) -> None:
        self._back, self._guard, self._release = back, guard, release
        self._slabs: list[tuple[int, int]] = []  # what is reserved: address and size
        self._fresh: list[tuple[int, int, int]] = []
        self._free: dict[int, list[Chunk]] = {}
        self._retired: list[Chunk] = []
        self._uncleared: list[Chunk] = []
        self._in_use = 0
        self._finished = False
        self.texts = Texts(self.take, self._texts_end)

    def take(self, index: int = 0) -> Chunk:
        """A chunk without any memory in it, for the guest's addresses from `index` << CHUNK_SHIFT on. Raises ENOMEM when the
        host has no room for another."""
        # The engine keeps 50 KB for each stretch of memory that ever held code: the same place serves the same purpose.
        again = self._free.get(index)
        if again:
            chunk = again.pop()
        else:
            if not self._fresh:
                try:
                    self._reserve()
                except OSError:
                    return self._take_from_others(index)
            chunk = Chunk(index, *self._fresh.pop())
        self._in_use += 1
        return chunk

    def _take_from_others(self, index: int) -> Chunk:
        for chunks in self._free.values():
            if chunks:
                chunk = chunks.pop()
                chunk.index = index
                self._in_use += 1
                return chunk
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    def _reserve(self) -> None:
        if self._finished:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        size = _SLAB + _ALIGNED
        reserved = checked(kernel.call6(numbers.mmap, 0, size, Prot.PROT_NONE, _RESERVE, _NO_FD, 0))
        rights = Prot.PROT_READ | Prot.PROT_WRITE
        try:
            tables = checked(kernel.call6(numbers.mmap, 0, _TABLES, rights, _RESERVE, _NO_FD, 0))
        except OSError:
            kernel.call2(numbers.munmap, reserved, size)
            raise
        host = -(-reserved // _ALIGNED) * _ALIGNED
        physical = (len(self._slabs) // 2) << _PHYSICAL_SHIFT
        self._slabs += [(reserved, size), (tables, _TABLES)]
        self._back(physical, _SLAB, host)
        self._guard(host, host + _SLAB)
        self._fresh = [
            (host + number * _STRIDE, physical + number * _STRIDE, tables + number * TABLES_BYTES)
            for number in reversed(range(SLAB_CHUNKS))
        ]

    def retire(self, chunk: Chunk) -> None:
        """Takes a chunk back, and gives its memory to the host."""
        self._in_use -= 1
        if self._finished:
            self._close_if_unused()
            return
        try:
            chunk.clear()
        except (
            OSError
        ):  # the host allows no mapping more at the moment, and this is one, where it ends up as none
            self._uncleared.append(chunk)
        else:
            if chunk.has_code:
                self._retired.append(chunk)
            else:
                self._free.setdefault(chunk.index, []).append(chunk)

    @property
    def is_waiting(self) -> bool:
        """Whether so many chunks are retired that the engine should forget its translations and `recycle` be called."""
        return len(self._retired) >= MOST_RETIRED or self.texts.is_waiting

    def recycle(self) -> None:
        """The engine has forgotten all translated code: what is retired may be used again."""
        self.texts.recycle()
        for chunk in self._retired:
            chunk.has_code = False
            self._free.setdefault(chunk.index, []).append(chunk)
        self._retired.clear()
        again, self._uncleared = self._uncleared, []
        self._in_use += len(again)
        for chunk in again:
            self.retire(chunk)

    def finish(self) -> None:
        """The engine is gone: all host memory is given back with the last chunk that is in use."""
        self._finished = True
        self.texts.close()
        self._close_if_unused()

    def _texts_end(self) -> None:
        self._in_use -= 1

    def _close_if_unused(self) -> None:
        if self._in_use:
            return
        for address, _ in self._slabs[::2]:
            self._release(-(-address // _ALIGNED) * _ALIGNED)
        for address, size in self._slabs:
            kernel.call2(numbers.munmap, address, size)
        self._slabs.clear()
