"""Runs a guest's loop on plain Unicorn, without any hook but the one that ends it: the yardstick for CPU-bound code.

    python bench_unicorn.py ELF ARGUMENTS

Knows write(2) and exit_group(2), which is all that a CPU-bound guest needs; anything else is an error.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import os
import sys

from elftools.elf.elffile import ELFFile
from unicorn.unicorn import Uc
from unicorn.unicorn_const import UC_ARCH_X86, UC_HOOK_INSN, UC_MODE_64
from unicorn.x86_const import (
    UC_X86_INS_SYSCALL,
    UC_X86_REG_RAX,
    UC_X86_REG_RDI,
    UC_X86_REG_RDX,
    UC_X86_REG_RSI,
    UC_X86_REG_RSP,
)

PAGE = 4096
STACK_TOP = 0x7FFFFFFFF000
STACK_SIZE = 1 << 20
WRITE, EXIT, EXIT_GROUP = 1, 60, 231


def load(engine: Uc, path: str) -> int:
    """Maps the ELF's segments, each page with its own protection; returns the entry point.

    Stores into pages that are executable are several times slower in Unicorn: to map all of them in every way would
    be an unfair yardstick.
    """
    pages: dict[int, int] = {}
    with open(path, "rb") as file:
        elf = ELFFile(file)
        loads = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
        for segment in loads:
            low, high = segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"]
            flags = segment["p_flags"]  # of ELF: R 4, W 2, X 1; of Unicorn: R 1, W 2, X 4
            for page in range(low & -PAGE, high, PAGE):
                pages[page] = pages.get(page, 0) | flags >> 2 & 1 | flags & 2 | (flags & 1) << 2
        for page, rights in pages.items():
            engine.mem_map(page, PAGE, rights)
        for segment in loads:
            engine.mem_write(segment["p_vaddr"], segment.data())
        return int(elf["e_entry"])


def initial_stack(engine: Uc, arguments: list[str]) -> int:
    """argc, argv, an empty environment and an empty auxiliary vector; returns the stack pointer."""
    engine.mem_map(STACK_TOP - STACK_SIZE, STACK_SIZE, 3)
    at = STACK_TOP
    pointers = []
    for text in arguments:
        data = text.encode() + b"\0"
        at -= len(data)
        engine.mem_write(at, data)
        pointers.append(at)
    words = [len(arguments), *pointers, 0, 0, 0, 0]
    at = (at - 8 * len(words)) & -16
    engine.mem_write(at, b"".join(word.to_bytes(8, "little") for word in words))
    return at


def main() -> int:
    """Runs the guest and returns its exit status."""
    engine = Uc(UC_ARCH_X86, UC_MODE_64)
    entry = load(engine, sys.argv[1])
    engine.reg_write(UC_X86_REG_RSP, initial_stack(engine, sys.argv[1:]))
    ended: list[int] = []

    def on_syscall(engine: Uc, _: object) -> None:
        number = engine.reg_read(UC_X86_REG_RAX)
        if number == WRITE:
            fd, address, size = (
                engine.reg_read(register) for register in (UC_X86_REG_RDI, UC_X86_REG_RSI, UC_X86_REG_RDX)
            )
            engine.reg_write(UC_X86_REG_RAX, os.write(fd, engine.mem_read(address, size)))
            return
        ended.append(engine.reg_read(UC_X86_REG_RDI) & 255 if number in (EXIT, EXIT_GROUP) else 125)
        if ended[-1] == 125:
            print(f"bench_unicorn: system call {number} is not known here", file=sys.stderr)
        engine.emu_stop()

    engine.hook_add(UC_HOOK_INSN, on_syscall, None, 1, 0, UC_X86_INS_SYSCALL)
    engine.emu_start(entry, 0)
    return ended[0]


if __name__ == "__main__":
    sys.exit(main())
