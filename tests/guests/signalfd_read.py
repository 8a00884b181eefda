"""signalfd: what is read of every kind of signal, reading that waits, errors in the kernel's order."""

from say import check, result
from signal_tools import bit, install, mask_of
from signalfd_tools import (
    RT,
    USR,
    begin,
    infos,
    make,
    me,
    nap,
    pid,
    queued,
    sender,
    take,
    to_all,
    to_me,
    told,
)
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Fcntl, Open
from syscalls.flags.clock import Clock, SigevNotify
from syscalls.flags.signals import SigAction, SigMask, Signal, SignalfdFlag

data: array[u8, 256]
calls: i64
vectors: array[u64, 4]


def errors() -> None:
    """Everything that is refused, in the kernel's order."""
    bits = bit(USR)
    result(b"size 4", syscall(numbers.signalfd4, -1, addr(bits), 4, 0))
    result(b"size 4, bad", syscall(numbers.signalfd4, -1, 0x10, 4, 1))
    result(b"bad mask", syscall(numbers.signalfd4, -1, 0x10, 8, 1))
    result(b"flag 1", syscall(numbers.signalfd4, 99, addr(bits), 8, 1))
    result(b"descriptor 99", syscall(numbers.signalfd4, 99, addr(bits), 8, 0))
    result(b"descriptor -2", syscall(numbers.signalfd4, -2, addr(bits), 8, 0))
    result(b"stdout", syscall(numbers.signalfd4, 1, addr(bits), 8, 0))
    event = syscall(numbers.eventfd2, 0, 0)
    result(b"an eventfd", syscall(numbers.signalfd, event, addr(bits), 8))
    syscall(numbers.close, event)
    fd = make(bit(USR), SignalfdFlag.SFD_NONBLOCK)
    result(b"nothing pending", take(fd, 128))
    result(b"room 127", take(fd, 127))
    result(b"room 0", take(fd, 0))
    result(b"bad buffer, nothing pending", syscall(numbers.read, fd, 0x10, 128))
    to_me(USR)
    result(b"bad buffer", syscall(numbers.read, fd, 0x10, 128))
    result(b"the signal is lost", take(fd, 128))
    result(b"write", syscall(numbers.write, fd, addr(data[0]), 8))
    result(b"pread", syscall(numbers.pread64, fd, addr(data[0]), 128, 0))
    result(b"pwrite", syscall(numbers.pwrite64, fd, addr(data[0]), 128, 0))
    result(b"lseek", syscall(numbers.lseek, fd, 0, 0))
    vectors[0] = u64(addr(data[0]))
    vectors[1] = 128
    result(b"writev", syscall(numbers.writev, fd, addr(vectors[0]), 1))
    result(b"preadv", syscall(numbers.preadv, fd, addr(vectors[0]), 1, 0, 0))
    result(b"readv, nothing pending", syscall(numbers.readv, fd, addr(vectors[0]), 1))
    result(b"mmap", syscall(numbers.mmap, 0, 4096, 1, 1, fd, 0))
    result(b"FIONREAD", syscall(numbers.ioctl, fd, 0x541B, addr(data[0])))
    result(b"FIOASYNC", syscall(numbers.ioctl, fd, 0x5452, addr(bits)))
    result(b"accept", syscall(numbers.accept4, fd, 0, 0, 0))
    result(b"flags", syscall(numbers.fcntl, fd, Fcntl.F_GETFL, 0) & (Open.O_ACCMODE | Open.O_NONBLOCK))
    result(b"cloexec", syscall(numbers.fcntl, fd, Fcntl.F_GETFD, 0))
    syscall(numbers.close, fd)
    fd = make(bit(USR), SignalfdFlag.SFD_CLOEXEC)
    result(b"cloexec", syscall(numbers.fcntl, fd, Fcntl.F_GETFD, 0))
    syscall(numbers.close, fd)


def kinds() -> None:
    """What is told of signals from kill, tgkill, rt_sigqueueinfo, timers; and their order."""
    fd = make(bit(USR) | bit(RT) | bit(Signal.SIGKILL) | bit(Signal.SIGALRM), SignalfdFlag.SFD_NONBLOCK)
    to_all(USR)
    result(b"kill", take(fd, 512))
    told(0)
    to_me(USR)
    to_me(USR)
    result(b"tgkill, twice", take(fd, 512))
    told(0)
    result(b"sigqueue", queued(RT, 0x1122334455))
    queued(RT, 2)
    queued(RT, 3)
    result(b"two of three", take(fd, 300))
    told(0)
    told(1)
    result(b"the third", take(fd, 128))
    told(0)
    queued(RT, 4)
    to_all(USR)
    to_me(RT)
    result(b"of the thread, then by number", take(fd, 512))
    told(0)
    told(1)
    told(2)
    timer = i32(0)
    setting = array[i64, 4]()
    setting[3] = 1000000
    event = array[u64, 8]()
    event[0] = 0x5566778899
    event[1] = u64(RT | SigevNotify.SIGEV_SIGNAL << 32)
    syscall(numbers.timer_create, Clock.CLOCK_MONOTONIC, addr(event[0]), addr(timer))
    syscall(numbers.timer_settime, timer, 0, addr(setting[0]), 0)
    syscall(numbers.fcntl, fd, Fcntl.F_SETFL, 0)
    result(b"timer", take(fd, 128))
    told(0)
    result(b"  overrun", i64(infos[0].overrun))
    setting[1] = 1000000
    syscall(numbers.timer_settime, timer, 0, addr(setting[0]), 0)
    nap(10)
    result(b"timer again", take(fd, 128))
    check(b"  overrun", infos[0].overrun >= 8)
    syscall(numbers.timer_delete, timer)
    setting[1] = 0
    setting[3] = 1000
    syscall(numbers.setitimer, 0, addr(setting[0]), 0)
    result(b"alarm", take(fd, 128))
    told(0)
    fault = array[i32, 32]()
    fault[2] = 1
    fault[4] = 0x1234
    fault[6] = 5
    fault[7] = 0x3E
    codes = array[i64, 7]([4, 5, 7, 8, 11, 31, 29])
    other = ~u64(0)
    result(b"all", syscall(numbers.signalfd4, fd, addr(other), 8, 0))
    for i in range(7):
        mask_of(SigMask.SIG_BLOCK, bit(codes[i]))
        fault[0] = i32(codes[i])
        syscall(numbers.rt_tgsigqueueinfo, pid, me, codes[i], addr(fault[0]))
        result(b"as if raised", take(fd, 128))
        told(0)
        mask_of(SigMask.SIG_UNBLOCK, bit(codes[i]))
    syscall(numbers.close, fd)


def to_thread(number: u64) -> i64:
    """The thread that sends a signal to the first one."""
    nap(20)
    to_me(i64(number))
    return 0


def both(number: u64) -> i64:
    """The thread that first interrupts, and then ends the wait."""
    nap(60)
    to_me(Signal.SIGUSR2)
    nap(60)
    to_all(i64(number))
    return 0


def counts(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """The handler of SIGUSR2."""
    global calls
    calls += 1


def waiting() -> None:
    """A read that waits."""
    fd = make(bit(USR), 0)
    spawn_in(0, sender, u64(USR))
    result(b"waits for kill", take(fd, 512))
    told(0)
    join(0)
    spawn_in(0, to_thread, u64(USR))
    result(b"waits for tgkill", take(fd, 512))
    told(0)
    join(0)
    vectors[0] = u64(addr(infos[0]))
    vectors[1] = 128
    spawn_in(0, sender, u64(USR))
    result(b"readv waits", syscall(numbers.readv, fd, addr(vectors[0]), 1))
    told(0)
    join(0)
    install(Signal.SIGUSR2, counts, SigAction.SA_SIGINFO, 0)
    spawn_in(0, both, u64(USR))
    result(b"interrupted", take(fd, 128))
    result(b"handlers", calls)
    join(0)
    result(b"taken after that", take(fd, 128))
    install(Signal.SIGUSR2, counts, SigAction.SA_SIGINFO | SigAction.SA_RESTART, 0)
    spawn_in(0, both, u64(USR))
    result(b"begun anew", take(fd, 128))
    result(b"handlers", calls)
    join(0)
    syscall(numbers.close, fd)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    begin()
    errors()
    kinds()
    waiting()
    return 0
