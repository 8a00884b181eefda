"""What a handler may do with the guest's memory: a protocol that the bench's address space fulfils."""

from collections.abc import Iterator, Sequence
from typing import Protocol

TASK_SIZE = 0x7FFF_FFFF_F000
"""The end of the user range (TASK_SIZE_MAX): a buffer that would run past it is EFAULT before anything is moved."""


class Region(Protocol):
    """One mapping: [start, end) in bytes, its PROT_* bits, and what it is a mapping of."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def prot(self) -> int: ...
    @property
    def shared(self) -> bool: ...
    @property
    def growsdown(self) -> bool: ...
    @property
    def name(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def file(self) -> tuple[int, int] | None: ...
    @property
    def sealed(self) -> bool: ...
    @property
    def policy(self) -> int: ...


class Regions(Protocol):
    """The map of the address space, to be read; sorted by address."""

    def __iter__(self) -> Iterator[Region]: ...

    def find(self, address: int) -> Region | None:
        """The region that holds `address`."""
        ...

    def parts(self, start: int, end: int) -> Sequence[Region]:
        """The regions in [start, end), cut to it."""
        ...

    def covered(self, start: int, end: int) -> bool:
        """Whether [start, end) is mapped without a hole."""
        ...


class Memory(Protocol):
    """Guest memory. Addresses are guest addresses, sizes are bytes.

    Every access outside accessible memory raises `OSError(EFAULT)`, as the kernel's copy_from_user and
    copy_to_user would answer. Nothing here ever touches a page that the guest itself could not touch.
    """

    @property
    def regions(self) -> Regions:
        """What is mapped where."""
        ...

    def host(self, address: int) -> int:
        """The host address that backs `address`, for a raw host call; raises EFAULT outside the user range.

        Host page protections mirror the guest's, so the host's kernel answers EFAULT (or a short count) itself.
        """
        ...

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes from `address`; raises EFAULT unless all of them are readable."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Stores `data` at `address`; raises EFAULT unless the whole range is writable."""
        ...

    def readable(self, address: int, size: int) -> int:
        """How many bytes from `address` on can be read in one run: 0 to `size`."""
        ...

    def cstring(self, address: int, limit: int = 4096) -> bytes:
        """The bytes before the NUL; raises EFAULT, or ENAMETOOLONG when `limit` bytes hold no NUL."""
        ...

    def u32(self, address: int) -> int:
        """The unsigned 32-bit little-endian value at `address`; raises EFAULT."""
        ...

    def u64(self, address: int) -> int:
        """The unsigned 64-bit little-endian value at `address`; raises EFAULT."""
        ...

    def put_u32(self, address: int, value: int) -> None:
        """Stores the low 32 bits of `value`; raises EFAULT."""
        ...

    def put_u64(self, address: int, value: int) -> None:
        """Stores the low 64 bits of `value`; raises EFAULT."""
        ...

    def wrote(self, address: int, size: int) -> None:
        """Tells that a host call stored `size` bytes there: drops translated code where the range is executable."""
        ...

    def map(
        self, hint: int, size: int, prot: int, flags: int, host_fd: int = -1, offset: int = 0, name: str = ""
    ) -> int:
        """mmap(2) on the guest: the address chosen; raises EINVAL, ENOMEM, EEXIST, EACCES, ENODEV."""
        ...

    def unmap(self, address: int, size: int) -> None:
        """munmap(2); raises EINVAL, ENOMEM."""
        ...

    def protect(self, address: int, size: int, prot: int) -> None:
        """mprotect(2); raises EINVAL, ENOMEM, EACCES."""
        ...

    def remap(self, address: int, old_size: int, new_size: int, flags: int, new_address: int = 0) -> int:
        """mremap(2): the address of the mapping; raises EINVAL, EFAULT, ENOMEM."""
        ...

    def set_brk(self, address: int) -> int:
        """brk(2), as the kernel's call: the new break, or the old one when the request cannot be met."""
        ...

    def pieces(self, start: int, end: int) -> list[tuple[int, int]]:
        """[start, end) cut where the host's memory does not go on, without what has none: reservations without rights."""
        ...

    def advise_fork(self, start: int, end: int, advice: int) -> None:
        """MADV_DONTFORK, MADV_WIPEONFORK or the contrary, for what is mapped there."""
        ...

    @property
    def limit(self) -> int:
        """How many bytes all processes of the run together may have that can be written to."""
        ...

    has_seals: bool
    """Whether a range was ever sealed (mseal(2))."""

    def seal(self, start: int, end: int) -> None:
        """Seals what is mapped there: it is for the calls to refuse changes of it (`Region.sealed`)."""
        ...

    def set_policy(self, start: int, end: int, policy: int) -> None:
        """Keeps a policy of mbind(2) for what is mapped there (`Region.policy`)."""
        ...

    @property
    def identity(self) -> int:
        """A number that no other address space has."""
        ...

    def shared_identity(self, address: int) -> object | None:
        """What identifies the word behind a MAP_SHARED mapping in whatever place it is mapped; None for private memory.

        Two addresses with equal identities are the same memory: a futex there is one futex.
        """
        ...
