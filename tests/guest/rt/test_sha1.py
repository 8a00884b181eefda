"""guest.rt.sha1 against hashlib."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from guest.rt.sha1 import sha1


def digest(message: bytes) -> bytes:
    out = bytearray(20)
    sha1(message, out)
    return bytes(out)


@settings(max_examples=15)
@given(st.binary(max_size=200))
def test_digest_is_that_of_hashlib(message: bytes) -> None:
    assert digest(message) == hashlib.sha1(message).digest()


def test_lengths_around_the_block_boundary() -> None:
    for length in (0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128):
        message = bytes(range(length))
        assert digest(message) == hashlib.sha1(message).digest(), length
