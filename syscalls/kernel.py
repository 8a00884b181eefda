"""The door to the host's kernel: raw system calls on host addresses, with the kernel's own results.

Python's `os` and `socket` translate arguments and errors; a bench that must answer exactly like Linux wants neither.
A stub of 24 bytes of machine code moves the C arguments into the system call registers (System V x86-64 ABI, A.2.1)
and returns what the kernel returned: a value, or -errno. The interpreter lock stays held, so only calls that cannot
block may pass here.
"""

import ctypes
import mmap
import platform
from collections.abc import Callable
from typing import cast

_CODE = bytes.fromhex(
    "4889f8"  # mov rax, rdi        number
    "4889f7"  # mov rdi, rsi        argument 0
    "4889d6"  # mov rsi, rdx        argument 1
    "4889ca"  # mov rdx, rcx        argument 2
    "4d89c2"  # mov r10, r8         argument 3
    "4d89c8"  # mov r8, r9          argument 4
    "4c8b4c2408"  # mov r9, [rsp+8]  argument 5
    "0f05"  # syscall
    "c3"  # ret
)

if platform.machine() != "x86_64" or platform.system() != "Linux":  # pragma: no cover
    raise ImportError("emu runs on x86_64 Linux hosts only")

_page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
_page.write(_CODE)
_address = ctypes.addressof(ctypes.c_char.from_buffer(_page))


def _entry(arguments: int) -> Callable[..., int]:
    # PYFUNCTYPE keeps the interpreter lock: releasing and taking it again costs more than most calls do.
    prototype = ctypes.PYFUNCTYPE(ctypes.c_int64, *([ctypes.c_uint64] * (arguments + 1)))
    return cast(Callable[..., int], prototype(_address))


call0 = _entry(0)
call1 = _entry(1)
call2 = _entry(2)
call3 = _entry(3)
call4 = _entry(4)
call5 = _entry(5)
call6 = _entry(6)
"""`callN(number, a0, ..., aN-1) -> int`: one host system call; pointers are host addresses; -errno on failure."""
