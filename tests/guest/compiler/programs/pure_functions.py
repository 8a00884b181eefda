"""A main that uses pure functions of another module."""

from parts.pure import checksum, match, parse_number
from prelude import _start, show

from guest.lang import i64


def main() -> i64:
    show(checksum(b"Wikipedia"))  # => 3603301272
    show(parse_number(b"1234x"))  # => 1234
    show(match(b"hello", b"lo"))  # => 3
    return 0
