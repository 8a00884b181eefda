"""signalfd for test guests: making one, reading it, sending what it reads, saying what was read."""

from say import say, say_number
from signal_tools import bit, mask_of

from guest.lang import addr, array, i32, i64, struct, syscall, u8, u16, u32, u64
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal

USR = Signal.SIGUSR1
RT = Signal.SIGRTMIN + 5


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
class Time:
    """struct timespec."""

    seconds: i64
    nanoseconds: i64


infos: array[Info, 4]
me: i64
pid: i64


def begin() -> None:
    """Block the signals, and note who this is."""
    global me, pid
    me = syscall(numbers.gettid)
    pid = syscall(numbers.getpid)
    mask_of(SigMask.SIG_BLOCK, bit(USR) | bit(RT) | bit(Signal.SIGALRM))


def make(bits: u64, flags: i64) -> i64:
    """A new signalfd."""
    held = bits
    return syscall(numbers.signalfd4, -1, addr(held), 8, flags)


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


def sender(number: u64) -> i64:
    """The thread that sends a signal to the process."""
    nap(20)
    to_all(i64(number))
    return 0
