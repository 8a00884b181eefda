"""From a fault in a running guest to the report: the signal, the reason, and what a person needs to see."""

from collections.abc import Callable

import pytest

from emu.machine import Machine

CASES = {
    "488b042500000000": (11, "read of 0x0: null pointer"),
    "c6042520014000 01": (11, "write to 0x400120: the mapping is not writable (r-x)"),
    "c604251023000001": (11, "write to 0x2310: nothing is mapped there"),
    "31c0 ffd0": (11, "jump to 0x0: null pointer"),
    "4889e0 ffe0": (11, "the mapping is not executable (rw-)"),
    "48b80000000000ffff00 488b00": (11, "not a user address"),
    "50 ebfd": (11, "stack overflow"),
    "f4": (11, "general protection: privileged or forbidden instruction (hlt)"),
    "e460": (11, "privileged or forbidden instruction (in al, 0x60)"),
    "cd80": (11, "int 0x80: the 32-bit system call interface is not offered"),
    "cc": (5, "breakpoint (int3), just before the pc"),
    "31c9 f7f1": (8, "integer division by zero"),
    "0f0b": (4, "undefined instruction on purpose (ud2)"),
    "c5fc57c0": (4, "AVX or BMI instruction (vxorps ymm0, ymm0, ymm0): the emulated processor has none"),
    "62f17c4857c0": (4, "AVX-512 instruction"),
    "06": (4, "invalid opcode 06"),
    # tgkill(getpid(), gettid(), SIGABRT)
    "b827000000 0f05 89c7 b8ba000000 0f05 89c6 ba06000000 b8ea000000 0f05 ebfe": (6, "raised by the program"),
}


@pytest.mark.parametrize(("code", "signal", "reason"), [(code, *wanted) for code, wanted in CASES.items()])
def test_faults(tiny: Callable[..., bytes], code: str, signal: int, reason: str) -> None:
    said: list[str] = []
    with Machine(tiny(code), ["./guest"], say=said.append) as machine:
        status = machine.run()
        assert (status.code, status.signal) == (None, signal)
        assert machine.crash_report is not None
        assert said == [machine.crash_report.rstrip()]
    head, why, place, *rest = said[0].splitlines()
    assert head.startswith("emu: guest killed by SIG")
    assert head.endswith("in thread 1000 (guest)")
    assert reason in why
    assert place.startswith("  at 0x")
    sections = [line.strip() for line in rest if line[2] != " "]
    assert sections[:3] == ["registers", "code", "call chain"]


def test_the_report_shows_the_calls_before(tiny: Callable[..., bytes]) -> None:
    # getpid(); close(99); ud2
    code = "b827000000 0f05 bf63000000 b803000000 0f05 0f0b"
    with Machine(tiny(code), say=lambda text: None) as machine:
        machine.run()
        assert machine.crash_report is not None
        lines = [line.strip() for line in machine.crash_report.splitlines()]
    assert lines[-2:] == ["getpid() = 1000", "close(99) = -1 EBADF"]


def test_the_state_can_be_looked_at_afterwards(tiny: Callable[..., bytes]) -> None:
    code = "6a2a 0f0b"  # push 42; ud2
    with Machine(tiny(code), say=lambda text: None) as machine:
        machine.run()
        registers = machine.cpu.registers()
        assert machine.memory.u64(registers["rsp"]) == 42
        assert registers["rip"] == 0x40007A
    assert machine.cpu["rsp"] == registers["rsp"]  # even when the machine is gone
    with pytest.raises(OSError, match="Bad address"):
        machine.memory.u64(registers["rsp"])
    machine.close()


def test_recursion_is_told_in_few_lines(tiny: Callable[..., bytes]) -> None:
    # f: push rbp; mov rbp, rsp; call f
    with Machine(tiny("55 4889e5 e8f7ffffff"), say=lambda text: None) as machine:
        machine.run()
        assert machine.crash_report is not None
        report = machine.crash_report
    assert "stack overflow" in report
    assert "times)" in report
    assert len(report.splitlines()) < 40
