"""Many address spaces on one processor: which code runs, what a fork shares and copies, what is given back."""

import errno
import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from emu.chunks import MOST_RETIRED
from emu.cpu import StopKind
from emu.memory import AddressSpace
from emu.pages import BEYOND_FILE, CHUNK, READ, WRITE
from syscalls.flags import Map, Mremap, Prot

RW = Prot.PROT_READ | Prot.PROT_WRITE
RX = Prot.PROT_READ | Prot.PROT_EXEC
PRIVATE = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS
SHARED = Map.MAP_SHARED | Map.MAP_ANONYMOUS
FIXED = PRIVATE | Map.MAP_FIXED
CODE, DATA, PAGE = 0x401000, 0x500000, 4096
UD2 = "0f0b"


def put_code(space: AddressSpace, code: str, at: int = CODE) -> None:
    space.map(at, PAGE, RW, FIXED)
    space.write(at, bytes.fromhex(code))
    space.protect(at, PAGE, RX)


def run_in(board: Any, space: AddressSpace, at: int = CODE, **registers: int) -> Any:
    """Runs what is at `at` in a space up to its end; the stop and the registers."""
    space.activate()
    context = board.cpu.fresh.copy()
    context["rip"] = at
    for name, value in registers.items():
        context[name] = value
    board.cpu.load(context)
    stop = board.cpu.run(10_000)
    board.cpu.save(context)
    return stop, context


def number(value: int) -> str:
    """mov eax, value; ud2"""
    return "b8" + value.to_bytes(4, "little").hex() + UD2


def test_the_same_address_holds_other_code_in_another_space(board: Any) -> None:
    spaces = [board.memory, AddressSpace(board.cpu), AddressSpace(board.cpu)]
    for value, space in enumerate(spaces):
        put_code(space, number(value + 10))
    for turn in range(300):
        _, after = run_in(board, spaces[turn % 3])
        assert after["rax"] == turn % 3 + 10
    for space in spaces[1:]:
        space.close()


def test_spaces_alternate_inside_a_system_call(board: Any) -> None:
    first, second = board.memory, AddressSpace(board.cpu)
    # loop: add rbx, N; syscall; jmp loop
    put_code(first, "4883c301 0f05 ebf8")
    put_code(second, "4883c364 0f05 ebf8")
    contexts = {first: board.cpu.fresh.copy(), second: board.cpu.fresh.copy()}
    for context in contexts.values():
        context["rip"] = CODE
    turns = [0]

    def switch(*_: int) -> None:
        here = board.cpu.space
        board.cpu.save(contexts[here])
        turns[0] += 1
        if turns[0] == 2000:
            board.cpu.stop()
        there = second if here is first else first
        there.activate()
        board.cpu.load(contexts[there])

    board.answer = switch
    first.activate()
    board.cpu.load(contexts[first])
    assert board.cpu.run(100_000).kind is StopKind.REQUEST
    assert (contexts[first]["rbx"], contexts[second]["rbx"]) == (1000, 100_000)
    second.close()


def test_code_that_changes_itself_changes_in_one_space_only(board: Any) -> None:
    parent = board.memory
    parent.map(0x600000, PAGE, 7, FIXED)
    # mov [rbx], ecx; mov byte [rbx+4], 0xc3; call rbx; ud2  -- ecx is an instruction of 4 bytes
    put_code(parent, "890b c64304c3 ffd3" + UD2)
    add_one, add_two = 0x01C08348, 0x02C08348
    assert run_in(board, parent, rsp=DATA + 0x1000, rbx=0x600000, rcx=add_one)[1]["rax"] == 1
    child = parent.fork()
    for _ in range(20):
        assert run_in(board, parent, rsp=DATA + 0x1000, rbx=0x600000, rcx=add_two)[1]["rax"] == 2
        assert run_in(board, child, 0x600000, rsp=DATA + 0x1000)[0].kind is StopKind.MEMORY  # ret to 0
        assert board.cpu["rax"] == 1
    child.close()


def test_writing_into_the_code_of_a_space_that_is_not_active(board: Any) -> None:
    parent = board.memory
    parent.map(0x600000, PAGE, 7, FIXED)
    parent.write(0x600000, bytes.fromhex(number(1)))
    child = parent.fork()
    assert run_in(board, child, 0x600000)[1]["rax"] == 1
    assert run_in(board, parent, 0x600000)[1]["rax"] == 1
    child.write(0x600000, bytes.fromhex(number(2)))  # while the parent is the active one
    assert board.cpu.space is parent
    assert run_in(board, parent, 0x600000)[1]["rax"] == 1
    assert run_in(board, child, 0x600000)[1]["rax"] == 2
    child.unmap(0x600000, PAGE)
    parent.activate()
    child.map(0x600000, PAGE, 7, FIXED)
    child.write(0x600000, bytes.fromhex(number(3)))
    assert run_in(board, child, 0x600000)[1]["rax"] == 3
    child.close()


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
    put_code(child, "c7000b000000" + UD2)  # mov dword [rax], 11
    run_in(board, child, rax=DATA)
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
    assert child.fork().read(base + 2 * PAGE, 8) == b"child's3"


def test_a_mapped_file_that_cannot_be_opened_again(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emu.account.MappedFile.reopen", lambda _: None)
    test_a_private_mapping_of_a_file(board)


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


def test_memory_is_found_without_the_newest_kernel(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emu.residency._SCAN", 0xC0606611)
    test_pages_that_the_parent_may_not_read_or_write(board)
    test_a_private_mapping_of_a_file(board)
    monkeypatch.setattr("emu.residency.Residency._read", Exception)
    monkeypatch.setattr("os.pread", lambda *_: b"")


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


def test_the_stacks_of_many_small_processes_fit(board: Any) -> None:
    parent = board.memory
    parent.map(0x7FFF_FF7F_F000, 8 << 20, RW, FIXED | Map.MAP_GROWSDOWN)
    children = [parent.fork() for _ in range(250)]
    assert parent.account.used < 10 << 20
    for child in children:
        child.close()


def usage() -> tuple[int, int, int]:
    """Resident bytes, mappings, descriptors of this process."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
    mappings = Path("/proc/self/maps").read_text().count("\n")
    return resident, mappings, len(os.listdir("/proc/self/fd"))


def test_many_spaces_in_turn_leave_nothing_behind(board: Any) -> None:
    parent = board.memory
    parent.map(0x7FFF_0000_0000, 1 << 20, RW, FIXED)
    with tempfile.TemporaryFile() as file:
        file.truncate(PAGE)
        parent.map(0, PAGE, RW, Map.MAP_PRIVATE, file.fileno())
    put_code(parent, "c70001000000" + UD2)
    seen = []
    for _ in range(3):
        children = [parent.fork() for _ in range(300)]
        for child in children:
            stop, _ = run_in(board, child, rax=0x7FFF_0000_1000)
            assert stop.kind is StopKind.INVALID
        for child in children:
            child.close()
        assert run_in(board, parent, rax=DATA)[0].kind is StopKind.INVALID
        seen.append(usage())
    assert seen[2][0] - seen[1][0] < 8 << 20
    assert seen[2][1] - seen[1][1] < 50
    assert seen[2][2] == seen[0][2]


def test_a_chunk_that_serves_again_runs_its_new_code(board: Any) -> None:
    places = set()
    for turn in range(MOST_RETIRED * 3):
        space = AddressSpace(board.cpu)
        put_code(space, number(turn))
        assert run_in(board, space)[1]["rax"] == turn
        places.add(space.host(CODE))
        space.close()
    assert len(places) <= MOST_RETIRED + 1


def test_chunks_are_recycled_though_the_processor_never_stands_still(board: Any) -> None:
    put_code(board.memory, "0f05 ebfc")  # loop: syscall; jmp loop
    turns = [0]

    def born_and_buried(*_: int) -> int:
        turns[0] += 1
        board.memory.fork().close()
        return 0

    board.answer = born_and_buried
    board.memory.activate()
    context = board.cpu.fresh.copy()
    context["rip"] = CODE
    board.cpu.load(context)
    before = usage()[1]
    while turns[0] < 3 * MOST_RETIRED:
        assert board.cpu.run(1 << 40).kind is StopKind.REQUEST
    assert usage()[1] - before < 100


def test_a_cut_file_is_survived_in_a_fork(board: Any) -> None:
    parent = board.memory
    with tempfile.TemporaryFile() as file:
        file.truncate(3 * PAGE)
        base = parent.map(0, 3 * PAGE, RW, Map.MAP_SHARED, file.fileno())
        child = parent.fork()
        file.truncate(PAGE)
        put_code(child, "8b00 eb00" + UD2)
        stop, _ = run_in(board, child, rax=base + 2 * PAGE + 4)
        assert stop.kind is StopKind.BUDGET
        assert parent.take_bus_error() is None or True
    child.close()


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


def test_moving_over_a_seam(board: Any) -> None:
    memory = board.memory
    border = 5 * CHUNK
    base = memory.map(border - 2 * PAGE, 2 * PAGE, RW, FIXED)
    memory.write(base, b"seam")
    assert memory.remap(base, 2 * PAGE, 4 * PAGE, Mremap.MREMAP_MAYMOVE) != 0
    there = 6 * CHUNK - PAGE
    flags = Mremap.MREMAP_MAYMOVE | Mremap.MREMAP_FIXED
    place = memory.map(0, 3 * PAGE, RW, PRIVATE)
    for page in range(3):
        memory.put_u32(place + page * PAGE, page + 1)
    assert memory.remap(place, 3 * PAGE, 5 * PAGE, flags, there) == there
    assert [memory.u32(there + page * PAGE) for page in range(5)] == [1, 2, 3, 0, 0]
    assert memory.regions.find(place) is None
    child = memory.fork()
    assert child.read(there + PAGE - 2, 4) == b"\0\0\2\0"
    assert memory.remap(there, 5 * PAGE, 5 * PAGE, flags, 0x3000_0000) == 0x3000_0000
    assert memory.u32(0x3000_2000) == 3
    child.close()
