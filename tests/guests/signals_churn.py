"""Threads that come and go while signals are sent to them; some wait with another mask, one reads a signalfd, one takes by
sigtimedwait. Each signal that was sent while its target lived is taken exactly once, by whoever it may be.

Argument: how many rounds.
"""

from say import check, result
from signal_tools import bit, install, mask_of
from spawn import join, spawn_in

from guest.lang import addr, array, atomic, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Epoll, EpollOp
from syscalls.flags.signals import SigAction, SigMask, Signal

HANDLED = (
    Signal.SIGRTMIN + 3
)  # to a thread that waits with it unblocked, by ppoll, epoll_pwait or sigsuspend in turn
READ = Signal.SIGRTMIN + 4  # to the process, blocked everywhere: read from a signalfd
TAKEN = Signal.SIGRTMIN + 5  # to the process, blocked everywhere: taken by sigtimedwait
ENDING = Signal.SIGRTMIN + 6  # to threads that are about to end

rounds: i64
pid: i64
waiter: u32
handled: u64
read: u64
taken: u64
ending: u64
sent_ending: u64
faults: u64
at: u32  # the id of a thread that is about to end
done: u32


def counts(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler of HANDLED."""
    atomic.add(addr(handled), 1)


def counts_ending(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler of ENDING."""
    atomic.add(addr(ending), 1)


def waits(unused: u64) -> i64:
    """Waits with HANDLED unblocked only meanwhile, each time by another call."""
    atomic.store(addr(waiter), u32(syscall(numbers.gettid)))
    epoll = syscall(numbers.epoll_create1, 0)
    mask = ~bit(HANDLED)
    events = array[u64, 4]()
    pair = array[u64, 2]([u64(addr(mask)), 8])
    turn = i64(0)
    while i64(atomic.load(addr(handled))) < rounds:
        before = atomic.load(addr(handled))
        got = i64(0)
        if turn % 4 == 0:
            got = syscall(numbers.ppoll, 0, 0, 0, addr(mask), 8)
        elif turn % 4 == 1:
            got = syscall(numbers.epoll_pwait, epoll, addr(events[0]), 1, -1, addr(mask), 8)
        elif turn % 4 == 2:
            got = syscall(numbers.rt_sigsuspend, addr(mask), 8)
        else:
            got = syscall(numbers.pselect6, 0, 0, 0, 0, 0, addr(pair[0]))
        if got != -4 or atomic.load(addr(handled)) == before:
            atomic.add(addr(faults), 1)
        if mask_of(SigMask.SIG_BLOCK, 0) & bit(HANDLED) == 0:
            atomic.add(addr(faults), 1)
        turn += 1
    return 0


def reads(unused: u64) -> i64:
    """Reads READ from a signalfd that an epoll watches, edge-triggered."""
    mask = bit(READ)
    fd = syscall(numbers.signalfd4, -1, addr(mask), 8, 0x800)
    epoll = syscall(numbers.epoll_create1, 0)
    event = array[u32, 3]([u32(Epoll.EPOLLIN | Epoll.EPOLLET), 0, 0])
    syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_ADD, fd, addr(event[0]))
    infos = array[u32, 96]()
    while i64(atomic.load(addr(read))) < rounds:
        syscall(numbers.epoll_wait, epoll, addr(event[0]), 1, -1)
        while True:
            got = syscall(numbers.read, fd, addr(infos[0]), 384)
            if got < 0:
                break
            atomic.add(addr(read), u64(got // 128))
    return 0


def takes(unused: u64) -> i64:
    """Takes TAKEN by sigtimedwait."""
    mask = bit(TAKEN)
    info = array[i32, 32]()
    while i64(atomic.load(addr(taken))) < rounds:
        if syscall(numbers.rt_sigtimedwait, addr(mask), addr(info[0]), 0, 8) == TAKEN:
            atomic.add(addr(taken), 1)
        else:
            atomic.add(addr(faults), 1)
    return 0


def ends(unused: u64) -> i64:
    """Says who it is, and ends."""
    mask_of(SigMask.SIG_UNBLOCK, bit(ENDING))
    atomic.store(addr(at), u32(syscall(numbers.gettid)))
    syscall(numbers.getppid)
    syscall(numbers.getppid)
    return 0


def sends(unused: u64) -> i64:
    """Sends everything."""
    i = i64(0)
    while i < rounds:
        syscall(numbers.tgkill, pid, atomic.load(addr(waiter)), HANDLED)
        syscall(numbers.kill, pid, READ)
        syscall(numbers.kill, pid, TAKEN)
        target = atomic.load(addr(at))
        if target != 0 and syscall(numbers.tgkill, pid, target, ENDING) == 0:
            atomic.add(addr(sent_ending), 1)
        if i % 8 == 7:
            syscall(numbers.sched_yield)
        i += 1
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Start them, make threads that end, and count."""
    global rounds, pid
    pid = syscall(numbers.getpid)
    k = i64(0)
    while argv[1][k] != 0:
        rounds = rounds * 10 + i64(argv[1][k]) - 0x30
        k += 1
    install(HANDLED, counts, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    install(ENDING, counts_ending, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    mask_of(SigMask.SIG_BLOCK, bit(HANDLED) | bit(READ) | bit(TAKEN) | bit(ENDING))
    spawn_in(0, waits, 0)
    while atomic.load(addr(waiter)) == 0:
        syscall(numbers.sched_yield)
    spawn_in(1, reads, 0)
    spawn_in(2, takes, 0)
    spawn_in(3, sends, 0)
    i = i64(0)
    while i < rounds // 20:
        spawn_in(4, ends, 0)
        join(4)
        i += 1
    k = 0
    while k < 4:
        join(k)
        k += 1
    result(b"handled", i64(handled))
    result(b"read", i64(read))
    result(b"taken", i64(taken))
    check(b"no more than were sent to those that ended", ending <= sent_ending)
    result(b"faults", i64(faults))
    return 0
