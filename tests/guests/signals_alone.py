"""One thread that waits for a signal from outside: by sigsuspend (`s`), by a read that begins anew (`r`), or while it computes (`c`)."""

from say import result, say
from signal_tools import bit, install, mask_of

from guest.lang import addr, array, atomic, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal

calls: u64
end: i64


def counts(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler; it ends what the read waits for."""
    byte = array[u8, 1]()
    atomic.add(addr(calls), 1)
    if end != 0:
        syscall(numbers.write, end, addr(byte[0]), 1)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Say when it is ready, and what came."""
    global end
    way = argv[1][0]
    mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR1))
    install(Signal.SIGUSR1, counts, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    if way == 0x72:
        ends = array[i32, 2]()
        syscall(numbers.pipe2, addr(ends[0]), 0)
        end = i64(ends[1])
        mask_of(SigMask.SIG_UNBLOCK, bit(Signal.SIGUSR1))
        say(b"ready\n")
        byte = array[u8, 1]()
        result(b"read", syscall(numbers.read, ends[0], addr(byte[0]), 1))
    elif way == 0x73:
        say(b"ready\n")
        empty = u64(0)
        result(b"sigsuspend", syscall(numbers.rt_sigsuspend, addr(empty), 8))
    else:
        mask_of(SigMask.SIG_UNBLOCK, bit(Signal.SIGUSR1))
        say(b"ready\n")
        work = u64(1)
        while atomic.load(addr(calls)) == 0:
            work = work * 6364136223846793005 + 1
    result(b"handlers", i64(atomic.load(addr(calls))))
    return 0
