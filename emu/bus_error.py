"""Survives SIGBUS of the host on guest memory: a mapped file that has become shorter than its mapping.

The page table says what lies beyond the end of a file when it is mapped; nobody tells the bench when the file is cut
later. An access then reaches the host, whose kernel sends SIGBUS. The handler here, in machine code, puts a page of
zeros in the place, notes the address, and takes the budget of the CPU away, so that the guest stops at its next block
and gets the SIGBUS itself. A fault anywhere else goes where it would have gone without it.
"""

import ctypes
import mmap
import struct

from syscalls import kernel, numbers

_SIGBUS = 7
_SA_SIGINFO, _SA_RESTORER, _SA_ONSTACK, _SA_NODEFER = 4, 0x04000000, 0x08000000, 0x40000000
_SET_SIZE = 8
_ENTRY = 4  # words: start, end, where to note the address, what to set to 0
_ENTRIES = 4096

# handler(rdi: signal, rsi: siginfo_t *, rdx: ucontext_t *), see rt_sigaction(2)
_HANDLER = (
    "488b4610"  # mov rax,[rsi+0x10]
    "48ba{ranges}"  # movabs rdx,ranges
    # next:
    "488b0a"  # mov rcx,[rdx]
    "4885c9"  # test rcx,rcx
    "744f"  # je foreign
    "4839c8"  # cmp rax,rcx
    "7206"  # jb skip
    "483b4208"  # cmp rax,[rdx+0x8]
    "7206"  # jb found
    # skip:
    "4883c220"  # add rdx,0x20
    "ebe7"  # jmp next
    # found:
    "488b4a10"  # mov rcx,[rdx+0x10]
    "488901"  # mov [rcx],rax
    "488b4a18"  # mov rcx,[rdx+0x18]
    "48c70100000000"  # mov [rcx],0x0
    "4889c7"  # mov rdi,rax
    "4881e700f0ffff"  # and rdi,0xfffffffffffff000
    "be00100000"  # mov esi,0x1000
    "ba03000000"  # mov edx,0x3
    "41ba32000000"  # mov r10d,0x32
    "49c7c0ffffffff"  # mov r8,0xffffffffffffffff
    "4531c9"  # xor r9d,r9d
    "b809000000"  # mov eax,0x9
    "0f05"  # syscall
    "c3"  # ret
    # foreign:
    "bf07000000"  # mov edi,0x7
    "48be{default}"  # movabs rsi,default
    "31d2"  # xor edx,edx
    "41ba08000000"  # mov r10d,0x8
    "b80d000000"  # mov eax,0xd
    "0f05"  # syscall
    "c3"  # ret
)

_RESTORER = (
    "b80f000000"  # mov eax,0xf
    "0f05"  # syscall
)


class _Guard:
    """The handler of this process, its table of guarded ranges (ended by a zero), and the action that it replaced."""

    def __init__(self) -> None:
        self.table = (ctypes.c_uint64 * (_ENTRY * (_ENTRIES + 1)))()
        self.previous = (ctypes.c_uint64 * 4)()  # struct kernel_sigaction: handler, flags, restorer, mask
        words = {
            "ranges": struct.pack("<Q", ctypes.addressof(self.table)).hex(),
            "default": struct.pack("<Q", ctypes.addressof(self.previous)).hex(),
        }
        self.page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self.handler = ctypes.addressof(ctypes.c_char.from_buffer(self.page))
        self.page.write(bytes.fromhex(_HANDLER.format(**words)))
        restorer = self.handler + self.page.tell()
        self.page.write(bytes.fromhex(_RESTORER))
        flags = _SA_SIGINFO | _SA_RESTORER | _SA_ONSTACK | _SA_NODEFER
        self.action = (ctypes.c_uint64 * 4)(self.handler, flags, restorer, 0)

    def install(self) -> None:
        """Makes the handler the process's own, also when somebody has replaced it meanwhile."""
        present = (ctypes.c_uint64 * 4)()
        kernel.call4(numbers.rt_sigaction, _SIGBUS, 0, ctypes.addressof(present), _SET_SIZE)
        if present[0] != self.handler:
            ctypes.memmove(self.previous, present, ctypes.sizeof(present))
            kernel.call4(numbers.rt_sigaction, _SIGBUS, ctypes.addressof(self.action), 0, _SET_SIZE)


_guard: _Guard | None = None


def _the_guard() -> _Guard:
    global _guard
    if _guard is None:
        _guard = _Guard()
    return _guard


def install() -> None:
    """To be called when a file is mapped: from now on SIGBUS is survived in the ranges that are guarded."""
    _the_guard().install()


def guard(start: int, end: int, note_address: int, budget_address: int) -> None:
    """Guards the host addresses [start, end): on SIGBUS the address goes to `note_address`, 0 to `budget_address`.

    Raises MemoryError when too many ranges are guarded.
    """
    table = _the_guard().table
    for at in range(0, _ENTRY * _ENTRIES, _ENTRY):
        if table[at] == start:
            return
        if not table[at]:
            table[at + 1], table[at + 2], table[at + 3] = end, note_address, budget_address
            table[at] = start
            return
    raise MemoryError("too many guests in one process")


def release(start: int) -> None:
    """Ends the guard of the range that begins at `start`; without effect when there is none."""
    if _guard is None:
        return
    table = _guard.table
    found = last = -1
    for at in range(0, _ENTRY * _ENTRIES, _ENTRY):
        if not table[at]:
            break
        found = at if table[at] == start else found
        last = at
    if found >= 0:
        moved = [table[last + word] for word in range(_ENTRY)]
        table[last] = 0
        if found != last:
            for word, value in enumerate(moved):
                table[found + word] = value
