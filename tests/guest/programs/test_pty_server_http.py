"""pty_server's HTTP side, which is the parent's: nobody waits for anybody else."""

import http.client
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h11
import pytest

PATIENCE = 30
ASSETS = Path(__file__).parents[3] / "fixtures" / "xterm"
PATHS = {
    "/": ("terminal.html", "text/html; charset=utf-8"),
    "/terminal.js": ("terminal.js", "text/javascript; charset=utf-8"),
    "/terminal.css": ("terminal.css", "text/css; charset=utf-8"),
    "/xterm-6.0.0.js": ("xterm.js", "text/javascript; charset=utf-8"),
    "/xterm-6.0.0.css": ("xterm.css", "text/css; charset=utf-8"),
    "/addon-fit-0.11.0.js": ("addon-fit.js", "text/javascript; charset=utf-8"),
    "/licenses.txt": ("LICENSE", "text/plain; charset=utf-8"),
}
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def status_of(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


@pytest.mark.parametrize("path", PATHS)
def test_the_page_and_what_it_asks_for(server: Any, path: str) -> None:
    name, kind = PATHS[path]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 200
    assert response.read() == (ASSETS / name).read_bytes()
    assert response.headers["Content-Type"] == kind
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    kept = re.search(r"\d\.\d", path)
    assert response.headers["Cache-Control"] == (
        "public, max-age=31536000, immutable" if kept else "no-cache"
    )
    assert ("Content-Security-Policy" in response.headers) == (path == "/")
    connection.request("HEAD", path)  # on the same connection
    response = connection.getresponse()
    assert response.status == 200
    assert int(response.headers["Content-Length"]) == (ASSETS / name).stat().st_size
    assert response.read() == b""
    connection.close()


def test_the_page_names_only_paths_that_are_served(server: Any) -> None:
    page = (ASSETS / "terminal.html").read_text()
    names = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert set(names) - {"data:,"} == set(PATHS) - {"/", "/licenses.txt"}
    assert "://" not in page


REQUESTS = {
    "GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n": 404,
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc": 405,
    "GET / HTTP/1.1\r\n\r\n": 400,
    "hello\r\n\r\n": 400,
    "\x16\x03\x01\x02": 400,
    "GET / HTTP/1.1\r\nHost: a\r\nX: " + "y" * 9000 + "\r\n\r\n": 431,
    "GET /" + "y" * 9000 + " HTTP/1.1\r\nHost: a\r\n\r\n": 414,
    "GET / HTTP/2.0\r\nHost: a\r\n\r\n": 505,
    "GET /term HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n": 426,
    "GET /term HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n": 400,
}


@pytest.mark.parametrize("request_text", REQUESTS, ids=lambda text: text[:30].split("\r")[0])
def test_bad_requests(server: Any, request_text: str) -> None:
    assert status_of(server.exchange(request_text.encode("latin-1"))) == REQUESTS[request_text]
    assert server.is_well()


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:{port}", None, 101),
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}", 101),
        ("localhost:{port}", "http://localhost:{port}", 101),
        ("127.0.0.1:{port}", "http://elsewhere.example", 403),
        ("127.0.0.1:{port}", "http://127.0.0.1:1", 403),
        ("127.0.0.1:{port}", "null", 403),
        ("rebound.example:{port}", "http://rebound.example:{port}", 403),
        ("rebound.example:{port}", None, 403),
    ],
)
def test_only_its_own_page_gets_a_terminal(server: Any, host: str, origin: str | None, status: int) -> None:
    client = server.client()
    request = (
        f"GET /term HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n"
    )
    request += f"Origin: {origin}\r\n" if origin else ""
    client.socket.sendall((request + "\r\n").format(port=server.port).encode())
    assert status_of(client.head().encode()) == status


def test_a_request_byte_by_byte(server: Any) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        for byte in GET:
            client.sendall(bytes([byte]))
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_pipelined_requests(server: Any) -> None:
    wanted = ["/", "/xterm-6.0.0.js", "/nothing", "/terminal.js"]
    requests = b"".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for path in wanted)
    reader = h11.Connection(h11.CLIENT)
    statuses, bodies = [], []
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        client.sendall(requests)
        for path in wanted:
            reader.send(h11.Request(method="GET", target=path, headers=[("Host", "a")]))
            reader.send(h11.EndOfMessage())
            body = b""
            while not isinstance(event := reader.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    reader.receive_data(client.recv(65536))
                elif isinstance(event, h11.Response):
                    statuses.append(event.status_code)
                elif isinstance(event, h11.Data):
                    body += event.data
            bodies.append(body)
            reader.start_next_cycle()
    assert statuses == [200, 200, 404, 200]
    assert bodies[1] == (ASSETS / "xterm.js").read_bytes()


def test_silent_and_slow_clients_hold_nobody_up(server: Any) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(20)]
    for client in silent[:10]:
        client.sendall(b"GET / HT")
    begin = time.monotonic()
    assert server.is_well()
    client = server.terminal()
    client.type("echo $((6*7))\n")
    client.wait_for("42\r\n")
    assert time.monotonic() - begin < 5  # a request head may take ten
    for sleeper in silent:
        sleeper.close()


def test_a_client_that_does_not_read_the_large_file_holds_nobody_up(server: Any) -> None:
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.settimeout(PATIENCE)
        lazy.connect(("127.0.0.1", server.port))
        lazy.sendall(b"GET /xterm-6.0.0.js HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert server.is_well()
        data = b""
        while piece := lazy.recv(65536):
            data += piece
    assert data.endswith((ASSETS / "xterm.js").read_bytes())


def test_two_that_are_ready_at_once_are_both_served(server: Any) -> None:
    clients = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(8)]
    for _ in range(5):
        for client in clients:
            client.sendall(GET)
        for client in clients:
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert answer.status == 200
            assert answer.read() == (ASSETS / "terminal.html").read_bytes()
    for client in clients:
        client.close()


def test_no_descriptor_is_left_open(server: Any) -> None:
    if not server.native:
        pytest.skip("looks at processes of this machine")
    folder = Path(f"/proc/{server.process.pid}/fd")
    assert server.is_well()
    before = len(list(folder.iterdir()))
    for request in [*REQUESTS, "", "GET / HTTP/1.1\r\nHost: a\r\n"]:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
            client.sendall(request.encode("latin-1"))
    for _ in range(3):
        client = server.client().open()
        client.close()
    for _ in range(3):
        server.wait_for_log(r"ends \(")
    end = time.monotonic() + PATIENCE
    while len(list(folder.iterdir())) > before and time.monotonic() < end:
        time.sleep(0.02)
    assert len(list(folder.iterdir())) == before


def test_a_head_that_does_not_end_times_out(serve: Callable) -> None:
    server = serve(HEADER_MS=200, IDLE_MS=200, LINGER_MS=100)
    begin = time.monotonic()
    assert status_of(server.exchange(b"GET / HTTP/1.1\r\nHo")) == 408
    assert server.exchange(b"") == b""
    assert server.exchange(GET).startswith(b"HTTP/1.1 200 ")  # closed as nothing follows
    assert time.monotonic() - begin > 0.6


def test_more_connections_than_there_are_places(serve: Callable) -> None:
    server = serve()
    silent = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(140)]
    assert server.is_well()
    for client in silent:
        client.close()
    assert server.is_well()
