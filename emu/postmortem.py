"""Gathers what a crash report shows from a machine that has just stopped at a fault."""

import functools

from emu import crash
from emu.call_chain import frames
from emu.cpu import Stop, StopKind
from emu.faults import STACK_REACH, Fault, classify
from emu.memory import AddressSpace
from emu.misaligned import explain
from emu.pages import BEYOND_FILE, READ, WRITE
from emu.places import Places
from emu.sched import Task
from syscalls.flags import Prot
from syscalls.flags.signals import SignalCode
from syscalls.table import lookup


def as_processor(stop: Stop, memory: AddressSpace, pc: int) -> Stop:
    """A refused access as a processor tells it: an instruction that reads and writes its operand asks for both at once, and is
    said to have written. The engine reads first."""
    if stop.kind is StopKind.MEMORY and stop.access == READ and crash.memory_use(_code(memory, pc))[0]:
        return stop._replace(access=WRITE)
    return stop


def _code(memory: AddressSpace, pc: int) -> bytes:
    return memory.read(pc, memory.readable(pc, crash.LONGEST_INSTRUCTION))


def fault_of(stop: Stop, memory: AddressSpace, pc: int, stack_pointer: int) -> Fault:
    """What the stop means on Linux."""
    code = _code(memory, pc)

    def protection(address: int) -> int | None:
        if memory.rights(address) & BEYOND_FILE:
            return BEYOND_FILE
        region = memory.regions.find(address)
        return None if region is None else region.prot

    mnemonic = functools.partial(crash.mnemonic, code, pc)
    return classify(
        stop,
        pc,
        code,
        protection,
        _stack_low(memory, stop.address, stack_pointer),
        mnemonic,
        lambda: crash.memory_use(code)[1],
    )


def raised(signal: int, pc: int) -> Fault:
    """The program has sent itself a signal whose default action is to dump core: abort(3), a debugger's trap."""
    return Fault(signal, SignalCode.SI_TKILL, pc, "raised by the program itself (tgkill, kill)")


def sent(signal: int, pc: int) -> Fault:
    """The same from outside: Ctrl-\\ on the terminal, kill(1)."""
    return Fault(signal, SignalCode.SI_USER, pc, "sent from outside: this is where it was")


def filtered(signal: int, pc: int) -> Fault:
    """A system call that a filter of the program answers with its end (seccomp(2))."""
    return Fault(signal, 1, pc, "a filter of the program's own does not allow this system call (seccomp)")


def no_frame(signal: int, pc: int) -> Fault:
    """A handler's frame that could not be written, or that rt_sigreturn(2) could not read."""
    reason = "the frame of a signal handler: no room for it on the stack, no SA_RESTORER, or it was damaged"
    return Fault(signal, SignalCode.SI_KERNEL, 0, reason)


def _stack_low(memory: AddressSpace, address: int, stack_pointer: int) -> int:
    """The lowest address of the stack that an access at `address` may have run out of; 0 when it looks like none."""
    above = memory.regions.neighbours(address)[1]
    while above is not None and not above.prot & Prot.PROT_WRITE:
        above = memory.regions.neighbours(above.start)[1]
    if above is None or not above.start - STACK_REACH <= stack_pointer < above.end:
        return 0
    return above.start


def report(
    program: str,
    task: Task,
    fault: Fault,
    memory: AddressSpace,
    registers: dict[str, int],
    places: Places,
) -> str:
    """The report as text. `registers` are those at the fault, by name, with rip, eflags, fs_base and gs_base."""
    thread = task.thread
    chain = frames(memory, registers["rip"], registers["rsp"], registers["rbp"], rules=places.rule)
    if fault.misaligned:
        on_stack = crash.memory_use(_code(memory, registers["rip"]))[1]
        why = explain(chain, on_stack, places.text, thread.tid == thread.process.pid)
        fault = fault._replace(reason=f"{fault.reason}\n  {why}".rstrip())
    return crash.report(
        crash.Crash(
            program=program,
            thread=thread.tid,
            thread_name=thread.name.decode("utf-8", "replace"),
            fault=fault,
            registers=registers,
            read=memory.read,
            mappings=[
                crash.Mapping(region.start, region.end, region.prot, region.name) for region in memory.regions
            ],
            locate=places.text,
            chain=[frame.caller for frame in chain if frame.caller is not None],
            calls=[
                (number, args[: len(lookup(number).args)], result)
                for number, args, result in task.context.last_calls()
            ],
        )
    )
