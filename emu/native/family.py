"""What the tracer must know of processes beside their calls: what a clone was asked for, and the program that an execve has put there."""

import os
import struct
from pathlib import Path
from typing import Any, NamedTuple

from emu.elf import ElfError, parse
from emu.places import Places
from syscalls import numbers
from syscalls.process import Thread

_CLONE_FILES = 0x400
_AT_ENTRY = 9


class Former(NamedTuple):
    """See `emu.executing.Former`: what places calls that began before `until` have."""

    until: int
    places: Any
    former: "Former | None"


def shares_files(thread: Thread, number: int, args: tuple[int, ...]) -> bool:
    """Whether a call that makes a process or thread asks for CLONE_FILES."""
    if number == numbers.clone:
        return bool(args[0] & _CLONE_FILES)
    if number == numbers.clone3:
        try:
            return bool(thread.memory.u64(args[0]) & _CLONE_FILES)
        except OSError:
            return False
    return False


def executed(pid: int) -> tuple[str, list[str]]:
    """The program that a process runs, and its argument vector, from proc(5)."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        return os.readlink(f"/proc/{pid}/exe"), [word.decode("utf-8", "replace") for word in words]
    except OSError:  # killed while we look
        return "", []


def entry_of(pid: int) -> int:
    """Where the kernel entered the program: AT_ENTRY of the auxiliary vector."""
    words = struct.iter_unpack("<QQ", Path(f"/proc/{pid}/auxv").read_bytes())
    return next((value for key, value in words if key == _AT_ENTRY), 0)


def places_of(pid: int) -> Places:
    """The places of the program that a process runs; none where it cannot be read."""
    try:
        data = Path(f"/proc/{pid}/exe").read_bytes()
        return Places(data, entry_of(pid) - parse(data, "program").entry)
    except (OSError, ElfError):
        return Places(b"")
