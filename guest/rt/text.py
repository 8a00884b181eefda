"""Numbers and addresses as text, both ways, and case-insensitive comparison: what the server reads and prints."""

from guest.lang import buffer, i64, pure, u8, u32, u64

SPACE = 0x20
TAB = 0x09


@pure
def put(out: buffer, at: i64, text: bytes) -> i64:
    """Copy `text` into `out` from offset `at`; returns the offset behind it."""
    end = at + len(text)
    out[at:end] = text
    return end


@pure
def put_decimal(out: buffer, at: i64, value: u64) -> i64:
    """Write `value` in decimal digits into `out` from offset `at`; returns the offset behind them."""
    digits = i64(1)
    rest = value // 10
    while rest != 0:
        digits += 1
        rest = rest // 10
    end = at + digits
    place = end
    rest = value
    while place > at:
        place -= 1
        out[place] = u8(0x30 + rest % 10)
        rest = rest // 10
    return end


@pure
def put_ipv4(out: buffer, at: i64, address: u32) -> i64:
    """Write an IPv4 address (host byte order) as four decimal numbers with dots; returns the offset behind it."""
    at = put_decimal(out, at, u64(address >> 24))
    at = put(out, at, b".")
    at = put_decimal(out, at, u64((address >> 16) & 255))
    at = put(out, at, b".")
    at = put_decimal(out, at, u64((address >> 8) & 255))
    at = put(out, at, b".")
    return put_decimal(out, at, u64(address & 255))


@pure
def parse_decimal(text: bytes, limit: i64) -> i64:
    """The value of an all-digit `text`, or -1 when it is empty, holds anything else, or exceeds `limit`."""
    if len(text) == 0:
        return -1
    value = i64(0)
    for i in range(len(text)):
        digit = i64(text[i]) - 0x30
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
        if value > limit:
            return -1
    return value


@pure
def parse_ipv4(text: bytes) -> i64:
    """The IPv4 address (host byte order) of a dotted quad, or -1 when `text` is not exactly one."""
    address = i64(0)
    start = i64(0)
    parts = i64(0)
    for i in range(len(text) + 1):
        if i == len(text) or text[i] == 0x2E:
            if i - start > 3:
                return -1
            part = parse_decimal(text[start:i], 255)
            if part < 0:
                return -1
            address = (address << 8) | part
            parts += 1
            start = i + 1
    if parts != 4:
        return -1
    return address


@pure
def lower(c: u8) -> u8:
    """`c` with an ASCII capital made small."""
    if c >= 0x41 and c <= 0x5A:
        return c | 0x20
    return c


@pure
def equals_ignoring_case(text: bytes, small: bytes) -> bool:
    """Whether `text` equals `small`, which is in small letters, when ASCII case does not count."""
    if len(text) != len(small):
        return False
    for i in range(len(text)):
        if lower(u8(text[i])) != small[i]:
            return False
    return True


@pure
def strip(text: bytes) -> bytes:
    """`text` without the spaces and tabs (RFC 9110 section 5.6.3 OWS) at both its ends."""
    start = i64(0)
    end = len(text)
    while start < end and (text[start] == SPACE or text[start] == TAB):
        start += 1
    while end > start and (text[end - 1] == SPACE or text[end - 1] == TAB):
        end -= 1
    return text[start:end]


@pure
def has_token(values: bytes, token: bytes) -> bool:
    """Whether the comma-separated list `values` (RFC 9110 section 5.6.1) has `token`, given in small letters."""
    start = i64(0)
    for i in range(len(values) + 1):
        if i == len(values) or values[i] == 0x2C:
            if equals_ignoring_case(strip(values[start:i]), token):
                return True
            start = i + 1
    return False
