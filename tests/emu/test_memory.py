"""The address space: Linux's rules of mmap and its kin, exact rights, and memory shared with the host."""

import ctypes
import errno
import os
import tempfile
from typing import Any

import pytest

from emu.cpu import READ, WRITE, StopKind
from emu.memory import MMAP_BASE, TASK_END
from emu.pages import BEYOND_FILE, CHUNK
from syscalls import kernel, numbers
from syscalls.flags import Map, Mremap, Prot

RW = Prot.PROT_READ | Prot.PROT_WRITE
ANONYMOUS = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS
FIXED = ANONYMOUS | Map.MAP_FIXED
PAGE = 4096


def lines(memory: Any, low: int = 0x10_0000_0000) -> list[str]:
    return [str(region) for region in memory.regions if region.start >= low]


def error_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(OSError) as raised:  # noqa: PT011  the number is what is asserted
        call(*arguments)
    assert raised.value.errno is not None
    return errno.errorcode[raised.value.errno]


def test_mappings_are_placed_top_down_and_touch(board: Any) -> None:
    memory = board.memory
    first = memory.map(0, 0x3000, RW, ANONYMOUS)
    second = memory.map(0, 0x1000, RW, ANONYMOUS)
    assert (first, second) == (MMAP_BASE - 0x3000, MMAP_BASE - 0x4000)
    assert lines(memory) == ["7ffff7ffb000-7ffff7fff000 rw-p 00000000"]


def test_a_hole_is_filled_again(board: Any) -> None:
    memory = board.memory
    base = memory.map(0, 0x10000, RW, ANONYMOUS)
    memory.unmap(base + 0x4000, 0x2000)
    assert memory.map(0, 0x2000, Prot.PROT_READ, ANONYMOUS) == base + 0x4000
    assert memory.map(0, 0x2000, RW, ANONYMOUS) == base - 0x2000


def test_hints(board: Any) -> None:
    memory = board.memory
    assert memory.map(0x1234_5678, 0x1000, RW, ANONYMOUS) == 0x1234_5000
    assert memory.map(0x1234_5000, 0x1000, RW, ANONYMOUS) == MMAP_BASE - 0x1000  # taken
    assert memory.map(0, 0x1000, RW, ANONYMOUS | Map.MAP_32BIT) == 0x4000_0000
    with_fixed = FIXED | Map.MAP_FIXED_NOREPLACE
    assert error_of(memory.map, 0x1234_5000, 0x1000, RW, with_fixed) == "EEXIST"


@pytest.mark.parametrize(
    ("hint", "size", "flags", "name"),
    [
        (0, 0, ANONYMOUS, "EINVAL"),
        (0, PAGE, Map.MAP_ANONYMOUS, "EINVAL"),
        (0x1001, PAGE, FIXED, "EINVAL"),
        (0, PAGE, FIXED, "EPERM"),
        (TASK_END, PAGE, FIXED, "ENOMEM"),
        (0, 1 << 47, ANONYMOUS, "ENOMEM"),
        (0, (1 << 64) - 1, ANONYMOUS, "ENOMEM"),
        (0, 5 << 30, ANONYMOUS, "ENOMEM"),  # the limit of writable memory
    ],
)
def test_refusals_of_mmap(board: Any, hint: int, size: int, flags: int, name: str) -> None:
    assert error_of(board.memory.map, hint, size, RW, flags) == name
    assert lines(board.memory) == []


def test_reservations_do_not_count_against_the_limit(board: Any) -> None:
    base = board.memory.map(0, 64 << 30, Prot.PROT_NONE, ANONYMOUS)
    assert error_of(board.memory.protect, base, 5 << 30, RW) == "ENOMEM"
    board.memory.protect(base, 1 << 20, RW)
    board.memory.put_u32(base, 1)


def test_access_is_checked_to_the_byte(board: Any) -> None:
    memory = board.memory
    base = memory.map(0, 0x2000, RW, ANONYMOUS)
    memory.protect(base + 0x1000, 0x1000, Prot.PROT_READ)
    memory.write(base, b"a" * 0x1000)
    assert memory.read(base + 0xFFE, 4) == b"aa\0\0"
    assert error_of(memory.write, base + 0xFFE, b"xyz") == "EFAULT"
    assert memory.read(base + 0xFFE, 2) == b"aa"
    assert memory.readable(base + 0x1FF0, 100) == 16
    assert error_of(memory.read, base + 0x1FF0, 17) == "EFAULT"
    assert error_of(memory.read, base - 1, 1) == "EFAULT"
    assert error_of(memory.u64, base + 0x1FF9) == "EFAULT"
    assert error_of(memory.read, 1 << 60, 1) == "EFAULT"
    assert memory.read(1 << 60, 0) == b""


def test_strings(board: Any) -> None:
    memory = board.memory
    base = memory.map(0, 0x1000, RW, ANONYMOUS)
    memory.write(base, b"short\0" + b"x" * 1000 + b"\0")
    memory.write(base + 0xFFD, b"end")
    assert memory.cstring(base) == b"short"
    assert memory.cstring(base + 6) == b"x" * 1000
    assert error_of(memory.cstring, base + 6, 100) == "ENAMETOOLONG"
    assert error_of(memory.cstring, base + 0xFFD) == "EFAULT"


def test_the_hosts_kernel_sees_the_same_rights(board: Any) -> None:
    memory = board.memory
    base = memory.map(0, 0x3000, RW, ANONYMOUS)
    memory.protect(base + 0x1000, 0x1000, Prot.PROT_READ)
    memory.protect(base + 0x2000, 0x1000, Prot.PROT_NONE)
    with open("/dev/zero", "rb") as zero, open(os.devnull, "wb") as null, tempfile.TemporaryFile() as file:
        host = memory.host
        assert kernel.call3(numbers.read, zero.fileno(), host(base), 0x1000) == 0x1000
        assert kernel.call3(numbers.read, zero.fileno(), host(base + 0x1000), 1) == -errno.EFAULT
        assert kernel.call3(numbers.write, file.fileno(), host(base + 0x1FF0), 0x1000) == 16
        assert kernel.call3(numbers.write, file.fileno(), host(base + 0x2000), 1) == -errno.EFAULT
        assert kernel.call3(numbers.write, file.fileno(), host(0x1234_0000_0000), 1) == -errno.EFAULT
        assert kernel.call3(numbers.write, null.fileno(), host(0), 0) == 0
    assert error_of(memory.host, 1 << 47) == "EFAULT"
    assert error_of(memory.host, (1 << 64) - 1) == "EFAULT"


def test_unmap_and_its_refusals(board: Any) -> None:
    memory = board.memory
    base = memory.map(0, 0x3000, RW, ANONYMOUS)
    memory.put_u32(base, 7)
    memory.unmap(base, 0x3000)
    assert error_of(memory.u32, base) == "EFAULT"
    assert memory.map(base, 0x1000, RW, FIXED) == base
    assert memory.u32(base) == 0
    memory.unmap(0x7000_0000_0000, 0x1000)  # nothing there: fine
    assert error_of(memory.unmap, base + 1, 0x1000) == "EINVAL"
    assert error_of(memory.unmap, base, 0) == "EINVAL"
    assert error_of(memory.unmap, 0, 1 << 47) == "EINVAL"
    memory.unmap(0, TASK_END)
    assert not len(memory.regions)


def test_protect_stops_at_a_hole(board: Any) -> None:
    memory = board.memory
    base = memory.map(0, 0x3000, RW, ANONYMOUS)
    memory.unmap(base + 0x1000, 0x1000)
    assert error_of(memory.protect, base, 0x3000, Prot.PROT_READ) == "ENOMEM"
    assert [line.split()[1] for line in lines(memory)] == ["r--p", "rw-p"]


def test_brk(board: Any) -> None:
    memory = board.memory
    memory.start_brk(0x60_0123)
    assert memory.set_brk(0) == 0x60_1000
    assert memory.set_brk(0x60_1005) == 0x60_1005
    memory.put_u32(0x60_1000, 5)
    assert memory.set_brk(0x60_5000) == 0x60_5000
    assert str(memory.regions.find(0x60_1000)) == "00601000-00605000 rw-p 00000000 [heap]"
    assert memory.set_brk(0x60_1001) == 0x60_1001
    assert memory.u32(0x60_1000) == 5
    assert error_of(memory.u32, 0x60_3000) == "EFAULT"
    memory.map(0x60_8000, 0x1000, RW, FIXED)
    assert memory.set_brk(0x60_9000) == 0x60_1001


def test_remap(board: Any) -> None:
    memory = board.memory
    memory.map(0, 0x1000, Prot.PROT_NONE, ANONYMOUS)
    base = memory.map(0, 0x2000, RW, ANONYMOUS)
    memory.put_u32(base, 11)
    assert error_of(memory.remap, base, 0x2000, 0x4000, 0) == "ENOMEM"  # no room above
    moved = memory.remap(base, 0x2000, 0x4000, Mremap.MREMAP_MAYMOVE)
    assert moved != base
    assert memory.u32(moved) == 11
    memory.put_u32(moved + 0x3FFC, 12)
    assert error_of(memory.u32, base) == "EFAULT"
    assert memory.remap(moved, 0x4000, 0x1000, 0) == moved
    assert error_of(memory.u32, moved + 0x1000) == "EFAULT"
    assert memory.remap(moved, 0x1000, 0x3000, 0) == moved  # grows in place
    assert memory.u32(moved) == 11
    there = 0x1_0000_0000
    flags = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
    assert memory.remap(moved, 0x3000, 0x3000, flags, there) == there
    assert memory.u32(there) == 11
    assert error_of(memory.remap, moved, 0x1000, 0x2000, Mremap.MREMAP_MAYMOVE) == "EFAULT"
    assert error_of(memory.remap, there, 0x9000, 0xA000, Mremap.MREMAP_MAYMOVE) == "EFAULT"


def test_a_file_and_what_lies_beyond_its_end(board: Any) -> None:
    memory = board.memory
    with tempfile.TemporaryFile() as file:
        file.write(b"f" * 5000)
        file.flush()
        base = memory.map(0, 0x4000, Prot.PROT_READ, Map.MAP_PRIVATE, file.fileno())
        assert memory.read(base + 4990, 20) == b"f" * 10 + bytes(10)
        assert memory.rights(base + 0x2000) == BEYOND_FILE
        assert error_of(memory.u32, base + 0x2000) == "EFAULT"
        stop, _ = board.run("8b00", rax=base + 0x2000)
        assert (stop.kind, stop.access) == (StopKind.MEMORY, READ)
        assert not memory.refresh(base + 0x2000)
        file.truncate(0x3000)
        assert memory.refresh(base + 0x2000)
        assert not memory.refresh(base + 0x3000)
        assert memory.u32(base + 0x2000) == 0
        read_only = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
        assert error_of(memory.map, 0, PAGE, RW, Map.MAP_SHARED, read_only) == "EACCES"
        os.close(read_only)


def test_a_file_that_is_cut_while_it_is_mapped(board: Any) -> None:
    memory = board.memory
    with tempfile.TemporaryFile() as file:
        file.truncate(0x3000)
        base = memory.map(0, 0x3000, RW, Map.MAP_SHARED, file.fileno())
        assert board.run("8b00 0f0b", rax=base + 0x2000)[0].kind is StopKind.INVALID
        file.truncate(0x1000)
        stop, _ = board.run("8b00 eb00 0f0b", rax=base + 0x2004)
        assert stop.kind is StopKind.BUDGET
        assert memory.take_bus_error() == base + 0x2004
        assert memory.take_bus_error() is None
        stop, _ = board.run("8b00 0f0b", rax=base + 0x2000)
        assert (stop.kind, memory.rights(stop.address)) == (StopKind.MEMORY, BEYOND_FILE)
        assert memory.read(base + 0x1000, 4) == bytes(4)  # the bench's own access survives, too
        assert memory.take_bus_error() == base + 0x1000


def test_shared_mappings_of_a_file_are_one_memory(board: Any) -> None:
    memory = board.memory
    with tempfile.TemporaryFile() as file:
        file.truncate(0x2000)
        one = memory.map(0, 0x2000, RW, Map.MAP_SHARED, file.fileno())
        two = memory.map(0, 0x1000, RW, Map.MAP_SHARED, file.fileno(), 0x1000)
        memory.put_u32(one + 0x1000, 77)
        assert memory.u32(two) == 77
        assert memory.shared_identity(one + 0x1004) == memory.shared_identity(two + 4)
        assert memory.shared_identity(one) != memory.shared_identity(two)
    assert memory.shared_identity(memory.map(0, 0x1000, RW, ANONYMOUS)) is None


def test_guest_and_host_share_the_bytes(board: Any) -> None:
    memory = board.memory
    base = memory.map(0, 0x1000, RW, ANONYMOUS)
    board.run("c70078563412 0f0b", rax=base)
    assert memory.u32(base) == 0x12345678
    ctypes.c_uint32.from_address(memory.host(base)).value = 9
    _, after = board.run("8b00 0f0b", rax=base)
    assert after["rax"] == 9


def test_a_mapping_may_cross_the_border_of_a_chunk(board: Any) -> None:
    memory = board.memory
    border = 3 * CHUNK
    memory.map(border - 0x2000, 0x4000, RW, FIXED)
    memory.write(border - 3, b"abcdef")
    assert memory.read(border - 4, 8) == b"\0abcdef\0"
    _, after = board.run("488b00 0f0b", rax=border - 3)
    assert after["rax"].to_bytes(8, "little") == b"abcdef\0\0"
    memory.unmap(border - 0x2000, 0x4000)
    stop, _ = board.run("c60001", rax=border)
    assert (stop.address, stop.access) == (border, WRITE)


def test_many_stacks_stay_cheap(board: Any) -> None:
    memory = board.memory
    for _ in range(500):
        base = memory.map(0, 0x11000, RW, ANONYMOUS | Map.MAP_STACK)
        memory.protect(base, 0x1000, Prot.PROT_NONE)
        stop, _ = board.run("c60001 0f0b", rax=base)
        assert stop.address == base
    assert len(memory.regions) > 1000
