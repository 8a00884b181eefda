"""What the memory of a run's address spaces costs, against one limit; and what lives as long as a mapping of it does."""

import os
from contextlib import suppress
from weakref import WeakValueDictionary

from emu.pages import PAGE
from emu.texts import Text
from syscalls.flags import Prot

STACK_ALLOWANCE = 8 << 20
"""Bytes of a growing stack that are not charged. Linux lets a stack grow from 132 KiB, the bench maps it as a whole: charged in
full, the stacks of 500 processes that use two pages each would be all of the default limit."""


MOST_MAPPINGS = 26_000
"""Regions of all spaces together. Linux allows 65,530 mappings to the bench as a whole (vm.max_map_count), of which a region takes
two where a hole follows it; what is left is the bench's own, which must not run out of them."""


class Account:
    """Bytes that may be written to, of all address spaces that share it: `used` of `limit`.

    Private memory counts once for each space that has it, as a fork copies it; shared memory counts once. The bytes a page of
    the page tables count where there is nothing else to pay: otherwise a guest could fill the host with tables.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.mappings = 0
        self.files: WeakValueDictionary[tuple[int, int], MappedFile] = WeakValueDictionary()


class Charge:
    """What one address space owes."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._sum = self._growing = self._mappings = 0
        self.charged = 0

    def count(self, mappings: int) -> None:
        """The space has that many regions now."""
        self._account.mappings += mappings - self._mappings
        self._mappings = mappings

    def add(self, size: int, *, private_writable: bool, growing: bool, executable: bool = False) -> None:
        """Accounts for `size` bytes more, or less, that can be accessed."""
        self._sum += size if private_writable else _tables(size, executable)
        if private_writable and growing:
            self._growing += size
        self._settle(self._sum - min(self._growing, STACK_ALLOWANCE))

    def copy_from(self, other: "Charge") -> None:
        """Owes the same as another space."""
        self._sum, self._growing = other._sum, other._growing
        self._settle(other.charged)

    def close(self) -> None:
        """Owes nothing any more."""
        self.count(0)
        self._sum = self._growing = 0
        self._settle(0)

    def _settle(self, charged: int) -> None:
        self._account.used += charged - self.charged
        self.charged = charged


class SharedMemory:
    """Anonymous shared memory: one object however often it is mapped. It is paid for while anybody maps it."""

    def __init__(self, account: Account, size: int) -> None:
        self._account = account
        self.size = size
        self._charged = 0

    @property
    def owed(self) -> int:
        """What it will cost to make it writable."""
        return self.size - self._charged

    def charge(self) -> None:
        """Is paid for from now on."""
        self._account.used += self.owed
        self._charged = self.size

    def __del__(self) -> None:
        self._account.used -= self._charged


def cost(prot: int, size: int, memory: object, is_private: bool) -> int:
    """What `size` bytes cost that get these rights; `memory` is what a region has of that name."""
    if is_private and prot & Prot.PROT_WRITE:
        return size
    owed = memory.owed if prot & Prot.PROT_WRITE and isinstance(memory, SharedMemory) else 0
    return owed + _tables(size, bool(prot & Prot.PROT_EXEC)) if prot else 0


def _tables(size: int, executable: bool) -> int:
    """What the page tables of `size` bytes take: executable pages may be in the second one (`emu.pages`)."""
    return size // PAGE * (5 if executable else 1)


class MappedFile:
    """A file that is mapped privately, to be mapped again in a forked address space.

    Held by an O_PATH descriptor: unlike a duplicate it keeps no lock alive, and unlike an open one, its closing drops none.
    """

    __slots__ = ("__weakref__", "_fd", "texts")

    def __init__(self, host_fd: int) -> None:
        self._fd = -1
        self.texts: set[Text] = set()
        """What of it is shared by address spaces, and stays as long as the file is mapped."""
        with suppress(OSError):
            self._fd = os.open(f"/proc/self/fd/{host_fd}", os.O_PATH | os.O_CLOEXEC)

    def reopen(self) -> int | None:
        """A new read-only descriptor; None where the file cannot be opened (again)."""
        if self._fd < 0:
            return None
        with suppress(OSError):
            return os.open(f"/proc/self/fd/{self._fd}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        return None

    def __del__(self) -> None:
        if self._fd >= 0:
            is_deleted = bool(self.texts) and not os.fstat(self._fd).st_nlink
            os.close(self._fd)
            for text in self.texts:
                text.leave(is_deleted)


def mapped_file(account: Account, key: tuple[int, int], host_fd: int) -> MappedFile:
    """The one object for the file `key` (device, inode), which is open as `host_fd`."""
    known = account.files.get(key)
    if known is None:
        known = account.files[key] = MappedFile(host_fd)
    return known
