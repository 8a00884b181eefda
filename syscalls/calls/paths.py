"""Calls that name a file: open and its kin, stat, access, readlink, making and removing, the working directory."""

import ctypes
import errno
import stat as modes

from syscalls import kernel, numbers
from syscalls.args import DirFd, Fd, FdResult, Int, Mode, ModeResult, Path, Result, Size, UInt
from syscalls.fifos import await_reader, await_writer, waits_for_writer
from syscalls.files import OPENED, PATH_ONLY, TMPFILE, FileSystem, file_system
from syscalls.flags import AccessAt, At, Open
from syscalls.mounts import Found
from syscalls.process import Thread
from syscalls.roots import PATH_MAX
from syscalls.streams import NOWHERE, host_address
from syscalls.table import syscall
from syscalls.terminal_files import terminal_file
from syscalls.terminal_stats import correct_stat
from syscalls.types_entries import EntriesOut, OldEntriesOut
from syscalls.types_files import (
    AccessFlags,
    AccessMode,
    AtFlags,
    CwdOut,
    LinkOut,
    OpenFlags,
    OpenMode,
    StatOut,
)
from syscalls.virtual import Listing

EBADF = -errno.EBADF
EINVAL = -errno.EINVAL
EROFS = -errno.EROFS
STAT_SIZE = 144

_MAY_BE_TERMINALS = frozenset(("tty", "device"))
_EMPTY = ctypes.create_string_buffer(1)
_EMPTY_ADDRESS = ctypes.addressof(_EMPTY)


def files_of(thread: Thread) -> FileSystem:
    """The guest's file system; raises ENOENT for a guest that has none."""
    files = thread.files
    if files is None:
        raise OSError(errno.ENOENT, "no file system")
    assert isinstance(files, FileSystem)
    return files


def read_path(thread: Thread, address: int, empty: bool = False) -> bytes:
    """The path at `address`; raises EFAULT, ENAMETOOLONG, and ENOENT for an empty one unless that is allowed."""
    path = thread.memory.cstring(address, PATH_MAX)
    if not path and not empty:
        raise OSError(errno.ENOENT, "empty path")
    return path


@syscall
def open_(thread: Thread, pathname: Path, flags: OpenFlags, mode: OpenMode) -> FdResult:
    """open(2)."""
    return _open(thread, At.AT_FDCWD, pathname, flags, mode)


@syscall
def openat(thread: Thread, dirfd: DirFd, pathname: Path, flags: OpenFlags, mode: OpenMode) -> FdResult:
    """openat(2)."""
    return _open(thread, dirfd, pathname, flags, mode)


@syscall
def creat(thread: Thread, pathname: Path, mode: Mode) -> FdResult:
    """creat(2)."""
    return _open(thread, At.AT_FDCWD, pathname, Open.O_CREAT | Open.O_WRONLY | Open.O_TRUNC, mode)


def _open(thread: Thread, dirfd: int, pathname: int, flags: int, mode: int) -> Result:
    flags &= OPENED
    if flags & Open.O_PATH:
        flags &= PATH_ONLY
    unusual = Open.O_DIRECTORY | Open.O_CREAT
    if flags & TMPFILE or flags & unusual == unusual:
        # Which of these are EINVAL has changed between kernels: ask this one, with a path that it cannot read.
        judged = kernel.call4(numbers.openat, At.AT_FDCWD & 0xFFFFFFFF, NOWHERE, flags, 0)
        if judged != -errno.EFAULT:
            return judged
    return open_path(thread, dirfd, read_path(thread, pathname), flags, mode & 0o7777)


def open_path(thread: Thread, dirfd: int, path: bytes, flags: int, mode: int, resolve: int = 0) -> Result:
    """openat2(2) with flags and RESOLVE_* that were checked already."""
    fds = thread.fds
    fds.lowest_free()
    files = files_of(thread)
    try:
        descriptor = files.open(thread, dirfd, path, flags, mode, resolve)
    except BlockingIOError:
        return await_reader(thread, lambda: files.open(thread, dirfd, path, flags, mode, resolve))
    if descriptor.description.kind == "pipe" and waits_for_writer(descriptor, file_system):
        return await_writer(thread, descriptor)
    return fds.add(descriptor)


@syscall
def fstat(thread: Thread, fd: Fd, statbuf: StatOut) -> Result:
    """fstat(2)."""
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    result = kernel.call2(numbers.fstat, entry.host, host_address(thread, statbuf))
    thread.memory.wrote(statbuf, STAT_SIZE)
    if result == 0 and entry.description.kind in _MAY_BE_TERMINALS:
        correct_stat(thread, statbuf, terminal_file(entry))
    return result


@syscall
def stat(thread: Thread, pathname: Path, statbuf: StatOut) -> Result:
    """stat(2)."""
    return _stat(thread, At.AT_FDCWD, read_path(thread, pathname), statbuf, 0)


@syscall
def lstat(thread: Thread, pathname: Path, statbuf: StatOut) -> Result:
    """lstat(2)."""
    return _stat(thread, At.AT_FDCWD, read_path(thread, pathname), statbuf, At.AT_SYMLINK_NOFOLLOW)


@syscall
def newfstatat(thread: Thread, dirfd: DirFd, pathname: Path, statbuf: StatOut, flags: AtFlags) -> Result:
    """fstatat(2)."""
    if flags & At.AT_EMPTY_PATH and dirfd >= 0 and is_empty(thread, pathname):
        return fstat(thread, dirfd, statbuf)  # vfs_fstatat() in fs/stat.c: no other flag is looked at
    known = At.AT_SYMLINK_NOFOLLOW | At.AT_NO_AUTOMOUNT | At.AT_EMPTY_PATH
    if flags & ~(known | At.AT_STATX_FORCE_SYNC | At.AT_STATX_DONT_SYNC):
        return EINVAL
    if flags & At.AT_EMPTY_PATH and not pathname:
        path = b""  # since Linux 6.11
    else:
        path = read_path(thread, pathname, bool(flags & At.AT_EMPTY_PATH))
    return _stat(thread, dirfd, path, statbuf, flags)


def is_empty(thread: Thread, pathname: int) -> bool:
    """Whether a path is NULL (since Linux 6.11) or empty; one that cannot be read is neither."""
    return not pathname or (
        thread.memory.readable(pathname, 1) == 1 and thread.memory.read(pathname, 1) == b"\0"
    )


def _stat(thread: Thread, dirfd: int, path: bytes, statbuf: int, flags: int) -> int:
    follow = not flags & At.AT_SYMLINK_NOFOLLOW
    with files_of(thread).walk(thread, dirfd, path, follow, empty=True) as found:
        address = host_address(thread, statbuf)
        result = kernel.call4(numbers.newfstatat, found.require(), _EMPTY_ADDRESS, address, At.AT_EMPTY_PATH)
        thread.memory.wrote(statbuf, STAT_SIZE)
        if result == 0 and modes.S_ISCHR(found.mode):
            correct_stat(thread, statbuf)
        return result


@syscall
def access(thread: Thread, pathname: Path, mode: AccessMode) -> Result:
    """access(2)."""
    return _access(thread, At.AT_FDCWD, pathname, mode, 0)


@syscall
def faccessat(thread: Thread, dirfd: DirFd, pathname: Path, mode: AccessMode) -> Result:
    """faccessat(2), the old call without flags."""
    return _access(thread, dirfd, pathname, mode, 0)


@syscall
def faccessat2(thread: Thread, dirfd: DirFd, pathname: Path, mode: AccessMode, flags: AccessFlags) -> Result:
    """faccessat2(2)."""
    return _access(thread, dirfd, pathname, mode, flags)


def _access(thread: Thread, dirfd: int, pathname: int, mode: int, flags: int) -> int:
    if mode & ~7 or flags & ~(AccessAt.AT_EACCESS | AccessAt.AT_SYMLINK_NOFOLLOW | AccessAt.AT_EMPTY_PATH):
        return EINVAL
    empty = bool(flags & AccessAt.AT_EMPTY_PATH)
    path = read_path(thread, pathname, empty)
    follow = not flags & AccessAt.AT_SYMLINK_NOFOLLOW
    with files_of(thread).walk(thread, dirfd, path, follow, empty=empty) as found:
        host_flags = flags & AccessAt.AT_EACCESS | AccessAt.AT_EMPTY_PATH
        result = kernel.call4(numbers.faccessat2, found.require(), _EMPTY_ADDRESS, mode, host_flags)
        changeable = modes.S_ISREG(found.mode) or modes.S_ISDIR(found.mode) or modes.S_ISLNK(found.mode)
        if not result and mode & 2 and changeable and not found.mount.writable:
            return EROFS
        return result


@syscall
def readlink(thread: Thread, pathname: Path, buf: LinkOut, bufsiz: Int) -> Result:
    """readlink(2)."""
    return _readlink(thread, At.AT_FDCWD, pathname, buf, bufsiz)


@syscall
def readlinkat(thread: Thread, dirfd: DirFd, pathname: Path, buf: LinkOut, bufsiz: Int) -> Result:
    """readlinkat(2)."""
    return _readlink(thread, dirfd, pathname, buf, bufsiz)


def _readlink(thread: Thread, dirfd: int, pathname: int, buf: int, size: int) -> int:
    if size <= 0:
        return EINVAL
    path = read_path(thread, pathname, True)
    with files_of(thread).walk(thread, dirfd, path, False, empty=True) as found:
        fd = found.require()
        if not modes.S_ISLNK(found.mode):
            return EINVAL if path else -errno.ENOENT
        if path and found.parent_mount.files is not None:
            folder = found.parent_mount.inside(found.parent) or b""
            text = found.parent_mount.files.target(thread, folder, found.name)[:size]
            thread.memory.write(buf, text)
            return len(text)
        result = kernel.call4(numbers.readlinkat, fd, _EMPTY_ADDRESS, host_address(thread, buf), size)
        thread.memory.wrote(buf, result)
        return result


@syscall
def mkdir(thread: Thread, pathname: Path, mode: Mode) -> Result:
    """mkdir(2)."""
    return _mkdir(thread, At.AT_FDCWD, pathname, mode)


@syscall
def mkdirat(thread: Thread, dirfd: DirFd, pathname: Path, mode: Mode) -> Result:
    """mkdirat(2)."""
    return _mkdir(thread, dirfd, pathname, mode)


def _mkdir(thread: Thread, dirfd: int, pathname: int, mode: int) -> int:
    files = files_of(thread)
    with files.walk(thread, dirfd, read_path(thread, pathname), parent=True) as found:
        if found.exists:
            return -errno.EEXIST
        files.require_writable(found)
        with files.masked():
            result = _on_name(numbers.mkdirat, found, mode)
        if result == 0:
            files.was_made(thread, found)
        return result


@syscall
def unlink(thread: Thread, pathname: Path) -> Result:
    """unlink(2)."""
    return _remove(thread, At.AT_FDCWD, pathname, 0)


@syscall
def rmdir(thread: Thread, pathname: Path) -> Result:
    """rmdir(2)."""
    return _remove(thread, At.AT_FDCWD, pathname, At.AT_REMOVEDIR)


@syscall
def unlinkat(thread: Thread, dirfd: DirFd, pathname: Path, flags: AtFlags) -> Result:
    """unlinkat(2)."""
    if flags & ~At.AT_REMOVEDIR:
        return EINVAL
    return _remove(thread, dirfd, pathname, flags)


_NO_DIRECTORY_TO_REMOVE = {b".": errno.EINVAL, b"..": errno.ENOTEMPTY, b"/": errno.EBUSY}


def _remove(thread: Thread, dirfd: int, pathname: int, flags: int) -> int:
    files = files_of(thread)
    with files.walk(thread, dirfd, read_path(thread, pathname), parent=True) as found:
        if found.last:
            return -_NO_DIRECTORY_TO_REMOVE[found.last] if flags else -errno.EISDIR
        files.require_writable(found)
        if found.is_mount:
            return -errno.EBUSY if flags else -errno.EISDIR
        return _on_name(numbers.unlinkat, found, flags)


def _on_name(number: int, found: Found, arg: int) -> int:
    """A host call on the name that was found, in its directory."""
    name = ctypes.create_string_buffer(found.host_name)
    return kernel.call3(number, found.parent, ctypes.addressof(name), arg)


@syscall
def getcwd(thread: Thread, buf: CwdOut, size: Size) -> Result:
    """getcwd(2), as the kernel's call: the length with the NUL."""
    text = files_of(thread).cwd_text()
    if text is None:
        return -errno.ENOENT
    if len(text) + 1 > size:
        return -errno.ERANGE
    thread.memory.write(buf, text + b"\0")
    return len(text) + 1


@syscall
def chdir(thread: Thread, path: Path) -> Result:
    """chdir(2)."""
    files = files_of(thread)
    with files.walk(thread, At.AT_FDCWD, read_path(thread, path)) as found:
        return _change_directory(files, found)


@syscall
def fchdir(thread: Thread, fd: Fd) -> Result:
    """fchdir(2)."""
    files = files_of(thread)
    with files.walk(thread, fd, b".") as found:
        return _change_directory(files, found)


def _change_directory(files: FileSystem, found: Found) -> int:
    fd = found.require()
    if not found.is_directory:
        return -errno.ENOTDIR
    flags = AccessAt.AT_EACCESS | AccessAt.AT_EMPTY_PATH
    allowed = kernel.call4(numbers.faccessat2, fd, _EMPTY_ADDRESS, 1, flags)
    if allowed == 0:
        files.set_cwd(found)
    return allowed


@syscall
def umask(thread: Thread, mask: Mode) -> ModeResult:
    """umask(2)."""
    files = files_of(thread)
    old, files.umask = files.umask, mask & 0o777
    return old


@syscall
def getdents64(thread: Thread, fd: Fd, dirp: EntriesOut, count: UInt) -> Result:
    """getdents64(2)."""
    return _entries(thread, numbers.getdents64, fd, dirp, count)


@syscall
def getdents(thread: Thread, fd: Fd, dirp: OldEntriesOut, count: UInt) -> Result:
    """getdents(2), the old call."""
    return _entries(thread, numbers.getdents, fd, dirp, count)


def _entries(thread: Thread, number: int, fd: int, dirp: int, count: int) -> int:
    entry = thread.fds.entries.get(fd)
    if entry is None:
        return EBADF
    operations = entry.description.operations
    if isinstance(operations, Listing):
        return operations.entries(thread, entry.host, dirp, count, old=number == numbers.getdents)
    result = kernel.call3(number, entry.host, host_address(thread, dirp), count)
    if result > 0:
        thread.memory.wrote(dirp, result)
    return result
