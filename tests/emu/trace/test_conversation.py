"""What was said on a connection, from what the trace has kept; gaps are said and never guessed over."""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.trace.conversation import Message, conversation
from emu.trace.lives import lives
from emu.trace.read import Reader

IN, OUT = True, False
HOST = b"Host: a\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def record(
    sequence: int, incoming: bool, data: bytes | None, size: int | None = None, **members: Any
) -> dict[str, Any]:
    """A call that has moved `size` bytes, of which `data` was kept."""
    text = (data or b"").decode("latin-1")
    whole = len(text) if size is None else size
    buf: Any = text if whole == len(text) else {"bytes": text, "size": whole}
    return {
        "event": "syscall", "sequence": sequence, "time": sequence * 10, "duration": 5, "blocked": 0, "pid": 1, "tid": 1,
        "number": 0, "name": "recvfrom" if incoming else "sendto", "registers": [7, 0, 4096, 0, 0, 0],
        "result": whole, "pc": 0, "args": {"fd": 7, "buf": buf, "size": 4096, "flags": "0"},
        "fds": {"fd": "TCP 127.0.0.1:80<-127.0.0.1:5000"}, "objects": {"fd": 3},
    } | members  # fmt: skip


def said(*moves: tuple[Any, ...], **members: Any) -> list[Message]:
    records = [record(number, *move, **members) for number, move in enumerate(moves)]
    return conversation([record(99, IN, b"x", objects={"fd": 4}), *records], 3)


def summaries(messages: Sequence[Message]) -> list[str]:
    return [f"{'<' if one.incoming else '>'} {one.kind}: {one.summary}" for one in messages]


def frame(opcode: int, payload: bytes, *, final: bool = True, mask: bytes = b"", rsv: int = 0) -> bytes:
    size = len(payload)
    if size < 126:
        length = bytes([size | (0x80 if mask else 0)])
    else:
        length = struct.pack(">BH", 126 | (0x80 if mask else 0), size)
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if mask else payload
    return bytes([(0x80 if final else 0) | rsv | opcode]) + length + mask + body


def test_a_request_and_its_response() -> None:
    asked, answered = said((IN, GET), (OUT, OK % 5 + b"hello"))
    assert asked == Message(0, 5, True, "request", "GET / HTTP/1.1", "Host: a", b"", False)
    assert answered.summary == "HTTP/1.1 200 OK, 5 bytes"
    assert answered.detail == "Content-Length: 5\n\nhello"
    assert (answered.data, answered.truncated, answered.sequence) == (b"hello", False, 1)


def test_the_guest_as_client_is_the_same_the_other_way_round() -> None:
    assert summaries(said((OUT, GET), (IN, OK % 0))) == [
        "> request: GET / HTTP/1.1",
        "< response: HTTP/1.1 200 OK",
    ]


def test_in_pieces_and_pipelined() -> None:
    moves = [(IN, GET[at : at + 3]) for at in range(0, len(GET), 3)]
    assert summaries(said(*moves)) == ["< request: GET / HTTP/1.1"]
    post = b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc"
    both = said((IN, post + GET), (OUT, OK % 1 + b"x" + OK % 2 + b"yz"))
    assert summaries(both) == [
        "< request: POST /a HTTP/1.1, 3 bytes", "< request: GET / HTTP/1.1", "> response: HTTP/1.1 200 OK, 1 byte",
        "> response: HTTP/1.1 200 OK, 2 bytes",
    ]  # fmt: skip
    assert both[0].data == b"abc"


def test_framing_follows_from_the_request() -> None:
    head = GET.replace(b"GET", b"HEAD")
    found = said(
        (IN, head), (OUT, OK % 500), (IN, GET), (OUT, b"HTTP/1.1 304 Not Modified\r\n\r\n"), (IN, GET)
    )
    assert [one.kind for one in found] == ["request", "response", "request", "response", "request"]
    continued = said((IN, GET), (OUT, b"HTTP/1.1 100 Continue\r\n\r\n" + OK % 1 + b"x"))
    assert summaries(continued)[1:] == [
        "> response: HTTP/1.1 100 Continue",
        "> response: HTTP/1.1 200 OK, 1 byte",
    ]


def test_chunked_and_until_the_end() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert said((IN, GET), (OUT, chunked + OK % 0))[1].data == b"abcde"
    endless = [record(0, IN, GET), record(1, OUT, b"HTTP/1.0 200 OK\r\n\r\nabc"), record(2, OUT, b"def")]
    end = record(3, OUT, b"", name="shutdown", args={"fd": 7, "how": "SHUT_WR"}, result=0)
    assert [one.data for one in conversation([*endless, end], 3)] == [b"", b"abcdef", b""]


def test_a_gap_in_a_body_of_known_length_is_skipped() -> None:
    body = OK % 1000 + b"x" * 20
    found = said((IN, GET), (OUT, body, len(body) + 980), (IN, GET), (OUT, OK % 2 + b"ok"))
    assert summaries(found) == [
        "< request: GET / HTTP/1.1", "> response: HTTP/1.1 200 OK, 1000 bytes", "< request: GET / HTTP/1.1",
        "> response: HTTP/1.1 200 OK, 2 bytes",
    ]  # fmt: skip
    assert (found[1].truncated, found[1].data) == (True, b"x" * 20)
    assert "980 bytes are not in the trace" in found[1].detail
    assert not found[3].truncated


def test_a_file_sent_by_sendfile_is_a_gap() -> None:
    sent = record(
        2,
        OUT,
        None,
        name="sendfile",
        result=300,
        args={"out_fd": 7},
        fds={},
        objects={"out_fd": 3, "in_fd": 9},
    )
    found = conversation([record(0, IN, GET), record(1, OUT, OK % 300), sent, record(3, OUT, OK % 0)], 3)
    assert summaries(found)[1:] == ["> response: HTTP/1.1 200 OK, 300 bytes", "> response: HTTP/1.1 200 OK"]
    assert found[1].truncated


def test_after_a_gap_of_unknown_extent_there_are_only_bytes() -> None:
    found = said((IN, GET[:20], 200), (IN, GET), (OUT, OK % 5 + b"ab", 1000), (OUT, OK % 0))
    assert summaries(found) == [
        "< error: an incomplete head, and 180 bytes that the trace has not kept", "< bytes: 180 bytes",
        f"< bytes: {len(GET)} bytes", "> response: HTTP/1.1 200 OK, 5 bytes", "> bytes: 957 bytes",
        f"> bytes: {len(OK % 0)} bytes",
    ]  # fmt: skip
    assert [one.truncated for one in found] == [True, True, False, True, True, False]


def test_what_is_no_http_is_said() -> None:
    found = said(
        (IN, b"GET / HTTP/1.1\r\nHost a\r\n\r\n"), (IN, b"more"), (OUT, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    )
    assert found[0].kind == "error"
    assert "no HTTP" in found[0].summary
    assert found[0].data == b"GET / HTTP/1.1\r\nHost a\r\n\r\n"
    assert summaries(found)[1:] == ["< bytes: 4 bytes", "> response: HTTP/1.1 400 Bad Request"]
    cut = said((IN, GET[:-2]))
    assert summaries(cut) == ["< error: an incomplete head: it ends here"]


def test_websocket_frames() -> None:
    masked = frame(1, b"hello", mask=b"\1\2\3\4")
    found = said(
        (IN, UPGRADE),
        (OUT, SWITCH + frame(9, b"")),
        (IN, masked[:4]),
        (IN, masked[4:] + frame(8, b"\x03\xe8bye")),
    )
    assert summaries(found) == [
        "< request: GET /ws HTTP/1.1", "> response: HTTP/1.1 101 Switching Protocols", "> websocket: ping",
        "< websocket: text 'hello'", "< websocket: close 1000 'bye'",
    ]  # fmt: skip
    assert (found[3].data, found[3].sequence) == (b"hello", 2)


def test_fragments_and_control_frames_between_them() -> None:
    parts = (
        frame(1, b"one ", final=False) + frame(10, b"x") + frame(0, b"two ", final=False) + frame(0, b"three")
    )
    found = said((IN, UPGRADE), (OUT, SWITCH), (IN, parts))[2:]
    assert [one.summary for one in found] == [
        "text 4 bytes, first part", "pong 1 byte", "continuation 4 bytes, next part", "continuation 5 bytes, last part",
    ]  # fmt: skip
    assert found[-1].detail == "one two three"


def test_compressed_messages() -> None:
    extension = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)

    def packed(text: bytes) -> bytes:
        return frame(1, (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv=0x40)

    switch = SWITCH[:-2] + extension
    found = said(
        (IN, UPGRADE), (OUT, switch), (IN, packed(b"hello hello hello")), (IN, packed(b"hello hello"))
    )
    assert [one.data for one in found[2:]] == [b"hello hello hello", b"hello hello"]
    assert "permessage-deflate" in found[2].summary
    bomb = said((IN, UPGRADE), (OUT, switch), (IN, frame(2, zlib.compress(bytes(1 << 25))[2:-4], rsv=0x40)))
    assert "compressed" in bomb[2].summary
    assert len(bomb[2].data) < 1 << 20


def test_gaps_in_frames() -> None:
    long = frame(2, bytes(300))
    found = said(
        (IN, UPGRADE),
        (OUT, SWITCH),
        (IN, long[:100], 304),
        (IN, frame(1, b"a")),
        (IN, long[:100], 400),
        (IN, b"b"),
    )
    assert summaries(found)[2:] == [
        "< websocket: binary 300 bytes", "< websocket: text 'a'", "< websocket: an incomplete frame, 100 bytes",
        "< bytes: 300 bytes", "< bytes: 1 byte",
    ]  # fmt: skip
    assert found[2].truncated
    assert len(found[2].data) == 96


def test_wrong_frames_are_named() -> None:
    wrong = frame(3, b"") + frame(9, bytes(130)) + frame(0, b"x") + frame(1, b"y", rsv=0x20)
    found = [one.summary for one in said((IN, UPGRADE), (OUT, SWITCH), (IN, wrong))[2:]]
    assert ["wrong: " in one for one in found] == [True] * 4


def test_other_upgrades_and_tunnels_go_on_as_bytes() -> None:
    other = SWITCH.replace(b"WebSocket", b"h2c")
    assert [one.kind for one in said((IN, UPGRADE), (OUT, other), (IN, b"PRI"), (OUT, b"x"))[2:]] == [
        "bytes",
        "bytes",
    ]
    connect = b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n"
    assert [one.kind for one in said((IN, connect), (OUT, OK[:17] + b"\r\n"), (IN, GET), (OUT, OK % 0))] == [
        "request", "response", "bytes", "bytes",
    ]  # fmt: skip


def test_bytes_datagrams_and_ends() -> None:
    found = said((IN, b"hello\n"), (OUT, b"\0\1"))
    assert [one.detail for one in found] == [
        "hello\n",
        "000000  00 01                                            ..",
    ]
    packets = said((IN, GET), (IN, b""), fds={"fd": "UDP 127.0.0.1:53"})
    assert summaries(packets) == [f"< bytes: {len(GET)} bytes", "< bytes: 0 bytes"]
    reset = record(5, IN, None, result=-104, error="ECONNRESET")
    closed = record(6, OUT, None, name="close", result=0, args={"fd": 7})
    assert [one.kind for one in conversation([record(0, IN, b"G"), record(1, IN, b""), reset, closed], 3)] == [
        "bytes", "end", "error", "end",
    ]  # fmt: skip


def test_the_bundled_server(traced_server: Path) -> None:
    records = list(Reader(traced_server))
    kinds = [
        [one.kind for one in conversation(records, life.object)]
        for life in lives(records)
        if "<-" in life.kind_text
    ]
    assert ["request", "response"] in [found[:2] for found in kinds]
    web = next(found for found in kinds if "websocket" in found)
    assert web.count("websocket") >= 6  # a text and its echo, ping and pong, close and close
    assert not {"error", "bytes"} & {kind for found in kinds for kind in found}


@pytest.fixture(scope="session")
def traced_server(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue("conversation")
    return path


PIECES = [
    GET,
    UPGRADE,
    SWITCH,
    OK % 3,
    b"abc",
    frame(1, b"x", mask=b"abcd"),
    frame(0, b"y"),
    b"\r\n",
    b"HTTP/1.1 ",
]


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from(PIECES) | st.binary(max_size=40),
            st.sampled_from([0, 0, 0, 1, 7, 1 << 40]),
        ),
        max_size=12,
    )
)
def test_hostile_bytes_never_raise_and_gaps_are_said(moves: list[tuple[bool, bytes, int]]) -> None:
    records = [
        record(number, incoming, data, len(data) + lost)
        for number, (incoming, data, lost) in enumerate(moves)
    ]
    found = conversation(records, 3)
    assert [one.sequence for one in found] == sorted(one.sequence for one in found)
    if any(lost for *_, lost in moves if lost):
        assert any(one.truncated for one in found) or all(
            len(data) + lost > 0x7FFFF000 for _, data, lost in moves if lost
        )


@given(
    st.dictionaries(
        st.sampled_from(["buf", "iov", "msg", "msgvec", "flags"]),
        st.none()
        | st.integers()
        | st.text()
        | st.just({"bytes": 1})
        | st.lists(st.none() | st.dictionaries(st.text(), st.none())),
    )
)
def test_hostile_arguments_never_raise(args: dict[str, Any]) -> None:
    for name in ("recvfrom", "sendmsg", "recvmmsg", "writev", "shutdown", "close"):
        conversation([record(0, IN, b"", name=name, args=args, result=3)], 3)
