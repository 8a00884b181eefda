"""Reads an ELF64 program into an `Image`: from bytes or a file, and with Linux's idea of what is acceptable."""

from __future__ import annotations

import errno
import os
import struct
from typing import NamedTuple, Protocol

ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EM_386, EM_X86_64 = 3, 62
ELFCLASS32 = 1
PT_LOAD, PT_INTERP, PT_TLS = 1, 3, 7
PT_GNU_STACK, PT_GNU_RELRO = 0x6474_E551, 0x6474_E552
PF_X, PF_W, PF_R = 1, 2, 4

PAGE = 4096
TASK_SIZE = 0x7FFF_FFFF_F000
"""The end of the user range of x86_64 with four-level page tables (TASK_SIZE_MAX)."""
_TABLE_LIMIT = 65536  # bytes of program headers that load_elf_phdrs() of fs/binfmt_elf.c reads at most
_PATH_MAX = 4096
_OFFSET_END = 1 << 63
_REPEATED_LIMIT = 256 << 20  # bytes that overlapping segments may make us copy, whatever the file's size

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
HEADER_SIZE = _HEADER.size
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


UNNAMED = "program"
"""What a program is called that came as bytes."""


class ElfError(Exception):
    """The file cannot be run; one line that says which file and why.

    `status` is the exit status (126, or 127: not found), `code` the errno that execve(2) answers; 0 where Linux finds out when the
    old program is gone, and ends the process by SIGSEGV.
    """

    def __init__(self, message: str, status: int = 126, code: int = errno.ENOEXEC) -> None:
        # A file's name may hold anything; the message stays one line.
        shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        super().__init__("".join(shown))
        self.status = status
        self.code = code


class Content(Protocol):
    """The bytes of a file."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, less where the file ends. Raises OSError."""
        ...


class Bytes(NamedTuple):
    """A file that is in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, less where the file ends."""
        return self.data[offset : offset + size]


class File(NamedTuple):
    """A file by a host descriptor, which stays the caller's."""

    descriptor: int

    @property
    def size(self) -> int:
        """How many bytes there are now."""
        return os.fstat(self.descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on, less where the file ends."""
        return os.pread(self.descriptor, size, offset) if offset < _OFFSET_END else b""


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
    """A program that can be loaded: what its headers say, and where its bytes are.

    `entry` and all addresses are as in the file; those of a position-independent program (`kind` ET_DYN) count
    from where the loader puts it. `headers_address` is where its program headers are in memory (AT_PHDR), 0 if nowhere.
    `interpreter` is the path in PT_INTERP, None for a program that needs none; `path` the name that its mappings have.
    """

    name: str
    path: str
    content: Content
    kind: int
    entry: int
    headers: tuple[ProgramHeader, ...]
    segments: tuple[ProgramHeader, ...]
    headers_address: int
    executable_stack: bool
    tls: ProgramHeader | None
    relro: ProgramHeader | None
    interpreter: bytes | None

    @property
    def descriptor(self) -> int:
        """The host descriptor of its file; -1 for a program that is in memory."""
        return self.content.descriptor if isinstance(self.content, File) else -1


def parse(data: bytes, name: str = UNNAMED) -> Image:
    """The image of a program that is in memory, checked by `read` and `check`; raises ElfError."""
    image = read(Bytes(data), name)
    check(image, whole=True)
    return image


def read(content: Content, name: str, path: str | None = None) -> Image:
    """The image of an x86_64 program; `name` begins every message, `path` (the same, if None) names its mappings.

    Raises ElfError for what load_elf_binary() of fs/binfmt_elf.c refuses while the old program still runs. What is
    wrong with segments shows later: see `check`.
    """
    try:
        kind, entry, table_offset, headers = _parse_headers(content, name)
        interpreter = next(
            (_interpreter(content, header, name) for header in headers if header.kind == PT_INTERP), None
        )
    except OSError as error:
        raise ElfError(f"{name}: cannot be read: {error.strerror}", code=errno.EIO) from None
    segments = tuple(header for header in headers if header.kind == PT_LOAD)
    headers_address = 0
    for segment in segments:  # the last one that holds them counts, as in the kernel
        if segment.offset <= table_offset < segment.file_end:
            headers_address = table_offset - segment.offset + segment.address
    stacks = [header for header in headers if header.kind == PT_GNU_STACK]
    return Image(
        name=name,
        path=name if path is None else path,
        content=content,
        kind=kind,
        entry=entry,
        headers=headers,
        segments=segments,
        headers_address=headers_address,
        # Without PT_GNU_STACK a 64-bit program gets none either (arch/x86/include/asm/elf.h, "exec-none").
        executable_stack=bool(stacks and stacks[-1].flags & PF_X),
        tls=next((header for header in headers if header.kind == PT_TLS), None),
        relro=next((header for header in headers if header.kind == PT_GNU_RELRO), None),
        interpreter=interpreter,
    )


def check(image: Image, *, whole: bool) -> None:
    """Raises ElfError, with the code 0, where Linux cannot place the segments, or the program could not begin to run.

    `whole`: the file must hold all of its segments, where Linux maps them and the program dies by SIGBUS.
    """
    name, segments = image.name, image.segments
    if not segments:
        raise ElfError(f"{name}: nothing to load: it has no PT_LOAD segment", code=0)
    size = image.content.size
    for number, segment in enumerate(segments):
        _check_segment(segment, number, size if whole else None, name)
    if image.descriptor < 0:
        mapped = sum(segment.file_size for segment in segments)
        if mapped > max(4 * size, _REPEATED_LIMIT):
            raise ElfError(
                f"{name}: absurd segments: they map {mapped} bytes of a file of {size} bytes", code=0
            )
    if not any(segment.address & -PAGE <= image.entry < _page_up(segment.end) for segment in segments):
        raise ElfError(f"{name}: entry {image.entry:#x} is outside of its segments", code=0)


def _page_up(value: int) -> int:
    return -(-value // PAGE) * PAGE


def _parse_headers(content: Content, name: str) -> tuple[int, int, int, tuple[ProgramHeader, ...]]:
    """(e_type, e_entry, e_phoff, program headers), checked in the kernel's order."""
    data = content.read(0, _HEADER.size)
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
    table = content.read(table_offset, size)
    if len(table) < size:
        raise ElfError(
            f"{name}: truncated: its program headers end at {table_offset + size:#x}, the file at {content.size:#x}"
        )
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


def _interpreter(content: Content, header: ProgramHeader, name: str) -> bytes:
    """The path in PT_INTERP."""
    if not 2 <= header.file_size <= _PATH_MAX:
        raise ElfError(f"{name}: bad header: its interpreter's path takes {header.file_size} bytes")
    path = content.read(header.offset, header.file_size)
    if len(path) < header.file_size:
        raise ElfError(
            f"{name}: truncated: its interpreter's path ends at {header.file_end:#x}, the file at {content.size:#x}",
            code=errno.EIO,
        )
    if path[-1]:
        raise ElfError(f"{name}: bad header: its interpreter's path does not end")
    return path.split(b"\0")[0]


def _check_segment(segment: ProgramHeader, number: int, length: int | None, name: str) -> None:
    """What the kernel checks of a PT_LOAD segment, and that the file holds it."""
    which = f"{name}: segment {number}"
    if segment.file_size > segment.memory_size:
        raise ElfError(
            f"{which}: larger in the file ({segment.file_size:#x}) than in memory ({segment.memory_size:#x})",
            code=0,
        )
    if segment.address >= TASK_SIZE or segment.memory_size > TASK_SIZE - segment.address:
        raise ElfError(
            f"{which}: outside of the address space: {segment.memory_size:#x} bytes at {segment.address:#x}",
            code=0,
        )
    if not segment.file_size:
        return  # nothing of the file is mapped, so p_offset does not count
    if length is not None and segment.file_end > length:
        raise ElfError(
            f"{which}: truncated: it ends at {segment.file_end:#x}, the file at {length:#x}", code=0
        )
    if (segment.offset - segment.address) % PAGE:
        raise ElfError(
            f"{which}: file offset {segment.offset:#x} and address {segment.address:#x} differ within the page",
            code=0,
        )
