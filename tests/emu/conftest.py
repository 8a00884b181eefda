"""Guests of a few bytes of machine code, and processors to run them on, for the tests of the bench's core."""

import struct
from collections.abc import Callable, Iterator

import pytest

from emu.context import Context
from emu.cpu import Cpu, Stop
from emu.memory import AddressSpace
from syscalls.flags import Map, Prot

CODE = 0x401000
DATA = 0x500000
FIXED = Map.MAP_PRIVATE | Map.MAP_ANONYMOUS | Map.MAP_FIXED


class Board:
    """A processor with its memory: code at CODE, two writable pages at DATA."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []
        self.answer: Callable[..., int | None] = lambda *registers: 0
        self.cpu = Cpu(self._serve)
        self.memory = AddressSpace(self.cpu)
        self.memory.map(DATA, 0x2000, Prot.PROT_READ | Prot.PROT_WRITE, FIXED)

    def _serve(self, *registers: int) -> int | None:
        self.calls.append(registers)
        return self.answer(*registers)

    def put(self, code: str, at: int = CODE) -> None:
        """Maps the machine code, given in hexadecimal, at `at`."""
        data = bytes.fromhex(code)
        size = -(-len(data) // 4096) * 4096
        self.memory.map(at, size, Prot.PROT_READ | Prot.PROT_WRITE, FIXED)
        self.memory.write(at, data)
        self.memory.protect(at, size, Prot.PROT_READ | Prot.PROT_EXEC)

    def run(self, code: str, budget: int = 10_000, at: int = CODE, **registers: int) -> tuple[Stop, Context]:
        """Runs the code with these registers; rsp is at the end of the data, the rest is 0."""
        self.put(code, at)
        context = self.cpu.fresh.copy()
        context["rip"], context["rsp"] = at, DATA + 0x2000
        for name, value in registers.items():
            context[name] = value
        self.cpu.load(context)
        stop = self.cpu.run(budget)
        self.cpu.save(context)
        return stop, context

    def put_in(self, space: AddressSpace, code: str, at: int = CODE) -> None:
        """Maps the machine code, of at most a page, at `at` in another address space."""
        space.map(at, 0x1000, Prot.PROT_READ | Prot.PROT_WRITE, FIXED)
        space.write(at, bytes.fromhex(code))
        space.protect(at, 0x1000, Prot.PROT_READ | Prot.PROT_EXEC)

    def run_in(self, space: AddressSpace, at: int = CODE, **registers: int) -> tuple[Stop, Context]:
        """Runs what is at `at` in an address space with these registers, the rest being 0."""
        space.activate()
        context = self.cpu.fresh.copy()
        context["rip"] = at
        for name, value in registers.items():
            context[name] = value
        self.cpu.load(context)
        stop = self.cpu.run(10_000)
        self.cpu.save(context)
        return stop, context

    def close(self) -> None:
        self.cpu.close()
        self.memory.close()


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.close()


@pytest.fixture(scope="session")
def tiny() -> Callable[..., bytes]:
    """Makes an ELF of machine code in hexadecimal: one segment at 0x400000, readable and executable (`flags` PF_*)."""

    def make(code: str, data: bytes = b"", flags: int = 5) -> bytes:
        body = bytes.fromhex(code) + data
        header = struct.pack(
            "<16sHHIQQQIHHHHHH",
            b"\x7fELF\2\1\1", 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0,
        )  # fmt: skip
        segment = struct.pack(
            "<IIQQQQQQ", 1, flags, 0, 0x400000, 0x400000, 120 + len(body), 120 + len(body), 4096
        )
        return header + segment + body

    return make
