"""RFC 6455 as a client sees it: the `websockets` library, and raw frames in every disorder."""

import os
import socket
import struct
import time
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", fin: bool = True, mask: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    """A client's frame."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += b"\xfe" + struct.pack(">H", len(payload))
    else:
        head += b"\xff" + struct.pack(">Q", len(payload))
    return head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(payload))


class Raw:
    """A WebSocket of which each byte is ours."""

    def __init__(self, client: socket.socket, path: bytes = b"/ws", extra: bytes = b"") -> None:
        self.client = client
        client.sendall(UPGRADE % path + extra)
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            self.data += client.recv(4096)
        self.head, _, self.data = self.data.partition(b"\r\n\r\n")

    def take(self, size: int) -> bytes:
        while len(self.data) < size:
            piece = self.client.recv(65536)
            if not piece:
                raise EOFError(self.data)
            self.data += piece
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def frame(self) -> tuple[int, bool, bytes]:
        """The next frame of the server: opcode, FIN, payload."""
        first, second = self.take(2)
        assert second < 128, "a server does not mask"
        size = second
        if second == 126:
            (size,) = struct.unpack(">H", self.take(2))
        elif second == 127:
            (size,) = struct.unpack(">Q", self.take(8))
        return first & 15, first >= 128, self.take(size)

    def closed_with(self) -> int:
        """The code of the close frame that comes next, the last thing before the end of the stream."""
        opcode, fin, payload = self.frame()
        assert (opcode, fin) == (CLOSE, True)
        assert self.client.recv(1) == b""
        return struct.unpack(">H", payload[:2])[0] if payload else 1005


@pytest.fixture
def raw(server) -> Raw:
    client = server.connect()
    yield Raw(client)
    client.close()
    assert server.alive()


def open_socket(server, path: str = "/ws") -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}{path}", compression=None, max_size=None, proxy=None)


def test_the_library_gets_its_messages_back(server) -> None:
    with open_socket(server) as socket_:
        for message in ["", "hello", "grüße \U0001f600", b"", b"\0\xff", "x" * 125, "y" * 126, b"z" * 65535]:
            socket_.send(message)
            assert socket_.recv() == message
        assert socket_.ping().wait(5)
    assert socket_.close_code == 1000


def test_large_messages(server) -> None:
    with open_socket(server) as socket_:
        for size in (65536, 300_001, 1 << 20):
            message = os.urandom(size)
            socket_.send(message)
            assert socket_.recv() == message


def test_only_the_terminal_says_welcome(server) -> None:
    with open_socket(server, "/term") as socket_:
        assert "elcome" in socket_.recv()
        socket_.send("x")
        assert socket_.recv() == "x"
    with open_socket(server, "/ws") as socket_:
        socket_.send("x")
        assert socket_.recv() == "x"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"Version: 13", b"Version: 12"), 426),
        ((b"Upgrade: websocket\r\n", b""), 426),
        ((b"Connection: Upgrade", b"Connection: keep-alive"), 426),
        ((b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400),
        ((b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""), 400),
        ((b"/ws", b"/nowhere"), 404),
        ((b"GET", b"POST"), 405),
    ],
)
def test_handshakes_that_fail(server, change: tuple[bytes, bytes], status: int) -> None:
    with server.connect() as client:
        client.sendall((UPGRADE % b"/ws").replace(*change))
        reply = client.recv(4096)
    assert reply.startswith(b"HTTP/1.1 %d " % status)
    assert (b"Sec-WebSocket-Version: 13\r\n" in reply) == (status == 426)


def test_the_library_is_refused_where_there_is_no_socket(server) -> None:
    with pytest.raises(InvalidStatus) as caught, open_socket(server, "/healthz-"):
        pass
    assert caught.value.response.status_code == 404


def test_the_handshake_is_that_of_the_rfc(raw: Raw) -> None:
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in raw.head
    assert raw.data == b""


def test_frames_in_the_same_packet_as_the_handshake(server) -> None:
    with server.connect() as client:
        raw = Raw(client, extra=frame(TEXT, b"early") + frame(BINARY, b"bird"))
        assert raw.frame() == (TEXT, True, b"early")
        assert raw.frame() == (BINARY, True, b"bird")


def test_bytes_one_at_a_time(raw: Raw) -> None:
    raw.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in frame(TEXT, b"slowly") + frame(PING, b"?") + frame(BINARY, b"x" * 130):
        raw.client.send(bytes([byte]))
    assert raw.frame() == (TEXT, True, b"slowly")
    assert raw.frame() == (PONG, True, b"?")
    assert raw.frame() == (BINARY, True, b"x" * 130)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 2048, 65535, 65536, 65537, 200_000])
def test_every_length_form(raw: Raw, size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    raw.client.sendall(frame(BINARY, payload))
    assert raw.frame() == (BINARY, True, payload)


def test_fragments_with_control_frames_between_them(raw: Raw) -> None:
    raw.client.sendall(
        frame(TEXT, b"one ", fin=False)
        + frame(PING, b"a")
        + frame(0, b"two ", fin=False)
        + frame(0, b"", fin=False)
        + frame(PONG, b"unasked")
        + frame(PING, b"b" * 125)
        + frame(0, b"three")
    )
    assert raw.frame() == (PONG, True, b"a")
    assert raw.frame() == (PONG, True, b"b" * 125)
    assert raw.frame() == (TEXT, True, b"one two three")


def test_many_messages_at_once(raw: Raw) -> None:
    raw.client.sendall(b"".join(frame(TEXT, b"%d" % i) for i in range(500)))
    assert [raw.frame()[2] for _ in range(500)] == [b"%d" % i for i in range(500)]


def test_a_character_may_be_cut_by_a_fragment(raw: Raw) -> None:
    whole = "€\U0001f600".encode()
    raw.client.sendall(
        b"".join(frame(0 if i else TEXT, whole[i : i + 1], fin=False) for i in range(7)) + frame(0)
    )
    assert raw.frame() == (TEXT, True, whole)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x05hello", 1002),  # not masked
        (frame(TEXT, b"a")[:1].replace(b"\x81", b"\xc1") + frame(TEXT, b"a")[1:], 1002),  # RSV1
        (frame(3), 1002),
        (frame(11), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(0, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (b"\x81\xfe\x00\x05mask", 1002),  # length in too long a form
        (b"\x81\xff" + struct.pack(">Q", 1 << 63) + b"mask", 1002),
        (b"\x82\xff" + struct.pack(">Q", 1 << 40) + b"mask", 1009),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),  # a surrogate
        (frame(TEXT, b"\xe2\x82"), 1007),  # ends inside a character
        (frame(TEXT, b"\xe2\x82", fin=False) + frame(0, b"x", fin=False), 1007),  # known before the end
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, struct.pack(">H", 1005)), 1002),
        (frame(CLOSE, struct.pack(">H", 1006)), 1002),
        (frame(CLOSE, struct.pack(">H", 1000) + b"\xff"), 1007),
        (frame(CLOSE, struct.pack(">H", 1000) + b"bye"), 1000),
        (frame(CLOSE, struct.pack(">H", 4321)), 4321),
        (frame(CLOSE), 1005),
    ],
)
def test_how_connections_are_closed(raw: Raw, sent: bytes, code: int) -> None:
    raw.client.sendall(sent)
    assert raw.closed_with() == code


def test_nothing_after_a_close_frame_is_answered(raw: Raw) -> None:
    raw.client.sendall(frame(TEXT, b"1") + frame(CLOSE, b"\x03\xe8") + frame(TEXT, b"2") + frame(PING))
    assert raw.frame() == (TEXT, True, b"1")
    assert raw.closed_with() == 1000


def test_a_message_over_the_limit_in_fragments(raw: Raw) -> None:
    piece = b"x" * 100_000
    for i in range(11):
        raw.client.sendall(frame(0 if i else BINARY, piece, fin=False))
    assert raw.closed_with() == 1009


def test_the_library_sees_the_close_code(server) -> None:
    with open_socket(server) as socket_:
        socket_.send(b"\xff", text=True)
        with pytest.raises(ConnectionClosed):
            socket_.recv(5)
    assert socket_.close_code == 1007


def test_a_silent_peer_is_pinged_and_given_up(serve: Callable) -> None:
    server = serve(2, PING_MS=400)  # the time that this client has for its pong
    with server.connect() as client:
        raw = Raw(client)
        assert raw.frame() == (PING, True, b"")
        client.sendall(frame(PONG))
        assert raw.frame() == (PING, True, b"")
        with pytest.raises(EOFError):
            raw.frame()


def test_a_frame_that_does_not_end_times_out(serve: Callable) -> None:
    server = serve(0, FRAME_MS=200)
    with server.connect() as client:
        raw = Raw(client)
        began = time.monotonic()
        client.sendall(frame(TEXT, b"x" * 100)[:50])
        assert raw.closed_with() == 1008
        assert time.monotonic() - began < 3


def test_more_large_messages_at_once_than_the_heap_holds(server) -> None:
    """Each of 24 peers sends the most of a 1 MiB message, then all the rest: some get theirs back in fragments."""
    message = os.urandom(1 << 20)
    sockets = [server.connect() for _ in range(24)]
    peers = [Raw(client) for client in sockets]
    wire = frame(BINARY, message)
    for client in sockets:
        client.sendall(wire[:1000])
    for peer, client in zip(peers, sockets, strict=True):
        received = bytearray()

        def read(count: int, peer: Raw = peer, received: bytearray = received) -> None:
            while len(received) < count:
                opcode, _, payload = peer.frame()
                assert opcode == (BINARY if not received else 0)
                received += payload

        client.settimeout(10)
        at = 1000
        while at < len(wire):
            client.setblocking(False)
            try:
                at += client.send(wire[at : at + 65536])
            except BlockingIOError:
                client.settimeout(10)
                read(len(received) + 1)
        client.settimeout(10)
        read(len(message))
        assert bytes(received) == message
    for client in sockets:
        client.close()
    assert server.alive()
