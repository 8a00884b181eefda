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
def accept_key(key: bytes, out: buffer) -> i64:
    """Write the Sec-WebSocket-Accept value for a 24-character key to the start of `out`; returns its length, 28."""
    text = array[u8, 60]()
    at = put(text, 0, key)
    at = put(text, at, GUID)
    digest = array[u8, 20]()
    sha1(text, digest)
    assert at == len(text) and len(digest) == DIGEST_SIZE
    return base64.encode(digest, out)


@pure
def put_upgrade(key: bytes, out: buffer) -> i64:
    """Write the whole 101 response to the start of `out`; returns its length."""
    at = put(out, 0, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    at = put(out, at, b"Sec-WebSocket-Accept: ")
    at += accept_key(key, out[at:])
    return put(out, at, b"\r\n\r\n")
