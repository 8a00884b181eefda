"""Descriptors of processes: pidfd_open, what they are ready for, pidfd_send_signal, pidfd_getfd, waitid, CLONE_PIDFD."""

from gates import Gate
from process_tools import ended, fork, leave
from say import check, result, say, say_number
from signal_tools import bit, mask_of
from spawn import join, spawn_in

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open
from syscalls.flags.signals import SigMask, Signal
from syscalls.flags.threads import Clone

NOBODY = 0x3FFFFF
UNMAPPED = 0x10000
PIDFD_NONBLOCK = 0x800
P_PIDFD = 3
WNOHANG = 1
WEXITED = 4
WNOWAIT = 0x1000000
info: array[i32, 32]
room: array[u8, 256]
gate: Gate
ready: Gate


def number(label: bytes, value: i64) -> None:
    """Prints a number that is no result."""
    say(label)
    say(b": ")
    say_number(value)
    say(b"\n")


def polled(label: bytes, fd: i64) -> None:
    """What poll reports at once, of everything that it can."""
    entry = array[u32, 2]()
    entry[0] = u32(fd)
    entry[1] = 0x7FF
    result(label, syscall(numbers.poll, addr(entry[0]), 1, 0))
    number(b" events", i64(entry[1] >> 16))


def errors() -> None:
    """What pidfd_open refuses."""
    pid = syscall(numbers.getpid)
    result(b"nobody", syscall(numbers.pidfd_open, NOBODY, 0))
    result(b"zero", syscall(numbers.pidfd_open, 0, 0))
    result(b"negative", syscall(numbers.pidfd_open, -1, 0))
    result(b"bad flags", syscall(numbers.pidfd_open, pid, 1))
    result(b"bad flags, nobody", syscall(numbers.pidfd_open, NOBODY, 1))
    result(b"close-on-exec is no flag", syscall(numbers.pidfd_open, pid, 0o2000000))


def itself() -> None:
    """A pidfd of the caller."""
    pid = syscall(numbers.getpid)
    fd = syscall(numbers.pidfd_open, pid, 0)
    check(b"itself", fd > 2)
    result(b"close-on-exec", syscall(numbers.fcntl, fd, 1, 0))
    result(b"flags", syscall(numbers.fcntl, fd, 3, 0))
    polled(b"not ready", fd)
    result(b"read", syscall(numbers.read, fd, room.ptr, 8))
    result(b"read, bad pointer", syscall(numbers.read, fd, UNMAPPED, 8))
    result(b"read nothing", syscall(numbers.read, fd, room.ptr, 0))
    result(b"write", syscall(numbers.write, fd, room.ptr, 8))
    result(b"lseek", syscall(numbers.lseek, fd, 0, 0))
    result(b"ioctl", syscall(numbers.ioctl, fd, 0x5421, room.ptr))
    result(b"waitid, no child", syscall(numbers.waitid, P_PIDFD, fd, info.ptr, WEXITED, 0))
    other = syscall(numbers.dup, fd)
    check(b"dup", other > fd)
    result(b"signal 0", syscall(numbers.pidfd_send_signal, other, 0, 0, 0))
    syscall(numbers.close, other)
    syscall(numbers.close, fd)
    fd = syscall(numbers.pidfd_open, pid, PIDFD_NONBLOCK)
    result(b"flags", syscall(numbers.fcntl, fd, 3, 0))
    syscall(numbers.close, fd)


def life() -> None:
    """From the start of a child to its being reaped."""
    child = fork()
    if child == 0:
        gate.wait()
        leave(42)
    fd = syscall(numbers.pidfd_open, child, 0)
    check(b"a child", fd > 2)
    quick = syscall(numbers.pidfd_open, child, PIDFD_NONBLOCK)
    instance = syscall(numbers.epoll_create1, 0)
    events = array[u32, 6]([0x80000001, 5, 0, 0, 0, 0])
    result(b"into an epoll", syscall(numbers.epoll_ctl, instance, 1, fd, addr(events[0])))
    polled(b"it lives", fd)
    result(b"epoll", syscall(numbers.epoll_wait, instance, addr(events[0]), 2, 0))
    result(b"waitid, at once", syscall(numbers.waitid, P_PIDFD, fd, info.ptr, WEXITED | WNOHANG, 0))
    result(b"not blocking", syscall(numbers.waitid, P_PIDFD, quick, info.ptr, WEXITED, 0))
    result(b"not blocking, at once", syscall(numbers.waitid, P_PIDFD, quick, info.ptr, WEXITED | WNOHANG, 0))
    gate.open()
    entry = array[u32, 2]()
    entry[0] = u32(fd)
    entry[1] = 1
    result(b"its end", syscall(numbers.poll, addr(entry[0]), 1, -1))
    number(b" events", i64(entry[1] >> 16))
    polled(b"a zombie", fd)
    result(b"epoll", syscall(numbers.epoll_wait, instance, addr(events[0]), 2, -1))
    number(b" events", i64(events[0]))
    result(b"epoll, again", syscall(numbers.epoll_wait, instance, addr(events[0]), 2, 0))
    again = syscall(numbers.pidfd_open, child, 0)
    check(b"opened again", again > fd)
    result(b"signal 0 to a zombie", syscall(numbers.pidfd_send_signal, fd, 0, 0, 0))
    result(b"its descriptors", syscall(numbers.pidfd_getfd, fd, 0, 0))
    result(b"left as it is", syscall(numbers.waitid, P_PIDFD, fd, info.ptr, WEXITED | WNOWAIT, 0))
    number(b"status", i64(info[6]))
    result(b"reaped", syscall(numbers.waitid, P_PIDFD, quick, info.ptr, WEXITED, 0))
    check(b"which", i64(info[4]) == child)
    number(b"status", i64(info[6]))
    polled(b"reaped, ready", fd)
    polled(b"reaped, ready, the other", again)
    result(b"epoll", syscall(numbers.epoll_wait, instance, addr(events[0]), 2, 0))
    result(b"signal 0", syscall(numbers.pidfd_send_signal, fd, 0, 0, 0))
    result(b"its descriptors", syscall(numbers.pidfd_getfd, fd, 0, 0))
    result(b"waitid", syscall(numbers.waitid, P_PIDFD, fd, info.ptr, WEXITED, 0))
    result(b"not blocking", syscall(numbers.waitid, P_PIDFD, quick, info.ptr, WEXITED, 0))
    result(b"opened once more", syscall(numbers.pidfd_open, child, 0))
    result(b"read", syscall(numbers.read, fd, room.ptr, 8))
    result(b"no pidfd", syscall(numbers.waitid, P_PIDFD, instance, info.ptr, WEXITED, 0))
    result(b"not open", syscall(numbers.waitid, P_PIDFD, 63, info.ptr, WEXITED, 0))
    result(b"negative", syscall(numbers.waitid, P_PIDFD, -1, info.ptr, WEXITED, 0))
    syscall(numbers.close, fd)
    syscall(numbers.close, quick)
    syscall(numbers.close, again)
    syscall(numbers.close, instance)


def signals() -> None:
    """pidfd_send_signal."""
    pid = syscall(numbers.getpid)
    uid = syscall(numbers.getuid)
    child = fork()
    if child == 0:
        all_ = ~u64(0)
        gate.wait()
        for _i in range(3):
            result(b"got", syscall(numbers.rt_sigtimedwait, addr(all_), info.ptr, 0, 8))
            number(b"code", i64(info[2]))
            check(b"by the parent", i64(info[4]) == pid and i64(info[5]) == uid)
        leave(1)
    fd = syscall(numbers.pidfd_open, child, 0)
    send = numbers.pidfd_send_signal
    result(b"usual", syscall(send, fd, Signal.SIGUSR1, 0, 0))
    result(b"no such signal", syscall(send, fd, 65, 0, 0))
    result(b"bad flags", syscall(send, fd, 0, 0, 8))
    result(b"two flags", syscall(send, fd, 0, 0, 3))
    result(b"not open", syscall(send, 63, 0, 0, 0))
    result(b"no pidfd", syscall(send, gate.inside, 0, 0, 0))
    result(b"not open, bad flags", syscall(send, 63, 0, 0, 8))
    info[0] = Signal.SIGUSR2
    info[1] = 0
    info[2] = -1
    info[4] = i32(pid)
    info[5] = i32(uid)
    result(b"with a siginfo", syscall(send, fd, Signal.SIGUSR2, info.ptr, 0))
    result(b"another signal in it", syscall(send, fd, Signal.SIGUSR1, info.ptr, 0))
    result(b"bad siginfo", syscall(send, fd, Signal.SIGUSR1, UNMAPPED, 0))
    info[0] = Signal.SIGUSR1
    info[2] = 0
    result(b"forged", syscall(send, fd, Signal.SIGUSR1, info.ptr, 0))
    info[2] = -6
    result(b"forged SI_TKILL", syscall(send, fd, Signal.SIGUSR1, info.ptr, 0))
    result(b"one more", syscall(send, fd, Signal.SIGRTMIN, 0, 0))
    gate.open()
    ended(b"child", child)
    syscall(numbers.close, fd)
    own = syscall(numbers.pidfd_open, pid, 0)
    info[0] = Signal.SIGUSR1
    info[2] = 0
    result(b"to oneself, code 0", syscall(send, own, Signal.SIGUSR1, info.ptr, 0))
    wanted = bit(Signal.SIGUSR1)
    result(b"got", syscall(numbers.rt_sigtimedwait, addr(wanted), info.ptr, 0, 8))
    syscall(numbers.close, own)
    child = fork()
    if child == 0:
        while True:
            syscall(numbers.pause)
    fd = syscall(numbers.pidfd_open, child, 0)
    result(b"SIGKILL", syscall(send, fd, Signal.SIGKILL, 0, 0))
    result(b"its end", syscall(numbers.waitid, P_PIDFD, fd, info.ptr, WEXITED, 0))
    number(b"killed", i64(info[2]))
    number(b"by", i64(info[6]))
    syscall(numbers.close, fd)


def refused(label: bytes, path: bytes) -> None:
    """What pidfd_send_signal says to a descriptor that is not of a process."""
    fd = syscall(numbers.open, path.ptr, 0, 0)
    result(label, syscall(numbers.pidfd_send_signal, fd, 0, 0, 0))
    syscall(numbers.close, fd)


def folders() -> None:
    """Directories of /proc in the place of a pidfd."""
    flags = Open.O_RDONLY | Open.O_DIRECTORY
    send = numbers.pidfd_send_signal
    wanted = bit(Signal.SIGUSR1)
    own = syscall(numbers.open, b"/proc/self\0".ptr, flags, 0)
    result(b"by the own directory", syscall(send, own, Signal.SIGUSR1, 0, 0))
    result(b"got", syscall(numbers.rt_sigtimedwait, addr(wanted), info.ptr, 0, 8))
    result(b"which is no pidfd to poll", syscall(numbers.pidfd_getfd, own, 0, 0))
    syscall(numbers.close, own)
    refused(b"/proc", b"/proc\0")
    refused(b"/proc/self/task", b"/proc/self/task\0")
    refused(b"/proc/self/status", b"/proc/self/status\0")
    refused(b"/", b"/\0")
    fd = syscall(numbers.open, b"/proc/self\0".ptr, Open.O_PATH, 0)
    result(b"O_PATH", syscall(send, fd, 0, 0, 0))
    syscall(numbers.close, fd)


def descriptors() -> None:
    """pidfd_getfd."""
    child = fork()
    if child == 0:
        ends = array[u32, 2]()
        syscall(numbers.pipe2, addr(ends[0]), 0)
        syscall(numbers.dup2, ends[0], 50)
        syscall(numbers.dup2, ends[1], 51)
        ready.open()
        result(b"what came through", syscall(numbers.read, 50, room.ptr, 100))
        check(b"as it was sent", room[0:5] == b"hello")
        leave(0)
    ready.wait()
    fd = syscall(numbers.pidfd_open, child, 0)
    get = numbers.pidfd_getfd
    result(b"flags", syscall(get, fd, 51, 1))
    result(b"not open there", syscall(get, fd, 99, 0))
    result(b"negative", syscall(get, fd, -1, 0))
    result(b"not open", syscall(get, 63, 51, 0))
    result(b"no pidfd", syscall(get, gate.inside, 51, 0))
    taken = syscall(get, fd, 51, 0)
    check(b"taken", taken > fd)
    result(b"close-on-exec", syscall(numbers.fcntl, taken, 1, 0))
    sent = syscall(numbers.write, taken, b"hello".ptr, 5)
    ended(b"child", child)
    result(b"written", sent)
    syscall(numbers.close, taken)
    syscall(numbers.close, fd)
    own = syscall(numbers.pidfd_open, syscall(numbers.getpid), 0)
    mine = syscall(get, own, gate.outside, 0)
    check(b"of oneself", mine > own)
    syscall(numbers.write, mine, b"x".ptr, 1)
    gate.wait()
    syscall(numbers.close, mine)
    syscall(numbers.close, own)


def made() -> None:
    """CLONE_PIDFD."""
    fd = array[i32, 1]()
    fd[0] = -1
    child = syscall(numbers.clone, Clone.CLONE_PIDFD | Signal.SIGCHLD, 0, addr(fd[0]), 0, 0)
    if child == 0:
        leave(6)
    check(b"a pidfd", fd[0] > 2)
    result(b"close-on-exec", syscall(numbers.fcntl, fd[0], 1, 0))
    result(b"flags", syscall(numbers.fcntl, fd[0], 3, 0))
    result(b"reaped", syscall(numbers.waitid, P_PIDFD, i64(fd[0]), info.ptr, WEXITED, 0))
    number(b"status", i64(info[6]))
    syscall(numbers.close, fd[0])


def passes(argument: u64) -> i64:
    """A second thread that waits."""
    ready.open()
    gate.wait()
    return 0


def sleeps(argument: u64) -> i64:
    """A thread that outlives the one that has made it."""
    gate.wait()
    return 0


def threads() -> None:
    """A child whose leader ends before another thread."""
    child = fork()
    if child == 0:
        spawn_in(0, sleeps, 0)
        ready.open()
        syscall(numbers.exit, 3)
    ready.wait()
    fd = syscall(numbers.pidfd_open, child, 0)
    polled(b"not ready while a thread lives", fd)
    gate.open()
    ended(b"child", child)
    polled(b"reaped, ready", fd)
    syscall(numbers.close, fd)
    tid = spawn_in(2, passes, 0)
    ready.wait()
    result(b"a thread that does not lead", syscall(numbers.pidfd_open, tid, 0))
    gate.open()
    join(2)


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of them, with all signals but SIGCHLD blocked."""
    gate.make()
    ready.make()
    mask_of(SigMask.SIG_SETMASK, ~bit(Signal.SIGCHLD))
    errors()
    itself()
    life()
    signals()
    folders()
    descriptors()
    made()
    threads()
    return 0
