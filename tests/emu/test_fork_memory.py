"""Forked address spaces: what is shared, what is copied, what it costs."""

import errno
import mmap
import os
import random
import tempfile
from typing import Any

import pytest

from emu.cpu import StopKind
from emu.memory import TASK_END, AddressSpace
from emu.pages import BEYOND_FILE, CHUNK, READ, WRITE
from syscalls import kernel, numbers
from syscalls.flags import Madvise, Map, Mremap, Prot

RW = Prot.PROT_READ | Prot.PROT_WRITE
RX = Prot.PROT_READ | Prot.PROT_EXEC
PRIVATE = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS
SHARED = Map.MAP_SHARED | Map.MAP_ANONYMOUS
FIXED = PRIVATE | Map.MAP_FIXED
CODE, DATA, PAGE = 0x401000, 0x500000, 4096
UD2 = "0f0b"


def test_after_a_fork_each_writes_for_itself(board: Any) -> None:
    parent = board.memory
    parent.write(DATA, b"before")
    child = parent.fork()
    assert child.read(DATA, 6) == b"before"
    assert [str(region) for region in child.regions] == [str(region) for region in parent.regions]
    parent.write(DATA, b"parent")
    child.write(DATA + 0x1000, b"child")
    assert (parent.read(DATA, 6), child.read(DATA, 6)) == (b"parent", b"before")
    assert (parent.read(DATA + 0x1000, 5), child.read(DATA + 0x1000, 5)) == (bytes(5), b"child")
    board.put_in(child, "c7000b000000" + UD2)  # mov dword [rax], 11
    board.run_in(child, rax=DATA)
    assert (parent.read(DATA, 6), child.u32(DATA)) == (b"parent", 11)
    child.close()


def test_shared_memory_stays_the_same_memory(board: Any) -> None:
    parent = board.memory
    anonymous = parent.map(0, 3 * PAGE, RW, SHARED)
    with tempfile.TemporaryFile() as file:
        file.truncate(2 * PAGE)
        of_file = parent.map(0, 2 * PAGE, RW, Map.MAP_SHARED, file.fileno())
        child = parent.fork()
        for base in (anonymous, of_file):
            parent.put_u32(base + PAGE, 5)
            assert child.u32(base + PAGE) == 5
            child.put_u32(base + 8, 6)
            assert parent.u32(base + 8) == 6
            assert parent.shared_identity(base + PAGE) == child.shared_identity(base + PAGE)
        assert os.pread(file.fileno(), 1, 8) == b"\6"
    grandchild = child.fork()
    parent.unmap(anonymous, 3 * PAGE)
    child.put_u32(anonymous, 9)
    assert grandchild.u32(anonymous) == 9
    grandchild.close()
    child.close()


def test_the_identity_of_anonymous_shared_memory(board: Any) -> None:
    memory = board.memory
    one, two = memory.map(0, 2 * PAGE, RW, SHARED), memory.map(0, 2 * PAGE, RW, SHARED)
    child = memory.fork()
    names = {memory.shared_identity(address) for address in (one, one + 4, one + PAGE, two, two + 4)}
    assert len(names) == 5
    moved = memory.remap(one + PAGE, PAGE, PAGE, Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED, 0x1234_0000)
    assert memory.shared_identity(moved + 12) == child.shared_identity(one + PAGE + 12)
    assert memory.shared_identity(DATA) is None
    assert memory.identity != child.identity
    child.close()


def test_a_private_mapping_of_a_file(board: Any) -> None:
    parent = board.memory
    with tempfile.TemporaryFile() as file:
        file.write(b"1" * PAGE + b"2" * PAGE + b"3" * 100)
        file.flush()
        base = parent.map(0, 4 * PAGE, RW, Map.MAP_PRIVATE, file.fileno())
    parent.write(base + PAGE, b"changed")
    child = parent.fork()
    parent.write(base, b"parent's")
    child.write(base + 2 * PAGE, b"child's")
    assert (child.read(base, 4), child.read(base + PAGE, 8)) == (b"1111", b"changed2")
    assert parent.read(base + 2 * PAGE, 8) == b"33333333"
    assert child.rights(base + 3 * PAGE) == BEYOND_FILE
    grandchild = child.fork()
    assert grandchild.read(base + 2 * PAGE, 8) == b"child's3"
    grandchild.close()
    child.close()


def test_a_private_mapping_of_a_file_without_rights(board: Any) -> None:
    parent = board.memory
    with tempfile.TemporaryFile() as file:
        file.write(b"1" * PAGE + b"2" * PAGE)
        file.flush()
        base = parent.map(0, 3 * PAGE, RW, Map.MAP_PRIVATE, file.fileno())
    parent.write(base, b"changed")
    parent.protect(base, 3 * PAGE, Prot.PROT_NONE)
    assert parent.rights(base + 2 * PAGE) == 0
    child = parent.fork()
    child.protect(base, 3 * PAGE, RW)
    assert child.read(base, 8) + child.read(base + PAGE, 3) == b"changed1222"
    assert parent.rights(base) == 0
    child.close()


@pytest.mark.parametrize("refusal", ["open", "mmap"])
def test_a_mapped_file_that_cannot_be_had_again(
    board: Any, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    def reopen(_: object) -> int | None:
        return None if refusal == "open" else os.open(".", os.O_RDONLY)

    monkeypatch.setattr("emu.account.MappedFile.reopen", reopen)
    before = os.listdir("/proc/self/fd")
    test_a_private_mapping_of_a_file(board)
    test_a_private_mapping_of_a_file_without_rights(board)
    board.memory.unmap(0x7000_0000_0000, TASK_END - 0x7000_0000_0000)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_pages_that_the_parent_may_not_read_or_write(board: Any) -> None:
    parent = board.memory
    base = parent.map(0, 4 * PAGE, RW, PRIVATE)
    for page in range(4):
        parent.put_u32(base + page * PAGE, 100 + page)
    parent.protect(base, PAGE, Prot.PROT_NONE)
    parent.protect(base + PAGE, PAGE, Prot.PROT_READ)
    parent.protect(base + 2 * PAGE, PAGE, Prot.PROT_WRITE)
    child = parent.fork()
    for space in (parent, child):
        assert [space.rights(base + page * PAGE) for page in range(4)] == [
            0,
            READ,
            READ | WRITE,
            READ | WRITE,
        ]
        with pytest.raises(OSError, match="address"):
            space.put_u32(base + PAGE, 1)
    for space in (child, parent):
        space.protect(base, 4 * PAGE, RW)
        assert [space.u32(base + page * PAGE) for page in range(4)] == [100, 101, 102, 103]
    child.close()


@pytest.mark.parametrize("lacks", ["PAGEMAP_SCAN", "pagemap"])
def test_memory_is_found_where_the_kernel_does_not_tell(
    board: Any, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    monkeypatch.setattr("emu.residency._SCAN", 0xC0606611)  # no such ioctl
    if lacks == "pagemap":
        monkeypatch.setattr("emu.residency._PAGEMAP", "/proc/self/no such file")
    test_pages_that_the_parent_may_not_read_or_write(board)
    test_a_private_mapping_of_a_file(board)
    assert not board.cpu.take_bus_error()


def test_the_heap_goes_on_in_both(board: Any) -> None:
    parent = board.memory
    parent.start_brk(0x700000)
    parent.set_brk(0x703000)
    parent.put_u32(0x702000, 3)
    child = parent.fork()
    assert child.set_brk(0) == 0x703000
    child.set_brk(0x706000)
    child.put_u32(0x705000, 4)
    assert parent.set_brk(0) == 0x703000
    assert child.u32(0x702000) == 3
    child.close()


def test_a_large_heap_is_copied_whole(board: Any) -> None:
    parent = board.memory
    size = 16 << 20
    base = parent.map(0, size, RW, PRIVATE)
    pattern = os.urandom(PAGE - 8)
    for at in range(0, size, PAGE):
        parent.write(base + at, at.to_bytes(8, "little") + pattern)
    child = parent.fork()
    assert child.read(base, size) == parent.read(base, size)
    grown = child.remap(base, size, size + PAGE, Mremap.MREMAP_MAYMOVE)
    assert child.read(grown, 16) == parent.read(base, 16)
    child.close()


def test_the_limit_counts_over_all_spaces(board: Any) -> None:
    parent = AddressSpace(board.cpu, limit=100 << 20)
    base = parent.map(0, 40 << 20, RW, PRIVATE)
    shared = parent.map(0, 10 << 20, RW, SHARED)
    child = parent.fork()
    with pytest.raises(OSError, match="memory") as refused:
        parent.fork()
    assert refused.value.errno == errno.ENOMEM
    with pytest.raises(OSError, match="memory"):
        child.map(0, 11 << 20, RW, PRIVATE)
    parent.unmap(base, 40 << 20)
    parent.unmap(shared, 10 << 20)
    grandchild = child.fork()
    assert parent.account.used >> 20 == 90
    grandchild.close()
    child.close()
    assert parent.account.used == 0
    parent.close()


def test_advice_for_forks(board: Any) -> None:
    parent = board.memory
    kept, wiped, missing = (parent.map(0, PAGE, RW, PRIVATE) for _ in range(3))
    for base in (kept, wiped, missing):
        parent.put_u32(base, 1)
    used = parent.account.used
    parent.advise_fork(wiped, wiped + PAGE, Madvise.MADV_WIPEONFORK)
    parent.advise_fork(missing, missing + PAGE, Madvise.MADV_DONTFORK)
    child = parent.fork()
    assert (child.u32(kept), child.u32(wiped), child.readable(missing, 4)) == (1, 0, 0)
    assert child.regions.find(missing) is None
    child.put_u32(wiped, 2)
    parent.advise_fork(missing, missing + PAGE, Madvise.MADV_DOFORK)
    assert (parent.u32(wiped), parent.u32(missing)) == (1, 1)
    child.close()
    assert parent.account.used == used


def test_enormous_reservations(board: Any) -> None:
    memory = board.memory
    base = memory.map(0, 100 << 40, Prot.PROT_NONE, PRIVATE | Map.MAP_NORESERVE)
    memory.protect(base + (50 << 40), PAGE, RW)
    memory.put_u32(base + (50 << 40), 8)
    child = memory.fork()
    assert child.u32(base + (50 << 40)) == 8
    with pytest.raises(OSError, match="memory"):
        memory.protect(base, 90 << 40, Prot.PROT_READ)
    child.unmap(base, 100 << 40)
    child.close()


def test_growing_over_a_seam(board: Any) -> None:
    memory = board.memory
    base = memory.map(5 * CHUNK - 2 * PAGE, 2 * PAGE, RW, FIXED)
    memory.write(base, b"seam")
    assert memory.remap(base, 2 * PAGE, 4 * PAGE, 0) == base
    memory.write(base + 2 * PAGE - 2, b"over")
    assert (memory.read(base, 4), memory.read(base + 2 * PAGE - 2, 4)) == (b"seam", b"over")
    assert memory.regions.find(base).size == 4 * PAGE


@pytest.mark.parametrize("flags", [PRIVATE, SHARED])
def test_moving_over_a_seam(board: Any, flags: int) -> None:
    memory = board.memory
    there = 6 * CHUNK - PAGE
    moving = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
    place = memory.map(0, 3 * PAGE, RW, flags)
    for page in range(3):
        memory.put_u32(place + page * PAGE, page + 1)
    size = 3 * PAGE if flags == SHARED else 5 * PAGE
    assert memory.remap(place, 3 * PAGE, size, moving, there) == there
    assert [memory.u32(there + page) for page in range(0, size, PAGE)] == [1, 2, 3, 0, 0][: size // PAGE]
    assert memory.regions.find(place) is None
    child = memory.fork()
    assert child.read(there + PAGE - 2, 4) == b"\0\0\2\0"
    assert memory.remap(there, size, size, moving, 0x3000_0000) == 0x3000_0000
    assert memory.u32(0x3000_2000) == 3
    again = 7 * CHUNK - 2 * PAGE  # cut at other places
    assert child.remap(there, size, size, moving, again) == again
    assert [child.u32(again + page) for page in range(0, size, PAGE)] == [1, 2, 3, 0, 0][: size // PAGE]
    child.close()


def test_moving_what_is_several_mappings_to_the_host(board: Any) -> None:
    memory = board.memory
    low = memory.map(0x2000_0000, 4 * PAGE, RW, FIXED)
    memory.put_u32(low, 1)
    memory.map(low + 5 * PAGE, PAGE, RW, FIXED)
    memory.put_u32(low + 5 * PAGE, 3)
    memory.map(low + 4 * PAGE, PAGE, RW, FIXED)
    kernel.call3(numbers.madvise, memory.host(low + 2 * PAGE), PAGE, mmap.MADV_HUGEPAGE)
    moved = memory.remap(low, 6 * PAGE, 8 * PAGE, Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED, 0x3000_0000)
    assert (memory.u32(moved), memory.u32(moved + 5 * PAGE), memory.u32(moved + 7 * PAGE)) == (1, 3, 0)


class Model:
    """What a space should hold: content by page, rights by page; shared pages are cells that forks have in common."""

    def __init__(self, space: AddressSpace, pages: dict[int, tuple[list[int], int, bool]]) -> None:
        self.space, self.pages = space, pages

    def fork(self) -> "Model":
        copied = {
            at: (cell if shared else cell.copy(), prot, shared)
            for at, (cell, prot, shared) in self.pages.items()
        }
        return Model(self.space.fork(), copied)

    def check(self) -> None:
        for at, (cell, prot, _) in self.pages.items():
            assert self.space.rights(at) == (prot | READ if prot else 0)
            if prot:
                assert self.space.u32(at + 8) == cell[0], hex(at)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_to_whichever_space(board: Any, seed: int) -> None:
    chance = random.Random(seed)
    base, count = 3 * CHUNK - 16 * PAGE, 32  # a seam in the middle
    spaces = [Model(board.memory, {})]
    board.put_in(board.memory, "8918" + UD2)  # mov [rax], ebx
    for _ in range(600):
        model = chance.choice(spaces)
        first = chance.randrange(count)
        size = chance.randrange(1, count - first + 1)
        start = base + first * PAGE
        pages = range(start, start + size * PAGE, PAGE)
        prot = chance.choice((0, READ, RW, RW))
        match chance.randrange(9):
            case 0:
                shared = chance.random() < 0.3
                flags = (SHARED if shared else PRIVATE) | Map.MAP_FIXED
                model.space.map(start, size * PAGE, prot, flags)
                model.pages |= {at: ([0], prot, shared) for at in pages}
            case 1:
                model.space.unmap(start, size * PAGE)
                for at in pages:
                    model.pages.pop(at, None)
            case 2 if all(at in model.pages for at in pages):
                model.space.protect(start, size * PAGE, prot)
                for at in pages:
                    cell, _, shared = model.pages[at]
                    model.pages[at] = (cell, prot, shared)
            case 3 | 4 | 5 if start in model.pages and model.pages[start][1] & WRITE:
                value = chance.getrandbits(31)
                if chance.random() < 0.5:
                    model.space.put_u32(start + 8, value)
                else:
                    assert board.run_in(model.space, rax=start + 8, rbx=value)[0].kind is StopKind.INVALID
                model.pages[start][0][0] = value
            case 6 if len(spaces) < 8:
                spaces.append(model.fork())
            case 7 if len(spaces) > 3 and model is not spaces[0]:
                model.space.close()
                spaces.remove(model)
            case _:
                model.check()
    for model in spaces:
        model.check()
    for model in spaces[1:]:
        model.space.close()
