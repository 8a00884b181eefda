"""Argument types of socket options, and of protocol numbers: names that depend on another argument."""

import errno
import struct
from typing import TYPE_CHECKING

from syscalls.args import PAYLOAD_LIMIT, Arg, Signed32
from syscalls.data import Data
from syscalls.flags.net import (
    AddressFamily,
    IpOption,
    IpProtocol,
    Ipv6Option,
    SocketLevel,
    SocketOption,
    SocketType,
    TcpOption,
    UdpOption,
)
from syscalls.text import strace_text

if TYPE_CHECKING:
    from syscalls.process import Thread

OPTION_NAMES = {
    SocketLevel.SOL_SOCKET: SocketOption,
    SocketLevel.SOL_IP: IpOption,
    SocketLevel.SOL_IPV6: Ipv6Option,
    SocketLevel.SOL_TCP: TcpOption,
    SocketLevel.SOL_UDP: UdpOption,
}


class OptionName(Arg):
    """The option of getsockopt(2), whose names depend on the level."""

    phase = "in"
    uses = ("level",)
    conversion = Signed32.conversion

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        names = OPTION_NAMES.get(used[0])
        return names.text(value) if names else value

    def text(self, data: Data) -> str:
        return str(data)


class ProtocolNumber(OptionName):
    """The protocol of socket(2), which has names in the Internet families only; `domain` names the family's parameter."""

    _internet = frozenset({AddressFamily.AF_INET, AddressFamily.AF_INET6})

    def __init__(self, domain: str) -> None:
        self.uses = (domain,)

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        return IpProtocol.text(value) if used[0] in self._internet else value


_TIMES: tuple[int, ...] = (SocketOption.SO_RCVTIMEO, SocketOption.SO_SNDTIMEO)
_TIMES += (SocketOption.SO_RCVTIMEO_NEW, SocketOption.SO_SNDTIMEO_NEW)


_FILTERS: tuple[int, ...] = (SocketOption.SO_ATTACH_FILTER, SocketOption.SO_ATTACH_REUSEPORT_CBPF)


def option_data(level: int, option: int, value: bytes) -> Data:
    """The value of a socket option: a list of one int, a structure, or bytes."""
    if level == SocketLevel.SOL_SOCKET:
        if option in _TIMES and len(value) == 16:
            return dict(zip(("tv_sec", "tv_usec"), struct.unpack("<qq", value), strict=True))
        if option == SocketOption.SO_LINGER and len(value) == 8:
            return dict(zip(("l_onoff", "l_linger"), struct.unpack("<ii", value), strict=True))
        if option == SocketOption.SO_PEERCRED and len(value) == 12:
            return dict(zip(("pid", "uid", "gid"), struct.unpack("<iII", value), strict=True))
        if len(value) == 4 and option == SocketOption.SO_DOMAIN:
            return [AddressFamily.text(*struct.unpack("<i", value))]
        if len(value) == 4 and option == SocketOption.SO_ERROR:
            (number,) = struct.unpack("<i", value)
            return [errno.errorcode.get(number, number)]
        if option in _FILTERS and len(value) == 16:
            count, address = struct.unpack("<H6xQ", value)
            return {"len": count, "filter": hex(address) if address else None}
        if len(value) == 4 and option == SocketOption.SO_TYPE:
            return [SocketType.text(*struct.unpack("<i", value))]
        if option == SocketOption.SO_BINDTODEVICE:
            return value
    if len(value) == 4:
        return list(struct.unpack("<i", value))
    return value[:PAYLOAD_LIMIT]


class OptionIn(Arg):
    """The value that setsockopt(2) sets."""

    holds_bytes = True
    phase = "in"
    uses: tuple[str, ...] = ("level", "optname", "optlen")

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value:
            return None
        level, option, length = used
        if length < 0:
            return value
        try:
            return option_data(level, option, thread.memory.read(value, min(length, PAYLOAD_LIMIT)))
        except OSError:
            return value

    def text(self, data: Data) -> str:
        return hex(data) if isinstance(data, int) else strace_text(data)


class OptionOut(OptionIn):
    """The value that getsockopt(2) gives."""

    phase = "out"
    uses = ("level", "optname", "optlen", "result")

    def capture(self, thread: "Thread", value: int, *used: int) -> Data:
        if not value or used[3] < 0:
            return value or None
        try:
            length = thread.memory.u32(used[2])
        except OSError:
            return value
        return super().capture(thread, value, used[0], used[1], length)
