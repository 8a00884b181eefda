"""What is known of a file besides its contents: statx; permissions, owner and times, which can be changed where the guest may write."""

import ctypes
import errno
import stat
import struct

from syscalls import kernel, numbers
from syscalls.args import DirFd, Fd, Int, Mode, Path, Result
from syscalls.calls.paths import files_of, is_empty, read_path
from syscalls.fds import Descriptor
from syscalls.files import require_changeable
from syscalls.flags import At, Open
from syscalls.process import Thread
from syscalls.streams import host_address
from syscalls.table import syscall
from syscalls.terminal_files import terminal_file
from syscalls.terminal_stats import correct_statx
from syscalls.types_attributes import AtimeMtime, StatxFlags, StatxMask, StatxOut, UtimbufIn, UtimevalIn
from syscalls.types_files import AtFlags

EBADF = -errno.EBADF
EFAULT = -errno.EFAULT
EINVAL = -errno.EINVAL

UTIME_NOW = 0x3FFFFFFF
UTIME_OMIT = 0x3FFFFFFE

STATX_SIZE = 256
STATX_RESERVED = 0x80000000
_SYNC = At.AT_STATX_FORCE_SYNC | At.AT_STATX_DONT_SYNC
_STATX_FLAGS = At.AT_SYMLINK_NOFOLLOW | At.AT_NO_AUTOMOUNT | At.AT_EMPTY_PATH | _SYNC

_EMPTY = ctypes.create_string_buffer(1)
_EMPTY_ADDRESS = ctypes.addressof(_EMPTY)


@syscall
def statx(
    thread: Thread, dirfd: DirFd, pathname: Path, flags: StatxFlags, mask: StatxMask, statxbuf: StatxOut
) -> Result:
    """statx(2)."""
    flags &= 0xFFFFFFFF
    if mask & STATX_RESERVED or flags & _SYNC == _SYNC:
        return EINVAL
    empty = bool(flags & At.AT_EMPTY_PATH)
    unnamed = empty and is_empty(thread, pathname)
    if unnamed and dirfd >= 0:
        # Since Linux 6.11 by the descriptor alone: what flags there are is not looked at again (do_statx_fd in fs/stat.c).
        entry = thread.fds.get(dirfd)
        result = _statx(thread, entry.host, 0, mask, statxbuf)
        if result == 0 and entry.description.kind in ("tty", "device"):
            correct_statx(thread, statxbuf, terminal_file(entry))
        return result
    if flags & ~_STATX_FLAGS:  # before anything is said about the path (vfs_statx)
        return EINVAL
    path = b"" if unnamed else read_path(thread, pathname, empty)
    follow = not flags & At.AT_SYMLINK_NOFOLLOW
    with files_of(thread).walk(thread, dirfd, path, follow, empty=empty) as found:
        result = _statx(thread, found.require(), flags & _SYNC, mask, statxbuf)
        if result == 0 and stat.S_ISCHR(found.mode):
            correct_statx(thread, statxbuf)
        return result


def _statx(thread: Thread, host: int, flags: int, mask: int, address: int) -> int:
    flags |= At.AT_EMPTY_PATH
    result = kernel.call5(numbers.statx, host, _EMPTY_ADDRESS, flags, mask, host_address(thread, address))
    thread.memory.wrote(address, STATX_SIZE)
    return result


def _changeable(thread: Thread, fd: int) -> Descriptor:
    """The descriptor, of something that the guest may change; raises EBADF (for O_PATH, too), EROFS, EPERM."""
    entry = thread.fds.get(fd)
    if entry.description.flags & Open.O_PATH:
        raise OSError(errno.EBADF, "opened with O_PATH")
    require_changeable(entry.host, entry.description.detail)
    return entry


@syscall
def chmod(thread: Thread, pathname: Path, mode: Mode) -> Result:
    """chmod(2)."""
    return _chmod(thread, At.AT_FDCWD, pathname, mode, 0)


@syscall
def fchmod(thread: Thread, fd: Fd, mode: Mode) -> Result:
    """fchmod(2)."""
    return kernel.call2(numbers.fchmod, _changeable(thread, fd).host, mode & 0o7777)


@syscall
def fchmodat(thread: Thread, dirfd: DirFd, pathname: Path, mode: Mode) -> Result:
    """fchmodat(2), the old call without flags."""
    return _chmod(thread, dirfd, pathname, mode, 0)


@syscall
def fchmodat2(thread: Thread, dirfd: DirFd, pathname: Path, mode: Mode, flags: AtFlags) -> Result:
    """fchmodat2(2)."""
    return _chmod(thread, dirfd, pathname, mode, flags)


def _chmod(thread: Thread, dirfd: int, pathname: int, mode: int, flags: int) -> Result:
    if flags & ~(At.AT_SYMLINK_NOFOLLOW | At.AT_EMPTY_PATH):
        return EINVAL
    empty = bool(flags & At.AT_EMPTY_PATH)
    files = files_of(thread)
    path = read_path(thread, pathname, empty)
    with files.walk(thread, dirfd, path, not flags & At.AT_SYMLINK_NOFOLLOW, empty=empty) as found:
        found.require()
        files.require_change(found)
        if stat.S_ISLNK(found.mode):
            return -errno.EOPNOTSUPP
        place = ctypes.create_string_buffer(b"/proc/self/fd/%d" % found.fd)
        return kernel.call2(numbers.chmod, ctypes.addressof(place), mode & 0o7777)


@syscall
def chown(thread: Thread, pathname: Path, owner: Int, group: Int) -> Result:
    """chown(2)."""
    return _chown(thread, At.AT_FDCWD, pathname, owner, group, 0)


@syscall
def lchown(thread: Thread, pathname: Path, owner: Int, group: Int) -> Result:
    """lchown(2)."""
    return _chown(thread, At.AT_FDCWD, pathname, owner, group, At.AT_SYMLINK_NOFOLLOW)


@syscall
def fchown(thread: Thread, fd: Fd, owner: Int, group: Int) -> Result:
    """fchown(2)."""
    host = _changeable(thread, fd).host
    return kernel.call3(numbers.fchown, host, owner & 0xFFFFFFFF, group & 0xFFFFFFFF)


@syscall
def fchownat(thread: Thread, dirfd: DirFd, pathname: Path, owner: Int, group: Int, flags: AtFlags) -> Result:
    """fchownat(2)."""
    return _chown(thread, dirfd, pathname, owner, group, flags)


def _chown(thread: Thread, dirfd: int, pathname: int, owner: int, group: int, flags: int) -> Result:
    if flags & ~(At.AT_SYMLINK_NOFOLLOW | At.AT_EMPTY_PATH):
        return EINVAL
    empty = bool(flags & At.AT_EMPTY_PATH)
    files = files_of(thread)
    path = read_path(thread, pathname, empty)
    with files.walk(thread, dirfd, path, not flags & At.AT_SYMLINK_NOFOLLOW, empty=empty) as found:
        found.require()
        files.require_change(found)
        owner, group = owner & 0xFFFFFFFF, group & 0xFFFFFFFF
        return kernel.call5(numbers.fchownat, found.fd, _EMPTY_ADDRESS, owner, group, At.AT_EMPTY_PATH)


@syscall
def utimensat(thread: Thread, dirfd: DirFd, pathname: Path, times: AtimeMtime, flags: AtFlags) -> Result:
    """utimensat(2)."""
    wanted: tuple[int, ...] | None = None
    if times:
        wanted = struct.unpack("<4q", thread.memory.read(times, 32))
        if wanted[1] == wanted[3] == UTIME_OMIT:
            return 0
    if not pathname and dirfd != At.AT_FDCWD:
        return EINVAL if flags else _set_fd_times(thread, dirfd, wanted)
    if flags & ~(At.AT_SYMLINK_NOFOLLOW | At.AT_EMPTY_PATH):
        return EINVAL
    return _set_times(thread, dirfd, pathname, wanted, flags)


@syscall
def utime(thread: Thread, filename: Path, times: UtimbufIn) -> Result:
    """utime(2)."""
    wanted = None
    if times:
        accessed, modified = struct.unpack("<2q", thread.memory.read(times, 16))
        wanted = (accessed, 0, modified, 0)
    return _set_times(thread, At.AT_FDCWD, filename, wanted, 0)


@syscall
def utimes(thread: Thread, filename: Path, times: UtimevalIn) -> Result:
    """utimes(2)."""
    return _futimesat(thread, At.AT_FDCWD, filename, times)


@syscall
def futimesat(thread: Thread, dirfd: DirFd, pathname: Path, times: UtimevalIn) -> Result:
    """futimesat(2)."""
    return _futimesat(thread, dirfd, pathname, times)


def _futimesat(thread: Thread, dirfd: int, pathname: int, times: int) -> Result:
    wanted = None
    if times:
        words = struct.unpack("<4q", thread.memory.read(times, 32))
        if not 0 <= words[1] < 1_000_000 or not 0 <= words[3] < 1_000_000:
            return EINVAL
        wanted = (words[0], words[1] * 1000, words[2], words[3] * 1000)
    if not pathname and dirfd != At.AT_FDCWD:
        return _set_fd_times(thread, dirfd, wanted)
    return _set_times(thread, dirfd, pathname, wanted, 0)


def _valid(wanted: tuple[int, ...] | None) -> bool:
    return wanted is None or all(
        nanoseconds in (UTIME_NOW, UTIME_OMIT) or 0 <= nanoseconds < 1_000_000_000
        for nanoseconds in wanted[1::2]
    )


def _set_fd_times(thread: Thread, fd: int, wanted: tuple[int, ...] | None) -> int:
    entry = thread.fds.get(fd)
    if entry.description.flags & Open.O_PATH:
        return EBADF
    if not _valid(wanted):
        return EINVAL
    require_changeable(entry.host, entry.description.detail)
    return _on_host(entry.host, 0, wanted, 0)


def _set_times(thread: Thread, dirfd: int, pathname: int, wanted: tuple[int, ...] | None, flags: int) -> int:
    files = files_of(thread)
    empty = bool(flags & At.AT_EMPTY_PATH)
    path = read_path(thread, pathname, empty)
    with files.walk(thread, dirfd, path, not flags & At.AT_SYMLINK_NOFOLLOW, empty=empty) as found:
        found.require()
        if not _valid(wanted):
            return EINVAL
        files.require_change(found)
        return _on_host(found.fd, _EMPTY_ADDRESS, wanted, At.AT_EMPTY_PATH)


def _on_host(host: int, path: int, wanted: tuple[int, ...] | None, flags: int) -> int:
    if wanted is None:
        return kernel.call4(numbers.utimensat, host, path, 0, flags)
    times = (ctypes.c_int64 * 4)(*wanted)
    return kernel.call4(numbers.utimensat, host, path, ctypes.addressof(times), flags)
