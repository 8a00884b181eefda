"""The page table of one address space: one byte a page says what the guest may do there.

The CPU's machine code reads it at each miss of the software TLB, the address space asks it before it touches memory
for a handler. The range of 2^47 bytes is cut into chunks of 1 TiB; a chunk's table is 256 MiB of sparse host memory, of
which only the touched pages exist.
"""

import ctypes
import mmap
from array import array

PAGE = 4096
USER_END = 1 << 47
"""The first address above the canonical lower half."""
CHUNK_SHIFT = 40
CHUNK = 1 << CHUNK_SHIFT

READ, WRITE, EXEC = 1, 2, 4
"""Rights, the same bits as PROT_* of mmap(2)."""
BEYOND_FILE = 0x80
"""Marks a page of a file mapping that lies beyond the end of the file: an access is SIGBUS, not SIGSEGV."""

_CHUNK_MASK = CHUNK - 1
_TABLE_BYTES = CHUNK // PAGE
_MAP_NORESERVE = 0x4000  # the mmap module lacks it before Python 3.13
_DROP_THRESHOLD = 1 << 16  # table bytes from which zeroing means giving the host's pages back
_LACKS = {right: bytes(0 if bits & right else 1 for bits in range(256)) for right in (READ, WRITE, EXEC)}


class PageTable:
    """Rights by page. `directory_address` is where the CPU finds the tables: 128 pointers, 0 for none."""

    def __init__(self) -> None:
        self._directory = array("Q", bytes(8 * (USER_END >> CHUNK_SHIFT)))
        self.tables: dict[int, mmap.mmap] = {}
        """By TiB: the rights of its pages, a byte each."""
        """By TiB: one byte a page. For reading; `set` changes them."""
        self.directory_address = self._directory.buffer_info()[0]

    def add_chunk(self, index: int) -> None:
        """Makes the table of the chunk that begins at `index` TiB, with no rights in it."""
        table = mmap.mmap(-1, _TABLE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE)
        self.tables[index] = table
        self._directory[index] = ctypes.addressof(ctypes.c_char.from_buffer(table))

    def set(self, start: int, end: int, bits: int) -> None:
        """Gives the whole pages of [start, end) these rights."""
        while start < end:
            index = start >> CHUNK_SHIFT
            stop = min(end, (index + 1) << CHUNK_SHIFT)
            first = (start & _CHUNK_MASK) >> 12
            count = (stop - start) >> 12
            address = self._directory[index] + first
            if bits or count < _DROP_THRESHOLD:
                ctypes.memset(address, bits, count)
            else:
                low, high = -(-first // PAGE) * PAGE, (first + count) // PAGE * PAGE
                ctypes.memset(address, 0, low - first)
                self.tables[index].madvise(mmap.MADV_DONTNEED, low, high - low)
                ctypes.memset(self._directory[index] + high, 0, first + count - high)
            start = stop

    def get(self, address: int) -> int:
        """The rights at `address`, 0 for any that is not a user address."""
        table = self.tables.get(address >> CHUNK_SHIFT)
        return table[(address & _CHUNK_MASK) >> 12] if table is not None else 0

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
                bad = table[first : last + 1].translate(_LACKS[right]).find(1)
                if bad == 0:
                    return done
                if bad > 0:
                    return ((at >> 12) + bad) * PAGE - address
            done = ((at >> 12) + last - first + 1) * PAGE - address
        return size

    def close(self) -> None:
        """Frees the tables."""
        self._directory[:] = array("Q", bytes(8 * len(self._directory)))
        for table in self.tables.values():
            table.close()
        self.tables.clear()
