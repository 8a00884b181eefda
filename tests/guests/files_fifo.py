"""Opening a FIFO from both sides: who waits for whom, what ends the wait. `fill` of test_files.py says what is there."""

from hands import open_at, read_back, write_text
from process_tools import child, kill, wait4
from say import result, say
from signal_tools import install

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Open
from syscalls.flags.signals import Signal

SA_RESTART = 0x10000000
PAUSE_MS = 40

span: array[i64, 2]


def pause(milliseconds: i64) -> None:
    span[0] = 0
    span[1] = milliseconds * 1000000
    syscall(numbers.nanosleep, addr(span[0]), 0)


def write_later(text: u64) -> i64:
    """Opens for writing after a while, keeps it open for a while without a word, then writes."""
    pause(PAUSE_MS)
    fd = open_at(b"fifo\0", Open.O_WRONLY)
    pause(PAUSE_MS)
    write_text(fd, b"from the writer")
    return 0


def pass_by(unused: u64) -> i64:
    """Opens for writing after a while, and closes at once."""
    pause(PAUSE_MS)
    syscall(numbers.close, open_at(b"fifo\0", Open.O_WRONLY))
    return 0


def read_later(unused: u64) -> i64:
    pause(PAUSE_MS)
    fd = open_at(b"fifo\0", Open.O_RDONLY)
    read_back(b"  it reads", fd, 100)
    return 0


def only_open(unused: u64) -> i64:
    """Waits for a writer until it is killed."""
    open_at(b"fifo\0", Open.O_RDONLY)
    return 1


def disturb(parent: u64) -> i64:
    pause(PAUSE_MS)
    kill(i64(parent), Signal.SIGUSR1)
    return 0


def disturb_and_write(parent: u64) -> i64:
    disturb(parent)
    pause(PAUSE_MS)
    fd = open_at(b"fifo\0", Open.O_WRONLY)
    write_text(fd, b"after the signal")
    return 0


def on_signal(number: i64, info: ptr[i32], context: ptr[u64]) -> None:
    say(b"  a signal\n")


def opened(label: bytes, code: i64) -> i64:
    """Print whether it is a descriptor."""
    if code < 0:
        result(label, code)
    else:
        say(label)
        say(b": opened\n")
    return code


def reading() -> None:
    pid = child(write_later, 0)
    fd = opened(b"for reading, a writer comes", open_at(b"fifo\0", Open.O_RDONLY))
    read_back(b"read", fd, 100)
    read_back(b"read at its end", fd, 100)
    wait4(pid, 0)
    syscall(numbers.close, fd)
    pid = child(pass_by, 0)
    fd = opened(b"for reading, a writer passes by", open_at(b"fifo\0", Open.O_RDONLY))
    read_back(b"read", fd, 100)
    wait4(pid, 0)
    syscall(numbers.close, fd)
    fd = opened(b"O_NONBLOCK", open_at(b"fifo\0", Open.O_RDONLY | Open.O_NONBLOCK))
    read_back(b"read", fd, 100)
    syscall(numbers.close, fd)
    both = opened(b"O_RDWR", open_at(b"fifo\0", Open.O_RDWR))
    write_text(both, b"kept")
    fd = opened(b"beside it", open_at(b"fifo\0", Open.O_RDONLY))
    read_back(b"read", fd, 100)
    syscall(numbers.close, fd)
    fd = opened(b"beside it, empty", open_at(b"fifo\0", Open.O_RDONLY))
    syscall(numbers.close, fd)
    syscall(numbers.close, both)


def writing() -> None:
    opened(b"for writing, O_NONBLOCK", open_at(b"fifo\0", Open.O_WRONLY | Open.O_NONBLOCK))
    pid = child(read_later, 0)
    fd = opened(b"for writing, a reader comes", open_at(b"fifo\0", Open.O_WRONLY))
    pause(PAUSE_MS)
    write_text(fd, b"to the reader")
    wait4(pid, 0)
    syscall(numbers.close, fd)
    pid = child(only_open, 0)
    pause(2 * PAUSE_MS)
    fd = opened(b"O_NONBLOCK, to one that waits", open_at(b"fifo\0", Open.O_WRONLY | Open.O_NONBLOCK))
    syscall(numbers.close, fd)
    wait4(pid, 0)


def interrupts() -> None:
    me = u64(syscall(numbers.getpid))
    install(Signal.SIGUSR1, on_signal, 0, 0)
    pid = child(disturb, me)
    opened(b"reading, interrupted", open_at(b"fifo\0", Open.O_RDONLY))
    wait4(pid, 0)
    pid = child(disturb, me)
    opened(b"writing, interrupted", open_at(b"fifo\0", Open.O_WRONLY))
    wait4(pid, 0)
    install(Signal.SIGUSR1, on_signal, SA_RESTART, 0)
    pid = child(disturb_and_write, me)
    fd = opened(b"restarted", open_at(b"fifo\0", Open.O_RDONLY))
    read_back(b"read", fd, 100)
    wait4(pid, 0)
    syscall(numbers.close, fd)
    pid = child(only_open, 0)
    pause(PAUSE_MS)
    kill(pid, Signal.SIGKILL)
    wait4(pid, 0)
    say(b"killed while it waited\n")
    opened(b"nobody reads", open_at(b"fifo\0", Open.O_WRONLY | Open.O_NONBLOCK))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    say(b"- reading\n")
    reading()
    say(b"- writing\n")
    writing()
    say(b"- interrupts\n")
    interrupts()
    return 0
