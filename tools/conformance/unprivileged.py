"""Runs a program, or the bench, as nobody and apart from everything: `python -m tools.conformance.unprivileged FOLDER native|emulated COMMAND...`.

As root it takes namespaces of its own for processes and System V objects (where it may), becomes the user NOBODY without any privilege and with no
way to get one, and only then runs the command. As somebody else it only gives up what could be gained.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Sequence

NOBODY = 64123
"""A user whom no other process belongs to: 65534 has some on many machines."""
_NAMESPACES = 0x00020000 | 0x08000000 | 0x20000000  # CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID
_PRIVATE = (1 << 18) | (1 << 14)  # MS_PRIVATE | MS_REC
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38

_libc = ctypes.CDLL(None, use_errno=True)


def user() -> int:
    """Who the command will be."""
    return NOBODY if os.geteuid() == 0 else os.geteuid()


def apart() -> bool:
    """Takes namespaces of its own; the next child is the first process in them. False where that is not allowed."""
    if os.geteuid() or _libc.unshare(_NAMESPACES):
        return False
    return bool(_libc.mount(b"none", b"/", None, _PRIVATE, None) == 0)


def drop() -> None:
    """Gives up all privileges, for good."""
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self is root's


def load(package: str) -> None:
    """Imports a package whole: the interpreter may lie where only root can read."""
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, f"{package}."):
        if "viewer" not in module.name and "plugin" not in module.name and "__main__" not in module.name:
            importlib.import_module(module.name)


def supervise(child: int) -> int:
    """Waits for the child, reaping what it leaves behind; its exit status as a shell gives it."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main(words: Sequence[str]) -> int:
    """Forks twice: the first child is the first process of the namespaces, the second runs the command."""
    folder, way, *command = words
    if way == "emulated":
        for package in ("emu", "syscalls"):
            load(package)
    alone = apart()
    first = os.fork()
    if first:
        return supervise(first)
    if alone:
        _libc.mount(b"proc", b"/proc", b"proc", 0, None)
        # Quick, gone with the run, and no case can fill the disk.
        _libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"mode=777,size=256m")
    second = os.fork()
    if second:
        return supervise(second)
    drop()
    os.chdir(folder)
    if way == "native":
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(
                number, signal.SIG_DFL
            )  # exec keeps what is ignored: by the interpreter, by a shell's `&`
        os.execve(command[0], command, {})
    cli = importlib.import_module("emu.cli")
    return int(cli.main(["run", *command]) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
