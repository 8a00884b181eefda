"""Finds the program that execve(2) is to run: the file in the guest's own roots, `#!` lines, and the ELF interpreter.

Sources: fs/exec.c (do_open_execat, alloc_bprm, exec_binprm), fs/binfmt_script.c, fs/binfmt_elf.c.
"""

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from syscalls import credentials
from syscalls.elf import HEADER_SIZE, ElfError, File, Image, read
from syscalls.flags import At, Open, Prot
from syscalls.strings import Strings

if TYPE_CHECKING:
    from syscalls.files import FileSystem
    from syscalls.mounts import Found
    from syscalls.process import Process, Thread

SCRIPT_HEAD = 256
"""How many bytes of a file execve(2) looks at to see what it is (BINPRM_BUF_SIZE)."""
_DEEPEST = 5  # rewrites of the program before ELOOP (exec_binprm)
_BLANKS = b" \t"


class Executable(NamedTuple):
    """A file that may be executed: a host descriptor, and its path as the guest sees it."""

    descriptor: int
    path: bytes


class Program(NamedTuple):
    """What is to run. `close` gives the files back, once their segments are mapped.

    `argv` are the arguments after what scripts have put before them, `execfn` what AT_EXECFN says; `path` and `host_path`
    name the file of the image, for the guest and on the host (where it may have been deleted); `name` is the thread's (comm).
    """

    image: Image
    interpreter: Image | None
    argv: list[bytes]
    execfn: bytes
    path: bytes
    host_path: bytes
    name: bytes

    def close(self) -> None:
        """Closes the host descriptors."""
        for image in (self.image, self.interpreter):
            if image is not None and image.descriptor >= 0:
                os.close(image.descriptor)


class ScriptLine(NamedTuple):
    """What a `#!` line names."""

    interpreter: bytes
    argument: bytes | None


def may_execute(status: os.stat_result, user: int, owners: set[int], groups: set[int]) -> bool:
    """Whether a file's mode lets `user` execute it; for root, one bit of any kind does (generic_permission of fs/namei.c).

    `owners` are the ids whose files are the user's own.
    """
    mode = status.st_mode
    if not user:
        return bool(mode & 0o111)
    if status.st_uid in owners:
        return bool(mode & stat.S_IXUSR)
    if status.st_gid in groups:
        return bool(mode & stat.S_IXGRP)
    return bool(mode & stat.S_IXOTH)


def script_line(head: bytes) -> ScriptLine | None:
    """The interpreter and its one argument in the first bytes of a script; None for what is no script (load_script).

    A line that does not end within the first 256 bytes may lose the end of its argument, but not of the interpreter's
    path.
    """
    head = head[:SCRIPT_HEAD].ljust(SCRIPT_HEAD, b"\0")
    if not head.startswith(b"#!"):
        return None
    end = head.split(b"\0", 1)[0].find(b"\n")
    if end < 0:
        end = SCRIPT_HEAD - 1
        start = _skip(head, 2, end)
        if start is None or _terminator(head, start, end) is None:
            return None
    while head[end - 1] in _BLANKS:
        end -= 1
    start = _skip(head, 2, end)
    if start is None or start >= end:
        return None
    separator = _terminator(head, start, end)
    # What the kernel finds at `end` itself it has overwritten with a NUL when it looks at the strings.
    argument = None
    if separator is not None and head[separator]:
        after = _skip(head, separator, end)
        if after is not None:
            argument = head[after:end].split(b"\0", 1)[0]
    name = head[start : end if separator is None else min(separator, end)].split(b"\0", 1)[0]
    return ScriptLine(name, argument) if name else None


def _skip(head: bytes, first: int, last: int) -> int | None:
    """The first index from `first` to `last` that is no blank."""
    return next((at for at in range(first, last + 1) if head[at] not in _BLANKS), None)


def _terminator(head: bytes, first: int, last: int) -> int | None:
    """The first index from `first` to `last` of a blank or NUL."""
    return next((at for at in range(first, last + 1) if head[at] in b" \t\0"), None)


def open_executable(
    files: "FileSystem", process: "Process", thread: "Thread | None", dirfd: int, path: bytes, flags: int = 0
) -> Executable:
    """The file at `path`, opened for execve(2) (do_open_execat); `flags` are AT_*. To be closed.

    `thread` is who asks; None for what the bench itself looks for, in the first process. Raises what execve(2) lists: ENOENT, EACCES, ELOOP, ENOTDIR, ENAMETOOLONG, EBADF, ETXTBSY.
    """
    follow = not flags & At.AT_SYMLINK_NOFOLLOW
    with files.walk(thread, dirfd, path, follow, empty=bool(flags & At.AT_EMPTY_PATH)) as found:
        found.require()
        kind = stat.S_IFMT(found.mode)
        if kind == stat.S_IFLNK:
            raise OSError(errno.ELOOP, "a symbolic link")
        if kind != stat.S_IFREG:
            raise OSError(errno.EACCES, "not a regular file")
        assert found.status is not None
        own = credentials.of_process(process) if thread is None else credentials.of(thread)
        # What the guest makes belongs to the bench's own user on the host.
        owners = {own.fsuid, os.geteuid()}
        groups = {own.fsgid, *own.groups, os.getegid(), *os.getgroups()}
        if not may_execute(found.status, own.fsuid, owners, groups):
            raise OSError(errno.EACCES, "its mode does not let the guest execute it")
        if _is_being_written(process, found.status):
            raise OSError(errno.ETXTBSY, "open for writing")
        descriptor = os.open(b"/proc/self/fd/%d" % found.fd, os.O_RDONLY | os.O_CLOEXEC)
        return Executable(descriptor, _path(files, found))


def _is_being_written(process: "Process", status: os.stat_result) -> bool:
    """Whether a guest process has the file open for writing; what the host's processes do does not count."""
    tables = {
        id(thread.fds): thread.fds
        for other in process.system.processes.values()
        for thread in other.threads.values()
    }
    for table in tables.values():
        for entry in table.entries.values():
            flags = entry.description.flags
            # A memfd's own descriptor does not count: it was never opened (alloc_file of fs/file_table.c).
            named = entry.description.kind == "file" and entry.description.path.startswith("/")
            if named and flags & Open.O_ACCMODE and not flags & Open.O_PATH:
                other_file = os.fstat(entry.host)
                if (other_file.st_dev, other_file.st_ino) == (status.st_dev, status.st_ino):
                    return True
    return False


def require_idle(thread: "Thread", found: "Found") -> None:
    """Raises ETXTBSY when a guest process runs this file, which is about to be written (exe_file_deny_write_access)."""
    status = found.status
    if status is None or not status.st_mode & 0o111:
        return
    file = status.st_dev, status.st_ino
    for process in thread.process.system.living():
        for region in process.memory.regions:
            if region.file == file and region.prot & Prot.PROT_EXEC and region.name == process.exe:
                raise OSError(errno.ETXTBSY, "a program that runs")


def _path(files: "FileSystem", found: "Found") -> bytes:
    """The path of a file as the guest sees it, links resolved; of what is in no root (a memfd), what the host calls it."""
    mounts = [found.mount, *files.tree.mounts.values(), files.root]
    named = [(len(os.readlink(b"/proc/self/fd/%d" % mount.fd)), mount) for mount in mounts[1:]]
    for _, mount in [(0, found.mount), *sorted(named, key=lambda pair: -pair[0])]:
        path: bytes | None = mount.inside(found.fd)
        if path is not None:
            return path
    return os.readlink(b"/proc/self/fd/%d" % found.fd)


def find_program(
    files: "FileSystem",
    process: "Process",
    thread: "Thread | None",
    file: Executable,
    filename: bytes,
    argv: list[bytes],
    room: Strings,
    *,
    by_descriptor: bool = False,
    inaccessible: bool = False,
) -> Program:
    """What runs when `file`, called `filename`, is executed with the arguments `argv` (at least one): exec_binprm().

    `thread` is who asks; None for the bench itself. `room` is what is left for strings; `by_descriptor`: the path was empty; `inaccessible`: the name will lead nowhere for the new program.
    Owns `file` from now on. Raises what execve(2) lists.
    """
    argv = list(argv)
    called = filename
    depth = 0
    try:
        while (line := script_line(os.pread(file.descriptor, SCRIPT_HEAD, 0))) is not None:
            if inaccessible:
                raise OSError(errno.ENOENT, "a script whose descriptor will be closed")
            room.give_back(argv.pop(0))
            for text in (called, *([line.argument] if line.argument is not None else []), line.interpreter):
                argv.insert(0, room.take(text))
            called = line.interpreter
            next_file = open_executable(files, process, thread, At.AT_FDCWD, called)
            os.close(file.descriptor)
            file = next_file
            depth += 1
            if depth > _DEEPEST:
                raise OSError(errno.ELOOP, "scripts run by scripts")
        image = _image(file, {})
        interpreter = find_interpreter(files, process, thread, image)
    except BaseException:
        os.close(file.descriptor)
        raise
    host_path = os.readlink(b"/proc/self/fd/%d" % file.descriptor)
    named = host_path.removesuffix(b" (deleted)") if by_descriptor else filename
    name = named.rpartition(b"/")[2][:15]
    return Program(image, interpreter, argv, filename, file.path, host_path, name)


def find_interpreter(
    files: "FileSystem", process: "Process", thread: "Thread | None", image: Image
) -> Image | None:
    """The dynamic linker that a program needs, with its file open; None if it needs none. Raises what execve(2) lists."""
    if image.interpreter is None:
        return None
    # An empty path is the working directory here: getname_kernel() lets it pass.
    file = open_executable(files, process, thread, At.AT_FDCWD, image.interpreter or b".")
    try:
        if os.fstat(file.descriptor).st_size < HEADER_SIZE:
            raise OSError(errno.EIO, "it is shorter than an ELF header")
        return _image(file, {errno.ENOEXEC: errno.ELIBBAD})
    except BaseException:
        os.close(file.descriptor)
        raise


def _image(file: Executable, codes: dict[int, int]) -> Image:
    """The image of an ELF file; raises OSError with its code, or what `codes` has for it."""
    path = os.fsdecode(file.path)
    try:
        return read(File(file.descriptor), path)
    except ElfError as error:
        raise OSError(codes.get(error.code, error.code), str(error)) from None
