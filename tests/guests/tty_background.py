"""What a background job may do with its controlling terminal: SIGTTIN and SIGTTOU, who ignores or blocks them, orphans."""

from process_tools import WUNTRACED, ended, leave, nap, set_action, waited
from pty_tools import (
    Termios,
    change_local,
    drain_said,
    get_modes,
    ioctl,
    open_master,
    open_slave,
    put,
    set_modes,
)
from say import check, result, say
from signal_tools import install
from tty_tools import block, group_of, lead, set_group

from guest.lang import addr, array, fn, i32, i64, ptr, syscall, u8, u16, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl, Open
from syscalls.flags.signals import Signal
from syscalls.flags.terminals import LocalMode

the_slave: i64
the_master: i64
handled: u64


def on_signal(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    global handled
    handled += 1


def reads(argument: u64) -> i64:
    """Reads a line."""
    room = array[u8, 64]()
    size = syscall(numbers.read, the_slave, room.ptr, 64)
    return size if size >= 0 else 100 - size


def reads_ignoring(argument: u64) -> i64:
    set_action(Signal.SIGTTIN, 1, 0)
    return reads(0)


def reads_blocking(argument: u64) -> i64:
    block(Signal.SIGTTIN)
    return reads(0)


def reads_handling(argument: u64) -> i64:
    install(Signal.SIGTTIN, on_signal, 0, 0)
    return reads(0) + i64(handled) * 10


def reads_vector(argument: u64) -> i64:
    set_action(Signal.SIGTTIN, 1, 0)
    room = array[u8, 64]()
    vector = array[u64, 2]()
    vector[0] = u64(room.ptr)
    vector[1] = 64
    size = syscall(numbers.readv, the_slave, vector.ptr, 1)
    return size if size >= 0 else 100 - size


def writes(argument: u64) -> i64:
    """Writes three bytes."""
    size = put(the_slave, b"abc")
    return size if size >= 0 else 100 - size


def writes_ignoring(argument: u64) -> i64:
    set_action(Signal.SIGTTOU, 1, 0)
    return writes(0)


def sets(argument: u64) -> i64:
    """Changes the modes."""
    modes = Termios()
    value = get_modes(the_slave, modes)
    if value != 0:
        return 50
    return -set_modes(the_slave, modes)


def sets_ignoring(argument: u64) -> i64:
    set_action(Signal.SIGTTOU, 1, 0)
    return sets(0)


def sets_by_master(argument: u64) -> i64:
    modes = Termios()
    get_modes(the_master, modes)
    return -set_modes(the_master, modes)


def flushes(argument: u64) -> i64:
    return -ioctl(the_slave, Ioctl.TCFLSH, 0)


def drains(argument: u64) -> i64:
    return -ioctl(the_slave, Ioctl.TCSBRK, 1)


def takes(argument: u64) -> i64:
    """Takes the foreground."""
    return -set_group(the_slave, syscall(numbers.getpid))


def takes_ignoring(argument: u64) -> i64:
    set_action(Signal.SIGTTOU, 1, 0)
    return takes(0)


def sizes(argument: u64) -> i64:
    """What everybody may."""
    words = array[u16, 4]()
    words[0] = 7
    value = ioctl(the_slave, Ioctl.TIOCSWINSZ, u64(words.ptr))
    return -value if value != 0 else -ioctl(the_slave, Ioctl.TIOCGWINSZ, u64(words.ptr))


def stopped_then(label: bytes, pid: i64, typed: bytes) -> None:
    """The job stops; it gets the foreground, goes on, and ends."""
    say(label)
    say(b"\n")
    waited(b"  stopped", pid, WUNTRACED, pid)
    set_group(the_slave, pid)
    if len(typed) != 0:
        put(the_master, typed)
    syscall(numbers.kill, -pid, Signal.SIGCONT)
    ended(b"  in the foreground", pid)
    set_group(the_slave, syscall(numbers.getpid))


def orphan(entry: fn[[u64], i64]) -> i64:
    """A job whose parent ends at once; it says on a pipe what it got, as nobody waits for it."""
    ends = array[i32, 2]()
    syscall(numbers.pipe2, ends.ptr, 0)
    middle = syscall(numbers.fork)
    if middle == 0:
        syscall(numbers.setpgid, 0, 0)
        me = syscall(numbers.getpid)
        inner = syscall(numbers.fork)
        if inner == 0:
            while syscall(numbers.getppid) == me:
                nap(5)
            byte = array[u8, 1]()
            byte[0] = u8(entry(0))
            syscall(numbers.write, ends[1], byte.ptr, 1)
            leave(0)
        leave(0)
    ended(b"its parent", middle)
    syscall(numbers.close, ends[1])
    byte = array[u8, 1]()
    syscall(numbers.read, ends[0], byte.ptr, 1)
    syscall(numbers.close, ends[0])
    return i64(byte[0])


def shell(master: i64, slave: i64) -> i64:
    """The leader."""
    global the_slave, the_master
    the_slave = slave
    the_master = master
    block(Signal.SIGTTOU)
    change_local(slave, LocalMode.ECHO, 0)
    put(master, b"line\n")
    stopped_then(b"a read", unblocked(reads), b"")
    put(master, b"line\n")
    ended(b"a read, ignoring", unblocked(reads_ignoring))
    ended(b"a read, blocking", unblocked(reads_blocking))
    ended(b"a read of a vector, ignoring", unblocked(reads_vector))
    ended(b"a read, handled", unblocked(reads_handling))
    ended(b"a write", unblocked(writes))
    drain_said(b"written", master, 3)
    change_local(slave, 0, LocalMode.TOSTOP)
    stopped_then(b"a write with TOSTOP", unblocked(writes), b"")
    drain_said(b"written", master, 3)
    ended(b"a write with TOSTOP, ignoring", unblocked(writes_ignoring))
    drain_said(b"written", master, 3)
    stopped_then(b"modes", unblocked(sets), b"")
    ended(b"modes, ignoring", unblocked(sets_ignoring))
    stopped_then(b"modes by the master", unblocked(sets_by_master), b"")
    stopped_then(b"a flush", unblocked(flushes), b"")
    stopped_then(b"a drain", unblocked(drains), b"")
    stopped_then(b"the foreground", unblocked(takes), b"")
    job = unblocked(takes_ignoring)
    ended(b"the foreground, ignoring", job)
    check(b"it was taken", group_of(slave) == job)
    set_group(slave, syscall(numbers.getpid))
    ended(b"sizes", unblocked(sizes))
    put(master, b"line\n")
    result(b"an orphan that reads", orphan(reads))
    change_local(slave, LocalMode.TOSTOP, 0)
    result(b"an orphan that writes", orphan(writes))
    drain_said(b"written", master, 3)
    change_local(slave, 0, LocalMode.TOSTOP)
    result(b"an orphan that writes with TOSTOP", orphan(unblock_and_write))
    result(b"an orphan that changes modes", orphan(unblock_and_set))
    result(b"an orphan that takes the foreground", orphan(unblock_and_take))
    return 0


def unblock() -> None:
    """Everything may come again."""
    bits = u64(0)
    syscall(numbers.rt_sigprocmask, 2, addr(bits), 0, 8)


def unblock_and_write(argument: u64) -> i64:
    unblock()
    return writes(0)


def unblock_and_set(argument: u64) -> i64:
    unblock()
    return sets(0)


def unblock_and_take(argument: u64) -> i64:
    unblock()
    return takes(0)


def unblocked(entry: fn[[u64], i64]) -> i64:
    """A background job with no signal blocked."""
    pid = syscall(numbers.fork)
    if pid == 0:
        syscall(numbers.setpgid, 0, 0)
        unblock()
        leave(entry(0))
    syscall(numbers.setpgid, pid, pid)
    return pid


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    ended(b"shell", lead(master, slave, shell))
    return 0
