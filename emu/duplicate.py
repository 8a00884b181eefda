"""Copies mappings from one place of the host's memory to another: what fork(2) does to each, and mremap(2) over a seam."""

import ctypes
import errno
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emu.account import MappedFile
from emu.chunks import checked
from emu.mirror import Mirror, host_prot
from emu.pages import PAGE
from emu.regions import Region
from emu.residency import Ranges, Residency
from syscalls import kernel, numbers
from syscalls.flags import Madvise, Map, Mremap, Prot

FileEnd = Callable[[Region], int]
_READ_WRITE = Prot.PROT_READ | Prot.PROT_WRITE
_HUGE = 2 << 20  # bytes of a huge page of the host
_ANONYMOUS = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_NORESERVE


def duplicate(
    region: Region, source: Mirror, target: Mirror, residency: Residency, file_end: FileEnd
) -> None:
    """Makes in `target` what `region`, which lies in one chunk, is in `source`: shared memory is the same memory, private memory
    a copy. `file_end` tells where in a mapping the file ends. Raises OSError."""
    if region.at_fork == Madvise.MADV_WIPEONFORK:
        if host_prot(region.prot):
            target.place(region.start, region.end, region.prot, _ANONYMOUS)
    elif region.shared:
        _share(region, source, target)
    elif region.file is None:
        copy_anonymous(region, source.host(region.start), target, region.start, residency)
    else:
        _copy_of_file(region, source.host(region.start), target, residency, file_end)


def _share(region: Region, source: Mirror, target: Mirror) -> None:
    """mremap(2) with an old size of 0 maps shared memory once more."""
    flags = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
    for start in range(region.start, region.end, PAGE):
        size = region.end - start
        result = kernel.call5(numbers.mremap, source.host(start), 0, size, flags, target.host(start))
        if result != -errno.EINVAL:
            checked(result)
            return
        # This page is private, then: emu.bus_error has put it in the place of one that a shorter file lacks.


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


def _copy_of_file(
    region: Region, source: int, target: Mirror, residency: Residency, file_end: FileEnd
) -> None:
    changed = residency.changed(source, source + region.size)
    if changed is not None and _map_again(region, target):
        if changed:
            target.protect(region.start, region.end, _READ_WRITE)
            _copy(region, changed, source, target, region.start)
        return
    target.place(region.start, region.end, _READ_WRITE, _ANONYMOUS)
    with _readable(region, source):
        existing = [(source, source + file_end(region) - region.start)]
    _copy(region, existing, source, target, region.start)


def _map_again(region: Region, target: Mirror) -> bool:
    """Maps the file of a region; False where it cannot be had."""
    fd = region.memory.reopen() if isinstance(region.memory, MappedFile) else None
    if fd is None:
        return False
    try:
        flags = Map.MAP_PRIVATE | Map.MAP_NORESERVE
        target.place(region.start, region.end, region.prot, flags, fd, region.offset)
    except OSError:  # what can be read can be copied
        return False
    finally:
        os.close(fd)
    return True


def _copy(region: Region, ranges: Ranges, source: int, target: Mirror, to: int) -> None:
    """Copies what must be writable in the target, gives the target the region's rights."""
    delta = target.host(to) - source
    with _readable(region, source):
        for start, end in ranges:
            ctypes.memmove(start + delta, start, end - start)
    if host_prot(region.prot) != _READ_WRITE:
        target.protect(to, to + region.size, region.prot)


@contextmanager
def _readable(region: Region, source: int) -> Iterator[None]:
    """The host may read what the guest may not."""
    if host_prot(region.prot):
        yield
        return
    checked(kernel.call3(numbers.mprotect, source, region.size, Prot.PROT_READ))
    try:
        yield
    finally:
        checked(kernel.call3(numbers.mprotect, source, region.size, Prot.PROT_NONE))
