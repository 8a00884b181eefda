"""guest.rt.http: request heads, whole and in pieces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guest.rt.http import COMPLETE, GET, HEAD, HEAD_LIMIT, MORE, OTHER, Request, is_token


def parse(data: bytes) -> tuple[int, Request]:
    request = Request()
    return request.feed(data), request


def path_of(data: bytes, request: Request) -> bytes:
    return data[request.path_start : request.path_end]


SIMPLE = b"GET /ws?x=1 HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n\r\n"


def test_a_simple_request() -> None:
    status, request = parse(SIMPLE + b"next")
    assert status == COMPLETE
    assert (request.method, request.minor_version, request.head_length) == (GET, 1, len(SIMPLE))
    assert path_of(SIMPLE, request) == b"/ws"
    assert request.keeps_alive()
    assert not request.has_body()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", COMPLETE),
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", COMPLETE),
        (b"GET / HTTP/1.0\r\n\r\n", COMPLETE),
        (b"GET / HTTP/1.9\r\nHost: a\r\n\r\n", COMPLETE),
        (b"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", COMPLETE),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", COMPLETE),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", COMPLETE),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", COMPLETE),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \t caf\xc3\xa9\t\r\n\r\n", COMPLETE),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),  # bare LF
        (b"GET / HTTP/1.1\rHost: a\r\n\r\n", 400),  # bare CR
        (b"GET  / HTTP/1.1\r\n", 400),
        (b"GET / x HTTP/1.1\r\n", 400),
        (b"GET /\r\n", 400),  # HTTP/0.9
        (b"GET / HTTP/1.1 \r\n", 400),
        (b"GET / http/1.1\r\n", 400),
        (b"GET / HTTP/11\r\n", 400),
        (b"GET index.html HTTP/1.1\r\n", 400),
        (b"GET /#top HTTP/1.1\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n", 400),
        (b"GET\t/ HTTP/1.1\r\n", 400),
        (b"(GET) / HTTP/1.1\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),  # a TLS greeting
        (b"GET / HTTP/1.1\r\nHost : a\r\n", 400),
        (b"GET / HTTP/1.1\r\n Host: a\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n", 400),
        (b"GET / HTTP/1.1\r\nNo colon\r\n", 400),
        (b"GET / HTTP/1.1\r\n: a\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\0b\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: +1\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length:\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", 501),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n", 501),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: fireworks\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 65, 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_LIMIT, 431),
        (b"GET /" + b"y" * HEAD_LIMIT, 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", MORE),
        (b"", MORE),
    ],
)
def test_what_a_head_deserves(head: bytes, status: int) -> None:
    assert parse(head)[0] == status


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"Content-Length: 17", "content_length", 17),
        (b"TRANSFER-ENCODING: Chunked", "chunked", True),
        (b"Connection: foo, Close", "connection_close", True),
        (b"connection: Keep-Alive , Upgrade", "connection_upgrade", True),
        (b"Upgrade: h2c, WebSocket", "upgrade_websocket", True),
        (b"Expect: 100-Continue", "expects_continue", True),
        (b"Sec-WebSocket-Version: 13", "version_is_13", True),
        (b"Sec-WebSocket-Version: 8", "version_is_13", False),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "key_is_good", True),
        (b"Sec-WebSocket-Key: short", "key_is_good", False),
    ],
)
def test_header_fields_are_noted(line: bytes, name: str, value: object) -> None:
    status, request = parse(b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n")
    assert status == COMPLETE
    assert getattr(request, name) == value


def test_the_key_is_found_where_it_stands() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: \t dGhlIHNhbXBsZSBub25jZQ== \r\n\r\n"
    request = parse(head)[1]
    assert head[request.key_start :][:24] == b"dGhlIHNhbXBsZSBub25jZQ=="


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", True),
        (b"1.0", b"Connection: keep-alive, close\r\n", False),
    ],
)
def test_keep_alive(version: bytes, connection: bytes, keeps: bool) -> None:
    status, request = parse(b"GET / HTTP/" + version + b"\r\nHost: a\r\n" + connection + b"\r\n")
    assert status == COMPLETE
    assert request.keeps_alive() == keeps


@pytest.mark.parametrize(
    ("name", "method"), [(b"GET", GET), (b"HEAD", HEAD), (b"POST", OTHER), (b"PATCH", OTHER)]
)
def test_methods(name: bytes, method: int) -> None:
    assert parse(name + b" / HTTP/1.1\r\nHost: a\r\n\r\n")[1].method == method


@given(st.binary(max_size=6))
def test_token_characters_are_those_of_the_rfc(text: bytes) -> None:
    assert is_token(text) == bool(re.fullmatch(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", text))


PIECES = [b"GET ", b"/ ", b"HTTP/1.1", b"\r\n", b"\r", b"\n", b"Host: a", b"Content-Length: 3", b"Upgrade: x"]
PIECES += [
    b"X: y",
    b":",
    b" ",
    b"\0",
    b"Connection: close",
    b"Transfer-Encoding: chunked",
    b"\xff",
    b"HTTP/2.0",
]
FRAGMENTS = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)


@given(FRAGMENTS, st.lists(st.integers(1, 9), max_size=30))
def test_pieces_give_what_the_whole_gives(data: bytes, steps: list[int]) -> None:
    """Up to an error that shows early, which must then be the error of the whole."""
    whole, reference = parse(data)
    request = Request()
    status = MORE
    at = 0
    for step in [*steps, len(data)]:
        at = min(at + step, len(data))
        status = request.feed(data[:at])
        if status != MORE:
            break
    assert status == whole
    if status == COMPLETE:
        assert request.head_length == reference.head_length
        assert request.content_length == reference.content_length
