"""Where resources end: time-outs, task slots, descriptors; and that nothing grows."""

import http.client
import random
import resource
import socket
import time
from collections.abc import Callable

import pytest
from websockets.sync.client import connect

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def closed_after(client: socket.socket) -> tuple[float, bytes]:
    """Seconds until the server closed, and what it sent before."""
    began = time.monotonic()
    data = b""
    while piece := client.recv(65536):
        data += piece
    return time.monotonic() - began, data


@pytest.mark.parametrize("workers", [0, 2])
def test_silent_and_slow_clients_time_out(serve: Callable, workers: int) -> None:
    server = serve(workers, HEADER_MS=300, IDLE_MS=150, BODY_MS=200, LINGER_MS=100)
    began = time.monotonic()
    with server.connect() as client:  # says nothing
        took, data = closed_after(client)
        assert time.monotonic() - began > 0.25
        assert took < 3
        assert data == b""
    with server.connect() as client:  # one byte now and then does not help
        began = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011, PT012
            for _ in range(100):
                client.sendall(b"G")
                time.sleep(0.05)
        assert time.monotonic() - began < 3
    with server.connect() as client:
        client.sendall(b"GET / HT")
        took, data = closed_after(client)
        assert data.startswith(b"HTTP/1.1 408 ")
        assert took < 3
    with server.connect() as client:  # idle between requests
        client.sendall(HEALTH)
        assert client.recv(1000).endswith(b"ok\n")
        took, data = closed_after(client)
        assert took < 3
        assert data == b""
    with server.connect() as client:  # stuck in its body
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        took, data = closed_after(client)
        assert data.startswith(b"HTTP/1.1 408 ")
        assert took < 3


def test_a_client_that_does_not_read_times_out(serve: Callable) -> None:
    server = serve(2, SEND_MS=300)
    before = server.descriptors()
    with server.connect() as client:
        client.settimeout(3)
        with pytest.raises(OSError):  # noqa: PT011, PT012
            while True:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
    assert server.alive()
    assert server.settles_at(before)


@pytest.mark.parametrize("workers", [0, 4])
def test_more_connections_than_slots_are_refused_not_dropped(serve: Callable, workers: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1200 and hard != resource.RLIM_INFINITY:
        pytest.skip("too few descriptors for this test")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    clients = []
    try:
        server = serve(workers, descriptors=1400)
        clients = [server.connect() for _ in range(1100)]
        for client in clients:
            client.sendall(HEALTH)
        replies = [client.recv(1000) for client in clients]
        served = sum(reply.startswith(b"HTTP/1.1 200 ") for reply in replies)
        refused = sum(reply.startswith(b"HTTP/1.1 503 ") for reply in replies)
        assert served + refused == 1100
        slots = 1024 if workers else 1023
        assert (
            served == slots if server.native else 900 < served <= slots
        )  # the bench limits descriptors itself
        for client in clients:
            client.close()
        clients.clear()
        assert server.recovers()
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("workers", [0, 4])
def test_running_out_of_descriptors(serve: Callable, workers: int) -> None:
    server = serve(workers, descriptors=30)
    clients = [server.connect() for _ in range(60)]
    for client in clients:
        client.sendall(HEALTH)
    replies = [client.recv(1000)[:13] for client in clients]
    assert set(replies) == {b"HTTP/1.1 200 ", b"HTTP/1.1 503 "}
    for client in clients:
        client.close()
    assert server.recovers()


def test_more_memory_asked_for_than_there_is(serve: Callable) -> None:
    """Heads of nearly 8 KiB on as many connections as there are; some may be refused, all are answered."""
    server = serve(4, apart=True)  # as many descriptors again would be too many for one process
    clients = [server.connect() for _ in range(900)]
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 8000
    for client in clients:
        client.sendall(head[:7000])
    for client in clients:
        client.sendall(head[7000:])
    for client in clients:
        client.sendall(b"\r\n\r\n")
    replies = {client.recv(1000)[:13] for client in clients}
    assert replies <= {b"HTTP/1.1 200 ", b"HTTP/1.1 503 "}
    for client in clients:
        client.close()
    assert server.alive()


def test_garbage_of_every_kind(serve: Callable) -> None:
    server = serve(2)
    chance = random.Random(1)
    pieces = [
        b"GET / HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"\r\n",
        b"Content-Length: 9\r\n",
        b"Upgrade: websocket\r\n",
    ]
    pieces += [
        b"Transfer-Encoding: chunked\r\n",
        b"5\r\nabcde\r\n",
        b"0\r\n\r\n",
        b"\x81\x85mask",
        b"\x88\x80mask",
        b"\0",
    ]
    pieces += [
        b"Connection: Upgrade\r\n",
        b"Sec-WebSocket-Version: 13\r\n",
        b"GET /ws HTTP/1.1\r\nHost: a\r\n",
    ]
    pieces += [b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"Expect: 100-continue\r\n", b"x" * 3000]
    for _ in range(300):
        with server.connect() as client:
            parts = [chance.choice(pieces) for _ in range(chance.randrange(1, 12))]
            if chance.random() < 0.3:
                parts.append(chance.randbytes(chance.randrange(200)))
            client.sendall(b"".join(parts))
            if chance.random() < 0.5:
                client.shutdown(socket.SHUT_WR)
                server.read_all(client)
    assert server.alive()


def test_memory_stays_constant(serve: Callable) -> None:
    server = serve(4, apart=True)
    count, growth = (
        (20_000, 128 << 10) if server.native else (5_000, 2 << 20)
    )  # emulated: the bench's own memory
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

    def requests(count: int) -> None:
        for _ in range(count):
            client.request("GET", "/")
            client.getresponse().read()
        for _ in range(count // 10):
            assert server.exchange(b"GET / HTTP/1.0\r\n\r\n")
        for i in range(count // 100):
            message = bytes(i % 10 * 10_000)
            with connect(f"ws://127.0.0.1:{server.port}/ws", compression=None, proxy=None) as peer:
                peer.send(message)
                assert peer.recv() == message

    requests(1)  # answered, so accepted
    descriptors = server.descriptors()
    requests(2000)
    memory = server.memory()
    requests(count)
    assert server.memory() <= memory + growth
    standing = 0 if server.native else 1  # a set that is polled again and again becomes an epoll of the bench
    assert server.settles_at(descriptors + standing)
