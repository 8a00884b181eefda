"""Starts a program on the bare kernel, stopped before its first instruction and bound to die with us."""

import errno
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emu.native import ptrace

OPTIONS = (
    ptrace.O_TRACESYSGOOD
    | ptrace.O_TRACECLONE
    | ptrace.O_TRACEFORK
    | ptrace.O_TRACEVFORK
    | ptrace.O_TRACEEXEC
    | ptrace.O_EXITKILL
)

_MOST_DESCRIPTORS = 1 << 20
_DESCRIPTORS = (1024, 4096)
"""RLIMIT_NOFILE in the traced program, soft and hard, as under emu."""


class NotAllowed(Exception):
    """ptrace(2) is forbidden here."""


class NotStarted(Exception):
    """The program could not be executed; `error` is execve's errno."""

    def __init__(self, path: str, error: int) -> None:
        super().__init__(f"{path}: {os.strerror(error)}")
        self.error = error


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: the file, its argument vector and environment, where, and on which host descriptors (None: closed)."""

    path: str
    argv: Sequence[str | bytes]
    env: Mapping[str, str]
    directory: str
    stdio: tuple[int | None, int | None, int | None]


def start(program: Program) -> int:
    """The pid of the program: attached, not executed yet. `release` lets it go to its execve(2).

    Raises `NotAllowed`. To be called in the thread that does all further ptrace calls.
    """
    ready, go = os.pipe()
    pid = os.fork()
    if not pid:
        _become(program, ready)
    os.close(ready)
    try:
        ptrace.call(ptrace.SEIZE, pid, 0, OPTIONS)
    except OSError as error:
        os.close(go)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if error.errno in (errno.EPERM, errno.EACCES):
            raise NotAllowed(
                "the kernel forbids ptrace here (a container without CAP_SYS_PTRACE, or a seccomp filter)"
            ) from None
        raise
    os.write(go, b"!")
    os.close(go)
    return pid


def _become(program: Program, ready: int) -> None:
    """The child: arranges itself and executes the program. Never returns."""
    status = 127
    try:
        if os.read(ready, 1) != b"!":  # whoever would have traced us has gone
            os._exit(status)
        os.setpgid(0, 0)  # a job of its own, as from a shell: Ctrl-C is ours
        _plain_signals()
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limits = (
            _DESCRIPTORS
            if hard == resource.RLIM_INFINITY
            else tuple(min(hard, limit) for limit in _DESCRIPTORS)
        )
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits[0], limits[1]))
        os.chdir(program.directory)
        _arrange(program.stdio)
        os.closerange(3, _MOST_DESCRIPTORS)  # also those that our own parent has let us inherit
        os.execve(program.path, list(program.argv), program.env)
    except OSError as error:
        status = error.errno or status
    finally:
        os._exit(status & 0xFF)


def _plain_signals() -> None:
    """What Python has set for itself (SIGPIPE ignored) must not be seen by the program."""
    for number in signal.valid_signals():
        if signal.getsignal(number) is not signal.SIG_DFL and number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _arrange(stdio: Sequence[int | None]) -> None:
    """Puts the three streams where they belong."""
    moved = [os.dup(fd) if fd is not None else None for fd in stdio]
    safe: list[int | None] = []
    for fd in moved:  # out of the way of 0, 1 and 2
        while fd is not None and fd < 3:
            fd = os.dup(fd)
        safe.append(fd)
    for number, fd in enumerate(safe):
        if fd is not None:
            os.dup2(fd, number, inheritable=True)
        else:
            try:
                os.close(number)
            except OSError:
                pass
