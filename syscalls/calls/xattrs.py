"""Extended attributes (xattr(7)): what the host's file system says, changed where the guest may write."""

import ctypes
import errno

from syscalls import kernel, numbers
from syscalls.args import Fd, Path, Result, Size
from syscalls.calls.paths import files_of, read_path
from syscalls.files import require_changeable
from syscalls.flags import At, Open
from syscalls.process import Thread
from syscalls.streams import host_address
from syscalls.table import syscall
from syscalls.types_attributes import AttributeFlags, AttributeIn, AttributeName, AttributeNames, AttributeOut

NAME_MAX = 255
"""Letters in the name of an attribute (XATTR_NAME_MAX)."""

SIZE_MAX = 65536
"""Bytes in its value (XATTR_SIZE_MAX)."""


@syscall
def setxattr(
    thread: Thread, path: Path, name: AttributeName, value: AttributeIn, size: Size, flags: AttributeFlags
) -> Result:
    """setxattr(2)."""
    return _set(thread, path, True, name, value, size, flags)


@syscall
def lsetxattr(
    thread: Thread, path: Path, name: AttributeName, value: AttributeIn, size: Size, flags: AttributeFlags
) -> Result:
    """lsetxattr(2)."""
    return _set(thread, path, False, name, value, size, flags)


@syscall
def fsetxattr(
    thread: Thread, fd: Fd, name: AttributeName, value: AttributeIn, size: Size, flags: AttributeFlags
) -> Result:
    """fsetxattr(2)."""
    text = check_value(thread, name, value, size, flags)
    host = _open(thread, fd, True)
    require_common(text)
    place = host_address(thread, name), host_address(thread, value)
    return kernel.call5(numbers.fsetxattr, host, *place, size, flags)


def _set(thread: Thread, path: int, follow: bool, name: int, value: int, size: int, flags: int) -> Result:
    text = check_value(thread, name, value, size, flags)
    files = files_of(thread)
    with files.walk(thread, At.AT_FDCWD, read_path(thread, path), follow) as found:
        place, _keep = _by_descriptor(found.require())
        files.require_change(found)
        require_common(text)
        addresses = host_address(thread, name), host_address(thread, value)
        return kernel.call5(numbers.setxattr, place, *addresses, size, flags)


@syscall
def getxattr(thread: Thread, path: Path, name: AttributeName, value: AttributeOut, size: Size) -> Result:
    """getxattr(2)."""
    return _get(thread, path, True, name, value, size)


@syscall
def lgetxattr(thread: Thread, path: Path, name: AttributeName, value: AttributeOut, size: Size) -> Result:
    """lgetxattr(2)."""
    return _get(thread, path, False, name, value, size)


@syscall
def fgetxattr(thread: Thread, fd: Fd, name: AttributeName, value: AttributeOut, size: Size) -> Result:
    """fgetxattr(2)."""
    check_name(thread, name)
    host = _open(thread, fd, False)
    place = host_address(thread, name), host_address(thread, value)
    return _filled(thread, value, size, kernel.call4(numbers.fgetxattr, host, *place, size))


def _get(thread: Thread, path: int, follow: bool, name: int, value: int, size: int) -> Result:
    check_name(thread, name)
    with files_of(thread).walk(thread, At.AT_FDCWD, read_path(thread, path), follow) as found:
        place, _keep = _by_descriptor(found.require())
        addresses = host_address(thread, name), host_address(thread, value)
        return _filled(thread, value, size, kernel.call4(numbers.getxattr, place, *addresses, size))


@syscall
def listxattr(thread: Thread, path: Path, list: AttributeNames, size: Size) -> Result:
    """listxattr(2)."""
    return _list(thread, path, True, list, size)


@syscall
def llistxattr(thread: Thread, path: Path, list: AttributeNames, size: Size) -> Result:
    """llistxattr(2)."""
    return _list(thread, path, False, list, size)


@syscall
def flistxattr(thread: Thread, fd: Fd, list: AttributeNames, size: Size) -> Result:
    """flistxattr(2)."""
    host = _open(thread, fd, False)
    return _filled(
        thread, list, size, kernel.call3(numbers.flistxattr, host, host_address(thread, list), size)
    )


def _list(thread: Thread, path: int, follow: bool, names: int, size: int) -> Result:
    with files_of(thread).walk(thread, At.AT_FDCWD, read_path(thread, path), follow) as found:
        place, _keep = _by_descriptor(found.require())
        result = kernel.call3(numbers.listxattr, place, host_address(thread, names), size)
        return _filled(thread, names, size, result)


@syscall
def removexattr(thread: Thread, path: Path, name: AttributeName) -> Result:
    """removexattr(2)."""
    return _remove(thread, path, True, name)


@syscall
def lremovexattr(thread: Thread, path: Path, name: AttributeName) -> Result:
    """lremovexattr(2)."""
    return _remove(thread, path, False, name)


@syscall
def fremovexattr(thread: Thread, fd: Fd, name: AttributeName) -> Result:
    """fremovexattr(2)."""
    text = check_name(thread, name)
    host = _open(thread, fd, True)
    require_common(text)
    return kernel.call2(numbers.fremovexattr, host, host_address(thread, name))


def _remove(thread: Thread, path: int, follow: bool, name: int) -> Result:
    text = check_name(thread, name)
    files = files_of(thread)
    with files.walk(thread, At.AT_FDCWD, read_path(thread, path), follow) as found:
        place, _keep = _by_descriptor(found.require())
        files.require_change(found)
        require_common(text)
        return kernel.call2(numbers.removexattr, place, host_address(thread, name))


def _by_descriptor(host: int) -> tuple[int, object]:
    """The host address of a path that names a host descriptor's file itself, and what keeps it there."""
    buffer = ctypes.create_string_buffer(b"/proc/self/fd/%d" % host)
    return ctypes.addressof(buffer), buffer


def _open(thread: Thread, fd: int, change: bool) -> int:
    """The host descriptor; raises EBADF (for O_PATH, too), and to `change` it EROFS or EPERM."""
    entry = thread.fds.get(fd)
    if entry.description.flags & Open.O_PATH:
        raise OSError(errno.EBADF, "opened with O_PATH")
    if change:
        require_changeable(entry.host, entry.description.detail)
    return entry.host


def require_common(name: bytes) -> None:
    """Raises EPERM for what needs CAP_SYS_ADMIN or CAP_SETFCAP over the file system: the bench may have these, a guest has not."""
    if name.startswith((b"security.", b"trusted.")):
        raise OSError(errno.EPERM, "needs privilege")


def check_name(thread: Thread, address: int) -> bytes:
    """A name; raises EFAULT, ERANGE for what is none."""
    try:
        name = thread.memory.cstring(address, NAME_MAX + 1)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        name = b""
    if not name:
        raise OSError(errno.ERANGE, "no name of an attribute")
    return name


def check_value(thread: Thread, name: int, value: int, size: int, flags: int) -> bytes:
    """The name; raises what setxattr_copy in fs/xattr.c does, in its order."""
    if flags & ~3:
        raise OSError(errno.EINVAL, "unknown flags")
    text = check_name(thread, name)
    if size > SIZE_MAX:
        raise OSError(errno.E2BIG, "too long a value")
    if size and thread.memory.readable(value, size) < size:
        raise OSError(errno.EFAULT, "no value there")
    return text


def _filled(thread: Thread, address: int, size: int, result: int) -> int:
    if size and result > 0:
        thread.memory.wrote(address, result)
    return result
