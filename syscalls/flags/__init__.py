"""The constants of the ABI by name, one class a set, one module a family.

A class is a `FlagSet` or an `EnumSet` (`syscalls.flags.base`), its attributes are plain integers under their C names:
`Open.O_CREAT`. Guest programs import them from here.
"""

from syscalls.flags.base import EnumSet, FlagSet
from syscalls.flags.files import (
    Access,
    AccessAt,
    At,
    Dup,
    Eventfd,
    Fcntl,
    FdFlags,
    FileType,
    Ioctl,
    LockOperation,
    LockType,
    Madvise,
    Map,
    Memfd,
    Mlock,
    Mlockall,
    Mremap,
    Msync,
    Open,
    Pipe,
    Prot,
    ReadWrite,
    Resolve,
    Seal,
    Seek,
)

__all__ = [
    "Access",
    "AccessAt",
    "At",
    "Dup",
    "EnumSet",
    "Eventfd",
    "Fcntl",
    "FdFlags",
    "FileType",
    "FlagSet",
    "Ioctl",
    "LockOperation",
    "LockType",
    "Madvise",
    "Map",
    "Memfd",
    "Mlock",
    "Mlockall",
    "Mremap",
    "Msync",
    "Open",
    "Pipe",
    "Prot",
    "ReadWrite",
    "Resolve",
    "Seal",
    "Seek",
]
