"""Extended attributes of what a directory descriptor and a path name: setxattrat, getxattrat, listxattrat, removexattrat (fs/xattr.c)."""

import ctypes
import errno
from typing import Annotated

from syscalls import kernel, numbers
from syscalls.args import DirFd, Path, Result, Size
from syscalls.calls.paths import files_of, read_path
from syscalls.calls.xattrs import check_name, check_value, require_common
from syscalls.flags import At, Open
from syscalls.flags.attributes import Xattr
from syscalls.mounts import Found
from syscalls.process import Thread
from syscalls.streams import host_address
from syscalls.structs import Layout
from syscalls.table import syscall
from syscalls.types_attributes import AttributeName, AttributeNames
from syscalls.types_files import AtFlags
from syscalls.types_vectors import InSized

XattrArgs = Layout("xattr_args", ("Q", "value", hex), ("I", "size"), ("I", "flags", Xattr.text))
SIZE = XattrArgs.size
_PAGE = 4096
_KNOWN = At.AT_SYMLINK_NOFOLLOW | At.AT_EMPTY_PATH
InArgs = Annotated[int, InSized(XattrArgs, "size")]


def _arguments(thread: Thread, address: int, size: int) -> tuple[int, int, int]:
    """struct xattr_args: raises EINVAL, E2BIG, EFAULT."""
    if size < SIZE:
        raise OSError(errno.EINVAL, "too small a structure")
    if size > _PAGE:
        raise OSError(errno.E2BIG, "too large a structure")
    data = thread.memory.read(address, size)
    if any(data[SIZE:]):
        raise OSError(errno.E2BIG, "unknown arguments")
    value, count, flags = XattrArgs.unpack(data[:SIZE])
    return value, count, flags


def _walk(thread: Thread, dirfd: int, pathname: int, flags: int) -> Found:
    """Raises EINVAL, and what a walk raises; by AT_EMPTY_PATH it is the descriptor itself, unless that is O_PATH: EBADF."""
    empty = bool(flags & At.AT_EMPTY_PATH)
    path = b"" if empty and not pathname else read_path(thread, pathname, empty)
    if not path and dirfd != At.AT_FDCWD and thread.fds.get(dirfd).description.flags & Open.O_PATH:
        raise OSError(errno.EBADF, "opened with O_PATH")
    return files_of(thread).walk(thread, dirfd, path, not flags & At.AT_SYMLINK_NOFOLLOW, empty=empty)


def _place(found: Found) -> tuple[int, object]:
    """The host address of a path that names what was found, and what keeps it there."""
    buffer = ctypes.create_string_buffer(b"/proc/self/fd/%d" % found.require())
    return ctypes.addressof(buffer), buffer


@syscall
def setxattrat(
    thread: Thread,
    dirfd: DirFd,
    pathname: Path,
    at_flags: AtFlags,
    name: AttributeName,
    args: InArgs,
    size: Size,
) -> Result:
    """setxattrat(2)."""
    value, count, flags = _arguments(thread, args, size)
    if at_flags & ~_KNOWN:
        return -errno.EINVAL
    text = check_value(thread, name, value, count, flags)
    with _walk(thread, dirfd, pathname, at_flags) as found:
        place, _keep = _place(found)
        files_of(thread).require_change(found)
        require_common(text)
        addresses = host_address(thread, name), host_address(thread, value)
        return kernel.call5(numbers.setxattr, place, *addresses, count, flags)


@syscall
def getxattrat(
    thread: Thread,
    dirfd: DirFd,
    pathname: Path,
    at_flags: AtFlags,
    name: AttributeName,
    args: InArgs,
    size: Size,
) -> Result:
    """getxattrat(2)."""
    value, count, flags = _arguments(thread, args, size)
    if flags or at_flags & ~_KNOWN:
        return -errno.EINVAL
    check_name(thread, name)
    with _walk(thread, dirfd, pathname, at_flags) as found:
        place, _keep = _place(found)
        addresses = host_address(thread, name), host_address(thread, value)
        result = kernel.call4(numbers.getxattr, place, *addresses, count)
        if count and result > 0:
            thread.memory.wrote(value, result)
        return result


@syscall
def listxattrat(
    thread: Thread, dirfd: DirFd, pathname: Path, at_flags: AtFlags, list: AttributeNames, size: Size
) -> Result:
    """listxattrat(2)."""
    if at_flags & ~_KNOWN:
        return -errno.EINVAL
    with _walk(thread, dirfd, pathname, at_flags) as found:
        place, _keep = _place(found)
        result = kernel.call3(numbers.listxattr, place, host_address(thread, list), size)
        if size and result > 0:
            thread.memory.wrote(list, result)
        return result


@syscall
def removexattrat(
    thread: Thread, dirfd: DirFd, pathname: Path, at_flags: AtFlags, name: AttributeName
) -> Result:
    """removexattrat(2)."""
    if at_flags & ~_KNOWN:
        return -errno.EINVAL
    text = check_name(thread, name)
    with _walk(thread, dirfd, pathname, at_flags) as found:
        place, _keep = _place(found)
        files_of(thread).require_change(found)
        require_common(text)
        return kernel.call2(numbers.removexattr, place, host_address(thread, name))
