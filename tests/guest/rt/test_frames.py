"""guest.rt.frames against the frames of the `websockets` library, and the rules of RFC 6455."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from guest.rt import frames
from guest.rt.frames import FrameReader

LENGTHS = st.one_of(st.integers(0, 300), st.sampled_from([125, 126, 127, 65535, 65536, 70000]))


@settings(max_examples=60)
@given(st.sampled_from([Opcode.TEXT, Opcode.BINARY]), LENGTHS, st.booleans(), st.integers(1, 14))
def test_headers_of_the_reference_are_read(opcode: Opcode, length: int, fin: bool, step: int) -> None:
    payload = bytes(i & 255 for i in range(length))
    wire = Frame(opcode, payload, fin).serialize(mask=True)
    reader = FrameReader()
    at = 0
    while not reader.ready:
        assert reader.failure == 0
        at += reader.feed(wire[at : at + step])
    assert (reader.opcode, reader.fin, reader.length) == (opcode, fin, length)
    unmasked = bytearray(wire[at:])
    frames.unmask(unmasked, bytes(reader.mask), 0)
    assert bytes(unmasked) == payload
    assert reader.message_length == length


@settings(max_examples=60)
@given(st.sampled_from([Opcode.TEXT, Opcode.PING, Opcode.CLOSE]), st.booleans(), LENGTHS)
def test_headers_are_written_as_by_the_reference(opcode: Opcode, fin: bool, length: int) -> None:
    if opcode >= 8:
        length, fin = length % 126, True
    payload = bytes(length)
    out = bytearray(frames.header_size(length))
    assert frames.put_header(out, 0, fin, opcode, length) == len(out)
    assert bytes(out) + payload == Frame(opcode, payload, fin).serialize(mask=False)


@given(st.binary(max_size=40), st.binary(min_size=4, max_size=4), st.integers(0, 40))
def test_unmasking_in_two_pieces(data: bytes, mask: bytes, cut: int) -> None:
    whole = bytearray(data)
    frames.unmask(whole, mask, 0)
    head, tail = bytearray(data[:cut]), bytearray(data[cut:])
    frames.unmask(head, mask, 0)
    frames.unmask(tail, mask, len(head))
    assert whole == head + tail == bytes(b ^ mask[i % 4] for i, b in enumerate(data))


def failure_of(*headers: bytes) -> int:
    """What the last of these frame headers (without payloads) makes of the connection."""
    reader = FrameReader()
    for header in headers:
        assert reader.failure == 0
        reader.feed(header)
        if reader.ready:
            reader.next()
    return reader.failure


MASK = b"mask"


@pytest.mark.parametrize(
    ("headers", "failure"),
    [
        ([b"\x81\x80" + MASK], 0),
        ([b"\x81\x00"], frames.PROTOCOL_ERROR),  # not masked
        ([b"\xc1\x80"], frames.PROTOCOL_ERROR),  # RSV1 without an extension
        ([b"\xa1\x80"], frames.PROTOCOL_ERROR),
        ([b"\x91\x80"], frames.PROTOCOL_ERROR),
        ([b"\x83\x80"], frames.PROTOCOL_ERROR),  # reserved opcodes
        ([b"\x87\x80"], frames.PROTOCOL_ERROR),
        ([b"\x8b\x80"], frames.PROTOCOL_ERROR),
        ([b"\x8f\x80"], frames.PROTOCOL_ERROR),
        ([b"\x09\x80"], frames.PROTOCOL_ERROR),  # fragmented control frame
        ([b"\x89\xfe"], frames.PROTOCOL_ERROR),  # control frame over 125 bytes
        ([b"\x80\x80"], frames.PROTOCOL_ERROR),  # nothing to continue
        ([b"\x00\x80"], frames.PROTOCOL_ERROR),
        ([b"\x01\x80" + MASK, b"\x81\x80"], frames.PROTOCOL_ERROR),  # new message inside a message
        ([b"\x01\x80" + MASK, b"\x89\x80" + MASK, b"\x80\x80" + MASK, b"\x82\x80" + MASK], 0),
        ([b"\x81\xfe\x00\x7d" + MASK], frames.PROTOCOL_ERROR),  # longer length form than needed
        ([b"\x81\xfe\x00\x7e" + MASK], 0),
        ([b"\x81\xff" + struct.pack(">Q", 65535) + MASK], frames.PROTOCOL_ERROR),
        ([b"\x81\xff" + struct.pack(">Q", 65536) + MASK], 0),
        ([b"\x81\xff" + struct.pack(">Q", 1 << 63) + MASK], frames.PROTOCOL_ERROR),
        ([b"\x81\xff" + struct.pack(">Q", frames.MESSAGE_LIMIT) + MASK], 0),
        ([b"\x81\xff" + struct.pack(">Q", frames.MESSAGE_LIMIT + 1) + MASK], frames.TOO_BIG),
        ([b"\x81\xff" + struct.pack(">Q", (1 << 63) - 1) + MASK], frames.TOO_BIG),
        ([b"\x01\xff" + struct.pack(">Q", frames.MESSAGE_LIMIT) + MASK, b"\x80\x81" + MASK], frames.TOO_BIG),
    ],
)
def test_the_rules_of_section_5(headers: list[bytes], failure: int) -> None:
    assert failure_of(*headers) == failure


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]
)
def test_codes_that_a_close_frame_may_carry(code: int) -> None:
    assert frames.close_code(struct.pack(">H", code) + b"reason") == code


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535])
def test_codes_that_it_may_not(code: int) -> None:
    assert frames.close_code(struct.pack(">H", code)) == frames.PROTOCOL_ERROR


def test_a_close_frame_may_be_empty_but_not_one_byte() -> None:
    assert frames.close_code(b"") == frames.NO_STATUS
    assert frames.close_code(b"\x03") == frames.PROTOCOL_ERROR


@given(st.binary(max_size=60), st.integers(1, 5))
def test_garbage_fails_the_same_in_pieces(data: bytes, step: int) -> None:
    def run(size: int) -> list[tuple[int, ...]]:
        reader, at, seen, skip = FrameReader(), 0, [], 0
        while at < len(data) and not reader.failure:
            if skip:
                step_over = min(skip, len(data) - at)
                skip, at = skip - step_over, at + step_over
                continue
            at += reader.feed(data[at : at + size])
            if reader.ready:
                seen.append((reader.opcode, reader.length, int(reader.fin)))
                skip = reader.length
                reader.next()
        return [*seen, (reader.failure,)]

    assert run(step) == run(64)
