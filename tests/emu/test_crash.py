"""The fault report: what each section says, and that no input breaks it."""

from emu.cpu import Stop, StopKind
from emu.crash import Crash, Mapping, mnemonic, report
from emu.faults import SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, classify
from emu.pages import EXEC, READ, WRITE

CODE = bytes.fromhex("554889e5488b07c600014889c85dc3")  # push rbp; mov; mov rax,[rdi]; mov byte [rax],1; ...
PC = 0x401007


def registers(pc: int = PC) -> dict[str, int]:
    names = [
        "rax",
        "rbx",
        "rcx",
        "rdx",
        "rsi",
        "rdi",
        "rbp",
        "rsp",
        "r8",
        "r9",
        "r10",
        "r11",
        "r12",
        "r13",
        "r14",
        "r15",
    ]
    return {name: index for index, name in enumerate(names)} | {
        "rip": pc,
        "eflags": 0x246,
        "fs_base": 0,
        "gs_base": 0,
    }


def read(address: int, size: int) -> bytes:
    if address < 0x401000 or address + size > 0x401000 + 4096:
        raise OSError(14, "bad address")
    return (CODE + bytes(4096))[address - 0x401000 :][:size]


def crash(stop: Stop, **changes: object) -> str:
    protection = {0x401: READ | EXEC, 0x402: READ}.get
    fault = classify(stop, PC, CODE[7:], lambda address: protection(address >> 12), 0x7FFF_0000_0000)
    mappings = [
        Mapping(0x401000, 0x402000, READ | EXEC, "/a.elf"),
        Mapping(0x402000, 0x403000, READ, "/a.elf"),
    ]
    values = {
        "program": "a.elf", "thread": 1000, "thread_name": "", "fault": fault, "registers": registers(), "read": read,
        "mappings": mappings, "locate": lambda pc: "store+0x7 a.py:3" if pc == PC else "", "chain": [0x401009],
        "calls": [(1, (1, 0x401000, 5, 0, 0, 0), 5), (0, (0, 0, 0, 0, 0, 0), None)],
    }  # fmt: skip
    return report(Crash(**(values | changes)))  # type: ignore[arg-type]


def test_a_write_to_read_only_memory() -> None:
    text = crash(Stop(StopKind.MEMORY, address=0x402010, access=WRITE))
    assert "a.elf killed by SIGSEGV in thread 1000" in text
    assert "write to 0x402010: the mapping is not writable (r--)" in text
    assert "at 0x401007  store+0x7 a.py:3" in text
    assert "=> 401007  mov byte ptr [rax], 1" in text
    assert "   401004  mov rax, qword ptr [rdi]" in text
    assert "=> 000000402000-000000403000 r--  /a.elf" in text
    assert "#1  401009" in text
    assert "write(1, 0x401000, 5, 0, 0, 0) = 5" in text
    assert "read(0, 0, 0, 0, 0, 0) = ?" in text
    assert "[PF ZF IF]" in text


def test_an_address_that_nothing_is_mapped_at_is_shown_between_its_neighbours() -> None:
    lines = crash(Stop(StopKind.MEMORY, address=0x500000, access=READ)).splitlines()
    at = next(index for index, line in enumerate(lines) if "=> 000000500000  nothing" in line)
    assert "000000402000-000000403000" in lines[at - 1]


def test_each_reason() -> None:
    def reason(stop: Stop, code: bytes = CODE, prot: int | None = None) -> tuple[int, str]:
        fault = classify(stop, PC, code, lambda _: prot, 0x7FFF_0000_0000, lambda: mnemonic(code, PC))
        return fault.signal, fault.reason

    memory = StopKind.MEMORY
    assert "null pointer" in reason(Stop(memory, address=8, access=READ))[1]
    assert "stack overflow" in reason(Stop(memory, address=0x7FFE_FFFF_FFF8, access=WRITE))[1]
    assert "not a user address" in reason(Stop(memory, address=1 << 63, access=READ))[1]
    assert "not executable" in reason(Stop(memory, address=0x402000, access=EXEC), prot=READ)[1]
    assert reason(Stop(memory, address=0x402000, access=READ), prot=0x80)[0] == SIGBUS
    assert reason(Stop(StopKind.INTERRUPT, vector=0))[0] == SIGFPE
    assert reason(Stop(StopKind.INTERRUPT, vector=3))[0] == SIGTRAP
    assert reason(Stop(StopKind.INTERRUPT, vector=13), b"\xf4") == (
        SIGSEGV, "general protection: privileged or forbidden instruction (hlt)",
    )  # fmt: skip
    signal, text = reason(Stop(StopKind.INVALID), bytes.fromhex("c5fdefc0"))
    assert signal == SIGILL
    assert text.startswith("AVX or BMI instruction (vpxor ymm0, ymm0, ymm0)")
    assert "ud2" in reason(Stop(StopKind.INVALID), b"\x0f\x0b")[1]
    assert "int 0x80" in reason(Stop(StopKind.INTERRUPT, vector=13), b"\xcd\x80")[1]


def test_a_pc_outside_memory_is_reported_too() -> None:
    text = crash(Stop(StopKind.MEMORY, address=0, access=EXEC), registers=registers(0), chain=[])
    assert "jump to 0x0: null pointer" in text
    assert "=> 0  cannot be read" in text
