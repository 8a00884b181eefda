"""Every request that ioctl(2) knows for terminals, on a master and on a slave, by a process without a controlling terminal."""

from pty_tools import Termios, ioctl, open_master, open_slave
from say import check, result, say

from guest.lang import addr, array, i32, i64, ptr, syscall, u8, u16, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl, Open


def number(label: bytes, fd: i64, request: i64) -> None:
    """A request that stores a number."""
    word = array[i32, 2]()
    word[0] = -7
    value = result(label, ioctl(fd, request, u64(word.ptr)))
    if value == 0:
        result(b"  stored", i64(word[0]))


def with_number(label: bytes, fd: i64, request: i64, given: i64) -> None:
    """A request that reads a number."""
    word = array[i32, 2]()
    word[0] = i32(given)
    result(label, ioctl(fd, request, u64(word.ptr)))


def modes(label: bytes, fd: i64) -> None:
    """The modes in words."""
    held = Termios()
    if result(label, ioctl(fd, Ioctl.TCGETS, u64(addr(held)))) == 0:
        result(b"  input", i64(held.c_iflag))
        result(b"  output", i64(held.c_oflag))
        result(b"  control", i64(held.c_cflag))
        result(b"  local", i64(held.c_lflag))
        result(b"  line", i64(held.c_line))
        for i in range(17):
            result(b"  c", i64(held.c_cc[i]))


def size(label: bytes, fd: i64) -> None:
    """The window size."""
    words = array[u16, 4]()
    result(label, ioctl(fd, Ioctl.TIOCGWINSZ, u64(words.ptr)))
    for i in range(4):
        result(b"  word", i64(words[i]))


def all_requests(fd: i64) -> None:
    """All of them on one end."""
    modes(b"TCGETS", fd)
    room = array[u8, 64]()
    result(b"TCGETS2", ioctl(fd, Ioctl.TCGETS2, u64(room.ptr)))
    result(b"TCSETS2", ioctl(fd, Ioctl.TCSETS2, u64(room.ptr)))
    result(b"TCSETSW2", ioctl(fd, Ioctl.TCSETSW2, u64(room.ptr)))
    result(b"TCSETSF2", ioctl(fd, Ioctl.TCSETSF2, u64(room.ptr)))
    result(b"TCGETA", ioctl(fd, Ioctl.TCGETA, u64(room.ptr)))
    result(b"TCSETA", ioctl(fd, Ioctl.TCSETA, u64(room.ptr)))
    result(b"TCSETAW", ioctl(fd, Ioctl.TCSETAW, u64(room.ptr)))
    result(b"TCSETAF", ioctl(fd, Ioctl.TCSETAF, u64(room.ptr)))
    result(b"TCGETS", ioctl(fd, Ioctl.TCGETS, u64(room.ptr)))
    result(b"TCSETS", ioctl(fd, Ioctl.TCSETS, u64(room.ptr)))
    result(b"TCSETSW", ioctl(fd, Ioctl.TCSETSW, u64(room.ptr)))
    result(b"TCSETSF", ioctl(fd, Ioctl.TCSETSF, u64(room.ptr)))
    result(b"TCGETS nowhere", ioctl(fd, Ioctl.TCGETS, 8))
    result(b"TCSETS nowhere", ioctl(fd, Ioctl.TCSETS, 8))
    result(b"TCSBRK", ioctl(fd, Ioctl.TCSBRK, 0))
    result(b"TCSBRK 1", ioctl(fd, Ioctl.TCSBRK, 1))
    result(b"TCSBRKP", ioctl(fd, Ioctl.TCSBRKP, 0))
    result(b"TIOCSBRK", ioctl(fd, Ioctl.TIOCSBRK, 0))
    result(b"TIOCCBRK", ioctl(fd, Ioctl.TIOCCBRK, 0))
    result(b"TCXONC off", ioctl(fd, Ioctl.TCXONC, 0))
    result(b"TCXONC on", ioctl(fd, Ioctl.TCXONC, 1))
    result(b"TCXONC 9", ioctl(fd, Ioctl.TCXONC, 9))
    result(b"TCFLSH", ioctl(fd, Ioctl.TCFLSH, 2))
    result(b"TCFLSH 9", ioctl(fd, Ioctl.TCFLSH, 9))
    size(b"TIOCGWINSZ", fd)
    words = array[u16, 4]()
    words[0] = 30
    words[1] = 90
    result(b"TIOCSWINSZ", ioctl(fd, Ioctl.TIOCSWINSZ, u64(words.ptr)))
    result(b"TIOCSWINSZ nowhere", ioctl(fd, Ioctl.TIOCSWINSZ, 8))
    number(b"FIONREAD", fd, Ioctl.FIONREAD)
    number(b"TIOCOUTQ", fd, Ioctl.TIOCOUTQ)
    number(b"TIOCGETD", fd, Ioctl.TIOCGETD)
    with_number(b"TIOCSETD 0", fd, Ioctl.TIOCSETD, 0)
    with_number(b"TIOCSETD 999", fd, Ioctl.TIOCSETD, 999)
    number(b"TIOCMGET", fd, Ioctl.TIOCMGET)
    number(b"TIOCGSOFTCAR", fd, Ioctl.TIOCGSOFTCAR)
    number(b"TIOCGEXCL", fd, Ioctl.TIOCGEXCL)
    result(b"TIOCEXCL", ioctl(fd, Ioctl.TIOCEXCL, 0))
    number(b"TIOCGEXCL", fd, Ioctl.TIOCGEXCL)
    result(b"TIOCNXCL", ioctl(fd, Ioctl.TIOCNXCL, 0))
    number(b"TIOCGEXCL", fd, Ioctl.TIOCGEXCL)
    number(b"TIOCGPGRP", fd, Ioctl.TIOCGPGRP)
    with_number(b"TIOCSPGRP", fd, Ioctl.TIOCSPGRP, 1)
    with_number(b"TIOCSPGRP -1", fd, Ioctl.TIOCSPGRP, -1)
    result(b"TIOCSPGRP nowhere", ioctl(fd, Ioctl.TIOCSPGRP, 8))
    number(b"TIOCGSID", fd, Ioctl.TIOCGSID)
    result(b"TIOCNOTTY", ioctl(fd, Ioctl.TIOCNOTTY, 0))
    result(b"TIOCSCTTY", ioctl(fd, Ioctl.TIOCSCTTY, 0))
    number(b"TIOCGPTLCK", fd, Ioctl.TIOCGPTLCK)
    with_number(b"TIOCSPTLCK", fd, Ioctl.TIOCSPTLCK, 0)
    number(b"TIOCGPKT", fd, Ioctl.TIOCGPKT)
    with_number(b"TIOCPKT", fd, Ioctl.TIOCPKT, 1)
    number(b"TIOCGPKT", fd, Ioctl.TIOCGPKT)
    with_number(b"TIOCPKT off", fd, Ioctl.TIOCPKT, 0)
    result(b"TIOCSIG", ioctl(fd, Ioctl.TIOCSIG, 2))
    result(b"TIOCSIG 9", ioctl(fd, Ioctl.TIOCSIG, 9))
    result(b"TIOCGPTN nowhere", ioctl(fd, Ioctl.TIOCGPTN, 8))
    result(b"FIOQSIZE", ioctl(fd, Ioctl.FIOQSIZE, u64(room.ptr)))
    result(b"SIOCATMARK", ioctl(fd, Ioctl.SIOCATMARK, u64(room.ptr)))
    result(b"unknown", ioctl(fd, 0x54FE, u64(room.ptr)))
    result(b"lseek", syscall(numbers.lseek, fd, 0, 0))
    result(b"pread", syscall(numbers.pread64, fd, room.ptr, 4, 0))
    result(b"mmap", syscall(numbers.mmap, 0, 4096, 1, 2, fd, 0))
    result(b"fsync", syscall(numbers.fsync, fd))
    result(b"ftruncate", syscall(numbers.ftruncate, fd, 0))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    say(b"master\n")
    all_requests(master)
    say(b"slave\n")
    all_requests(slave)
    first = u32(99)
    second = u32(99)
    result(b"TIOCGPTN", ioctl(master, Ioctl.TIOCGPTN, u64(addr(first))))
    other = open_master()
    result(b"TIOCGPTN", ioctl(other, Ioctl.TIOCGPTN, u64(addr(second))))
    check(b"different", first != second)
    result(b"TIOCGPTN of a slave", ioctl(slave, Ioctl.TIOCGPTN, u64(addr(second))))
    result(b"TIOCGPTPEER of a slave", open_slave(slave, Open.O_NOCTTY))
    device = u32(0)
    result(b"TIOCGDEV", ioctl(slave, Ioctl.TIOCGDEV, u64(addr(device))))
    check(b"136 and the number", device == (136 << 8 | first))
    result(b"TIOCGDEV", ioctl(master, Ioctl.TIOCGDEV, u64(addr(device))))
    check(b"136 and the number", device == (136 << 8 | first))
    result(b"TIOCGPTN of no terminal", ioctl(0, Ioctl.TIOCGPTN, u64(addr(second))))
    return 0
