"""Calls on memory mappings: mmap, munmap, mprotect, madvise, mremap, brk, msync, mlock and kin."""

import errno
import resource

from syscalls import kernel, numbers
from syscalls.args import Address, AddressResult, Fd, Result, Size
from syscalls.flags import Madvise, Map, Mlock, Mlockall, Mremap, Msync, Open, Prot
from syscalls.memory import TASK_SIZE, Memory, Region
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_files import (
    Advice,
    MapFlags,
    MapOffset,
    MlockallFlags,
    MlockFlags,
    MovedTo,
    MremapFlags,
    MsyncFlags,
    PagesOut,
    ProtFlags,
)

EFAULT = -errno.EFAULT
EINVAL = -errno.EINVAL
ENOMEM = -errno.ENOMEM
EBADF = -errno.EBADF
PAGE = 4096
WORD = (1 << 64) - 1

_PROT_KNOWN = Prot.PROT_READ | Prot.PROT_WRITE | Prot.PROT_EXEC | Prot.PROT_SEM
_PROT_RIGHTS = Prot.PROT_READ | Prot.PROT_WRITE | Prot.PROT_EXEC
_MAP_TYPE = 0xF
# What MAP_SHARED_VALIDATE accepts (LEGACY_MAP_MASK in include/linux/mman.h); MAP_SYNC needs a DAX file.
_MAP_KNOWN = Map.MAP_SHARED | Map.MAP_PRIVATE | Map.MAP_FIXED | Map.MAP_ANONYMOUS | Map.MAP_DENYWRITE
_MAP_KNOWN |= Map.MAP_EXECUTABLE | Map.MAP_GROWSDOWN | Map.MAP_LOCKED | Map.MAP_NORESERVE | Map.MAP_POPULATE
_MAP_KNOWN |= Map.MAP_NONBLOCK | Map.MAP_STACK | Map.MAP_HUGETLB | Map.MAP_32BIT | Map.MAP_ABOVE4G
_MAP_KNOWN |= 0x3F << 26


def _aligned(size: int) -> int:
    return (size + PAGE - 1) & -PAGE & WORD


@syscall
def mmap(
    thread: Thread, addr: Address, length: Size, prot: ProtFlags, flags: MapFlags, fd: Fd, offset: MapOffset
) -> AddressResult:
    """mmap(2)."""
    if offset % PAGE:
        return EINVAL
    host = -1
    name = ""
    entry = None
    if not flags & Map.MAP_ANONYMOUS:
        entry = thread.fds.entries.get(fd)
        if entry is None or entry.description.flags & Open.O_PATH:
            return EBADF
        if flags & Map.MAP_HUGETLB:
            return EINVAL
        host = entry.host
        name = entry.description.path
    elif flags & Map.MAP_HUGETLB:
        return ENOMEM  # no huge pages are set aside
    if not length:
        return EINVAL
    size = _aligned(length)
    if not size:
        return ENOMEM
    if (offset & WORD) // PAGE + size // PAGE >> 52:
        return -errno.EOVERFLOW
    kind = flags & _MAP_TYPE
    if kind not in (Map.MAP_SHARED, Map.MAP_PRIVATE, Map.MAP_SHARED_VALIDATE):
        return EINVAL
    if entry is None:
        if kind == Map.MAP_SHARED_VALIDATE or (kind == Map.MAP_SHARED and flags & Map.MAP_GROWSDOWN):
            return EINVAL
    else:
        if kind == Map.MAP_SHARED_VALIDATE and flags & ~_MAP_KNOWN:
            return -errno.EOPNOTSUPP
        access = entry.description.flags & Open.O_ACCMODE
        if kind != Map.MAP_PRIVATE and prot & Prot.PROT_WRITE and access != Open.O_RDWR:
            return -errno.EACCES
        if access == Open.O_WRONLY:
            return -errno.EACCES
        if flags & Map.MAP_GROWSDOWN:
            return EINVAL
        if entry.description.operations is not None:
            return -errno.ENODEV
    memory = thread.memory
    if memory.has_seals and flags & Map.MAP_FIXED and not flags & Map.MAP_FIXED_NOREPLACE:
        require_unsealed(memory, addr, addr + size)
    return memory.map(addr, length, prot & _PROT_RIGHTS, flags, host, offset, name)


@syscall
def munmap(thread: Thread, addr: Address, length: Size) -> Result:
    """munmap(2)."""
    size = _aligned(length)
    if addr % PAGE or length > TASK_SIZE or addr > TASK_SIZE - length or not size:
        return EINVAL
    if thread.memory.has_seals:
        require_unsealed(thread.memory, addr, addr + size)
    thread.memory.unmap(addr, size)
    return 0


@syscall
def mprotect(thread: Thread, addr: Address, len_: Size, prot: ProtFlags) -> Result:
    """mprotect(2)."""
    grows = prot & (Prot.PROT_GROWSDOWN | Prot.PROT_GROWSUP)
    if grows == Prot.PROT_GROWSDOWN | Prot.PROT_GROWSUP or addr % PAGE:
        return EINVAL
    if not len_:
        return 0
    size = _aligned(len_)
    end = addr + size & WORD
    if end <= addr:
        return ENOMEM
    if prot & ~grows & ~_PROT_KNOWN:
        return EINVAL
    if grows:
        region = thread.memory.regions.find(addr)
        if region is None:
            return ENOMEM
        if grows == Prot.PROT_GROWSUP or not region.growsdown:
            return EINVAL
        size += addr - region.start
        addr = region.start
    memory = thread.memory
    if memory.has_seals:
        sealed = next((part.start for part in memory.regions.parts(addr, addr + size) if part.sealed), None)
        if sealed is not None:  # what lies before it is changed
            memory.protect(addr, sealed - addr, prot & _PROT_RIGHTS)
            return -errno.EPERM
    memory.protect(addr, size, prot & _PROT_RIGHTS)
    return 0


def require_unsealed(memory: Memory, start: int, end: int) -> None:
    """Raises EPERM where something in [start, end) is sealed (mseal(2))."""
    if any(part.sealed for part in memory.regions.parts(start, end)):
        raise OSError(errno.EPERM, "a sealed mapping")


@syscall
def mremap(
    thread: Thread,
    old_address: Address,
    old_size: Size,
    new_size: Size,
    flags: MremapFlags,
    new_address: MovedTo,
) -> AddressResult:
    """mremap(2)."""
    fixed = flags & Mremap.MREMAP_FIXED
    keep = flags & Mremap.MREMAP_DONTUNMAP
    if flags & ~(Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED | Mremap.MREMAP_DONTUNMAP):
        return EINVAL
    if (fixed or keep) and not flags & Mremap.MREMAP_MAYMOVE:
        return EINVAL
    if keep and old_size != new_size:
        return EINVAL
    wanted = _aligned(new_size)
    if old_address % PAGE or not wanted:
        return EINVAL
    if fixed:
        if new_address % PAGE or wanted > TASK_SIZE or new_address > TASK_SIZE - wanted:
            return EINVAL
        if old_address < new_address + wanted and new_address < old_address + _aligned(old_size):
            return EINVAL
    memory = thread.memory
    if memory.has_seals:
        require_unsealed(memory, old_address, old_address + max(_aligned(old_size), 1))
        if fixed:
            require_unsealed(memory, new_address, new_address + wanted)
    return memory.remap(old_address, old_size, new_size, flags, new_address)


@syscall
def brk(thread: Thread, addr: Address) -> AddressResult:
    """brk(2): the new break, or the present one when it cannot be moved."""
    memory = thread.memory
    if memory.has_seals:
        now = memory.set_brk(0)
        if addr < now and any(part.sealed for part in memory.regions.parts(_aligned(addr), _aligned(now))):
            return now
    return thread.memory.set_brk(addr)


_ADVICE_REFUSED = frozenset((Madvise.MADV_GUARD_INSTALL, Madvise.MADV_GUARD_REMOVE, Madvise.MADV_COLLAPSE))
_ADVICE_FOR_FORK = frozenset(
    (Madvise.MADV_DONTFORK, Madvise.MADV_DOFORK, Madvise.MADV_WIPEONFORK, Madvise.MADV_KEEPONFORK)
)
_ADVICE_PRIVILEGED = frozenset((Madvise.MADV_HWPOISON, Madvise.MADV_SOFT_OFFLINE))
_ADVICE_DISCARDS = frozenset(
    (
        Madvise.MADV_FREE, Madvise.MADV_DONTNEED, Madvise.MADV_DONTNEED_LOCKED, Madvise.MADV_REMOVE,
        Madvise.MADV_DONTFORK, Madvise.MADV_WIPEONFORK,
    )
)  # fmt: skip
_ADVICE_KNOWN = frozenset((0, 1, 2, 3, 4, *range(8, 25))) | _ADVICE_PRIVILEGED


@syscall(partial="MADV_GUARD_INSTALL, _GUARD_REMOVE and _COLLAPSE are EINVAL, as before Linux 6.1")
def madvise(thread: Thread, addr: Address, length: Size, advice: Advice) -> Result:
    """madvise(2)."""
    return advise(thread, thread.memory, addr, length, advice)


def advise(thread: Thread, memory: Memory, addr: int, length: int, advice: int) -> int:
    """madvise(2) on whatever memory."""
    if advice in _ADVICE_REFUSED:
        text = f"{Madvise.text(advice)} is not offered: madvise(2) answers EINVAL, as older kernels do"
        thread.bench.note_once(f"madvise {advice}", text)
    if advice not in _ADVICE_KNOWN or addr % PAGE:
        return EINVAL
    size = _aligned(length)
    if (length and not size) or addr + size > WORD:
        return EINVAL
    if advice in _ADVICE_PRIVILEGED:
        return -errno.EPERM
    if not size:
        return 0
    if addr + size > TASK_SIZE:
        return ENOMEM
    hole = False
    at = addr
    for part in memory.regions.parts(addr, addr + size):
        hole = hole or part.start > at
        at = part.end
        if part.sealed and advice in _ADVICE_DISCARDS and not _is_writable(part):
            return -errno.EPERM
        if advice == Madvise.MADV_DONTNEED and part.prot & Prot.PROT_EXEC:
            memory.wrote(part.start, part.size)
        for start, end in memory.pieces(part.start, part.end):
            result = kernel.call3(numbers.madvise, memory.host(start), end - start, advice)
            if result < 0:
                return result
        if advice in _ADVICE_FOR_FORK:
            memory.advise_fork(part.start, part.end, advice)
    return ENOMEM if hole or at < addr + size else 0


def _is_writable(part: Region) -> bool:
    """Whether a sealed mapping may be emptied, as its holder could overwrite it as well (can_madvise_modify in mm/mseal.c)."""
    return part.shared or part.file is not None or bool(part.prot & Prot.PROT_WRITE)


@syscall
def msync(thread: Thread, addr: Address, length: Size, flags: MsyncFlags) -> Result:
    """msync(2)."""
    if flags & ~(Msync.MS_ASYNC | Msync.MS_INVALIDATE | Msync.MS_SYNC) or addr % PAGE:
        return EINVAL
    if flags & Msync.MS_ASYNC and flags & Msync.MS_SYNC:
        return EINVAL
    size = _aligned(length)
    end = addr + size & WORD
    if end < addr:
        return ENOMEM
    if end == addr:
        return 0
    memory = thread.memory
    locked = False
    for part in memory.regions.parts(addr, min(end, TASK_SIZE)):
        for low, high in memory.pieces(part.start, part.end):
            result = kernel.call3(numbers.msync, memory.host(low), high - low, flags)
            if result == -errno.EBUSY:
                locked = True
            elif result < 0:
                return result
    if locked:
        return -errno.EBUSY
    return 0 if memory.regions.covered(addr, end) else ENOMEM


@syscall
def mincore(thread: Thread, start: Address, length: Size, vec: PagesOut) -> Result:
    """mincore(2): what the host has of the pages in memory."""
    if start % PAGE:
        return EINVAL
    size = _aligned(length)
    if start + length > TASK_SIZE:
        return ENOMEM
    if vec + size // PAGE > TASK_SIZE:
        return EFAULT
    memory = thread.memory
    at = start
    for part in memory.regions.parts(start, start + size) if size else []:
        if part.start > at:
            return ENOMEM  # what lies before the hole has been told by then
        if not part.prot:
            memory.write(
                vec + (part.start - start) // PAGE, bytes(part.size // PAGE)
            )  # where no host memory is
        for low, high in memory.pieces(part.start, part.end):
            told = memory.host(vec + (low - start) // PAGE)
            result = kernel.call3(numbers.mincore, memory.host(low), high - low, told)
            if result < 0:
                return result
        at = part.end
    return ENOMEM if at < start + size else 0


# Locking: the guest's memory stays as the host sees fit, as if it never swapped; only the answers are Linux's. The
# limit is RLIMIT_MEMLOCK, of which nothing is ever used up by neighbours.


@syscall
def mlock(thread: Thread, addr: Address, length: Size) -> Result:
    """mlock(2)."""
    return _lock(thread, addr, length, True)


@syscall
def mlock2(thread: Thread, addr: Address, length: Size, flags: MlockFlags) -> Result:
    """mlock2(2)."""
    if flags & ~Mlock.MLOCK_ONFAULT:
        return EINVAL
    return _lock(thread, addr, length, True)


@syscall
def munlock(thread: Thread, addr: Address, length: Size) -> Result:
    """munlock(2)."""
    return _lock(thread, addr, length, False)


@syscall
def mlockall(thread: Thread, flags: MlockallFlags) -> Result:
    """mlockall(2)."""
    known = Mlockall.MCL_CURRENT | Mlockall.MCL_FUTURE | Mlockall.MCL_ONFAULT
    if not flags or flags & ~known or flags == Mlockall.MCL_ONFAULT:
        return EINVAL
    limit = _lock_limit(thread)
    if not limit:
        return -errno.EPERM
    if flags & Mlockall.MCL_CURRENT and sum(part.size for part in thread.memory.regions) > limit:
        return ENOMEM
    return 0


@syscall
def munlockall(thread: Thread) -> Result:
    """munlockall(2)."""
    return 0


def _lock_limit(thread: Thread) -> int:
    soft, _ = thread.process.limits.get(resource.RLIMIT_MEMLOCK, (WORD, WORD))
    return soft if soft >= 0 else WORD


def _lock(thread: Thread, addr: int, length: int, locks: bool) -> int:
    size = _aligned(length + addr % PAGE)
    start = addr & -PAGE
    if locks:
        limit = _lock_limit(thread)
        if not limit:
            return -errno.EPERM
        if size // PAGE > limit // PAGE:
            return ENOMEM
    end = start + size & WORD
    if end < start:
        return EINVAL
    if end != start and not thread.memory.regions.covered(start, end):
        return ENOMEM
    # Pages without rights cannot be faulted in, which is told as ENOMEM (__mlock_posix_error_return in mm/mlock.c).
    reads = not locks or all(part.prot for part in thread.memory.regions.parts(start, end))
    return 0 if reads else ENOMEM
