"""The processor: system calls, contexts, budgets, faults, privileges, changed code."""

from typing import Any

import pytest

from emu.cpu import EXEC, READ, WRITE, StopKind

CODE, DATA = 0x401000, 0x500000
UD2 = "0f0b"


def test_a_system_call_gets_its_registers_and_its_result(board: Any) -> None:
    board.answer = lambda *registers: -9
    stop, after = board.run("0f05" + UD2, rax=1, rdi=2, rsi=3, rdx=4, r10=5, r8=6, r9=(1 << 64) - 1, rbx=77)
    assert stop.kind is StopKind.INVALID
    assert board.calls == [(1, 2, 3, 4, 5, 6, (1 << 64) - 1)]
    assert after["rax"] == (1 << 64) - 9
    assert after["rbx"] == 77
    assert after["rcx"] == CODE + 2 == after["rip"]  # as the instruction leaves it
    assert after["r11"] == 0x202


def test_flags_reach_r11(board: Any) -> None:
    _, after = board.run("31c0f9 0f05" + UD2)  # xor eax, eax; stc
    assert after["r11"] & 0x8D5 == 0x45  # CF, PF, ZF


def test_what_a_handler_raises_comes_out_of_run(board: Any) -> None:
    def refuse(*_: int) -> int:
        raise LookupError("nothing there")

    board.answer = refuse
    with pytest.raises(LookupError, match="nothing there"):
        board.run("0f05" + UD2)
    board.answer = lambda *_: 5
    assert board.run("0f05" + UD2)[1]["rax"] == 5  # and the processor still works


def test_stop_ends_the_run_behind_the_call(board: Any) -> None:
    def stop(*_: int) -> int:
        board.cpu.stop()
        return 3

    board.answer = stop
    stopped, after = board.run("0f05 ffc0" + UD2)
    assert stopped.kind is StopKind.REQUEST
    assert (after["rax"], after["rip"]) == (3, CODE + 2)


def test_a_context_can_be_switched_inside_a_call(board: Any) -> None:
    other = board.cpu.fresh.copy()
    other["rip"], other["rbx"] = CODE + 0x10, 42
    first = board.cpu.fresh.copy()

    def switch(*_: int) -> None:
        board.cpu.save(first)
        board.cpu.load(other)

    board.answer = switch
    # 0: syscall; ud2    10: mov ecx, ebx; ud2
    stop, after = board.run("0f05 0f0b".ljust(33, "0") + "89d9" + UD2, rax=9, rbx=1)
    assert stop.kind is StopKind.INVALID
    assert (after["rip"], after["rcx"]) == (CODE + 0x12, 42)
    first.answer(7)
    assert (first["rax"], first["rbx"], first["rip"]) == (7, 1, CODE + 2)


def test_the_ring_keeps_the_last_calls(board: Any) -> None:
    board.answer = lambda number, *_: number * 2
    # mov ebx, 20; loop: mov eax, ebx; mov edi, ebx; syscall; dec ebx; jnz loop
    board.put("bb14000000 89d8 89df 0f05 ffcb 75f6" + UD2)
    context = board.cpu.fresh.copy()
    context["rip"] = CODE
    board.cpu.load(context)
    board.cpu.run(1000)
    calls = context.last_calls()
    assert [(number, args[0], result) for number, args, result in calls] == [
        (n, n, 2 * n) for n in range(8, 0, -1)
    ]


@pytest.mark.parametrize("budget", [1, 7, 100, 12345])
def test_the_budget_counts_blocks_exactly(board: Any, budget: int) -> None:
    board.put("48ffc3 ebfb")  # loop: inc rbx; jmp loop
    context = board.cpu.fresh.copy()
    context["rip"] = CODE
    board.cpu.load(context)
    for turn in range(1, 4):
        assert board.cpu.run(budget).kind is StopKind.BUDGET
        assert board.cpu["rbx"] == budget * turn
        assert board.cpu.pc == CODE


def test_accesses_that_the_pages_deny(board: Any) -> None:
    cases = {
        "488b00": (0x600123, READ),  # mov rax, [rax]
        "c600 01": (0x600123, WRITE),  # mov byte [rax], 1
        "ffe0": (0x600123, EXEC),  # jmp rax
        "c600 02": (CODE, WRITE),  # not writable
        "ffe0 ": (DATA, EXEC),  # not executable
        "8b00": (0x123400000000000, READ),  # not canonical
    }
    for code, (address, access) in cases.items():
        stop, after = board.run(code, rax=address, rbx=5)
        assert (stop.kind, stop.address, stop.access) == (StopKind.MEMORY, address, access), code
        assert after["rip"] == (address if access == EXEC else CODE)
        assert (after["rax"], after["rbx"]) == (address, 5)


def test_an_access_across_a_page_faults_at_the_missing_page(board: Any) -> None:
    stop, _ = board.run("488b00", rax=DATA + 0x2000 - 3)
    assert (stop.address, stop.access) == (DATA + 0x2000, READ)
    stop, _ = board.run("488900", rax=DATA + 0x2000 - 3)
    assert (stop.address, stop.access) == (DATA + 0x2000, WRITE)


def test_code_that_runs_off_its_page_faults_at_the_border(board: Any) -> None:
    start = CODE + 0x1000 - 4
    board.put("90" * 0xFFC + "ffc3 ffc3")  # inc ebx, twice, then nothing
    stop, after = _at(board, start)
    assert (stop.kind, stop.address, stop.access) == (StopKind.MEMORY, CODE + 0x1000, EXEC)
    assert (after["rip"], after["rbx"]) == (CODE + 0x1000, 2)
    board.put("90" * 0xFFC + "ffc3 48b8")  # an instruction that is cut in two
    stop, after = _at(board, start)
    assert (stop.address, stop.access, after["rip"], after["rbx"]) == (CODE + 0x1000, EXEC, CODE + 0xFFE, 1)
    board.put("90" * 0xFFC + "8b08 ffc3")  # what comes before faults first
    stop, after = _at(board, start)
    assert (stop.address, stop.access, after["rip"]) == (0, READ, start)
    assert board.run("ffc3" + UD2)[1]["rbx"] == 1


def _at(board: Any, start: int) -> Any:
    context = board.cpu.fresh.copy()
    context["rip"] = start
    board.cpu.load(context)
    stop = board.cpu.run(100)
    board.cpu.save(context)
    return stop, context


def test_a_denied_access_can_be_repeated_once_it_is_allowed(board: Any) -> None:
    stop, context = board.run("488b1c25 00005100" + UD2)  # mov rbx, [0x510000]
    assert stop.kind is StopKind.MEMORY
    board.memory.map(0x510000, 0x1000, 3, 0x32)
    board.memory.put_u64(0x510000, 99)
    board.cpu.load(context)
    assert board.cpu.run(10).kind is StopKind.INVALID
    assert board.cpu["rbx"] == 99


@pytest.mark.parametrize(
    ("code", "vector", "pc"),
    [
        ("31c9 f7f1", 0, 2),  # div ecx
        ("cc", 3, 1),
        ("f4", 13, 0),  # hlt
        ("fa", 13, 0),  # cli
        ("e460", 13, 0),  # in al, 0x60
        ("ee", 13, 0),  # out dx, al
        ("0f20c0", 13, 0),  # mov rax, cr0
        ("0f30", 13, 0),  # wrmsr
        ("0f01f8", 13, 0),  # swapgs
        ("cd80", 13, 0),
        ("cd06", 13, 0),
        ("cd00", 13, 0),
    ],
)
def test_exceptions(board: Any, code: str, vector: int, pc: int) -> None:
    for _ in range(2):  # one exception does not turn the next into a double fault
        stop, after = board.run(code, rax=0x1234)
        assert (stop.kind, stop.vector, after["rip"]) == (StopKind.INTERRUPT, vector, CODE + pc)
        assert after["rax"] == 0x1234


@pytest.mark.parametrize("code", ["0f0b", "c5fc57c0", "62f17c4857c0", "0f34", "06"])
def test_unknown_instructions(board: Any, code: str) -> None:
    stop, after = board.run(code)
    assert (stop.kind, after["rip"]) == (StopKind.INVALID, CODE)


@pytest.mark.parametrize(
    "code",
    [
        "f3480fb8c0",  # popcnt
        "f2480f38f1c0",  # crc32
        "660f38dcc0",  # aesenc
        "0f38f00424",  # movbe
        "66480f38f6c0",  # adcx
        "660f3a44c000",  # pclmulqdq
        "660f3840c0",  # pmulld
        "f3480faec0",  # rdfsbase
        "0f01f9",  # rdtscp
        "0f31",  # rdtsc
        "f3480fbdc0",  # lzcnt
        "f390",  # pause
        "0fae0424",  # fxsave
    ],
)
def test_instruction_sets_that_cpuid_promises(board: Any, code: str) -> None:
    stop, after = board.run(code + UD2, rsp=DATA + 0x1000)
    assert (stop.kind, after["rip"]) == (StopKind.INVALID, CODE + len(code) // 2)


def test_cpuid_says_no_avx(board: Any) -> None:
    _, after = board.run("b801000000 0fa2" + UD2)
    assert not after["rcx"] & (1 << 26 | 1 << 27 | 1 << 28)  # XSAVE, OSXSAVE, AVX
    assert after["rcx"] & 1 << 23  # POPCNT


def test_code_that_changes_itself(board: Any) -> None:
    board.memory.map(0x600000, 0x1000, 7, 0x32)
    # mov dword [rbx], "inc eax; ret"; call rbx; mov dword [rbx], "dec eax; ret"; call rbx; call rbx; ud2
    _, after = board.run("c703ffc0c300 ffd3 c703ffc8c300 ffd3 ffd3" + UD2, rbx=0x600000, rax=100)
    assert after["rax"] == 99


def test_code_that_the_bench_changes(board: Any) -> None:
    board.memory.map(0x600000, 0x1000, 7, 0x32)
    board.memory.write(0x600000, bytes.fromhex("ffc0c3"))

    def change(*_: int) -> int:
        board.memory.write(0x600000, bytes.fromhex("ffc8c3"))
        return 100

    board.answer = change
    _, after = board.run("ffd3 0f05 ffd3" + UD2, rbx=0x600000)
    assert after["rax"] == 99


def test_fs_base_belongs_to_the_context(board: Any) -> None:
    board.memory.put_u64(DATA + 0x10, 1234)
    _, after = board.run("64488b042510000000" + UD2, fs_base=DATA)  # mov rax, fs:[0x10]
    assert after["rax"] == 1234


def test_vector_registers_belong_to_the_context(board: Any) -> None:
    _, one = board.run("66480f6ec3" + UD2, rbx=0x1111)  # movq xmm0, rbx
    _, two = board.run("66480f6ec3" + UD2, rbx=0x2222)
    board.put("66480f7ec0" + UD2)  # movq rax, xmm0
    for context, value in ((one, 0x1111), (two, 0x2222)):
        context["rip"] = CODE
        board.cpu.load(context)
        board.cpu.run(10)
        assert board.cpu["rax"] == value


def test_taking_rights_away_works_at_once(board: Any) -> None:
    board.answer = lambda *_: board.memory.protect(DATA + 0x1000, 0x1000, READ) or 0
    stop, after = board.run("c60301 0f05 c60302" + UD2, rbx=DATA + 0x1000)
    assert (stop.kind, stop.address, stop.access) == (StopKind.MEMORY, DATA + 0x1000, WRITE)
    assert after["rip"] == CODE + 5
