"""guest.rt.http_body: bodies of known length and chunked ones, in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guest.rt.http_body import TRAILER_LIMIT, Body

LIMIT = 1000
CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
EXTENSIONS = st.sampled_from([b"", b";a=b", b" ;x", b';quoted="y"'])
TRAILERS = st.sampled_from([b"", b"X: y\r\n", b"X: y\r\nZ: \r\n"])


def read(body: Body, data: bytes, steps: list[int]) -> int:
    """Feed `data` in pieces of these sizes; returns how much the body took."""
    taken = at = 0
    for step in [*steps, len(data)]:
        piece = data[at : at + step]
        at += len(piece)
        taken += body.feed(piece)
        if body.done() or body.status:
            break
    return taken


@given(CHUNKS, EXTENSIONS, TRAILERS, st.lists(st.integers(1, 7), max_size=40))
def test_a_chunked_body_ends_where_it_ends(
    chunks: list[bytes], extension: bytes, trailers: bytes, steps: list[int]
) -> None:
    coded = b"".join(b"%x%s\r\n%s\r\n" % (len(c), extension, c) for c in chunks)
    coded += b"0%s\r\n%s\r\n" % (extension, trailers)
    body = Body()
    body.begin(True, 0, LIMIT)
    assert read(body, coded + b"GET /", steps) == len(coded)
    assert body.done()
    assert body.status == 0


@given(st.integers(0, 300), st.lists(st.integers(1, 50), max_size=20))
def test_a_body_of_known_length(length: int, steps: list[int]) -> None:
    body = Body()
    body.begin(False, length, LIMIT)
    assert read(body, b"x" * length + b"GET /", steps) == length
    assert body.done()


@pytest.mark.parametrize(
    ("coded", "status"),
    [
        (b"\r\n", 400),
        (b"g\r\n", 400),
        (b"-1\r\n", 400),
        (b"0x3\r\n", 400),
        (b"3\nabc", 400),
        (b"3\r\nabcd", 400),
        (b"3\r\nabc\n", 400),
        (b"0\r\n\n", 400),
        (b"3;\0\r\n", 400),
        (b"3e9\r\n", 413),
        (b"ffffffffffffffffffffff\r\n", 413),
        (b"3e8\r\n" + b"x" * 1000 + b"\r\n1\r\n", 413),
        (b"1;" + b"x" * (TRAILER_LIMIT + 1), 431),
        (b"0\r\nX: " + b"x" * (TRAILER_LIMIT + 1), 431),
    ],
)
def test_bad_bodies(coded: bytes, status: int) -> None:
    body = Body()
    body.begin(True, 0, LIMIT)
    body.feed(coded)
    assert body.status == status
    assert not body.done()
