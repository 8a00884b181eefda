"""What ends a process against its will: faults of the processor and signals; and the report of it."""

import importlib
from typing import TYPE_CHECKING, Any

from emu.cpu import Stop, StopKind
from emu.pages import EXEC, WRITE
from emu.processes import space_of
from emu.sched import Task
from emu.sigframe import Trap
from syscalls import siginfo, signals
from syscalls.flags.signals import SegvCode, Signal, SignalCode, SystemCode
from syscalls.process import Process, Thread
from syscalls.siginfo import SigInfo

if TYPE_CHECKING:
    from emu.bench import Bench

_DEBUG, _INVALID_OPCODE, _STACK_FAULT, _GENERAL_PROTECTION, _PAGE_FAULT = 1, 6, 12, 13, 14
_PRESENT, _FROM_USER = 1, 4  # of a page fault's error code
_TASK_SIZE_MAX = 0x7FFFFFFFF000


class Fatal:
    """For one bench."""

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench

    def fault(self, stop: Stop) -> None:
        bench = self._bench
        task = bench.dispatcher.task
        assert task is not None
        process, memory = task.thread.process, space_of(task.thread)
        if stop.kind is StopKind.MEMORY and memory.refresh(stop.address):
            return  # the file has grown, or what was refused has come back
        postmortem = _postmortem()
        stop = postmortem.as_processor(stop, memory, bench.cpu.pc)
        fault = postmortem.fault_of(stop, memory, bench.cpu.pc, bench.cpu["rsp"])
        handled = signals.has_handler(process, fault.signal) and not signals.is_blocked(
            task.thread, fault.signal
        )
        bench.event(
            "fault",
            process,
            tid=task.thread.tid,
            signal=fault.signal,
            code=fault.code,
            address=fault.address,
            reason=fault.reason,
            pc=bench.cpu.pc,
            **process.places(bench.cpu.pc)._asdict(),
            **({"handler": signals.action(process, fault.signal).handler} if handled else {}),
        )
        if handled:
            if fault.signal == Signal.SIGTRAP and stop.kind is StopKind.INVALID:
                bench.cpu["rip"] += 1  # int1 is a trap: it is done
            info = siginfo.fault(fault.signal, fault.code, fault.address)
            bench.delivery.raise_fault(task, info, _trap(stop, fault, memory.rights(stop.address)))
            return
        self._report(task, fault)
        bench.processes.doom(process, 0, fault.signal)

    def _report(self, task: Task, fault: Any) -> None:
        bench = self._bench
        process = task.thread.process
        name = bench.name if process is bench.process else process.name.decode("utf-8", "replace")
        bench.crash_report = _postmortem().report(
            name, task, fault, space_of(task.thread), bench.cpu.registers(), process.places
        )
        bench.say(bench.crash_report.rstrip())

    def die_of(self, target: Thread | Process, info: SigInfo) -> None:
        """A process ends by a signal, which the program has sent itself, or somebody else, or the kernel."""
        bench = self._bench
        signal = info.signal
        process = target.process if isinstance(target, Thread) else target
        sender = {"sender": info.sender} if info.sender else {}
        bench.event("signal", process, signal=signal, **sender)
        task = bench.dispatcher.task
        if (
            task is not None
            and task.thread.process is process
            and signals.default_action(signal) == "core"
            and not bench.dispatcher.ending
        ):
            postmortem = _postmortem()
            own = info.code in (siginfo.SI_TKILL, siginfo.SI_QUEUE) or info.sender == process.pid
            why = (
                postmortem.filtered
                if info.code == SystemCode.SYS_SECCOMP and signal == Signal.SIGSYS
                else postmortem.no_frame
                if info.code == siginfo.SI_KERNEL and signal == Signal.SIGSEGV
                else (postmortem.raised if own else postmortem.sent)
            )
            self._report(task, why(signal, bench.cpu.pc))
        bench.processes.doom(process, 0, signal)


def _trap(stop: Stop, fault: Any, rights: int) -> Trap:
    """What the processor tells the kernel of an exception (Intel SDM volume 3, 4.7 and 6.15).

    The bit for a page that is present is a guess: whether one is there that was never touched only the kernel knows.
    """
    if stop.kind is StopKind.MEMORY and fault.code != SignalCode.SI_KERNEL:
        error = _FROM_USER | (stop.access == WRITE) << 1 | (stop.access == EXEC) << 4
        denied = fault.signal == Signal.SIGSEGV and fault.code == SegvCode.SEGV_ACCERR and rights != 0
        if denied or stop.address >= _TASK_SIZE_MAX:  # of the kernel's addresses nothing is told
            error |= _PRESENT
        return Trap(_PAGE_FAULT, error, stop.address)
    if fault.signal == Signal.SIGBUS:
        return Trap(stop.vector or _STACK_FAULT)
    if stop.kind is StopKind.INTERRUPT:
        return Trap(stop.vector, stop.error if stop.vector == _GENERAL_PROTECTION else 0)
    if fault.signal == Signal.SIGTRAP:
        return Trap(_DEBUG)
    return Trap(_INVALID_OPCODE if fault.signal == Signal.SIGILL else _GENERAL_PROTECTION)


def _postmortem() -> Any:
    # Loaded when it is needed: the disassembler costs as much as the whole start-up.
    return importlib.import_module("emu.postmortem")
