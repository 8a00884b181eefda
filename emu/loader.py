"""Puts an `Image` into an address space as Linux's execve does: segments, heap start, and the initial stack."""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from emu.cpuid import cpuid
from emu.elf import ET_DYN, PAGE, TASK_SIZE, ElfError, Image, ProgramHeader, check
from syscalls.flags import Map, Prot
from syscalls.strings import MAX_ARG_STRLEN, strings_limit

STACK_TOP = TASK_SIZE
STACK_SIZE = 8 << 20
"""RLIMIT_STACK, bytes. All of it is mapped from the start, where Linux lets the mapping grow."""
PIE_BASE = 0x5555_5555_4000
"""Where a position-independent program begins when addresses are not randomised (ELF_ET_DYN_BASE)."""
LOWEST = 0x1_0000
"""vm.mmap_min_addr of an ordinary system."""
CLOCK_TICKS = 100
MINSIGSTKSZ = 2048
PLATFORM = b"x86_64"
HWCAP2_FSGSBASE = 1 << 1
"""RDFSBASE and its kin work in user mode (asm/hwcap2.h)."""
_STACK_GAP = 256 * PAGE

# auxiliary vector, asm/auxvec.h and linux/auxvec.h
AT_NULL, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY = 0, 3, 4, 5, 6, 7, 8, 9
AT_UID, AT_EUID, AT_GID, AT_EGID, AT_PLATFORM, AT_HWCAP, AT_CLKTCK = 11, 12, 13, 14, 15, 16, 17
AT_SECURE, AT_RANDOM, AT_HWCAP2, AT_EXECFN, AT_MINSIGSTKSZ = 23, 25, 26, 31, 51

_FIXED = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_FIXED
_FIXED_FILE = Map.MAP_PRIVATE | Map.MAP_FIXED
_ANYWHERE = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_NORESERVE
_READ_WRITE = Prot.PROT_READ | Prot.PROT_WRITE


class Space(Protocol):
    """What loading needs of an address space (`emu.memory.AddressSpace`); all raise OSError."""

    def map(
        self, hint: int, size: int, prot: int, flags: int, host_fd: int = -1, offset: int = 0, name: str = ""
    ) -> int: ...
    def unmap(self, address: int, size: int) -> None: ...
    def protect(self, address: int, size: int, prot: int) -> None: ...
    def write(self, address: int, data: bytes) -> None: ...


class Identity(NamedTuple):
    """What the auxiliary vector says of the process: user and group ids, whether it has become somebody else (AT_SECURE),
    and the processor's features."""

    uid: int = 0
    euid: int = 0
    gid: int = 0
    egid: int = 0
    secure: int = 0
    hwcap: int = cpuid(1, 0)[3]
    hwcap2: int = HWCAP2_FSGSBASE


_ROOT = Identity()


class Loaded(NamedTuple):
    """Where everything is: all are guest addresses. `base` is what was added to the addresses in the file.

    `entry` is where the processor begins: in the interpreter, if there is one, whose `base` is `interpreter_base`. `auxv` is the
    auxiliary vector, as /proc/PID/auxv shows it.
    """

    entry: int
    stack_pointer: int
    brk: int
    headers_address: int
    base: int
    stack_low: int
    stack_high: int
    interpreter_base: int = 0
    auxv: bytes = b""


def load(
    space: Space,
    image: Image,
    argv: Sequence[bytes],
    environment: Sequence[bytes],
    *,
    random: bytes,
    interpreter: Image | None = None,
    filename: bytes | None = None,
    identity: Identity = _ROOT,
    stack_size: int = STACK_SIZE,
) -> Loaded:
    """Map `image` and its interpreter, and write the initial stack; the registers of `_start` follow from the result.

    `argv` and `environment` (`NAME=value`) are strings without NUL; `random` are the 16 bytes behind AT_RANDOM;
    `filename` is AT_EXECFN, the image's name by default. Raises ElfError when the image cannot be placed or memory
    does not suffice, and when argv and environment are too large (E2BIG, status 126, as a shell has it).
    Sources: fs/binfmt_elf.c and fs/exec.c; System V ABI, AMD64 supplement, 3.4.1.
    """
    execfn = image.name.encode("utf-8", "surrogateescape") if filename is None else filename
    arguments = list(argv) or [b""]  # since 5.18 nobody starts without argv[0]
    _check_sizes(image.name, arguments, environment, execfn, stack_size)
    stack_low = STACK_TOP - stack_size
    base = _base(image)
    _check_place(image, base, stack_low)
    executable = Prot.PROT_EXEC if image.executable_stack else 0
    try:
        space.map(
            stack_low,
            stack_size,
            _READ_WRITE | executable,
            _FIXED | Map.MAP_GROWSDOWN | Map.MAP_STACK,
            name="[stack]",
        )
        for segment in image.segments:
            _map_segment(space, image, segment, base)
        entry, interpreter_base = image.entry + base, 0
        if interpreter is not None:
            interpreter_base = _map_interpreter(space, interpreter, stack_low)
            entry = interpreter.entry + interpreter_base
        stack = _build_stack(image, base, interpreter_base, arguments, environment, execfn, random, identity)
        space.write(STACK_TOP - len(stack), stack)
    except OSError as error:
        raise ElfError(f"{image.name}: cannot be loaded: {error.strerror or error}", code=0) from None
    return Loaded(
        entry=entry,
        stack_pointer=STACK_TOP - len(stack),
        brk=_page_up(max(segment.end for segment in image.segments) + base),
        headers_address=image.headers_address + base,
        base=base,
        stack_low=stack_low,
        stack_high=STACK_TOP,
        interpreter_base=interpreter_base,
        auxv=_auxv(stack, len(arguments) + len(environment)),
    )


def _auxv(stack: bytes, strings: int) -> bytes:
    """The auxiliary vector in the bytes that begin at the stack pointer: behind argc and the two vectors of pointers."""
    start = end = 8 * (strings + 3)
    while struct.unpack_from("<Q", stack, end)[0] != AT_NULL:
        end += 16
    return stack[start : end + 16]


def _check_place(image: Image, base: int, stack_low: int) -> None:
    check(image, whole=image.descriptor < 0)
    for number, segment in enumerate(image.segments):
        start, end = segment.address + base, segment.end + base
        if segment.memory_size and not (start >= LOWEST and end <= stack_low - _STACK_GAP):
            raise ElfError(
                f"{image.name}: segment {number}: cannot be placed at {start:#x}-{end:#x}:"
                f" programs are loaded between {LOWEST:#x} and {stack_low - _STACK_GAP:#x}",
                code=0,
            )


def _map_interpreter(space: Space, image: Image, stack_low: int) -> int:
    """load_elf_interp(): where mmap(2) finds room for all of it; what is between its segments stays free. Its base."""
    if image.kind != ET_DYN:
        _check_place(image, 0, stack_low)
        base = 0
    else:
        check(image, whole=image.descriptor < 0)
        first = image.segments[0].address & -PAGE
        size = _page_up(max(segment.end for segment in image.segments)) - first
        if not 0 < size < stack_low:
            raise ElfError(f"{image.name}: cannot be placed: its segments take {size:#x} bytes", code=0)
        place = space.map(0, size, Prot.PROT_NONE, _ANYWHERE)
        space.unmap(place, size)
        base = place - first
        _check_place(image, base, stack_low)
    for segment in image.segments:
        _map_segment(space, image, segment, base)
    return base


def _page_up(value: int) -> int:
    return -(-value // PAGE) * PAGE


def _base(image: Image) -> int:
    """What is added to every address: 0 for ET_EXEC; else so that the first segment is at PIE_BASE, aligned as wished."""
    if image.kind != ET_DYN:
        return 0
    powers = (s.alignment for s in image.segments if s.alignment and not s.alignment & (s.alignment - 1))
    alignment = max([PAGE, *powers])
    return (PIE_BASE & -alignment) - (image.segments[0].address & -PAGE)


def _map_segment(space: Space, image: Image, segment: ProgramHeader, base: int) -> None:
    """elf_load() of fs/binfmt_elf.c: pages of the file, then zero pages; a later segment replaces an earlier one.

    The first and last page of the file show what the file has beside the segment. What follows the file's bytes in the
    last page is cleared if the segment is writable; whole zero pages are always readable and writable.
    """
    start = segment.address + base
    first = start & -PAGE
    prot = segment.flags >> 2 & 1 | segment.flags & 2 | (segment.flags & 1) << 2  # PF_R, PF_W, PF_X to PROT_*
    zero = first
    if segment.file_size:
        zero = _page_up(start + segment.file_size)
        offset = segment.offset - (start - first)
        end = start + segment.file_size
        has_tail = segment.memory_size > segment.file_size and bool(prot & Prot.PROT_WRITE)
        if image.descriptor >= 0:
            space.map(first, zero - first, prot, _FIXED_FILE, image.descriptor, offset, image.path)
            if has_tail and zero > end:
                space.write(end, bytes(zero - end))
        else:
            content = image.content.read(offset, (end if has_tail else zero) - first)
            space.map(first, zero - first, _READ_WRITE, _FIXED, name=image.path)
            space.write(first, content)
            if prot != _READ_WRITE:
                space.protect(first, zero - first, prot)
    last = _page_up(start + segment.memory_size)
    if segment.memory_size > segment.file_size and last > zero:
        space.map(zero, last - zero, _READ_WRITE | prot & Prot.PROT_EXEC, _FIXED)


def _build_stack(
    image: Image,
    base: int,
    interpreter_base: int,
    arguments: Sequence[bytes],
    environment: Sequence[bytes],
    execfn: bytes,
    random: bytes,
    identity: Identity,
) -> bytes:
    """The bytes that end at STACK_TOP; their first is where rsp points, 16-byte aligned.

    From the top: 8 zero bytes, the file name, environment, arguments (all in ascending order), the platform's name,
    16 random bytes, then the vectors (copy_strings() and create_elf_tables()).
    """
    if len(random) != 16:
        raise ValueError(f"AT_RANDOM takes 16 bytes, not {len(random)}")
    at = STACK_TOP - 8 - len(execfn) - 1
    execfn_address = at
    strings = b"".join(text + b"\0" for text in [*arguments, *environment])
    at -= len(strings)
    pointers = []
    cursor = at
    for text in [*arguments, *environment]:
        pointers.append(cursor)
        cursor += len(text) + 1
    top = strings + execfn + bytes(1 + 8)
    aligned = at & -16
    platform_address = aligned - len(PLATFORM) - 1
    random_address = platform_address - 16
    top = random + PLATFORM + b"\0" + bytes(at - aligned) + top
    auxiliary = (
        (AT_MINSIGSTKSZ, MINSIGSTKSZ),
        (AT_HWCAP, identity.hwcap),
        (AT_PAGESZ, PAGE),
        (AT_CLKTCK, CLOCK_TICKS),
        (AT_PHDR, image.headers_address + base),
        (AT_PHENT, 56),
        (AT_PHNUM, len(image.headers)),
        (AT_BASE, interpreter_base),
        (AT_FLAGS, 0),
        (AT_ENTRY, image.entry + base),
        (AT_UID, identity.uid),
        (AT_EUID, identity.euid),
        (AT_GID, identity.gid),
        (AT_EGID, identity.egid),
        (AT_SECURE, identity.secure),
        (AT_RANDOM, random_address),
        (AT_HWCAP2, identity.hwcap2),
        (AT_EXECFN, execfn_address),
        (AT_PLATFORM, platform_address),
        (AT_NULL, 0),
    )
    words = [len(arguments), *pointers[: len(arguments)], 0, *pointers[len(arguments) :], 0]
    for pair in auxiliary:
        words.extend(pair)
    stack_pointer = (random_address - 8 * len(words)) & -16
    vectors = struct.pack(f"<{len(words)}Q", *(word & 0xFFFF_FFFF_FFFF_FFFF for word in words))
    return vectors + bytes(random_address - stack_pointer - len(vectors)) + top


def _check_sizes(
    name: str, arguments: Sequence[bytes], environment: Sequence[bytes], execfn: bytes, stack_size: int
) -> None:
    """The limits of fs/exec.c (bprm_stack_limits, valid_arg_len), beyond which execve answers E2BIG."""
    for what, texts in (
        ("argument", arguments),
        ("environment string", environment),
        ("file name", [execfn]),
    ):
        for number, text in enumerate(texts):
            if b"\0" in text:
                raise ElfError(f"{name}: {what} {number} holds a NUL byte", code=errno.EINVAL)
            if len(text) >= MAX_ARG_STRLEN:
                raise ElfError(
                    f"{name}: {what} {number} is too long: {len(text)} bytes, at most {MAX_ARG_STRLEN - 1}",
                    code=errno.E2BIG,
                )
    limit = strings_limit(stack_size)
    taken = sum(len(text) + 1 + 8 for text in [*arguments, *environment]) + len(execfn) + 1
    if taken > limit:
        raise ElfError(
            f"{name}: argument list too long: arguments and environment take {taken} bytes, at most {limit}",
            code=errno.E2BIG,
        )
