"""Copies mappings from one place of the host's memory to another: what fork(2) does to each, and mremap(2) over a seam."""

import ctypes
import mmap
import os

from emu.account import MappedFile
from emu.chunks import checked
from emu.mirror import Mirror, host_prot
from emu.regions import Region
from emu.residency import Ranges, Residency
from syscalls import kernel, numbers
from syscalls.flags import Madvise, Map, Mremap, Prot

_READ_WRITE = Prot.PROT_READ | Prot.PROT_WRITE
_HUGE = 2 << 20  # bytes of a huge page of the host
_ANONYMOUS = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_NORESERVE


def duplicate(region: Region, source: Mirror, target: Mirror, residency: Residency, file_end: int) -> None:
    """Makes in `target` what `region`, which lies in one chunk, is in `source`: shared memory is the same memory, private memory
    a copy. `file_end` is where a mapped file ends. Raises OSError."""
    if region.at_fork == Madvise.MADV_WIPEONFORK:
        if host_prot(region.prot):
            target.place(region.start, region.end, region.prot, _ANONYMOUS)
    elif region.shared:
        share(source.host(region.start), target.host(region.start), region.size)
    elif region.file is None:
        copy_anonymous(region, source.host(region.start), target, region.start, residency)
    else:
        _copy_of_file(region, source.host(region.start), target, residency, file_end)


def share(source: int, target: int, size: int) -> None:
    """Maps the shared memory at host address `source` at `target`, too: mremap(2) with an old size of 0."""
    flags = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
    checked(kernel.call5(numbers.mremap, source, 0, size, flags, target))


def copy_anonymous(region: Region, source: int, target: Mirror, to: int, residency: Residency) -> None:
    """Makes private memory at guest address `to` that has the content and the rights of `region`, at host address `source`."""
    existing = residency.existing(source, source + region.size)
    if not existing:
        if host_prot(region.prot):
            target.place(to, to + region.size, region.prot, _ANONYMOUS)
        return
    target.place(to, to + region.size, _READ_WRITE, _ANONYMOUS)
    if sum(end - start for start, end in existing) > max(region.size * 3 // 4, _HUGE):
        # A page fault for each of 4,096 pages is most of what their copy costs. The whole mapping gets the same advice,
        # as mremap(2) does not cross a border between two kinds.
        kernel.call3(numbers.madvise, target.host(to), region.size, mmap.MADV_HUGEPAGE)
    _copy(region, existing, source, target, to)


def _copy_of_file(region: Region, source: int, target: Mirror, residency: Residency, file_end: int) -> None:
    start, end = region.start, region.end
    fd = region.memory.reopen() if isinstance(region.memory, MappedFile) else None
    if fd is not None:
        try:
            target.place(start, end, region.prot, Map.MAP_PRIVATE | Map.MAP_NORESERVE, fd, region.offset)
        except (
            OSError
        ):  # a file system that must not be executed from, a driver: what can be read can be copied
            fd = None
        else:
            existing = residency.existing(source, source + region.size, changed=True)
        finally:
            if fd is not None:
                os.close(fd)
    if fd is None:
        target.place(start, end, _READ_WRITE, _ANONYMOUS)
        existing = [(source, source + file_end - start)] if file_end > start else []
    elif existing:
        target.protect(start, end, _READ_WRITE)
    if existing or fd is None:
        _copy(region, existing, source, target, start)


def _copy(region: Region, ranges: Ranges, source: int, target: Mirror, to: int) -> None:
    """Copies what must be writable in the target, gives the target the region's rights."""
    unreadable = not host_prot(region.prot)
    if unreadable:
        checked(kernel.call3(numbers.mprotect, source, region.size, Prot.PROT_READ))
    delta = target.host(to) - source
    for start, end in ranges:
        ctypes.memmove(start + delta, start, end - start)
    if unreadable:
        checked(kernel.call3(numbers.mprotect, source, region.size, Prot.PROT_NONE))
    if host_prot(region.prot) != _READ_WRITE:
        target.protect(to, to + region.size, region.prot)
