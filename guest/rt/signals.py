"""Signals that are read instead of handled (signalfd(2)), and the state that a new program should start with."""

from guest.lang import addr, array, i32, i64, sizeof, struct, syscall, u8, u32, u64
from syscalls import numbers
from syscalls.flags.signals import SigMask, Signal, SignalfdFlag

SIGHUP = Signal.SIGHUP
SIGINT = Signal.SIGINT
SIGKILL = Signal.SIGKILL
SIGPIPE = Signal.SIGPIPE
SIGTERM = Signal.SIGTERM
SIGCHLD = Signal.SIGCHLD

SIG_DFL = 0
SIG_IGN = 1
SET_SIZE = 8  # bytes of the kernel's signal set

# What survives execve(2) is a signal that is ignored: by nohup, by a shell for its background jobs, by Python.
OFTEN_IGNORED = array[u8, 10](
    [
        Signal.SIGHUP,
        Signal.SIGINT,
        Signal.SIGQUIT,
        Signal.SIGPIPE,
        Signal.SIGTERM,
        Signal.SIGCHLD,
        Signal.SIGTSTP,
        Signal.SIGTTIN,
        Signal.SIGTTOU,
        Signal.SIGXFSZ,
    ]
)


@struct
class Action:
    """struct sigaction as the kernel has it."""

    handler: u64
    flags: u64
    restorer: u64
    mask: u64


@struct
class SignalInfo:
    """struct signalfd_siginfo; only its beginning has names here."""

    ssi_signo: u32
    ssi_errno: i32
    ssi_code: i32
    ssi_pid: u32
    ssi_uid: u32
    ssi_fd: i32
    rest: array[u64, 13]


def bit(signal: i64) -> u64:
    """The signal's bit in a set."""
    return u64(1) << u64(signal - 1)


def set_mask(blocked: u64) -> i64:
    """rt_sigprocmask(2): block these signals and no others."""
    given = blocked
    return syscall(numbers.rt_sigprocmask, SigMask.SIG_SETMASK, addr(given), 0, SET_SIZE)


def set_action(signal: i64, handler: u64) -> i64:
    """rt_sigaction(2) to SIG_DFL or SIG_IGN."""
    action = Action(handler)
    return syscall(numbers.rt_sigaction, signal, addr(action), 0, SET_SIZE)


def restore_defaults() -> None:
    """The state that a program expects from whoever starts it: nothing blocked, nothing ignored."""
    for signal in OFTEN_IGNORED:
        set_action(signal, SIG_DFL)
    set_mask(0)


def open_signalfd(watched: u64) -> i64:
    """signalfd4(2), non-blocking and closed on exec; the signals have to be blocked."""
    given = watched
    flags = SignalfdFlag.SFD_NONBLOCK | SignalfdFlag.SFD_CLOEXEC
    return syscall(numbers.signalfd4, -1, addr(given), SET_SIZE, flags)


def take(fd: i32) -> i64:
    """The number of the next signal that a signalfd holds; 0 when it holds none."""
    info = SignalInfo()
    if syscall(numbers.read, fd, addr(info), sizeof(SignalInfo)) != sizeof(SignalInfo):
        return 0
    return i64(info.ssi_signo)
