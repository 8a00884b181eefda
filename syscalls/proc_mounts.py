"""What is mounted where, as the guest sees it: /proc/PID/mounts and mountinfo."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syscalls.mounts import Mount
    from syscalls.process import Thread

_ESCAPED = {ord(letter): f"\\{ord(letter):03o}" for letter in " \t\n\\"}


def _mounts(thread: "Thread | None") -> "list[Mount]":
    if thread is None or thread.files is None:
        return []
    shown: list[Mount] = thread.files.tree.shown()
    return shown


def _text(path: bytes) -> str:
    return os.fsdecode(path).translate(_ESCAPED)


def _options(mount: "Mount") -> str:
    return f"{'rw' if mount.writable else 'ro'},relatime"


def mount_table(thread: "Thread | None") -> bytes:
    """proc_pid_mounts(5)."""
    lines = [
        f"{mount.kind} {_text(mount.path)} {mount.kind} {_options(mount)} 0 0\n" for mount in _mounts(thread)
    ]
    return os.fsencode("".join(lines))


def mount_info(thread: "Thread | None") -> bytes:
    """proc_pid_mountinfo(5): device numbers are those that stat(2) shows."""
    mounts = _mounts(thread)
    numbers = {id(mount): number for number, mount in enumerate(mounts, 1)}
    lines = []
    for mount in mounts:
        above = mount.parent
        while id(above) not in numbers:
            above = above.parent
        device = mount.identity[0]
        lines.append(
            f"{numbers[id(mount)]} {0 if above is mount else numbers[id(above)]} "
            f"{os.major(device)}:{os.minor(device)} / {_text(mount.path)} {_options(mount)} - "
            f"{mount.kind} {mount.kind} {'rw' if mount.writable else 'ro'}\n"
        )
    return os.fsencode("".join(lines))
