"""The loader: segments and the initial stack are what Linux makes of the same file."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
from dataclasses import dataclass, field

import llvmlite.binding as llvm
import pytest

from emu.elf import PAGE, ElfError, parse
from emu.loader import PIE_BASE, STACK_SIZE, STACK_TOP, Identity, load
from guest.compiler.linker import link
from syscalls.flags import Map, Prot

RANDOM = bytes(range(16))
R, W, X = Prot.PROT_READ, Prot.PROT_WRITE, Prot.PROT_EXEC


@dataclass
class FakeSpace:
    """Pages in dictionaries: just what the loader needs, with bounds that a bad program must not burst."""

    prot: dict[int, int] = field(default_factory=dict)
    bytes: dict[int, bytearray] = field(default_factory=dict)
    most: int = 4096
    fails: int = 0

    def map(self, hint, size, prot, flags, host_fd=-1, offset=0, name=""):
        assert flags & Map.MAP_FIXED
        assert hint % PAGE == 0
        assert 0 < size <= 1 << 47
        pages = -(-size // PAGE)
        if len(self.prot) + pages > self.most:
            raise OSError(12, "Cannot allocate memory")
        for page in range(hint // PAGE, hint // PAGE + pages):
            self.prot[page] = prot
            self.bytes[page] = bytearray(PAGE)
        return hint

    def protect(self, address, size, prot):
        for page in range(address // PAGE, -(-(address + size) // PAGE)):
            self.prot[page] = prot

    def write(self, address, data):
        for at, byte in enumerate(data, address):
            assert self.prot[at // PAGE] & W
            self.bytes[at // PAGE][at % PAGE] = byte

    def read(self, address, size):
        return bytes(self.bytes[at // PAGE][at % PAGE] for at in range(address, address + size))

    def u64(self, address):
        return struct.unpack("<Q", self.read(address, 8))[0]

    def string(self, address):
        text = bytearray()
        while byte := self.bytes[address // PAGE][address % PAGE]:
            text.append(byte)
            address += 1
        return bytes(text)


CODE = bytes.fromhex("b83c000000bf2a0000000f05")  # exit(42)
LOAD, STACK = 1, 0x6474E551


def make_elf(headers, *, kind=2, entry=0x401000, size=0x3000, content=b""):
    """A program file of `size` bytes; headers are (type, flags, offset, address, file size, memory size, alignment)."""
    data = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\2\1\1" + bytes(9), kind, 62, 1, entry, 64, 0, 0, 64, 56, len(headers), 0, 0, 0,
    )  # fmt: skip
    for kind_, flags, offset, address, file_size, memory_size, alignment in headers:
        data += struct.pack(
            "<IIQQQQQQ", kind_, flags, offset, address, address, file_size, memory_size, alignment
        )
    data += content
    return data + b"\xee" * (size - len(data))


def loaded(headers, **options):
    space = FakeSpace()
    image = parse(make_elf(headers, **options), "prog")
    return space, load(space, image, [b"prog"], [], random=RANDOM, stack_size=4 * PAGE)


def protections(space, top=STACK_TOP - 4 * PAGE):
    return {page * PAGE: prot for page, prot in sorted(space.prot.items()) if page * PAGE < top}


def test_segments_get_their_pages_and_rights():
    space, at = loaded(
        [
            (LOAD, 4, 0, 0x400000, 0x1000, 0x1000, 0x1000),
            (LOAD, 5, 0x1000, 0x401000, 0x800, 0x800, 0x1000),
            (LOAD, 6, 0x1800, 0x402800, 0x100, 0x2000, 0x1000),
        ]
    )
    assert protections(space) == {
        0x400000: R, 0x401000: R | X, 0x402000: R | W, 0x403000: R | W, 0x404000: R | W,
    }  # fmt: skip
    assert space.read(0x402000, 0x900) == b"\xee" * 0x900, "the file's page, also before the segment"
    assert space.read(0x402900, 0x700) == bytes(0x700), "cleared behind the file's part"
    assert space.read(0x401800, 0x800) == b"\xee" * 0x800, "the file goes on where there is no bss"
    assert at.entry == 0x401000
    assert at.brk == 0x405000
    assert at.headers_address == 0x400040
    assert at.base == 0


def test_bss_of_a_read_only_segment():
    """Linux ignores that it cannot clear the tail, and its zero pages are writable all the same."""
    space, at = loaded([(LOAD, 5, 0, 0x401000, 0x800, 0x1800, 0x1000)])
    assert protections(space) == {0x401000: R | X, 0x402000: R | W | X}
    assert space.read(0x401800, 8) == b"\xee" * 8
    assert space.read(0x402000, 8) == bytes(8)
    assert at.brk == 0x403000


def test_bss_only_and_empty_segments():
    space, at = loaded(
        [
            (LOAD, 5, 0, 0x401000, 0x100, 0x100, 0),
            (LOAD, 6, 0x123, 0x402800, 0, 0x1000, 3),
            (LOAD, 6, 0x123, 0x409000, 0, 0, 0),
        ]
    )
    assert protections(space) == {0x401000: R | X, 0x402000: R | W, 0x403000: R | W}
    assert at.brk == 0x409000


def test_a_later_segment_replaces_an_earlier_one():
    space, _ = loaded(
        [(LOAD, 7, 0, 0x400000, 0x3000, 0x3000, 0x1000), (LOAD, 4, 0x1000, 0x401000, 0x10, 0x10, 0x1000)]
    )
    assert protections(space) == {0x400000: R | W | X, 0x401000: R, 0x402000: R | W | X}


def test_position_independent_program():
    space, at = loaded([(LOAD, 5, 0, 0x1000, 0x100, 0x100, 0x1000)], kind=3, entry=0x1080)
    assert protections(space) == {PIE_BASE: R | X}
    assert (at.base, at.entry, at.headers_address) == (PIE_BASE - 0x1000, PIE_BASE + 0x80, PIE_BASE + 0x40)
    _, at = loaded([(LOAD, 5, 0, 0, 0x100, 0x100, 0x200000)], kind=3, entry=0x80)
    assert at.base == PIE_BASE & -0x200000


@pytest.mark.parametrize(
    "header",
    [
        (LOAD, 5, 0, 0x1000, 0x100, 0x100, 0x1000),
        (LOAD, 5, 0, 0x7FFFFFFFC000, 0x1000, 0x1000, 0x1000),
        (LOAD, 5, 0, 0x7FFFFFEFA000, 0x100, 0x2000, 0x1000),
    ],
)
def test_segments_that_are_in_the_way(header):
    with pytest.raises(ElfError, match=r"^prog: segment 0: cannot be placed at 0x"):
        loaded([header], entry=header[3])


def test_too_much_memory_is_an_elf_error():
    with pytest.raises(ElfError, match=r"^prog: cannot be loaded: Cannot allocate memory$") as caught:
        loaded([(LOAD, 6, 0, 0x400000, 0x100, 1 << 40, 0x1000)], entry=0x400000)
    assert caught.value.status == 126


@pytest.mark.parametrize(("flags", "prot"), [(6, R | W), (7, R | W | X), (None, R | W)])
def test_stack_rights(flags, prot):
    headers = [(LOAD, 5, 0, 0x401000, 0x100, 0x100, 0x1000)]
    if flags is not None:
        headers.append((STACK, flags, 0, 0, 0, 0, 16))
    space, at = loaded(headers)
    assert {space.prot[page] for page in range(at.stack_low // PAGE, at.stack_high // PAGE)} == {prot}


def start(argv, environment=(), **options):
    space = FakeSpace()
    image = parse(make_elf([(LOAD, 5, 0, 0x401000, 0x100, 0x100, 0x1000)]), "prog")
    at = load(space, image, argv, environment, random=RANDOM, **options)
    return space, at


@pytest.mark.parametrize("count", range(5))
@pytest.mark.parametrize("extra", range(3))
def test_the_stack_pointer_is_aligned(count, extra):
    _, at = start([b"a" * (index * 3) for index in range(count)], [b"X=" + b"y" * extra] * extra)
    assert at.stack_pointer % 16 == 0


def test_no_arguments_become_one_empty_one():
    space, at = start([])
    assert space.u64(at.stack_pointer) == 1
    assert space.string(space.u64(at.stack_pointer + 8)) == b""


@pytest.mark.parametrize(
    ("argv", "environment", "message"),
    [
        ([b"p", b"x" * 131072], [], "argument 1 is too long: 131072 bytes, at most 131071"),
        ([b"p"], [b"x" * 131072], "environment string 0 is too long"),
        ([b"p"] + [b"x" * 100000] * 21, [], "argument list too long: arguments and environment take 2100"),
        ([b"p"] * 300_000, [], "argument list too long"),
        ([b"p", b"a\0b"], [], "argument 1 holds a NUL byte"),
    ],
)
def test_argument_limits(argv, environment, message):
    with pytest.raises(ElfError, match=f"^prog: {message}") as caught:
        start(argv, environment)
    assert caught.value.status == 126


def test_largest_argument_passes():
    space, at = start([b"p", b"x" * 131071])
    assert len(space.string(space.u64(at.stack_pointer + 16))) == 131071


DUMP = """
target triple = "x86_64-unknown-none-elf"
define void @_start() naked {
  call void asm sideeffect inteldialect "mov rbx, rsp; mov eax, 1; mov edi, 1; mov rsi, rsp; movabs rdx, 0x7ffffffff000; sub rdx, rsp; syscall; mov edi, 0; mov eax, 60; syscall", "~{memory}"()
  unreachable
}
"""


@pytest.fixture(scope="module")
def dumper(tmp_path_factory):
    """A program that writes everything from rsp to the end of its stack to descriptor 1."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()
    module = llvm.parse_assembly(DUMP)
    target = llvm.Target.from_triple("x86_64-unknown-none-elf")
    machine = target.create_target_machine(reloc="static", codemodel="small")
    path = tmp_path_factory.mktemp("dump") / "dump.elf"
    path.write_bytes(link(machine.emit_object(module)))
    path.chmod(0o755)
    return path


def no_randomisation():
    ctypes.CDLL(None).personality(0x0040000)  # ADDR_NO_RANDOMIZE


def vectors(words):
    """(argv pointers, envp pointers, [(type, value), ...]) from the words at rsp."""
    count = words[0]
    argv = words[1 : 1 + count]
    end = words.index(0, 2 + count)
    environment = words[2 + count : end]
    auxiliary = list(zip(words[end + 1 :: 2], words[end + 2 :: 2], strict=False))
    return argv, environment, auxiliary[: [kind for kind, _ in auxiliary].index(0) + 1]


LISTS = [
    ([], {}),
    ([b"one"], {}),
    ([b"", b"two words", b"x" * 37], {b"HOME": b"/", b"LANG": b"C"}),
    ([b"a"] * 50, {b"V%d" % index: b"value" * index for index in range(20)}),
]


@pytest.mark.parametrize(("arguments", "environment"), LISTS)
def test_the_stack_equals_the_one_that_linux_builds(dumper, tmp_path, arguments, environment):
    with open(tmp_path / "out", "w+b") as out:
        subprocess.run(
            [os.fsencode(dumper), *arguments], env=environment, stdout=out, preexec_fn=no_randomisation,
            timeout=10, check=True,
        )  # fmt: skip
        out.seek(0)
        native = out.read()
    image = parse(dumper.read_bytes(), str(dumper))
    space = FakeSpace()
    pairs = [name + b"=" + value for name, value in environment.items()]
    identity = Identity(os.getuid(), os.geteuid(), os.getgid(), os.getegid())
    at = load(space, image, [os.fsencode(dumper), *arguments], pairs, random=RANDOM, identity=identity)
    ours = space.read(at.stack_pointer, STACK_TOP - at.stack_pointer)

    native_argv, native_environment, native_auxiliary = vectors(words_of(native))
    argv, our_environment, auxiliary = vectors(words_of(ours))
    assert argv == native_argv, "the strings are at the same addresses"
    assert our_environment == native_environment
    strings = STACK_TOP - argv[0]
    assert ours[-strings:] == native[-strings:]
    values, native_values = dict(auxiliary), dict(native_auxiliary)
    shared = [kind for kind, _ in native_auxiliary if kind in values]
    assert [kind for kind, _ in auxiliary] == shared, (
        "types in the kernel's order, none that it does not give"
    )
    assert set(native_values) - set(values) <= {27, 28, 29, 30, 33}, "rseq, HWCAP3, HWCAP4, the vDSO"
    differing = {kind for kind in values if values[kind] != native_values[kind]}
    assert differing <= {16, 26, 51}, "the processor's features and what its signal frame takes"
    assert space.read(values[25], 16) == RANDOM
    assert space.string(values[31]) == os.fsencode(dumper)
    assert space.string(values[15]) == b"x86_64"
    assert at.stack_pointer == argv_address(native_auxiliary, auxiliary, native)


def words_of(data):
    return list(struct.unpack_from(f"<{len(data) // 8}Q", data))


def argv_address(native_auxiliary, auxiliary, native):
    """Where rsp would be natively with our shorter auxiliary vector (both are rounded down to 16 bytes)."""
    return STACK_TOP - len(native) + 16 * (len(native_auxiliary) - len(auxiliary))


def test_the_whole_stack_limit_is_mapped():
    space, at = start([b"p"])
    assert at.stack_high - at.stack_low == STACK_SIZE == 8 << 20
    assert all(page in space.prot for page in range(at.stack_low // PAGE, at.stack_high // PAGE))
