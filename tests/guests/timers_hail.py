"""Threads that compute while a timer of their own sends them signals: no expiry is lost, none is early, nothing is spoiled."""

from say import check, result
from signal_tools import install
from spawn import join, spawn_in

from guest.lang import addr, array, atomic, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.clock import Clock, SigevNotify
from syscalls.flags.signals import SigAction, Signal

THREADS = 3
EVERY = 300000  # ns

periods: array[u64, 3]  # by thread: expiries, the overruns among them
early: u64
faults: u64
wanted: u64
timers: array[i32, 3]


def ticks(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler: `si_value` is the thread's number."""
    slot = i64(info[6])
    if info[2] != -2 or info[5] < 0 or i64(info[4]) != i64(timers[slot]):
        atomic.add(addr(faults), 1)
    atomic.add(addr(periods[slot]), u64(1 + info[5]))


def now() -> i64:
    """CLOCK_MONOTONIC in ns."""
    time = array[i64, 2]()
    syscall(numbers.clock_gettime, Clock.CLOCK_MONOTONIC, addr(time[0]))
    return time[0] * 1000000000 + time[1]


def computes(seed: u64) -> None:
    """Something whose result is wrong if a register is lost."""
    twice = array[u64, 2]()
    k = i64(0)
    while k < 2:
        value = seed
        other = ~seed
        i = i64(0)
        while i < 5000:
            value = value * 6364136223846793005 + (other >> 3)
            other ^= value << 7
            i += 1
        twice[k] = value ^ other
        k += 1
    if twice[0] != twice[1]:
        atomic.add(addr(faults), 1)


def works(slot: u64) -> i64:
    """One of the threads."""
    event = array[u64, 8]()
    event[0] = slot
    event[1] = u64(Signal.SIGUSR1) | u64(SigevNotify.SIGEV_THREAD_ID) << 32
    event[2] = u64(syscall(numbers.gettid))
    syscall(numbers.timer_create, Clock.CLOCK_MONOTONIC, addr(event[0]), addr(timers[i64(slot)]))
    setting = array[i64, 4]([0, EVERY, 0, EVERY])
    begin = now()
    syscall(numbers.timer_settime, i64(timers[i64(slot)]), 0, addr(setting[0]), 0)
    mine = addr(periods[i64(slot)])
    while atomic.load(mine) < wanted:
        computes(slot + 17)
    counted = atomic.load(mine)
    if now() - begin < i64(counted) * EVERY:
        atomic.add(addr(early), 1)
    syscall(numbers.timer_delete, i64(timers[i64(slot)]))
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """So many expiries for each."""
    global wanted
    wanted = 1000
    install(Signal.SIGUSR1, ticks, SigAction.SA_SIGINFO, 0)
    i = i64(0)
    while i < THREADS:
        spawn_in(i, works, u64(i))
        i += 1
    i = 0
    while i < THREADS:
        join(i)
        check(b"expiries", atomic.load(addr(periods[i])) >= wanted)
        i += 1
    result(b"early", i64(early))
    result(b"faults", i64(faults))
    return 0
