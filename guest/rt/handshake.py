"""The server's half of the WebSocket opening handshake (RFC 6455 section 4.2); no input or output here."""

from guest.lang import array, buffer, i64, pure, u8, u32
from guest.rt import base64
from guest.rt.http import GET, Request
from guest.rt.sha1 import DIGEST_SIZE, sha1
from guest.rt.text import put

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY_LENGTH = 24
UPGRADE = 101
BAD_REQUEST = 400
UPGRADE_REQUIRED = 426


@pure
def answer_to(request: Request) -> u32:
    """UPGRADE for a request that opens a WebSocket, else the status code it deserves."""
    wants = request.upgrade_websocket and request.connection_upgrade
    if request.method != GET or request.minor_version < 1 or not wants:
        return UPGRADE_REQUIRED
    if request.version_count != 1 or not request.version_is_13:
        return UPGRADE_REQUIRED
    if request.key_count != 1 or not request.key_is_good or request.has_body():
        return BAD_REQUEST
    return UPGRADE


@pure
def put_accept_key(out: buffer, at: i64, key: bytes) -> i64:
    """Write the 28 characters of Sec-WebSocket-Accept for a key into `out` from `at`; returns the offset behind them."""
    text = array[u8, 60]()
    size = put(text, 0, key)
    size = put(text, size, GUID)
    digest = array[u8, DIGEST_SIZE]()
    sha1(text[0:size], digest)
    return base64.encode(digest, out, at)


@pure
def put_upgrade(key: bytes, out: buffer) -> i64:
    """Write the whole 101 response to the start of `out`; returns its length."""
    at = put(out, 0, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    at = put(out, at, b"Sec-WebSocket-Accept: ")
    at = put_accept_key(out, at, key)
    return put(out, at, b"\r\n\r\n")
