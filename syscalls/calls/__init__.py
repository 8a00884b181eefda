"""The system calls, one file a family. Importing this package fills `syscalls.table.TABLE`."""

from syscalls.calls import files, threads

__all__ = ["files", "threads"]
