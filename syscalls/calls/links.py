"""Names in directories: rename, hard and symbolic links, nodes."""

import ctypes
import errno
import stat

from syscalls import kernel, numbers
from syscalls.args import DirFd, Path, Result
from syscalls.calls.paths import files_of, read_path
from syscalls.files import FileSystem
from syscalls.flags import At
from syscalls.flags.attributes import Rename
from syscalls.mounts import Found
from syscalls.process import Thread
from syscalls.table import syscall
from syscalls.types_attributes import DeviceNumber, NodeMode, RenameFlags
from syscalls.types_files import AtFlags

EBUSY = -errno.EBUSY
EEXIST = -errno.EEXIST
EINVAL = -errno.EINVAL
EPERM = -errno.EPERM
EXDEV = -errno.EXDEV

_HERE = At.AT_FDCWD & 0xFFFFFFFF


def _address(text: bytes) -> tuple[int, object]:
    """The host address of a string, and what keeps it there."""
    buffer = ctypes.create_string_buffer(text)
    return ctypes.addressof(buffer), buffer


def _to_be_made(files: FileSystem, found: Found, folder: bool = False) -> None:
    """Raises what Linux does when a name cannot be made (filename_create in fs/namei.c)."""
    if found.exists:
        raise OSError(errno.EEXIST, "the name is taken")
    if found.slash and not folder:
        raise OSError(errno.ENOENT, "a name that ends in a slash")
    files.require_writable(found)


@syscall
def rename(thread: Thread, oldpath: Path, newpath: Path) -> Result:
    """rename(2)."""
    return _rename(thread, At.AT_FDCWD, oldpath, At.AT_FDCWD, newpath, 0)


@syscall
def renameat(thread: Thread, olddirfd: DirFd, oldpath: Path, newdirfd: DirFd, newpath: Path) -> Result:
    """renameat(2)."""
    return _rename(thread, olddirfd, oldpath, newdirfd, newpath, 0)


@syscall
def renameat2(
    thread: Thread, olddirfd: DirFd, oldpath: Path, newdirfd: DirFd, newpath: Path, flags: RenameFlags
) -> Result:
    """renameat2(2)."""
    return _rename(thread, olddirfd, oldpath, newdirfd, newpath, flags & 0xFFFFFFFF)


def _rename(thread: Thread, old_fd: int, old_path: int, new_fd: int, new_path: int, flags: int) -> Result:
    if flags & ~(Rename.RENAME_NOREPLACE | Rename.RENAME_EXCHANGE | Rename.RENAME_WHITEOUT):
        return EINVAL
    if flags & Rename.RENAME_EXCHANGE and flags != Rename.RENAME_EXCHANGE:
        return EINVAL
    files = files_of(thread)
    with (  # what is wrong with the new name is told after what is wrong with the old one (do_renameat2 in fs/namei.c)
        files.walk(thread, old_fd, read_path(thread, old_path), parent=True) as old,
        files.walk(thread, new_fd, read_path(thread, new_path), parent=True) as new,
    ):
        # The directory around `..` is the one before it, as the kernel sees it: the walk is one step further.
        if old.parent_mount is not new.parent_mount and b".." not in (old.last, new.last):
            return EXDEV
        if old.last:
            return EBUSY
        if new.last:
            return EEXIST if flags & Rename.RENAME_NOREPLACE else EBUSY
        files.require_writable(old)
        old.require()
        if flags & Rename.RENAME_NOREPLACE and new.exists:
            return EEXIST
        if flags & Rename.RENAME_EXCHANGE:
            new.require()
        if old.is_mount or new.is_mount:
            return EBUSY
        old_name, _keep = _address(old.host_name)
        new_name, _keep_too = _address(new.host_name)
        return kernel.call5(numbers.renameat2, old.parent, old_name, new.parent, new_name, flags)


@syscall
def link(thread: Thread, oldpath: Path, newpath: Path) -> Result:
    """link(2)."""
    return _link(thread, At.AT_FDCWD, oldpath, At.AT_FDCWD, newpath, 0)


@syscall
def linkat(
    thread: Thread, olddirfd: DirFd, oldpath: Path, newdirfd: DirFd, newpath: Path, flags: AtFlags
) -> Result:
    """linkat(2)."""
    return _link(thread, olddirfd, oldpath, newdirfd, newpath, flags)


def _link(thread: Thread, old_fd: int, old_path: int, new_fd: int, new_path: int, flags: int) -> Result:
    if flags & ~(At.AT_SYMLINK_FOLLOW | At.AT_EMPTY_PATH):
        return EINVAL
    files = files_of(thread)
    follow = bool(flags & At.AT_SYMLINK_FOLLOW)
    empty = bool(flags & At.AT_EMPTY_PATH)
    old_name = read_path(thread, old_path, empty)
    with files.walk(thread, old_fd, old_name, follow, empty=empty) as old:
        old.require()
        with files.walk(thread, new_fd, read_path(thread, new_path), parent=True) as new:
            _to_be_made(files, new)
            if old.mount is not new.parent_mount or old.outside:
                return EXDEV
            if stat.S_ISDIR(old.mode):
                return EPERM
            name, _keep = _address(new.name)
            if not old_name:
                nothing, _keep_too = _address(b"")
                return kernel.call5(numbers.linkat, old.fd, nothing, new.parent, name, At.AT_EMPTY_PATH)
            # By its descriptor: what the walk has found, whoever changes the name meanwhile.
            source, _keep_too = _address(b"/proc/self/fd/%d" % old.fd)
            return kernel.call5(numbers.linkat, _HERE, source, new.parent, name, At.AT_SYMLINK_FOLLOW)


@syscall
def symlink(thread: Thread, target: Path, linkpath: Path) -> Result:
    """symlink(2)."""
    return _symlink(thread, target, At.AT_FDCWD, linkpath)


@syscall
def symlinkat(thread: Thread, target: Path, newdirfd: DirFd, linkpath: Path) -> Result:
    """symlinkat(2)."""
    return _symlink(thread, target, newdirfd, linkpath)


def _symlink(thread: Thread, target: int, dirfd: int, path: int) -> Result:
    files = files_of(thread)
    text = read_path(thread, target)
    with files.walk(thread, dirfd, read_path(thread, path), parent=True) as found:
        _to_be_made(files, found)
        where, _keep = _address(text)
        name, _keep_too = _address(found.name)
        result = kernel.call3(numbers.symlinkat, where, found.parent, name)
        if result == 0:
            files.was_made(thread, found)
        return result


@syscall(partial="devices are EPERM, as for a program without CAP_MKNOD")
def mknod(thread: Thread, pathname: Path, mode: NodeMode, dev: DeviceNumber) -> Result:
    """mknod(2)."""
    return _mknod(thread, At.AT_FDCWD, pathname, mode, dev)


@syscall(partial="devices are EPERM, as for a program without CAP_MKNOD")
def mknodat(thread: Thread, dirfd: DirFd, pathname: Path, mode: NodeMode, dev: DeviceNumber) -> Result:
    """mknodat(2)."""
    return _mknod(thread, dirfd, pathname, mode, dev)


def _mknod(thread: Thread, dirfd: int, pathname: int, mode: int, dev: int) -> Result:
    kind = stat.S_IFMT(mode & 0xFFFF)
    if kind == stat.S_IFDIR:
        return EPERM
    devices = stat.S_IFCHR, stat.S_IFBLK
    if kind not in (0, stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK, *devices):
        return EINVAL
    files = files_of(thread)
    with files.walk(thread, dirfd, read_path(thread, pathname), parent=True) as found:
        _to_be_made(files, found)
        if kind in devices:
            return EPERM
        name, _keep = _address(found.name)
        with files.masked():
            result = kernel.call4(numbers.mknodat, found.parent, name, mode & 0xFFFF, dev)
        if result == 0:
            files.was_made(thread, found)
        return result
