"""fcntl and flock: what a descriptor is set to."""

import errno
import struct

from syscalls import kernel, numbers, record_locks
from syscalls.args import Fd, Result
from syscalls.blocking import AGAIN
from syscalls.calls.files import duplicate
from syscalls.fds import Descriptor
from syscalls.files import FORGOTTEN
from syscalls.flags import Fcntl, FdFlags, LockOperation, Open
from syscalls.process import Thread
from syscalls.streams import host_address
from syscalls.table import syscall
from syscalls.terminal_files import terminal_file
from syscalls.types_files import FcntlArg, FcntlCommand, FcntlResult, LockOperations
from syscalls.wait import RESTARTSYS, Blocking, Wait, Wake

EBADF = -errno.EBADF
EINVAL = -errno.EINVAL
EPERM = -errno.EPERM

SETTABLE = Open.O_APPEND | Open.O_NONBLOCK | Open.O_ASYNC | Open.O_DIRECT | Open.O_NOATIME
"""What F_SETFL can change (SETFL_MASK in fs/fcntl.c)."""

PIPE_MAX_SIZE = 1 << 20
"""The largest pipe of an unprivileged program (/proc/sys/fs/pipe-max-size, its default)."""

LOCK_MAND = 32
LOCK_RETRY_NS = 5_000_000
"""How often a wait for a lock looks again: no descriptor becomes ready when a lock is given up."""

_PATH_COMMANDS = frozenset(
    (Fcntl.F_DUPFD, Fcntl.F_DUPFD_CLOEXEC, Fcntl.F_GETFD, Fcntl.F_SETFD, Fcntl.F_GETFL)
)
_HOST_WORD = frozenset((Fcntl.F_GETPIPE_SZ, Fcntl.F_ADD_SEALS, Fcntl.F_GET_SEALS, Fcntl.F_GETLEASE))
_HOST_POINTER = frozenset((Fcntl.F_GETLK, Fcntl.F_SETLK, Fcntl.F_OFD_GETLK, Fcntl.F_OFD_SETLK))
_HOST_POINTER |= {
    Fcntl.F_GET_RW_HINT,
    Fcntl.F_SET_RW_HINT,
    Fcntl.F_GET_FILE_RW_HINT,
    Fcntl.F_SET_FILE_RW_HINT,
}
_LOCK_ONCE = {Fcntl.F_SETLKW: Fcntl.F_SETLK, Fcntl.F_OFD_SETLKW: Fcntl.F_OFD_SETLK}
_RECORD_LOCKS = frozenset((Fcntl.F_GETLK, Fcntl.F_SETLK, Fcntl.F_SETLKW))
_SIGNALLING = frozenset((Fcntl.F_SETLEASE, Fcntl.F_NOTIFY))

_OWNER_TID, _OWNER_PID, _OWNER_PGRP = 0, 1, 2


@syscall(partial="F_SETLEASE and F_NOTIFY are EINVAL; O_ASYNC is kept, SIGIO is not sent")
def fcntl(thread: Thread, fd: Fd, cmd: FcntlCommand, arg: FcntlArg) -> FcntlResult:
    """fcntl(2)."""
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    description = entry.description
    if description.flags & Open.O_PATH and cmd not in _PATH_COMMANDS:
        return EBADF
    if cmd == Fcntl.F_GETFL:
        return status_flags(entry)
    if cmd == Fcntl.F_SETFL:
        return set_status_flags(thread, entry, arg & 0xFFFFFFFF)
    if cmd == Fcntl.F_GETFD:
        return FdFlags.FD_CLOEXEC if entry.cloexec else 0
    if cmd == Fcntl.F_SETFD:
        entry.cloexec = bool(arg & FdFlags.FD_CLOEXEC)
        return 0
    if cmd in (Fcntl.F_DUPFD, Fcntl.F_DUPFD_CLOEXEC):
        minimum = arg & 0xFFFFFFFF
        if minimum >= thread.fds.limit:
            return EINVAL
        return duplicate(thread, fd, minimum, cmd == Fcntl.F_DUPFD_CLOEXEC)
    if cmd in _HOST_WORD:
        return kernel.call3(numbers.fcntl, entry.host, cmd, arg)
    if cmd in _RECORD_LOCKS and record_locks.is_needed(entry):
        return _record_lock(thread, entry, cmd, arg)
    if cmd in _HOST_POINTER:
        return _on_memory(thread, entry, cmd, arg)
    if cmd in _LOCK_ONCE:
        return _lock(thread, entry, _LOCK_ONCE[cmd], arg)
    if cmd == Fcntl.F_SETPIPE_SZ:
        return _set_pipe_size(entry, arg & 0xFFFFFFFF)
    if cmd == Fcntl.F_DUPFD_QUERY:
        other = thread.fds.entries.get((arg & 0xFFFFFFFF ^ 0x80000000) - 0x80000000)
        return EBADF if other is None else int(other.description is description)
    if cmd in _SIGNALLING:
        text = f"fcntl {Fcntl.text(cmd)} is not offered: EINVAL, as on a file system without it"
        thread.bench.note_once(f"fcntl {cmd}", text)
        return EINVAL
    return _owner(thread, entry, cmd, arg)


def status_flags(entry: Descriptor) -> int:
    """F_GETFL: access mode and status flags as the guest knows them; the host's differ in O_NONBLOCK and more."""
    description = entry.description
    flags = description.flags & ~(FORGOTTEN | Open.O_NONBLOCK)
    return flags | Open.O_NONBLOCK if description.nonblocking else flags


def set_status_flags(thread: Thread, entry: Descriptor, flags: int) -> int:
    """F_SETFL: everything but O_NONBLOCK goes to the host as it is."""
    description = entry.description
    host = flags & SETTABLE & ~Open.O_NONBLOCK
    file = terminal_file(entry)
    if description.host_nonblocking or (file is not None and not file.host_blocks):
        host |= Open.O_NONBLOCK
    result = kernel.call3(numbers.fcntl, entry.host, Fcntl.F_SETFL, host)
    if result < 0:
        return result
    if flags & Open.O_ASYNC:
        thread.bench.note_once("O_ASYNC", "O_ASYNC was set: no SIGIO will be sent")
    description.nonblocking = bool(flags & Open.O_NONBLOCK)
    description.flags = description.flags & ~SETTABLE | flags & SETTABLE
    return 0


def _set_pipe_size(entry: Descriptor, size: int) -> int:
    if size > PIPE_MAX_SIZE:
        present = kernel.call3(numbers.fcntl, entry.host, Fcntl.F_GETPIPE_SZ, 0)
        if present < 0:
            return present
        return EINVAL if size > 1 << 31 else EPERM
    return kernel.call3(numbers.fcntl, entry.host, Fcntl.F_SETPIPE_SZ, size)


def _on_memory(thread: Thread, entry: Descriptor, command: int, address: int) -> int:
    return kernel.call3(numbers.fcntl, entry.host, command, host_address(thread, address))


def _record_lock(thread: Thread, entry: Descriptor, command: int, address: int) -> Result:
    wanted = thread.memory.read(address, record_locks.FLOCK.size)
    result, found = record_locks.apply(thread, entry, command, wanted)
    if command == Fcntl.F_GETLK and result == 0:
        thread.memory.write(address, found)
    if command != Fcntl.F_SETLKW or result != AGAIN:
        return result
    return _record_lock_later(thread, entry, wanted)


def _record_lock_later(thread: Thread, entry: Descriptor, wanted: bytes) -> Blocking:
    fds = thread.fds
    fds.pin(entry)
    try:
        while True:
            wake = yield Wait(deadline=thread.bench.monotonic_ns() + LOCK_RETRY_NS)
            if wake is Wake.INTERRUPTED:
                return RESTARTSYS
            result, _ = record_locks.apply(thread, entry, Fcntl.F_SETLKW, wanted)
            if result != AGAIN:
                return result
    finally:
        record_locks.stop_waiting(thread)
        fds.unpin(entry)


def _lock(thread: Thread, entry: Descriptor, command: int, address: int) -> Result:
    result = _on_memory(thread, entry, command, address)
    if result not in (AGAIN, -errno.EACCES):
        return result
    return _lock_later(thread, entry, command, address)


def _lock_later(thread: Thread, entry: Descriptor, command: int, address: int) -> Blocking:
    # The lock is wanted as it was described at the call: later changes to the structure do not matter.
    wanted = thread.memory.read(address, 32)
    pages = thread.process.scratch
    fds = thread.fds
    fds.pin(entry)
    try:
        while True:
            wake = yield Wait(deadline=thread.bench.monotonic_ns() + LOCK_RETRY_NS)
            if wake is Wake.INTERRUPTED:
                return RESTARTSYS
            pages.view[:32] = wanted
            result = kernel.call3(numbers.fcntl, entry.host, command, pages.address)
            if result not in (AGAIN, -errno.EACCES):
                return result
    finally:
        fds.unpin(entry)


def _owner(thread: Thread, entry: Descriptor, command: int, arg: int) -> int:
    description = entry.description
    kind, number, sig = description.owner
    word = (arg & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
    if command == Fcntl.F_GETOWN:
        return -number if kind == _OWNER_PGRP else number
    if command == Fcntl.F_SETOWN:
        if word == -0x80000000:
            return EINVAL
        kind, number = (_OWNER_PGRP, -word) if word < 0 else (_OWNER_PID, word)
        return _set_owner(thread, entry, kind, number)
    if command == Fcntl.F_GETSIG:
        return sig
    if command == Fcntl.F_SETSIG:
        if arg & 0xFFFFFFFF > 64:
            return EINVAL
        description.owner = (kind, number, arg & 0xFFFFFFFF)
        return 0
    if command == Fcntl.F_GETOWN_EX:
        thread.memory.write(arg, struct.pack("<ii", kind, number))
        return 0
    if command == Fcntl.F_SETOWN_EX:
        kind, number = struct.unpack("<ii", thread.memory.read(arg, 8))
        if kind not in (_OWNER_TID, _OWNER_PID, _OWNER_PGRP):
            return EINVAL
        return _set_owner(thread, entry, kind, number)
    if command == Fcntl.F_GETOWNER_UIDS:
        process = thread.process
        uid = process.uid if number else 0
        thread.memory.write(arg, struct.pack("<II", uid, uid))
        return 0
    return EINVAL


def _set_owner(thread: Thread, entry: Descriptor, kind: int, number: int) -> int:
    process = thread.process
    known = number in process.threads if kind == _OWNER_TID else number == process.pid
    if number and not known:
        return -errno.ESRCH
    entry.description.owner = (kind if number else 0, number, entry.description.owner[2])
    return 0


@syscall
def flock(thread: Thread, fd: Fd, operation: LockOperations) -> Result:
    """flock(2)."""
    if operation & LOCK_MAND:
        return 0  # no longer supported, and ignored (fs/locks.c)
    if operation & ~LockOperation.LOCK_NB not in (1, 2, 8):
        return EINVAL
    entry = thread.fds.entries.get(fd)
    if entry is None or entry.description.flags & Open.O_PATH:
        return EBADF
    result = kernel.call2(numbers.flock, entry.host, operation | LockOperation.LOCK_NB)
    if result != AGAIN or operation & LockOperation.LOCK_NB:
        return result
    return _flock_later(thread, entry, operation | LockOperation.LOCK_NB)


def _flock_later(thread: Thread, entry: Descriptor, operation: int) -> Blocking:
    fds = thread.fds
    fds.pin(entry)
    try:
        while True:
            wake = yield Wait(deadline=thread.bench.monotonic_ns() + LOCK_RETRY_NS)
            if wake is Wake.INTERRUPTED:
                return RESTARTSYS
            result = kernel.call2(numbers.flock, entry.host, operation)
            if result != AGAIN:
                return result
    finally:
        fds.unpin(entry)
