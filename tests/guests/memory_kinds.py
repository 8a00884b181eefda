"""membarrier, protection keys and get_mempolicy on a processor and a machine that have little of it."""

from say import check, result

from guest.lang import addr, array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Map, Prot

NOWHERE = 0x10


def barriers() -> None:
    """Before and after the registrations."""
    known = syscall(numbers.membarrier, 0, 0, 0)
    result(b"known, without rseq", known & 0x7F)
    for _ in range(2):
        for bit in range(7):
            result(b"command", syscall(numbers.membarrier, u64(1) << bit, 0, 0))
        result(b"registrations, without rseq", syscall(numbers.membarrier, 0x200, 0, 0) & 0x7F)
    result(b"unknown", syscall(numbers.membarrier, 0x4000, 0, 0))
    result(b"two at once", syscall(numbers.membarrier, 3, 0, 0))
    result(b"negative", syscall(numbers.membarrier, -1, 0, 0))
    result(b"flags", syscall(numbers.membarrier, 0, 1, 0))
    result(b"flags of a barrier", syscall(numbers.membarrier, 8, 1, 0))


def keys(page: i64) -> None:
    """Keys that nobody has allocated."""
    result(b"alloc, flags", syscall(numbers.pkey_alloc, 1, 0))
    result(b"alloc, rights", syscall(numbers.pkey_alloc, 0, 4))
    result(b"free", syscall(numbers.pkey_free, 1))
    result(b"free -1", syscall(numbers.pkey_free, -1))
    result(b"protect, no key", syscall(numbers.pkey_mprotect, page, 4096, Prot.PROT_READ, -1))
    result(b"protect, key 1", syscall(numbers.pkey_mprotect, page, 4096, 3, 1))
    result(b"protect, key -2", syscall(numbers.pkey_mprotect, page, 4096, 3, -2))
    result(b"protect, odd", syscall(numbers.pkey_mprotect, page + 1, 4096, 3, 1))
    result(b"protect nothing", syscall(numbers.pkey_mprotect, page, 0, 3, 5))


def policies(page: i64) -> None:
    """The default ones."""
    mode = u32(77)
    mask = array[u64, 4]([5, 5, 5, 5])
    result(b"nothing asked", syscall(numbers.get_mempolicy, 0, 0, 0, 0, 0))
    result(b"mode", syscall(numbers.get_mempolicy, addr(mode), 0, 0, 0, 0))
    result(b"is", i64(mode))
    result(b"nodes", syscall(numbers.get_mempolicy, addr(mode), mask.ptr, 129, 0, 0))
    check(b"are none, and the rest is cleared", mask[0] == 0 and mask[1] == 0 and mask[2] == 5)
    result(b"no room", syscall(numbers.get_mempolicy, 0, mask.ptr, 0, 0, 0))
    result(b"much room", syscall(numbers.get_mempolicy, 0, mask.ptr, 40000, 0, 0))
    result(b"nodes to nowhere", syscall(numbers.get_mempolicy, 0, NOWHERE, 64, 0, 0))
    result(b"mode to nowhere", syscall(numbers.get_mempolicy, NOWHERE, 0, 0, 0, 0))
    result(b"of an address", syscall(numbers.get_mempolicy, addr(mode), 0, 0, page, 2))
    result(b"node of an address", syscall(numbers.get_mempolicy, addr(mode), 0, 0, page, 3))
    result(b"is", i64(mode))
    result(b"of nowhere", syscall(numbers.get_mempolicy, 0, 0, 0, NOWHERE, 2))
    result(b"an address without the flag", syscall(numbers.get_mempolicy, 0, 0, 0, page, 0))
    result(b"the next node", syscall(numbers.get_mempolicy, 0, 0, 0, 0, 1))
    result(b"allowed nodes", syscall(numbers.get_mempolicy, 0, mask.ptr, 64, 0, 4))
    check(b"node 0 is", (mask[0] & 1) == 1)
    result(b"allowed, of an address", syscall(numbers.get_mempolicy, 0, 0, 0, page, 6))
    result(b"unknown flags", syscall(numbers.get_mempolicy, 0, 0, 0, 0, 8))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    barriers()
    page = syscall(
        numbers.mmap, 0, 4096, Prot.PROT_READ | Prot.PROT_WRITE, Map.MAP_PRIVATE | Map.MAP_ANONYMOUS, -1, 0
    )
    ptr[u8](u64(page))[0] = 1
    keys(page)
    policies(page)
    return 0
