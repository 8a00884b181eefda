"""Attempts to read or write the bench's own memory: wild addresses in every argument of every call, lengths that run on beyond the guest's memory.

Runs in this process, because what lies where in the bench's memory must be known to aim at it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import syscalls.calls  # noqa: F401  fills the table
from emu.machine import Machine
from syscalls.table import TABLE, Syscall

from .scripted import HANDLER, IMAGE, RESTORER, STORE, Script, long, result

SECRET = b"the bench's own secret " * 20
ROOM = 16384
ENDERS = frozenset(
    (
        "exit",
        "exit_group",
        "rt_sigreturn",
        "execve",
        "execveat",
        "pause",
        "vfork",
        "clone",
        "clone3",
        "fork",
        "rt_sigsuspend",
        "sigaltstack",
    )
)
"""What would end the script."""
WORD = (1 << 64) - 1


class Target:
    """Memory of the bench that a guest must neither see nor change."""

    def __init__(self) -> None:
        self._room = ctypes.create_string_buffer(SECRET, ROOM)
        self.address = ctypes.addressof(self._room)
        self._before = self._room.raw

    @property
    def is_whole(self) -> bool:
        """Whether nobody has written there."""
        return self._room.raw == self._before


def wild(machine: Machine, target: Target) -> list[int]:
    """Guest addresses that would be the target's, if they were added to or cut like guest addresses without a look."""
    base = machine.memory.host(IMAGE) - IMAGE
    return [
        (target.address - base) & WORD,
        target.address,
        target.address | 1 << 63,
        (target.address - base) & ((1 << 48) - 1),
    ]


def script_for(entry: Syscall, aims: list[int]) -> Script:
    """The call with each wild address in each of its arguments, and with good ones whose lengths lead beyond."""
    script = Script()
    pipe = script.room(8)
    pair = script.room(8)
    script.call("pipe2", pipe, 0o4000)
    script.call("socketpair", 1, 1, 0, pair)
    file = script.call("open", b"/tmp/f", 0o102, 0o600)
    script.call("ftruncate", result(file), 100000)
    every = script.put(b"".join(word.to_bytes(8, "little") for word in (0, 10000, 0, 10000)))
    action = script.room(32)
    for at, value in ((0, long(HANDLER)), (8, 0x4000000), (16, long(RESTORER))):
        script.step(STORE, 0, action + at, value, 8)
    script.call("rt_sigaction", 14, action, 0, 8)
    script.call("setitimer", 0, every, 0)
    good = script.put(b"\0" * 4096)
    last = IMAGE - 0x40000 + 0x400000 - 8  # eight bytes before the script's memory ends
    count = max(len(entry.args), 1)
    for aim in aims:
        vector = script.put(b"".join(word.to_bytes(8, "little") for word in (aim, 64, aim, 64)))
        message = script.put(
            b"".join(word.to_bytes(8, "little") for word in (aim, 16, vector, 2, aim, 64, 0))
        )
        for fd in (3, 4, 5, 6, 7, 1):
            for place in range(count):
                words = [fd, good, 64, 64, good, 64][:count]
                words[place] = aim
                script.call(entry.number, *words)
            script.call(entry.number, fd, vector, 2, 0, 0, 0)
            script.call(entry.number, fd, message, 1, 0, 0, 0)
            script.call(entry.number, fd, aim, 64, aim, aim, aim)
            script.call(entry.number, aim, aim, aim, aim, aim, aim)
    for size in (64, 4096, 1 << 20, 1 << 31, (1 << 47) - last, 1 << 62, WORD):
        for fd in (4, 6, 7, 1):
            script.call(entry.number, fd, last, size, 0, last, size)
    script.end()
    return script


def findings(guest: Path, entry: Syscall) -> Iterator[str]:
    """What a guest has got at with one call."""
    target = Target()
    given, out = os.memfd_create("script"), os.memfd_create("out")
    null = os.open("/dev/null", os.O_WRONLY)
    said: list[str] = []
    try:
        with Machine(
            guest, ["scripted"], stdin=given, stdout=out, stderr=null, memory_limit=1 << 28, time_limit=10.0, net="none",
            say=said.append, descriptor_limit=64,
        ) as machine:  # fmt: skip
            os.write(given, script_for(entry, wild(machine, target)).bytes())
            os.lseek(given, 0, os.SEEK_SET)
            machine.run()
        size = os.fstat(out).st_size
        if SECRET[:23] in os.pread(out, min(size, 1 << 26), 0):
            yield f"{entry.name} has told the secret"
        if not target.is_whole:
            yield f"{entry.name} has changed the bench's memory"
    finally:
        for fd in (given, out, null):
            os.close(fd)


def calls() -> list[Syscall]:
    """The calls that are tried."""
    return [entry for _, entry in sorted(TABLE.items()) if entry.name not in ENDERS and entry.args]
