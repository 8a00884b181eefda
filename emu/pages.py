"""The page table of one address space: one byte a page says what the guest may do there.

The CPU's machine code reads it at each miss of the software TLB, the address space asks it before it touches memory
for a handler. The range of 2^47 bytes is cut into chunks of 64 GiB; a chunk's table is 16 MiB of sparse host memory, of
which only the touched pages exist. Beside it stands where the chunk lies in the engine's physical memory, in which
many address spaces have their places (`emu.chunks`). Text that address spaces have in common (`emu.texts`) lies elsewhere:
a second table, four bytes a page, tells where.
"""

import ctypes
import mmap
import re
from array import array
from collections.abc import Iterator
from typing import Protocol

from syscalls import kernel, numbers

PAGE = 4096
USER_END = 1 << 47
"""The first address above the canonical lower half."""
CHUNK_SHIFT = 36
CHUNK = 1 << CHUNK_SHIFT

READ, WRITE, EXEC = 1, 2, 4
"""Rights, the same bits as PROT_* of mmap(2)."""
BEYOND_FILE = 0x80
"""Marks a page of a file mapping that lies beyond the end of the file: an access is SIGBUS, not SIGSEGV."""

TEXT = 0x40
"""Marks a page that lies where the second table says."""

CHUNKS = USER_END >> CHUNK_SHIFT
TABLE_BYTES = CHUNK // PAGE
"""The size of a chunk's table."""
TABLES_BYTES = 5 * TABLE_BYTES
"""With the second table, which follows it."""

_CHUNK_MASK = CHUNK - 1
_NOTHING = bytes(2 * 8 * CHUNKS)
_DROP_THRESHOLD = 1 << 16  # table bytes from which zeroing means giving the host's pages back
_OWN_CODE = re.compile(rb"[\x04-\x07]+")  # executable, and no TEXT
_WITHOUT_TEXT = bytes(bits & ~TEXT for bits in range(256))
_LACKS = {right: bytes(0 if bits & right else 1 for bits in range(256)) for right in (READ, WRITE, EXEC)}


def pieces(start: int, end: int, shift: int = 0) -> Iterator[tuple[int, int]]:
    """[start, end) cut at the borders of chunks; also where what lies `shift` bytes further crosses one."""
    while start < end:
        stop = min(end, (start | _CHUNK_MASK) + 1, ((start + shift) | _CHUNK_MASK) + 1 - shift)
        yield start, stop
        start = stop


def crosses(start: int, end: int) -> bool:
    """Whether a border between chunks lies in [start, end)."""
    return start >> CHUNK_SHIFT != (end - 1) >> CHUNK_SHIFT


class Space(Protocol):
    """What the CPU needs of an address space (`emu.memory.AddressSpace`)."""

    directory_address: int

    def readable(self, address: int, size: int) -> int: ...
    def read(self, address: int, size: int) -> bytes: ...


class Table(Protocol):
    """What a page table needs of a chunk (`emu.chunks.Chunk`): its place in physical memory, and memory for its tables.

    `has_code` is set when a page of the chunk may be executed: the engine may know translations of it then.
    """

    has_code: bool

    @property
    def physical(self) -> int: ...
    @property
    def rights(self) -> memoryview: ...
    @property
    def rights_address(self) -> int: ...


class PageTable:
    """Rights by page. `directory_address` is where the CPU finds two arrays of 2,048 words: for each chunk the host address of
    its table (0: none), and what is to be added to a virtual address to make it a physical one.
    """

    def __init__(self) -> None:
        self._directory = array("Q", _NOTHING)
        self.tables: dict[int, memoryview] = {}
        """By chunk: one byte a page. For reading; `set` changes them."""
        self._chunks: dict[int, Table] = {}
        self.directory_address = self._directory.buffer_info()[0]

    def add_chunk(self, index: int, chunk: Table) -> None:
        """Makes `chunk`, whose table is empty, the one that begins at `index` << CHUNK_SHIFT."""
        self.tables[index] = chunk.rights
        self._chunks[index] = chunk
        self._directory[CHUNKS + index] = (chunk.physical - (index << CHUNK_SHIFT)) & 0xFFFFFFFFFFFFFFFF
        self._directory[index] = chunk.rights_address

    def set(self, start: int, end: int, bits: int) -> None:
        """Gives the whole pages of [start, end) these rights. Where there is no chunk, there are none to take away."""
        while start < end:
            index = start >> CHUNK_SHIFT
            stop = min(end, (index + 1) << CHUNK_SHIFT)
            first = (start & _CHUNK_MASK) >> 12
            count = (stop - start) >> 12
            table = self._directory[index]
            if bits or count < _DROP_THRESHOLD:
                if table:
                    ctypes.memset(table + first, bits, count)
                    if bits & EXEC:
                        self._chunks[index].has_code = True
            elif table:
                low, high = -(-first // PAGE) * PAGE, (first + count) // PAGE * PAGE
                ctypes.memset(table + first, 0, low - first)
                kernel.call3(numbers.madvise, table + low, high - low, mmap.MADV_DONTNEED)
                ctypes.memset(table + high, 0, first + count - high)
            start = stop

    def share(self, start: int, end: int, bits: int, page: int) -> None:
        """Gives the pages of [start, end) these rights, and physical pages from the one with the number `page` on."""
        for low, high in pieces(start, end):
            index, first, count = low >> CHUNK_SHIFT, (low & _CHUNK_MASK) >> 12, (high - low) >> 12
            physical = array("I", range(page, page + count))
            places = self._directory[index] + TABLE_BYTES + 4 * first
            ctypes.memmove(places, physical.buffer_info()[0], 4 * count)
            ctypes.memset(self._directory[index] + first, bits | TEXT, count)
            page += count

    def unshare(self, start: int, end: int) -> None:
        """Makes the pages of [start, end) lie where the chunk is, with the rights that they have."""
        for low, high in pieces(start, end):
            index, first, count = low >> CHUNK_SHIFT, (low & _CHUNK_MASK) >> 12, (high - low) >> 12
            bits = bytes(self.tables[index][first : first + count]).translate(_WITHOUT_TEXT)
            ctypes.memmove(self._directory[index] + first, bits, count)
            self._chunks[index].has_code = True

    def own_code(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of [start, end) that may be executed and do not lie elsewhere, in pieces of which each is continuous."""
        for low, high in pieces(start, end):
            table = self.tables.get(low >> CHUNK_SHIFT)
            if table is not None:
                first = low >> 12
                at = (low & _CHUNK_MASK) >> 12
                for found in _OWN_CODE.finditer(table[at : at + ((high - 1) >> 12) - first + 1]):
                    yield (
                        max(low, (first + found.start()) << 12),
                        min(high, (first + found.end()) << 12),
                    )

    def copy(self, other: "PageTable", start: int, end: int, code: bool = True) -> None:
        """Gives the pages of [start, end) the rights that they have in another table; both have the chunks. `code`: some may
        be executed."""
        for low, high in pieces(start, end):
            index, first, count = low >> CHUNK_SHIFT, (low & _CHUNK_MASK) >> 12, (high - low) >> 12
            ctypes.memmove(self._directory[index] + first, other._directory[index] + first, count)
            if code:
                self._chunks[index].has_code |= next(other.own_code(low, high), None) is not None
                if TEXT | READ | EXEC in other.tables[index][first : first + count]:
                    at = TABLE_BYTES + 4 * first
                    ctypes.memmove(self._directory[index] + at, other._directory[index] + at, 4 * count)

    def get(self, address: int) -> int:
        """The rights at `address`, 0 for any that is not a user address."""
        table = self.tables.get(address >> CHUNK_SHIFT)
        return table[(address & _CHUNK_MASK) >> 12] & ~TEXT if table is not None else 0

    def run(self, address: int, size: int, right: int) -> int:
        """How many of the `size` bytes from `address` on have `right` without a gap."""
        if size <= PAGE - (address & (PAGE - 1)):  # within one page: the usual case
            table = self.tables.get(address >> CHUNK_SHIFT)
            return size if table is not None and table[(address & _CHUNK_MASK) >> 12] & right else 0
        done = 0
        while done < size:
            at = address + done
            table = self.tables.get(at >> CHUNK_SHIFT)
            if table is None:
                return done
            first = (at & _CHUNK_MASK) >> 12
            last = min((at & _CHUNK_MASK) + size - done - 1, _CHUNK_MASK) >> 12
            if first == last:
                if not table[first] & right:
                    return done
            else:
                bad = bytes(table[first : last + 1]).translate(_LACKS[right]).find(1)
                if bad == 0:
                    return done
                if bad > 0:
                    return ((at >> 12) + bad) * PAGE - address
            done = ((at >> 12) + last - first + 1) * PAGE - address
        return size

    def clear(self) -> None:
        """Forgets all chunks."""
        self.tables.clear()
        self._chunks.clear()
        self._directory[:] = array("Q", _NOTHING)
