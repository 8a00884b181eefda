"""guest.rt.handshake: whom the server upgrades, and the example of RFC 6455."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.utils import accept_key

from guest.rt.handshake import answer_to, put_accept_key, put_upgrade
from guest.rt.http import COMPLETE, Request

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = {
    "Host": "a",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def answer(line: str = "GET /ws HTTP/1.1", drop: str = "", **changes: str) -> int:
    fields = FIELDS | {name.replace("_", "-"): value for name, value in changes.items()}
    fields.pop(drop, None)
    head = line + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    request = Request()
    assert request.feed(head.encode()) == COMPLETE
    return answer_to(request)


def test_the_example_of_the_rfc() -> None:
    out = bytearray(160)
    size = put_upgrade(KEY.encode(), out)
    assert bytes(out[:size]).decode().split("\r\n") == [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "",
        "",
    ]


@settings(max_examples=8)
@given(st.binary(min_size=16, max_size=16))
def test_accept_keys_are_those_of_the_reference(nonce: bytes) -> None:
    key = base64.b64encode(nonce).decode()
    out = bytearray(28)
    assert put_accept_key(out, 0, key.encode()) == 28
    assert out.decode() == accept_key(key)


def test_a_good_request_is_upgraded() -> None:
    assert answer() == 101


@pytest.mark.parametrize("missing", ["Upgrade", "Connection", "Sec-WebSocket-Version"])
def test_a_request_that_does_not_ask_properly_is_told_to_upgrade(missing: str) -> None:
    assert answer(drop=missing) == 426


@pytest.mark.parametrize("version", ["8", "14", "", "013", "13, 8"])
def test_other_versions_are_told_which(version: str) -> None:
    assert answer(Sec_WebSocket_Version=version) == 426


def test_other_methods_and_http10() -> None:
    assert answer("HEAD /ws HTTP/1.1") == 426
    assert answer("GET /ws HTTP/1.0") == 426


@pytest.mark.parametrize(
    "key", ["", "x", KEY[:-1], KEY + "=", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZ*=="]
)
def test_a_bad_key_is_a_bad_request(key: str) -> None:
    assert answer(Sec_WebSocket_Key=key) == 400


def test_no_key_and_a_body_are_bad_requests() -> None:
    assert answer(drop="Sec-WebSocket-Key") == 400
    assert answer(Content_Length="1") == 400
