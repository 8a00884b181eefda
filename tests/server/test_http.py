"""HTTP/1.1 as a client sees it: http.client, curl, and raw bytes in every disorder."""

import http.client
import shutil
import socket
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
INDEX = (ROOT / "fixtures/html/index.html").read_bytes()
TERM = (ROOT / "fixtures/html/term.html").read_bytes()
GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def statuses(reply: bytes) -> list[int]:
    """The status codes of all responses in a stream whose bodies hold no status line."""
    return [int(line.split()[1]) for line in reply.split(b"\n") if line.startswith(b"HTTP/1.1 ")]


def test_pages(server) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for path, kind, body in [
        ("/", "text/html; charset=utf-8", INDEX),
        ("/?query", "text/html; charset=utf-8", INDEX),
        ("/term", "text/html; charset=utf-8", TERM),
        ("/healthz", "text/plain; charset=utf-8", b"ok\n"),
    ]:
        client.request("GET", path)
        response = client.getresponse()
        assert (response.status, response.getheader("Content-Type"), response.read()) == (200, kind, body)
        client.request("HEAD", path)
        response = client.getresponse()
        assert (response.status, response.getheader("Content-Length")) == (200, str(len(body)))
        assert response.read() == b""
    client.close()


def test_the_pages_name_no_third_party() -> None:
    assert b"//" not in INDEX.replace(b"ws://", b"").replace(b"wss://", b"").replace(
        b"location.protocol", b""
    )
    assert b"http" not in (INDEX + TERM).replace(b"https:", b"")


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_curl(server) -> None:
    url = f"http://127.0.0.1:{server.port}/"
    done = subprocess.run(["curl", "-sS", "--max-time", "10", url, url], capture_output=True, check=True)
    assert done.stdout == INDEX + INDEX
    head = subprocess.run(["curl", "-sSI", "--max-time", "10", url], capture_output=True, check=True).stdout
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", 405),
        (b"DELETE /healthz HTTP/1.0\r\n\r\n", 405),
        (b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 426),
        (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: the worst\r\n\r\n", 417),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"\0\1\2\3garbage\xff", 400),
        (b"hello\r\n\r\n", 400),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_errors(server, request_bytes: bytes, status: int) -> None:
    reply = server.exchange(request_bytes)
    assert statuses(reply) == [status]
    assert b"Connection: close\r\n" in reply or b"Connection: upgrade, close\r\n" in reply
    if status == 405:
        assert b"Allow: GET, HEAD\r\n" in reply


def test_bytes_one_at_a_time(server) -> None:
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in GET + LAST:
            client.send(bytes([byte]))
        assert statuses(server.read_all(client)) == [200, 200]


def test_pipelined_requests_are_answered_in_order(server) -> None:
    requests = b"".join(
        b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"/healthz" if i % 3 else b"/nothing") for i in range(300)
    )
    assert statuses(server.exchange(requests + LAST)) == [200 if i % 3 else 404 for i in range(300)] + [200]


def test_bodies_are_read_and_the_connection_kept(server) -> None:
    chunked = b"4;ext=1\r\nabcd\r\n%x\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (5000, b"z" * 5000)
    stream = (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n"
        + b"x" * 30000
        + b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked
        + LAST
    )
    assert statuses(server.exchange(stream)) == [405, 200, 200]


def test_continue_is_sent_before_a_body_that_is_wanted(server) -> None:
    with server.connect() as client:
        client.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc" + LAST)
        assert statuses(server.read_all(client)) == [200, 200]
    refused = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    assert statuses(server.exchange(refused)) == [405]


def test_keep_alive_of_http_1_0(server) -> None:
    with server.connect() as client:
        for _ in range(3):
            client.sendall(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            reply = client.recv(1000)
            assert b"Connection: keep-alive\r\n" in reply
        client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b"Connection: close\r\n" in server.read_all(client)


def test_a_half_closed_client_gets_its_answer(server) -> None:
    with server.connect() as client:
        client.sendall(GET)
        client.shutdown(socket.SHUT_WR)
        assert statuses(server.read_all(client)) == [200]
    with server.connect() as client:
        client.sendall(GET[:20])
        client.shutdown(socket.SHUT_WR)
        assert server.read_all(client) == b""


def test_resets_and_vanishing_clients_leave_nothing_behind(server) -> None:
    before = server.descriptors()
    for size in (0, 10, len(GET), 2000):
        for _ in range(25):
            client = server.connect()
            client.sendall((GET * 60)[:size])
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
    assert server.alive()
    assert server.settles_at(before)


def test_a_client_that_reads_slowly_gets_everything(server) -> None:
    count = 400
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(("127.0.0.1", server.port))
        sender = ThreadPoolExecutor(1)
        sent = sender.submit(client.sendall, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * count + LAST)
        reply = server.read_all(client)
        sent.result()
    assert reply.count(INDEX) == count
    assert reply.endswith(b"ok\n")


def test_hundreds_of_connections_at_once(server) -> None:
    clients = [server.connect() for _ in range(300)]
    for client in clients:
        client.sendall(GET)
    for client in clients:
        assert statuses(client.recv(1000)) == [200]
    for client in reversed(clients):
        client.sendall(LAST)
    for client in clients:
        assert statuses(server.read_all(client)) == [200]
        client.close()
