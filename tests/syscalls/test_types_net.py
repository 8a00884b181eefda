"""How socket addresses, messages and option values show in a trace."""

import struct
from types import SimpleNamespace
from typing import Any

import pytest

from syscalls.data import plain
from syscalls.flags import AddressFamily, Scm, SocketLevel, SocketOption, TcpOption
from syscalls.messages import HEADER, LENGTH_AT
from syscalls.passing import Message, build, parse
from syscalls.types_net import MsgHdrIn, MsgHdrOut, MsgVectorOut, SockAddrIn, SockAddrOut, SockLenInOut
from syscalls.types_options import OptionIn, OptionName, ProtocolNumber

BASE = 0x1000


def guest(data: bytes) -> Any:
    """A thread whose memory holds `data` at BASE, and nothing else."""

    def read(address: int, size: int) -> bytes:
        start = address - BASE
        if start < 0 or start + size > len(data):
            raise OSError(14, "fault")
        return data[start : start + size]

    memory = SimpleNamespace(
        read=read,
        u32=lambda address: int.from_bytes(read(address, 4), "little"),
        readable=lambda address, size: (
            max(0, min(size, len(data) - (address - BASE))) if address >= BASE else 0
        ),
    )
    return SimpleNamespace(
        memory=memory, process=SimpleNamespace(payload_limit=256), fds=SimpleNamespace(entries={})
    )


INET = struct.pack("<H", 2) + struct.pack("!H", 8080) + bytes([127, 0, 0, 1]) + bytes(8)
INET6 = struct.pack("<H", 10) + struct.pack("!HI", 53, 7) + bytes(15) + b"\1" + struct.pack("<I", 3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (INET, '{sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}'),
        (
            INET6,
            "{sa_family=AF_INET6, sin6_port=htons(53), sin6_flowinfo=htonl(7), "
            'inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=3}',
        ),
        (b"\1\0/tmp/x\0\0\0", '{sa_family=AF_UNIX, sun_path="/tmp/x"}'),
        (b"\1\0\0name\1", '{sa_family=AF_UNIX, sun_path=@"name\\1"}'),
        (b"\1\0", "{sa_family=AF_UNIX}"),
        (INET[:7], '{sa_family=AF_INET, sa_data="\\37\\220\\177\\0\\0"}'),
        (b"\x63\0xy", '{sa_family=0x63, sa_data="xy"}'),
        (INET[:15], '{sa_family=AF_INET, sa_data="\\37\\220\\177\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0"}'),
        (b"\2", "0x1000"),
        (b"", "0x1000"),
    ],
)
def test_addresses(name: bytes, text: str) -> None:
    arg = SockAddrIn("addrlen")
    assert arg.text(arg.capture(guest(name), BASE, len(name))) == text


def test_addresses_that_are_not_there() -> None:
    arg = SockAddrIn("addrlen")
    assert arg.text(arg.capture(guest(b""), 0, 16)) == "NULL"
    assert arg.text(arg.capture(guest(b""), 0x5000, 16)) == "0x5000"
    assert arg.text(arg.capture(guest(INET), BASE, -1)) == "0x1000"
    assert arg.text(arg.capture(guest(INET), BASE, 1 << 30)) == "0x1000"


def test_filled_addresses_are_as_long_as_the_kernel_said() -> None:
    thread = guest(INET + struct.pack("<I", 16))
    arg = SockAddrOut("addrlen")
    filled = arg.capture(thread, BASE, BASE + 16, 0)
    assert plain(filled)["sin_port"] == 8080
    assert arg.capture(thread, BASE, BASE + 16, -1) == BASE
    assert plain(arg.merged(arg.given(thread, BASE, BASE + 16), filled)) == plain(filled)
    assert arg.text(plain(arg.merged(5, filled))) == '{sa_family=AF_INET, sa_data="\\37\\220\\177"}'
    assert plain(arg.merged(1, filled)) == BASE
    assert arg.merged(16, None) is None


@pytest.mark.parametrize(
    ("given", "filled", "text"),
    [(16, 16, "[16]"), (110, 2, "[110 => 2]"), (16, None, "[16]"), (0xFFFFFFFF, None, "[-1]")],
)
def test_lengths_are_shown_as_given_and_as_left(given: int, filled: int | None, text: str) -> None:
    arg = SockLenInOut()
    before = arg.given(guest(struct.pack("<I", given)), BASE)
    after = None if filled is None else arg.capture(guest(struct.pack("<I", filled)), BASE)
    assert arg.text(arg.merged(before, after)) == text


def test_lengths_that_are_not_there() -> None:
    arg = SockLenInOut()
    assert arg.text(arg.merged(arg.given(guest(b""), 4), None)) == "0x4"
    assert arg.text(arg.merged(arg.given(guest(b""), 0), None)) == "NULL"


def test_a_protocol_has_a_name_in_the_internet_families() -> None:
    arg = ProtocolNumber("domain")
    assert arg.text(arg.capture(None, 6, AddressFamily.AF_INET6)) == "IPPROTO_TCP"  # type: ignore[arg-type]
    assert arg.text(arg.capture(None, 0, AddressFamily.AF_UNIX)) == "0"  # type: ignore[arg-type]


def message(data: bytes, control: bytes, flags: int = 0) -> bytes:
    """A msghdr at BASE with INET as its name, one buffer and control data behind it."""
    name_at = BASE + 64
    vector_at = name_at + 16
    data_at = vector_at + 16
    control_at = data_at + len(data)
    header = HEADER.pack(name_at, 16, 0, vector_at, 1, control_at, len(control), flags, 0)
    return header + bytes(8) + INET + struct.pack("<QQ", data_at, len(data)) + data + control


def test_messages_with_descriptors() -> None:
    control = build([Message(SocketLevel.SOL_SOCKET, Scm.SCM_RIGHTS, struct.pack("<ii", 5, 6))], 24)
    thread = guest(message(b"hello", control))
    arg = MsgHdrIn()
    held = arg.capture(thread, BASE)
    assert held.fds() == [5, 6]
    data = held.data()
    assert data["msg_iov"] == [{"iov_base": b"hello", "iov_len": 5}]
    assert data["msg_control"] == [
        {"cmsg_len": 24, "cmsg_level": "SOL_SOCKET", "cmsg_type": "SCM_RIGHTS", "cmsg_data": [5, 6]}
    ]
    assert arg.text(data) == (
        '{msg_name={sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}, msg_namelen=16, '
        'msg_iov=[{iov_base="hello", iov_len=5}], msg_iovlen=1, '
        "msg_control=[{cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5, 6]}], msg_controllen=24, msg_flags=0}"
    )


def test_received_messages_show_what_came() -> None:
    credentials = Message(SocketLevel.SOL_SOCKET, Scm.SCM_CREDENTIALS, struct.pack("<iII", 1, 2, 3))
    thread = guest(message(b"hello", build([credentials], 32), 0x20))
    data = MsgHdrOut().capture(thread, BASE, 2)
    assert data["msg_iov"] == [{"iov_base": b"he", "iov_len": 5}]
    assert data["msg_control"][0]["cmsg_data"] == {"pid": 1, "uid": 2, "gid": 3}
    assert data["msg_flags"] == "MSG_TRUNC"
    assert MsgHdrOut().capture(thread, BASE, -1) == BASE
    assert MsgHdrIn().text(MsgHdrIn().capture(guest(b"short"), BASE)) == "0x1000"


def test_many_messages() -> None:
    row = bytearray(message(b"hello", b""))
    row[LENGTH_AT : LENGTH_AT + 4] = struct.pack("<I", 3)
    arg = MsgVectorOut()
    data = arg.capture(guest(bytes(row)), BASE, 1)
    assert data[0]["msg_len"] == 3
    assert arg.text(data).endswith("msg_flags=0}, msg_len=3}]")


@pytest.mark.parametrize("control", [b"\x05" + bytes(15), b"\xff" * 16, bytes(16)])
def test_malformed_control_data(control: bytes) -> None:
    with pytest.raises(OSError, match="control"):
        parse(control)
    assert MsgHdrIn().capture(guest(message(b"", control)), BASE)["msg_control"] == control


def test_options() -> None:
    arg = OptionIn()
    sol = SocketLevel.SOL_SOCKET
    assert arg.capture(guest(struct.pack("<i", -1)), BASE, sol, SocketOption.SO_RCVBUF, 4) == [-1]
    linger = guest(struct.pack("<ii", 1, 5))
    assert arg.text(arg.capture(linger, BASE, sol, SocketOption.SO_LINGER, 8)) == "{l_onoff=1, l_linger=5}"
    time = guest(struct.pack("<qq", 1, 5))
    assert arg.capture(time, BASE, sol, SocketOption.SO_RCVTIMEO, 16) == {"tv_sec": 1, "tv_usec": 5}
    family = guest(struct.pack("<i", AddressFamily.AF_INET6))
    assert arg.capture(family, BASE, sol, SocketOption.SO_DOMAIN, 4) == ["AF_INET6"]
    assert arg.capture(family, 8, sol, SocketOption.SO_DOMAIN, 4) == 8
    name = OptionName()
    assert name.capture(family, TcpOption.TCP_NODELAY, SocketLevel.SOL_TCP) == "TCP_NODELAY"
    assert name.text(name.capture(family, 1, 4711)) == "1"
