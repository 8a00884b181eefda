"""The ELF reader: what Linux runs is accepted, everything else is one line that says which file and why."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.chunks import ChunkPool
from emu.elf import ET_DYN, ET_EXEC, ElfError, Image, parse, read_program
from emu.loader import load
from emu.memory import AddressSpace

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
IDENT = b"\x7fELF\2\1\1" + bytes(9)
LOAD, INTERP, TLS, GNU_STACK, RELRO = 1, 3, 7, 0x6474E551, 0x6474E552
TEXT = (LOAD, 5, 0, 0x400000, 0x200, 0x200, 0x1000)


def make_elf(headers=(TEXT,), *, size=0x1000, **fields):
    """A program file of `size` bytes; `fields` replace header fields, `headers` are those of the segments."""
    values = {
        "ident": IDENT, "kind": 2, "machine": 62, "version": 1, "entry": 0x400100, "phoff": 64, "shoff": 0,
        "flags": 0, "ehsize": 64, "phentsize": 56, "phnum": len(headers), "shentsize": 0, "shnum": 0, "shstrndx": 0,
    }  # fmt: skip
    assert not fields.keys() - values.keys()
    data = HEADER.pack(*(values | fields).values())
    for kind, flags, offset, address, file_size, memory_size, alignment in headers:
        data += struct.pack("<IIQQQQQQ", kind, flags, offset, address, 0, file_size, memory_size, alignment)
    return data.ljust(size, b"\xcc")


def segment(**fields):
    names = ("kind", "flags", "offset", "address", "file_size", "memory_size", "alignment")
    return tuple((dict(zip(names, TEXT, strict=True)) | fields).values())


def test_an_ordinary_program():
    relro = (RELRO, 4, 0, 0x400000, 16, 16, 1)
    tls = (TLS, 4, 0x100, 0x400100, 8, 24, 8)
    image = parse(make_elf([TEXT, tls, relro, (GNU_STACK, 6, 0, 0, 0, 0, 16)]))
    assert (image.kind, image.entry, image.headers_address) == (ET_EXEC, 0x400100, 0x400040)
    assert len(image.headers) == 4
    assert [s.address for s in image.segments] == [0x400000]
    assert (image.segments[0].file_end, image.segments[0].end) == (0x200, 0x400200)
    assert image.executable_stack is False
    assert (image.tls.memory_size, image.relro.kind) == (24, RELRO)
    assert parse(make_elf([TEXT])).tls is None


@pytest.mark.parametrize(("headers", "executable"), [([], False), ([6], False), ([7], True), ([7, 6], False)])
def test_executable_stack(headers, executable):
    stacks = [(GNU_STACK, flags, 0, 0, 0, 0, 0) for flags in headers]
    assert parse(make_elf([TEXT, *stacks])).executable_stack is executable


ACCEPTED_AS_BY_LINUX = {
    "static PIE": make_elf([segment(address=0)], kind=3, entry=0x100),
    "code in e_ident": make_elf(ident=b"\x7fELF" + b"\x90" * 12),
    "no version, sizes or sections": make_elf(version=0, ehsize=0, shoff=1 << 63, shnum=0xFFFF, shentsize=7),
    "1170 program headers": make_elf([TEXT] + [(6, 0, 0, 0, 0, 0, 0)] * 1169, size=70000),
    "alignment is no power of two": make_elf([segment(alignment=3)]),
    "alignment 2^63": make_elf([segment(alignment=1 << 63)]),
    "unaligned segment": make_elf([segment(offset=0x123, address=0x400123, file_size=0x100)]),
    "overlapping segments": make_elf([TEXT, TEXT, segment(address=0x400000, memory_size=0x5000)]),
    "descending segments": make_elf([segment(address=0x500000), TEXT]),
    "bss only": make_elf([TEXT, (LOAD, 6, 1 << 63, 0x600000, 0, 0x1000, 0)]),
    "entry in bss": make_elf([(LOAD, 7, 0, 0x400000, 0, 0x1000, 0)]),
    "entry in the rest of the page": make_elf(entry=0x400FFF),
    "empty segment": make_elf([TEXT, (LOAD, 6, 0, 0, 0, 0, 0)]),
    "program headers nowhere in memory": make_elf([segment(offset=0x1000)], size=0x2000),
    "program headers at the end": make_elf(phoff=0x1000) + make_elf()[64:120],
    "unknown program headers": make_elf([TEXT, (0x60000001, 99, 1 << 63, 1 << 63, 1 << 63, 1, 3)]),
}


@pytest.mark.parametrize("case", ACCEPTED_AS_BY_LINUX)
def test_accepted(case, tmp_path):
    data = ACCEPTED_AS_BY_LINUX[case]
    assert isinstance(parse(data), Image)
    path = tmp_path / "prog"
    path.write_bytes(data)
    path.chmod(0o755)
    done = subprocess.run([path], timeout=10)
    # The file is full of int3; these two start on zeroes: add [rax], al.
    zeroes = case in ("entry in bss", "1170 program headers")
    assert done.returncode == -(signal.SIGSEGV if zeroes else signal.SIGTRAP)


def test_program_headers_that_are_not_loaded_have_no_address():
    assert parse(ACCEPTED_AS_BY_LINUX["program headers nowhere in memory"]).headers_address == 0
    assert parse(ACCEPTED_AS_BY_LINUX["static PIE"]).kind == ET_DYN


def interp(path=b"/lib64/ld-linux-x86-64.so.2\0", size=None):
    data = make_elf([(INTERP, 4, 0x180, 0, len(path) if size is None else size, 0, 1), TEXT])
    return data[:0x180] + path + data[0x180 + len(path) :]


REFUSED = {
    "empty": (b"", "not an ELF program: the file is empty"),
    "text": (b"hello\n" * 100, "not an ELF program: it does not begin with the ELF magic number"),
    "script": (b"#!/bin/sh\n", "not an ELF program: it is a script; run its interpreter"),
    "magic only": (IDENT[:4], "truncated: 4 bytes, an ELF header takes 64"),
    "part of the magic": (IDENT[:2], "truncated: 2 bytes, an ELF header takes 64"),
    "half a header": (make_elf()[:63], "truncated: 63 bytes, an ELF header takes 64"),
    "i386": (
        make_elf(ident=b"\x7fELF\1\1\1" + bytes(9), machine=3),
        "32-bit program (i386); only 64-bit x86_64 runs here",
    ),
    "x32": (
        make_elf(ident=b"\x7fELF\1\1\1" + bytes(9), phentsize=32),
        "32-bit program (x32 ABI); only 64-bit x86_64 runs here",
    ),
    "EI_CLASS says 32": (
        make_elf(ident=b"\x7fELF\1\1\1" + bytes(9)),
        "32-bit program (ELFCLASS32); only 64-bit x86_64 runs here",
    ),
    "32-bit something": (
        make_elf(ident=b"\x7fELF\1\1\1" + bytes(9), machine=4),
        "32-bit program (e_machine 4); only 64-bit x86_64 runs here",
    ),
    "AArch64": (make_elf(machine=183), "wrong machine: AArch64; only x86_64 runs here"),
    "unknown machine": (make_elf(machine=999), "wrong machine: e_machine 999; only x86_64 runs here"),
    "big-endian": (
        make_elf(ident=b"\x7fELF\2\2\1" + bytes(9), machine=43 << 8),
        "wrong machine: big-endian (SPARC V9); only x86_64 runs here",
    ),
    "object file": (make_elf(kind=1), "not a program: an object file that has not been linked (ET_REL)"),
    "core dump": (make_elf(kind=4), "not a program: a core dump (ET_CORE)"),
    "odd type": (make_elf(kind=0xFE00), "not a program: its ELF type is 65024"),
    "no headers": (make_elf(phnum=0), "nothing to load: it has no program headers"),
    "header size": (make_elf(phentsize=57), "bad header: program headers of 57 bytes each, expected 56"),
    "65535 headers": (make_elf(phnum=65535), "bad header: 65535 program headers, Linux takes at most 1170"),
    "1171 headers": (make_elf(phnum=1171), "bad header: 1171 program headers, Linux takes at most 1170"),
    "headers beyond the end": (
        make_elf(phoff=0xFFF),
        "truncated: its program headers end at 0x1037, the file at 0x1000",
    ),
    "headers at 2^64": (
        make_elf(phoff=(1 << 64) - 8),
        "truncated: its program headers end at 0x10000000000000030, the file at 0x1000",
    ),
    "nothing to load": (make_elf([(6, 0, 0, 0, 0, 0, 0)]), "nothing to load: it has no PT_LOAD segment"),
    "interpreter, absurd": (
        interp(size=1 << 63),
        "bad header: its interpreter's path takes 9223372036854775808 bytes",
    ),
    "interpreter without an end": (interp(b"/lib/ld.so"), "bad header: its interpreter's path does not end"),
    "interpreter behind the end": (
        make_elf([TEXT, (INTERP, 4, 0xFF8, 0, 9, 9, 1)]),
        "truncated: its interpreter's path ends at 0x1001, the file at 0x1000",
    ),
    "larger in the file": (
        make_elf([segment(memory_size=0x1FF)]),
        "segment 0: larger in the file (0x200) than in memory (0x1ff)",
    ),
    "2^63 bytes": (
        make_elf([segment(memory_size=1 << 63)]),
        "segment 0: outside of the address space: 0x8000000000000000 bytes at 0x400000",
    ),
    "2^63 bytes of file": (
        make_elf([TEXT, segment(file_size=1 << 63, memory_size=1 << 63)]),
        "segment 1: outside of the address space: 0x8000000000000000 bytes at 0x400000",
    ),
    "kernel address": (
        make_elf([segment(address=0xFFFFFFFF80000000)]),
        "segment 0: outside of the address space: 0x200 bytes at 0xffffffff80000000",
    ),
    "wraps around": (
        make_elf([segment(address=(1 << 64) - 0x1000, memory_size=0x401000)]),
        "segment 0: outside of the address space: 0x401000 bytes at 0xfffffffffffff000",
    ),
    "cut": (
        make_elf([segment(file_size=0x1001, memory_size=0x1001)]),
        "segment 0: truncated: it ends at 0x1001, the file at 0x1000",
    ),
    "offset 2^63": (
        make_elf([segment(offset=1 << 63)]),
        "segment 0: truncated: it ends at 0x8000000000000200, the file at 0x1000",
    ),
    "not congruent": (
        make_elf([segment(offset=0x10)]),
        "segment 0: file offset 0x10 and address 0x400000 differ within the page",
    ),
    "entry outside": (make_elf(entry=0x401000), "entry 0x401000 is outside of its segments"),
    "entry absurd": (make_elf(entry=(1 << 64) - 1), "entry 0xffffffffffffffff is outside of its segments"),
    "the same file a thousand times": (
        make_elf([segment(file_size=0x100000, memory_size=0x100000)] * 1100, size=0x100000),
        "absurd segments: they map 1153433600 bytes of a file of 1048576 bytes",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_reason(case):
    data, message = REFUSED[case]
    with pytest.raises(ElfError) as caught:
        parse(data, "some/prog")
    assert str(caught.value) == f"some/prog: {message}"
    assert caught.value.status == 126


def test_truncated_at_every_boundary():
    """No cut that takes something away from what is loaded goes unnoticed."""
    data = make_elf(
        [TEXT, segment(offset=0x200, address=0x401200, file_size=0x80, memory_size=0x90)], size=0x280
    )
    for size in range(len(data)):
        with pytest.raises(
            ElfError, match=r"^p: (truncated|segment \d: truncated|not an ELF program: the file is empty)"
        ):
            parse(data[:size], "p")
    parse(data, "p")


# Files


def test_reading(tmp_path):
    path = tmp_path / "prog"
    path.write_bytes(b"content")
    assert read_program(path) == b"content"
    assert read_program(str(path)) == b"content"


def test_the_message_is_one_line_whatever_the_name():
    with pytest.raises(ElfError) as caught:
        parse(b"", "a\nb\x1b\udcff")
    assert str(caught.value).startswith("a\\nb\\x1b\\udcff: not an ELF")


def test_files_that_cannot_be_read(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(make_elf())
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    locked = tmp_path / "locked"
    locked.write_bytes(make_elf())
    locked.chmod(0)
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    cases = {
        "missing": ("not found", 127),
        "plain/below": ("not found", 127),
        "": ("is a directory", 126),
        "pipe": ("not a regular file", 126),
        "locked": ("permission denied", 126),
        "huge": ("too large: 1099511627776 bytes", 126),
        "loop": ("cannot be opened: Too many levels of symbolic links", 126),
        "x" * 300: ("cannot be opened: File name too long", 126),
    }
    for name, (message, status) in cases.items():
        path = os.path.join(tmp_path, name)
        with pytest.raises(ElfError) as caught:
            read_program(path)
        assert str(caught.value).startswith(f"{path}: {message}")
        assert "\n" not in str(caught.value)
        assert caught.value.status == status
    with pytest.raises(ElfError, match="not a regular file"):
        read_program("/dev/zero")
    with pytest.raises(ElfError, match="NUL byte") as caught:
        read_program("a\0b")
    assert caught.value.status == 127


# Fuzz


class NoProcessor:
    """An address space without a CPU: nothing is translated, so there is nothing to flush."""

    def __init__(self):
        self.chunks = ChunkPool()
        self.space = None

    def use(self, space):
        self.space = space

    def flush_pages(self):
        pass

    def flush_code(self, address, size):
        pass

    def take_bus_error(self):
        return 0

    def stop(self):
        pass


ABSURD = [0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0xFFF, 0x1000, 0x1001, 0xFFFF, 0x400000, 0x7FFF_FFFF_F000]
ABSURD += [
    0x7FFF_FF7F_F000,
    (1 << 31) - 1,
    1 << 31,
    1 << 32,
    1 << 47,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 0x1000,
]
ABSURD += [(1 << 64) - 1]
GOOD = make_elf(
    [
        TEXT,
        segment(offset=0x200, address=0x401200, flags=4),
        segment(offset=0x400, address=0x402400, file_size=0x100, memory_size=0x3000, flags=6),
        (GNU_STACK, 6, 0, 0, 0, 0, 16),
    ]
)
HEADERS_END = 64 + 4 * 56
# where the fields of the header and of the four program headers are: (offset, size)
FIELDS = [
    (16, 2),
    (18, 2),
    (20, 4),
    (24, 8),
    (32, 8),
    (40, 8),
    (48, 4),
    *((at, 2) for at in range(52, 64, 2)),
]
for table in range(64, HEADERS_END, 56):
    FIELDS += [(table, 4), (table + 4, 4), *((table + at, 8) for at in range(8, 56, 8))]


def load_or_refuse(data):
    """Load into a real address space; ElfError is the only exception that a file may cause."""
    began = time.monotonic()
    processor = NoProcessor()
    space = AddressSpace(processor, limit=256 << 20)
    at = error = None
    try:
        at = load(space, parse(data, "fuzzed"), [b"fuzzed"], [], random=bytes(16))
        assert at.stack_pointer % 16 == 0
        assert space.u64(at.stack_pointer) == 1
    except ElfError as caught:
        error = caught
    finally:
        space.close()
        processor.chunks.finish()
    assert time.monotonic() - began < 5
    assert error is None or (error.status == 126 and str(error).startswith("fuzzed: "))
    return at


def test_the_unchanged_file_loads():
    at = load_or_refuse(GOOD)
    assert at is not None
    assert at.entry == 0x400100


def test_truncated_files_load_or_are_refused():
    for size in [*range(HEADERS_END + 1), *range(HEADERS_END, len(GOOD), 61)]:
        load_or_refuse(GOOD[:size])


def test_every_field_with_every_absurd_value():
    for offset, size in FIELDS:
        for value in ABSURD:
            data = bytearray(GOOD)
            data[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
            load_or_refuse(bytes(data))


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.sampled_from(FIELDS), st.sampled_from(ABSURD) | st.integers(0, (1 << 64) - 1)),
        min_size=2,
        max_size=8,
    ),
    st.sampled_from([ET_EXEC, ET_DYN]),
)
def test_several_fields_at_once(changes, kind):
    data = bytearray(GOOD)
    data[16] = kind
    for (offset, size), value in changes:
        data[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    load_or_refuse(bytes(data))


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, HEADERS_END - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_random_bytes_in_the_headers(changes):
    data = bytearray(GOOD)
    for at, value in changes:
        data[at] = value
    load_or_refuse(bytes(data))


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_random_files(tail):
    load_or_refuse(tail)
    load_or_refuse(GOOD[:20] + tail)
