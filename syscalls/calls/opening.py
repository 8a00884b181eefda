"""openat2(2): opening with limits to where the path may lead (fs/open.c, build_open_flags)."""

import errno
from typing import Annotated

from syscalls.args import DirFd, FdResult, Path, Size
from syscalls.calls.paths import files_of, open_path, read_path
from syscalls.files import OPENED, PATH_ONLY, TMPFILE
from syscalls.flags import Open, Resolve
from syscalls.process import Thread
from syscalls.resolving import KNOWN, SCOPED
from syscalls.structs import Layout
from syscalls.table import syscall
from syscalls.types_vectors import InSized

OpenHow = Layout("open_how", ("Q", "flags", Open.text), ("Q", "mode", oct), ("Q", "resolve", Resolve.text))
SIZE = OpenHow.size

_PAGE = 4096
_MAKING = Open.O_CREAT | TMPFILE
_CHANGING = Open.O_TRUNC | _MAKING


@syscall
def openat2(
    thread: Thread, dirfd: DirFd, pathname: Path, how: Annotated[int, InSized(OpenHow, "size")], size: Size
) -> FdResult:
    """openat2(2). RESOLVE_CACHED finds everything, as if it were cached."""
    if size < SIZE:
        return -errno.EINVAL
    if size > _PAGE:
        return -errno.E2BIG
    data = thread.memory.read(how, size)
    if any(data[SIZE:]):
        return -errno.E2BIG
    flags, mode, resolve = OpenHow.unpack(data[:SIZE])
    if not _is_valid(flags, mode, resolve):
        return -errno.EINVAL
    if resolve & Resolve.RESOLVE_CACHED and flags & _CHANGING:
        return -errno.EAGAIN
    files_of(thread)
    return open_path(thread, dirfd, read_path(thread, pathname), flags, mode, resolve)


def _is_valid(flags: int, mode: int, resolve: int) -> bool:
    if flags & ~OPENED or resolve & ~KNOWN or resolve & SCOPED == SCOPED:
        return False
    if mode & ~0o7777 or (mode and not flags & _MAKING):
        return False
    if flags & Open.O_CREAT and flags & Open.O_DIRECTORY:
        return False
    if flags & TMPFILE and (not flags & Open.O_DIRECTORY or not flags & Open.O_ACCMODE):
        return False
    return not flags & Open.O_PATH or not flags & ~PATH_ONLY
