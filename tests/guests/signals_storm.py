"""A storm: threads that send each other signals, with handlers, while they compute, wait for futexes and read pipes.

Arguments: how many rounds; `t` for short sleeps as well, whose ends come when the clock says.
"""

from say import check, result
from signal_tools import bit, install, mask_of
from spawn import join, spawn_in

from guest.lang import addr, array, atomic, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigAction, SigMask, Signal
from syscalls.flags.threads import Futex

THREADS = 4
PLAIN = Signal.SIGRTMIN + 3  # interrupts what waits
RESTARTS = Signal.SIGRTMIN + 4
NESTS = Signal.SIGRTMIN + 5  # sends PLAIN to its own thread from its handler, on another stack
SHARED = Signal.SIGRTMIN + 6  # goes to the process

rounds: i64
sleeps: bool
pid: i64
ids: array[u32, 4]
pipes: array[array[i32, 2], 4]
words: array[u32, 4]
alternates: array[array[u8, 16384], 4]
ready: u32
done: u32
sent: u64
handled: u64
shared_sent: u64
shared: u64
interrupted: u64
faults: u64


def counts(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler of PLAIN and RESTARTS."""
    atomic.add(addr(handled), 1)
    if i64(info[0]) != number or i64(info[4]) != pid:
        atomic.add(addr(faults), 1)


def nests(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler of NESTS: a signal inside it."""
    atomic.add(addr(handled), 1)
    here = u64(addr(number))
    inside = False
    i = i64(0)
    while i < THREADS:
        start = u64(addr(alternates[i][0]))
        inside = inside or (start <= here and here < start + 16384)
        i += 1
    if not inside:
        atomic.add(addr(faults), 1)
    if syscall(numbers.tgkill, pid, syscall(numbers.gettid), PLAIN) == 0:
        atomic.add(addr(sent), 1)


def counts_shared(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler of SHARED."""
    atomic.add(addr(shared), 1)


def send(to: i64, number: i64) -> None:
    """A signal for one of the threads."""
    if syscall(numbers.tgkill, pid, ids[to], number) == 0:
        atomic.add(addr(sent), 1)
    else:
        atomic.add(addr(faults), 1)


def computes(seed: u64) -> None:
    """Something whose result is wrong if a register is lost."""
    forward = seed
    backward = seed ^ 0x5555555555555555
    i = i64(0)
    while i < 300:
        forward = forward * 6364136223846793005 + 1442695040888963407
        backward = backward * 6364136223846793005 + 1442695040888963407
        i += 1
    again = seed
    i = 0
    while i < 300:
        again = again * 6364136223846793005 + 1442695040888963407
        if i % 100 == 0:
            syscall(numbers.getppid)
        i += 1
    if again != forward or backward == forward:
        atomic.add(addr(faults), 1)


def rest() -> None:
    """Sleep for some microseconds."""
    time = array[i64, 2]()
    time[1] = 20000
    if syscall(numbers.nanosleep, addr(time[0]), 0) < 0:
        atomic.add(addr(interrupted), 1)


def awaits(word: ptr[u32], least: u32) -> None:
    """Wait until the word is at least so much."""
    while True:
        seen = atomic.load(word)
        if seen >= least:
            return
        if syscall(numbers.futex, word, Futex.FUTEX_WAIT_PRIVATE, seen, 0) == -4:
            atomic.add(addr(interrupted), 1)


def raises(word: ptr[u32]) -> None:
    """Add one to the word and wake all."""
    atomic.add(word, 1)
    syscall(numbers.futex, word, Futex.FUTEX_WAKE_PRIVATE, 1000)


def takes(fd: i32) -> None:
    """Read one byte."""
    byte = array[u8, 1]()
    while True:
        got = syscall(numbers.read, fd, addr(byte[0]), 1)
        if got == 1:
            return
        if got != -4:
            atomic.add(addr(faults), 1)
            return
        atomic.add(addr(interrupted), 1)


def works(slot: u64) -> i64:
    """One of the threads."""
    me = i64(slot)
    stack = array[u64, 3]()
    stack[0] = u64(addr(alternates[me][0]))
    stack[2] = 16384
    syscall(numbers.sigaltstack, addr(stack[0]), 0)
    ids[me] = u32(syscall(numbers.gettid))
    raises(addr(ready))
    awaits(addr(ready), THREADS)
    following = (me + 1) % THREADS
    byte = array[u8, 1]()
    r = i64(0)
    while r < rounds:
        send((me + 1 + r % (THREADS - 1)) % THREADS, PLAIN + (r + me) % 3)
        if r % 7 == me:
            mask_of(SigMask.SIG_BLOCK, bit(SHARED))
        if r % 5 == me:
            if syscall(numbers.kill, pid, SHARED) == 0:
                atomic.add(addr(shared_sent), 1)
        kind = (r + 2 * me) % 4
        if kind == 0:
            computes(u64(r))
        elif kind == 1:
            syscall(numbers.sched_yield)
        elif kind == 2 and sleeps:
            rest()
        syscall(numbers.write, pipes[following][1], addr(byte[0]), 1)
        takes(pipes[me][0])
        raises(addr(words[following]))
        awaits(addr(words[me]), u32(r + 1))
        if r % 7 == me:
            mask_of(SigMask.SIG_UNBLOCK, bit(SHARED))
        r += 1
    raises(addr(done))
    awaits(addr(done), THREADS)
    syscall(numbers.getppid)
    raises(addr(done))
    awaits(addr(done), 2 * THREADS)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Start them, wait for them, and count."""
    global rounds, sleeps, pid
    pid = syscall(numbers.getpid)
    at = i64(0)
    while argv[1][at] != 0:
        rounds = rounds * 10 + i64(argv[1][at]) - 0x30
        at += 1
    sleeps = argc > 2
    info = SigAction.SA_SIGINFO
    everything = ~u64(0)
    install(PLAIN, counts, info, 0)
    install(RESTARTS, counts, info | SigAction.SA_RESTART, 0)
    install(NESTS, nests, info | SigAction.SA_ONSTACK, bit(SHARED))
    install(SHARED, counts_shared, info | SigAction.SA_RESTART, everything)
    mask_of(SigMask.SIG_BLOCK, bit(SHARED))
    i = i64(0)
    while i < THREADS:
        syscall(numbers.pipe2, addr(pipes[i][0]), 0)
        i += 1
    mask_of(SigMask.SIG_UNBLOCK, bit(SHARED))
    i = 0
    while i < THREADS:
        spawn_in(i, works, u64(i))
        i += 1
    mask_of(SigMask.SIG_BLOCK, bit(SHARED))
    i = 0
    while i < THREADS:
        join(i)
        i += 1
    mask_of(SigMask.SIG_UNBLOCK, bit(SHARED))
    check(b"handlers have run for all", atomic.load(addr(handled)) == atomic.load(addr(sent)))
    check(b"and for those of the process", atomic.load(addr(shared)) == atomic.load(addr(shared_sent)))
    check(b"as many as there should be", i64(sent) >= THREADS * rounds)
    result(b"faults", i64(faults))
    if handled != sent or shared != shared_sent:
        result(b"sent", i64(sent))
        result(b"handled", i64(handled))
        result(b"sent to the process", i64(shared_sent))
        result(b"handled", i64(shared))
    return 0
