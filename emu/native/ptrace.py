"""ptrace(2), waiting for tracees, and reading their memory: the C interfaces, by ctypes.

All of it is for x86_64, and per host thread: the kernel lets only the thread that attached do the rest.
"""

import ctypes
import errno
import os
import struct
from typing import NamedTuple

CONT = 7
KILL = 8
GETREGS = 12
SYSCALL = 24
GETEVENTMSG = 0x4201
GETSIGINFO = 0x4202
SEIZE = 0x4206
LISTEN = 0x4208
GET_SYSCALL_INFO = 0x420E

O_TRACESYSGOOD = 0x1
O_TRACEFORK = 0x2
O_TRACEVFORK = 0x4
O_TRACECLONE = 0x8
O_TRACEEXEC = 0x10
O_EXITKILL = 0x100000

EVENT_FORK = 1
EVENT_VFORK = 2
EVENT_CLONE = 3
EVENT_EXEC = 4
EVENT_STOP = 128

SYSCALL_STOP = 0x80
"""Set in the stop signal of a system call (PTRACE_O_TRACESYSGOOD)."""

INFO_ENTRY = 1
INFO_EXIT = 2

WALL = 0x40000000
WNOTHREAD = 0x20000000

_INFO = struct.Struct("<B3xIQQ7Q")
_REGISTERS = struct.Struct("<27Q")
_R10, _R9, _R8, _RAX, _RDX, _RSI, _RDI, _ORIG_RAX, _RIP, _RSP = 7, 8, 9, 10, 12, 13, 14, 15, 16, 19
_PAGE = 4096
_MOST_PAGES = 512

_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_ptrace.restype = ctypes.c_long
_process_vm_readv = _libc.process_vm_readv
_process_vm_readv.argtypes = (
    ctypes.c_long,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_ulong,
)
_process_vm_readv.restype = ctypes.c_ssize_t
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long

_PIDFD_OPEN = 434
_PIDFD_GETFD = 438


class SyscallStop(NamedTuple):
    """A stop at a system call. `number` and `args` are known at the entry, `result` at the exit (signed)."""

    entry: bool
    pc: int
    number: int
    args: tuple[int, int, int, int, int, int]
    result: int


_SENT = (0, -1, -6)  # SI_USER, SI_QUEUE, SI_TKILL
_SIGCHLD = 17


class Siginfo(NamedTuple):
    """The part of siginfo_t that a fault fills in, or a sender."""

    signal: int
    code: int
    address: int

    @property
    def sender(self) -> int:
        """si_pid, where the code says that there is one; else 0."""
        told = self.code in _SENT or (self.signal == _SIGCHLD and self.code > 0)
        return self.address & 0xFFFFFFFF if told else 0


def call(request: int, tid: int, address: int = 0, data: int = 0) -> int:
    """One ptrace request; raises OSError (ESRCH: the thread is gone, EPERM: not allowed)."""
    result = int(_ptrace(request, tid, address, data))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def event_message(tid: int) -> int:
    """What PTRACE_GETEVENTMSG tells: the new thread's tid at clone."""
    value = ctypes.c_ulong()
    call(GETEVENTMSG, tid, 0, ctypes.addressof(value))
    return value.value


def siginfo(tid: int) -> Siginfo:
    """What signal a thread is stopped for."""
    buffer = ctypes.create_string_buffer(128)
    call(GETSIGINFO, tid, 0, ctypes.addressof(buffer))
    number, _, code, _, address = struct.unpack_from("<iiiiQ", buffer.raw)
    return Siginfo(number, code, address)


class SyscallStops:
    """Reads system-call stops, by PTRACE_GET_SYSCALL_INFO (Linux 5.3) or from the registers."""

    def __init__(self, registers_only: bool = False) -> None:
        self._registers_only = registers_only
        self._inside: set[int] = set()
        self._buffer = ctypes.create_string_buffer(max(_INFO.size, _REGISTERS.size))
        self._address = ctypes.addressof(self._buffer)

    def read(self, tid: int) -> SyscallStop:
        """The stop that a thread is in."""
        if not self._registers_only:
            try:
                return self._info(tid)
            except OSError as error:
                if error.errno not in (errno.EIO, errno.EINVAL):
                    raise
                self._registers_only = True
        return self._registers(tid)

    def executed(self, tid: int) -> None:
        """A thread is at the end of its execve(2): the next stop is that call's exit."""
        self._inside.add(tid)

    def forget(self, tid: int) -> None:
        """The thread has ended, or begins anew."""
        self._inside.discard(tid)

    def _info(self, tid: int) -> SyscallStop:
        call(GET_SYSCALL_INFO, tid, _INFO.size, self._address)
        kind, _, pc, _, first, *rest = _INFO.unpack_from(self._buffer)
        if kind == INFO_ENTRY:
            self._inside.add(tid)
            return SyscallStop(True, pc, first, tuple(rest), 0)
        self._inside.discard(tid)
        return SyscallStop(False, pc, 0, (0,) * 6, _signed(first))

    def _registers(self, tid: int) -> SyscallStop:
        """Without the kernel's word for it, entries and exits alternate."""
        call(GETREGS, tid, 0, self._address)
        values = _REGISTERS.unpack_from(self._buffer)
        if tid in self._inside:
            self._inside.discard(tid)
            return SyscallStop(False, values[_RIP], 0, (0,) * 6, _signed(values[_RAX]))
        self._inside.add(tid)
        args = tuple(values[at] for at in (_RDI, _RSI, _RDX, _R10, _R8, _R9))
        return SyscallStop(True, values[_RIP], values[_ORIG_RAX], args, 0)


def program_counter(tid: int) -> int:
    """Where a stopped thread is."""
    buffer = ctypes.create_string_buffer(_REGISTERS.size)
    call(GETREGS, tid, 0, ctypes.addressof(buffer))
    return int(_REGISTERS.unpack(buffer.raw)[_RIP])


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def read_memory(pid: int, address: int, size: int) -> bytes:
    """Up to `size` bytes of a process from `address` on: as many as can be read in one run. Never raises.

    Page protections count, as they do for the kernel's own copies (process_vm_readv(2), unlike /proc/PID/mem).
    """
    out = b""
    while size > 0:
        part = _read_pages(pid, address, size)
        out += part
        address += len(part)
        if len(part) < min(size, _MOST_PAGES * _PAGE - _PAGE):
            break
        size -= len(part)
    return out


def _read_pages(pid: int, address: int, size: int) -> bytes:
    """One call: the remote side is cut at pages, because what is moved is whole elements of the vector."""
    parts: list[int] = []
    at, end = address, min(address + size, 1 << 64)
    while at < end and len(parts) < 2 * _MOST_PAGES:
        stop = min((at | _PAGE - 1) + 1, end)
        parts += [at, stop - at]
        at = stop
    if not parts:
        return b""
    buffer = ctypes.create_string_buffer(at - address)
    local = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), at - address)
    remote = (ctypes.c_uint64 * len(parts))(*parts)
    moved = _process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), len(parts) // 2, 0)
    return buffer.raw[:moved] if moved > 0 else b""


def borrowed_descriptor(pid: int, fd: int) -> int:
    """A duplicate of another process's descriptor (pidfd_getfd(2), Linux 5.6); raises OSError. To be closed."""
    pidfd = _raw(_PIDFD_OPEN, pid, 0)
    try:
        return _raw(_PIDFD_GETFD, pidfd, fd, 0)
    finally:
        os.close(pidfd)


def _raw(number: int, *args: int) -> int:
    result = int(_syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in args)))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
