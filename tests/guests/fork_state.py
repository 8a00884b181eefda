"""What a child inherits and what it does not: umask, cwd, limits, names, signals pending and handled, masks, the alternate stack, timers."""

from process_tools import action_of, child, ended, fork, getpid, kill, leave, nap, pending, set_action
from say import check, result
from signal_tools import bit, install, mask_of

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open
from syscalls.flags.signals import SigAction, SigMask, Signal
from syscalls.flags.threads import Prctl

calls: i64
room: array[u8, 16384]


@struct
class Stack:
    """stack_t."""

    base: u64
    flags: i32
    size: u64


def counts(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    """A handler."""
    global calls
    calls += 1


def surroundings(unused: u64) -> i64:
    """The child's umask and working directory, and changes to them."""
    result(b"umask of the child", syscall(numbers.umask, 0))
    path = array[u8, 64]()
    syscall(numbers.getcwd, path.ptr, 64)
    check(b"cwd of the child is /", path[0] == 0x2F and path[1] == 0)
    syscall(numbers.chdir, b"/tmp\0".ptr)
    return 0


def files() -> None:
    """Copied, and separate from then on."""
    syscall(numbers.umask, 0o27)
    syscall(numbers.chdir, b"/\0".ptr)
    ended(b"child", child(surroundings, 0))
    path = array[u8, 64]()
    syscall(numbers.getcwd, path.ptr, 64)
    check(b"cwd of the parent is /", path[0] == 0x2F and path[1] == 0)
    result(b"umask of the parent", syscall(numbers.umask, 0o22))


def names() -> None:
    """prctl's settings and limits."""
    syscall(numbers.prctl, Prctl.PR_SET_NAME, b"a name\0".ptr)
    syscall(numbers.prctl, Prctl.PR_SET_PDEATHSIG, Signal.SIGUSR2)
    limit = array[u64, 2]()
    limit[0] = 77
    limit[1] = 200
    result(b"limit", syscall(numbers.setrlimit, 7, limit.ptr))
    pid = fork()
    if pid == 0:
        name = array[u8, 16]()
        syscall(numbers.prctl, Prctl.PR_GET_NAME, name.ptr)
        check(b"name", name[:7] == b"a name\0")
        number = i32(-1)
        syscall(numbers.prctl, Prctl.PR_GET_PDEATHSIG, addr(number))
        result(b"PDEATHSIG is cleared", i64(number))
        syscall(numbers.getrlimit, 7, limit.ptr)
        check(b"limit of the child", limit[0] == 77 and limit[1] == 200)
        limit[0] = 50
        syscall(numbers.setrlimit, 7, limit.ptr)
        syscall(numbers.prctl, Prctl.PR_SET_NAME, b"other\0".ptr)
        leave(0)
    ended(b"child", pid)
    number = i32(-1)
    syscall(numbers.prctl, Prctl.PR_GET_PDEATHSIG, addr(number))
    result(b"PDEATHSIG of the parent", i64(number))
    syscall(numbers.getrlimit, 7, limit.ptr)
    check(b"limit of the parent", limit[0] == 77)
    name = array[u8, 16]()
    syscall(numbers.prctl, Prctl.PR_GET_NAME, name.ptr)
    check(b"name of the parent", name[:7] == b"a name\0")


def handled(unused: u64) -> i64:
    """What the child knows of signals."""
    check(b"handler is inherited", action_of(Signal.SIGUSR1) == u64(counts))
    check(b"ignoring is inherited", action_of(Signal.SIGHUP) == 1)
    check(b"mask is inherited", mask_of(SigMask.SIG_BLOCK, 0) == bit(Signal.SIGUSR1) | bit(40))
    check(b"nothing is pending", pending() == 0)
    stack = Stack()
    syscall(numbers.sigaltstack, 0, stack)
    check(
        b"alternate stack is inherited",
        stack.base == u64(room.ptr) and stack.size == 16384 and stack.flags == 0,
    )
    set_action(Signal.SIGHUP, 0, 0)
    kill(getpid(), Signal.SIGUSR1)
    mask_of(SigMask.SIG_SETMASK, 0)
    result(b"handlers run in the child", calls)
    kill(getpid(), Signal.SIGHUP)
    return 0


def signals() -> None:
    """Pending ones stay with the parent; the rest is copied."""
    install(Signal.SIGUSR1, counts, SigAction.SA_SIGINFO | SigAction.SA_ONSTACK, 0)
    install(40, counts, SigAction.SA_SIGINFO, 0)
    set_action(Signal.SIGHUP, 1, 0)
    stack = Stack(u64(room.ptr), 0, 16384)
    syscall(numbers.sigaltstack, stack, 0)
    mask_of(SigMask.SIG_SETMASK, bit(Signal.SIGUSR1) | bit(40))
    kill(getpid(), Signal.SIGUSR1)
    syscall(numbers.tkill, syscall(numbers.gettid), 40)
    ended(b"child", child(handled, 0))
    check(b"pending in the parent", pending() == bit(Signal.SIGUSR1) | bit(40))
    check(b"still ignored by the parent", action_of(Signal.SIGHUP) == 1)
    result(b"handlers run in the parent", calls)
    mask_of(SigMask.SIG_SETMASK, 0)
    result(b"and after unblocking", calls)


def no_timers(timer: u64) -> i64:
    """The child has none; it outlives what would have ended it."""
    left = array[i64, 4]()
    left[2] = 9
    syscall(numbers.getitimer, 0, left.ptr)
    check(b"no interval timer in the child", left[2] == 0 and left[3] == 0)
    result(b"alarm in the child", syscall(numbers.alarm, 0))
    result(b"timer in the child", syscall(numbers.timer_gettime, timer, left.ptr))
    nap(60)
    result(b"signals in the child", calls)
    return 0


def timers() -> None:
    """alarm, setitimer, timer_create: of the process that made them."""
    global calls
    calls = 0
    install(Signal.SIGALRM, counts, SigAction.SA_SIGINFO, 0)
    timer = i32(-1)
    result(b"timer_create", syscall(numbers.timer_create, 1, 0, addr(timer)))
    when = array[i64, 4]()
    when[3] = 30000000
    syscall(numbers.timer_settime, timer, 0, when.ptr, 0)
    when[3] = 30000
    syscall(numbers.setitimer, 0, when.ptr, 0)
    ended(b"child", child(no_timers, u64(timer)))
    check(b"signals in the parent", calls > 0)
    syscall(numbers.alarm, 100)
    pid = fork()
    if pid == 0:
        leave(syscall(numbers.alarm, 0))
    ended(b"no alarm in the child", pid)
    check(b"the parent's alarm", syscall(numbers.alarm, 0) >= 99)


def timerfds() -> None:
    """A timerfd is a descriptor: it is common."""
    fd = syscall(numbers.timerfd_create, 1, 0)
    when = array[i64, 4]()
    when[3] = 1
    pid = fork()
    if pid == 0:
        syscall(numbers.timerfd_settime, fd, 0, when.ptr, 0)
        leave(0)
    ended(b"child", pid)
    count = u64(0)
    result(b"read of a timer that the child set", syscall(numbers.read, fd, addr(count), 8))
    result(b"expirations", i64(count))
    counter = syscall(numbers.eventfd2, 0, Open.O_NONBLOCK)
    pid = fork()
    if pid == 0:
        count = 5
        syscall(numbers.write, counter, addr(count), 8)
        leave(0)
    ended(b"child", pid)
    result(b"eventfd", syscall(numbers.read, counter, addr(count), 8))
    result(b"its count", i64(count))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """All of it."""
    files()
    names()
    signals()
    timers()
    timerfds()
    return 0
