"""The only door to Unicorn: loads it, and wraps the part of its C interface that the CPU is made of.

The engine is driven through its C interface, not through its Python binding, whose import and hooks cost far more than
the engine itself. How it is used, and what was measured, is told in docs/engine-notes.md.
"""

import ctypes
import os
from collections.abc import Callable
from functools import partial
from importlib.machinery import PathFinder
from typing import Any

from emu import cpu_native as native
from emu.mirror import peek
from emu.translation import Translation

ERR_OK, ERR_INSN_INVALID, ERR_EXCEPTION = 0, 10, 21
HOOK_INTR, HOOK_INSN, HOOK_CODE, HOOK_BLOCK, HOOK_INVALID, HOOK_TLB = 1, 2, 4, 8, 1 << 14, 1 << 17
INS_SYSCALL, INS_CPUID, INS_RDTSC, INS_RDTSCP, INS_IN, INS_OUT = 699, 113, 608, 609, 218, 500
MEM_READ, MEM_WRITE, MEM_FETCH = 16, 17, 18
REG_CR0, REG_RFLAGS, REG_FPCW, REG_FPTAG, REG_MXCSR = 50, 253, 246, 247, 249
CTL_USE_EXITS, CTL_EXITS, CTL_CPU_MODEL = 4, 6, 7
CTL_TB_REMOVE_CACHE, CTL_TB_FLUSH, CTL_TLB_FLUSH, CTL_TLB_TYPE = 9, 10, 11, 12

_VERSION = 0x020104FF
_ARCH_X86, _MODE_64 = 4, 8
_TLB_VIRTUAL = 1
_CPU_MODEL = 35  # EPYC: the richest instruction set of those whose extras the engine really has
_UC_REGISTERS = dict(
    zip(native.REGISTERS, (35, 38, 40, 37, 44, 36, 43, 39, *range(106, 114)), strict=True)
)  # UC_X86_REG_*

_u64 = ctypes.c_uint64
_ptr = ctypes.c_void_p


class EngineError(Exception):
    """Unicorn could not be loaded, is another version than 2.1.4, or refused a call."""


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
        if self.version != _VERSION:
            raise EngineError(f"unicorn 2.1.4 is needed, {self.version:#x} was found")
        try:
            self.translation = Translation(library)
        except LookupError as error:
            raise EngineError(f"the layout of this libunicorn is not that of 2.1.4: {error}") from None


_library: _Library | None = None


def _load() -> _Library:
    global _library
    if _library is None:
        _library = _Library()
    return _library


def address_of(function: Any) -> int:
    return ctypes.cast(function, _ptr).value or 0


class Engine:
    """One instance of Unicorn in 64-bit mode with a software TLB that a hook fills. `state` is where its CPUX86State is."""

    def __init__(self) -> None:
        library = self._library = _load()
        handle = _ptr()
        self.check(library.open(_ARCH_X86, _MODE_64, ctypes.byref(handle)), "uc_open")
        self._handle = handle
        self.address = handle.value or 0
        self.reg_read_address = address_of(library.reg_read)
        self.stop_address = address_of(library.stop)
        self._callbacks: dict[Any, Any] = {}
        self.ctl(CTL_CPU_MODEL, _CPU_MODEL)
        self.ctl(CTL_TLB_TYPE, _TLB_VIRTUAL)
        self.ctl(CTL_USE_EXITS, 1)  # of which there are none: `until` of uc_emu_start then means nothing
        self._flush_tlb = partial(library.ctl, handle, ctypes.c_uint(CTL_TLB_FLUSH | 1 << 30))
        self.state = self._find_state()

    def check(self, error: int, what: str) -> None:
        """Raises EngineError for any error of a call named `what`."""
        if error != ERR_OK:
            raise EngineError(f"unicorn: {what} failed with error {error}")

    def ctl(self, number: int, *values: int) -> None:
        """uc_ctl, the writing form; without effect on an instance that is freed."""
        if not self.address:
            return
        command = ctypes.c_uint(number | len(values) << 26 | 1 << 30)
        arguments = [_u64(value) for value in values]
        self.check(self._library.ctl(self._handle, command, *arguments), f"uc_ctl {number}")

    def flush_tlb(self) -> None:
        """Empties the software TLB, and the cache of jump targets with it; without effect on an instance that is freed."""
        if self.address:
            self.check(self._flush_tlb(), "uc_ctl TLB_FLUSH")

    def hook(self, kind: int, address: int, instruction: int = 0, at: int | None = None) -> int:
        """Adds a hook in machine code, everywhere or for the one address `at`; its handle, for `unhook`."""
        handle = ctypes.c_size_t()
        self.check(
            self._library.hook_add(
                self._handle,
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

    def unhook(self, handle: int) -> None:
        """Removes a hook, also from within it."""
        self._library.hook_del(self._handle, handle)

    def python_hook(
        self,
        kind: int,
        function: Callable[..., Any],
        result: Any,
        *arguments: Any,
        instruction: int = 0,
        at: int | None = None,
    ) -> int:
        """Adds a hook in Python: `function(engine, *arguments, data)` with these C types."""
        key = (function, result, arguments)
        callback = self._callbacks.get(key)
        if callback is None:
            callback = self._callbacks[key] = ctypes.PYFUNCTYPE(result, _ptr, *arguments, _ptr)(function)
        return self.hook(kind, address_of(callback), instruction, at)

    def _find_state(self) -> int:
        """The address of the CPUX86State, after a proof that the private layout is the known one."""
        mark = 0x1122334455667700
        for index, name in enumerate(native.REGISTERS):
            self.write(_UC_REGISTERS[name], mark + index)
        cpu = peek(self.address + native.UC_CPU, 8)
        state = int.from_bytes(cpu, "little") + native.CPU_ENV
        found = peek(state, 128)
        if found != b"".join((mark + index).to_bytes(8, "little") for index in range(16)):
            raise EngineError("the layout of this libunicorn is not that of 2.1.4")
        self._library.translation.correct(self.address)
        return state

    def read(self, register: int) -> int:
        """A register by Unicorn's number, up to 64 bits."""
        word = _u64()
        self.check(self._library.reg_read(self._handle, register, ctypes.byref(word)), "uc_reg_read")
        return word.value

    def write(self, register: int, value: int) -> None:
        """Sets a register by Unicorn's number, up to 64 bits."""
        self.check(self._library.reg_write(self._handle, register, ctypes.byref(_u64(value))), "uc_reg_write")

    def read_wide(self, register: int, size: int) -> bytes:
        """A register of more than 64 bits: `size` is 10 (ST) or 16 (XMM)."""
        buffer = ctypes.create_string_buffer(16)
        self.check(self._library.reg_read(self._handle, register, buffer), "uc_reg_read")
        return buffer.raw[:size]

    def write_wide(self, register: int, data: bytes) -> None:
        """Sets a register of more than 64 bits."""
        buffer = ctypes.create_string_buffer(data, 16)
        self.check(self._library.reg_write(self._handle, register, buffer), "uc_reg_write")

    def map(self, address: int, size: int, host_address: int) -> None:
        """Backs guest-physical memory by host memory."""
        self.check(self._library.map_ptr(self._handle, address, size, 7, host_address), "uc_mem_map_ptr")

    def start(self, pc: int) -> int:
        """Runs from `pc` until something stops it; Unicorn's error code. Raises what a hook in machine code left behind."""
        error: int = self._library.start(self._handle, pc, 0, 0, 0)
        return error

    def stop(self) -> None:
        """Ends `start` at the next opportunity."""
        if self.address:
            self._library.stop(self._handle)

    def invalid_address(self) -> int:
        """The exact address of the access that ended `start` with ERR_EXCEPTION."""
        return _u64.from_address(self.address + native.UC_INVALID_ADDRESS).value

    def take_misaligned(self) -> int:
        """The address of the misaligned operand that the last #GP was for (see emu.translation); 0 when it was for something else."""
        return self._library.translation.take()

    def close(self) -> None:
        """Frees the instance."""
        if self.address:
            self._library.close(self._handle)
            self.address = 0
