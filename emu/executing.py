"""execve(2), the part after the program was found: a new address space in the place of the old one (fs/exec.c, begin_new_exec)."""

import errno
import os
from typing import TYPE_CHECKING, Any

from emu.elf import ElfError
from emu.loader import Identity, load
from emu.places import Places
from emu.processes import space_of
from syscalls.process import Thread
from syscalls.wait import Executed

if TYPE_CHECKING:
    from emu.bench import Bench
    from syscalls.programs import Program


def execute(
    bench: "Bench", thread: Thread, program: "Program", argv: list[bytes], envp: list[bytes]
) -> Executed:
    """Makes the thread the first one of the program. Raises ENOMEM and E2BIG, with nothing changed; later nothing can fail."""
    process = thread.process
    memory = space_of(process).fresh()
    identity = Identity(process.uid, process.uid, process.gid, process.gid)
    try:
        loaded = load(
            memory,
            program.image,
            argv,
            envp,
            random=bench.random(16),
            interpreter=program.interpreter,
            filename=program.execfn,
            identity=identity,
        )
    except ElfError as error:
        memory.close()
        raise OSError(errno.ENOMEM, str(error)) from None
    memory.start_brk(loaded.brk)
    bench.processes.replace(thread, memory, bench.start_at(loaded.entry, loaded.stack_pointer))
    process.former = Former(bench.dispatcher.now(), process.places, process.former)
    process.places = _places(program, loaded.base)
    process.exe = os.fsdecode(program.path)
    process.argv, process.envp = argv, envp
    process.name = thread.name = program.name
    bench.event(
        "exec", process, tid=thread.tid, program=process.exe, argv=[_text(argument) for argument in argv]
    )
    return Executed()


class Former(NamedTuple):
    """The places of a program until the moment `until` (nanoseconds since the start of the run), and those of the one before it."""

    until: int
    places: Any
    former: "Former | None"


def _places(program: "Program", base: int) -> Places:
    try:
        with open(program.host_path, "rb") as file:
            return Places(file.read(), base)
    except OSError:
        return Places(b"")


def _text(data: bytes) -> Any:
    return data.decode("utf-8", "replace")
