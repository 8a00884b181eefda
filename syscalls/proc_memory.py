"""A process's memory as /proc tells of it: maps, and how much is used of what."""

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass

from syscalls import kernel, numbers
from syscalls.memory import Memory, Region

_PAGE = 4096
_PIECE = 1 << 30  # bytes that are asked for at a time
_READ, _WRITE, _EXEC = 1, 2, 4


@dataclass(slots=True)
class Use:
    """Pages mapped, present in memory, present of files, writable and private, executable, of the program, of the stack; addresses."""

    total: int = 0
    resident: int = 0
    resident_files: int = 0
    writable: int = 0
    executable: int = 0
    program: int = 0
    stack: int = 0
    code: tuple[int, int] = (0, 0)
    data: tuple[int, int] = (0, 0)
    heap_start: int = 0
    stack_start: int = 0


def use_of(memory: Memory, program: bytes) -> Use:
    """What is mapped, by the names that maps shows; `program` is the executable's."""
    use = Use()
    for region in memory.regions:
        pages = region.size // _PAGE
        use.total += pages
        resident = _resident(memory, region) if region.prot else 0
        use.resident += resident
        if region.file is not None:
            use.resident_files += resident
        if region.prot & _WRITE and not region.shared:
            use.writable += pages
        own = os.fsencode(region.name) == program
        if region.prot & _EXEC:
            use.executable += pages
            if own:
                use.program += pages
                use.code = (use.code[0] or region.start, region.end)
        elif own and region.prot & _WRITE:
            use.data = (use.data[0] or region.start, region.end)
        if region.name == "[stack]":
            use.stack += pages
            use.stack_start = region.end
        elif region.name == "[heap]":
            use.heap_start = region.start
    return use


def _resident(memory: Memory, region: Region) -> int:
    """Pages that the host has in memory (mincore(2))."""
    found = 0
    for start in range(region.start, region.end, _PIECE):
        size = min(_PIECE, region.end - start)
        pages = (ctypes.c_ubyte * (size // _PAGE))()
        if kernel.call3(numbers.mincore, memory.host(start), size, ctypes.addressof(pages)) == 0:
            found += sum(map((1).__and__, pages))
    return found


def _line(region: Region) -> str:
    rights = "".join(letter if region.prot & bit else "-" for letter, bit in (("r", 1), ("w", 2), ("x", 4)))
    device, inode = region.file or (0, 0)
    place = f"{region.offset:08x} {os.major(device):02x}:{os.minor(device):02x} {inode}"
    line = f"{region.start:08x}-{region.end:08x} {rights}{'s' if region.shared else 'p'} {place} "
    return f"{line:<73}{region.name}\n" if region.name else line + "\n"


def maps(memory: Memory) -> bytes:
    """proc_pid_maps(5): device and inode are the host's, as stat(2) shows them."""
    return os.fsencode("".join(_line(region) for region in memory.regions))


def smaps(memory: Memory) -> bytes:
    """proc_pid_smaps(5): sizes and what is present; nothing is known of who else has a page."""

    def lines() -> Iterator[str]:
        for region in memory.regions:
            resident = _resident(memory, region) * 4 if region.prot else 0
            yield _line(region)
            for name, size in (
                ("Size", region.size // 1024),
                ("KernelPageSize", 4),
                ("MMUPageSize", 4),
                ("Rss", resident),
                ("Pss", resident),
            ):
                yield f"{name + ':':<16}{size:>8} kB\n"

    return os.fsencode("".join(lines()))
