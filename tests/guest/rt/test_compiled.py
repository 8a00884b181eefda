"""The pure parts of guest.rt, compiled, give byte for byte what they give under CPython."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GUESTS = Path(__file__).parent.parent.parent / "guests"

HTTP_PIECES = [
    b"GET ",
    b"HEAD ",
    b"/ ",
    b"/ws?x ",
    b"HTTP/1.1\r\n",
    b"HTTP/1.0\r\n",
    b"\r\n",
    b"\r",
    b"\n",
    b": ",
    b"\0",
]
HTTP_PIECES += [
    b"Host: a\r\n",
    b"Host: localhost:8\r\n",
    b"Origin: http://localhost:8\r\n",
    b"Content-Length: 3\r\n",
    b"Upgrade: websocket\r\n",
    b"Connection: Upgrade, close\r\n",
]
HTTP_PIECES += [
    b"Sec-WebSocket-Version: 13\r\n",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"\xff",
    b"x",
]
CHUNK_PIECES = [
    b"3\r\n",
    b"abc",
    b"\r\n",
    b"0",
    b"1f;x=y",
    b"\r",
    b"\n",
    b"0\r\n\r\n",
    b"g",
    b"Trailer: x\r\n",
]
FRAME_PIECES = [
    b"\x81\x80",
    b"\x01\x83",
    b"\x80\xfe\x01\x00",
    b"\x82\xff\0\0\0\0\0\1\0\0",
    b"mask",
    b"\x89\x80",
    b"\x88\x82",
]
WORDS = [b"127", b".", b"0", b"1", b"255", b"256", b",", b" upgrade", b"Upgrade", b"99999999"]


def joined(pieces: list[bytes], most: int) -> st.SearchStrategy[bytes]:
    """Pieces in any order."""
    return st.lists(st.sampled_from(pieces), max_size=most).map(b"".join)


DATA = {
    0: st.binary(max_size=150),
    1: st.binary(max_size=60) | st.from_regex(rb"[A-Za-z0-9+/]{22}==", fullmatch=True),
    2: st.binary(max_size=10) | st.text(max_size=8).map(str.encode),
    3: joined(HTTP_PIECES, 14),
    4: joined(CHUNK_PIECES, 10) | st.binary(max_size=20),
    5: joined(FRAME_PIECES, 10) | st.binary(max_size=40),
    6: joined(WORDS, 8),
    7: st.binary(max_size=24),
    8: joined([b"resize:", b"80", b",", b"24", b"1001"], 5)
    | joined([b"localhost", b":8", b"[::1]", b"127.0.0.1", b"http://", b"a"], 6),
}


@pytest.fixture(scope="module")
def cases() -> ModuleType:
    """The cases as CPython sees them."""
    spec = importlib.util.spec_from_file_location("pure_cases", GUESTS / "pure_cases.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["pure_cases"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compiled(elf: Callable[[str], Path]) -> Iterator[Callable[[int, bytes], bytes]]:
    """The cases as the bare CPU sees them."""
    process = subprocess.Popen([str(elf("pure_probe"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout

    def run(case: int, data: bytes) -> bytes:
        process.stdin.write(bytes([case, len(data) >> 8, len(data) & 255]) + data)
        process.stdin.flush()
        size = int.from_bytes(process.stdout.read(2), "big")
        return process.stdout.read(size)

    yield run
    process.stdin.close()
    process.stdout.close()
    assert process.wait(10) == 0


@pytest.mark.parametrize("case", sorted(DATA))
def test_compiled_and_interpreted_agree(
    case: int, cases: ModuleType, compiled: Callable[[int, bytes], bytes]
) -> None:
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(DATA[case])
    def agree(data: bytes) -> None:
        out = bytearray(4096)
        size = cases.run_case(case, data, out)
        assert compiled(case, data) == bytes(out[:size])

    agree()
