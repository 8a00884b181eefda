"""guest.rt.utf8 against bytes.decode and codecs' incremental decoder."""

import codecs

from hypothesis import given
from hypothesis import strategies as st

from guest.rt.utf8 import Utf8, is_utf8

EDGES = [
    0x00,
    0x7F,
    0x80,
    0x8F,
    0x90,
    0x9F,
    0xA0,
    0xBF,
    0xC0,
    0xC1,
    0xC2,
    0xDF,
    0xE0,
    0xE1,
    0xEC,
    0xED,
    0xEE,
    0xEF,
]
EDGES += [0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]
EDGE_BYTES = st.lists(st.sampled_from(EDGES), max_size=6).map(bytes)
DATA = st.one_of(EDGE_BYTES, st.text(max_size=20).map(lambda t: t.encode()), st.binary(max_size=8))


@given(DATA)
def test_valid_is_what_python_decodes(data: bytes) -> None:
    try:
        data.decode()
        good = True
    except UnicodeDecodeError:
        good = False
    assert is_utf8(data) == good


@given(st.lists(DATA, max_size=4))
def test_pieces_fail_no_later_and_no_earlier_than_the_reference(pieces: list[bytes]) -> None:
    reference = codecs.getincrementaldecoder("utf-8")()
    state = Utf8()
    for piece in pieces:
        try:
            reference.decode(piece)
            good = True
        except UnicodeDecodeError:
            good = False
        assert state.feed(piece) == good
        if not good:
            return
    assert state.complete() == (reference.getstate()[0] == b"")
