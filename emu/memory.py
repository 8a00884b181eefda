"""The address space of a guest process: mmap(2) and its kin with Linux's rules.

Three things are kept in step: the map of regions (what the guest believes), the mirror (what the host's kernel enforces
for its own copies), and the page table (what the CPU enforces).
"""

import ctypes
import errno
import os
import stat
from dataclasses import replace

from emu.access import GuestBytes, Processor, fail
from emu.bus_error import guard, release
from emu.mirror import peek
from emu.pages import BEYOND_FILE, CHUNK, CHUNK_SHIFT, PAGE, READ, USER_END
from emu.regions import Region, RegionMap
from syscalls.flags import Map, Mremap, Prot

TASK_END = USER_END - PAGE
"""The end of the user range; the page below the canonical hole is never mapped (TASK_SIZE_MAX of the kernel)."""
MMAP_BASE = 0x7FFFF7FFF000
"""Where the search for room begins, downwards: what Linux chooses without address randomisation."""
MMAP_LOWEST = 0x10000
"""vm.mmap_min_addr."""
STACK_GAP = 256 * PAGE
"""stack_guard_gap: nothing is placed that near below a growing stack."""
DEFAULT_LIMIT = 4 << 30

_32BIT_START, _32BIT_END = 0x40000000, 0x80000000
_RIGHTS = Prot.PROT_READ | Prot.PROT_WRITE | Prot.PROT_EXEC


def _up(value: int) -> int:
    return (value + PAGE - 1) & -PAGE


def page_bits(prot: int) -> int:
    """What a page table of x86 grants for PROT_*: there is no write-only and no execute-only page."""
    bits = prot & _RIGHTS
    return bits | READ if bits else 0


class AddressSpace(GuestBytes):
    """One guest address space; fulfils `syscalls.memory.Memory`. `limit` bounds the writable bytes that are mapped."""

    def __init__(self, cpu: Processor, limit: int = DEFAULT_LIMIT) -> None:
        super().__init__(cpu)
        self.regions = RegionMap()
        self.limit = limit
        self.brk_start = self.brk = 0
        self._charged = 0  # writable bytes

    def shared_identity(self, address: int) -> object | None:
        """What a word in a MAP_SHARED mapping is, wherever it is mapped: (file, offset); None for private memory.

        An anonymous shared mapping is told apart by its place, as one process cannot map it twice.
        """
        region = self.regions.find(address)
        if region is None or not region.shared or region.file is None:
            return None
        return (region.file, region.offset + address - region.start)

    # Mapping

    def map(
        self, hint: int, size: int, prot: int, flags: int, host_fd: int = -1, offset: int = 0, name: str = ""
    ) -> int:
        """mmap(2): the address chosen. Raises what mmap(2) lists; the host's own refusals of a file pass through."""
        kind = flags & 3
        anonymous = bool(flags & Map.MAP_ANONYMOUS)
        if not size or not kind or (not anonymous and offset % PAGE):
            fail(errno.EINVAL)
        size = _up(size)
        if size > TASK_END or flags & Map.MAP_HUGETLB:
            fail(errno.ENOMEM)
        start = self._choose(hint, size, flags)
        end = start + size
        shared = kind != Map.MAP_PRIVATE
        self._charge(start, end, size if prot & Prot.PROT_WRITE and not (shared and not anonymous) else 0)
        self._ensure_chunks(start, end)
        host_flags = (Map.MAP_SHARED if shared else Map.MAP_PRIVATE) | Map.MAP_NORESERVE
        removed = self._drop(start, end)
        try:
            if anonymous:
                self._mirror.place(start, end, prot, host_flags | Map.MAP_ANONYMOUS)
            else:
                self._mirror.place(start, end, prot, host_flags, host_fd, offset)
        except OSError:
            if removed:  # the kernel, too, has unmapped what MAP_FIXED named before a file refuses
                self._mirror.clear(start, end)
            raise
        file = None
        if not anonymous:
            status = os.fstat(host_fd)
            file = (status.st_dev, status.st_ino)
            self._guard(start, end)
            offset &= -PAGE
        grows = bool(flags & Map.MAP_GROWSDOWN)
        self._insert(Region(start, end, prot & _RIGHTS, shared, name, file, offset if file else 0, grows))
        if file is not None and stat.S_ISREG(status.st_mode):
            limit = start + max(0, _up(status.st_size) - offset)
            if limit < end:
                self._pages.set(limit, end, BEYOND_FILE)
        return start

    def unmap(self, address: int, size: int) -> None:
        """munmap(2)."""
        if address % PAGE or not size or size > TASK_END or address > TASK_END - size:
            fail(errno.EINVAL)
        end = address + _up(size)
        if self._drop(address, end):
            for low, high in self._chunks(address, end):
                self._mirror.clear(low, high)

    def protect(self, address: int, size: int, prot: int) -> None:
        """mprotect(2). As on Linux, what lies before a hole has been changed when ENOMEM is raised."""
        if address % PAGE or prot & ~_RIGHTS:
            fail(errno.EINVAL)
        if not size:
            return
        end = address + _up(size)
        if end > TASK_END or size > TASK_END:
            fail(errno.ENOMEM)
        at = address
        for region in self.regions.parts(address, end):
            if region.start > at:
                fail(errno.ENOMEM)
            at = region.end
            if region.prot == prot:
                continue
            if prot & ~region.prot & Prot.PROT_WRITE and not (region.shared and region.file):
                self._charge(0, 0, region.size)
            self._mirror.protect(region.start, region.end, prot)
            self._drop(region.start, region.end)
            self._insert(replace(region, prot=prot))
            if region.file is not None and (limit := self._file_end(region)) < region.end:
                self._pages.set(limit, region.end, BEYOND_FILE)
        if at < end:
            fail(errno.ENOMEM)

    def remap(self, address: int, old_size: int, new_size: int, flags: int, new_address: int = 0) -> int:
        """mremap(2): the mapping's address."""
        fixed = bool(flags & Mremap.MREMAP_FIXED)
        known = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
        if address % PAGE or flags & ~known or (fixed and not flags & Mremap.MREMAP_MAYMOVE) or not new_size:
            fail(errno.EINVAL)
        old_size, new_size = _up(old_size), _up(new_size)
        end = address + old_size
        region = self.regions.find(address)
        if region is None:
            fail(errno.EFAULT)
        if fixed:
            overlaps = new_address < end and address < new_address + new_size
            if new_address % PAGE or new_size > TASK_END or new_address > TASK_END - new_size or overlaps:
                fail(errno.EINVAL)
        if not old_size:
            fail(errno.EINVAL)  # duplicating a shared mapping is not offered
        if end > region.end:
            fail(errno.EFAULT)
        if new_size <= old_size and not fixed:
            if new_size < old_size:
                self.unmap(address + new_size, old_size - new_size)
            return address
        if region.prot & Prot.PROT_WRITE and not (region.shared and region.file):
            self._charge(0, 0, max(0, new_size - old_size))
        if not fixed and end == region.end and self._free(end, address + new_size):
            self._ensure_chunks(end, address + new_size)
            if not self._crosses(address, address + new_size):
                self._drop(address, end)
                self._mirror.grow(address, end, address + new_size)
                self._insert(region.part(address, address + new_size))
                return address
        if not flags & Mremap.MREMAP_MAYMOVE:
            fail(errno.ENOMEM)
        if fixed:
            self.unmap(new_address, new_size)
            if new_size < old_size:
                self.unmap(address + new_size, old_size - new_size)
                end = address + new_size
        else:
            new_address = self._choose(0, new_size, 0)
        self._ensure_chunks(new_address, new_address + new_size)
        if self._crosses(address, end) or self._crosses(new_address, new_address + new_size):
            fail(errno.ENOMEM)  # a chunk's border is a seam in the host's memory
        part = region.part(address, address + new_size)
        self._drop(address, end)
        self._mirror.move(address, end, new_address, new_address + new_size)
        self._insert(replace(part, start=new_address, end=new_address + new_size))
        return new_address

    def start_brk(self, address: int) -> None:
        """Sets where the heap of brk(2) begins; aligned up to a page."""
        self.brk_start = self.brk = _up(address)

    def set_brk(self, address: int) -> int:
        """brk(2), as the system call: the new break, or the present one when the request cannot be met."""
        if address < self.brk_start or address > TASK_END:
            return self.brk
        old, new = _up(self.brk), _up(address)
        if new < old:
            self.unmap(new, old - new)
        elif new > old:
            if not self._free(old, new):
                return self.brk
            fixed = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_FIXED_NOREPLACE
            try:
                self.map(old, new - old, Prot.PROT_READ | Prot.PROT_WRITE, fixed, name="[heap]")
            except OSError:
                return self.brk
        self.brk = address
        return address

    def refresh(self, address: int) -> bool:
        """Looks again whether a page beyond the end of a file has come into being; True: the access may be tried again."""
        region = self.regions.find(address)
        if region is None or region.file is None:
            return False
        limit = self._file_end(region)
        if address >= limit:
            return False
        self._pages.set(region.start, limit, page_bits(region.prot))
        return True

    def _guard(self, start: int, end: int) -> None:
        for index in range(start >> CHUNK_SHIFT, ((end - 1) >> CHUNK_SHIFT) + 1):
            host = self._bases[index] + (index << CHUNK_SHIFT)
            guard(host, host + CHUNK, self._bus_error.buffer_info()[0], self._cpu.budget_address)

    def close(self) -> None:
        """Gives all host memory back; the CPU must not run any more."""
        for view in self._views.values():
            view.release()
        self._views.clear()
        self._chars.clear()
        for index, base in self._bases.items():
            release(base + (index << CHUNK_SHIFT))
        self._mirror.close()
        self._pages.close()

    # Inside

    def _choose(self, hint: int, size: int, flags: int) -> int:
        if flags & (Map.MAP_FIXED | Map.MAP_FIXED_NOREPLACE):
            if hint % PAGE:
                fail(errno.EINVAL)
            if hint > TASK_END - size:
                fail(errno.ENOMEM)
            if hint < MMAP_LOWEST:
                fail(errno.EPERM)
            if flags & Map.MAP_FIXED_NOREPLACE and self.regions.overlapping(hint, hint + size):
                fail(errno.EEXIST)
            return hint
        if flags & Map.MAP_32BIT:
            found = self.regions.free_above(_32BIT_START, size, _32BIT_END)
        else:
            hint = max(hint & -PAGE, MMAP_LOWEST) if hint else 0
            if hint and hint <= TASK_END - size and self._free(hint, hint + size):
                return hint
            found = self.regions.free_below(MMAP_BASE, size, MMAP_LOWEST, STACK_GAP)
        if found is None:
            fail(errno.ENOMEM)
        return found

    def _free(self, start: int, end: int) -> bool:
        if self.regions.overlapping(start, end):
            return False
        above = self.regions.neighbours(end - 1)[1]
        return above is None or not above.growsdown or end <= above.start - STACK_GAP

    def _charge(self, start: int, end: int, size: int) -> None:
        """Refuses with ENOMEM what would exceed the limit; [start, end) is about to be replaced."""
        if size and self._charged + size > self.limit:
            parts = self.regions.parts(start, end) if end else []
            if (
                self._charged - sum(part.size for part in parts if part.prot & Prot.PROT_WRITE) + size
                > self.limit
            ):
                fail(errno.ENOMEM)

    def _ensure_chunks(self, start: int, end: int) -> None:
        for index in range(start >> CHUNK_SHIFT, ((end - 1) >> CHUNK_SHIFT) + 1):
            if index not in self._bases:
                host = self._mirror.add_chunk(index)
                self._pages.add_chunk(index)
                self._views[index] = memoryview((ctypes.c_ubyte * CHUNK).from_address(host)).cast("B")
                self._chars[index] = (ctypes.c_char * CHUNK).from_address(host)
                self._cpu.add_chunk(index << CHUNK_SHIFT, host)

    def _chunks(self, start: int, end: int) -> list[tuple[int, int]]:
        """[start, end) without the chunks that are not in use."""
        pieces = []
        for index in range(start >> CHUNK_SHIFT, ((end - 1) >> CHUNK_SHIFT) + 1):
            if index in self._bases:
                pieces.append((max(start, index << CHUNK_SHIFT), min(end, (index + 1) << CHUNK_SHIFT)))
        return pieces

    @staticmethod
    def _crosses(start: int, end: int) -> bool:
        return start >> CHUNK_SHIFT != (end - 1) >> CHUNK_SHIFT

    def _drop(self, start: int, end: int) -> list[Region]:
        """Takes [start, end) out of the map and the page table; the mirror is the caller's."""
        removed = self.regions.remove(start, end)
        if removed:
            self._revoke(removed)
        return removed

    def _revoke(self, parts: list[Region]) -> None:
        for part in parts:
            if part.prot & Prot.PROT_EXEC:
                self._cpu.flush_code(part.start, part.size)  # while it may still be executed
            self._count(part, -part.size)
            self._pages.set(part.start, part.end, 0)
        self._cpu.flush_pages()

    def _insert(self, region: Region) -> None:
        self.regions.add(region)
        self._count(region, region.size)
        self._pages.set(region.start, region.end, page_bits(region.prot))

    def _count(self, region: Region, size: int) -> None:
        if region.prot & Prot.PROT_WRITE:
            if not (region.shared and region.file):
                self._charged += size
            if region.prot & Prot.PROT_EXEC:
                self._self_modifying += size

    def _file_end(self, region: Region) -> int:
        """Where in a file mapping the file ends now, up to a page: found by trying, as the descriptor may be gone."""
        low, high = 0, region.size // PAGE
        while low < high:
            middle = (low + high) // 2
            if peek(self.host(region.start + middle * PAGE), 1):
                low = middle + 1
            else:
                high = middle
        return region.start + low * PAGE
