"""Delivery of signals: how a thread enters a handler, and how it comes back (arch/x86/kernel/signal.c, kernel/signal.c).

All of it happens while the engine stands still, with the thread's registers on the CPU.
"""

from collections.abc import Callable

from emu import sigframe
from emu.cpu import Cpu
from emu.sched import Task
from emu.sigframe import State, Trap
from syscalls import children, siginfo, signals
from syscalls.flags.signals import SigAction, Signal, SigStack
from syscalls.process import SignalAction, Thread
from syscalls.siginfo import SigInfo
from syscalls.wait import RESTARTNOINTR, RESTARTSYS

_SYSCALL_BYTES = 2
_TF, _DF, _RF = 1 << 8, 1 << 10, 1 << 16
_USER_FLAGS = 0x40000 | 1 << 11 | _DF | _TF | 0xD5 | _RF
"""What rt_sigreturn(2) may change: AC, OF, DF, TF, SF, ZF, AF, PF, CF, RF (FIX_EFLAGS)."""

_NO_TRAP = Trap()
_GENERAL_PROTECTION, _PAGE_FAULT = 13, 14
_TRAPS = (1, 3, 4)  # the exceptions that come behind their instruction: the others set the resume flag


class Delivery:
    """Runs handlers on one CPU. `die(thread, signal)` ends the process; `delivered(thread, info, handler)` is for the trace."""

    def __init__(
        self,
        cpu: Cpu,
        die: Callable[[Thread, SigInfo], None],
        delivered: Callable[[Thread, SigInfo, int], None],
    ) -> None:
        self._cpu = cpu
        self._die = die
        self._delivered = delivered

    def deliver(self, task: Task) -> None:
        """Enters the handlers of all signals that the thread on the CPU has pending, and restarts the call they interrupted
        where that is due."""
        task.signalled = False
        thread = task.thread
        process = thread.process
        while (info := signals.take(thread, ~thread.signal_mask | signals.UNBLOCKABLE)) is not None:
            action = signals.action(process, info.signal)
            if signals.is_ignored(process, info.signal):
                continue
            if action.handler == signals.SIG_DFL:
                if signals.default_action(info.signal) == "stop":
                    if info.signal == Signal.SIGSTOP or not children.is_orphaned(process):
                        task.signalled = True  # to look again when it goes on
                        thread.bench.stop_process(process, info.signal)
                        return
                    continue
                self._die(thread, info)
                return
            self._restart(task, action)
            if action.flags & SigAction.SA_RESETHAND:
                process.actions[info.signal] = SignalAction()
            if not self._enter(task, info, action):
                self.force(task, info.signal)
                if task.ended or process.exiting:
                    return
        task.signalled = False
        self._restart(task, None)
        if thread.saved_mask is not None:  # nothing was handled
            thread.signal_mask, thread.saved_mask = thread.saved_mask, None
            signals.recheck(thread)

    def force(self, task: Task, failed: int = 0) -> None:
        """SIGSEGV for a thread whose stack takes no frame, or whose frame makes no sense (force_sigsegv)."""
        info = siginfo.from_kernel(Signal.SIGSEGV)
        if failed == Signal.SIGSEGV:
            self._die(task.thread, info)
        else:
            self.raise_fault(task, info, _NO_TRAP)

    def raise_fault(self, task: Task, info: SigInfo, trap: Trap) -> bool:
        """A signal that cannot wait (force_sig_fault). False when it ended the process: it is blocked, ignored, or has no handler."""
        thread = task.thread
        if trap is not _NO_TRAP:
            cr2 = trap.address if trap.vector == _PAGE_FAULT or task.trap is None else task.trap.address
            task.trap = trap._replace(address=cr2)  # which other exceptions leave alone
            if trap.vector not in _TRAPS:
                self._cpu.eflags |= _RF
        if not signals.has_handler(thread.process, info.signal) or signals.is_blocked(thread, info.signal):
            self._die(thread, info)
            return False
        signals.queue(thread, info)
        task.signalled = True
        return True

    def _restart(self, task: Task, action: SignalAction | None) -> None:
        """Lets the interrupted call begin anew, or leaves its EINTR; `action` None: no handler runs."""
        if task.restart is None:
            return
        (number, code), task.restart = task.restart, None
        if (
            action is None
            or code == RESTARTNOINTR
            or (code == RESTARTSYS and action.flags & SigAction.SA_RESTART)
        ):
            self._cpu["rax"] = number
            self._cpu["rip"] -= _SYSCALL_BYTES

    def _enter(self, task: Task, info: SigInfo, action: SignalAction) -> bool:
        """Sets up one frame (__setup_rt_frame); False when the program's stack does not take it."""
        cpu, thread = self._cpu, task.thread
        stack_pointer = cpu["rsp"]
        on_stack = is_on_stack(thread, stack_pointer)
        top, entering = stack_pointer - sigframe.RED_ZONE, False
        if action.flags & SigAction.SA_ONSTACK and thread.altstack[2] and not on_stack:
            top, entering = thread.altstack[0] + thread.altstack[2], True
        at, fpu_at = sigframe.place(top)
        if (on_stack or entering) and not is_on_stack(thread, at, nested=True):
            return False  # the alternate stack is full
        if not action.flags & SigAction.SA_RESTORER:
            return False
        mask = thread.signal_mask if thread.saved_mask is None else thread.saved_mask
        state = State(
            registers={name: cpu[name] for name in sigframe.CONTEXT_REGISTERS},
            eflags=cpu.eflags,
            mask=mask,
            stack=shown_stack(thread, stack_pointer),
            fpu_at=fpu_at,
        )
        frame = sigframe.pack(state, info, action.restorer, task.trap or _NO_TRAP)
        try:
            thread.memory.write(fpu_at, cpu.save_fpu())
            thread.memory.write(at, frame)
        except OSError:
            return False
        thread.saved_mask = None
        if thread.altstack[1] & SigStack.SS_AUTODISARM:
            thread.altstack = (0, SigStack.SS_DISABLE, 0)
        thread.signal_mask |= action.mask
        if not action.flags & SigAction.SA_NODEFER:
            thread.signal_mask |= signals.bit(info.signal)
        thread.signal_mask &= ~signals.UNBLOCKABLE
        signals.retarget(thread)
        values = {
            "rdi": info.signal, "rsi": at + sigframe.SIGINFO_AT, "rdx": at + sigframe.UCONTEXT_AT, "rax": 0,
            "rip": action.handler, "rsp": at,
        }  # fmt: skip
        for name, value in values.items():
            cpu[name] = value
        cpu.eflags = state.eflags & ~(_DF | _RF | _TF)
        self._delivered(thread, info, action.handler)
        return True

    def find_return(self, task: Task, stack_pointer: int) -> int | None:
        """Reads the frame that rt_sigreturn(2) goes back through; its rax, or None where there is no frame."""
        try:
            state = sigframe.unpack(task.thread.memory.read(stack_pointer - 8, sigframe.SIZE))
        except OSError:
            return None
        task.returning = state
        return state.registers["rax"]

    def go_back(self, task: Task) -> None:
        """Completes an rt_sigreturn(2)."""
        state, task.returning = task.returning, None
        cpu, thread = self._cpu, task.thread
        thread.signal_mask = state.mask & ~signals.UNBLOCKABLE
        for name, value in state.registers.items():
            cpu[name] = value
        cpu.eflags = cpu.eflags & ~_USER_FLAGS | state.eflags & _USER_FLAGS & ~_RF
        try:
            image = thread.memory.read(state.fpu_at, sigframe.FXSAVE) if state.fpu_at else None
            restored = cpu.restore_fpu(image)
        except OSError:
            restored = False
        restore_stack(thread, state.stack, state.registers["rsp"])
        signals.recheck(thread)
        if not restored:
            self.force(task)
        elif state.bad_selector:
            trap = Trap(_GENERAL_PROTECTION, state.bad_selector & ~3)
            self.raise_fault(task, siginfo.from_kernel(Signal.SIGSEGV), trap)


def is_on_stack(thread: Thread, stack_pointer: int, *, nested: bool = False) -> bool:
    """Whether a stack pointer is in the alternate stack (on_sig_stack; `nested` as __on_sig_stack, for SS_AUTODISARM, too)."""
    start, flags, size = thread.altstack
    if flags & SigStack.SS_AUTODISARM and not nested:
        return False
    return size > 0 and 0 < stack_pointer - start <= size


def shown_stack(thread: Thread, stack_pointer: int) -> tuple[int, int, int]:
    """The alternate stack as sigaltstack(2) and a frame tell it."""
    start, flags, size = thread.altstack
    state = (
        SigStack.SS_DISABLE if not size else SigStack.SS_ONSTACK if is_on_stack(thread, stack_pointer) else 0
    )
    return start, state | flags & SigStack.SS_AUTODISARM, size


def restore_stack(thread: Thread, stack: tuple[int, int, int], stack_pointer: int) -> None:
    """Puts the alternate stack of a frame back, if it is one (restore_altstack: errors are not told)."""
    start, flags, size = stack
    mode = flags & ~SigStack.SS_AUTODISARM
    if is_on_stack(thread, stack_pointer) or mode not in (0, SigStack.SS_ONSTACK, SigStack.SS_DISABLE):
        return
    if mode == SigStack.SS_DISABLE:
        start = size = 0
    elif size < 2048:
        return
    thread.altstack = (start, flags, size)
