"""HTTP response heads, and the short bodies that go with a status (RFC 9110 section 15); no input or output here."""

from guest.lang import buffer, i64, pure, u32, u64
from guest.rt.text import put, put_decimal

HEAD_ROOM = 384  # surely enough for any head here with its short body


@pure
def reason(status: u32) -> bytes:
    """The reason phrase of the status codes that a server here sends."""
    if status == 200:
        return b"OK"
    if status == 400:
        return b"Bad Request"
    if status == 403:
        return b"Forbidden"
    if status == 404:
        return b"Not Found"
    if status == 405:
        return b"Method Not Allowed"
    if status == 408:
        return b"Request Timeout"
    if status == 413:
        return b"Content Too Large"
    if status == 414:
        return b"URI Too Long"
    if status == 417:
        return b"Expectation Failed"
    if status == 426:
        return b"Upgrade Required"
    if status == 431:
        return b"Request Header Fields Too Large"
    if status == 501:
        return b"Not Implemented"
    if status == 503:
        return b"Service Unavailable"
    if status == 505:
        return b"HTTP Version Not Supported"
    return b"Internal Server Error"


@pure
def special_headers(status: u32) -> bytes:
    """The header lines that a status code obliges to."""
    if status == 405:
        return b"Allow: GET, HEAD\r\n"
    if status == 426:
        return b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    if status == 503:
        return b"Retry-After: 1\r\n"
    return b""


@pure
def put_head(
    out: buffer,
    at: i64,
    status: u32,
    kind: bytes,
    length: i64,
    keep: bool,
    http10: bool,
    fields: bytes = b"",
) -> i64:
    """Write a response head into `out` from `at`: media type `kind`, `length` body bytes; returns the offset behind it.

    `keep`: the connection stays for another request, which a client of HTTP/1.0 (`http10`) has to be told. `fields`: more header
    lines, each with its CRLF.
    """
    at = put(out, at, b"HTTP/1.1 ")
    at = put_decimal(out, at, u64(status))
    at = put(out, at, b" ")
    at = put(out, at, reason(status))
    at = put(out, at, b"\r\nServer: emu\r\nContent-Type: ")
    at = put(out, at, kind)
    at = put(out, at, b"\r\nContent-Length: ")
    at = put_decimal(out, at, u64(length))
    at = put(out, at, b"\r\n")
    at = put(out, at, special_headers(status))
    at = put(out, at, fields)
    if status == 426:
        at = put(out, at, b"Connection: upgrade\r\n" if keep else b"Connection: upgrade, close\r\n")
    elif not keep:
        at = put(out, at, b"Connection: close\r\n")
    elif http10:
        at = put(out, at, b"Connection: keep-alive\r\n")
    return put(out, at, b"\r\n")


@pure
def put_status(out: buffer, status: u32, with_body: bool, keep: bool, http10: bool) -> i64:
    """Write a whole response that says no more than its status, as text; returns its length."""
    words = reason(status)
    at = put_head(out, 0, status, b"text/plain; charset=utf-8", len(words) + 5, keep, http10)
    if with_body:
        at = put_decimal(out, at, u64(status))
        at = put(out, at, b" ")
        at = put(out, at, words)
        at = put(out, at, b"\n")
    return at
