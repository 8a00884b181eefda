"""Signal actions, masks, pending sets and the alternate stack: what is stored, changed and refused; nothing is delivered."""

from say import result, say, say_hex

from guest.lang import addr, i64, ptr, struct, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal, SigStack


@struct
class Action:
    """struct sigaction as the kernel has it."""

    handler: u64
    flags: u64
    restorer: u64
    mask: u64


@struct
class Stack:
    """stack_t."""

    address: u64
    flags: u32
    padding: u32
    size: u64


UNMAPPED = 0x10000
ALL = 0xFFFFFFFFFFFFFFFF
new: Action
old: Action
stack: Stack
was: Stack


def action(number: i64, act: ptr[Action], oldact: ptr[Action], size: i64) -> i64:
    """The raw call."""
    return syscall(numbers.rt_sigaction, number, act, oldact, size)


def show_action(label: bytes) -> None:
    """Print `old`."""
    say(label)
    say(b": ")
    say_hex(old.handler)
    say(b" ")
    say_hex(old.flags)
    say(b" ")
    say_hex(old.restorer)
    say(b" ")
    say_hex(old.mask)
    say(b"\n")


def actions() -> None:
    """rt_sigaction."""
    a = addr(new)
    b = addr(old)
    none = ptr[Action](u64(0))
    bad = ptr[Action](u64(UNMAPPED))
    result(b"read SIGUSR1", action(Signal.SIGUSR1, none, b, 8))
    show_action(b"at the start")
    new.handler = 0x1234
    new.flags = u64(
        SigAction.SA_SIGINFO | SigAction.SA_RESTART | SigAction.SA_RESTORER | SigAction.SA_ONSTACK
    )
    new.restorer = 0x5678
    new.mask = ALL
    result(b"set SIGUSR1", action(Signal.SIGUSR1, a, b, 8))
    show_action(b"it was")
    result(b"read SIGUSR1", action(Signal.SIGUSR1, none, b, 8))
    show_action(b"it is")
    new.flags = ALL
    result(b"set all flags", action(Signal.SIGUSR2, a, none, 8))
    result(b"read them", action(Signal.SIGUSR2, none, b, 8))
    show_action(b"those that are known")
    result(b"nothing at all", action(Signal.SIGUSR1, none, none, 8))
    result(b"SIGKILL, set", action(Signal.SIGKILL, a, none, 8))
    result(b"SIGSTOP, set", action(Signal.SIGSTOP, a, none, 8))
    result(b"SIGKILL, read", action(Signal.SIGKILL, none, b, 8))
    result(b"signal 0", action(0, none, b, 8))
    result(b"signal 64", action(64, none, b, 8))
    result(b"signal 65", action(65, none, b, 8))
    result(b"signal -1", action(-1, none, b, 8))
    result(b"wrong size", action(Signal.SIGUSR1, none, b, 4))
    result(b"wrong size, bad pointer", action(Signal.SIGUSR1, bad, b, 16))
    result(b"bad pointer", action(Signal.SIGUSR1, bad, b, 8))
    result(b"bad signal and pointer", action(99, bad, b, 8))
    new.handler = 1
    new.flags = 0
    result(b"bad pointer for the old one", action(Signal.SIGUSR1, a, bad, 8))
    result(b"read SIGUSR1", action(Signal.SIGUSR1, none, b, 8))
    show_action(b"set all the same")


def mask(how: i64, bits: u64) -> i64:
    """rt_sigprocmask without the old one."""
    given = bits
    return syscall(numbers.rt_sigprocmask, how, addr(given), 0, 8)


def show_mask(label: bytes) -> None:
    """Print the mask."""
    held = u64(0)
    syscall(numbers.rt_sigprocmask, 77, 0, addr(held), 8)
    say(label)
    say(b": ")
    say_hex(held)
    say(b"\n")


def masks() -> None:
    """rt_sigprocmask."""
    held = u64(0xF00)
    show_mask(b"at the start")
    result(b"block", mask(SigMask.SIG_BLOCK, 0xFF0))
    show_mask(b"blocked")
    result(b"unblock", mask(SigMask.SIG_UNBLOCK, 0x0F0))
    show_mask(b"left")
    result(b"set all", mask(SigMask.SIG_SETMASK, ALL))
    show_mask(b"all but two")
    result(b"set none", mask(SigMask.SIG_SETMASK, 0))
    result(b"bad how", mask(3, 0))
    result(b"bad how, negative", mask(-1, 0))
    result(b"bad how without a set", syscall(numbers.rt_sigprocmask, 3, 0, addr(held), 8))
    result(b"wrong size", syscall(numbers.rt_sigprocmask, 0, addr(held), 0, 16))
    result(b"bad pointer", syscall(numbers.rt_sigprocmask, 0, UNMAPPED, 0, 8))
    result(b"bad how and pointer", syscall(numbers.rt_sigprocmask, 9, UNMAPPED, 0, 8))
    result(b"bad old pointer", syscall(numbers.rt_sigprocmask, SigMask.SIG_BLOCK, addr(held), UNMAPPED, 8))
    show_mask(b"blocked all the same")
    mask(SigMask.SIG_SETMASK, 0)


def pending(label: bytes) -> None:
    """Print what is pending."""
    held = u64(0)
    syscall(numbers.rt_sigpending, addr(held), 8)
    say(label)
    say(b": ")
    say_hex(held)
    say(b"\n")


def sends() -> None:
    """kill, tkill, tgkill with signals that are ignored or blocked."""
    pid = syscall(numbers.getpid)
    tid = syscall(numbers.gettid)
    none = ptr[Action](u64(0))
    result(b"kill of nothing", syscall(numbers.kill, pid, 0))
    result(b"kill with 65", syscall(numbers.kill, pid, 65))
    result(b"kill with -1", syscall(numbers.kill, pid, -1))
    result(b"kill nobody", syscall(numbers.kill, 0x3FFFFF, 0))
    result(b"kill nobody with 65", syscall(numbers.kill, 0x3FFFFF, 65))
    result(b"kill no group", syscall(numbers.kill, -0x3FFFFF, 0))
    result(b"kill INT_MIN", syscall(numbers.kill, -0x80000000, 0))
    result(b"tkill 0", syscall(numbers.tkill, 0, 0))
    result(b"tkill -1", syscall(numbers.tkill, -1, 0))
    result(b"tkill nobody", syscall(numbers.tkill, 0x3FFFFF, 0))
    result(b"tgkill 0", syscall(numbers.tgkill, 0, tid, 0))
    result(b"tgkill -1", syscall(numbers.tgkill, pid, -1, 0))
    result(b"tgkill self", syscall(numbers.tgkill, pid, tid, 0))
    result(b"SIGCHLD is ignored", syscall(numbers.kill, pid, Signal.SIGCHLD))
    result(b"SIGUSR1 is ignored by choice", syscall(numbers.kill, pid, Signal.SIGUSR1))
    pending(b"nothing is pending")
    mask(SigMask.SIG_BLOCK, 0x200 | 0x800 | 0x10000)
    new.handler = 0
    action(Signal.SIGUSR1, addr(new), none, 8)
    action(Signal.SIGUSR2, addr(new), none, 8)
    result(b"SIGUSR1 to the process", syscall(numbers.kill, pid, Signal.SIGUSR1))
    result(b"SIGUSR2 to the thread", syscall(numbers.tgkill, pid, tid, Signal.SIGUSR2))
    result(b"SIGCHLD, blocked", syscall(numbers.kill, pid, Signal.SIGCHLD))
    pending(b"pending")
    short = u64(ALL)
    result(b"pending, 2 bytes", syscall(numbers.rt_sigpending, addr(short), 2))
    say_hex(short)
    say(b"\n")
    result(b"pending, no bytes", syscall(numbers.rt_sigpending, UNMAPPED, 0))
    result(b"pending, 9 bytes", syscall(numbers.rt_sigpending, addr(short), 9))
    result(b"pending, bad pointer", syscall(numbers.rt_sigpending, UNMAPPED, 8))
    new.handler = 1
    action(Signal.SIGUSR1, addr(new), none, 8)
    pending(b"ignoring drops SIGUSR1")
    action(Signal.SIGUSR2, addr(new), none, 8)
    mask(SigMask.SIG_SETMASK, 0)
    pending(b"and unblocking the rest")


def altstack(address: u64, flags: u32, size: u64) -> i64:
    """sigaltstack, the old one in `was`."""
    stack.address = address
    stack.flags = flags
    stack.size = size
    was.flags = 99
    return syscall(numbers.sigaltstack, addr(stack), addr(was))


def show_stack() -> None:
    """Print `was`."""
    say_hex(was.address)
    say(b" ")
    say_hex(u64(was.flags))
    say(b" ")
    say_hex(was.size)
    say(b"\n")


def stacks() -> None:
    """sigaltstack."""
    result(b"read", syscall(numbers.sigaltstack, 0, addr(was)))
    show_stack()
    result(b"set", altstack(0x100000, 0, 8192))
    show_stack()
    result(b"set with ONSTACK", altstack(0x200000, SigStack.SS_ONSTACK, 8192))
    show_stack()
    result(b"set with AUTODISARM", altstack(0x300000, u32(SigStack.SS_AUTODISARM), 8192))
    show_stack()
    result(b"too small", altstack(0x400000, 0, 2047))
    show_stack()
    result(b"just large enough", altstack(0x400000, 0, 2048))
    show_stack()
    result(b"unknown flags", altstack(0x400000, 4, 8192))
    result(b"two modes", altstack(0x400000, 3, 8192))
    result(b"disable", altstack(0x500000, SigStack.SS_DISABLE, 12))
    show_stack()
    result(b"read", syscall(numbers.sigaltstack, 0, addr(was)))
    show_stack()
    result(b"nothing", syscall(numbers.sigaltstack, 0, 0))
    result(b"bad pointer", syscall(numbers.sigaltstack, UNMAPPED, addr(was)))
    result(b"bad old pointer", syscall(numbers.sigaltstack, 0, UNMAPPED))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    actions()
    masks()
    sends()
    stacks()
    return 0
