"""guest.rt.base64 against the standard library's."""

import base64
import binascii

from hypothesis import given
from hypothesis import strategies as st

from guest.rt.base64 import encode, encoded_length, is_sixteen_bytes


@given(st.binary(max_size=64))
def test_encode_is_b64encode(data: bytes) -> None:
    out = bytearray(encoded_length(len(data)))
    assert encode(data, out, 0) == len(out)
    assert bytes(out) == base64.b64encode(data)


@given(st.binary(min_size=16, max_size=16))
def test_every_key_of_sixteen_bytes_is_one(key: bytes) -> None:
    assert is_sixteen_bytes(base64.b64encode(key))


@given(st.text("AZaz09+/=-_ ", min_size=20, max_size=28))
def test_nothing_else_is_a_key(text: str) -> None:
    try:
        good = len(base64.b64decode(text, validate=True)) == 16 and len(text) == 24
    except binascii.Error:
        good = False
    assert is_sixteen_bytes(text.encode()) == good
