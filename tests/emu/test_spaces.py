"""Many address spaces on one processor: each runs its own code, and what is closed leaves nothing behind."""

import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from emu.chunks import MOST_RETIRED
from emu.cpu import Cpu, StopKind
from emu.memory import AddressSpace
from emu.pages import BEYOND_FILE, CHUNK
from syscalls.flags import Map, Prot

RW = Prot.PROT_READ | Prot.PROT_WRITE
RX = Prot.PROT_READ | Prot.PROT_EXEC
PRIVATE = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS
SHARED = Map.MAP_SHARED | Map.MAP_ANONYMOUS
FIXED = PRIVATE | Map.MAP_FIXED
CODE, DATA, PAGE = 0x401000, 0x500000, 4096
UD2 = "0f0b"


def number(value: int) -> str:
    """mov eax, value; ud2"""
    return "b8" + value.to_bytes(4, "little").hex() + UD2


def test_the_same_address_holds_other_code_in_another_space(board: Any) -> None:
    spaces = [board.memory, AddressSpace(board.cpu), AddressSpace(board.cpu)]
    for value, space in enumerate(spaces):
        board.put_in(space, number(value + 10))
    for turn in range(300):
        _, after = board.run_in(spaces[turn % 3])
        assert after["rax"] == turn % 3 + 10
    for space in spaces[1:]:
        space.close()


def test_spaces_alternate_inside_a_system_call(board: Any) -> None:
    first, second = board.memory, AddressSpace(board.cpu)
    # loop: add rbx, N; syscall; jmp loop
    board.put_in(first, "4883c301 0f05 ebf8")
    board.put_in(second, "4883c364 0f05 ebf8")
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
    board.put_in(parent, "890b c64304c3 ffd3" + UD2)
    add_one, add_two = 0x01C08348, 0x02C08348
    assert board.run_in(parent, rsp=DATA + 0x1000, rbx=0x600000, rcx=add_one)[1]["rax"] == 1
    child = parent.fork()
    for _ in range(20):
        assert board.run_in(parent, rsp=DATA + 0x1000, rbx=0x600000, rcx=add_two)[1]["rax"] == 2
        assert board.run_in(child, 0x600000, rsp=DATA + 0x1000)[0].kind is StopKind.MEMORY  # ret to 0
        assert board.cpu["rax"] == 1
    child.close()


def test_writing_into_the_code_of_a_space_that_is_not_active(board: Any) -> None:
    parent = board.memory
    parent.map(0x600000, PAGE, 7, FIXED)
    parent.write(0x600000, bytes.fromhex(number(1)))
    child = parent.fork()
    assert board.run_in(child, 0x600000)[1]["rax"] == 1
    assert board.run_in(parent, 0x600000)[1]["rax"] == 1
    child.write(0x600000, bytes.fromhex(number(2)))  # while the parent is the active one
    assert board.cpu.space is parent
    assert board.run_in(parent, 0x600000)[1]["rax"] == 1
    assert board.run_in(child, 0x600000)[1]["rax"] == 2
    child.unmap(0x600000, PAGE)
    parent.activate()
    child.map(0x600000, PAGE, 7, FIXED)
    child.write(0x600000, bytes.fromhex(number(3)))
    assert board.run_in(child, 0x600000)[1]["rax"] == 3
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
    board.put_in(parent, "c70001000000" + UD2)
    seen = []
    for _ in range(3):
        children = [parent.fork() for _ in range(300)]
        for child in children:
            stop, _ = board.run_in(child, rax=0x7FFF_0000_1000)
            assert stop.kind is StopKind.INVALID
        for child in children:
            child.close()
        assert board.run_in(parent, rax=DATA)[0].kind is StopKind.INVALID
        seen.append(usage())
    assert seen[2][0] - seen[1][0] < 8 << 20
    assert seen[2][1] - seen[1][1] < 50
    assert seen[2][2] == seen[0][2]


def test_a_chunk_that_serves_again_runs_its_new_code(board: Any) -> None:
    places = set()
    for turn in range(MOST_RETIRED * 3):
        space = AddressSpace(board.cpu)
        board.put_in(space, number(turn))
        assert board.run_in(space)[1]["rax"] == turn
        places.add(space.host(CODE))
        space.close()
    assert len(places) <= MOST_RETIRED + 1


def test_chunks_are_recycled_though_the_processor_never_stands_still(board: Any) -> None:
    board.put_in(board.memory, "0f05 ebfc")  # loop: syscall; jmp loop
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


def test_an_aligned_move_is_judged_in_its_own_program_only(board: Any) -> None:
    code = "ffc3 0f2900" + UD2  # inc ebx; movaps [rax], xmm0
    other = AddressSpace(board.cpu)
    board.put_in(board.memory, code)
    board.put_in(other, "9090 0f1100" + UD2)  # movups
    other.map(DATA, PAGE, RW, FIXED)
    child = board.memory.fork()
    for _ in range(100):
        assert board.run_in(other, rax=DATA + 8)[0].kind is StopKind.INVALID
    for space in (board.memory, child):
        stop, _ = board.run_in(space, rax=DATA + 8)
        assert (stop.kind, stop.address) == (StopKind.MISALIGNED, DATA + 8)
    other.close()
    child.close()


def test_a_cut_file_is_survived_in_a_fork(board: Any) -> None:
    parent = board.memory
    with tempfile.TemporaryFile() as file:
        file.truncate(3 * PAGE)
        base = parent.map(0, 3 * PAGE, RW, Map.MAP_SHARED, file.fileno())
        child = parent.fork()
        file.truncate(PAGE)
        board.put_in(child, "8b00 eb00" + UD2)
        stop, _ = board.run_in(child, rax=base + 2 * PAGE + 4)
        assert stop.kind is StopKind.BUDGET
        assert child.take_bus_error() == base + 2 * PAGE + 4
        assert child.rights(base + 2 * PAGE) == BEYOND_FILE
        assert child.take_bus_error() is None
        assert parent.read(base + PAGE, 4) == bytes(4)  # the bench's own access survives, too
        assert parent.take_bus_error() == base + PAGE
    child.close()


def test_a_file_that_is_cut_to_nothing_is_still_mapped_in_a_fork(board: Any) -> None:
    parent = board.memory
    with tempfile.TemporaryFile() as file:
        file.truncate(3 * PAGE)
        base = parent.map(0, 3 * PAGE, RW, Map.MAP_SHARED, file.fileno())
        file.truncate(0)
        assert parent.read(base, 4) == bytes(4)
        assert parent.take_bus_error() == base
        child = parent.fork()
        assert child.rights(base) == BEYOND_FILE
        file.truncate(3 * PAGE)
        child.put_u32(base + PAGE, 5)
        assert parent.u32(base + PAGE) == 5
    child.close()


def test_files_are_survived_in_very_many_spaces(board: Any) -> None:
    with tempfile.TemporaryFile() as file:
        file.truncate(2 * PAGE)
        base = board.memory.map(0, 2 * PAGE, RW, Map.MAP_SHARED, file.fileno())
        children = [board.memory.fork() for _ in range(500)]
        file.truncate(PAGE)
        for child in children[::100]:
            assert child.read(base + PAGE, 4) == bytes(4)
            assert child.take_bus_error() == base + PAGE
    for child in children:
        child.close()


def test_mappings_of_all_spaces_have_a_limit(board: Any) -> None:
    memory = board.memory
    base = memory.map(0, 2 * PAGE * 26_000, Prot.PROT_READ, PRIVATE)

    def punch() -> None:
        for at in range(base + PAGE, base + 2 * PAGE * 26_000, 2 * PAGE):
            memory.unmap(at, PAGE)

    with pytest.raises(OSError, match="memory"):
        punch()
    with pytest.raises(OSError, match="memory"):
        memory.map(0, PAGE, RW, PRIVATE)
    with pytest.raises(OSError, match="memory"):
        memory.fork()
    memory.unmap(base, 2 * PAGE * 20_000)
    child = memory.fork()
    child.close()
    assert usage()[1] < 65_530


def test_the_stacks_of_many_small_processes_fit(board: Any) -> None:
    parent = board.memory
    parent.map(0x7FFF_FF7F_F000, 8 << 20, RW, FIXED | Map.MAP_GROWSDOWN)
    children = [parent.fork() for _ in range(250)]
    assert parent.account.used < 10 << 20
    for child in children:
        child.close()


def test_memory_outlives_its_processor() -> None:
    cpu = Cpu(lambda *_: 0)
    space = AddressSpace(cpu)
    space.map(CODE, PAGE, 7, FIXED)
    child = space.fork()
    before = usage()[1]
    cpu.close()
    cpu.close()
    space.write(CODE, b"still there")
    space.protect(CODE, PAGE, RX)
    assert (space.read(CODE, 5), child.read(CODE, 5)) == (b"still", bytes(5))
    space.close()
    assert child.read(CODE, 5) == bytes(5)
    child.close()
    assert usage()[1] < before


def test_code_that_crosses_a_seam(board: Any) -> None:
    border = 4 * CHUNK
    for space in (board.memory, board.memory.fork()):
        space.map(border - PAGE, 2 * PAGE, RW, FIXED)
        code = bytes.fromhex("48b8" + (0x1122334455667788).to_bytes(8, "little").hex() + UD2)
        space.write(border - 5, code)
        space.protect(border - PAGE, 2 * PAGE, RX)
        stop, after = board.run_in(space, border - 5)
        assert (stop.kind, after["rax"], after["rip"]) == (StopKind.INVALID, 0x1122334455667788, border + 5)
        space.protect(border - PAGE, 2 * PAGE, RW)
        space.put_u32(border, 0x99999999)
        space.protect(border - PAGE, 2 * PAGE, RX)
        assert board.run_in(space, border - 5)[1]["rax"] == 0x1199999999667788
        if space is not board.memory:
            space.close()
