"""setsockopt and getsockopt: which options a guest may use, and those whose values need translation."""

import errno
import os
import struct
from typing import Annotated

from syscalls import kernel, network, numbers, unix_names
from syscalls.args import Fd, Flags, Int, Result
from syscalls.calls.sockets import peer_name
from syscalls.fds import Descriptor
from syscalls.flags.net import IpOption, Ipv6Option, SocketLevel, SocketOption, TcpOption
from syscalls.passing import own_credentials
from syscalls.process import Thread
from syscalls.scratch import WORK
from syscalls.socket_options import (
    GETTABLE,
    LOOPBACK_INTERFACE,
    MEMBERSHIPS,
    PRIVILEGED,
    SETTABLE,
    interface_of,
)
from syscalls.sockets import Socket, host_option, is_internet, is_unix, lookup
from syscalls.streams import host_address
from syscalls.table import syscall
from syscalls.timespecs import SECOND
from syscalls.types_net import SockLenInOut
from syscalls.types_options import OptionIn, OptionName, OptionOut

Level = Annotated[int, Flags(SocketLevel)]
Option = Annotated[int, OptionName()]

_RECEIVE_TIMEOUTS = (SocketOption.SO_RCVTIMEO, SocketOption.SO_RCVTIMEO_NEW)
_SEND_TIMEOUTS = (SocketOption.SO_SNDTIMEO, SocketOption.SO_SNDTIMEO_NEW)
_FILTERS = (SocketOption.SO_ATTACH_FILTER, SocketOption.SO_ATTACH_REUSEPORT_CBPF)
_PROGRAMS = (SocketOption.SO_ATTACH_BPF, SocketOption.SO_ATTACH_REUSEPORT_EBPF)
_DEVICES = (SocketOption.SO_BINDTODEVICE, SocketOption.SO_BINDTOIFINDEX)
_SENDING_INTERFACES = (
    (SocketLevel.SOL_IP, IpOption.IP_MULTICAST_IF),
    (SocketLevel.SOL_IP, IpOption.IP_UNICAST_IF),
    (SocketLevel.SOL_IPV6, Ipv6Option.IPV6_MULTICAST_IF),
    (SocketLevel.SOL_IPV6, Ipv6Option.IPV6_UNICAST_IF),
)
_UNKNOWN = 0x7FFF0000
"""Stands for an option that may not reach the host's kernel, so that its answer is that to one it has never heard of."""

_LONGEST_VALUE = 1 << 16
_FILTER_SIZE = 8  # sizeof(struct sock_filter)
_LONGEST_FILTER = 4096  # BPF_MAXINSNS


@syscall
def setsockopt(
    thread: Thread,
    fd: Fd,
    level: Level,
    optname: Option,
    optval: Annotated[int, OptionIn()],
    optlen: Int,
) -> Result:
    """setsockopt(2): the documented options of socket(7), ip(7), ipv6(7), tcp(7), udp(7) and unix(7).

    Those that need privilege are EPERM; with the network at "loopback" interfaces other than `lo` do not exist.
    """
    entry, sock = lookup(thread, fd)
    if optlen < 0:
        return -errno.EINVAL
    if (level, optname) in PRIVILEGED:
        return -errno.EPERM
    if level == SocketLevel.SOL_SOCKET:
        result = _set_own(thread, entry, sock, optname, optval, optlen)
        if result is not None:
            return result
    elif is_internet(sock):
        _check_internet(thread, sock, level, optname, optval, optlen)
    if not _known(SETTABLE, level, optname):
        optname = _UNKNOWN
    return _set(thread, entry, level, optname, optval, optlen)


def _known(options: dict[int, frozenset[int]], level: int, option: int) -> bool:
    """Whether the option may reach the host's kernel."""
    known = options.get(level)
    return known is not None and option in known


def _set(thread: Thread, entry: Descriptor, level: int, option: int, address: int, length: int) -> int:
    return kernel.call5(
        numbers.setsockopt,
        entry.host,
        level & 0xFFFFFFFF,
        option & 0xFFFFFFFF,
        host_address(thread, address) if address else 0,
        min(length, _LONGEST_VALUE),
    )


def _set_own(
    thread: Thread, entry: Descriptor, sock: Socket, option: int, address: int, length: int
) -> int | None:
    """The options of SOL_SOCKET that are more than a value for the host; None for all others."""
    if option in _FILTERS:
        return _attach_filter(thread, entry, option, address, length)
    if option in _PROGRAMS:
        if length != 4:
            return -errno.EINVAL
        thread.fds.get(thread.memory.u32(address))
        return -errno.EINVAL  # it is a descriptor, but of no BPF program
    if option in _DEVICES and thread.process.network.reach != network.HOST:
        return _bind_to_device(thread, option, address, length)
    if option == SocketOption.SO_PRIORITY and length >= 4:
        if thread.memory.u32(address) > 6:
            return -errno.EPERM
    elif option in _RECEIVE_TIMEOUTS or option in _SEND_TIMEOUTS:
        result = _set(thread, entry, SocketLevel.SOL_SOCKET, option, address, length)
        if result == 0:
            limit = _time_limit(thread.memory.read(address, 16))
            if option in _RECEIVE_TIMEOUTS:
                sock.receive_timeout = limit
            else:
                sock.send_timeout = limit
        return result
    elif option == SocketOption.SO_RCVLOWAT:
        result = _set(thread, entry, SocketLevel.SOL_SOCKET, option, address, length)
        if result == 0:
            entry.description.low_water = host_option(thread, entry.host, option)
        return result
    elif option == SocketOption.SO_PASSCRED:
        result = _set(thread, entry, SocketLevel.SOL_SOCKET, option, address, length)
        if result == 0:
            sock.passes_credentials = thread.memory.u32(address) != 0
        return result
    return None


def _time_limit(value: bytes) -> int | None:
    """What a timeval of SO_RCVTIMEO means (sock_set_timeout in net/core/sock.c): ns, None for ever, 0 not at all."""
    seconds, microseconds = struct.unpack("<qq", value)
    if seconds < 0:
        return 0
    if not seconds and not microseconds:
        return None
    length = seconds * SECOND + microseconds * 1000
    return None if length >> 62 else int(length)


def _attach_filter(thread: Thread, entry: Descriptor, option: int, address: int, length: int) -> int:
    """A struct sock_fprog points to its instructions: both are copied out of the guest."""
    memory = thread.memory
    if length != 16:
        return -errno.EINVAL
    count, start = struct.unpack("<H6xQ", memory.read(address, 16))
    if not count or count > _LONGEST_FILTER or not start:
        return -errno.EINVAL
    memory.read(start, count * _FILTER_SIZE)  # EFAULT
    scratch = thread.process.scratch
    scratch.view[WORK : WORK + 16] = struct.pack("<H6xQ", count, memory.host(start))
    return kernel.call5(
        numbers.setsockopt, entry.host, SocketLevel.SOL_SOCKET, option, scratch.address + WORK, 16
    )


def _bind_to_device(thread: Thread, option: int, address: int, length: int) -> int:
    """A guest has one device, `lo`, to which its sockets are tied already."""
    if option == SocketOption.SO_BINDTODEVICE:
        name = thread.memory.read(address, min(length, 15)).partition(b"\0")[0]
        return 0 if name in (b"", b"lo") else -errno.ENODEV
    if length < 4:
        return -errno.EINVAL
    return 0 if thread.memory.u32(address) in (0, LOOPBACK_INTERFACE) else -errno.ENODEV


def _check_internet(thread: Thread, sock: Socket, level: int, option: int, address: int, length: int) -> None:
    """Raises for options that would lead out of the guest's network or load the kernel's modules."""
    memory = thread.memory
    if level == SocketLevel.SOL_TCP and option == TcpOption.TCP_CONGESTION and length > 0:
        name = memory.read(address, min(length, 15)).partition(b"\0")[0].decode("latin-1")
        if name not in _congestion_controls("allowed"):
            raise OSError(errno.EPERM if name in _congestion_controls("available") else errno.ENOENT, name)
    if level == SocketLevel.SOL_TCP and option == TcpOption.TCP_ULP:
        raise OSError(errno.ENOENT, "no upper layer protocols here")
    if thread.process.network.reach == network.HOST:
        return
    if level == SocketLevel.SOL_IP and option == IpOption.IP_OPTIONS and length > 0:
        raise OSError(errno.EPERM, "source routes lead out of the guest's network")
    if (level, option) in MEMBERSHIPS or (level, option) in _SENDING_INTERFACES:
        if not 0 < length <= 1024:
            return
        interface = interface_of(level, option, memory.read(address, length))
        if interface == LOOPBACK_INTERFACE or (interface == 0 and (level, option) in _SENDING_INTERFACES):
            return
        raise OSError(
            errno.ENODEV if (level, option) in MEMBERSHIPS else errno.EADDRNOTAVAIL, "no such interface"
        )


def _congestion_controls(which: str) -> list[str]:
    try:
        with open(f"/proc/sys/net/ipv4/tcp_{which}_congestion_control", encoding="ascii") as names:
            return names.read().split()
    except OSError:
        return ["reno", "cubic"]


@syscall
def getsockopt(
    thread: Thread,
    fd: Fd,
    level: Level,
    optname: Option,
    optval: Annotated[int, OptionOut()],
    optlen: Annotated[int, SockLenInOut()],
) -> Result:
    """getsockopt(2)."""
    entry, sock = lookup(thread, fd)
    memory = thread.memory
    if level == SocketLevel.SOL_SOCKET:
        value = _own_value(thread, entry, sock, optname, memory, optlen)
        if value is not None:
            room = memory.u32(optlen)
            if room > 0x7FFFFFFF:
                return -errno.EINVAL
            if optname == SocketOption.SO_PEERNAME and len(value) < room:
                room = len(value)
            memory.write(optval, value[:room])
            memory.put_u32(optlen, min(room, len(value)))
            return 0
    if not _known(GETTABLE, level, optname):
        optname = _UNKNOWN
    result = kernel.call5(
        numbers.getsockopt,
        entry.host,
        level & 0xFFFFFFFF,
        optname & 0xFFFFFFFF,
        host_address(thread, optval) if optval else 0,
        host_address(thread, optlen) if optlen else 0,
    )
    if result == 0:
        memory.wrote(optval, min(memory.u32(optlen), _LONGEST_VALUE))
    return result


def _own_value(
    thread: Thread, entry: Descriptor, sock: Socket, option: int, memory: object, optlen: int
) -> bytes | None:
    """The options of SOL_SOCKET whose value the host does not know or must not tell; None for all others."""
    if option in _DEVICES and thread.process.network.reach != network.HOST:
        return b"" if option == SocketOption.SO_BINDTODEVICE else bytes(4)
    if option == SocketOption.SO_PEERCRED:
        return _peer_credentials(thread, entry)
    if option == SocketOption.SO_PEERGROUPS and is_unix(sock):
        pid, uid, _ = struct.unpack("<iII", _peer_credentials(thread, entry))
        if not pid and uid == 0xFFFFFFFF:
            raise OSError(errno.ENODATA, "no peer")
        return b""
    if option == SocketOption.SO_PEERNAME and is_unix(sock):
        name = peer_name(thread, entry)
        if name is None:
            raise OSError(errno.ENOTCONN, "no peer")
        return unix_names.names_of(thread).to_guest(name)
    return None


def _peer_credentials(thread: Thread, entry: Descriptor) -> bytes:
    scratch = thread.process.scratch
    scratch.words[WORK // 4] = 12
    result = kernel.call5(
        numbers.getsockopt,
        entry.host,
        SocketLevel.SOL_SOCKET,
        SocketOption.SO_PEERCRED,
        scratch.address + WORK + 16,
        scratch.address + WORK,
    )
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return own_credentials(thread, bytes(scratch.view[WORK + 16 : WORK + 28]))
