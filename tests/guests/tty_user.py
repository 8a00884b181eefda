"""On the user's own terminal: a guest that changes its modes, hears of keys and of its size, reads lines. The first argument says
what it does."""

from process_tools import nap
from pty_tools import change_local, ioctl, put
from say import check, result, say
from signal_tools import install
from tty_tools import group_of

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u16, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl, Open
from syscalls.flags.signals import Signal
from syscalls.flags.terminals import LocalMode


def on_signal(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    result(b"signal", number)


def size() -> None:
    """The window's size."""
    words = array[u16, 4]()
    ioctl(0, Ioctl.TIOCGWINSZ, u64(words.ptr))
    result(b"rows", i64(words[0]))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    way = argv[1][0]
    if way == 0x6F:  # owner
        check(b"the foreground is mine", group_of(0) == syscall(numbers.getpgrp))
        session = i32(0)
        ioctl(0, Ioctl.TIOCGSID, u64(addr(session)))
        check(b"the session is mine", i64(session) == syscall(numbers.getsid, 0))
        tty = syscall(numbers.open, b"/dev/tty\0".ptr, Open.O_RDWR)
        put(tty, b"on /dev/tty\n")
        name = array[u8, 32]()
        length = syscall(numbers.readlink, b"/proc/self/fd/0\0".ptr, name.ptr, 32)
        again = syscall(numbers.open, name.ptr, Open.O_RDWR)
        check(b"its name opens it", again > tty)
        one = array[u64, 18]()
        other = array[u64, 18]()
        syscall(numbers.fstat, 0, one.ptr)
        syscall(numbers.stat, name.ptr, other.ptr)
        check(b"and is it", length > 5 and one[1] == other[1] and one[5] == other[5] and one[0] == other[0])
    elif way == 0x72:  # raw, and killed
        change_local(0, LocalMode.ICANON | LocalMode.ECHO | LocalMode.ISIG, 0)
        say(b"raw\n")
        syscall(numbers.kill, syscall(numbers.getpid), Signal.SIGKILL)
    elif way == 0x6C:  # leaves it without an echo
        change_local(0, LocalMode.ECHO, 0)
    elif way == 0x77:  # window
        install(Signal.SIGWINCH, on_signal, 0, 0)
        size()
        syscall(numbers.poll, 0, 0, 10000)
        size()
    elif way == 0x73:  # stays
        install(Signal.SIGINT, on_signal, 0, 0)
        install(Signal.SIGCONT, on_signal, 0, 0)
        say(b"ready\n")
        room = array[u8, 64]()
        while True:
            count = syscall(numbers.read, 0, room.ptr, 64)
            if count == -4:
                say(b"again\n")
            elif count <= 0:
                break
            else:
                say(b"line\n")
    elif way == 0x64:  # deaf: takes interrupts, and does nothing
        install(Signal.SIGINT, on_signal, 0, 0)
        say(b"ready\n")
        while True:
            nap(10000)
    return 0
