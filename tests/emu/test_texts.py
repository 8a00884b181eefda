"""Text that address spaces have in common: translated once, and each space's own as soon as it may differ."""

import ctypes
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emu.memory import AddressSpace
from emu.pages import BEYOND_FILE, EXEC, READ
from emu.texts import MOST_TEXTS
from syscalls.flags import Map, Prot, Seal

RW = Prot.PROT_READ | Prot.PROT_WRITE
RX = Prot.PROT_READ | Prot.PROT_EXEC
FIXED = Map.MAP_PRIVATE | Map.MAP_FIXED
CODE, DATA, PAGE = 0x401000, 0x500000, 4096
EDGE_GENERATED = 1 << 15
SETTLED = 0.1
"""Seconds after which a file counts as one that does not change."""


def number(value: int) -> bytes:
    """Three blocks: jmp +0; jmp +0; mov eax, value; ud2"""
    return bytes.fromhex("eb00 eb00 b8") + value.to_bytes(4, "little") + bytes.fromhex("0f0b")


def pages(*values: int) -> bytes:
    """A page of code for each number."""
    return b"".join(number(value).ljust(PAGE, b"\xcc") for value in values)


class Bench:
    """A processor that tells how many blocks it has translated, and files of code for it."""

    def __init__(self, board: Any) -> None:
        self.board = board
        self.space: AddressSpace = board.memory
        self.blocks = 0
        pointer = ctypes.c_void_p
        board.cpu._engine.python_hook(EDGE_GENERATED, self._translated, None, pointer, pointer)
        self._open: list[int] = []
        self._spaces: list[AddressSpace] = []

    def _translated(self, *_: Any) -> None:
        self.blocks += 1

    def sealed(self, content: bytes) -> int:
        """A descriptor of a file that never changes."""
        fd = os.memfd_create("text", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._open.append(fd)
        os.write(fd, content)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, Seal.F_SEAL_WRITE | Seal.F_SEAL_SHRINK | Seal.F_SEAL_GROW)
        return fd

    def another_space(self) -> AddressSpace:
        """A new address space."""
        self._spaces.append(AddressSpace(self.board.cpu))
        return self._spaces[-1]

    def fork(self, space: AddressSpace) -> AddressSpace:
        """A copy of an address space."""
        self._spaces.append(space.fork())
        return self._spaces[-1]

    def map(self, space: AddressSpace, fd: int, size: int = PAGE, at: int = CODE, prot: int = RX) -> None:
        """Maps a file privately, from its beginning."""
        space.map(at, size, prot, FIXED, fd)

    def result(self, space: AddressSpace, at: int = CODE) -> int:
        """What the code there leaves in rax."""
        return int(self.board.run_in(space, at)[1]["rax"])

    def translated(self, space: AddressSpace, at: int = CODE) -> int:
        """How many blocks had to be translated to run the code there."""
        before = self.blocks
        self.result(space, at)
        return self.blocks - before

    def close(self) -> None:
        for space in self._spaces:
            space.close()
        for fd in self._open:
            os.close(fd)


@pytest.fixture
def bench(board: Any) -> Iterator[Bench]:
    bench = Bench(board)
    yield bench
    bench.close()


def patch(space: AddressSpace, at: int, value: int) -> None:
    """What a program does that changes its text."""
    page = at & -PAGE
    space.protect(page, PAGE, RW)
    space.write(at, number(value))
    space.protect(page, PAGE, RX)


def test_another_space_finds_the_translation_of_the_first(bench: Bench) -> None:
    fd = bench.sealed(pages(7))
    first, second = bench.space, bench.another_space()
    bench.map(first, fd)
    assert bench.translated(first) > 0
    bench.map(second, fd)
    assert bench.translated(second) == 0
    assert bench.result(second) == 7
    first.unmap(CODE, PAGE)
    bench.map(first, fd)
    assert bench.translated(first) == 0


def test_so_does_a_forked_one(bench: Bench) -> None:
    bench.map(bench.space, bench.sealed(pages(7, 8)), 2 * PAGE)
    assert bench.result(bench.space, CODE + PAGE) == 8
    child = bench.fork(bench.space)
    grandchild = bench.fork(child)
    child.unmap(CODE, 2 * PAGE)
    assert bench.translated(grandchild, CODE + PAGE) == 0
    assert bench.result(grandchild) == 7


def test_handlers_read_the_same_and_see_no_difference(bench: Bench) -> None:
    bench.map(bench.space, bench.sealed(pages(7)[:100]), 2 * PAGE)
    assert bench.space.rights(CODE) == READ | EXEC
    assert bench.space.rights(CODE + PAGE) == BEYOND_FILE
    assert bench.space.read(CODE, 100) == pages(7)[:100]
    assert bench.result(bench.space) == 7
    with pytest.raises(OSError, match="Bad address"):
        bench.space.write(CODE, b"x")


def test_data_beside_the_code_is_read_from_the_same_place(bench: Bench) -> None:
    # mov eax, [rip + 0x100 - 6]; ud2
    code = bytes.fromhex("8b05 fa000000 0f0b").ljust(0x100, b"\0") + (12345).to_bytes(4, "little")
    fd = bench.sealed(code)
    for space in (bench.space, bench.another_space()):
        bench.map(space, fd)
        assert bench.result(space) == 12345


def test_changed_text_is_its_space_s_own(bench: Bench) -> None:
    fd = bench.sealed(pages(1, 2, 3))
    first, second = bench.space, bench.another_space()
    for space in (first, second):
        bench.map(space, fd, 3 * PAGE)
        assert [bench.result(space, CODE + n * PAGE) for n in range(3)] == [1, 2, 3]
    patch(second, CODE + PAGE, 22)
    child = bench.fork(second)
    patch(child, CODE + PAGE, 33)
    for space, middle in ((first, 2), (second, 22), (child, 33), (first, 2), (bench.fork(child), 33)):
        assert [bench.result(space, CODE + n * PAGE) for n in range(3)] == [1, middle, 3]
    assert bench.translated(child, CODE) == bench.translated(child, CODE + 2 * PAGE) == 0
    for space in (second, child):
        bench.map(space, fd, 3 * PAGE)
        assert [bench.result(space, CODE + n * PAGE) for n in range(3)] == [1, 2, 3]


def test_a_block_on_two_pages_of_which_one_is_changed(bench: Bench) -> None:
    # jmp to the last 4 bytes of the page: mov eax, imm32 of which 3 bytes are on this page; ud2
    code = bytearray(bytes.fromhex("e9 f7 0f 00 00").ljust(2 * PAGE, b"\xcc"))
    code[PAGE - 4 : PAGE + 4] = bytes.fromhex("b8 01020304 0f0b 90")
    fd = bench.sealed(bytes(code))
    first, second = bench.space, bench.another_space()
    for space in (first, second):
        bench.map(space, fd, 2 * PAGE)
    second.protect(CODE + PAGE, PAGE, RW)
    second.write(CODE + PAGE, b"\x55")
    second.protect(CODE + PAGE, PAGE, RX)
    for _ in range(3):
        for _ in range(3):
            assert bench.result(first) == 0x04030201
        for _ in range(3):
            assert bench.result(second) == 0x55030201


def test_changed_text_is_forgotten_when_it_is_unmapped(bench: Bench) -> None:
    space = bench.space
    for value in range(10, 15):
        bench.map(space, bench.sealed(pages(1, 2, 3)), 3 * PAGE)
        patch(space, CODE + PAGE, value)
        assert [bench.result(space, CODE + n * PAGE) for n in range(3)] == [1, value, 3]
        space.unmap(CODE, 3 * PAGE)
        space.map(CODE, 3 * PAGE, RW, FIXED | Map.MAP_ANONYMOUS)
        space.write(CODE + PAGE, number(value + 100))
        space.protect(CODE, 3 * PAGE, RX)
        assert bench.result(space, CODE + PAGE) == value + 100


def test_writable_text_is_not_shared(bench: Bench) -> None:
    fd = bench.sealed(pages(1))
    first, second = bench.space, bench.another_space()
    for space in (first, second):
        bench.map(space, fd, prot=RW | Prot.PROT_EXEC)
        assert bench.result(space) == 1
    first.write(CODE, number(5))
    assert (bench.result(first), bench.result(second)) == (5, 1)


@pytest.mark.parametrize("unmap", [True, False])
def test_another_file_at_the_same_address(bench: Bench, unmap: bool) -> None:
    for value in range(20):
        bench.map(bench.space, bench.sealed(pages(value)))
        assert bench.result(bench.space) == value
        if unmap:
            bench.space.unmap(CODE, PAGE)
        assert bench.space.regions.find(CODE) is None or not unmap


def test_moved_text(bench: Bench) -> None:
    bench.map(bench.space, bench.sealed(pages(1, 2)), 2 * PAGE)
    assert bench.result(bench.space, CODE + PAGE) == 2
    moved = bench.space.remap(CODE, 2 * PAGE, 2 * PAGE, 3, 0x900000)
    assert [bench.result(bench.space, moved + n * PAGE) for n in range(2)] == [1, 2]
    bench.map(bench.space, bench.sealed(pages(3)))
    assert bench.result(bench.space) == 3


def test_a_file_that_changes_in_place(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "code"
    for value in range(3):
        path.write_bytes(pages(value))
        time.sleep(SETTLED)
        with path.open("rb") as file:
            for _ in range(2):
                bench.map(bench.space, file.fileno())
                assert bench.result(bench.space) == value
                assert bench.translated(bench.fork(bench.space)) == 0
                bench.space.unmap(CODE, PAGE)


def test_a_file_that_has_just_changed_is_not_shared(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "code"
    for value in range(50):  # the next change may be in the same tick of the clock that files are marked with
        path.write_bytes(pages(value))
        with path.open("rb") as file:
            bench.map(bench.space, file.fileno())
            assert bench.result(bench.space) == value
            bench.space.unmap(CODE, PAGE)


def test_a_file_that_is_also_mapped_for_writing_is_not_shared(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "code"
    path.write_bytes(pages(0))
    time.sleep(SETTLED)
    with path.open("r+b") as file:
        bench.map(bench.space, file.fileno())
        assert bench.result(bench.space) == 0
        bench.space.unmap(CODE, PAGE)
        bench.space.map(DATA, PAGE, RW, Map.MAP_SHARED | Map.MAP_FIXED, file.fileno())
        for value in range(1, 5):  # the first of these marks the file, the others do not
            bench.space.write(DATA, number(value))
            time.sleep(SETTLED)
            bench.map(bench.space, file.fileno())
            assert bench.result(bench.space) == value
            bench.space.unmap(CODE, PAGE)


def test_a_file_that_is_cut_is_a_bus_error_in_every_space(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "code"
    path.write_bytes(pages(1, 2, 3))
    time.sleep(SETTLED)
    parent = bench.space
    with path.open("r+b") as file:
        bench.map(parent, file.fileno(), 3 * PAGE)
        child = bench.fork(parent)
        assert bench.result(parent, CODE + PAGE) == 2
        file.truncate(PAGE)
        for space in (child, parent):
            bench.board.run_in(space, CODE + 2 * PAGE)
            assert space.take_bus_error() == CODE + 2 * PAGE
            assert space.rights(CODE + 2 * PAGE) == BEYOND_FILE
            assert space.take_bus_error() is None
            assert bench.result(space) == 1
        file.truncate(3 * PAGE)
        file.seek(2 * PAGE)
        file.write(number(33))
        file.flush()
        bench.map(parent, file.fileno(), 3 * PAGE)
        assert bench.result(parent, CODE + 2 * PAGE) == 33


def test_locks_do_not_outlive_the_mapping(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "code"
    path.write_bytes(pages(1))
    time.sleep(SETTLED)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        bench.map(bench.space, file.fileno())
    assert bench.result(bench.space) == 1
    bench.space.unmap(CODE, PAGE)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def mappings() -> list[str]:
    return Path("/proc/self/maps").read_text().splitlines()


def test_what_nobody_uses_makes_room(bench: Bench, tmp_path: Path) -> None:
    count = MOST_TEXTS + 100
    for value in range(count):
        (tmp_path / str(value)).write_bytes(pages(value))
    time.sleep(SETTLED)
    for _ in range(2):
        for value in range(count):
            with (tmp_path / str(value)).open("rb") as file:
                bench.map(bench.space, file.fileno())
            assert bench.result(bench.space) == value
    held = [line for line in mappings() if str(tmp_path) in line]
    assert 1 < len(held) <= MOST_TEXTS + 1
    with (tmp_path / str(count - 1)).open("rb") as file:
        bench.map(bench.space, file.fileno())
    assert bench.translated(bench.space) == 0


def test_what_everybody_uses_stays(bench: Bench, tmp_path: Path) -> None:
    count = MOST_TEXTS + 10
    for value in range(count):
        (tmp_path / str(value)).write_bytes(pages(value))
    time.sleep(SETTLED)
    for value in range(count):
        with (tmp_path / str(value)).open("rb") as file:
            bench.map(bench.space, file.fileno(), at=CODE + 0x1000000 + value * 2 * PAGE)
    for value in range(count):
        assert bench.result(bench.space, CODE + 0x1000000 + value * 2 * PAGE) == value


def test_a_deleted_file_is_not_kept(bench: Bench) -> None:
    before = len(mappings())
    for value in range(MOST_TEXTS):
        fd = os.memfd_create("text", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.write(fd, pages(value))
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, Seal.F_SEAL_WRITE | Seal.F_SEAL_SHRINK)
        bench.map(bench.space, fd)
        os.close(fd)
        assert bench.result(bench.space) == value
    bench.space.unmap(CODE, PAGE)
    assert "memfd:text" not in "".join(mappings())
    assert len(mappings()) < before + 10


def test_many_processes_in_turn_leave_nothing_behind(bench: Bench) -> None:
    fd = bench.sealed(pages(1, 2))
    bench.map(bench.space, fd, 2 * PAGE)
    assert bench.result(bench.space, CODE + PAGE) == 2
    seen = []
    for turn in range(300):
        child = bench.space.fork() if turn % 2 else AddressSpace(bench.board.cpu)
        if not turn % 2:
            bench.map(child, fd, 2 * PAGE)
        assert bench.translated(child, CODE + PAGE) == 0
        child.close()
        seen.append(len(mappings()))
    assert max(seen[10:]) - min(seen[10:]) < 8
