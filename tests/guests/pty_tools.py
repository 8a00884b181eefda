"""Pseudo-terminals for test guests: making one, its modes, what is written to and read from it."""

from say import say, say_error, say_number

from guest.lang import addr, array, i32, i64, struct, syscall, u8, u32, u64
from syscalls import numbers
from syscalls.flags import Ioctl, Open


@struct
class Termios:
    """struct termios as the kernel has it."""

    c_iflag: u32
    c_oflag: u32
    c_cflag: u32
    c_lflag: u32
    c_line: u8
    c_cc: array[u8, 19]


@struct
class Pollfd:
    """struct pollfd."""

    fd: i32
    events: i32


def ioctl(fd: i64, request: i64, argument: u64) -> i64:
    """ioctl(2)."""
    return syscall(numbers.ioctl, fd, request, argument)


def open_master() -> i64:
    """/dev/ptmx, unlocked."""
    master = syscall(numbers.open, b"/dev/ptmx\0".ptr, Open.O_RDWR | Open.O_NOCTTY)
    unlocked = u32(0)
    ioctl(master, Ioctl.TIOCSPTLCK, u64(addr(unlocked)))
    return master


def open_slave(master: i64, flags: i64) -> i64:
    """The slave, by TIOCGPTPEER."""
    return ioctl(master, Ioctl.TIOCGPTPEER, u64(Open.O_RDWR | flags))


def get_modes(fd: i64, modes: Termios) -> i64:
    """TCGETS."""
    return ioctl(fd, Ioctl.TCGETS, u64(addr(modes)))


def set_modes(fd: i64, modes: Termios) -> i64:
    """TCSETS."""
    return ioctl(fd, Ioctl.TCSETS, u64(addr(modes)))


def change_local(fd: i64, clear: u32, add: u32) -> i64:
    """Change c_lflag."""
    modes = Termios()
    get_modes(fd, modes)
    modes.c_lflag = modes.c_lflag & ~clear | add
    return set_modes(fd, modes)


def set_character(fd: i64, index: i64, value: u8) -> i64:
    """Change one of c_cc."""
    modes = Termios()
    get_modes(fd, modes)
    modes.c_cc[index] = value
    return set_modes(fd, modes)


def put(fd: i64, text: bytes) -> i64:
    """write(2)."""
    return syscall(numbers.write, fd, text.ptr, len(text))


def say_bytes(text: bytes) -> None:
    """Print text with what is not printable as <number>."""
    for byte in text:
        if byte < 0x20 or byte > 0x7E:
            say(b"<")
            say_number(i64(byte))
            say(b">")
        else:
            one = array[u8, 1]()
            one[0] = byte
            say(one)


def wait_input(fd: i64, milliseconds: i64) -> i64:
    """poll(2) for input; revents, 0 when there was none for so long."""
    waiting = Pollfd()
    waiting.fd = i32(fd)
    waiting.events = 1
    while syscall(numbers.poll, addr(waiting), 1, milliseconds) == -4:
        pass
    return i64(waiting.events) >> 16


def read_said(label: bytes, fd: i64, size: i64) -> i64:
    """read(2) of up to `size` bytes; print what it gave."""
    room = array[u8, 256]()
    value = syscall(numbers.read, fd, room.ptr, size)
    say(label)
    say(b": ")
    if value < 0:
        say(b"-")
        say_error(-value)
    else:
        say_number(value)
        say(b" ")
        say_bytes(room[:value])
    say(b"\n")
    return value


def drain_said(label: bytes, fd: i64, count: i64) -> None:
    """Reads until `count` bytes have come, in however many pieces; print them."""
    room = array[u8, 256]()
    done = i64(0)
    while done < count:
        value = syscall(numbers.read, fd, addr(room[done]), count - done)
        if value == -4:
            continue
        if value <= 0:
            say(label)
            say(b": ended after ")
            say_number(done)
            say(b"\n")
            return
        done += value
    say(label)
    say(b": ")
    say_bytes(room[:done])
    say(b"\n")
