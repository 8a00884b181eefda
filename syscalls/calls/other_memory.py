"""Calls on the memory of other processes: process_vm_readv, process_vm_writev, process_madvise, process_mrelease."""

import errno
import os
import struct
from typing import Annotated

from syscalls import credentials, family
from syscalls.args import Fd, Result, Size, UInt
from syscalls.calls.mapping import advise
from syscalls.flags import Madvise
from syscalls.flags.threads import Capability
from syscalls.memory import TASK_SIZE, Memory
from syscalls.pidfds import is_reaped, process_of
from syscalls.process import Process, Thread
from syscalls.structs import Layout
from syscalls.table import syscall
from syscalls.types_files import Advice, IoVec, OutIoVec
from syscalls.types_vectors import InArray
from syscalls.types_volatile import Pid

UIO_MAXIOV = 1024
_PAGE = 4096
_PIECE = 1 << 20
_MAX = 0x7FFFF000

IovecLayout = Layout("iovec", ("Q", "iov_base", hex), ("Q", "iov_len"))
Range = tuple[int, int]
OtherVector = Annotated[int, InArray(IovecLayout, "riovcnt")]


def _vector(thread: Thread, address: int, count: int) -> list[Range]:
    """An iovec array; raises EINVAL, EFAULT."""
    if count > UIO_MAXIOV:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    words = struct.unpack(f"<{2 * count}Q", thread.memory.read(address, 16 * count))
    found = list(zip(words[::2], words[1::2], strict=True))
    if any(length >> 63 for _, length in found):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return found


def _local(thread: Thread, address: int, count: int) -> list[Range]:
    """import_iovec: cut to what one call transfers, and within the user range."""
    left, found = _MAX, []
    for base, length in _vector(thread, address, count & 0xFFFFFFFF):
        if base + length > TASK_SIZE:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        length = min(length, left)
        left -= length
        found.append((base, length))
    return found


def _other(thread: Thread, pid: int) -> Process:
    process = None if pid <= 0 else family.process_of(thread.process.system, pid)
    if process is None or process.wait_status is not None:
        if process is None and pid in family.OUTSIDE:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    family.check_access(thread, process)
    return process


@syscall
def process_vm_readv(
    thread: Thread,
    pid: Pid,
    local_iov: Annotated[int, OutIoVec("liovcnt")],
    liovcnt: Size,
    remote_iov: OtherVector,
    riovcnt: Size,
    flags: Size,
) -> Result:
    """process_vm_readv(2)."""
    return _transfer(thread, pid, (local_iov, liovcnt), (remote_iov, riovcnt), flags, writes=False)


@syscall
def process_vm_writev(
    thread: Thread,
    pid: Pid,
    local_iov: Annotated[int, IoVec("liovcnt")],
    liovcnt: Size,
    remote_iov: OtherVector,
    riovcnt: Size,
    flags: Size,
) -> Result:
    """process_vm_writev(2)."""
    return _transfer(thread, pid, (local_iov, liovcnt), (remote_iov, riovcnt), flags, writes=True)


def _transfer(thread: Thread, pid: int, own: Range, theirs: Range, flags: int, *, writes: bool) -> int:
    """process_vm_rw in mm/process_vm_access.c: whole pages of the other process up to the first that is not there."""
    if flags:
        return -errno.EINVAL
    local = _local(thread, *own)
    if not sum(length for _, length in local):
        return 0
    remote = _vector(thread, *theirs)
    if not any(length for _, length in remote):
        return 0
    other = _other(thread, pid).memory
    done = 0
    for here, there, size in _pairs(local, remote):
        source, target = (
            ((thread.memory, here), (other, there)) if writes else ((other, there), (thread.memory, here))
        )
        moved = _copy(source, target, size)
        done += moved
        if moved < size:
            return done or -errno.EFAULT
    return done


def _pairs(local: list[Range], remote: list[Range]) -> list[tuple[int, int, int]]:
    """(local address, remote address, size) of each run that both vectors have in one piece."""
    found: list[tuple[int, int, int]] = []
    at, used = 0, 0
    for base, length in remote:
        while length and at < len(local):
            start, room = local[at][0] + used, local[at][1] - used
            size = min(room, length)
            if size:
                found.append((start, base, size))
            base, length, used = base + size, length - size, used + size
            if used == local[at][1]:
                at, used = at + 1, 0
    return found


def _copy(source: tuple[Memory, int], target: tuple[Memory, int], size: int) -> int:
    """Copies as far as both can be accessed; how many bytes that were."""
    done = 0
    while done < size:
        count = min(size - done, _PIECE)
        ready = source[0].readable(source[1] + done, count)
        if not ready:
            break
        stored = _store(target[0], target[1] + done, source[0].read(source[1] + done, ready))
        done += stored
        if stored < count:
            break
    return done


def _store(memory: Memory, address: int, data: bytes) -> int:
    try:
        memory.write(address, data)
        return len(data)
    except OSError:
        pass
    done = 0
    while done < len(data):
        count = min(len(data) - done, _PAGE - (address + done) % _PAGE)
        try:
            memory.write(address + done, data[done : done + count])
        except OSError:
            break
        done += count
    return done


_FOR_OTHERS = frozenset((Madvise.MADV_COLD, Madvise.MADV_PAGEOUT, Madvise.MADV_WILLNEED))


@syscall(partial="MADV_GUARD_INSTALL, _GUARD_REMOVE and _COLLAPSE are EINVAL, as before Linux 6.1")
def process_madvise(
    thread: Thread,
    pidfd: Fd,
    iovec: Annotated[int, InArray(IovecLayout, "vlen")],
    vlen: Size,
    advice: Advice,
    flags: UInt,
) -> Result:
    """process_madvise(2): how many bytes were advised on."""
    if flags:
        return -errno.EINVAL
    ranges = _local(thread, iovec, vlen)
    process = process_of(thread.fds.get(pidfd))
    if is_reaped(process) or process.wait_status is not None:
        return -errno.ESRCH
    own = process.memory is thread.memory
    if not own and advice not in _FOR_OTHERS:
        return -errno.EINVAL
    family.check_access(thread, process)
    if not own and not credentials.of(thread).can(Capability.CAP_SYS_NICE):
        return -errno.EPERM
    done = 0
    for base, length in ranges:
        result = advise(thread, process.memory, base, length, advice)
        if result < 0:
            return done or result
        done += length
    return done


@syscall
def process_mrelease(thread: Thread, pidfd: Fd, flags: UInt) -> Result:
    """process_mrelease(2): the memory of a process goes at once when it is killed, so there is never one to be released."""
    if flags:
        return -errno.EINVAL
    process = process_of(thread.fds.get(pidfd))
    if is_reaped(process) or process.wait_status is not None:
        return -errno.ESRCH
    return 0 if process.exiting else -errno.EINVAL
