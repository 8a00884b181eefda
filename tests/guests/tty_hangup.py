"""The end of a terminal and of its session's leader: SIGHUP and SIGCONT, who gets them, and what is left to read and write."""

from process_tools import WUNTRACED, ended, hear, leave, nap, set_action, tell, waited
from pty_tools import (
    Termios,
    get_modes,
    ioctl,
    open_master,
    open_slave,
    put,
    read_said,
    wait_input,
)
from say import result
from tty_tools import block, group_of, lead, next_signal, set_group

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl, Open
from syscalls.flags.signals import Signal

BOTH = (1 << 0) | (1 << 17)

ready: array[i32, 2]
done: array[i32, 2]


def current() -> i64:
    """/dev/tty; 0 when it could be opened, which is undone."""
    fd = syscall(numbers.open, b"/dev/tty\0".ptr, Open.O_RDWR | Open.O_NOCTTY)
    if fd < 0:
        return fd
    syscall(numbers.close, fd)
    return 0


def member(name: bytes, master: i64, slave: i64, own_group: bool, foreground: bool) -> i64:
    """A process of the session that waits for what comes, and says it when the other end of `done` is closed."""
    pid = syscall(numbers.fork)
    if pid == 0:
        syscall(numbers.alarm, 30)
        syscall(numbers.close, done[1])
        syscall(numbers.close, master)
        block(Signal.SIGHUP)
        block(Signal.SIGCONT)
        if own_group:
            syscall(numbers.setpgid, 0, 0)
        if foreground:
            block(Signal.SIGTTOU)
            set_group(slave, syscall(numbers.getpid))
        tell(ready[1])
        hear(done[0])
        next_signal(name, BOTH, 1)
        next_signal(name, BOTH, 1)
        result(b"  /dev/tty", current())
        leave(0)
    hear(ready[0])
    return pid


def by_the_master(master: i64, slave: i64) -> i64:
    """The master is closed; a job has the foreground."""
    block(Signal.SIGHUP)
    block(Signal.SIGCONT)
    front = member(b"the foreground", master, slave, True, True)
    put(master, b"typed before\n")
    wait_input(slave, 5000)
    syscall(numbers.close, master)
    next_signal(b"the leader", BOTH, 5000)
    next_signal(b"the leader", BOTH, 5000)
    next_signal(b"the leader", BOTH, 50)
    result(b"poll", wait_input(slave, 0))
    read_said(b"read", slave, 100)
    result(b"write", put(slave, b"x"))
    modes = Termios()
    result(b"modes", get_modes(slave, modes))
    result(b"FIONREAD", ioctl(slave, Ioctl.FIONREAD, u64(addr(modes))))
    result(b"group", group_of(slave))
    result(b"TIOCNOTTY", ioctl(slave, Ioctl.TIOCNOTTY, 0))
    result(b"TIOCSCTTY", ioctl(slave, Ioctl.TIOCSCTTY, 0))
    result(b"/dev/tty", current())
    syscall(numbers.close, done[1])
    ended(b"the foreground", front)
    return 0


def by_the_master_behind(master: i64, slave: i64) -> i64:
    """The master is closed; a job is in the background."""
    block(Signal.SIGHUP)
    block(Signal.SIGCONT)
    back = member(b"the background", master, slave, True, False)
    syscall(numbers.close, master)
    next_signal(b"the leader", BOTH, 5000)
    next_signal(b"the leader", BOTH, 5000)
    syscall(numbers.close, done[1])
    ended(b"the background", back)
    return 0


def leader_ends(master: i64, slave: i64) -> i64:
    """The leader ends, with two jobs; nobody reaps them, they say what they got on a pipe."""
    member(b"the foreground", master, slave, True, True)
    return 0


def leader_ends_behind(master: i64, slave: i64) -> i64:
    """The same, the job is in the background."""
    member(b"the background", master, slave, True, False)
    return 0


def reads_on(master: i64, slave: i64) -> i64:
    """A read that the hang-up ends."""
    set_action(Signal.SIGHUP, 1, 0)
    syscall(numbers.close, master)
    tell(ready[1])
    read_said(b"read", slave, 100)
    read_said(b"again", slave, 100)
    result(b"poll", wait_input(slave, 0))
    return 0


def stopped_job(master: i64, slave: i64) -> i64:
    """A stopped job of a leader that ends: it is continued, and hung up."""
    pid = syscall(numbers.fork)
    if pid == 0:
        syscall(numbers.alarm, 30)
        syscall(numbers.setpgid, 0, 0)
        syscall(numbers.close, done[0])
        syscall(numbers.kill, syscall(numbers.getpid), Signal.SIGSTOP)
        leave(0)  # not reached: SIGHUP comes with SIGCONT
    waited(b"stopped", pid, WUNTRACED, pid)
    return 0


def fresh() -> None:
    """New pipes."""
    syscall(numbers.pipe2, ready.ptr, 0)
    syscall(numbers.pipe2, done.ptr, 0)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    for behind in range(2):
        fresh()
        master = open_master()
        slave = open_slave(master, Open.O_NOCTTY)
        leader = lead(master, slave, by_the_master if behind == 0 else by_the_master_behind)
        syscall(numbers.close, master)
        syscall(numbers.close, slave)
        syscall(numbers.close, done[1])
        ended(b"by the master", leader)

    for behind in range(2):
        fresh()
        master = open_master()
        slave = open_slave(master, Open.O_NOCTTY)
        ended(b"leader", lead(master, slave, leader_ends if behind == 0 else leader_ends_behind))
        result(b"group", group_of(master))
        syscall(numbers.close, ready[1])
        syscall(numbers.close, done[1])
        hear(ready[0])  # until the job has ended
        syscall(numbers.close, ready[0])
        syscall(numbers.close, master)
        syscall(numbers.close, slave)

    fresh()
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    leader = lead(master, slave, reads_on)
    syscall(numbers.close, slave)
    hear(ready[0])
    nap(100)
    syscall(numbers.close, master)
    ended(b"reads on", leader)

    fresh()
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    leader = lead(master, slave, stopped_job)
    ended(b"leader", leader)
    syscall(numbers.close, done[1])
    result(b"all have ended", hear(done[0]))
    return 0
