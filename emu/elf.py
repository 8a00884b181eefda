"""Reads an ELF64 program from bytes into an `Image`: pure, and with Linux's idea of what is acceptable."""

from __future__ import annotations

import errno
import os
import stat
import struct
from typing import NamedTuple

ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EM_386, EM_X86_64 = 3, 62
ELFCLASS32 = 1
PT_LOAD, PT_INTERP, PT_TLS = 1, 3, 7
PT_GNU_STACK, PT_GNU_RELRO = 0x6474_E551, 0x6474_E552
PF_X, PF_W, PF_R = 1, 2, 4

PAGE = 4096
TASK_SIZE = 0x7FFF_FFFF_F000
"""The end of the user range of x86_64 with four-level page tables (TASK_SIZE_MAX)."""
LARGEST_FILE = 1 << 30
_TABLE_LIMIT = 65536  # bytes of program headers that load_elf_phdrs() of fs/binfmt_elf.c reads at most
_PATH_MAX = 4096
_REPEATED_LIMIT = 256 << 20  # bytes that overlapping segments may make us copy, whatever the file's size

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_PROGRAM_HEADER_32_SIZE = 32
_TYPES = {
    ET_REL: "an object file that has not been linked (ET_REL)",
    ET_CORE: "a core dump (ET_CORE)",
}
_MACHINES = {
    2: "SPARC",
    8: "MIPS",
    20: "PowerPC",
    21: "64-bit PowerPC",
    22: "S390",
    40: "32-bit ARM",
    43: "SPARC V9",
    183: "AArch64",
    243: "RISC-V",
    258: "LoongArch",
}


class ElfError(Exception):
    """The file cannot be run; one line that says which file and why. `status` is the exit status (126, or 127: not found)."""

    def __init__(self, message: str, status: int = 126) -> None:
        # A file's name may hold anything; the message stays one line.
        shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        super().__init__("".join(shown))
        self.status = status


class ProgramHeader(NamedTuple):
    """One Elf64_Phdr, in bytes; `kind` is p_type and `flags` are PF_R, PF_W, PF_X."""

    kind: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    alignment: int

    @property
    def file_end(self) -> int:
        """The file offset behind the segment's last byte."""
        return self.offset + self.file_size

    @property
    def end(self) -> int:
        """The address behind the segment's last byte in memory."""
        return self.address + self.memory_size


class Image(NamedTuple):
    """A program that can be loaded: what its headers say, checked, and the bytes of its file.

    `entry` and all addresses are as in the file; those of a position-independent program (`kind` ET_DYN) count
    from where the loader puts it. `headers_address` is where its program headers are in memory (AT_PHDR), 0 if nowhere.
    """

    name: str
    data: bytes
    kind: int
    entry: int
    headers: tuple[ProgramHeader, ...]
    segments: tuple[ProgramHeader, ...]
    headers_address: int
    executable_stack: bool
    tls: ProgramHeader | None
    relro: ProgramHeader | None


def read_program(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a program file. ElfError: status 127 when there is none, 126 when it cannot be read or run."""
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
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return file.readall()
    except OSError as error:
        raise ElfError(f"{name}: cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def parse(data: bytes, name: str = "program") -> Image:
    """The image of a static x86_64 program; `name` begins every message.

    Accepts what load_elf_binary() of Linux's fs/binfmt_elf.c accepts, with three exceptions: segments that the file
    is too short for (Linux maps them and the program dies by SIGBUS), an entry outside of every segment (it dies by
    SIGSEGV at once), and programs that need an interpreter. Raises ElfError.
    """
    kind, entry, table_offset, headers = _parse_headers(data, name)
    for header in headers:
        if header.kind == PT_INTERP:
            raise ElfError(
                f"{name}: dynamic program: needs an interpreter{_interpreter(data, header)}; not supported yet"
            )
    segments = tuple(header for header in headers if header.kind == PT_LOAD)
    if not segments:
        raise ElfError(f"{name}: nothing to load: it has no PT_LOAD segment")
    for number, segment in enumerate(segments):
        _check_segment(segment, number, len(data), name)
    mapped = sum(segment.file_size for segment in segments)
    if mapped > max(4 * len(data), _REPEATED_LIMIT):
        raise ElfError(f"{name}: absurd segments: they map {mapped} bytes of a file of {len(data)} bytes")
    if not any(segment.address & -PAGE <= entry < _page_up(segment.end) for segment in segments):
        raise ElfError(f"{name}: entry {entry:#x} is outside of its segments")
    headers_address = 0
    for segment in segments:  # the last one that holds them counts, as in the kernel
        if segment.offset <= table_offset < segment.file_end:
            headers_address = table_offset - segment.offset + segment.address
    stacks = [header for header in headers if header.kind == PT_GNU_STACK]
    return Image(
        name=name,
        data=data,
        kind=kind,
        entry=entry,
        headers=headers,
        segments=segments,
        headers_address=headers_address,
        # Without PT_GNU_STACK a 64-bit program gets none either (arch/x86/include/asm/elf.h, "exec-none").
        executable_stack=bool(stacks and stacks[-1].flags & PF_X),
        tls=next((header for header in headers if header.kind == PT_TLS), None),
        relro=next((header for header in headers if header.kind == PT_GNU_RELRO), None),
    )


def _page_up(value: int) -> int:
    return -(-value // PAGE) * PAGE


def _parse_headers(data: bytes, name: str) -> tuple[int, int, int, tuple[ProgramHeader, ...]]:
    """(e_type, e_entry, e_phoff, program headers), checked in the kernel's order."""
    if not data:
        raise ElfError(f"{name}: not an ELF program: the file is empty")
    if data[:4] != b"\x7fELF":
        if data.startswith(b"#!"):
            raise ElfError(f"{name}: not an ELF program: it is a script; run its interpreter")
        if b"\x7fELF".startswith(data):
            raise ElfError(f"{name}: truncated: {len(data)} bytes, an ELF header takes {_HEADER.size}")
        raise ElfError(f"{name}: not an ELF program: it does not begin with the ELF magic number")
    if len(data) < _HEADER.size:
        raise ElfError(f"{name}: truncated: {len(data)} bytes, an ELF header takes {_HEADER.size}")
    fields = _HEADER.unpack_from(data)
    ident, kind, machine, _, entry, table_offset, _, _, _, entry_size, count, *_ = fields
    # The kernel does not look at EI_CLASS and EI_DATA (tiny programs keep code there), only at what follows from them. We
    # refuse the one value that says "32-bit": the kernel would read such a file as what it is not.
    if machine != EM_X86_64:
        if ident[5] == 2 and machine & 0xFF == 0:
            swapped = machine >> 8
            raise ElfError(f"{name}: wrong machine: big-endian ({_machine(swapped)}); only x86_64 runs here")
        if machine == EM_386 or (ident[4] == ELFCLASS32 and machine not in _MACHINES):
            raise ElfError(f"{name}: 32-bit program ({_machine(machine)}); only 64-bit x86_64 runs here")
        raise ElfError(f"{name}: wrong machine: {_machine(machine)}; only x86_64 runs here")
    if ident[4] == ELFCLASS32:
        which = "x32 ABI" if entry_size == _PROGRAM_HEADER_32_SIZE else "ELFCLASS32"
        raise ElfError(f"{name}: 32-bit program ({which}); only 64-bit x86_64 runs here")
    if kind not in (ET_EXEC, ET_DYN):
        raise ElfError(f"{name}: not a program: {_TYPES.get(kind, f'its ELF type is {kind}')}")
    if count == 0:
        raise ElfError(f"{name}: nothing to load: it has no program headers")
    if entry_size != _PROGRAM_HEADER.size:
        raise ElfError(
            f"{name}: bad header: program headers of {entry_size} bytes each, expected {_PROGRAM_HEADER.size}"
        )
    size = count * entry_size
    if size > _TABLE_LIMIT:
        most = _TABLE_LIMIT // _PROGRAM_HEADER.size
        raise ElfError(f"{name}: bad header: {count} program headers, Linux takes at most {most}")
    if table_offset + size > len(data):
        raise ElfError(
            f"{name}: truncated: its program headers end at {table_offset + size:#x}, the file at {len(data):#x}"
        )
    table = data[table_offset : table_offset + size]
    headers = tuple(
        ProgramHeader(p_type, flags, offset, address, file_size, memory_size, alignment)
        for p_type, flags, offset, address, _, file_size, memory_size, alignment in _PROGRAM_HEADER.iter_unpack(
            table
        )
    )
    return kind, entry, table_offset, headers


def _machine(number: int) -> str:
    if number == EM_386:
        return "i386"
    return _MACHINES.get(number, f"e_machine {number}")


def _interpreter(data: bytes, header: ProgramHeader) -> str:
    """` /lib64/ld-linux-x86-64.so.2`, or nothing when the path cannot be shown in a line."""
    if not 2 <= header.file_size <= _PATH_MAX or header.file_end > len(data):
        return ""
    path = data[header.offset : header.file_end].split(b"\0")[0].decode("utf-8", "replace")
    return f" {path}" if path.isprintable() and path else ""


def _check_segment(segment: ProgramHeader, number: int, length: int, name: str) -> None:
    """What the kernel checks of a PT_LOAD segment, and that the file holds it."""
    which = f"{name}: segment {number}"
    if segment.file_size > segment.memory_size:
        raise ElfError(
            f"{which}: larger in the file ({segment.file_size:#x}) than in memory ({segment.memory_size:#x})"
        )
    if segment.address >= TASK_SIZE or segment.memory_size > TASK_SIZE - segment.address:
        raise ElfError(
            f"{which}: outside of the address space: {segment.memory_size:#x} bytes at {segment.address:#x}"
        )
    if not segment.file_size:
        return  # nothing of the file is mapped, so p_offset does not count
    if segment.file_end > length:
        raise ElfError(f"{which}: truncated: it ends at {segment.file_end:#x}, the file at {length:#x}")
    if (segment.offset - segment.address) % PAGE:
        raise ElfError(
            f"{which}: file offset {segment.offset:#x} and address {segment.address:#x} differ within the page"
        )
