"""The reach policy: which network addresses a guest may bind to and send to.

With "loopback" a guest lives on a host that has nothing but `lo`: any other local address is EADDRNOTAVAIL, any other
destination ENETUNREACH, binding to the any-address means loopback. Two things see to it. Names are judged here before
the host's kernel gets them; and every Internet socket is tied to `lo` (SO_BINDTODEVICE, which needs no privilege since
Linux 5.7), so that also an implicit bind to the any-address (listen or send on a fresh socket) takes nothing from
outside. Where the kernel refuses the tie, the any-address is replaced by the loopback address, and `Socket.name` keeps
what the guest has to see.
"""

import errno

from syscalls import kernel, numbers
from syscalls.flags.net import AddressFamily, SocketLevel, SocketOption
from syscalls.process import Thread

LOOPBACK = "loopback"
HOST = "host"
NONE = "none"

INTERNET = (AddressFamily.AF_INET, AddressFamily.AF_INET6)

_ANY4 = bytes(4)
_ANY6 = bytes(16)
_LOOPBACK4 = b"\x7f\0\0\1"
_LOOPBACK6 = bytes(15) + b"\1"
_MAPPED = bytes(10) + b"\xff\xff"
_LO_ADDRESS = b"lo\0"
_HINT = "(--net host lifts this)"


def name_family(name: bytes) -> int:
    """The address family of a sockaddr; -1 when it is too short to have one."""
    return int.from_bytes(name[:2], "little") if len(name) >= 2 else -1


def internet_address(name: bytes, family: int) -> bytes | None:
    """The 4 or 16 address bytes of a sockaddr as a socket of `family` reads it; None when it is none or too short.

    A sockaddr_in without a family (AF_UNSPEC) counts as AF_INET on an AF_INET socket: bind and sendto take it so.
    """
    own = name_family(name)
    if own == AddressFamily.AF_INET or (own == AddressFamily.AF_UNSPEC and family == AddressFamily.AF_INET):
        return name[4:8] if len(name) >= 16 else None
    if own == AddressFamily.AF_INET6:
        return name[8:24] if len(name) >= 24 else None
    return None


def is_any(address: bytes) -> bool:
    """0.0.0.0, :: or ::ffff:0.0.0.0."""
    return address in (_ANY4, _ANY6, _MAPPED + _ANY4)


def is_loopback(address: bytes) -> bool:
    """127.0.0.0/8, ::1, or the former mapped into IPv6."""
    if len(address) == 4:
        return address[0] == 127
    return address == _LOOPBACK6 or (address[:12] == _MAPPED and address[12] == 127)


def is_multicast(address: bytes) -> bool:
    """224.0.0.0/4 or ff00::/8."""
    return address[0] & 0xF0 == 0xE0 if len(address) == 4 else address[0] == 0xFF


def show(name: bytes, family: int) -> str:
    """ADDRESS:PORT of a sockaddr that has an Internet address."""
    address = internet_address(name, family)
    return f"{address_text(address or b'')}:{int.from_bytes(name[2:4], 'big')}"


def address_text(address: bytes) -> str:
    """An Internet address in the usual notation (RFC 5952 for IPv6, there in brackets)."""
    if len(address) == 4:
        return ".".join(map(str, address))
    if len(address) != 16:
        return "?"
    if address[:12] == _MAPPED:
        return "[::ffff:" + ".".join(map(str, address[12:])) + "]"
    groups = [int.from_bytes(address[at : at + 2], "big") for at in range(0, 16, 2)]
    start, length = 0, 0
    at = 0
    while at < 8:  # the longest run of zero groups, the first of equals
        end = at
        while end < 8 and not groups[end]:
            end += 1
        if end - at > length:
            start, length = at, end - at
        at = end + 1
    if length < 2:
        return "[" + ":".join(f"{group:x}" for group in groups) + "]"
    head = ":".join(f"{group:x}" for group in groups[:start])
    tail = ":".join(f"{group:x}" for group in groups[start + length :])
    return f"[{head}::{tail}]"


def tie_to_loopback(host_fd: int, thread: Thread) -> bool:
    """Restricts an Internet socket to the device `lo`; False when the host's kernel does not let us."""
    scratch = thread.process.scratch
    return (
        kernel.call5(
            numbers.setsockopt,
            host_fd,
            SocketLevel.SOL_SOCKET,
            SocketOption.SO_BINDTODEVICE,
            scratch.put_name(_LO_ADDRESS),
            len(_LO_ADDRESS),
        )
        == 0
    )


def local_name(thread: Thread, name: bytes, family: int, tied: bool) -> bytes:
    """The name to bind on the host for the name that the guest asks for; raises EADDRNOTAVAIL, EACCES."""
    reach = thread.process.network.reach
    if reach == HOST:
        return name
    address = internet_address(name, family)
    if address is None or (name_family(name) == AddressFamily.AF_UNSPEC and not is_any(address)):
        return name  # the kernel has its own words for it
    if reach == NONE:
        thread.bench.note_once("net.none", f"bind to {show(name, family)}: the network is closed {_HINT}")
        raise OSError(errno.EACCES if is_any(address) else errno.EADDRNOTAVAIL, "the network is closed")
    if is_any(address):
        thread.bench.note_once(
            "net.bind", f"bind to {show(name, family)} is reachable from this machine only {_HINT}"
        )
        return name if tied else narrowed(name, address)
    if not is_loopback(address) and not is_multicast(address):
        thread.bench.note_once(
            "net.local", f"bind to {show(name, family)}: a guest has only loopback addresses {_HINT}"
        )
        raise OSError(errno.EADDRNOTAVAIL, "not a loopback address")
    return name


def narrowed(name: bytes, address: bytes) -> bytes:
    """`name` with its any-address replaced by loopback."""
    if len(address) == 4:
        return name[:4] + _LOOPBACK4 + name[8:]
    return name[:8] + (_MAPPED + _LOOPBACK4 if address[:12] == _MAPPED else _LOOPBACK6) + name[24:]


def may_reach(thread: Thread, name: bytes, family: int) -> bool:
    """Whether the guest may send to `name`; what is no Internet address is left to the kernel. Notes a refusal."""
    reach = thread.process.network.reach
    if reach == HOST:
        return True
    address = internet_address(name, family)
    if address is None:
        return True
    if reach == LOOPBACK and (is_loopback(address) or is_any(address)):
        return True
    closed = "the network is closed" if reach == NONE else "only loopback can be reached"
    thread.bench.note_once(f"net.{closed}", f"{show(name, family)}: {closed} {_HINT}")
    return False
