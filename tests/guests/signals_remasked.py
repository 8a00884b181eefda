"""ppoll with a mask that blocks more than the thread does: what came meanwhile is handled when it returns."""

from say import check, result
from signal_tools import bit, install, mask_of
from spawn import join, spawn_in

from guest.lang import addr, array, atomic, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal

calls: u64
pid: i64
main_id: i64


def counts(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler of SIGUSR1."""
    atomic.add(addr(calls), 1)


def sends(unused: u64) -> i64:
    """Sends what is blocked while the other one waits."""
    mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGUSR1))
    time = array[i64, 2]([0, 10000000])
    syscall(numbers.nanosleep, addr(time[0]), 0)
    syscall(numbers.tgkill, pid, main_id, Signal.SIGUSR1)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Until time is up."""
    global pid, main_id
    pid = syscall(numbers.getpid)
    main_id = syscall(numbers.gettid)
    install(Signal.SIGUSR1, counts, SigAction.SA_SIGINFO, 0)
    mask = bit(Signal.SIGUSR1)
    spawn_in(0, sends, 0)
    time = array[i64, 2]([0, 100000000])
    result(b"ppoll", syscall(numbers.ppoll, 0, 0, addr(time[0]), addr(mask), 8))
    join(0)  # under load it may have sent late
    result(b"handled", i64(atomic.load(addr(calls))))
    check(b"the old mask", mask_of(SigMask.SIG_BLOCK, 0) == 0)
    return 0
