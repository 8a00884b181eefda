"""Clocks and timers by process: processor time, ITIMER_PROF and ITIMER_VIRTUAL, alarms of several at once, RLIMIT_CPU."""

from process_tools import child, ended, fork, getpid, leave, nap, no_core, pipe, reap, set_action, tell
from say import check, result
from signal_tools import bit, install, mask_of

from guest.lang import addr, array, asm, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.clock import Clock, Itimer
from syscalls.flags.signals import SigAction, SigMask, Signal

ends: array[i32, 2]
calls: i64


def notes(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler."""
    global calls
    calls += 1


def used() -> i64:
    """Microseconds of processor time of this process."""
    time = array[i64, 2]()
    syscall(numbers.clock_gettime, Clock.CLOCK_PROCESS_CPUTIME_ID, time.ptr)
    return time[0] * 1000000 + time[1] // 1000


def burns(milliseconds: u64) -> i64:
    """Uses the processor so long."""
    until = used() + i64(milliseconds) * 1000
    while used() < until:
        for _ in range(10000):
            asm("nop")
    return calls


def set_timer(which: i64, microseconds: i64) -> None:
    """setitimer, once."""
    when = array[i64, 4]()
    when[3] = microseconds
    syscall(numbers.setitimer, which, when.ptr, 0)


def clocks() -> None:
    """A child's time is its own."""
    burns(20)
    before = used()
    pid = fork()
    if pid == 0:
        check(b"a new process has used next to nothing", used() < 15000)
        burns(60)
        leave(0)
    ended(b"child", pid)
    check(b"the child's time is not mine", used() - before < 40000)


def processor_timers() -> None:
    """ITIMER_PROF and ITIMER_VIRTUAL count the time of their process."""
    install(Signal.SIGPROF, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    install(Signal.SIGVTALRM, notes, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    set_timer(Itimer.ITIMER_PROF, 400000)
    pid = fork()
    if pid == 0:
        set_timer(Itimer.ITIMER_VIRTUAL, 20000)
        burns(80)
        leave(calls)
    ended(b"signals of the child that burns", pid)
    result(b"signals of the parent that waits", calls)
    set_timer(Itimer.ITIMER_PROF, 20000)
    burns(80)
    result(b"signals of the parent that burns", calls)


def rings(number: u64) -> i64:
    """A process with an alarm of its own."""
    install(Signal.SIGALRM, notes, SigAction.SA_SIGINFO, 0)
    mask_of(SigMask.SIG_BLOCK, bit(Signal.SIGALRM))
    set_timer(Itimer.ITIMER_REAL, 5000 * (i64(number) + 1))
    empty = u64(0)
    syscall(numbers.rt_sigsuspend, addr(empty), 8)
    tell(i64(ends[1]))
    return calls


def alarms() -> None:
    """Ten processes, each with its alarm."""
    global calls
    calls = 0
    pids = array[i64, 10]()
    for at in range(10):
        pids[at] = child(rings, u64(at))
    total = i64(0)
    for at in range(10):
        total += reap(pids[at]) >> 8
    result(b"alarms", total)
    result(b"not mine", calls)


def limited() -> None:
    """RLIMIT_CPU ends the one that burns, by SIGXCPU, and SIGKILL at the hard limit."""
    limit = array[u64, 2]()
    limit[0] = 1
    limit[1] = 2
    pid = fork()
    if pid == 0:
        syscall(numbers.setrlimit, 0, limit.ptr)
        burns(60000)
        leave(0)
    ended(b"a limit of a second", pid)
    limit[1] = 1
    pid = fork()
    if pid == 0:
        set_action(Signal.SIGXCPU, 1, 0)
        syscall(numbers.setrlimit, 0, limit.ptr)
        burns(60000)
        leave(0)
    ended(b"a hard limit", pid)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    no_core()
    pipe(ends.ptr)
    clocks()
    processor_timers()
    alarms()
    limited()
    nap(1)
    check(b"me", getpid() > 0)
    return 0
