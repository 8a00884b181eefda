"""Signals for test guests: actions with a restorer, masks, sets."""

from guest.lang import addr, asm, fn, i32, i64, naked, ptr, struct, syscall, u64
from syscalls import numbers
from syscalls.flags.signals import SigAction


@struct
class Action:
    """struct sigaction as the kernel has it."""

    handler: u64
    flags: u64
    restorer: u64
    mask: u64


@naked
def restorer() -> None:
    """What a handler returns to."""
    asm("mov eax, 15\nsyscall\nud2")


def install(number: i64, handler: fn[[i64, ptr[i32], ptr[u64]], None], flags: i64, mask: u64) -> i64:
    """rt_sigaction."""
    action = Action()
    action.handler = u64(handler)
    action.flags = u64(flags | SigAction.SA_RESTORER)
    action.restorer = u64(restorer)
    action.mask = mask
    return syscall(numbers.rt_sigaction, number, addr(action), 0, 8)


def mask_of(how: i64, bits: u64) -> u64:
    """Change the mask; what it was."""
    given = bits
    old = u64(0)
    syscall(numbers.rt_sigprocmask, how, addr(given), addr(old), 8)
    return old


def bit(number: i64) -> u64:
    """The signal's bit in a set."""
    return u64(1) << u64(number - 1)
