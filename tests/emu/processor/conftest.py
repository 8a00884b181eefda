"""Cases of machine code that run on this machine's processor and on the emulated one, and what differs."""

import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

CASE = 1024
DONE = 0x401010
CASES_AT, SCRATCH, READ_ONLY, BEYOND_FILE, NO_ACCESS = (
    0x10000000,
    0x20000800,
    0x21000000,
    0x22000000,
    0x23000000,
)
CODE_THEN_NOTHING, CODE_THEN_DATA = 0x24000000, 0x25000000
REGISTERS = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
_CODE_AT, _MEMORY_AT = 648, 768
_RESULT = struct.Struct("<16Q9Q")  # registers, flags, then what the handler was told


class Result(NamedTuple):
    """What became of a case. `signal` is 0 when it went through; the rest up to `segments` is then 0, too."""

    fpu: bytes
    registers: dict[str, int]
    flags: int
    signal: int
    code: int
    address: int
    vector: int
    error: int
    pc: int
    cr2: int
    segments: int
    memory: bytes


def make_case(
    code: bytes,
    registers: dict[str, int] | None = None,
    *,
    fcw: int = 0x37F,
    mxcsr: int = 0x1F80,
    memory: bytes = b"",
    xmm: Sequence[bytes] = (),
    flags: int = 0x202,
) -> bytes:
    """One case; rdi points to its memory, rsp to a page of stack."""
    values = {name: index * 0x1010101 for index, name in enumerate(REGISTERS)}
    values |= {"rax": 0x1111, "rcx": 0x2222, "rsp": 0x20001800, "rdi": SCRATCH} | (registers or {})
    fpu = struct.pack("<HHBxHQQII", fcw, 0, 0, 0, 0, 0, mxcsr, 0xFFFF).ljust(160, b"\0") + b"".join(xmm)
    code += b"\xff\x25\0\0\0\0" + struct.pack("<Q", DONE)  # jmp [rip]
    assert len(code) <= _MEMORY_AT - _CODE_AT
    words = struct.pack("<17Q", *(values[name] & 0xFFFFFFFFFFFFFFFF for name in REGISTERS), flags)
    return (
        fpu.ljust(512, b"\0")
        + words
        + code.ljust(_MEMORY_AT - _CODE_AT, b"\x90")
        + memory.ljust(256, b"\xaa")
    )


def result(data: bytes) -> Result:
    """One answer of the probe."""
    values = _RESULT.unpack_from(data, 512)
    head = (data[:512], dict(zip(REGISTERS, values, strict=False)))
    return Result._make((*head, *values[16:25], data[_MEMORY_AT:]))


@pytest.fixture(scope="session")
def case() -> Callable[..., bytes]:
    """Makes a case: see `make_case`."""
    return make_case


@pytest.fixture(scope="session")
def both(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Sequence[bytes]], list[tuple[Result, Result]]]:
    """Runs cases on this machine and emulated: pairs of results."""
    if not shutil.which("gcc"):
        pytest.skip("needs gcc")
    probe = tmp_path_factory.mktemp("processor") / "probe"
    source = Path(__file__).with_name("probe.s")
    subprocess.run(
        ["gcc", "-nostdlib", "-static", "-Wl,-Ttext=0x401000", "-Wl,--build-id=none", "-o", probe, source],
        check=True,
    )

    def run(command: list[str], cases: Sequence[bytes]) -> list[Result]:
        done = subprocess.run(command, input=b"".join(cases), capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        assert len(done.stdout) == CASE * len(cases)
        return [result(done.stdout[at : at + CASE]) for at in range(0, len(done.stdout), CASE)]

    def run_both(cases: Sequence[bytes]) -> list[tuple[Result, Result]]:
        native = run([str(probe)], cases)
        emulated = run([sys.executable, "-m", "emu", "run", str(probe)], cases)
        return list(zip(native, emulated, strict=True))

    return run_both


@pytest.fixture(scope="session")
def assemble(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[str]], list[bytes]]:
    """Machine code from lines in Intel's syntax, all at one call."""
    folder = tmp_path_factory.mktemp("assembler")

    def run(lines: Sequence[str]) -> list[bytes]:
        labelled = "".join(
            f"S{number}: {line}\nT{number}:\n.pushsection .data\n.long T{number}-S{number}\n.popsection\n"
            for number, line in enumerate(lines)
        )
        (folder / "a.s").write_text(".intel_syntax noprefix\n" + labelled)
        subprocess.run(["as", "-o", "a.o", "a.s"], cwd=folder, check=True)
        parts = []
        for section in (".text", ".data"):
            subprocess.run(["objcopy", "-O", "binary", "-j", section, "a.o", "part"], cwd=folder, check=True)
            parts.append((folder / "part").read_bytes())
        code, sizes = parts
        found = []
        for (size,) in struct.iter_unpack("<I", sizes):
            found.append(code[:size])
            code = code[size:]
        return found

    return run
