"""Which of a traced program's functions handle its signals: told by its rt_sigaction calls, and by what the kernel says."""

from syscalls import numbers
from syscalls.process import Process, SignalAction, Thread
from syscalls.table import Syscall
from syscalls.types_signals import KernelSigAction


class Handlers:
    """What is known of handlers. The actions themselves stand in `Process.actions`."""

    def asked(self, thread: Thread, entry: Syscall, args: tuple[int, ...]) -> SignalAction | None:
        """The action that a call at its entry wants to set."""
        if entry.number != numbers.rt_sigaction or not args[1]:
            return None
        try:
            handler, flags, restorer, mask = KernelSigAction.unpack(
                thread.memory.read(args[1], KernelSigAction.size)
            )
        except OSError:
            return None
        return SignalAction(handler, flags, restorer, mask)

    def of(self, process: Process, tid: int, number: int) -> int | None:
        """The address of the function that a signal which a thread is stopped for will run; None when none will.

        The kernel's word counts: it takes away the handler of a fault whose signal is blocked (kernel/signal.c,
        force_sig_info_to_task).
        """
        if not _is_caught(tid, number):
            return None
        action = process.actions.get(number)
        return action.handler if action is not None else 0


def _is_caught(tid: int, number: int) -> bool:
    """Whether a signal has a handler, by SigCgt in proc(5)."""
    try:
        with open(f"/proc/{tid}/status") as file:
            caught = next((line for line in file if line.startswith("SigCgt:")), "SigCgt: 0")
    except OSError:  # killed while we look
        return False
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
