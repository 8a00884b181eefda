"""One pure function for each part of guest.rt that runs under CPython as well: bytes in, everything it found out."""

from guest.lang import array, buffer, i64, pure, u8, u32, u64
from guest.programs.pty.control import parse_resize
from guest.rt.base64 import encode, encoded_length, is_sixteen_bytes
from guest.rt.frames import FrameReader, close_code
from guest.rt.handshake import answer_to, put_accept_key
from guest.rt.http import COMPLETE, MORE, Request
from guest.rt.http_body import Body
from guest.rt.origin import may_connect
from guest.rt.responses import put_status
from guest.rt.sha1 import sha1
from guest.rt.text import has_token, parse_decimal, parse_ipv4, put, put_decimal, put_ipv4
from guest.rt.utf8 import Utf8

CASES = 9


@pure
def number(out: buffer, at: i64, value: i64) -> i64:
    """Write a signed number and a space."""
    if value < 0:
        at = put(out, at, b"-")
        value = 0 - value
    at = put_decimal(out, at, u64(value))
    return put(out, at, b" ")


@pure
def digest(data: bytes, out: buffer) -> i64:
    """SHA-1."""
    sha1(data, out)
    return 20


@pure
def armour(data: bytes, out: buffer) -> i64:
    """Base64, and whether the data is itself a key."""
    at = encode(data, out, 0)
    at = number(out, at, encoded_length(len(data)) - at)
    return number(out, at, i64(1) if is_sixteen_bytes(data) else i64(0))


@pure
def characters(data: bytes, out: buffer) -> i64:
    """UTF-8 in two pieces."""
    state = Utf8()
    half = len(data) // 2
    at = number(out, 0, i64(1) if state.feed(data[:half]) else i64(0))
    at = number(out, at, i64(1) if state.feed(data[half:]) else i64(0))
    return number(out, at, i64(state.missing) * 1000000 + i64(state.lowest) * 1000 + i64(state.highest))


@pure
def request(data: bytes, out: buffer) -> i64:
    """A request head that comes in growing pieces."""
    head = Request()
    status = u32(MORE)
    end = i64(0)
    while status == MORE and end < len(data):
        end += end // 2 + 1
        if end > len(data):
            end = len(data)
        status = head.feed(data[0:end])
    at = number(out, 0, i64(status))
    at = number(out, at, head.head_length)
    at = number(out, at, head.path_start)
    at = number(out, at, head.path_end)
    at = number(out, at, head.content_length)
    at = number(out, at, head.key_start)
    at = number(out, at, i64(head.header_count) * 10 + i64(head.method))
    if status == COMPLETE:
        at = number(out, at, i64(answer_to(head)))
        at = number(out, at, i64(1) if head.is_trusted else i64(0))
    if head.keeps_alive():
        at = put(out, at, b"keeps ")
    return at


@pure
def body(data: bytes, out: buffer) -> i64:
    """A chunked body, three bytes at a time."""
    state = Body()
    state.begin(True, 0, 300)
    taken = i64(0)
    for start in range(0, len(data), 3):
        stop = start + 3
        if stop > len(data):
            stop = len(data)
        taken += state.feed(data[start:stop])
    at = number(out, 0, taken)
    at = number(out, at, i64(state.status) * 100 + i64(state.state))
    return number(out, at, state.left)


@pure
def headers(data: bytes, out: buffer) -> i64:
    """WebSocket frame headers, one after the other, without payloads."""
    reader = FrameReader()
    at = i64(0)
    used = i64(0)
    while used < len(data) and reader.failure == 0 and at < 1500:
        used += reader.feed(data[used:])
        if reader.ready:
            at = number(out, at, i64(reader.opcode))
            at = number(out, at, reader.length)
            at = number(out, at, reader.message_length)
            reader.next()
    at = number(out, at, i64(reader.failure))
    return number(out, at, i64(close_code(data)))


@pure
def words(data: bytes, out: buffer) -> i64:
    """Numbers, addresses, tokens, a response."""
    at = number(out, 0, parse_decimal(data, 1 << 40))
    at = number(out, at, parse_ipv4(data))
    at = put_ipv4(out, at, u32(parse_ipv4(data) & 0xFFFFFFFF))
    at = number(out, at, i64(1) if has_token(data, b"upgrade") else i64(0))
    text = array[u8, 384]()
    size = put_status(text, 400 + u32(len(data)) % 32, len(data) % 2 == 0, len(data) % 3 == 0, False)
    return put(out, at, text[0:size])


@pure
def handshake(data: bytes, out: buffer) -> i64:
    """The answer to a key."""
    key = array[u8, 24]()
    for i in range(24):
        key[i] = u8(data[i]) if i < len(data) else u8(0x41)
    return put_accept_key(out, 0, key)


@pure
def remarks(data: bytes, out: buffer) -> i64:
    """What a client of pty_server says beside its input; whether Host and Origin, one half each, are trusted."""
    columns, rows = parse_resize(data)
    at = number(out, number(out, 0, columns), rows)
    half = len(data) // 2
    return number(out, at, i64(1) if may_connect(data[:half], data[half:]) else i64(0))


@pure
def run_case(which: i64, data: bytes, out: buffer) -> i64:
    """Run case `which` (0 to CASES - 1); returns how many bytes it wrote to `out`."""
    if which == 0:
        return digest(data, out)
    if which == 1:
        return armour(data, out)
    if which == 2:
        return characters(data, out)
    if which == 3:
        return request(data, out)
    if which == 4:
        return body(data, out)
    if which == 5:
        return headers(data, out)
    if which == 6:
        return words(data, out)
    if which == 7:
        return handshake(data, out)
    return remarks(data, out)
