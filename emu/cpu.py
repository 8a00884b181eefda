"""The only door to Unicorn: one emulated x86_64 processor in user mode, its contexts, page table and stops.

The engine is driven through its C interface, not through its Python binding, whose import and hooks cost far more than
the engine itself. How it is used, and what was measured, is told in docs/engine-notes.md.
"""

import ctypes
import os
from array import array
from collections.abc import Callable
from enum import Enum
from importlib.machinery import PathFinder
from typing import Any, NamedTuple

from emu import alignment
from emu import cpu_native as native
from emu.context import WORD, Context
from emu.cpuid import cpuid
from emu.mirror import peek
from emu.pages import CHUNK, EXEC, PAGE, READ, USER_END, WRITE

_UC_ARCH_X86, _UC_MODE_64 = 4, 8
_UC_TLB_VIRTUAL = 1
_UC_CPU_MODEL = 35  # EPYC: the richest instruction set of those whose extras the engine really has
_HOOK_INTR, _HOOK_INSN, _HOOK_CODE, _HOOK_BLOCK, _HOOK_INVALID, _HOOK_TLB = 1, 2, 4, 8, 1 << 14, 1 << 17
_INS_SYSCALL, _INS_CPUID, _INS_RDTSC, _INS_RDTSCP, _INS_IN, _INS_OUT = 699, 113, 608, 609, 218, 500
_GENERAL_PROTECTION = 13
_LONGEST_INSTRUCTION = 15
_MOST_WATCHED = 512  # each watched instruction slows translation down a little
_ERR_OK, _ERR_INSN_INVALID, _ERR_EXCEPTION = 0, 10, 21
_MEM_READ, _MEM_WRITE, _MEM_FETCH = 16, 17, 18
_REG_RFLAGS, _REG_FPCW, _REG_FPTAG, _REG_MXCSR = 253, 246, 247, 249
_USER_CS, _USER_SS = 0x33, 0x2B  # arch/x86/include/asm/segment.h

_u64 = ctypes.c_uint64
_ptr = ctypes.c_void_p


class EngineError(Exception):
    """Unicorn could not be loaded, is another version than 2.1.4, or refused a call."""


class StopKind(Enum):
    """Why `Cpu.run` came back."""

    BUDGET = "the budget of blocks is used up"
    REQUEST = "stop() was called"
    MEMORY = "an access that the page table denies"
    INTERRUPT = "a processor exception or a software interrupt"
    INVALID = "an instruction that the engine does not know"
    MISALIGNED = "an operand of 16 bytes that is not aligned"


class Stop(NamedTuple):
    """`vector` is the interrupt number; `address` and `access` (READ, WRITE or EXEC) describe a denied access."""

    kind: StopKind
    vector: int = 0
    address: int = 0
    access: int = 0


class _Library:
    """libunicorn's functions with their prototypes. PyDLL keeps the interpreter lock: the hooks need it at once."""

    def __init__(self) -> None:
        # Found, not imported: importing the binding costs more than everything else at start-up.
        spec = PathFinder.find_spec("unicorn")
        if spec is None or not spec.submodule_search_locations:
            raise EngineError("the package unicorn is not installed: run `python3 tools/dev.py setup`")
        path = os.path.join(spec.submodule_search_locations[0], "lib", "libunicorn.so.2")
        try:
            library = ctypes.PyDLL(path)
        except OSError as error:
            raise EngineError(f"cannot load {path}: {error}") from None
        self.open = library.uc_open
        self.close = library.uc_close
        self.close.argtypes = [_ptr]
        self.ctl = library.uc_ctl
        self.reg_read = library.uc_reg_read
        self.reg_read.argtypes = [_ptr, ctypes.c_int, _ptr]
        self.reg_write = library.uc_reg_write
        self.reg_write.argtypes = [_ptr, ctypes.c_int, _ptr]
        self.start = library.uc_emu_start
        self.start.argtypes = [_ptr, _u64, _u64, _u64, ctypes.c_size_t]
        self.stop = library.uc_emu_stop
        self.stop.argtypes = [_ptr]
        self.map_ptr = library.uc_mem_map_ptr
        self.map_ptr.argtypes = [_ptr, _u64, _u64, ctypes.c_uint32, _ptr]
        self.hook_add = library.uc_hook_add
        self.hook_del = library.uc_hook_del
        self.hook_del.argtypes = [_ptr, ctypes.c_size_t]
        self.version = library.uc_version(None, None)


_library: _Library | None = None


def _engine_library() -> _Library:
    global _library
    if _library is None:
        _library = _Library()
        if _library.version != 0x020104FF:
            raise EngineError(f"unicorn 2.1.4 is needed, {_library.version:#x} was found")
    return _library


def _address_of(function: Any) -> int:
    return ctypes.cast(function, _ptr).value or 0


class Cpu:
    """One processor. `on_syscall(number, a0, ..., a5)` answers system calls with the result, or with None when the
    handler has stored the result itself or has switched to another context.

    `tsc()` is the value of the time stamp counter. Not for use by two host threads at a time.
    """

    def __init__(self, on_syscall: Callable[..., int | None], tsc: Callable[[], int] = lambda: 0) -> None:
        library = self._library = _engine_library()
        handle = _ptr()
        self._check(library.open(_UC_ARCH_X86, _UC_MODE_64, ctypes.byref(handle)), "uc_open")
        self._engine = handle
        self._ctl(native.CTL_CPU_MODEL, _UC_CPU_MODEL)
        self._ctl(native.CTL_TLB_TYPE, _UC_TLB_VIRTUAL)
        self._ctl(
            native.CTL_USE_EXITS, 1
        )  # several exits, of which there are none: `until` of uc_emu_start means nothing
        self._env = self._find_state()
        state = (ctypes.c_char * native.STATE_BYTES).from_address(self._env)
        self._words = memoryview(state).cast("B").cast("Q")
        self._halves = memoryview(state).cast("B").cast("i")
        self._saved = self._words[: native.CONTEXT_WORDS]
        self._cells = array("Q", bytes(native.CELLS * 8))
        self._keep: list[Any] = []
        self._tsc = tsc
        self._interrupt = -1
        self._invalid = False
        self._requested = False
        self._watched: dict[int, tuple[int, bytes]] = {}
        self._misaligned: int | None = None
        self._port: tuple[int, int] | None = None  # rip and rax before a refused port instruction
        cells = self._cells.buffer_info()[0]
        api = ctypes.pythonapi
        self._page, stubs = native.assemble(
            env=self._env,
            engine=handle.value or 0,
            cells=cells,
            uc_reg_read=_address_of(library.reg_read),
            uc_emu_stop=_address_of(library.stop),
            from_u64=_address_of(api.PyLong_FromUnsignedLongLong),
            as_u64=_address_of(api.PyLong_AsUnsignedLongLongMask),
            vectorcall=_address_of(api.PyObject_Vectorcall),
            decref=_address_of(api.Py_DecRef),
            none=id(None),
        )
        self.on_syscall = on_syscall
        self._hook(_HOOK_INSN, stubs["syscall"], _INS_SYSCALL)
        self._hook(_HOOK_BLOCK, stubs["block"])
        self._hook(_HOOK_TLB, stubs["tlb"])
        self._python_hook(_HOOK_INTR, self._on_interrupt, None, ctypes.c_uint32)
        self._python_hook(_HOOK_INVALID, self._on_invalid, ctypes.c_bool)
        self._python_hook(_HOOK_INSN, self._on_cpuid, ctypes.c_int, instruction=_INS_CPUID)
        self._python_hook(_HOOK_INSN, self._on_rdtsc, ctypes.c_int, instruction=_INS_RDTSC)
        self._python_hook(_HOOK_INSN, self._on_rdtscp, ctypes.c_int, instruction=_INS_RDTSCP)
        port = (ctypes.c_uint32, ctypes.c_int)
        self._python_hook(_HOOK_INSN, self._on_port, ctypes.c_uint32, *port, instruction=_INS_IN)
        self._python_hook(_HOOK_INSN, self._on_port, None, *port, ctypes.c_uint32, instruction=_INS_OUT)
        self._enter_user_mode()
        self.fresh = Context(self._saved.cast("B"))
        """The context of a new process: all registers 0."""
        self._idle = self.fresh.copy()
        self._cells[native.RING] = self._idle.ring_address

    # Set-up

    def _check(self, error: int, what: str) -> None:
        if error != _ERR_OK:
            raise EngineError(f"unicorn: {what} failed with error {error}")

    def _ctl(self, number: int, *values: int) -> None:
        command = ctypes.c_uint(number | len(values) << 26 | 1 << 30)
        arguments = [_u64(value) for value in values]
        self._check(self._library.ctl(self._engine, command, *arguments), f"uc_ctl {number}")

    def _hook(self, kind: int, address: int, instruction: int = 0, at: int | None = None) -> int:
        handle = ctypes.c_size_t()
        self._check(
            self._library.hook_add(
                self._engine,
                ctypes.byref(handle),
                ctypes.c_int(kind),
                _ptr(address),
                _ptr(0),
                _u64(1 if at is None else at),  # begin above end: everywhere
                _u64(at or 0),
                ctypes.c_int(instruction),
            ),
            f"uc_hook_add {kind}",
        )
        return handle.value

    def _python_hook(
        self, kind: int, function: Callable[..., Any], result: Any, *arguments: Any, instruction: int = 0
    ) -> None:
        callback = ctypes.PYFUNCTYPE(result, _ptr, *arguments, _ptr)(function)
        self._keep.append(callback)
        self._hook(kind, _address_of(callback), instruction)

    def _find_state(self) -> int:
        """The address of the CPUX86State, after a proof that the private layout is the known one."""
        engine = self._engine.value or 0
        mark = 0x1122334455667700
        for index, name in enumerate(native.REGISTERS):
            value = _u64(mark + index)
            register = native.UC_REGISTERS[name]
            self._check(self._library.reg_write(self._engine, register, ctypes.byref(value)), "uc_reg_write")
        cpu = peek(engine + native.UC_CPU, 8)
        state = int.from_bytes(cpu, "little") + native.CPU_ENV
        found = peek(state, 128)
        if found != b"".join((mark + index).to_bytes(8, "little") for index in range(16)):
            raise EngineError("the layout of this libunicorn is not that of 2.1.4")
        return state

    def _enter_user_mode(self) -> None:
        for register, value in ((_REG_FPCW, 0x37F), (_REG_FPTAG, 0xFFFF), (_REG_MXCSR, 0x1F80)):
            word = _u64(value)
            self._check(self._library.reg_write(self._engine, register, ctypes.byref(word)), "uc_reg_write")
        words = self._words
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
        self._library.stop(self._engine)

    def _on_invalid(self, _engine: int, _data: int) -> bool:
        self._invalid = True
        return False

    def _on_port(self, _engine: int, _port: int, _size: int, *_rest: int) -> int:
        # The engine lets everybody use the ports; the processor raises #GP at this privilege level.
        if self._interrupt < 0:
            self._port = (self._words[native.RIP], self._words[0])
        self._on_interrupt(_engine, _GENERAL_PROTECTION, 0)
        return 0

    def _on_cpuid(self, _engine: int, _data: int) -> int:
        words = self._words
        values = cpuid(words[0] & 0xFFFFFFFF, words[1] & 0xFFFFFFFF)
        words[0], words[3], words[1], words[2] = values  # rax, rbx, rcx, rdx
        return 1

    def _on_rdtsc(self, _engine: int, _data: int) -> int:
        counter = self._tsc() & 0xFFFFFFFFFFFFFFFF
        self._words[0] = counter & 0xFFFFFFFF
        self._words[2] = counter >> 32
        return 1

    def _on_rdtscp(self, _engine: int, _data: int) -> int:
        self._words[1] = 0  # the processor's number, as Linux sets TSC_AUX
        return self._on_rdtsc(_engine, _data)

    # Memory

    def use_pages(self, directory_address: int) -> None:
        """Makes this page table (emu.pages) the current one."""
        self._cells[native.DIRECTORY] = directory_address
        self.flush_pages()

    def add_chunk(self, address: int, host_address: int) -> None:
        """Backs the TiB at `address` (aligned to 1 TiB) by the host's memory at `host_address`, once and for ever."""
        size = CHUNK - (PAGE if address + CHUNK == USER_END else 0)
        self._check(self._library.map_ptr(self._engine, address, size, 7, host_address), "uc_mem_map_ptr")

    def flush_pages(self) -> None:
        """To be called after every change of the page table that takes rights away."""
        self._ctl(native.CTL_TLB_FLUSH)

    def flush_code(self, address: int, size: int) -> None:
        """Forgets the translation of code there, which the guest must still be allowed to execute: someone else than
        the guest has changed it, or is about to take it away.
        """
        self._ctl(native.CTL_TB_REMOVE_CACHE, address, address + size)

    def watch_alignment(self, address: int, code: bytes) -> None:
        """Checks the aligned moves in this code when each is executed for the first time (see emu.alignment).

        A stack that is misaligned shows at once; checking every time would cost more than it finds.
        """
        found = list(alignment.candidates(code))
        if len(found) > _MOST_WATCHED:
            found = [offset for offset in found if alignment.on_stack(code, offset)][:_MOST_WATCHED]
        if not found:
            return
        callback = ctypes.PYFUNCTYPE(None, _ptr, _u64, ctypes.c_uint32, _ptr)(self._on_aligned_move)
        self._keep.append(callback)
        for offset in found:
            handle = self._hook(_HOOK_CODE, _address_of(callback), at=address + offset)
            self._watched[address + offset] = (handle, code[offset : offset + _LONGEST_INSTRUCTION])

    def _on_aligned_move(self, _engine: int, pc: int, _size: int, _data: int) -> None:
        watched = self._watched.get(pc)
        if watched is None:
            return  # seen before; the hook goes when the run ends
        handle, code = watched
        operand = alignment.effective_address(code, pc, self.__getitem__)
        if operand % alignment.ALIGNMENT:
            self._misaligned = operand
            self._library.stop(self._engine)
        else:
            del self._watched[pc]
            self._library.hook_del(self._engine, handle)

    # Running

    def run(self, budget: int) -> Stop:
        """Runs the current context for at most `budget` blocks; raises what `on_syscall` raised."""
        cells = self._cells
        cells[native.BUDGET] = budget
        self._interrupt = -1
        self._invalid = self._requested = False
        self._misaligned = None
        error = self._library.start(self._engine, self._words[native.RIP], 0, 0, 0)
        if self._interrupt >= 0:
            self._halves[native.OLD_EXCEPTION] = -1  # or the next exception is a double fault
            if self._port is not None:
                self._words[native.RIP], self._words[0] = self._port
                self._port = None
            return Stop(StopKind.INTERRUPT, vector=self._interrupt)
        if self._misaligned is not None:
            return Stop(StopKind.MISALIGNED, address=self._misaligned)
        if error == _ERR_INSN_INVALID or self._invalid:
            return Stop(StopKind.INVALID)
        if error == _ERR_EXCEPTION:
            stop = self._denied()
            if stop.access == EXEC and (stop.address ^ self.pc) >> 12:
                return self._walk_to(stop)
            return stop
        self._check(error, "uc_emu_start")
        return Stop(StopKind.REQUEST if self._requested else StopKind.BUDGET)

    def _denied(self) -> Stop:
        access = {_MEM_READ: READ, _MEM_WRITE: WRITE, _MEM_FETCH: EXEC}[self._cells[native.FAULT_ACCESS]]
        address = native.invalid_address(self._engine.value or 0)
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
            error = self._library.start(self._engine, self.pc, 0, 0, 0)
            again = self._denied() if error == _ERR_EXCEPTION else stop
            if self.pc == exit_at or again.access != EXEC:
                stop = again
                break
        self._set_exits()
        return stop

    def _set_exits(self, *addresses: int) -> None:
        exits = (_u64 * max(len(addresses), 1))(*addresses)
        self._ctl(native.CTL_EXITS, ctypes.addressof(exits), len(addresses))

    def stop(self) -> None:
        """Ends `run` after the current instruction; for use in `on_syscall`."""
        self._requested = True
        self._library.stop(self._engine)

    def refill(self, budget: int) -> None:
        """Sets how many blocks the current context may still run; for use when contexts are switched in `on_syscall`."""
        self._cells[native.BUDGET] = budget

    @property
    def budget_address(self) -> int:
        """The host address of the budget: whoever stores 0 there ends the run at the next block."""
        return self._cells.buffer_info()[0] + native.BUDGET * 8

    @property
    def budget(self) -> int:
        """How many blocks are left of it; 0 when it is used up."""
        left = self._cells[native.BUDGET]
        return left if left < 1 << 63 else 0

    def __getitem__(self, register: str) -> int:
        return int(self._words[WORD[register]])

    def __setitem__(self, register: str, value: int) -> None:
        self._words[WORD[register]] = value & 0xFFFFFFFFFFFFFFFF

    @property
    def pc(self) -> int:
        """The address of the next instruction (in `on_syscall`: behind the SYSCALL)."""
        return int(self._words[native.RIP])

    @property
    def eflags(self) -> int:
        """The whole flags register."""
        word = _u64()
        self._check(self._library.reg_read(self._engine, _REG_RFLAGS, ctypes.byref(word)), "uc_reg_read")
        return word.value

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
        """Frees the engine. The host memory behind its chunks may go afterwards."""
        if self._engine:
            self._library.close(self._engine)
            self._engine = _ptr()
