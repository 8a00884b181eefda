"""execve(2), the part after the program was found: another address space in the place of the old one (fs/exec.c, begin_new_exec)."""

import os
from typing import TYPE_CHECKING

from emu.elf import ElfError
from emu.execute import begin, identity_of, places_of, stack_size_of
from emu.memory import AddressSpace
from emu.processes import space_of
from syscalls.flags.signals import Signal
from syscalls.process import Thread
from syscalls.wait import Executed

if TYPE_CHECKING:
    from emu.bench import Bench
    from syscalls.programs import Program


def execute(bench: "Bench", thread: Thread, program: "Program", envp: list[bytes]) -> Executed | int:
    """Makes the thread the first one of the program. What fails before it is in place leaves the old one as it was; Linux, which
    has nothing left to go back to by then, ends the process by SIGSEGV in some of these cases, and so does this."""
    process = thread.process
    memory = AddressSpace(bench.cpu, account=space_of(process).account)
    try:
        loaded = begin(
            memory, program, envp,
            random=bench.random(16), identity=identity_of(thread), stack_size=stack_size_of(process),
        )  # fmt: skip
    except ElfError as error:
        memory.close()
        if error.code:
            raise OSError(error.code, str(error)) from None
        bench.processes.doom(process, 0, Signal.SIGSEGV)
        return 0
    if bench.dispatcher.sink is not None:
        process.places.settle()
    bench.processes.replace(thread, memory, bench.start_at(loaded.entry, loaded.stack_pointer))
    process.places = places_of(program, loaded.base, memory)
    process.exe = os.fsdecode(program.path)
    process.argv, process.envp, process.auxv = program.argv, envp, loaded.auxv
    process.name = thread.name = program.name
    arguments = [argument.decode("utf-8", "replace") for argument in program.argv]
    bench.event("exec", process, tid=thread.tid, program=process.exe, argv=arguments)
    return Executed()
