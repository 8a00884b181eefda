"""The address space of a guest process: mmap(2) and its kin with Linux's rules.

Three things are kept in step: the map of regions (what the guest believes), the mirror (what the host's kernel enforces
for its own copies), and the page table (what the CPU enforces).
"""

import errno
import itertools
from dataclasses import replace

from emu import bus_error
from emu.access import Processor, fail
from emu.account import MOST_MAPPINGS, Account, Charge, SharedMemory, cost
from emu.duplicate import copy_anonymous, duplicate
from emu.mapped_files import FilePages, page_bits
from emu.pages import BEYOND_FILE, CHUNK_SHIFT, PAGE, USER_END, crosses, pieces
from emu.regions import Region
from emu.residency import Residency
from emu.texts import Text
from syscalls.flags import Madvise, Map, Mremap, Prot

TASK_END = USER_END - PAGE
"""The end of the user range; the page below the canonical hole is never mapped (TASK_SIZE_MAX of the kernel)."""
MMAP_BASE = 0x7FFFF7FFF000
"""Where the search for room begins, downwards: what Linux chooses without address randomisation."""
_WORD = (1 << 64) - 1
MMAP_LOWEST = 0x10000
"""vm.mmap_min_addr."""
STACK_GAP = 256 * PAGE
"""stack_guard_gap: nothing is placed that near below a growing stack."""
DEFAULT_LIMIT = 4 << 30

_32BIT_START, _32BIT_END = 0x40000000, 0x80000000
_PRIVATE = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_NORESERVE
_RIGHTS = Prot.PROT_READ | Prot.PROT_WRITE | Prot.PROT_EXEC


def _up(value: int) -> int:
    return (value + PAGE - 1) & -PAGE


def _is_private_memory(region: Region) -> bool:
    return not region.shared and region.file is None


_numbers = itertools.count(1)


class AddressSpace(FilePages):
    """One guest address space; fulfils `syscalls.memory.Memory`. `limit` bounds the writable bytes that are mapped, here and in
    all spaces that share the account. The first space of a CPU is active from the start.
    """

    def __init__(self, cpu: Processor, limit: int = DEFAULT_LIMIT, account: Account | None = None) -> None:
        super().__init__(cpu)
        self.identity = next(_numbers)
        """Tells it from every other one."""
        self.account = account if account is not None else Account(limit)
        self.brk_start = self.brk = 0
        self.has_seals = False
        """Whether a range was ever sealed here (mseal(2))."""
        self._charge = Charge(self.account)

    @property
    def limit(self) -> int:
        """How many bytes may be writable."""
        return self.account.limit

    def shared_identity(self, address: int) -> object | None:
        """What a word in a MAP_SHARED mapping is, wherever and in whatever process it is mapped: (object, offset); None for
        private memory."""
        region = self.regions.find(address)
        if region is None or not region.shared:
            return None
        return (region.file or region.memory, region.offset + address - region.start)

    def pieces(self, start: int, end: int) -> list[tuple[int, int]]:
        """[start, end) cut where the host's memory does not go on, without what has none: reservations without rights."""
        return [piece for piece in pieces(start, end) if piece[0] >> CHUNK_SHIFT in self._bases]

    # Forks

    def advise_fork(self, start: int, end: int, advice: int) -> None:
        """MADV_DONTFORK, MADV_WIPEONFORK or the contrary, for what is mapped there (madvise(2))."""
        at_fork = advice if advice in (Madvise.MADV_DONTFORK, Madvise.MADV_WIPEONFORK) else 0
        self.regions.mark(start, end, at_fork=at_fork)

    def seal(self, start: int, end: int) -> None:
        """Seals what is mapped there; who changes mappings asks for it (mseal(2))."""
        self.has_seals = True
        self.regions.mark(start, end, sealed=True)

    def set_policy(self, start: int, end: int, policy: int) -> None:
        """Keeps a policy of mbind(2) for what is mapped there."""
        self.regions.mark(start, end, policy=policy)

    def fork(self) -> "AddressSpace":
        """A copy, as fork(2) makes one: shared mappings are the same memory, private ones have the same content.

        Raises ENOMEM when the limit, or the host, has no room for it.
        """
        account = self.account
        if account.used + self._charge.charged > account.limit:
            fail(errno.ENOMEM)
        if account.mappings + len(self.regions) > MOST_MAPPINGS:
            fail(errno.ENOMEM)
        child = AddressSpace(self._cpu, account=self.account)
        try:
            with Residency() as residency:
                for region in self.regions:
                    child._inherit(self, region, residency)
        except OSError:
            child.close()
            fail(errno.ENOMEM)
        child.regions = self.regions.copy()
        child.brk_start, child.brk = self.brk_start, self.brk
        child._charge.copy_from(self._charge)
        child._self_modifying = self._self_modifying
        child.has_seals = self.has_seals
        for region in self.regions:
            if region.at_fork == Madvise.MADV_DONTFORK:
                child.regions.remove(region.start, region.end)
                child._count(region, -region.size)
        child._charge.count(len(child.regions))
        return child

    def _inherit(self, parent: "AddressSpace", region: Region, residency: Residency) -> None:
        if region.at_fork == Madvise.MADV_DONTFORK:
            return
        for low, high in parent.pieces(region.start, region.end):
            self._ensure_chunks(low, high)
            duplicate(region.part(low, high), parent._mirror, self._mirror, residency, parent._file_end)
            self._pages.copy(parent._pages, low, high, bool(region.prot & Prot.PROT_EXEC))

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
        memory: object = SharedMemory(self.account, size) if shared and anonymous else None
        self._check_limit(start, end, cost(prot & _RIGHTS, size, memory, not shared))
        if anonymous and not shared and not prot & _RIGHTS:
            self._drop(start, end)
            self._mirror.reserve(start, end)  # takes no room on the host, where nothing else was
            self._insert(Region(start, end, 0, False, name, growsdown=bool(flags & Map.MAP_GROWSDOWN)))
            return start
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
                self._mirror.reserve(start, end)
            raise
        grows = bool(flags & Map.MAP_GROWSDOWN)
        rights = prot & _RIGHTS
        if anonymous:
            self._insert(Region(start, end, rights, shared, name, None, 0, grows, memory))
            return start
        region = Region(start, end, rights, shared, name, None, offset, grows)
        region, text, limit = self._as_file(region, host_fd, self.account)
        self._insert(region, text)
        if limit < end:
            self._pages.set(limit, end, BEYOND_FILE)
        return start

    def unmap(self, address: int, size: int) -> None:
        """munmap(2)."""
        if address % PAGE or not size or size > TASK_END or address > TASK_END - size:
            fail(errno.EINVAL)
        end = address + _up(size)
        if self.account.mappings >= MOST_MAPPINGS:
            around = self.regions.find(address)
            if around is not None and around.start < address and end < around.end:
                fail(errno.ENOMEM)  # a hole makes two of one
        if self._drop(address, end):
            self._mirror.reserve(address, end)

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
            grows = prot & ~region.prot & Prot.PROT_WRITE or not region.prot
            price = cost(prot, region.size, region.memory, not region.shared) if grows else 0
            self._check_limit(0, 0, price)
            self._ensure_chunks(region.start, region.end)
            self._mirror.protect(region.start, region.end, prot)
            self._drop(region.start, region.end)
            self._insert(replace(region, prot=prot))
            if region.file is not None and prot and (limit := self._file_end(region)) < region.end:
                self._pages.set(limit, region.end, BEYOND_FILE)
        if at < end:
            fail(errno.ENOMEM)

    def remap(self, address: int, old_size: int, new_size: int, flags: int, new_address: int = 0) -> int:
        """mremap(2): the mapping's address."""
        fixed = bool(flags & Mremap.MREMAP_FIXED)
        known = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
        if address % PAGE or flags & ~known or (fixed and not flags & Mremap.MREMAP_MAYMOVE) or not new_size:
            fail(errno.EINVAL)
        old_size, new_size = _up(old_size) & _WORD, _up(new_size)
        if new_size > TASK_END:
            fail(errno.EINVAL)
        end = address + old_size
        region = self.regions.find(address)
        if region is None:
            fail(errno.EFAULT)
        if fixed:
            overlaps = new_address < end and address < new_address + new_size
            if new_address % PAGE or new_address > TASK_END - new_size or overlaps:
                fail(errno.EINVAL)
        if not old_size:
            fail(errno.EINVAL)  # duplicating a shared mapping is not offered
        if new_size < old_size:
            # What lies behind goes first, whatever it is and however long (shrink_vma, remap_to in mm/mremap.c).
            if fixed:
                self.unmap(new_address, new_size)
            self.unmap(address + new_size, old_size - new_size)
            end, old_size = address + new_size, new_size
        if new_size == old_size and not fixed:
            if end > region.end:
                fail(errno.EFAULT)
            return address
        if end > region.end:
            fail(errno.EFAULT)
        if region.prot & Prot.PROT_WRITE and not region.shared:
            self._check_limit(0, 0, max(0, new_size - old_size))
        if region.shared:
            bus_error.install()  # what is behind the end of the shared memory
        if not fixed and end == region.end and self._free(end, address + new_size):
            self._ensure_chunks(address, address + new_size)
            if not crosses(address, address + new_size):
                self._drop(address, end)
                self._mirror.grow(address, end, address + new_size)
                self._insert(region.part(address, address + new_size))
                return address
            if _is_private_memory(region):
                self._mirror.place(end, address + new_size, region.prot, _PRIVATE)
                self._insert(replace(region, start=end, end=address + new_size))
                return address
        if not flags & Mremap.MREMAP_MAYMOVE:
            fail(errno.ENOMEM)
        if fixed:
            self.unmap(new_address, new_size)
        else:
            new_address = self._choose(0, new_size, 0)
        self._ensure_chunks(address, end)
        self._ensure_chunks(new_address, new_address + new_size)
        self._move(region.part(address, end), new_address, new_size)
        part = region.part(address, address + new_size)
        self._drop(address, end)
        self._insert(replace(part, start=new_address, end=new_address + new_size))
        return new_address

    def _move(self, region: Region, to: int, size: int) -> None:
        """Moves what is in a region on the host, piece by piece where borders of chunks are in the way; what it leaves behind is
        inaccessible. Memory of more than one piece that is not private cannot grow over a border: ENOMEM."""
        shift, end = to - region.start, to + size
        cuts = list(pieces(region.start, region.end, shift))
        is_private = _is_private_memory(region)
        grows = not crosses(cuts[-1][0] + shift, end)
        if not grows and not is_private and size > region.size:
            fail(errno.ENOMEM)
        for low, high in cuts:
            target_end = end if grows and high == region.end else high + shift
            try:
                self._mirror.move(low, high, low + shift, target_end)
            except OSError as error:
                if error.errno != errno.EFAULT or not is_private:
                    raise
                self._copy_away(
                    region.part(low, high), low + shift, target_end
                )  # to the host it is several mappings
        if not grows:
            self._mirror.place(region.end + shift, end, region.prot, _PRIVATE)

    def _copy_away(self, region: Region, to: int, end: int) -> None:
        self._mirror.place(to, end, region.prot, _PRIVATE)
        with Residency() as residency:
            copy_anonymous(region, self.host(region.start), self._mirror, to, residency)
        self._mirror.reserve(region.start, region.end)

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

    def close(self) -> None:
        """Gives all host memory back; the CPU must not run in it any more."""
        if self._cpu.space is self:
            self._cpu.use(None)
        self.regions.clear()
        self._charge.close()
        self._pages.clear()
        self._mirror.close()
        self._views.clear()
        self._chars.clear()
        for chunk in self._held:
            self._cpu.chunks.retire(chunk)
        self._held.clear()
        if self._cpu.chunks.is_waiting:
            self._cpu.stop()  # only a CPU that stands still can forget what it has translated

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

    def _check_limit(self, start: int, end: int, size: int) -> None:
        """Refuses with ENOMEM what would exceed the limit; [start, end) is about to be replaced."""
        account = self.account
        if account.mappings >= MOST_MAPPINGS:
            fail(errno.ENOMEM)
        if size and account.used + size > account.limit:
            parts = self.regions.parts(start, end) if end else []
            freed = sum(part.size for part in parts if part.prot & Prot.PROT_WRITE and not part.shared)
            if account.used - freed + size > account.limit:
                fail(errno.ENOMEM)

    def _ensure_chunks(self, start: int, end: int) -> None:
        for index in range(start >> CHUNK_SHIFT, ((end - 1) >> CHUNK_SHIFT) + 1):
            if index not in self._bases:
                chunk = self._cpu.chunks.take(index)
                self._held.append(chunk)
                self._views[index] = chunk.view
                self._chars[index] = chunk.chars
                self._pages.add_chunk(index, chunk)
                self._mirror.add_chunk(index, chunk)

    def _drop(self, start: int, end: int) -> list[Region]:
        """Takes [start, end) out of the map and the page table; the mirror is the caller's."""
        removed = self.regions.remove(start, end)
        if removed:
            self._revoke(removed)
            self._charge.count(len(self.regions))
        return removed

    def _revoke(self, parts: list[Region]) -> None:
        for part in parts:
            if part.prot & Prot.PROT_EXEC:
                self._flush_code(part.start, part.size)  # while it may still be executed
            self._count(part, -part.size)
            self._pages.set(part.start, part.end, 0)
        self._flush_pages()

    def _insert(self, region: Region, text: Text | None = None) -> None:
        self.regions.add(region)
        self._charge.count(len(self.regions))
        self._count(region, region.size)
        bits = page_bits(region.prot)
        if text is None:
            self._pages.set(region.start, region.end, bits)
        else:
            self._pages.share(region.start, region.start + text.size, bits, text.page)

    def _count(self, region: Region, size: int) -> None:
        if region.prot:
            writable = bool(region.prot & Prot.PROT_WRITE)
            private = writable and not region.shared
            self._charge.add(
                size,
                private_writable=private,
                growing=region.growsdown,
                executable=bool(region.prot & Prot.PROT_EXEC),
            )
            if writable and isinstance(region.memory, SharedMemory):
                region.memory.charge()
            if writable and region.prot & Prot.PROT_EXEC:
                self._self_modifying += size
