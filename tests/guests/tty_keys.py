"""Signals from a terminal: keys in every mode, TIOCSIG, the window's size; caught, fatal, and stopping ones."""

from process_tools import WCONTINUED, WUNTRACED, ended, nap, waited
from pty_tools import (
    Termios,
    change_local,
    drain_said,
    get_modes,
    ioctl,
    open_master,
    open_slave,
    put,
    read_said,
    set_character,
    set_modes,
    wait_input,
)
from say import check, result, say
from signal_tools import bit, install
from tty_tools import block, group_of, lead, next_signal, set_group

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl, Open
from syscalls.flags.signals import SigAction, Signal
from syscalls.flags.terminals import ControlCharacter, InputMode, LocalMode

KEYS = (1 << 1) | (1 << 2) | (1 << 19)

handled: u64


def on_signal(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    global handled
    handled += 1


def hold_keys() -> None:
    """Hold back what keys send."""
    block(Signal.SIGINT)
    block(Signal.SIGQUIT)
    block(Signal.SIGTSTP)
    block(Signal.SIGWINCH)
    block(Signal.SIGUSR1)


def pressed(label: bytes, master: i64, slave: i64, keys: bytes) -> None:
    """What some keys send; a signal that is sent afterwards shows that no other will come."""
    put(master, keys)
    if next_signal(label, KEYS, 150) > 0:
        next_signal(b"  and", KEYS, 60)
    ioctl(slave, Ioctl.TCFLSH, 0)


def change_input(fd: i64, clear: u32, add: u32) -> None:
    """Change c_iflag."""
    modes = Termios()
    get_modes(fd, modes)
    modes.c_iflag = modes.c_iflag & ~clear | add
    set_modes(fd, modes)


def keys(master: i64, slave: i64) -> i64:
    """All the ways to type a key."""
    hold_keys()
    pressed(b"interrupt", master, slave, b"\x03")
    pressed(b"quit", master, slave, b"\x1c")
    pressed(b"suspend", master, slave, b"\x1a")
    pressed(b"in a line", master, slave, b"some text\x03more\n")
    pressed(b"two", master, slave, b"\x03\x1c")
    pressed(b"quoted", master, slave, b"\x16\x03\n")
    pressed(b"quotes", master, slave, b"\x16")
    pressed(b"quoted before", master, slave, b"\x03\n")
    pressed(b"quoted twice", master, slave, b"\x16\x16\x03\n")
    pressed(b"other characters", master, slave, b"\x00\x04\x7f\x15\x83")
    change_local(slave, LocalMode.IEXTEN, 0)
    pressed(b"nothing quotes without IEXTEN", master, slave, b"\x16\x03")
    change_local(slave, 0, LocalMode.IEXTEN)
    change_input(slave, 0, InputMode.ISTRIP)
    pressed(b"ISTRIP", master, slave, b"\x83")
    change_input(slave, InputMode.ISTRIP, 0)
    set_character(slave, ControlCharacter.VINTR, 0x58)
    pressed(b"another key", master, slave, b"\x03X")
    pressed(b"small", master, slave, b"x")
    change_input(slave, 0, InputMode.IUCLC)
    set_character(slave, ControlCharacter.VINTR, 0x78)
    pressed(b"IUCLC", master, slave, b"X")
    change_input(slave, InputMode.IUCLC, 0)
    set_character(slave, ControlCharacter.VINTR, 0)
    pressed(b"no key", master, slave, b"\x00\x03x")
    set_character(slave, ControlCharacter.VINTR, 3)
    set_character(slave, ControlCharacter.VQUIT, 3)
    pressed(b"the same key", master, slave, b"\x03")
    set_character(slave, ControlCharacter.VQUIT, 0x11)
    pressed(b"the key that starts output", master, slave, b"\x11")
    change_input(slave, InputMode.IXON, 0)
    pressed(b"without IXON", master, slave, b"\x11")
    change_input(slave, 0, InputMode.IXON)
    set_character(slave, ControlCharacter.VQUIT, 0x1C)
    change_local(slave, LocalMode.ICANON, 0)
    pressed(b"without lines", master, slave, b"\x03")
    pressed(b"nothing quotes without lines", master, slave, b"\x16\x03")
    change_local(slave, LocalMode.ISIG, 0)
    pressed(b"without ISIG", master, slave, b"\x03\x1c\x1a")
    change_local(slave, 0, LocalMode.ISIG | LocalMode.ICANON | LocalMode.EXTPROC)
    pressed(b"with EXTPROC", master, slave, b"\x03")
    change_local(slave, LocalMode.EXTPROC, 0)
    vector = array[u64, 4]()
    first = array[u8, 4]()
    first[0] = 0x61
    first[1] = 0x62
    first[2] = 0x1C
    vector[0] = u64(first.ptr)
    vector[1] = 2
    vector[2] = u64(addr(first[2]))
    vector[3] = 1
    result(b"writev", syscall(numbers.writev, master, vector.ptr, 2))
    next_signal(b"from a vector", KEYS, 5000)
    return 0


def flushes(master: i64, slave: i64) -> i64:
    """What a key throws away."""
    hold_keys()
    change_local(slave, LocalMode.ECHO, 0)
    put(master, b"line\nrest\x03x\n")
    next_signal(b"interrupt", KEYS, 5000)
    wait_input(slave, 5000)
    read_said(b"what is left", slave, 100)
    change_local(slave, 0, LocalMode.NOFLSH)
    put(master, b"line\nrest\x03x\n")
    next_signal(b"interrupt", KEYS, 5000)
    wait_input(slave, 5000)
    read_said(b"NOFLSH", slave, 100)
    read_said(b"NOFLSH", slave, 100)
    return 0


def requests(master: i64, slave: i64) -> i64:
    """TIOCSIG and TIOCSWINSZ."""
    hold_keys()
    result(b"TIOCSIG", ioctl(master, Ioctl.TIOCSIG, 20))
    next_signal(b"came", KEYS, 5000)
    result(b"TIOCSIG of the slave", ioctl(slave, Ioctl.TIOCSIG, 2))
    size = array[u16, 4]()
    size[0] = 24
    size[1] = 80
    result(b"TIOCSWINSZ", ioctl(master, Ioctl.TIOCSWINSZ, u64(size.ptr)))
    next_signal(b"came", bit(Signal.SIGWINCH), 5000)
    result(b"the same again", ioctl(slave, Ioctl.TIOCSWINSZ, u64(size.ptr)))
    next_signal(b"came", bit(Signal.SIGWINCH), 50)
    size[3] = 5
    result(b"from the slave", ioctl(slave, Ioctl.TIOCSWINSZ, u64(size.ptr)))
    next_signal(b"came", bit(Signal.SIGWINCH), 5000)
    seen = array[u16, 4]()
    result(b"TIOCGWINSZ", ioctl(master, Ioctl.TIOCGWINSZ, u64(seen.ptr)))
    check(b"the same", seen[0] == 24 and seen[1] == 80 and seen[2] == 0 and seen[3] == 5)
    return 0


def reading(master: i64, slave: i64) -> i64:
    """Keys while a read waits."""
    install(Signal.SIGINT, on_signal, 0, 0)
    install(Signal.SIGQUIT, on_signal, SigAction.SA_RESTART, 0)
    say(b"ready\n")
    put(slave, b"!")
    read_said(b"interrupted", slave, 100)
    put(slave, b"?")
    read_said(b"restarted", slave, 100)
    result(b"handled", i64(handled))
    return 0


def sleeper(slave: i64) -> i64:
    """A child in a group of its own, which has the foreground, and says so on the terminal."""
    pid = syscall(numbers.fork)
    if pid == 0:
        syscall(numbers.setpgid, 0, 0)
        install(Signal.SIGTTOU, on_signal, 0, 0)
        action = array[u64, 4]()
        action[0] = 1
        syscall(numbers.rt_sigaction, Signal.SIGTTOU, action.ptr, 0, 8)
        set_group(slave, syscall(numbers.getpid))
        put(slave, b"!")
        while True:
            syscall(numbers.pause)
    return pid


def shell(master: i64, slave: i64) -> i64:
    """A leader with jobs: what keys do to them, and not to it."""
    action = array[u64, 4]()
    action[0] = 1
    syscall(numbers.rt_sigaction, Signal.SIGTTOU, action.ptr, 0, 8)
    change_local(slave, LocalMode.ECHO, 0)
    job = sleeper(slave)
    drain_said(b"job", master, 1)
    put(master, b"\x03")
    ended(b"interrupted", job)
    job = sleeper(slave)
    drain_said(b"job", master, 1)
    put(master, b"\x1c")
    word = ended(b"quit", job) & 0x7F
    result(b"signal", word)
    job = sleeper(slave)
    drain_said(b"job", master, 1)
    put(master, b"\x1a")
    waited(b"stopped", job, WUNTRACED, job)
    check(b"it has the foreground still", group_of(slave) == job)
    result(b"taken back", set_group(slave, syscall(numbers.getpid)))
    result(b"given again", set_group(slave, job))
    syscall(numbers.kill, -job, Signal.SIGCONT)
    waited(b"continued", job, WCONTINUED, job)
    put(master, b"\x1a")
    waited(b"stopped again", job, WUNTRACED, job)
    syscall(numbers.kill, -job, Signal.SIGCONT)
    put(master, b"\x03")
    ended(b"interrupted", job)
    result(b"the foreground is nobody's: back", set_group(slave, syscall(numbers.getpid)))
    return 7


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    ended(b"keys", lead(master, slave, keys))
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    ended(b"flushes", lead(master, slave, flushes))
    ended(b"requests", lead(master, slave, requests))
    change_local(slave, LocalMode.ECHO, 0)
    child = lead(master, slave, reading)
    drain_said(b"it reads", master, 1)
    nap(100)
    put(master, b"\x03")
    drain_said(b"it reads again", master, 1)
    nap(100)
    put(master, b"\x1c")
    put(master, b"line\n")
    ended(b"reading", child)
    ended(b"shell", lead(master, slave, shell))
    return 0
