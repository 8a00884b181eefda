"""What openat2(2)'s RESOLVE_* forbid of a walk (fs/namei.c: nd_jump_root, nd_jump_link, handle_dots)."""

import errno
import os

from syscalls.flags import Resolve
from syscalls.mounts import Mount, identity

SCOPED = Resolve.RESOLVE_BENEATH | Resolve.RESOLVE_IN_ROOT
"""The walk does not leave the directory in which it begins."""

KNOWN = SCOPED | Resolve.RESOLVE_NO_XDEV | Resolve.RESOLVE_NO_MAGICLINKS
KNOWN |= Resolve.RESOLVE_NO_SYMLINKS | Resolve.RESOLVE_CACHED


def require(stays: bool) -> None:
    """Raises EXDEV for a step that leads out."""
    if not stays:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def is_same(first: int, second: int) -> bool:
    """Whether two host descriptors are the same directory."""
    return identity(os.fstat(first)) == identity(os.fstat(second))


def check_jump(resolve: int, mount: Mount, jump: tuple[int, Mount | None, bytes | None]) -> None:
    """A magic link leads to `jump`, whose descriptor is closed if it may not be followed. Raises ELOOP, EXDEV."""
    number = 0
    if resolve & Resolve.RESOLVE_NO_MAGICLINKS:
        number = errno.ELOOP
    elif resolve & SCOPED or (resolve & Resolve.RESOLVE_NO_XDEV and jump[1] is not mount):
        number = errno.EXDEV
    if number:
        os.close(jump[0])
        raise OSError(number, os.strerror(number))
