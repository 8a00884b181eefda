"""Pseudo-terminals as files: numbers, names, what stat and /dev/pts say of them, locks, exclusive ones, and hang-ups."""

from pty_tools import ioctl, open_master, open_slave, put, read_said, wait_input
from say import check, result, say

from guest.lang import addr, array, bytes_at, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl, Open

NAME = b"/dev/pts/"
LINK = b"/proc/self/fd/"

name: array[u8, 64]


def number_of(master: i64) -> i64:
    """TIOCGPTN."""
    found = u32(0)
    ioctl(master, Ioctl.TIOCGPTN, u64(addr(found)))
    return i64(found)


def numbered(start: bytes, value: i64) -> ptr[u8]:
    """`start` and a number, with a NUL."""
    at = len(start)
    name[:at] = start
    if value >= 100:
        name[at] = u8(0x30 + value // 100)
        at += 1
    if value >= 10:
        name[at] = u8(0x30 + value // 10 % 10)
        at += 1
    name[at] = u8(0x30 + value % 10)
    name[at + 1] = 0
    return name.ptr


def is_there(number: i64) -> bool:
    """Whether /dev/pts lists it."""
    room = array[u8, 4096]()
    folder = syscall(numbers.open, b"/dev/pts\0".ptr, Open.O_RDONLY | Open.O_DIRECTORY)
    found = False
    while True:
        size = syscall(numbers.getdents64, folder, room.ptr, 4096)
        if size <= 0:
            break
        at = i64(0)
        while at < size:
            length = i64(room[at + 16]) + i64(room[at + 17]) * 256
            value = i64(0)
            digits = i64(0)
            i = at + 19
            while room[i] >= 0x30 and room[i] <= 0x39:
                value = value * 10 + i64(room[i]) - 0x30
                digits += 1
                i += 1
            if digits > 0 and room[i] == 0 and value == number:
                found = True
            at += length
    syscall(numbers.close, folder)
    return found


def states(label: bytes, fd: i64, device: u64, inode: u64) -> None:
    """fstat: a character device, which one."""
    status = array[u64, 18]()
    say(label)
    say(b"\n")
    result(b"  fstat", syscall(numbers.fstat, fd, status.ptr))
    check(b"  a character device", status[3] & 0xF000 == 0x2000)
    check(b"  the device", status[5] == device)
    if inode != 0:
        check(b"  the inode", status[1] == inode)


def linked(label: bytes, fd: i64, expected: ptr[u8]) -> None:
    """What /proc/self/fd says of a descriptor."""
    wanted = array[u8, 64]()
    length = i64(0)
    while expected[length] != 0:
        wanted[length] = expected[length]
        length += 1
    room = array[u8, 64]()
    size = syscall(numbers.readlink, numbered(LINK, fd), room.ptr, 64)
    say(label)
    check(b"", size == length and bytes_at(room.ptr, size) == bytes_at(wanted.ptr, length))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    master = syscall(numbers.open, b"/dev/ptmx\0".ptr, Open.O_RDWR | Open.O_NOCTTY)
    number = number_of(master)
    result(b"flags", syscall(numbers.fcntl, master, 3, 0) & ~Open.O_LARGEFILE)
    locked = u32(9)
    result(b"TIOCGPTLCK", ioctl(master, Ioctl.TIOCGPTLCK, u64(addr(locked))))
    result(b"locked", i64(locked))
    result(b"open, locked", syscall(numbers.open, numbered(NAME, number), Open.O_RDWR | Open.O_NOCTTY))
    result(b"peer, locked", open_slave(master, Open.O_NOCTTY))
    off = u32(0)
    result(b"TIOCSPTLCK", ioctl(master, Ioctl.TIOCSPTLCK, u64(addr(off))))
    check(b"listed", is_there(number))
    slave = syscall(numbers.open, numbered(NAME, number), Open.O_RDWR | Open.O_NOCTTY)
    check(b"open", slave >= 0)
    peer = open_slave(master, Open.O_NOCTTY | Open.O_CLOEXEC | Open.O_NONBLOCK)
    check(b"peer", peer > slave)
    result(b"close-on-exec", syscall(numbers.fcntl, peer, 1, 0))
    result(b"flags", syscall(numbers.fcntl, peer, 3, 0) & ~(Open.O_LARGEFILE | Open.O_CLOEXEC))
    result(b"no input", syscall(numbers.read, peer, name.ptr, 5))
    syscall(numbers.fcntl, peer, 4, 0)
    result(b"blocking", syscall(numbers.fcntl, peer, 3, 0) & ~(Open.O_LARGEFILE | Open.O_CLOEXEC))
    syscall(numbers.fcntl, peer, 4, Open.O_NONBLOCK)
    result(b"no input", syscall(numbers.read, peer, name.ptr, 5))
    device = u64(136 << 8) | u64(number & 0xFF)
    states(b"the slave", slave, device, u64(number + 3))
    states(b"the peer", peer, device, u64(number + 3))
    states(b"the master", master, 5 << 8 | 2, 0)
    status = array[u64, 18]()
    result(b"stat", syscall(numbers.stat, numbered(NAME, number), status.ptr))
    check(b"the device", status[5] == device and status[1] == u64(number + 3))
    wide = array[u32, 64]()
    result(b"statx", syscall(numbers.statx, -100, numbered(NAME, number), 0, 0x7FF, wide.ptr))
    check(b"the device", wide[32] == 136 and i64(wide[33]) == number)
    result(b"statx", syscall(numbers.statx, slave, b"\0".ptr, 0x1000, 0x7FF, wide.ptr))
    check(b"the device", wide[32] == 136 and i64(wide[33]) == number)
    wanted = array[u8, 64]()
    linked(b"link of the slave", slave, numbered_copy(wanted.ptr, number))
    linked(b"link of the peer", peer, numbered_copy(wanted.ptr, number))
    linked(b"link of the master", master, b"/dev/ptmx\0".ptr)
    result(b"O_DIRECTORY", syscall(numbers.open, numbered(NAME, number), Open.O_DIRECTORY))
    result(
        b"O_EXCL",
        syscall(numbers.open, numbered(NAME, number), Open.O_CREAT | Open.O_EXCL | Open.O_RDWR, 0o600),
    )
    result(b"no such one", syscall(numbers.open, b"/dev/pts/99999\0".ptr, Open.O_RDWR | Open.O_NOCTTY))
    result(b"no such one", syscall(numbers.open, b"/dev/pts/00\0".ptr, Open.O_RDWR | Open.O_NOCTTY))
    path = syscall(numbers.open, numbered(NAME, number), Open.O_PATH)
    states(b"O_PATH", path, device, u64(number + 3))
    result(b"ioctl of O_PATH", ioctl(path, Ioctl.TIOCGPTN, 0))

    put(master, b"line\n")
    wait_input(slave, 5000)
    read_said(b"slave", slave, 100)
    syscall(numbers.close, slave)
    syscall(numbers.close, peer)
    read_said(b"echo, though all slaves are closed", master, 100)
    read_said(b"no slave is open", master, 100)
    result(b"poll", wait_input(master, 0))
    slave = open_slave(master, Open.O_NOCTTY)
    result(b"poll", wait_input(master, 0))
    put(master, b"two\n")
    wait_input(slave, 5000)
    copy = syscall(numbers.dup, master)
    syscall(numbers.close, master)
    result(b"a copy of the master is left", wait_input(slave, 0))
    check(b"listed", is_there(number))
    syscall(numbers.close, copy)
    check(b"listed", is_there(number))
    result(b"poll", wait_input(slave, 0))
    read_said(b"read", slave, 100)
    result(b"write", put(slave, b"x"))
    size = array[u8, 64]()
    result(b"TIOCGWINSZ", ioctl(slave, Ioctl.TIOCGWINSZ, u64(size.ptr)))
    result(b"open", syscall(numbers.open, numbered(NAME, number), Open.O_RDWR | Open.O_NOCTTY))
    other = open_master()
    check(b"its number is still taken", number_of(other) != number)
    syscall(numbers.close, slave)
    again = open_master()
    result(b"free again", number_of(again) - number)
    return 0


def numbered_copy(to: ptr[u8], number: i64) -> ptr[u8]:
    """The name of a terminal, somewhere else."""
    found = numbered(NAME, number)
    for i in range(32):
        to[i] = found[i]
    return to
