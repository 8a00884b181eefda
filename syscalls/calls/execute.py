"""Another program in the place of this one: execve and execveat."""

import os

from syscalls.args import DirFd, Path, Result
from syscalls.birth import after_exec
from syscalls.calls.barriers import forget_registrations
from syscalls.calls.paths import files_of, read_path
from syscalls.flags import At
from syscalls.flags.execute import ExecAt
from syscalls.flags.threads import Rlimit
from syscalls.limits import limit
from syscalls.process import Thread
from syscalls.programs import find_program, open_executable
from syscalls.strings import Strings, read_pointers, strings_limit
from syscalls.table import syscall
from syscalls.types_execute import Arguments, Environment, ExecFlags
from syscalls.wait import Executed

EINVAL = -22
_KNOWN = ExecAt.AT_SYMLINK_NOFOLLOW | ExecAt.AT_EMPTY_PATH | ExecAt.AT_EXECVE_CHECK


@syscall(
    partial="set-user-ID and set-group-ID bits are not looked at, as on a file system that is mounted nosuid"
)
def execve(thread: Thread, pathname: Path, argv: Arguments, envp: Environment) -> Result:
    """execve(2)."""
    return _execute(thread, At.AT_FDCWD, pathname, argv, envp, 0)


@syscall(
    partial="set-user-ID and set-group-ID bits are not looked at, as on a file system that is mounted nosuid"
)
def execveat(
    thread: Thread, dirfd: DirFd, pathname: Path, argv: Arguments, envp: Environment, flags: ExecFlags
) -> Result:
    """execveat(2)."""
    return _execute(thread, dirfd, pathname, argv, envp, flags)


def _execute(thread: Thread, dirfd: int, pathname: int, argv: int, envp: int, flags: int) -> Result:
    path = read_path(thread, pathname, bool(flags & ExecAt.AT_EMPTY_PATH))
    if flags & ~_KNOWN:
        return EINVAL
    memory = thread.memory
    file = open_executable(files_of(thread), thread.process, thread, dirfd, path, flags)
    try:
        most_stack, _ = limit(thread.process, Rlimit.RLIMIT_STACK)
        most = strings_limit(most_stack) // 8
        pointers = [read_pointers(memory, address, most) for address in (argv, envp)]
        room = Strings(most_stack, *map(len, pointers))
        filename = room.take(_file_name(dirfd, path))
        environment = room.copy(memory, pointers[1])
        arguments = room.copy(memory, pointers[0]) or [room.take(b"")]
        entry = None if dirfd == At.AT_FDCWD or path.startswith(b"/") else thread.fds.entries.get(dirfd)
    except BaseException:
        os.close(file.descriptor)
        raise
    if flags & ExecAt.AT_EXECVE_CHECK:
        os.close(file.descriptor)
        return 0
    program = find_program(
        files_of(thread),
        thread.process,
        thread,
        file,
        filename,
        arguments,
        room,
        by_descriptor=entry is not None and not path,
        inaccessible=entry is not None and entry.cloexec,
    )
    try:
        answer: Result = thread.bench.execute(thread, program, environment)
        if isinstance(answer, Executed):
            after_exec(thread)
            forget_registrations(thread.process)
        return answer
    finally:
        program.close()


def _file_name(dirfd: int, path: bytes) -> bytes:
    """What AT_EXECFN says, and an interpreter gets as the script's name (alloc_bprm of fs/exec.c)."""
    if dirfd == At.AT_FDCWD or path.startswith(b"/"):
        return path
    return b"/dev/fd/%d" % dirfd + (b"/" + path if path else b"")
