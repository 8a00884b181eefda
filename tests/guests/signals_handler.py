"""A signal that has a handler: sent twice, then blocked, and what is pending each time."""

from say import say, say_hex, say_number

from guest.lang import addr, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal


@struct
class Action:
    """struct sigaction as the kernel has it."""

    handler: u64
    flags: u64
    restorer: u64
    mask: u64


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Print the pending set before and after blocking it."""
    action = Action()
    action.handler = 0x1234
    syscall(numbers.rt_sigaction, Signal.SIGUSR1, addr(action), 0, 8)
    pid = syscall(numbers.getpid)
    syscall(numbers.kill, pid, Signal.SIGUSR1)
    syscall(numbers.kill, pid, Signal.SIGUSR1)
    pending = u64(1)
    syscall(numbers.rt_sigpending, addr(pending), 8)
    say(b"pending ")
    say_number(i64(pending))
    blocked = u64(0x200)
    syscall(numbers.rt_sigprocmask, SigMask.SIG_BLOCK, addr(blocked), 0, 8)
    syscall(numbers.rt_sigpending, addr(pending), 8)
    say(b", blocked ")
    say_hex(pending)
    say(b"\n")
    return 0
