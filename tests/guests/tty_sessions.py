"""Controlling terminals: who gets one and how, /dev/tty, foreground groups, and giving it up."""

from process_tools import ended, leave, set_action
from pty_tools import ioctl, open_master, open_slave
from say import check, result, say
from signal_tools import bit
from tty_tools import block, group_of, lead, next_signal, set_group

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl, Open
from syscalls.flags.signals import Signal

NAME = b"/dev/pts/"


def open_by_name(master: i64, flags: i64) -> i64:
    """The slave by its name."""
    number = u32(0)
    ioctl(master, Ioctl.TIOCGPTN, u64(addr(number)))
    name = array[u8, 32]()
    name[:9] = NAME
    if number >= 10:
        name[9] = u8(0x30 + number // 10)
        name[10] = u8(0x30 + number % 10)
    else:
        name[9] = u8(0x30 + number)
    return syscall(numbers.open, name.ptr, flags)


def session_of(fd: i64) -> i64:
    """tcgetsid(3)."""
    session = i32(-1)
    value = ioctl(fd, Ioctl.TIOCGSID, u64(addr(session)))
    return value if value < 0 else i64(session)


def current() -> i64:
    """/dev/tty; 0 when it could be opened, which is undone."""
    fd = syscall(numbers.open, b"/dev/tty\0".ptr, Open.O_RDWR)
    if fd < 0:
        return fd
    syscall(numbers.close, fd)
    return 0


def whose(label: bytes, value: i64) -> None:
    """A pid as what it is to the caller."""
    if value == syscall(numbers.getpid):
        say(label)
        say(b": me\n")
    else:
        result(label, value)


def by_request(master: i64) -> i64:
    """TIOCSCTTY."""
    result(b"/dev/tty", current())
    slave = open_slave(master, Open.O_NOCTTY)
    result(b"/dev/tty", current())
    result(b"session", session_of(slave))
    result(b"session of the master", session_of(master))
    result(b"group", group_of(slave))
    result(b"TIOCNOTTY", ioctl(slave, Ioctl.TIOCNOTTY, 0))
    result(b"TIOCSPGRP", set_group(slave, syscall(numbers.getpid)))
    result(b"TIOCSCTTY", ioctl(slave, Ioctl.TIOCSCTTY, 0))
    result(b"TIOCSCTTY again", ioctl(slave, Ioctl.TIOCSCTTY, 0))
    whose(b"session", session_of(slave))
    whose(b"session of the master", session_of(master))
    whose(b"group", group_of(slave))
    whose(b"group of the master", group_of(master))
    result(b"/dev/tty", current())
    tty = syscall(numbers.open, b"/dev/tty\0".ptr, Open.O_RDWR)
    status = array[u64, 18]()
    result(b"fstat", syscall(numbers.fstat, tty, status.ptr))
    check(b"5:0", status[5] == 5 << 8)
    whose(b"group of /dev/tty", group_of(tty))
    device = u32(0)
    other = u32(1)
    ioctl(tty, Ioctl.TIOCGDEV, u64(addr(device)))
    ioctl(slave, Ioctl.TIOCGDEV, u64(addr(other)))
    check(b"the same device", device == other)
    second = open_master()
    other_slave = open_slave(second, 0)
    result(b"another one", ioctl(other_slave, Ioctl.TIOCSCTTY, 0))
    result(b"group of another one", group_of(other_slave))
    result(b"group of another master", group_of(second))
    result(b"TIOCSPGRP of another one", set_group(other_slave, syscall(numbers.getpid)))
    child = syscall(numbers.fork)
    if child == 0:
        result(b"child: /dev/tty", current())
        result(b"child: TIOCSCTTY", ioctl(slave, Ioctl.TIOCSCTTY, 0))
        check(b"child: group", group_of(slave) == syscall(numbers.getppid))
        result(b"child: TIOCNOTTY", ioctl(slave, Ioctl.TIOCNOTTY, 0))
        result(b"child: /dev/tty", current())
        result(b"child: group", group_of(slave))
        result(b"child: TIOCNOTTY", ioctl(slave, Ioctl.TIOCNOTTY, 0))
        leave(3)
    ended(b"child", child)
    result(b"still mine", current())
    child = syscall(numbers.fork)
    if child == 0:
        syscall(numbers.setsid)
        result(b"new session: /dev/tty", current())
        result(b"new session: TIOCSCTTY", ioctl(slave, Ioctl.TIOCSCTTY, 0))
        result(b"new session: group", group_of(slave))
        check(b"new session: open", open_by_name(master, Open.O_RDWR) > 0)
        result(b"new session: /dev/tty", current())
        leave(4)
    ended(b"new session", child)
    return 0


def groups(master: i64, slave: i64) -> i64:
    """TIOCSPGRP: to which groups it may be given."""
    result(b"-1", set_group(slave, -1))
    result(b"nobody", set_group(slave, 4000000))
    result(b"the parent's", set_group(slave, syscall(numbers.getppid)))
    result(b"nowhere", ioctl(slave, Ioctl.TIOCSPGRP, 8))
    result(b"0", set_group(slave, 0))
    result(b"of the master", set_group(master, syscall(numbers.getpid)))
    child = syscall(numbers.fork)
    if child == 0:
        while True:
            syscall(numbers.pause)
    result(b"a process that leads no group", set_group(slave, child))
    check(b"it is that", group_of(slave) == child)
    set_action(Signal.SIGTTOU, 1, 0)
    result(b"back", set_group(slave, syscall(numbers.getpid)))
    result(b"setpgid", syscall(numbers.setpgid, child, child))
    result(b"its group", set_group(slave, child))
    check(b"it is that", group_of(slave) == child)
    result(b"back, from the background", set_group(slave, syscall(numbers.getpid)))
    syscall(numbers.kill, child, Signal.SIGKILL)
    ended(b"child", child)
    return 0


def give_up(master: i64, slave: i64) -> i64:
    """TIOCNOTTY of a leader."""
    block(Signal.SIGHUP)
    block(Signal.SIGCONT)
    result(b"TIOCNOTTY", ioctl(slave, Ioctl.TIOCNOTTY, 0))
    next_signal(b"first", bit(Signal.SIGHUP) | bit(Signal.SIGCONT), 5000)
    next_signal(b"second", bit(Signal.SIGHUP) | bit(Signal.SIGCONT), 5000)
    result(b"/dev/tty", current())
    result(b"group", group_of(slave))
    result(b"group of the master", group_of(master))
    result(b"session of the master", session_of(master))
    result(b"again", ioctl(slave, Ioctl.TIOCSCTTY, 0))
    whose(b"group", group_of(slave))
    return 0


def by_opening(way: i64) -> i64:
    """A child that leads a session, and opens a terminal in one way or another; prints whether it has one then."""
    pid = syscall(numbers.fork)
    if pid == 0:
        syscall(numbers.setsid)
        master = open_master()
        result(b"after the master", current())
        if way == 0:
            open_by_name(master, Open.O_RDWR)
        elif way == 1:
            open_by_name(master, Open.O_RDWR | Open.O_NOCTTY)
        elif way == 2:
            open_by_name(master, Open.O_WRONLY)
        elif way == 3:
            open_by_name(master, Open.O_RDONLY)
        elif way == 4:
            open_slave(master, 0)
        else:
            inner = syscall(numbers.fork)
            if inner == 0:  # no leader
                open_by_name(master, Open.O_RDWR)
                leave(0)
            ended(b"no leader", inner)
        result(b"after the slave", current())
        leave(way)
    return ended(b"opened", pid)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    master = open_master()
    child = syscall(numbers.fork)
    if child == 0:
        syscall(numbers.setsid)
        leave(by_request(master))
    ended(b"by request", child)
    for way in range(6):
        by_opening(way)
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    ended(b"groups", lead(master, slave, groups))
    result(b"nobody's when the leader has ended", group_of(master))
    ended(b"given up", lead(master, slave, give_up))
    return 0
