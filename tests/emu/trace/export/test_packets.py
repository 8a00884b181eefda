"""Packets: scapy itself would have built the same, checksums included, and reads them back from the file."""

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapNgReader

from emu.trace.export.packets import ACK, FIN, PSH, SYN, Address, Flow, Packet, PcapNg, tcp, udp

FOUR = Flow(Address(b"\x7f\0\0\1", 5000), Address(b"\x7f\0\0\2", 80))
SIX = Flow(Address(b"\0" * 15 + b"\1", 5000), Address(b"\x20\1" + b"\0" * 13 + b"\2", 80))
LAYERS = {FOUR: IP, SIX: IPv6}


def rebuilt(flow: Flow, data: bytes) -> bytes:
    """The packet as scapy builds it from the fields, with checksums and lengths of its own."""
    packet = LAYERS[flow](data)
    for layer in (IP, IPv6, TCP, UDP):
        if layer in packet:
            for name in ("chksum", "len", "plen"):
                if name in packet[layer].fields:
                    delattr(packet[layer], name)
    return bytes(packet)


@pytest.mark.parametrize("flow", [FOUR, SIX])
@pytest.mark.parametrize("payload", [b"", b"x", b"hello", bytes(range(256)) * 200, b"\xff" * 1000])
def test_whole_packets_are_as_scapy_builds_them(flow: Flow, payload: bytes) -> None:
    segment = tcp(flow, 1 << 40, 7, ACK | PSH, payload, len(payload), 70000)
    assert segment.size == len(segment.data)
    assert rebuilt(flow, segment.data) == segment.data
    datagram = udp(flow, payload, len(payload), 3)
    assert datagram.size == len(datagram.data)
    assert rebuilt(flow, datagram.data) == datagram.data


@pytest.mark.parametrize("flow", [FOUR, SIX])
def test_a_handshake_has_its_options(flow: Flow) -> None:
    segment = LAYERS[flow](tcp(flow, 5, 0, SYN).data)[TCP]
    assert (segment.sport, segment.dport, segment.seq, segment.flags) == (5000, 80, 5, "S")
    assert [name for name, _ in segment.options][:3] == ["MSS", "NOP", "WScale"]
    assert rebuilt(flow, tcp(flow, 5, 0, SYN).data) == tcp(flow, 5, 0, SYN).data


def test_a_cut_packet_says_how_long_it_was() -> None:
    segment = tcp(FOUR, 1, 1, ACK, b"abc", 1000)
    assert (len(segment.data), segment.size) == (43, 1040)
    assert IP(segment.data).len == 1040
    assert IP(segment.data)[TCP].chksum == 0
    assert udp(SIX, b"", 9).size == 40 + 8 + 9


def test_a_checksum_of_zero_is_not_left_out() -> None:
    """RFC 768: a computed checksum of 0 is sent as all ones."""
    payloads = (bytes([high, low]) for high in range(256) for low in range(256))
    sums = {udp(FOUR, payload, 2).data[26:28] for payload in payloads}
    assert b"\xff\xff" in sums
    assert b"\0\0" not in sums


def test_the_largest_packet_fits(tmp_path: Path) -> None:
    for flow in (FOUR, SIX):
        packet = tcp(flow, 1, 1, ACK, bytes(flow.room), flow.room)
        assert rebuilt(flow, packet.data) == packet.data


def test_the_file_is_read_by_others(tmp_path: Path) -> None:
    with open(tmp_path / "x.pcapng", "wb") as out:
        file = PcapNg(out, "emu")
        file.write(tcp(FOUR, 1, 1, ACK, b"hello", 5), 1_700_000_000_123_456_789, "a comment")
        file.write(Packet(b"\x45" + bytes(40), 5000), 1_700_000_001_000_000_001)
    first, second = PcapNgReader(str(tmp_path / "x.pcapng"))
    assert int(first.time * 10**9) == 1_700_000_000_123_456_789
    assert bytes(first[TCP].payload) == b"hello"
    assert first.comment == b"a comment"
    assert (second.wirelen, len(second)) == (5000, 41)


def test_nothing_is_said_and_nothing_left_in_the_home(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import emu.trace.export.packets"],
        env={"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == (b"", b"", [])


def test_both_directions_and_flags() -> None:
    back = FOUR.back
    assert (back.source, back.target) == (FOUR.target, FOUR.source)
    packet = IP(tcp(back, 9, 8, FIN | ACK).data)
    assert (packet.src, packet.dst, packet[TCP].flags) == ("127.0.0.2", "127.0.0.1", "FA")
    assert socket.inet_aton(packet.src) == back.source.host


def test_writing_to_a_stream_needs_no_file() -> None:
    out = io.BytesIO()
    PcapNg(out, "emu")
    assert out.getvalue()[:4] == b"\x0a\x0d\x0d\x0a"
    assert len(out.getvalue()) % 4 == 0
