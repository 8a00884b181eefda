"""How long files are and where their bytes lie: truncate, fallocate, sync, advice, copies within the kernel, statfs."""

import ctypes
import errno
import os
import struct

from syscalls import kernel, numbers
from syscalls.args import Fd, Long, Path, Result, Size
from syscalls.blocking import AGAIN, OUT, interrupted, is_ready
from syscalls.calls.paths import files_of, read_path
from syscalls.fds import Descriptor
from syscalls.flags import At, Open
from syscalls.mounts import Mount
from syscalls.process import Thread
from syscalls.programs import require_idle
from syscalls.streams import EPIPE, PIPE_BUF, STREAMS, broken_pipe, host_address
from syscalls.table import syscall
from syscalls.types_attributes import FallocateMode, FileAdvice, OffsetAt, StatfsOut, SyncRangeFlags
from syscalls.types_files import Offset
from syscalls.wait import Blocking, Wait, Wake

EBADF = -errno.EBADF
EINVAL = -errno.EINVAL

PIECE = 16 << 20
"""The most that one host call copies: nothing else runs meanwhile. Copying less than was asked for is always allowed."""

ST_RDONLY = 1
_BLOCKS_AT, _FLAGS_AT = 16, 80  # f_blocks to f_ffree, f_flags


@syscall
def truncate(thread: Thread, path: Path, length: Long) -> Result:
    """truncate(2)."""
    if length < 0:
        return EINVAL
    files = files_of(thread)
    with files.walk(thread, At.AT_FDCWD, read_path(thread, path)) as found:
        found.require()
        if found.is_directory:
            return -errno.EISDIR
        if not found.is_file:
            return EINVAL
        files.require_change(found)
        require_idle(thread, found)
        place = ctypes.create_string_buffer(b"/proc/self/fd/%d" % found.fd)
        return kernel.call2(numbers.truncate, ctypes.addressof(place), length)


@syscall
def ftruncate(thread: Thread, fd: Fd, length: Long) -> Result:
    """ftruncate(2)."""
    if length < 0:
        return EINVAL
    entry = thread.fds.get(fd)
    if entry.description.kind == "pidfd":
        return -errno.EOPNOTSUPP  # a file of pidfs, which has no size (anon_inode_setattr in fs/libfs.c)
    return kernel.call2(numbers.ftruncate, entry.host, length)


@syscall
def fallocate(thread: Thread, fd: Fd, mode: FallocateMode, offset: Offset, len: Long) -> Result:
    """fallocate(2). Of what lives in memory, or is the run's own, at most what the guest may have of memory: then ENOSPC."""
    entry = thread.fds.get(fd)
    if not mode & _FREES and min(offset, len) >= 0 and _is_private(entry):
        _require_room(thread, entry, len)
    return kernel.call4(numbers.fallocate, entry.host, mode & 0xFFFFFFFF, offset, len)


_FREES = 0x2 | 0x8  # FALLOC_FL_PUNCH_HOLE, FALLOC_FL_COLLAPSE_RANGE
_BLOCK = 512  # bytes that st_blocks counts in


def _is_private(entry: Descriptor) -> bool:
    """Whether a file takes room that nobody has given to the guest by name: a memfd, or in a private directory."""
    description = entry.description
    mount = description.detail
    return mount.private if isinstance(mount, Mount) else description.path.startswith("memfd:")


def _require_room(thread: Thread, entry: Descriptor, wanted: int) -> None:
    """Raises ENOSPC when the open private files of this process would take more than the guest may have of memory."""
    files = {}
    for other in thread.fds.entries.values():
        if other is entry or (other.description.kind == "file" and _is_private(other)):
            status = os.fstat(other.host)
            files[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK
    if sum(files.values()) + wanted > thread.memory.limit:
        raise OSError(errno.ENOSPC, "as much as the guest may have of memory (--memory)")


@syscall
def fsync(thread: Thread, fd: Fd) -> Result:
    """fsync(2)."""
    return kernel.call1(numbers.fsync, thread.fds.get(fd).host)


@syscall
def fdatasync(thread: Thread, fd: Fd) -> Result:
    """fdatasync(2)."""
    return kernel.call1(numbers.fdatasync, thread.fds.get(fd).host)


@syscall
def sync(thread: Thread) -> Result:
    """sync(2)."""
    return kernel.call0(numbers.sync)


@syscall
def syncfs(thread: Thread, fd: Fd) -> Result:
    """syncfs(2)."""
    return kernel.call1(numbers.syncfs, thread.fds.get(fd).host)


@syscall
def sync_file_range(thread: Thread, fd: Fd, offset: Offset, nbytes: Long, flags: SyncRangeFlags) -> Result:
    """sync_file_range(2)."""
    return kernel.call4(numbers.sync_file_range, thread.fds.get(fd).host, offset, nbytes, flags)


@syscall
def fadvise64(thread: Thread, fd: Fd, offset: Offset, len: Size, advice: FileAdvice) -> Result:
    """posix_fadvise(2)."""
    return kernel.call4(numbers.fadvise64, thread.fds.get(fd).host, offset, len, advice & 0xFFFFFFFF)


@syscall
def readahead(thread: Thread, fd: Fd, offset: Offset, count: Size) -> Result:
    """readahead(2)."""
    return kernel.call3(numbers.readahead, thread.fds.get(fd).host, offset, count)


@syscall
def statfs(thread: Thread, path: Path, buf: StatfsOut) -> Result:
    """statfs(2)."""
    with files_of(thread).walk(thread, At.AT_FDCWD, read_path(thread, path)) as found:
        return _statfs(thread, found.require(), found.mount, buf)


@syscall
def fstatfs(thread: Thread, fd: Fd, buf: StatfsOut) -> Result:
    """fstatfs(2)."""
    entry = thread.fds.get(fd)
    return _statfs(thread, entry.host, entry.description.detail, buf)


def _statfs(thread: Thread, host: int, mount: object, address: int) -> int:
    result = kernel.call2(numbers.fstatfs, host, host_address(thread, address))
    if result == 0:
        memory = thread.memory
        memory.wrote(address, 120)
        if isinstance(mount, Mount):
            if mount.magic:
                memory.write(address, struct.pack("<q", mount.magic))
            if mount.files is not None:
                memory.write(address + _BLOCKS_AT, bytes(40))  # it takes no room anywhere
            if not mount.writable:
                memory.put_u64(address + _FLAGS_AT, memory.u64(address + _FLAGS_AT) | ST_RDONLY)
    return result


@syscall
def copy_file_range(
    thread: Thread, fd_in: Fd, off_in: OffsetAt, fd_out: Fd, off_out: OffsetAt, size: Size, flags: Long
) -> Result:
    """copy_file_range(2)."""
    source, target = thread.fds.get(fd_in), thread.fds.get(fd_out)
    if source.description.operations is not None and source.description.kind == "file":
        return 0  # a file of /proc has no length that could be copied
    from_, to = (host_address(thread, address) if address else 0 for address in (off_in, off_out))
    size = min(size, PIECE)
    result = kernel.call6(
        numbers.copy_file_range, source.host, from_, target.host, to, size, flags & 0xFFFFFFFF
    )
    for address in (off_in, off_out):
        if address and result > 0:
            thread.memory.wrote(address, 8)
    return result


@syscall(partial="from files only")
def sendfile(thread: Thread, out_fd: Fd, in_fd: Fd, offset: OffsetAt, count: Size) -> Result:
    """sendfile(2)."""
    if offset and thread.memory.readable(offset, 8) < 8:
        return -errno.EFAULT
    source = _of_mode(thread, in_fd, Open.O_WRONLY)
    kind = source.description.kind
    seeks = kind == "pidfd" or (kind != "signalfd" and kernel.call3(numbers.lseek, source.host, 0, 1) >= 0)
    if offset and not seeks:
        return -errno.ESPIPE
    if count >> 63:
        return EINVAL
    target = _of_mode(thread, out_fd, Open.O_RDONLY)
    if source.description.operations is not None or not seeks or source.description.kind == "tty":
        return EINVAL
    if target.description.kind not in STREAMS:
        return _send(thread, source, target, offset, min(count, PIECE))
    result = _attempt(thread, source, target, offset, count)
    if result == AGAIN and target.description.nonblocking:
        return AGAIN
    if result == EPIPE:
        return broken_pipe(thread, target)
    if target.description.nonblocking:
        return result
    is_part = 0 < result < count and target.description.kind in STREAMS and _more(source, offset, thread)
    if result == AGAIN or is_part:
        return _send_on(thread, source, target, offset, count, max(result, 0))
    return result


def _of_mode(thread: Thread, fd: int, wrong: int) -> Descriptor:
    """A descriptor that is not open the wrong way; raises EBADF."""
    entry = thread.fds.get(fd)
    flags = entry.description.flags
    if flags & Open.O_PATH or flags & Open.O_ACCMODE == wrong:
        raise OSError(errno.EBADF, "not open for that")
    return entry


def _more(source: Descriptor, offset: int, thread: Thread) -> bool:
    """Whether bytes are left in the file: a short transfer was then the target's doing."""
    at = (
        struct.unpack("<q", thread.memory.read(offset, 8))[0]
        if offset
        else kernel.call3(numbers.lseek, source.host, 0, 1)
    )
    buffer = ctypes.create_string_buffer(1)
    return kernel.call4(numbers.pread64, source.host, ctypes.addressof(buffer), 1, at) == 1


def _attempt(thread: Thread, source: Descriptor, target: Descriptor, offset: int, count: int) -> int:
    if not target.description.host_nonblocking:
        if not is_ready(target.host, OUT):
            return AGAIN
        count = min(count, PIPE_BUF)
    return _send(thread, source, target, offset, count)


def _send(thread: Thread, source: Descriptor, target: Descriptor, offset: int, count: int) -> int:
    where = host_address(thread, offset) if offset else 0
    result = kernel.call4(numbers.sendfile, target.host, source.host, where, count)
    if offset and result > 0:
        thread.memory.wrote(offset, 8)
    return result


def _send_on(
    thread: Thread, source: Descriptor, target: Descriptor, offset: int, count: int, done: int
) -> Blocking:
    fds = thread.fds
    fds.pin(source)
    fds.pin(target)
    try:
        while done < count:
            result = _attempt(thread, source, target, offset, count - done)
            if result == AGAIN:
                wake = yield Wait(fds=((target.host, OUT),))
                if wake is Wake.INTERRUPTED:
                    return done or interrupted(None)
                continue
            if result == EPIPE:
                result = broken_pipe(thread, target, done)
            if result <= 0:
                return done or result
            done += result
        return done
    finally:
        fds.unpin(source)
        fds.unpin(target)
