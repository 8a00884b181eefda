"""signalfd: what is read of every kind of signal, waiting, readiness in poll, select and epoll, masks, errors."""

from say import check, result, say, say_number
from signal_tools import bit, install, mask_of
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Epoll, EpollOp, Fcntl, Open, Poll
from syscalls.flags.clock import Clock, SigevNotify
from syscalls.flags.signals import SigAction, SigMask, Signal, SignalfdFlag

USR = Signal.SIGUSR1
RT = Signal.SIGRTMIN + 5
AGAIN = -11


@struct
class Info:
    """struct signalfd_siginfo."""

    signo: u32
    errno: i32
    code: i32
    pid: u32
    uid: u32
    fd: i32
    tid: u32
    band: u32
    overrun: u32
    trap: u32
    status: i32
    int_value: i32
    pointer: u64
    utime: u64
    stime: u64
    address: u64
    lsb: u16
    pad: u16
    number: i32
    call: u64
    arch: u32
    rest: array[u8, 28]


@struct
class PollFd:
    """struct pollfd."""

    fd: i32
    events: u16
    revents: u16


@struct
class Time:
    """struct timespec."""

    seconds: i64
    nanoseconds: i64


infos: array[Info, 4]
mask: u64
me: i64
pid: i64
data: array[u8, 256]
calls: i64
vectors: array[u64, 4]
ends: array[i32, 2]
header: array[u64, 8]
control: array[u64, 4]


def make(bits: u64, flags: i64) -> i64:
    """A new signalfd."""
    global mask
    mask = bits
    return syscall(numbers.signalfd4, -1, addr(mask), 8, flags)


def nap(milliseconds: i64) -> None:
    """Sleep."""
    time = Time()
    time.nanoseconds = milliseconds * 1000000
    syscall(numbers.nanosleep, addr(time), 0)


def to_me(number: i64) -> None:
    """A signal for this thread."""
    syscall(numbers.tgkill, pid, me, number)


def to_all(number: i64) -> None:
    """A signal for the process."""
    syscall(numbers.kill, pid, number)


def queued(number: i64, value: u64) -> i64:
    """A signal with a value (SI_QUEUE)."""
    info = array[i32, 32]()
    info[0] = i32(number)
    info[2] = -1
    info[4] = i32(pid)
    info[5] = 77
    info[6] = i32(value & 0xFFFFFFFF)
    info[7] = i32(value >> 32)
    return syscall(numbers.rt_sigqueueinfo, pid, number, addr(info[0]))


def take(fd: i64, room: i64) -> i64:
    """Read into the array of infos."""
    for i in range(4):
        infos[i].signo = 0
    return syscall(numbers.read, fd, addr(infos[0]), room)


def told(index: i64) -> None:
    """Everything that one info says."""
    info = infos[index]
    say(b"  signo ")
    say_number(i64(info.signo))
    say(b" errno ")
    say_number(i64(info.errno))
    say(b" code ")
    say_number(i64(info.code))
    if i64(info.pid) == pid:
        say(b" from here")
    else:
        say(b" pid ")
        say_number(i64(info.pid))
    if info.pid != 0 and i64(info.uid) == syscall(numbers.getuid):
        say(b" own uid")
    else:
        say(b" uid ")
        say_number(i64(info.uid))
    values = array[i64, 13]([
        i64(info.fd), i64(info.tid), i64(info.band), i64(info.trap), i64(info.status), i64(info.int_value),
        i64(info.pointer), i64(info.utime), i64(info.address), i64(info.lsb), i64(info.number), i64(info.call), i64(info.arch),
    ])  # fmt: skip
    for i in range(13):
        say(b" ")
        say_number(values[i])
    say(b"\n")


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
    global mask
    mask = ~u64(0)
    result(b"all", syscall(numbers.signalfd4, fd, addr(mask), 8, 0))
    for i in range(7):
        mask_of(SigMask.SIG_BLOCK, bit(codes[i]))
        fault[0] = i32(codes[i])
        syscall(numbers.rt_tgsigqueueinfo, pid, me, codes[i], addr(fault[0]))
        result(b"as if raised", take(fd, 128))
        told(0)
        mask_of(SigMask.SIG_UNBLOCK, bit(codes[i]))
    syscall(numbers.close, fd)


def sender(number: u64) -> i64:
    """The thread that sends a signal to the process."""
    nap(20)
    to_all(i64(number))
    return 0


def to_thread(number: u64) -> i64:
    """The thread that sends a signal to the first one."""
    nap(20)
    to_me(i64(number))
    return 0


def both(number: u64) -> i64:
    """The thread that first interrupts, and then ends the wait."""
    nap(20)
    to_me(Signal.SIGUSR2)
    nap(20)
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


def polled(fd: i64, timeout: i64) -> None:
    """poll and select of it."""
    one = PollFd()
    one.fd = i32(fd)
    one.events = u16(Poll.POLLIN | Poll.POLLOUT)
    result(b"  poll", syscall(numbers.poll, addr(one), 1, timeout))
    result(b"  revents", i64(one.revents))
    reads = u64(1) << u64(fd)
    writes = reads
    time = Time()
    result(b"  select", syscall(numbers.pselect6, fd + 1, addr(reads), addr(writes), 0, addr(time), 0))
    check(b"  reads", reads != 0)
    check(b"  writes", writes != 0)


def readiness() -> None:
    """Ready exactly while a signal of the mask is pending, however it goes away."""
    fd = make(bit(USR), SignalfdFlag.SFD_NONBLOCK)
    say(b"nothing\n")
    polled(fd, 0)
    to_all(RT)
    say(b"another signal\n")
    polled(fd, 0)
    to_all(USR)
    say(b"pending\n")
    polled(fd, 0)
    polled(fd, 0)
    take(fd, 128)
    say(b"read\n")
    polled(fd, 0)
    to_all(USR)
    wanted = bit(USR)
    zero = Time()
    syscall(numbers.rt_sigtimedwait, addr(wanted), 0, addr(zero), 8)
    say(b"taken by sigtimedwait\n")
    polled(fd, 0)
    to_all(USR)
    action = array[u64, 4]()
    action[0] = 1
    syscall(numbers.rt_sigaction, USR, addr(action[0]), 0, 8)
    say(b"dropped as ignored\n")
    polled(fd, 0)
    action[0] = 0
    syscall(numbers.rt_sigaction, USR, addr(action[0]), 0, 8)
    global mask
    mask = bit(RT)
    result(b"another mask", syscall(numbers.signalfd, fd, addr(mask), 8))
    polled(fd, 0)
    result(b"read", take(fd, 512))
    polled(fd, 0)
    say(b"waiting\n")
    spawn_in(0, sender, u64(RT))
    polled(fd, 5000)
    join(0)
    to_me(RT)
    result(b"of both", take(fd, 512))
    syscall(numbers.close, fd)


def event_of(epoll: i64, timeout: i64) -> None:
    """One epoll_wait."""
    events = array[u8, 48]()
    count = result(b"  epoll_wait", syscall(numbers.epoll_wait, epoll, addr(events[0]), 4, timeout))
    if count > 0:
        say(b"  events ")
        say_number(i64(events[0]) + 256 * i64(events[1]))
        say(b"\n")


def epolls(flags: i64) -> None:
    """In an epoll, level- or edge-triggered."""
    fd = make(bit(USR) | bit(RT), SignalfdFlag.SFD_NONBLOCK)
    epoll = syscall(numbers.epoll_create1, 0)
    event = array[u32, 4]()
    event[0] = u32(Epoll.EPOLLIN | Epoll.EPOLLOUT | flags)
    result(b"add", syscall(numbers.epoll_ctl, epoll, EpollOp.EPOLL_CTL_ADD, fd, addr(event[0])))
    event_of(epoll, 0)
    to_all(USR)
    say(b"one\n")
    event_of(epoll, 0)
    event_of(epoll, 0)
    queued(RT, 1)
    say(b"two\n")
    event_of(epoll, 0)
    event_of(epoll, 0)
    take(fd, 128)
    say(b"one is left\n")
    event_of(epoll, 0)
    take(fd, 128)
    say(b"none\n")
    event_of(epoll, 0)
    spawn_in(0, sender, u64(USR))
    say(b"waits\n")
    event_of(epoll, 5000)
    join(0)
    take(fd, 128)
    copy = syscall(numbers.dup, fd)
    syscall(numbers.close, fd)
    to_all(USR)
    say(b"a duplicate keeps it\n")
    event_of(epoll, 0)
    result(b"read", take(copy, 128))
    syscall(numbers.close, copy)
    to_all(USR)
    say(b"closed\n")
    event_of(epoll, 0)
    wanted = bit(USR)
    syscall(numbers.rt_sigtimedwait, addr(wanted), 0, 0, 8)
    syscall(numbers.close, epoll)


def passed() -> None:
    """Over SCM_RIGHTS: the same signalfd, also where the sender has closed its own before."""
    fd = make(bit(USR), SignalfdFlag.SFD_NONBLOCK)
    syscall(numbers.socketpair, 1, 1, 0, addr(ends[0]))
    for i in range(2):
        control[0] = 20
        control[1] = 1 | 1 << 32
        control[2] = u64(fd)
        data[0] = 65
        vectors[0] = u64(addr(data[0]))
        vectors[1] = 1
        header[0] = 0
        header[1] = 0
        header[2] = u64(addr(vectors[0]))
        header[3] = 1
        header[4] = u64(addr(control[0]))
        header[5] = 24
        header[6] = 0
        result(b"sendmsg", syscall(numbers.sendmsg, ends[0], addr(header[0]), 0))
        if i == 1:
            syscall(numbers.close, fd)
        header[5] = 24
        result(b"recvmsg", syscall(numbers.recvmsg, ends[1], addr(header[0]), 0))
        got = i64(control[2] & 0xFFFFFFFF)
        to_all(USR)
        polled(got, 0)
        result(b"read", take(got, 128))
        told(0)
        if i == 1:
            global mask
            mask = bit(RT)
            result(b"mask", syscall(numbers.signalfd, got, addr(mask), 8))
        syscall(numbers.close, got)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them."""
    global me, pid
    me = syscall(numbers.gettid)
    pid = syscall(numbers.getpid)
    mask_of(SigMask.SIG_BLOCK, bit(USR) | bit(RT) | bit(Signal.SIGALRM))
    errors()
    kinds()
    waiting()
    readiness()
    say(b"level\n")
    epolls(0)
    say(b"edge\n")
    epolls(Epoll.EPOLLET)
    say(b"once\n")
    epolls(Epoll.EPOLLONESHOT)
    passed()
    return 0
