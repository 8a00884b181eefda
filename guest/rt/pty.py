"""Pseudo-terminals (pty(7), ioctl_tty(2)): a new pair, its size, and becoming a session's controlling terminal."""

from guest.lang import addr, array, i32, i64, ptr, struct, syscall, u8, u16, u32, u64
from guest.rt.sys import close
from guest.rt.text import put, put_decimal
from syscalls import numbers
from syscalls.flags.files import Open
from syscalls.flags.ioctls import Ioctl
from syscalls.flags.terminals import InputMode

IUTF8 = InputMode.IUTF8  # termios(3): erasing takes a whole character
PTMX = b"/dev/ptmx\0"


@struct
class WindowSize:
    """struct winsize."""

    ws_row: u16
    ws_col: u16
    ws_xpixel: u16
    ws_ypixel: u16


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
class Pty:
    """A pair of descriptors, both closed on exec; -1 for one that is not open."""

    master: i32 = -1  # non-blocking
    slave: i32 = -1

    def open(self) -> i64:
        """Make a new pair; 0 or minus an errno, after which nothing is open."""
        self.slave = -1
        flags = Open.O_RDWR | Open.O_NOCTTY | Open.O_NONBLOCK | Open.O_CLOEXEC
        opened = syscall(numbers.open, PTMX.ptr, flags, 0)
        self.master = i32(opened)
        if opened < 0:
            return opened
        unlocked = i32(0)
        result = syscall(numbers.ioctl, self.master, Ioctl.TIOCSPTLCK, addr(unlocked))
        if result == 0:
            result = self.open_slave()
        if result < 0:
            self.close()
            return result
        return 0

    def open_slave(self) -> i64:
        """Open the other side: by TIOCGPTPEER (since Linux 4.13), which needs no /dev/pts in this mount namespace, or else by its name."""
        flags = Open.O_RDWR | Open.O_NOCTTY | Open.O_CLOEXEC
        opened = syscall(numbers.ioctl, self.master, Ioctl.TIOCGPTPEER, flags)
        if opened < 0:
            number = u32(0)
            result = syscall(numbers.ioctl, self.master, Ioctl.TIOCGPTN, addr(number))
            if result < 0:
                return result
            path = array[u8, 32]()
            put(path, put_decimal(path, put(path, 0, b"/dev/pts/"), u64(number)), b"\0")
            opened = syscall(numbers.open, path.ptr, flags, 0)
        if opened >= 0:
            self.slave = i32(opened)
        return opened

    def use_utf8(self) -> None:
        """Tell the line discipline that characters are UTF-8."""
        settings = Termios()
        if syscall(numbers.ioctl, self.slave, Ioctl.TCGETS, addr(settings)) == 0:
            settings.c_iflag |= IUTF8
            syscall(numbers.ioctl, self.slave, Ioctl.TCSETS, addr(settings))

    def resize(self, columns: i64, rows: i64) -> i64:
        """Set the window's size in characters; the foreground group gets SIGWINCH when it changes."""
        size = WindowSize(u16(rows), u16(columns))
        return syscall(numbers.ioctl, self.master, Ioctl.TIOCSWINSZ, addr(size))

    def control(self) -> i64:
        """Make it the controlling terminal of the session that the caller leads and that has none."""
        return syscall(numbers.ioctl, self.slave, Ioctl.TIOCSCTTY, 0)

    def read(self, data: ptr[u8], size: i64) -> i64:
        """read(2) of what was written to the terminal; EIO once its other side is closed."""
        return syscall(numbers.read, self.master, data, size)

    def write(self, data: ptr[u8], size: i64) -> i64:
        """write(2) of input; may take a part only."""
        return syscall(numbers.write, self.master, data, size)

    def close_slave(self) -> None:
        """Close the terminal's side here: then its end shows when the last other holder ends."""
        if self.slave >= 0:
            close(self.slave)
        self.slave = -1

    def close(self) -> None:
        """Hang up: the session that it controls gets SIGHUP."""
        self.close_slave()
        if self.master >= 0:
            close(self.master)
        self.master = -1
