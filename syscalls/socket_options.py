"""Which socket options may reach the host's kernel: the documented ones that hold no pointer and need no privilege."""

from syscalls.flags.net import (
    IpOption,
    Ipv6Option,
    SocketLevel,
    SocketOption,
    TcpOption,
    UdpOption,
)

LOOPBACK_INTERFACE = 1
"""The index of `lo`, the first device of every network namespace."""


_ANOTHER = -1


def _values(owner: type, *left_out: int) -> frozenset[int]:
    return frozenset(
        value for name, value in vars(owner).items() if type(value) is int and value not in left_out
    )


PRIVILEGED = frozenset(
    {
        (SocketLevel.SOL_SOCKET, option)
        for option in (SocketOption.SO_SNDBUFFORCE, SocketOption.SO_RCVBUFFORCE)
    }
    | {(SocketLevel.SOL_SOCKET, option) for option in (SocketOption.SO_MARK, SocketOption.SO_RCVMARK)}
    | {(SocketLevel.SOL_SOCKET, SocketOption.SO_RESERVE_MEM)}
    | {(SocketLevel.SOL_IP, option) for option in (IpOption.IP_TRANSPARENT, IpOption.IP_IPSEC_POLICY)}
    | {(SocketLevel.SOL_IP, IpOption.IP_XFRM_POLICY)}
    | {(SocketLevel.SOL_IPV6, option) for option in (Ipv6Option.IPV6_HOPOPTS, Ipv6Option.IPV6_RTHDRDSTOPTS)}
    | {(SocketLevel.SOL_IPV6, option) for option in (Ipv6Option.IPV6_RTHDR, Ipv6Option.IPV6_DSTOPTS)}
    | {
        (SocketLevel.SOL_IPV6, option)
        for option in (Ipv6Option.IPV6_TRANSPARENT, Ipv6Option.IPV6_XFRM_POLICY)
    }
    | {(SocketLevel.SOL_IPV6, Ipv6Option.IPV6_IPSEC_POLICY)}
    | {(SocketLevel.SOL_TCP, TcpOption.TCP_REPAIR)}
)
"""(level, option) that an unprivileged process gets EPERM for."""

_SOCKET = _values(
    SocketOption,
    SocketOption.SO_DEBUG,
    SocketOption.SO_PASSPIDFD,  # both would make descriptors in the bench
    SocketOption.SO_PEERPIDFD,
    SocketOption.SO_ATTACH_BPF,
    SocketOption.SO_ATTACH_REUSEPORT_EBPF,
)
_IP = _values(
    IpOption,
    IpOption.IP_HDRINCL,
    IpOption.IP_ROUTER_ALERT,
    IpOption.IP_NODEFRAG,
    IpOption.IP_CHECKSUM,
)
_IPV6 = _values(
    Ipv6Option,
    Ipv6Option.IPV6_HDRINCL,
    Ipv6Option.IPV6_CHECKSUM,
    Ipv6Option.IPV6_ROUTER_ALERT,
    Ipv6Option.IPV6_ROUTER_ALERT_ISOLATE,
    Ipv6Option.IPV6_2292PKTOPTIONS,
    Ipv6Option.IPV6_FLOWLABEL_MGR,
    Ipv6Option.IPV6_JOIN_ANYCAST,
    Ipv6Option.IPV6_LEAVE_ANYCAST,
)
_TCP = _values(
    TcpOption,
    TcpOption.TCP_MD5SIG,
    TcpOption.TCP_MD5SIG_EXT,
    TcpOption.TCP_ZEROCOPY_RECEIVE,  # maps pages at an address of its value: the bench's, not the guest's
    TcpOption.TCP_REPAIR_QUEUE,
    TcpOption.TCP_QUEUE_SEQ,
    TcpOption.TCP_REPAIR_OPTIONS,
    TcpOption.TCP_REPAIR_WINDOW,
)
_UDP = _values(UdpOption, UdpOption.UDP_ENCAP)

_ROUTING = frozenset(range(200, 213))
"""Multicast routing (MRT_BASE): for raw sockets, which no guest has; the kernel says so."""

SETTABLE: dict[int, frozenset[int]] = {
    SocketLevel.SOL_SOCKET: _SOCKET | {SocketOption.SO_DEBUG},
    SocketLevel.SOL_IP: _IP | _ROUTING,
    SocketLevel.SOL_IPV6: _IPV6 | _ROUTING,
    SocketLevel.SOL_TCP: _TCP,
    SocketLevel.SOL_UDP: _UDP,
    SocketLevel.SOL_UDPLITE: frozenset(range(128)),
}
"""Level to the options that setsockopt passes on. All others answer ENOPROTOOPT, as unknown ones do on Linux."""

GETTABLE: dict[int, frozenset[int]] = {
    SocketLevel.SOL_SOCKET: _SOCKET | {SocketOption.SO_DEBUG},
    SocketLevel.SOL_IP: _IP | _ROUTING | {IpOption.IP_HDRINCL},
    SocketLevel.SOL_IPV6: _IPV6 | _ROUTING | {Ipv6Option.IPV6_CHECKSUM},
    SocketLevel.SOL_TCP: _TCP | {TcpOption.TCP_REPAIR},
    SocketLevel.SOL_UDP: _UDP,
    SocketLevel.SOL_UDPLITE: frozenset(range(128)),
}
"""The same for getsockopt."""

_BY_ADDRESS = (
    IpOption.IP_ADD_MEMBERSHIP,
    IpOption.IP_DROP_MEMBERSHIP,
    IpOption.IP_MULTICAST_IF,
)
_BY_SECOND_ADDRESS = (
    IpOption.IP_ADD_SOURCE_MEMBERSHIP,
    IpOption.IP_DROP_SOURCE_MEMBERSHIP,
    IpOption.IP_BLOCK_SOURCE,
    IpOption.IP_UNBLOCK_SOURCE,
    IpOption.IP_MSFILTER,
)
_BY_INDEX = tuple(range(IpOption.MCAST_JOIN_GROUP, IpOption.MCAST_MSFILTER + 1))

MEMBERSHIPS = frozenset(
    {(SocketLevel.SOL_IP, option) for option in (*_BY_ADDRESS[:2], *_BY_SECOND_ADDRESS, *_BY_INDEX)}
    | {(SocketLevel.SOL_IPV6, option) for option in _BY_INDEX}
    | {
        (SocketLevel.SOL_IPV6, option)
        for option in (Ipv6Option.IPV6_ADD_MEMBERSHIP, Ipv6Option.IPV6_DROP_MEMBERSHIP)
    }
)
"""(level, option) that join or change multicast groups on an interface."""


def interface_of(level: int, option: int, value: bytes) -> int:
    """The interface index that a multicast option names; an address of 127.0.0.0/8 is `lo`. 0: left to the kernel."""
    if level == SocketLevel.SOL_IP and option not in _BY_INDEX and option != IpOption.IP_UNICAST_IF:
        return _by_address(option, value)
    if (level, option) in (
        (SocketLevel.SOL_IP, IpOption.IP_UNICAST_IF),
        (SocketLevel.SOL_IPV6, Ipv6Option.IPV6_UNICAST_IF),
    ):
        return int.from_bytes(value[:4], "big")
    at = 16 if option in (Ipv6Option.IPV6_ADD_MEMBERSHIP, Ipv6Option.IPV6_DROP_MEMBERSHIP) else 0
    return int.from_bytes(value[at : at + 4], "little")


def _by_address(option: int, value: bytes) -> int:
    if option == IpOption.IP_MULTICAST_IF and len(value) < 8:  # a struct in_addr: the interface's address
        address, index = value[:4], 0
    elif option in _BY_SECOND_ADDRESS:  # ip_mreq_source, ip_msfilter: the second word
        address, index = value[4:8], 0
    else:  # ip_mreq or ip_mreqn
        address = value[4:8]
        index = int.from_bytes(value[8:12], "little") if len(value) >= 12 else 0
    if index:
        return index
    if address[:1] == b"\x7f":
        return LOOPBACK_INTERFACE
    return _ANOTHER if any(address) else 0
