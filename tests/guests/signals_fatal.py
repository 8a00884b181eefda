"""Signals that end the process, each in its own way; the first argument says which."""

from say import check, result, say
from spawn import spawn_in

from guest.lang import addr, array, i64, ptr, struct, syscall, u8, u64
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


def kill_the_process(argument: u64) -> i64:
    """A thread that sends a signal to the whole process."""
    syscall(numbers.kill, syscall(numbers.getpid), argument)
    while True:
        syscall(numbers.sched_yield)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """One way to die."""
    pid = syscall(numbers.getpid)
    tid = syscall(numbers.gettid)
    way = argv[1][0]
    if way == 0x74:  # t
        syscall(numbers.tgkill, pid, tid, Signal.SIGTERM)
    if way == 0x6B:  # k: cannot be blocked
        everything = ~u64(0)
        syscall(numbers.rt_sigprocmask, SigMask.SIG_SETMASK, addr(everything), 0, 8)
        syscall(numbers.kill, pid, Signal.SIGKILL)
    if way == 0x75:  # u: when it is unblocked
        blocked = u64(0x200)
        syscall(numbers.rt_sigprocmask, SigMask.SIG_BLOCK, addr(blocked), 0, 8)
        syscall(numbers.kill, pid, Signal.SIGUSR1)
        say(b"blocked\n")
        syscall(numbers.rt_sigprocmask, SigMask.SIG_UNBLOCK, addr(blocked), 0, 8)
    if way == 0x72:  # r: a real-time signal
        syscall(numbers.tkill, tid, 40)
    if way == 0x73:  # s: from another thread, while this one sleeps
        spawn_in(0, kill_the_process, u64(Signal.SIGABRT))
        forever = array[i64, 2]()
        forever[0] = 100
        syscall(numbers.nanosleep, forever.ptr, 0)
    if way == 0x64:  # d: ignored, then default again
        action = Action()
        action.handler = 1
        syscall(numbers.rt_sigaction, Signal.SIGHUP, addr(action), 0, 8)
        result(b"ignored", syscall(numbers.kill, pid, Signal.SIGHUP))
        action.handler = 0
        syscall(numbers.rt_sigaction, Signal.SIGHUP, addr(action), 0, 8)
        syscall(numbers.kill, pid, Signal.SIGHUP)
    check(b"still alive", True)
    return 0
