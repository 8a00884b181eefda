"""What a privileged process may do with others' terminals: take them away, open exclusive ones."""

from process_tools import ended, hear, leave, tell
from pty_tools import ioctl, open_master, open_slave
from say import check, result
from tty_tools import group_of, lead

from guest.lang import array, i32, i64, ptr, syscall, u8
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl, Open

ready: array[i32, 2]
done: array[i32, 2]


def owner(master: i64, slave: i64) -> i64:
    """Has the terminal until it is taken away."""
    syscall(numbers.close, done[1])
    result(b"exclusive", ioctl(slave, Ioctl.TIOCEXCL, 0))
    tell(ready[1])
    hear(done[0])
    result(b"taken away: group", group_of(slave))
    tty = syscall(numbers.open, b"/dev/tty\0".ptr, Open.O_RDWR)
    result(b"taken away: /dev/tty", tty)
    return 0


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    syscall(numbers.pipe2, ready.ptr, 0)
    syscall(numbers.pipe2, done.ptr, 0)
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    leader = lead(master, slave, owner)
    hear(ready[0])
    thief = syscall(numbers.fork)
    if thief == 0:
        syscall(numbers.setsid)
        check(b"opened, though exclusive", open_slave(master, Open.O_NOCTTY) > 0)
        result(b"asked for", ioctl(slave, Ioctl.TIOCSCTTY, 0))
        result(b"taken", ioctl(slave, Ioctl.TIOCSCTTY, 1))
        check(b"group", group_of(slave) == syscall(numbers.getpid))
        syscall(numbers.close, done[1])
        ioctl(slave, Ioctl.TIOCNXCL, 0)
        leave(0)
    ended(b"thief", thief)
    result(b"nobody has it", group_of(master))
    syscall(numbers.close, done[1])
    ended(b"owner", leader)
    return 0
