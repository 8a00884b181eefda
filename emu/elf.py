"""Opens the program that a person named; what an ELF file is, `syscalls.elf` knows."""

from __future__ import annotations

import errno
import os
import stat

from syscalls.elf import ET_DYN, ET_EXEC, PAGE, TASK_SIZE, ElfError, Image, ProgramHeader, check, parse, read

__all__ = [
    "ET_DYN", "ET_EXEC", "PAGE", "TASK_SIZE", "ElfError", "Image", "ProgramHeader", "check", "open_program", "parse", "read", "read_program",
]  # fmt: skip

LARGEST_FILE = 1 << 30


def open_program(path: str | os.PathLike[str]) -> int:
    """A host descriptor of a program file. ElfError: status 127 when there is none, 126 when it cannot be read or run."""
    name = os.fspath(path)
    try:
        # O_NONBLOCK: a named pipe must not make us wait for its writer.
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except ValueError:
        raise ElfError(f"{name!r}: not a path: it holds a NUL byte", 127) from None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise ElfError(f"{name}: not found", 127) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise ElfError(f"{name}: permission denied: it cannot be read") from None
        raise ElfError(f"{name}: cannot be opened: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise ElfError(f"{name}: is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise ElfError(f"{name}: not a regular file")
        if not status.st_mode & 0o555:  # root could read it all the same; nobody was meant to run it
            raise ElfError(f"{name}: permission denied: its mode lets nobody read or run it")
        if status.st_size > LARGEST_FILE:
            raise ElfError(f"{name}: too large: {status.st_size} bytes, at most {LARGEST_FILE} are loaded")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_program(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a program file; raises ElfError."""
    with open(open_program(path), "rb", buffering=0) as file:
        try:
            return file.readall()
        except OSError as error:
            raise ElfError(f"{os.fspath(path)}: cannot be read: {error.strerror}") from None
