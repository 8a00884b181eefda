"""guest.rt.origin: who may open a WebSocket."""

import pytest

from guest.rt.origin import host_name, may_connect


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        (b"localhost", b"localhost"),
        (b"localhost:80", b"localhost"),
        (b"[::1]:80", b"[::1]"),
        (b"[::1]", b"[::1]"),
        (b"", b""),
        (b":80", b""),
    ],
)
def test_the_host_without_its_port(authority: bytes, name: bytes) -> None:
    assert bytes(host_name(authority)) == name


@pytest.mark.parametrize(
    ("host", "origin", "trusted"),
    [
        (b"127.0.0.1:8000", b"", True),
        (b"LocalHost:8000", b"", True),
        (b"localhost", b"http://localhost", True),
        (b"localhost:8000", b"http://localhost:8000", True),
        (b"localhost:8000", b"https://localhost:8000", False),
        (b"localhost:8000", b"http://localhost:8001", False),
        (b"localhost:8000", b"http://127.0.0.1:8000", False),
        (b"localhost:8000", b"http://", False),
        (b"localhost:8000", b"null", False),
        (b"elsewhere:8000", b"http://elsewhere:8000", False),
        (b"localhost.elsewhere", b"", False),
        (b"", b"", False),
    ],
)
def test_programs_and_the_servers_own_page_may_connect(host: bytes, origin: bytes, trusted: bool) -> None:
    assert may_connect(host, origin) is trusted
