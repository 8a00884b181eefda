"""How the structures of files show in a trace."""

import os
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from syscalls.data import Cut
from syscalls.flags import Fcntl, Ioctl
from syscalls.types_files import FcntlArgument, FcntlOutcome, IoVec, OutIoVec, OutPair, Stat
from syscalls.types_ioctl import IoctlArgument


class Memory:
    """Bytes from address 0x1000 on."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, address: int, size: int) -> bytes:
        offset = address - 0x1000
        if offset < 0 or offset + size > len(self.data):
            raise OSError(14, "bad address")
        return self.data[offset : offset + size]


def thread(data: bytes) -> Any:
    return SimpleNamespace(
        memory=Memory(data), process=SimpleNamespace(payload_limit=256), fds=SimpleNamespace(entries={})
    )


VECTOR = struct.pack("<4Q", 0x1020, 3, 0x1023, 4) + b"abcdefg" + bytes(300)


def test_a_gathering_write() -> None:
    shown = IoVec("count").capture(thread(VECTOR), 0x1000, 2)
    assert shown == [{"iov_base": b"abc", "iov_len": 3}, {"iov_base": b"defg", "iov_len": 4}]
    assert IoVec("count").text(shown) == '[{iov_base="abc", iov_len=3}, {iov_base="defg", iov_len=4}]'


def test_a_scattering_read_shows_what_came() -> None:
    kind = OutIoVec("count")
    assert kind.capture(thread(VECTOR), 0x1000, 2, 5)[1] == {"iov_base": b"de", "iov_len": 4}
    failed = kind.capture(thread(VECTOR), 0x1000, 2, -14)
    assert kind.text(failed) == "[{iov_base=0x1020, iov_len=3}, {iov_base=0x1023, iov_len=4}]"
    assert kind.text(kind.capture(thread(VECTOR), 0x10, 2, -14)) == "0x10"


@pytest.mark.parametrize(
    ("address", "count", "shown"),
    [(0, 2, None), (0x10, 2, 0x10), (0x1000, 0, []), (0x1000, 2000, 0x1000), (0x1000, (1 << 64) - 1, 0x1000)],
)
def test_arrays_that_cannot_be_shown(address: int, count: int, shown: object) -> None:
    assert IoVec("count").capture(thread(VECTOR), address, count) == shown


def test_a_long_element_is_cut() -> None:
    data = struct.pack("<2Q", 0x1010, 290) + bytes(300)
    shown = IoVec("count").capture(thread(data), 0x1000, 1)
    assert shown == [{"iov_base": Cut(bytes(256), 290), "iov_len": 290}]


def test_a_pair_of_descriptors() -> None:
    data = struct.pack("<ii", 3, 4)
    assert OutPair().capture(thread(data), 0x1000, 0).data() == [3, 4]
    assert OutPair().text([3, 4]) == "[3, 4]"
    assert OutPair().text([3, 4], {3: "pipe"}) == "[3<pipe>, 4]"
    assert OutPair().capture(thread(data), 0x1000, -24) == 0x1000
    assert OutPair().text(0x1000) == "0x1000"


@pytest.mark.parametrize(
    ("command", "value", "text"),
    [
        (Fcntl.F_SETFL, 0o4002, "O_RDWR|O_NONBLOCK"),
        (Fcntl.F_SETFD, 1, "FD_CLOEXEC"),
        (Fcntl.F_GETFL, 12345, ""),
        (Fcntl.F_DUPFD, (1 << 64) - 1, "-1"),
        (Fcntl.F_ADD_SEALS, 9, "F_SEAL_SEAL|F_SEAL_WRITE"),
        (Fcntl.F_SETLK, 0x1000, "{l_type=F_WRLCK, l_whence=SEEK_SET, l_start=5, l_len=10}"),
        (Fcntl.F_GETLK, 0x1000, "{l_type=F_WRLCK, l_whence=SEEK_SET, l_start=5, l_len=10, l_pid=0}"),
        (Fcntl.F_SETLK, 0x10, "0x10"),
        (Fcntl.F_SETSIG, 10, "SIGUSR1"),
    ],
)
def test_the_argument_of_fcntl(command: int, value: int, text: str) -> None:
    kind = FcntlArgument()
    memory = struct.pack("<hhxxxxqqixxxx", 1, 0, 5, 10, 0)
    data = kind.capture(thread(memory), value, command, 0)
    assert kind.text_among(data, {"cmd": Fcntl.text(command)}) == text


@pytest.mark.parametrize(
    ("command", "value", "text"),
    [
        ("F_GETFD", 1, "0x1 (flags FD_CLOEXEC)"),
        ("F_GETFD", 0, "0"),
        ("F_GETFL", 0o4002, "0x802 (flags O_RDWR|O_NONBLOCK)"),
        ("F_GETFL", 0, "0 (flags O_RDONLY)"),
        ("F_GETLEASE", 2, "0x2 (F_UNLCK)"),
        ("F_GETSIG", 10, "10 (SIGUSR1)"),
        ("F_GET_SEALS", 1, "0x1 (seals F_SEAL_SEAL)"),
        ("F_DUPFD", 7, "7"),
    ],
)
def test_the_result_of_fcntl(command: str, value: int, text: str) -> None:
    assert FcntlOutcome().text(value, {"cmd": command}) == text


@pytest.mark.parametrize(
    ("request_", "result", "text"),
    [
        (Ioctl.FIONREAD, 0, "[24]"),
        (Ioctl.FIONREAD, -25, "0x1000"),
        (Ioctl.TIOCGWINSZ, 0, "{ws_row=24, ws_col=0, ws_xpixel=80, ws_ypixel=0}"),
        (0x1234, 0, "0x1000"),
    ],
)
def test_the_argument_of_ioctl(request_: int, result: int, text: str) -> None:
    kind = IoctlArgument()
    memory = struct.pack("<II", 24, 80)
    assert kind.text(kind.capture(thread(memory), 0x1000, request_, result)) == text


def test_stat() -> None:
    with open("/dev/null", "rb") as file:
        status = os.fstat(file.fileno())
    packed = Stat.pack(
        status.st_dev, status.st_ino, 1, status.st_mode, 0, 0, status.st_rdev, 0, 4096, 0,
        struct.pack("<qq", 5, 6), struct.pack("<qq", 5, 6), struct.pack("<qq", 5, 6),
    )  # fmt: skip
    assert Stat.size == len(packed) == 144
    shown = Stat.show(packed)
    assert shown["st_mode"] == "S_IFCHR|0666"
    assert shown["st_rdev"] == "makedev(0x1, 0x3)"
    assert shown["st_mtim"] == {"tv_sec": 5, "tv_nsec": 6}


def test_a_terminal_shows_its_modes_by_name() -> None:
    packed = struct.pack("<IIIIB19s", 0x500, 5, 0xBF, 0x8A3B, 0, bytes(19))
    kind = IoctlArgument()
    data = kind.capture(thread(packed), 0x1000, Ioctl.TCGETS, 0)
    assert data["c_cc"] == [0] * 19
    assert kind.text(data) == (
        "{c_iflag=ICRNL|IXON, c_oflag=OPOST|ONLCR, c_cflag=B38400|CS8|CREAD, "
        "c_lflag=ISIG|ICANON|ECHO|ECHOE|ECHOK|IEXTEN|ECHOCTL|ECHOKE, ...}"
    )
    assert kind.text(kind.capture(thread(packed), 0x1000, Ioctl.TCGETS, -25)) == "0x1000"


def test_requests_without_a_name_are_taken_apart() -> None:
    assert Ioctl.text(0x12345678) == "_IOC(_IOC_NONE, 0x56, 0x78, 0x1234)"
    assert Ioctl.text(0x80045430) == "TIOCGPTN"
    assert Ioctl.text(0xC0000000) == "_IOC(_IOC_READ|_IOC_WRITE, 0, 0, 0)"
