"""pty_server's WebSocket: frames in pieces and in heaps, control frames, the closing handshake, what is refused."""

import hashlib
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest
from wsproto.frame_protocol import Opcode

PATIENCE = 30


def test_frames_that_come_with_the_request(server: Any) -> None:
    client = server.client()
    more = client.frame(Opcode.TEXT, b"resize:70,20") + client.frame(
        Opcode.BINARY, b"stty size; echo $((40+2))\n"
    )
    client.open(more)
    client.wait_for("20 70\r\n")
    client.wait_for("42\r\n")


def test_frames_byte_by_byte(server: Any) -> None:
    client = server.terminal()
    for byte in client.frame(Opcode.BINARY, b"echo $((6*7))\n"):
        client.socket.sendall(bytes([byte]))
    client.wait_for("42\r\n$ ")
    for byte in client.frame(Opcode.PING, b"there?"):
        client.socket.sendall(bytes([byte]))
    assert client.next_frame() == (Opcode.PONG, b"there?")


def test_many_frames_at_once(server: Any) -> None:
    client = server.terminal()
    client.socket.sendall(b"".join(client.frame(Opcode.BINARY, bytes([byte])) for byte in b"echo $((6*7))\n"))
    client.wait_for("42\r\n")


def test_a_message_in_fragments_with_a_ping_between(server: Any) -> None:
    client = server.terminal()
    client.send(Opcode.BINARY, b"echo $((", fin=False)
    client.wait_for("echo $((")  # input does not wait for the end of its message
    client.send(Opcode.PING, b"abc")
    assert client.next_frame() == (Opcode.PONG, b"abc")
    client.send(Opcode.CONTINUATION, b"", fin=False)
    client.send(Opcode.CONTINUATION, b"6*7))\n")
    client.wait_for("42\r\n")


def test_a_control_message_in_fragments(server: Any) -> None:
    client = server.terminal()
    client.send(Opcode.TEXT, b"resi", fin=False)
    client.send(Opcode.CONTINUATION, b"ze:99,", fin=False)
    client.send(Opcode.CONTINUATION, b"9")
    client.type("stty size\n")
    client.wait_for("9 99\r\n")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 4095, 65535, 65536, 1 << 20])
def test_messages_of_all_sizes(serve: Callable, size: int) -> None:
    server = serve("/bin/sh", "-c", f"stty raw -echo; echo ready; head -c {size + 1} | md5sum")
    client = server.client().open()
    client.wait_for("ready")
    client.send(Opcode.BINARY, b"x" * size)
    client.send(Opcode.BINARY, b"y")
    assert client.wait_for_close() == (1000, "exit status 0")
    assert hashlib.md5(b"x" * size + b"y").hexdigest().encode() in client.output


def test_an_empty_ping_and_the_largest(server: Any) -> None:
    client = server.terminal()
    for payload in (b"", b"p" * 125):
        client.send(Opcode.PING, payload)
        assert client.next_frame() == (Opcode.PONG, payload)
    client.send(Opcode.PONG, b"nobody asked")
    client.type("echo $((6*7))\n")
    client.wait_for("42\r\n")


@pytest.mark.parametrize(
    ("payload", "code"), [(b"", 1005), (struct.pack("!H", 1000) + b"bye", 1000), (b"\x0f\xa0", 4000)]
)
def test_a_client_that_closes(server: Any, payload: bytes, code: int) -> None:
    client = server.terminal()
    client.send(Opcode.CLOSE, payload)
    assert client.wait_for_close() == (code, "")
    assert client.is_at_end()
    server.wait_until_free()


PROTOCOL_ERRORS = {
    "not masked": (b"\x82\x01x", 1002),
    "a reserved bit": (b"\xc2\x81....x", 1002),
    "an opcode that is none": (b"\x83\x81....x", 1002),
    "a control opcode that is none": (b"\x8b\x80....", 1002),
    "a ping in fragments": (b"\x09\x80....", 1002),
    "a ping that is too long": (b"\x89\xfe\x00\x7e....", 1002),
    "a continuation of nothing": (b"\x80\x80....", 1002),
    "a message within a message": (b"\x02\x80....\x82\x80....", 1002),
    "a length in a longer form": (b"\x82\xfe\x00\x05....", 1002),
    "a negative length": (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff....", 1002),
    "a close frame of one byte": (b"\x88\x81\0\0\0\0x", 1002),
    "a close code that is never sent": (b"\x88\x82\0\0\0\0\x03\xed", 1002),
    "a close reason that is no text": (b"\x88\x83\0\0\0\0\x03\xe8\xff", 1007),
    "a message that is too long": (b"\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01....", 1009),
    "a control message that is too long": (b"\x81\xc1....", 1009),
    "text that is no UTF-8": (b"\x81\x81\0\0\0\0\xff", 1007),
    "text that ends within a character": (b"\x81\x81\0\0\0\0\xc3", 1007),
    "a control message that is none": (b"\x81\x85\0\0\0\0hello", 1008),
    "a size without width": (b"\x81\x8b\0\0\0\0resize:0,10", 1008),
    "a size that is none": (b"\x81\x8b\0\0\0\0resize:10,x", 1008),
    "a size that is too large": (b"\x81\x8e\0\0\0\0resize:1001,10", 1008),
}


@pytest.mark.parametrize("name", PROTOCOL_ERRORS)
def test_what_breaks_the_protocol(server: Any, name: str) -> None:
    data, code = PROTOCOL_ERRORS[name]
    client = server.terminal()
    client.socket.sendall(data)
    assert client.wait_for_close()[0] == code
    client.close()
    server.wait_until_free()
    assert server.is_well()


def test_a_control_message_in_fragments_that_is_too_long(server: Any) -> None:
    client = server.terminal()
    client.send(Opcode.TEXT, b"r" * 60, fin=False)
    client.send(Opcode.CONTINUATION, b"r" * 60)
    assert client.wait_for_close()[0] == 1009


def test_many_pings_of_a_client_that_does_not_read_yet(server: Any) -> None:
    """The answers fill all buffers, then pings wait; none is lost, and the last one does not wait for something else to come."""
    client = server.terminal()
    count = 30000
    pings = client.frame(Opcode.PING, b"p" * 125) * count
    sender = threading.Thread(target=client.socket.sendall, args=(pings,))
    sender.start()
    sender.join(1)
    for _ in range(count):
        assert client.next_frame() == (Opcode.PONG, b"p" * 125)
    sender.join(PATIENCE)
    client.type("echo $((6*7))\n")
    client.wait_for("42\r\n")


def test_pause_and_resume(server: Any) -> None:
    client = server.terminal()
    client.send(Opcode.TEXT, b"pause")
    client.type("echo $((6*7))\n")
    client.send(Opcode.PING, b"1")
    assert client.next_frame() == (Opcode.PONG, b"1")
    client.send(Opcode.TEXT, b"resume")
    client.wait_for("42\r\n")


def test_a_silent_client_is_asked_and_then_given_up(serve: Callable) -> None:
    server = serve(PING_MS=150)
    client = server.terminal()
    assert client.next_frame() == (Opcode.PING, b"")
    client.send(Opcode.PONG)
    assert client.next_frame() == (Opcode.PING, b"")
    assert client.is_at_end()
    server.wait_until_free()
