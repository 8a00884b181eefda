"""The report of a misaligned stack: by how much it is off, and where it went wrong."""

import shutil
import subprocess
from pathlib import Path

import pytest

from emu.call_chain import Frame
from emu.machine import ExitStatus, Machine
from emu.misaligned import explain

needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")

_COMMON = """
typedef int v4 __attribute__((vector_size(16)));
__attribute__((noinline)) void leaf(int k) { v4 v[4]; __asm__ volatile("" : "=m"(v)); v[k & 3] = (v4){k}; __asm__ volatile("" ::"m"(v)); }
__attribute__((used, noinline)) void middle(int k) { leaf(k); __asm__ volatile(""); }
static void leave(void) { __asm__ volatile("syscall" ::"a"(231), "D"(0)); }
"""
_AT_A_CALL = r"""
__attribute__((noinline)) void careless(int k) { __asm__ volatile("mov %0, %%edi; call middle" ::"r"(k) : "memory", "rdi"); }
int main(void) { middle(1); careless(2); leave(); return 0; }
__asm__(".globl _start\n_start: xor %ebp, %ebp\n call main\n");
"""
_AT_START = "void _start(void) { leaf(1); leave(); }"
_IN_A_THREAD = r"""
__attribute__((used, aligned(16))) static char stack[65536];
__attribute__((used)) void work(void) { leaf(1); __asm__ volatile("syscall" ::"a"(60), "D"(0)); }
__asm__(".globl _start\n_start: mov $56, %eax; mov $0x10f00, %edi; lea stack+65536(%rip), %rsi; xor %edx, %edx; xor %r10, %r10; syscall\n"
        "test %eax, %eax; jnz 1f; jmp work\n1: mov $34, %eax; syscall; jmp 1b\n");
"""


def report(tmp_path: Path, source: str, *options: str) -> list[str]:
    (tmp_path / "a.c").write_text(_COMMON + source)
    program = tmp_path / "program"
    subprocess.run(
        ["gcc", "-O1", "-static", "-nostdlib", *options, "-o", program, tmp_path / "a.c"], check=True
    )
    said: list[str] = []
    with Machine(str(program), [], say=said.append) as machine:
        assert machine.run() == ExitStatus(None, 11)
    assert subprocess.run([program], check=False).returncode == -11  # Linux agrees
    return said[-1].splitlines()


@needs_gcc
@pytest.mark.parametrize(
    "options", [(), ("-fno-omit-frame-pointer", "-fno-asynchronous-unwind-tables")], ids=["CFI", "rbp"]
)
def test_the_call_that_misaligned_it(tmp_path: Path, options: tuple[str, ...]) -> None:
    lines = report(tmp_path, _AT_A_CALL, *options)
    assert "misaligned operand at" in lines[1]
    assert "the stack is off by 8 since the call before" in lines[2]
    assert "(careless+" in lines[2]


@needs_gcc
def test_a_start_that_is_a_function(tmp_path: Path) -> None:
    lines = report(tmp_path, _AT_START)
    assert "the stack is off by 8 since _start" in lines[2]
    assert "the kernel enters _start with rsp a multiple of 16" in lines[2]


@needs_gcc
def test_a_thread_that_jumps_into_a_function(tmp_path: Path) -> None:
    lines = report(tmp_path, _IN_A_THREAD)
    assert "the stack is off by 8 since work" in lines[2]
    assert "a thread begins with the rsp that clone(2) was given" in lines[2]


def nothing(pc: int) -> str:
    return ""


def test_an_aligned_stack_is_not_accused() -> None:
    frames = [Frame(0x401000, 0x7FF0, 0x402000), Frame(0x402000, 0x8000, None)]
    assert "it is the pointer that is not" in explain(frames, False, nothing, True)
    assert "what it did to rsp or rbp since" in explain(frames, True, nothing, True)


def test_without_frames_there_is_little_to_say() -> None:
    assert explain([], False, nothing, True) == ""
    assert "_start" in explain([], True, nothing, True)
    assert "clone(2)" in explain([], True, nothing, False)
