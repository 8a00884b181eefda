"""Sockets to packets: each byte once, numbers without a gap, ends where the last descriptor is closed."""

from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from emu.trace.export.packets import Packet
from emu.trace.export.sockets import Sockets, address, sockaddr

SERVER, CLIENT = "TCP 127.0.0.1:80<-127.0.0.1:5000", "TCP 127.0.0.1:5000->127.0.0.1:80"


class Trace:
    """Makes records, one a millisecond, and collects what they become."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.times: list[int] = []
        self.sockets = Sockets(self._take)
        self.sequence = 0

    def _take(self, packet: Packet, time: int, comment: str) -> None:
        self.packets.append(packet)
        self.times.append(time)

    def call(self, name: str, text: str | None, key: int | None, result: int, **more: Any) -> None:
        args = {"fd": key, **more.pop("args", {})}
        record: dict[str, Any] = {
            "event": "syscall", "sequence": self.sequence, "time": self.sequence * 10**6, "duration": 1000,
            "blocked": 0, "pid": 1, "tid": 1, "number": 0, "name": name, "registers": [0, 0, 64, 0, 0, 0],
            "args": args, "fds": {"fd": text}, "objects": {"fd": key}, "result": result, "pc": 0, **more,
        }  # fmt: skip
        self.sequence += 1
        self.sockets.record(record)

    def send(self, text: str, key: int, data: str, **more: Any) -> None:
        self.call("write", text, key, len(data), args={"buf": data}, **more)

    def receive(self, text: str, key: int, data: str, **more: Any) -> None:
        self.call("read", text, key, len(data), args={"buf": data}, **more)

    def close(self, text: str, key: int, fd: int | None = None) -> None:
        self.call("close", text, key, 0, args={"fd": key if fd is None else fd})

    @property
    def shown(self) -> list[str]:
        """`5000>80 PA 5 hello`, a packet a line; numbers and acknowledgements are checked for gaps on the way."""
        lines = []
        following: dict[tuple[int, int], int] = {}
        for packet in self.packets:
            layer = (IP if packet.data[0] >> 4 == 4 else IPv6)(packet.data)
            segment = layer[TCP]
            flow, back = (segment.sport, segment.dport), (segment.dport, segment.sport)
            size = packet.size - len(packet.data) + len(segment.payload)
            if segment.flags == "S":
                following.pop(back, None)
            elif flow in following:
                assert segment.seq == following[flow]
            if segment.flags.A:
                assert segment.ack == following[back]
            following[flow] = segment.seq + size + bool(segment.flags.S or segment.flags.F)
            data = bytes(segment.payload).decode("latin-1")
            lines.append(f"{flow[0]}>{flow[1]} {segment.flags}{f' {size} {data}' if size else ''}")
        return lines


HANDSHAKE = ["5000>80 S", "80>5000 SA", "5000>80 A"]


def test_an_exchange_with_the_world() -> None:
    trace = Trace()
    trace.receive(SERVER, 7, "hello")
    trace.send(SERVER, 7, "hi")
    trace.receive(SERVER, 7, "")
    trace.close(SERVER, 7)
    assert trace.shown == [
        *HANDSHAKE, "5000>80 PA 5 hello", "80>5000 PA 2 hi", "5000>80 FA", "80>5000 A", "80>5000 FA", "5000>80 A",
    ]  # fmt: skip
    assert trace.times == sorted(trace.times)


def test_both_ends_in_the_guest_are_written_once() -> None:
    trace = Trace()
    trace.send(CLIENT, 1, "hello")
    trace.receive(SERVER, 2, "hel")
    trace.receive(SERVER, 2, "lo")
    trace.send(SERVER, 2, "hi")
    trace.receive(CLIENT, 1, "hi")
    trace.close(CLIENT, 1)
    trace.receive(SERVER, 2, "")
    trace.close(SERVER, 2)
    assert trace.shown == [
        *HANDSHAKE, "5000>80 PA 5 hello", "80>5000 PA 2 hi", "5000>80 FA", "80>5000 A", "80>5000 FA", "5000>80 A",
    ]  # fmt: skip


def test_what_was_received_before_its_sending_is_told() -> None:
    trace = Trace()
    trace.receive(SERVER, 2, "he")
    trace.send(CLIENT, 1, "hello")
    trace.receive(SERVER, 2, "llo")
    assert trace.shown == [*HANDSHAKE, "5000>80 PA 2 he", "5000>80 PA 3 llo"]


def test_a_socket_ends_with_its_last_descriptor() -> None:
    trace = Trace()
    trace.send(SERVER, 7, "a")
    trace.call("dup", SERVER, 7, 9, fds={"fd": SERVER, "result": SERVER}, objects={"fd": 7, "result": 7})
    trace.call("fcntl", SERVER, 7, 11, args={"cmd": "F_DUPFD_CLOEXEC"})
    trace.close(SERVER, 7)
    trace.close(SERVER, 7, 9)
    assert trace.shown[-1] == "80>5000 PA 1 a"
    trace.close(SERVER, 7, 11)
    assert trace.shown[-2:] == ["80>5000 FA", "5000>80 A"]


def test_shutdown_ends_one_direction() -> None:
    trace = Trace()
    trace.call("shutdown", SERVER, 7, 0, args={"how": "SHUT_RD"})
    trace.receive(SERVER, 7, "")
    assert trace.shown == HANDSHAKE, "the end that it read is its own doing"
    trace.call("shutdown", SERVER, 7, 0, args={"how": "SHUT_WR"})
    trace.close(SERVER, 7)
    assert trace.shown == [*HANDSHAKE, "80>5000 FA", "5000>80 A"]


def test_a_reset_ends_it() -> None:
    trace = Trace()
    trace.call("read", SERVER, 7, -104, error="ECONNRESET")
    trace.close(SERVER, 7)
    assert trace.shown == [*HANDSHAKE, "5000>80 RA"]


def test_the_end_of_the_process_ends_all() -> None:
    trace = Trace()
    trace.send(SERVER, 7, "a")
    trace.sockets.record({"event": "process_end", "time": 10**9, "pid": 1, "code": 0, "signal": None})
    assert trace.shown[-2:] == ["80>5000 FA", "5000>80 A"]


def test_ports_that_are_used_again_are_another_connection() -> None:
    trace = Trace()
    trace.send(SERVER, 7, "a")
    trace.close(SERVER, 7)
    trace.send(SERVER, 8, "b")
    assert trace.shown == [
        *HANDSHAKE,
        "80>5000 PA 1 a",
        "80>5000 FA",
        "5000>80 A",
        *HANDSHAKE,
        "80>5000 PA 1 b",
    ]


def test_connecting_takes_its_time() -> None:
    trace = Trace()
    trace.call("connect", "TCP", 1, -115, error="EINPROGRESS")
    trace.send(CLIENT, 1, "a")
    assert trace.times == [0, 1000, 1000, 1_001_000]


def test_what_is_peeked_at_is_not_received() -> None:
    trace = Trace()
    trace.call("recvfrom", SERVER, 7, 5, args={"buf": "hello", "flags": "MSG_PEEK"})
    trace.receive(SERVER, 7, "hello")
    assert trace.shown == [*HANDSHAKE, "5000>80 PA 5 hello"]


def test_a_cut_payload_keeps_its_length() -> None:
    trace = Trace()
    trace.call("write", SERVER, 7, 200_000, args={"buf": {"bytes": "ab", "size": 200_000}})
    trace.send(SERVER, 7, "x")
    assert trace.shown[3:] == [
        "80>5000 A 65495 ab", "80>5000 A 65495 ", "80>5000 A 65495 ", "80>5000 PA 3515 ", "80>5000 PA 1 x",
    ]  # fmt: skip
    assert trace.sockets.cut == 4


def test_much_in_one_direction_is_acknowledged() -> None:
    trace = Trace()
    for _ in range(20):
        trace.call("write", SERVER, 7, 1 << 17, args={"buf": ""})
    assert trace.shown.count("5000>80 A") == 1 + 2


def test_ipv6_and_ipv4_in_its_clothes() -> None:
    trace = Trace()
    trace.send("TCP [::1]:80<-[::1]:5000", 1, "six")
    assert trace.packets[3].data[0] >> 4 == 6
    trace.send("TCP [::ffff:127.0.0.1]:80<-[::ffff:127.0.0.1]:6000", 2, "four")
    trace.receive("TCP 127.0.0.1:6000->127.0.0.1:80", 3, "four")
    assert [packet.data[0] >> 4 for packet in trace.packets[4:]] == [4] * 4


def test_a_trace_of_an_old_version_has_no_objects() -> None:
    trace = Trace()
    trace.receive(SERVER, 7, "hello", objects={})
    trace.send(SERVER, 7, "hi", objects={})
    trace.receive(CLIENT, 7, "hi", objects={})
    assert trace.shown == [*HANDSHAKE, "5000>80 PA 5 hello", "80>5000 PA 2 hi"]


ANY = {"sa_family": "AF_INET", "sin_port": 53, "sin_addr": "127.0.0.1"}


def datagrams(trace: Trace) -> list[tuple[str, int, int, bytes]]:
    found = [(IP if packet.data[0] >> 4 == 4 else IPv6)(packet.data) for packet in trace.packets]
    return [(layer.src, layer[UDP].sport, layer[UDP].dport, bytes(layer[UDP].payload)) for layer in found]


def test_datagrams_both_ways() -> None:
    trace = Trace()
    trace.call("sendto", "UDP", 1, 2, args={"buf": "hi", "dest_addr": ANY})
    assert trace.packets == [], "its port is not known yet"
    trace.call("recvfrom", "UDP 0.0.0.0:4000", 1, 3, args={"buf": "you", "flags": "0", "src_addr": ANY})
    trace.send("UDP 127.0.0.1:4000->127.0.0.1:53", 1, "x")
    assert datagrams(trace) == [
        ("127.0.0.1", 4000, 53, b"hi"), ("127.0.0.1", 53, 4000, b"you"), ("127.0.0.1", 4000, 53, b"x"),
    ]  # fmt: skip
    assert trace.times == [1000, 1_001_000, 2_001_000]


def test_datagrams_inside_the_guest_are_written_once() -> None:
    trace = Trace()
    source = {**ANY, "sin_port": 4000}
    for _ in range(2):
        trace.call("sendto", "UDP 127.0.0.1:4000", 1, 2, args={"buf": "hi", "dest_addr": ANY})
    for _ in range(3):
        trace.call("recvfrom", "UDP 127.0.0.1:53", 2, 2, args={"buf": "hi", "flags": "0", "src_addr": source})
    assert len(datagrams(trace)) == 3, "two that it sent itself, and one from elsewhere"


def test_empty_datagrams_and_ipv6() -> None:
    trace = Trace()
    six = {"sa_family": "AF_INET6", "sin6_port": 53, "sin6_addr": "::1"}
    trace.call("sendto", "UDP [::]:4000", 1, 0, args={"buf": "", "dest_addr": six})
    assert datagrams(trace) == [("::1", 4000, 53, b"")]


def test_what_has_no_address_is_counted() -> None:
    trace = Trace()
    trace.send("TCP", 1, "x")
    trace.call("recvfrom", "UDP 127.0.0.1:4000", 2, 3, args={"buf": "you", "flags": "0", "src_addr": None})
    trace.call("sendto", "UDP", 3, 2, args={"buf": "hi", "dest_addr": ANY})
    trace.close("UDP", 3)
    trace.send("UNIX STREAM @x", 4, "x")
    trace.send("UNIX STREAM @x", 4, "x")
    assert trace.packets == []
    assert (trace.sockets.nowhere, trace.sockets.unix) == (3, 1)


def test_addresses_are_read_from_text_and_sockaddr() -> None:
    assert address("127.0.0.1:80") == (b"\x7f\0\0\1", 80)
    assert address("[::ffff:127.0.0.1]:80") == (b"\x7f\0\0\1", 80)
    assert address("[fe80::1%lo]:80") == (b"\xfe\x80" + bytes(13) + b"\1", 80)
    for wrong in (
        "",
        None,
        "x",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:70000",
        "127.0.0.1:-1",
        "a\0:1",
    ):
        assert address(wrong) is None
    assert sockaddr({"sa_family": "AF_UNIX", "sun_path": "/x"}) is None
    assert sockaddr(None) is None


def test_a_fork_server_closes_its_own_copy_and_the_child_ends_the_connection() -> None:
    trace = Trace()
    trace.call("accept4", None, None, 5, fds={"result": SERVER}, objects={"result": 2})
    trace.sockets.record({"event": "process_start", "time": 1, "pid": 2, "tid": 2, "parent": 1})
    trace.close(SERVER, 2, 5)
    trace.call("write", SERVER, 2, 5, args={"fd": 5, "buf": "hello"}, pid=2, tid=2)
    before = list(trace.shown)
    trace.sockets.record({"event": "process_end", "time": 5_000_000, "pid": 2, "code": 0, "signal": None})
    assert before[-1].endswith("hello")
    assert not any(" F" in line for line in before)
    assert any(" F" in line for line in trace.shown[len(before) :])
