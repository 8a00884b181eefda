"""Packets: IP, TCP and UDP headers from scapy's layers, filled in quickly; and a pcapng file of them.

Scapy takes 300 us to build a packet, and does it here once for each pair of addresses; the fields that differ from packet
to packet are put into that (RFC 791, 8200, 9293, 768).
"""

import importlib
import logging
import os
import socket
import struct
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

WINDOW_SCALE = 7
"""Windows are 8 MiB: nothing in a trace says how large they were, and none is to look full."""

LINKTYPE_RAW = 101
"""Packets begin with their IP header (https://www.tcpdump.org/linktypes.html)."""

_IPV4_SIZE, _IPV6_SIZE, _TCP_SIZE, _UDP_SIZE = 20, 40, 20, 8


_HOMES = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")


def _scapy(name: str) -> Any:
    """A module of scapy's, loaded without a word on stderr and without the folders it makes in the user's home."""
    logging.getLogger("scapy").setLevel(logging.ERROR)
    before = {name: os.environ[name] for name in _HOMES if name in os.environ}
    os.environ |= dict.fromkeys(_HOMES, os.devnull)
    try:
        return importlib.import_module(name)
    finally:
        for home in _HOMES:
            del os.environ[home]
        os.environ |= before


_inet = _scapy("scapy.layers.inet")
_inet6 = _scapy("scapy.layers.inet6")
_utils = _scapy("scapy.utils")
checksum = _utils.checksum
"""The Internet checksum of RFC 1071."""


class Address(NamedTuple):
    """One end: an IP address of 4 or 16 bytes, and a port."""

    host: bytes
    port: int


class Flow(NamedTuple):
    """One direction. Both ends are of one family."""

    source: Address
    target: Address

    @property
    def back(self) -> "Flow":
        """The other direction."""
        return Flow(self.target, self.source)

    @property
    def room(self) -> int:
        """The most bytes of TCP payload that a packet carries."""
        return 65535 - _TCP_SIZE - (_IPV4_SIZE if len(self.source.host) == 4 else 0)


@lru_cache(4096)
def _ip_header(source: bytes, target: bytes, protocol: int) -> bytes:
    """The header of every packet from here to there; length, number and checksum are 0."""
    if len(source) == 4:
        layer = _inet.IP(
            ihl=5, flags="DF", id=0, len=0, chksum=0, proto=protocol, src=_text(source), dst=_text(target)
        )
    else:
        layer = _inet6.IPv6(plen=0, nh=protocol, src=_text(source), dst=_text(target))
    return bytes(layer)


def _text(host: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(host) == 4 else socket.AF_INET6, host)


def _ip(flow: Flow, protocol: int, carried: bytes, size: int, number: int) -> bytes:
    """The packet; `size` is how many bytes it carries, of which fewer may be here."""
    header = bytearray(_ip_header(flow.source.host, flow.target.host, protocol))
    if len(header) == _IPV4_SIZE:
        struct.pack_into("!HH", header, 2, _IPV4_SIZE + size, number & 0xFFFF)
        struct.pack_into("!H", header, 10, checksum(bytes(header)))
    else:
        struct.pack_into("!H", header, 4, size)
    return bytes(header) + carried


def _pseudo_header(flow: Flow, protocol: int, size: int) -> bytes:
    if len(flow.source.host) == 4:
        return flow.source.host + flow.target.host + struct.pack("!HH", protocol, size)
    return flow.source.host + flow.target.host + struct.pack("!II", size, protocol)


class Packet(NamedTuple):
    """What is in the file of a packet, and how long the whole would be."""

    data: bytes
    size: int


def tcp(
    flow: Flow,
    sequence: int,
    acknowledged: int,
    flags: int,
    payload: bytes = b"",
    size: int = 0,
    number: int = 0,
) -> Packet:
    """A segment with `size` bytes of payload. Where fewer are given, the packet is cut, and its checksum is 0."""
    options = b""
    if flags & SYN:
        options = struct.pack("!BBHBBBB", 2, 4, flow.room, 1, 3, 3, WINDOW_SCALE)
    length = _TCP_SIZE + len(options)
    header = bytearray(
        struct.pack(
            "!HHIIHHHH",
            flow.source.port,
            flow.target.port,
            sequence & 0xFFFFFFFF,
            acknowledged & 0xFFFFFFFF,
            length // 4 << 12 | flags,
            65535,
            0,
            0,
        )
        + options
    )
    if len(payload) == size:
        summed = _pseudo_header(flow, socket.IPPROTO_TCP, length + size) + bytes(header) + payload
        struct.pack_into("!H", header, 16, checksum(summed))
    data = _ip(flow, socket.IPPROTO_TCP, bytes(header) + payload, length + size, number)
    return Packet(data, len(data) - len(payload) + size)


def udp(flow: Flow, payload: bytes, size: int, number: int = 0) -> Packet:
    """A datagram with `size` bytes of payload. Where fewer are given, the packet is cut, and its checksum is 0."""
    length = _UDP_SIZE + size
    header = struct.pack("!HHHH", flow.source.port, flow.target.port, length & 0xFFFF, 0)
    if len(payload) == size:
        found = checksum(_pseudo_header(flow, socket.IPPROTO_UDP, length) + header + payload)
        header = header[:6] + struct.pack("!H", found or 0xFFFF)
    data = _ip(flow, socket.IPPROTO_UDP, header + payload, length & 0xFFFF, number)
    return Packet(data, len(data) - len(payload) + size)


class PcapNg:
    """A pcapng file (draft-ietf-opsawg-pcapng) of raw IP packets, with times in nanoseconds."""

    def __init__(self, out: BinaryIO, program: str) -> None:
        self._out = out
        section = _option(4, program.encode())  # shb_userappl
        out.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1), section))
        interface = _option(2, b"guest") + _option(9, b"\x09")  # if_name, if_tsresol: 10 ** -9
        out.write(_block(1, struct.pack("<HHI", LINKTYPE_RAW, 0, 0), interface))

    def write(self, packet: Packet, time: int, comment: str = "") -> None:
        """Adds a packet; `time` is in nanoseconds since the epoch."""
        data = packet.data
        head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(data), packet.size)
        options = _option(1, comment.encode("utf-8", "backslashreplace")) if comment else b""
        self._out.write(_block(6, head + data + b"\0" * (-len(data) % 4), options))


def _block(kind: int, body: bytes, options: bytes) -> bytes:
    if options:
        options += _option(0, b"")
    size = struct.pack("<I", 12 + len(body) + len(options))
    return struct.pack("<I", kind) + size + body + options + size


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)
