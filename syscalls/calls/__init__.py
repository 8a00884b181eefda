"""The system calls, one file a family. Importing this package fills `syscalls.table.TABLE`."""

from syscalls.calls import (
    clock,
    clone,
    control,
    files,
    futex,
    identity,
    mapping,
    pipes,
    signals,
    threads,
    vectors,
)

__all__ = [
    "clock",
    "clone",
    "files",
    "futex",
    "identity",
    "mapping",
    "pipes",
    "signals",
    "threads",
    "vectors",
]
