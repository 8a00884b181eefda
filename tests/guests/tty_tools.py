"""Sessions on pseudo-terminals for test guests: a child that leads one, and the signals that it is sent."""

from process_tools import leave
from pty_tools import ioctl
from say import result, say, say_number
from signal_tools import bit, mask_of

from guest.lang import addr, array, fn, i32, i64, syscall, u64
from syscalls import numbers
from syscalls.flags import Ioctl

SIG_BLOCK = 0
SIG_UNBLOCK = 1

Leader = fn[[i64, i64], i64]


def lead(master: i64, slave: i64, entry: Leader) -> i64:
    """A child that leads a session whose controlling terminal is the slave, calls `entry(master, slave)` and exits with what it
    returns; its pid."""
    pid = syscall(numbers.fork)
    if pid == 0:
        syscall(numbers.alarm, 30)  # nobody waits for ever
        syscall(numbers.setsid)
        ioctl(slave, Ioctl.TIOCSCTTY, 0)
        leave(entry(master, slave))
    return pid


def group_of(slave: i64) -> i64:
    """tcgetpgrp(3)."""
    group = i32(-1)
    value = ioctl(slave, Ioctl.TIOCGPGRP, u64(addr(group)))
    return value if value < 0 else i64(group)


def set_group(slave: i64, group: i64) -> i64:
    """tcsetpgrp(3)."""
    given = i32(group)
    return ioctl(slave, Ioctl.TIOCSPGRP, u64(addr(given)))


def block(number: i64) -> None:
    """Hold a signal back."""
    mask_of(SIG_BLOCK, bit(number))


def next_signal(label: bytes, wanted: u64, milliseconds: i64) -> i64:
    """Takes a blocked signal out of `wanted`; print which, and si_code."""
    info = array[i32, 32]()
    held = wanted
    time = array[i64, 2]()
    time[0] = milliseconds // 1000
    time[1] = milliseconds % 1000 * 1000000
    number = syscall(numbers.rt_sigtimedwait, addr(held), info.ptr, time.ptr, 8)
    while number == -4:
        number = syscall(numbers.rt_sigtimedwait, addr(held), info.ptr, time.ptr, 8)
    result(label, number)
    if number > 0:
        say(b"  code ")
        say_number(i64(info[2]))
        say(b" from ")
        if i64(info[4]) == syscall(numbers.getpid):
            say(b"myself\n")
        else:
            say_number(i64(info[4]))
            say(b"\n")
    return number
