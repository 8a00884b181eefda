"""Call chains of programs without frame pointers: by their call frame information, natively compiled by gcc."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from emu import Machine
from emu.unwind import Unwinder

SOURCE = """
static long sys(long n, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
__attribute__((noinline)) long leaf(const char *s, long n) {
  volatile char pad[200];
  pad[n] = 1;
  return sys(1, 1, (long)s, n) + pad[n];
}
__attribute__((noinline)) long middle(const char *s, long n) { long a = leaf(s, n); return a * 3 + leaf(s, n / 2); }
__attribute__((noinline)) long outer(long k) {
  long x = 0;
  for (long i = 0; i < k; i++) x += middle("hello\\n", 6);
  return x;
}
__attribute__((noinline)) long crash(long *p) { return *p + outer(1); }
void _start(void) { sys(60, crash((long *)outer(2)), 0, 0); }
"""
FLAGS = [
    "-fomit-frame-pointer",
    "-fno-asynchronous-unwind-tables -fno-omit-frame-pointer",
    "-static-pie -fPIE",
]

needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")


@needs_gcc
@pytest.mark.parametrize("flags", FLAGS)
def test_the_call_chain_of_a_call_and_of_a_crash(tmp_path: Path, flags: str) -> None:
    (tmp_path / "chain.c").write_text(SOURCE)
    command = ["gcc", "-O2", "-g", "-static", "-nostdlib", *flags.split(), "-o", "chain", "chain.c"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        with Machine(
            str(tmp_path / "chain"), trace=True, stacks=True, stdout=null, say=lambda text: None
        ) as machine:
            assert machine.run().signal == 11
            stacks = [record["stack"] for record in machine.trace if "stack" in record]
            report = machine.crash_report or ""
    finally:
        os.close(null)
    assert len(stacks) == 4
    for stack in stacks:
        assert [frame["function"] for frame in stack] == ["sys", "leaf", "middle", "outer", "_start"]
        assert all(frame["file"].endswith("chain.c") for frame in stack)
    chain = report.split("call chain")[1].split("memory around")[0].strip().splitlines()
    assert [line.split()[2].partition("+")[0] for line in chain] == ["crash", "_start"]


def test_what_is_no_elf_has_no_rules() -> None:
    assert Unwinder(b"")(0x401000) is None
    assert Unwinder(b"\x7fELF" + bytes(200))(0x401000) is None


@needs_gcc
def test_damaged_tables_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "chain.c").write_text(SOURCE)
    subprocess.run(
        ["gcc", "-O2", "-static", "-nostdlib", "-o", "chain", "chain.c"], cwd=tmp_path, check=True, timeout=60
    )
    elf = (tmp_path / "chain").read_bytes()
    assert any(Unwinder(elf)(pc) for pc in range(0x401000, 0x401100))
    for at in range(0, len(elf), 7):
        for value in (0, 0xFF):
            damaged = elf[:at] + bytes([value]) + elf[at + 1 :]
            Unwinder(damaged)(0x401040)
