"""The door to the host's kernel: raw system calls on host addresses, with the kernel's own results.

Python's `os` and `socket` translate arguments and errors; a bench that must answer exactly like Linux wants neither.
A few bytes of machine code are made a built-in function of the interpreter (METH_FASTCALL): they take the integers out
of the arguments, make the call (System V x86-64 ABI, A.2.1) and return what the kernel returned: a value, or -errno.
Through ctypes the same costs three to five times as much, on a path that every call of a guest takes. The interpreter
lock stays held, so only calls that cannot block may pass here.
"""

import ctypes
import mmap
import platform
import struct
from collections.abc import Callable
from typing import Any, cast

_CODE = (
    "53"  # push rbx
    "4154"  # push r12
    "4155"  # push r13
    "4883ec40"  # sub rsp,0x40          seven words: the number and six arguments
    "4989f4"  # mov r12,rsi             the arguments
    "4989d5"  # mov r13,rdx             how many
    "31db"  # xor ebx,ebx
    "48891c24"  # mov [rsp],rbx         those that are not given are 0
    "48895c2408"  # mov [rsp+0x8],rbx
    "48895c2410"  # mov [rsp+0x10],rbx
    "48895c2418"  # mov [rsp+0x18],rbx
    "48895c2420"  # mov [rsp+0x20],rbx
    "48895c2428"  # mov [rsp+0x28],rbx
    "48895c2430"  # mov [rsp+0x30],rbx
    "4983fd07"  # cmp r13,0x7
    "7733"  # ja failed
    # next:
    "4c39eb"  # cmp rbx,r13
    "733a"  # jae ready
    "498b3cdc"  # mov rdi,[r12+rbx*8]
    "48b8{as_u64}"  # movabs rax,as_u64
    "ffd0"  # call rax
    "488904dc"  # mov [rsp+rbx*8],rax
    "48ffc3"  # inc rbx
    "4883f8ff"  # cmp rax,-1            a value, or the sign of an exception
    "75de"  # jne next
    "48b8{error_occurred}"  # movabs rax,error_occurred
    "ffd0"  # call rax
    "4885c0"  # test rax,rax
    "74cd"  # je next
    # failed:
    "31c0"  # xor eax,eax
    "4883c440"  # add rsp,0x40
    "415d"  # pop r13
    "415c"  # pop r12
    "5b"  # pop rbx
    "c3"  # ret
    # ready:
    "488b0424"  # mov rax,[rsp]
    "488b7c2408"  # mov rdi,[rsp+0x8]
    "488b742410"  # mov rsi,[rsp+0x10]
    "488b542418"  # mov rdx,[rsp+0x18]
    "4c8b542420"  # mov r10,[rsp+0x20]
    "4c8b442428"  # mov r8,[rsp+0x28]
    "4c8b4c2430"  # mov r9,[rsp+0x30]
    "0f05"  # syscall
    "4889c7"  # mov rdi,rax
    "4883c440"  # add rsp,0x40
    "415d"  # pop r13
    "415c"  # pop r12
    "5b"  # pop rbx
    "48b8{from_i64}"  # movabs rax,from_i64
    "ffe0"  # jmp rax
)
_METH_FASTCALL = 0x80

if platform.machine() != "x86_64" or platform.system() != "Linux":  # pragma: no cover
    raise ImportError("emu runs on x86_64 Linux hosts only")


class _MethodDef(ctypes.Structure):
    """PyMethodDef of the C API."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def _word(function: Any) -> str:
    return struct.pack("<Q", ctypes.cast(function, ctypes.c_void_p).value or 0).hex()


_api = ctypes.pythonapi
_page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
_page.write(
    bytes.fromhex(
        _CODE.format(
            as_u64=_word(_api.PyLong_AsUnsignedLongLongMask),
            error_occurred=_word(_api.PyErr_Occurred),
            from_i64=_word(_api.PyLong_FromLongLong),
        )
    )
)
# Both must live as long as the function does, which is as long as the interpreter.
_method = _MethodDef(b"call", ctypes.addressof(ctypes.c_char.from_buffer(_page)), _METH_FASTCALL, None)
_new_function = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
    ("PyCFunction_NewEx", _api)
)

call0 = call1 = call2 = call3 = call4 = call5 = call6 = cast(
    Callable[..., int], _new_function(ctypes.addressof(_method), None, None)
)
"""`callN(number, a0, ..., aN-1) -> int`: one host system call; pointers are host addresses; -errno on failure.

Arguments are integers, taken modulo 2^64; anything else is a TypeError.
"""
