"""What reading a pseudo-terminal gives: lines and raw bytes, VMIN and VTIME, vectors, packet mode, output processing."""

from process_tools import ended, leave
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
    say_bytes,
    set_character,
    set_modes,
    wait_input,
)
from say import check, result, say

from guest.lang import addr, array, i64, ptr, syscall, u8, u32, u64
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from syscalls import numbers
from syscalls.flags import Ioctl, Open
from syscalls.flags.terminals import ControlCharacter, LocalMode


def later(fd: i64, milliseconds: i64, text: bytes) -> i64:
    """A child that writes after a while."""
    pid = syscall(numbers.fork)
    if pid == 0:
        wait_input(-1, milliseconds)
        put(fd, text)
        leave(0)
    return pid


def now() -> i64:
    """CLOCK_MONOTONIC in milliseconds."""
    time = array[i64, 2]()
    syscall(numbers.clock_gettime, 1, time.ptr)
    return time[0] * 1000 + time[1] // 1000000


def lines(master: i64, slave: i64) -> None:
    """The canonical mode."""
    change_local(slave, LocalMode.ECHO, 0)
    put(master, b"one\ntwo\n")
    wait_input(slave, 5000)
    read_said(b"a line", slave, 100)
    read_said(b"a part", slave, 2)
    read_said(b"the rest", slave, 100)
    put(master, b"wrong\x15righx\x7ft\n")
    wait_input(slave, 5000)
    read_said(b"edited", slave, 100)
    put(master, b"no newline\x04")
    wait_input(slave, 5000)
    read_said(b"pushed", slave, 100)
    put(master, b"\x04")
    wait_input(slave, 5000)
    read_said(b"end of file", slave, 100)
    put(master, b"q\x16\x03\x16\x04\n")
    wait_input(slave, 5000)
    read_said(b"quoted", slave, 100)
    child = later(master, 50, b"late\n")
    read_said(b"a line that comes later", slave, 100)
    ended(b"its writer", child)
    put(slave, b"a\nb")
    drain_said(b"output", master, 4)
    room = array[u8, 16]()
    vector = array[u64, 4]()
    vector[0] = u64(room.ptr)
    vector[1] = 2
    vector[2] = u64(addr(room[2]))
    vector[3] = 10
    put(master, b"vector\n")
    wait_input(slave, 5000)
    size = result(b"readv", syscall(numbers.readv, slave, vector.ptr, 2))
    say_bytes(room[:size])
    say(b"\n")
    result(b"writev", syscall(numbers.writev, slave, vector.ptr, 1))
    drain_said(b"written", master, 2)
    put(master, b"not echoed\n")
    wait_input(slave, 5000)
    read_said(b"slave", slave, 100)
    change_local(slave, 0, LocalMode.ECHO)
    put(master, b"ab\n")
    drain_said(b"echo", master, 4)
    wait_input(slave, 5000)
    read_said(b"slave", slave, 100)


def raw(master: i64, slave: i64) -> None:
    """Without lines: what VMIN and VTIME ask for."""
    change_local(slave, LocalMode.ICANON | LocalMode.ECHO, 0)
    put(master, b"raw")
    wait_input(slave, 5000)
    drain_said(b"raw", slave, 3)
    set_character(slave, ControlCharacter.VMIN, 0)
    read_said(b"VMIN 0, nothing there", slave, 10)
    set_character(slave, ControlCharacter.VTIME, 2)
    start = now()
    read_said(b"VTIME 2, nothing comes", slave, 10)
    took = now() - start
    check(b"it waited", took >= 190 and took < 2000)
    set_character(slave, ControlCharacter.VTIME, 50)
    child = later(master, 50, b"in time")
    read_said(b"VTIME 50, in time", slave, 2)
    ended(b"its writer", child)
    drain_said(b"the rest", slave, 5)
    set_character(slave, ControlCharacter.VTIME, 0)
    set_character(slave, ControlCharacter.VMIN, 5)
    put(master, b"abc")
    result(b"poll, three of five", wait_input(slave, 100))
    child = later(master, 50, b"defg")
    read_said(b"VMIN 5", slave, 10)
    ended(b"its writer", child)
    child = later(master, 50, b"xyz")
    read_said(b"VMIN 5, room for three", slave, 3)
    ended(b"its writer", child)
    set_character(slave, ControlCharacter.VTIME, 2)
    put(master, b"12")
    start = now()
    read_said(b"VMIN 5, VTIME 2, two come", slave, 10)
    took = now() - start
    check(b"it waited", took >= 190 and took < 2000)
    child = later(master, 300, b"3")
    start = now()
    read_said(b"VMIN 5, VTIME 2, one comes late", slave, 10)
    took = now() - start
    check(b"it waited for the first", took >= 450 and took < 3000)
    ended(b"its writer", child)
    syscall(numbers.fcntl, slave, 4, Open.O_NONBLOCK)
    read_said(b"O_NONBLOCK", slave, 10)
    put(master, b"78")
    wait_input(slave, 1000)
    drain_said(b"O_NONBLOCK, two are there", slave, 2)
    syscall(numbers.fcntl, slave, 4, 0)
    set_character(slave, ControlCharacter.VTIME, 0)
    set_character(slave, ControlCharacter.VMIN, 1)
    put(master, b"\x03\x1c\x1a\x04\r")
    wait_input(slave, 5000)
    drain_said(b"characters that mean something; signals to nobody", slave, 2)
    change_local(slave, LocalMode.ISIG | LocalMode.IEXTEN, 0)
    put(master, b"\x03\x1c\x1a\x16")
    wait_input(slave, 5000)
    drain_said(b"none means anything", slave, 4)


def packets(master: i64, slave: i64) -> None:
    """Packet mode."""
    on = u32(1)
    change_local(slave, 0, LocalMode.ICANON | LocalMode.ISIG | LocalMode.IEXTEN)
    result(b"TIOCPKT", ioctl(master, Ioctl.TIOCPKT, u64(addr(on))))
    put(slave, b"data")
    read_said(b"data", master, 100)
    result(b"flush", ioctl(slave, Ioctl.TCFLSH, 0))
    result(b"poll", wait_input(master, 1000))
    read_said(b"flushed", master, 100)
    modes = Termios()
    get_modes(slave, modes)
    modes.c_iflag = modes.c_iflag & ~u32(0x400)
    set_modes(slave, modes)
    read_said(b"no flow control any more", master, 100)
    on = 0
    ioctl(master, Ioctl.TIOCPKT, u64(addr(on)))


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    master = open_master()
    slave = open_slave(master, Open.O_NOCTTY)
    lines(master, slave)
    raw(master, slave)
    packets(master, slave)
    big = array[u8, 3000]()
    for i in range(3000):
        big[i] = u8(0x61 + i % 26)
    child = syscall(numbers.fork)
    if child == 0:
        done = i64(0)
        for _ in range(40):
            done += syscall(numbers.write, slave, big.ptr, 3000)
        leave(0 if done == 120000 else 1)
    total = i64(0)
    wait_input(-1, 100)
    while total < 120000:
        size = syscall(numbers.read, master, big.ptr, 3000)
        if size <= 0:
            break
        total += size
    result(b"all that was written", total)
    ended(b"its writer", child)
    child = syscall(numbers.fork)
    if child == 0:
        done = i64(0)
        for _ in range(40):
            done += syscall(numbers.write, master, big.ptr, 1000)
        leave(0 if done == 40000 else 1)
    change_local(slave, LocalMode.ICANON | LocalMode.ECHO | LocalMode.ISIG, 0)
    total = 0
    while total < 40000:
        size = syscall(numbers.read, slave, big.ptr, 3000)
        if size <= 0:
            break
        total += size
    result(b"all that was typed", total)
    ended(b"its writer", child)
    return 0
