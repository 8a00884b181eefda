"""The host memory behind a guest: chunks that mirror the guest's range, and host mappings placed into them.

Within a chunk (`emu.chunks`) a guest address is a host address plus a constant.
"""

import errno
import os

from emu.chunks import TAIL, Chunk, checked
from emu.pages import CHUNK_SHIFT, PAGE, USER_END, pieces
from syscalls import kernel, numbers
from syscalls.flags import Map, Mremap, Prot

_RESERVE = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_NORESERVE


def host_prot(prot: int) -> int:
    """The host's protection for the guest's: the host only reads what the guest executes, and x86 has no write-only."""
    if prot & Prot.PROT_WRITE:
        return Prot.PROT_READ | Prot.PROT_WRITE
    return Prot.PROT_READ if prot & (Prot.PROT_READ | Prot.PROT_EXEC) else Prot.PROT_NONE


class Mirror:
    """Host memory by guest address. `bases[index]` plus a guest address in the chunk `index` is the host address."""

    def __init__(self) -> None:
        self.bases: dict[int, int] = {}
        self._void = 0

    def add_chunk(self, index: int, chunk: Chunk) -> None:
        """Makes this empty chunk the one that begins at `index` << CHUNK_SHIFT."""
        self.bases[index] = chunk.host - (index << CHUNK_SHIFT)

    def host(self, address: int) -> int:
        """The host address of a guest address; EFAULT outside the user range.

        In a chunk that the guest does not use, it is an address of inaccessible host memory.
        """
        try:
            return self.bases[address >> CHUNK_SHIFT] + address
        except KeyError:
            if not 0 <= address < USER_END - PAGE:
                raise OSError(errno.EFAULT, os.strerror(errno.EFAULT)) from None
            if not self._void:
                self._void = checked(kernel.call6(numbers.mmap, 0, TAIL, 0, _RESERVE, NONE_FD, 0))
            return self._void + (address & (PAGE - 1))

    def reserve(self, start: int, end: int) -> None:
        """Makes [start, end) private memory that is inaccessible; what it held is given back. Needs no chunks."""
        for low, high in pieces(start, end):
            base = self.bases.get(low >> CHUNK_SHIFT)
            if base is not None:
                size = high - low
                checked(kernel.call6(numbers.mmap, base + low, size, 0, _RESERVE | Map.MAP_FIXED, NONE_FD, 0))

    def place(self, start: int, end: int, prot: int, flags: int, host_fd: int = -1, offset: int = 0) -> None:
        """Maps anonymous memory or a file at [start, end); raises what the host's mmap(2) says."""
        for low, high in pieces(start, end):
            checked(
                kernel.call6(
                    numbers.mmap,
                    self.bases[low >> CHUNK_SHIFT] + low,
                    high - low,
                    host_prot(prot),
                    flags | Map.MAP_FIXED,
                    host_fd & NONE_FD,
                    offset + low - start,
                )
            )

    def protect(self, start: int, end: int, prot: int) -> None:
        """mprotect(2) on the host's mappings; raises EACCES for a file that may not be written, ENOMEM."""
        for low, high in pieces(start, end):
            base = self.bases[low >> CHUNK_SHIFT]
            checked(kernel.call3(numbers.mprotect, base + low, high - low, host_prot(prot)))

    def grow(self, start: int, end: int, new_end: int) -> None:
        """Enlarges the one mapping of [start, end) in place."""
        self._move(start, end, start, new_end, keep=False)

    def move(self, start: int, end: int, to: int, to_end: int) -> None:
        """Moves the one mapping of [start, end) to [to, to_end); the old range is inaccessible afterwards."""
        self._move(start, end, to, to_end, keep=True)

    def _move(self, start: int, end: int, to: int, to_end: int, keep: bool) -> None:
        # mremap leaves a hole in the reservation; a spare mapping is moved over it at once.
        moving = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
        old, new, size = self.host(start), self.host(to), to_end - to
        spare = checked(kernel.call6(numbers.mmap, 0, size, Prot.PROT_NONE, _RESERVE, NONE_FD, 0))
        try:
            checked(kernel.call5(numbers.mremap, old, end - start, size, moving, spare))
        except OSError:
            kernel.call2(numbers.munmap, spare, size)
            raise
        if keep:
            self.reserve(start, end)
        checked(kernel.call5(numbers.mremap, spare, size, size, moving, new))

    def close(self) -> None:
        """Forgets the chunks."""
        if self._void:
            kernel.call2(numbers.munmap, self._void, TAIL)
        self.bases.clear()
        self._void = 0


NONE_FD = (1 << 64) - 1
"""-1 as the host call's descriptor argument."""


def peek(host_address: int, size: int) -> bytes:
    """Up to 4096 bytes of this process at any address; empty where there is no memory, instead of a crash."""
    receiver, sender = os.pipe()
    try:
        got = kernel.call3(numbers.write, sender, host_address, size)
        return os.read(receiver, got) if got > 0 else b""
    finally:
        os.close(receiver)
        os.close(sender)
