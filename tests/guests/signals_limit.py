"""RLIMIT_SIGPENDING of 0: what is refused then, and what arrives without what it should carry."""

from say import result, say, say_number
from signal_tools import bit, mask_of

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal
from syscalls.flags.threads import Rlimit

RT = Signal.SIGRTMIN + 5


def told(label: bytes, number: i64) -> None:
    """What was pending."""
    info = array[i32, 32]()
    time = array[i64, 2]()
    wanted = bit(number)
    result(label, syscall(numbers.rt_sigtimedwait, addr(wanted), addr(info[0]), addr(time[0]), 8))
    say(b"  code ")
    say_number(i64(info[2]))
    if info[4] == i32(syscall(numbers.getpid)):
        say(b" from here\n")
    else:
        say(b" from ")
        say_number(i64(info[4]))
        say(b"\n")


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """By each of the calls, standard and real-time."""
    pid = syscall(numbers.getpid)
    mask_of(SigMask.SIG_BLOCK, bit(RT) | bit(Signal.SIGUSR1))
    info = array[i32, 32]()
    info[2] = -1
    info[4] = i32(pid)
    info[6] = 77
    limit = array[u64, 2]()
    syscall(numbers.prlimit64, 0, Rlimit.RLIMIT_SIGPENDING, 0, addr(limit[0]))
    limit[0] = 0
    result(b"limit", syscall(numbers.prlimit64, 0, Rlimit.RLIMIT_SIGPENDING, addr(limit[0]), 0))
    result(b"queue real-time", syscall(numbers.rt_sigqueueinfo, pid, RT, addr(info[0])))
    result(b"tgkill real-time", syscall(numbers.tgkill, pid, pid, RT))
    told(b"nothing", RT)
    result(b"kill real-time", syscall(numbers.kill, pid, RT))
    result(b"kill real-time", syscall(numbers.kill, pid, RT))
    told(b"once", RT)
    told(b"no more", RT)
    result(b"queue standard", syscall(numbers.rt_sigqueueinfo, pid, Signal.SIGUSR1, addr(info[0])))
    told(b"nothing with it", Signal.SIGUSR1)
    result(b"tgkill standard", syscall(numbers.tgkill, pid, pid, Signal.SIGUSR1))
    told(b"nothing with it", Signal.SIGUSR1)
    result(b"kill standard", syscall(numbers.kill, pid, Signal.SIGUSR1))
    told(b"all with it", Signal.SIGUSR1)
    limit[0] = limit[1]
    syscall(numbers.prlimit64, 0, Rlimit.RLIMIT_SIGPENDING, addr(limit[0]), 0)
    result(b"queue again", syscall(numbers.rt_sigqueueinfo, pid, RT, addr(info[0])))
    result(b"and again", syscall(numbers.tgkill, pid, pid, RT))
    told(b"first", RT)
    told(b"second", RT)
    return 0
