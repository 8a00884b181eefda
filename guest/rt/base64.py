"""Base64 (RFC 4648 section 4): encoding, and the check of a WebSocket key."""

from guest.lang import buffer, i64, pure, u32

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
PAD = 0x3D


@pure
def encoded_length(length: i64) -> i64:
    """How many characters `length` bytes take."""
    return (length + 2) // 3 * 4


@pure
def encode(source: bytes, out: buffer, at: i64) -> i64:
    """Write `source` in Base64 with padding into `out` from offset `at`; returns the offset behind it."""
    for start in range(0, len(source), 3):
        left = len(source) - start
        group = u32(source[start]) << 16
        if left > 1:
            group = group | (u32(source[start + 1]) << 8)
        if left > 2:
            group = group | u32(source[start + 2])
        out[at] = ALPHABET[(group >> 18) & 63]
        out[at + 1] = ALPHABET[(group >> 12) & 63]
        out[at + 2] = PAD
        out[at + 3] = PAD
        if left > 1:
            out[at + 2] = ALPHABET[(group >> 6) & 63]
        if left > 2:
            out[at + 3] = ALPHABET[group & 63]
        at += 4
    return at


@pure
def is_digit(c: u32) -> bool:
    """Whether `c` is one of the 64 characters."""
    capital = c >= 0x41 and c <= 0x5A
    small = c >= 0x61 and c <= 0x7A
    number = c >= 0x30 and c <= 0x39
    return capital or small or number or c == 0x2B or c == 0x2F


@pure
def is_sixteen_bytes(text: bytes) -> bool:
    """Whether `text` is the Base64 of exactly 16 bytes, as RFC 6455 section 4.1 wants of Sec-WebSocket-Key."""
    if len(text) != 24 or text[22] != PAD or text[23] != PAD:
        return False
    for i in range(22):
        if not is_digit(u32(text[i])):
            return False
    return True
