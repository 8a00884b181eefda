"""One emulated x86_64 processor in user mode: registers and contexts, page table, budget, and why it stops."""

import ctypes
from array import array
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from emu import bus_error, fpu
from emu import cpu_native as native
from emu import engine as api
from emu.chunks import ChunkPool
from emu.context import WORD, Context
from emu.cpuid import cpuid
from emu.engine import Engine, address_of
from emu.pages import EXEC, PAGE, READ, WRITE, PageTable, Space

_BREAKPOINT, _OVERFLOW, _INVALID_OPCODE, _GENERAL_PROTECTION, _X87_ERROR = 3, 4, 6, 13, 16
_CR0_NE = 1 << 5  # errors of the x87 are exceptions
_IN_TABLE = 2  # of an error code: the index is one of the interrupt table
_INT_BYTES = 2
_LONGEST_INSTRUCTION = 15
_USER_CS, _USER_SS = 0x33, 0x2B  # arch/x86/include/asm/segment.h

_NEW_FPU = (0x37F).to_bytes(24, "little") + (0x1F80).to_bytes(488, "little")

_u64 = ctypes.c_uint64


class StopKind(Enum):
    """Why `Cpu.run` came back."""

    BUDGET = "the budget of blocks is used up"
    REQUEST = "stop() was called"
    MEMORY = "an access that the page table denies"
    INTERRUPT = "a processor exception or a software interrupt"
    INVALID = "an instruction that the engine does not know"
    MISALIGNED = "an operand of 16 bytes that is not aligned"


class Stop(NamedTuple):
    """`vector` is the interrupt number, `error` its error code (of the x87: the exceptions that are unmasked); `address` and `access` (READ, WRITE or EXEC) describe a denied access."""

    kind: StopKind
    vector: int = 0
    address: int = 0
    access: int = 0
    error: int = 0


class Cpu:
    """One processor. `on_syscall(number, a0, ..., a5)` answers system calls with the result, or with None when the
    handler has stored the result itself or has switched to another context.

    `tsc()` is the value of the time stamp counter. Not for use by two host threads at a time.
    """

    def __init__(self, on_syscall: Callable[..., int | None], tsc: Callable[[], int] = lambda: 0) -> None:
        engine = self._engine = Engine()
        state = (ctypes.c_char * native.STATE_BYTES).from_address(engine.state)
        self.words: memoryview = memoryview(state).cast("B").cast("Q")
        """The engine's live registers, in the order of `emu.context.WORD`."""
        self._halves = memoryview(state).cast("B").cast("i")
        self._saved = self.words[: native.CONTEXT_WORDS]
        self._cells = array("Q", bytes(native.CELLS * 8))
        self._tsc = tsc
        self._interrupt = -1
        self._invalid = False
        self._requested = False
        self._port: tuple[int, int] | None = None  # rip and rax before a refused port instruction
        cells = self._cells.buffer_info()[0]
        self._no_pages = PageTable()
        self.space: Space | None = None
        """The address space in use."""
        self.chunks = ChunkPool(engine.map, self._guard, bus_error.release)
        """What address spaces on this CPU are made of."""
        python = ctypes.pythonapi
        self._page, stubs = native.assemble(
            env=engine.state,
            engine=engine.address,
            cells=cells,
            uc_reg_read=engine.reg_read_address,
            uc_emu_stop=engine.stop_address,
            from_u64=address_of(python.PyLong_FromUnsignedLongLong),
            as_u64=address_of(python.PyLong_AsUnsignedLongLongMask),
            vectorcall=address_of(python.PyObject_Vectorcall),
            decref=address_of(python.Py_DecRef),
            none=id(None),
        )
        self.on_syscall = on_syscall
        engine.hook(api.HOOK_INSN, stubs["syscall"], api.INS_SYSCALL)
        engine.hook(api.HOOK_BLOCK, stubs["block"])
        engine.hook(api.HOOK_TLB, stubs["tlb"])
        engine.python_hook(api.HOOK_INTR, self._on_interrupt, None, ctypes.c_uint32)
        engine.python_hook(api.HOOK_INVALID, self._on_invalid, ctypes.c_bool)
        engine.python_hook(api.HOOK_INSN, self._on_cpuid, ctypes.c_int, instruction=api.INS_CPUID)
        engine.python_hook(api.HOOK_INSN, self._on_rdtsc, ctypes.c_int, instruction=api.INS_RDTSC)
        engine.python_hook(api.HOOK_INSN, self._on_rdtscp, ctypes.c_int, instruction=api.INS_RDTSCP)
        port = (ctypes.c_uint32, ctypes.c_int)
        engine.python_hook(api.HOOK_INSN, self._on_port, ctypes.c_uint32, *port, instruction=api.INS_IN)
        engine.python_hook(
            api.HOOK_INSN, self._on_port, None, *port, ctypes.c_uint32, instruction=api.INS_OUT
        )
        self._enter_user_mode()
        self.fresh = Context(self._saved.cast("B"))
        """The context of a new process: all registers 0."""
        self._idle = self.fresh.copy()
        self._cells[native.RING] = self._idle.ring_address

    # Set-up

    def _enter_user_mode(self) -> None:
        for register, value in ((api.REG_FPCW, 0x37F), (api.REG_FPTAG, 0xFFFF), (api.REG_MXCSR, 0x1F80)):
            self._engine.write(register, value)
        words = self.words
        self._engine.write(api.REG_CR0, self._engine.read(api.REG_CR0) | _CR0_NE)
        words[:16] = memoryview(bytes(128)).cast("Q")
        words[native.EFLAGS] = 0x202
        words[native.HFLAGS_BYTES // 8] |= 3  # current privilege level 3
        for name, selector in (("cs", _USER_CS), ("ss", _USER_SS)):
            words[(native.SEGMENT_BYTES + native.SEGMENTS.index(name) * 24) // 8] = selector

    @property
    def on_syscall(self) -> Callable[..., int | None]:
        """Called as on_syscall(number, a0, ..., a5), all unsigned 64-bit."""
        return self._on_syscall

    @on_syscall.setter
    def on_syscall(self, function: Callable[..., int | None]) -> None:
        self._on_syscall = function
        self._cells[native.CALLBACK] = id(function)

    # Hooks for what is rare

    def _on_interrupt(self, _engine: int, vector: int, _data: int) -> None:
        self._interrupt = vector
        self._engine.stop()

    def _on_invalid(self, _engine: int, _data: int) -> bool:
        self._invalid = True
        return False

    def _on_port(self, _engine: int, _port: int, _size: int, *_rest: int) -> int:
        # The engine lets everybody use the ports; the processor raises #GP at this privilege level.
        if self._interrupt < 0:
            self._port = (self.words[native.RIP], self.words[0])
        self._on_interrupt(_engine, _GENERAL_PROTECTION, 0)
        return 0

    def _on_cpuid(self, _engine: int, _data: int) -> int:
        words = self.words
        values = cpuid(words[0] & 0xFFFFFFFF, words[1] & 0xFFFFFFFF)
        words[0], words[3], words[1], words[2] = values  # rax, rbx, rcx, rdx
        return 1

    def _on_rdtsc(self, _engine: int, _data: int) -> int:
        counter = self._tsc() & 0xFFFFFFFFFFFFFFFF
        self.words[0] = counter & 0xFFFFFFFF
        self.words[2] = counter >> 32
        return 1

    def _on_rdtscp(self, _engine: int, _data: int) -> int:
        self.words[1] = 0  # the processor's number, as Linux sets TSC_AUX
        return self._on_rdtsc(_engine, _data)

    # Memory

    def use(self, space: Space | None) -> None:
        """Makes this address space the current one; None: no address can be accessed."""
        self.space = space
        pages = self._no_pages if space is None else space
        self._cells[native.DIRECTORY] = pages.directory_address
        self._engine.flush_tlb()

    def _guard(self, start: int, end: int) -> None:
        cells = self._cells.buffer_info()[0]
        bus_error.guard(start, end, cells + native.BUS_ERROR * 8, cells + native.BUDGET * 8)

    def take_bus_error(self) -> int:
        """The host address of a guest's memory that the host has refused since the last call (see emu.bus_error), 0 for none."""
        address, self._cells[native.BUS_ERROR] = self._cells[native.BUS_ERROR], 0
        return address

    def flush_pages(self) -> None:
        """To be called after every change of the page table that takes rights away."""
        self._engine.flush_tlb()

    def flush_code(self, address: int, size: int) -> None:
        """Forgets the translation of code there, which the guest must still be allowed to execute: someone else than
        the guest has changed it, or is about to take it away.
        """
        self._engine.ctl(api.CTL_TB_REMOVE_CACHE, address, address + size)

    # Running

    def run(self, budget: int) -> Stop:
        """Runs the current context for at most `budget` blocks; raises what `on_syscall` raised."""
        cells = self._cells
        if self.chunks.is_waiting:
            self._engine.ctl(api.CTL_TB_FLUSH)
            self.chunks.recycle()
        cells[native.BUDGET] = budget
        self._interrupt = -1
        self._invalid = self._requested = False
        error = self._engine.start(self.words[native.RIP])
        if self._interrupt >= 0:
            self._halves[native.OLD_EXCEPTION] = -1  # or the next exception is a double fault
            if self._port is not None:
                self.words[native.RIP], self.words[0] = self._port
                self._port = None
                self._halves[native.ERROR_CODE] = self._halves[native.IS_SOFTWARE] = 0
            if self._interrupt == _GENERAL_PROTECTION and (operand := self._engine.take_misaligned()):
                return Stop(StopKind.MISALIGNED, address=operand)
            return self._interrupted(self._interrupt)
        if error == api.ERR_INSN_INVALID or self._invalid:
            return self._interrupted(_INVALID_OPCODE)
        if error == api.ERR_EXCEPTION:
            stop = self._denied()
            if stop.access == EXEC and (stop.address ^ self.pc) >> 12:
                return self._walk_to(stop)
            return stop
        self._engine.check(error, "uc_emu_start")
        return Stop(StopKind.REQUEST if self._requested else StopKind.BUDGET)

    def _interrupted(self, vector: int) -> Stop:
        software, self._halves[native.IS_SOFTWARE] = self._halves[native.IS_SOFTWARE], 0
        if software and vector not in (_BREAKPOINT, _OVERFLOW):
            # INT n: of the interrupt table's gates users may use these two only. The engine asks nobody, and is past it.
            if vector != _INVALID_OPCODE:
                self.words[native.RIP] -= _INT_BYTES
            return Stop(StopKind.INTERRUPT, vector=_GENERAL_PROTECTION, error=vector << 3 | _IN_TABLE)
        if vector == _INVALID_OPCODE:
            return Stop(StopKind.INVALID)
        if vector == _X87_ERROR:
            return Stop(StopKind.INTERRUPT, vector=vector, error=fpu.unmasked(self._engine))
        error = self._halves[native.ERROR_CODE] & 0xFFFF if vector == _GENERAL_PROTECTION else 0
        return Stop(StopKind.INTERRUPT, vector=vector, error=error)

    def _denied(self) -> Stop:
        access = {api.MEM_READ: READ, api.MEM_WRITE: WRITE, api.MEM_FETCH: EXEC}[
            self._cells[native.FAULT_ACCESS]
        ]
        address = self._engine.invalid_address()
        return Stop(StopKind.MEMORY, address=address, access=access)

    def _walk_to(self, stop: Stop) -> Stop:
        """Executes what precedes a page that may not be executed.

        The engine refuses a block that runs on into such a page as a whole, though its first instructions can be
        executed. An exit makes a block end; only the last instruction before the page can take it without reading on.
        """
        border = stop.address & -PAGE
        for exit_at in range(border, border - _LONGEST_INSTRUCTION, -1):
            self._set_exits(exit_at)
            self._cells[native.BUDGET] = PAGE
            error = self._engine.start(self.pc)
            again = self._denied() if error == api.ERR_EXCEPTION else stop
            if self.pc == exit_at or again.access != EXEC:
                stop = again
                break
        self._set_exits()
        return stop

    def _set_exits(self, *addresses: int) -> None:
        exits = (_u64 * max(len(addresses), 1))(*addresses)
        self._engine.ctl(api.CTL_EXITS, ctypes.addressof(exits), len(addresses))

    def stop(self) -> None:
        """Ends `run` after the current instruction; for use in `on_syscall`."""
        self._requested = True
        self._engine.stop()

    def refill(self, budget: int) -> None:
        """Sets how many blocks the current context may still run; for use when contexts are switched in `on_syscall`."""
        self._cells[native.BUDGET] = budget

    def exhaust(self) -> None:
        """Uses the budget up: the current context stops at its next block. For any host thread."""
        self._cells[native.BUDGET] = 0

    @property
    def budget(self) -> int:
        """How many blocks are left of it; 0 when it is used up."""
        left = self._cells[native.BUDGET]
        return left if left < 1 << 63 else 0

    def __getitem__(self, register: str) -> int:
        return int(self.words[WORD[register]])

    def __setitem__(self, register: str, value: int) -> None:
        self.words[WORD[register]] = value & 0xFFFFFFFFFFFFFFFF

    @property
    def pc(self) -> int:
        """The address of the next instruction (in `on_syscall`: behind the SYSCALL)."""
        return int(self.words[native.RIP])

    @property
    def eflags(self) -> int:
        """The whole flags register."""
        return self._engine.read(api.REG_RFLAGS) if self._engine.address else self.words[native.EFLAGS]

    @eflags.setter
    def eflags(self, value: int) -> None:
        self._engine.write(api.REG_RFLAGS, value)

    def save_fpu(self) -> bytes:
        """The floating-point and SSE state, as FXSAVE stores it; not while `run` runs."""
        return fpu.save(self._engine)

    def restore_fpu(self, image: bytes | None) -> bool:
        """Makes an FXSAVE image the current state (None: that of a new process); False when no processor takes it."""
        return fpu.restore(self._engine, _NEW_FPU if image is None else image)

    def registers(self) -> dict[str, int]:
        """All registers that a report shows, by name."""
        return {name: self[name] for name in WORD} | {"eflags": self.eflags}

    @property
    def calls(self) -> int:
        """How many system calls the guest has made."""
        return self._cells[native.CALLS]

    def load(self, context: Context) -> None:
        """Makes `context` the current one; what was current is lost unless it was saved."""
        self._saved[:] = context.words
        self._cells[native.RING] = context.ring_address

    def save(self, context: Context) -> None:
        """Stores the current registers in `context`."""
        context.words[:] = self._saved

    def close(self) -> None:
        """Frees the engine, whose last registers can still be read. The memory of address spaces stays until they are closed."""
        if self._engine.address:
            self.words = memoryview(bytearray(self.words)).cast("Q")
            self._saved = self.words[: native.CONTEXT_WORDS]
        self._engine.close()
        self.space = None
        self.chunks.finish()
