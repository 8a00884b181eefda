"""Queues signals with every kind of siginfo_t, and takes them back with sigtimedwait."""

from say import result
from signal_tools import mask_of

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal

EVERY = 0xFFFFFFFFFFFFFFFF
info: array[i32, 32]
taken: array[i32, 32]
time: array[i64, 2]


def queue(signal: i64, code: i64, error: i64) -> None:
    """One signal there and back."""
    for index in range(32):
        info[index] = 0
    info[0] = i32(signal)
    info[1] = i32(error)
    info[2] = i32(code)
    info[4] = i32(syscall(numbers.getpid))
    info[6] = 0x12345678
    info[7] = 0x1234
    pid = syscall(numbers.getpid)
    result(b"queue", syscall(numbers.rt_sigqueueinfo, pid, signal, addr(info[0])))
    wanted = u64(EVERY)
    result(b"take", syscall(numbers.rt_sigtimedwait, addr(wanted), addr(taken[0]), addr(time[0]), 8))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    mask_of(SigMask.SIG_SETMASK, EVERY)
    signals = array[i64, 10]()
    signals[0] = Signal.SIGUSR1
    signals[1] = Signal.SIGCHLD
    signals[2] = Signal.SIGSEGV
    signals[3] = Signal.SIGILL
    signals[4] = Signal.SIGFPE
    signals[5] = Signal.SIGBUS
    signals[6] = Signal.SIGTRAP
    signals[7] = Signal.SIGIO
    signals[8] = 40
    signals[9] = Signal.SIGUSR2
    for index in range(10):
        for code in range(-8, 9):
            queue(signals[index], code, (code & 1) * 11)
        queue(signals[index], -60, 0)
        queue(signals[index], 0x80, 0)
    queue(0, 0, 0)
    queue(65, 0, 0)
    pid = syscall(numbers.getpid)
    result(b"nowhere", syscall(numbers.rt_sigqueueinfo, pid, Signal.SIGUSR1, 8))
    result(b"nothing", syscall(numbers.rt_sigqueueinfo, pid, Signal.SIGUSR1, 0))
    wanted = u64(EVERY)
    info[0] = Signal.SIGUSR2
    info[2] = -1
    tid = syscall(numbers.gettid)
    result(b"to a thread", syscall(numbers.rt_tgsigqueueinfo, pid, tid, Signal.SIGUSR2, addr(info[0])))
    result(b"no room", syscall(numbers.rt_sigtimedwait, addr(wanted), 8, addr(time[0]), 8))
    result(b"none", syscall(numbers.rt_sigtimedwait, addr(wanted), addr(taken[0]), addr(time[0]), 8))
    return 0
