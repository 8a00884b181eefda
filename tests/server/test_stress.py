"""Many requests at once, over and over: no lost wake-up, no reply to the wrong client, nothing stuck."""

import random
import socket
import threading
from collections.abc import Callable

import pytest

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work(i)` in `count` threads; the first failure is raised."""
    failures: list[BaseException] = []

    def run(i: int) -> None:
        try:
            work(i)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_one_connection_each(serve: Callable, workers: int) -> None:
    server = serve(workers)

    def work(_: int) -> None:
        for _ in range(150):
            assert server.exchange(b"GET / HTTP/1.0\r\n\r\n").endswith(b"</html>\n")

    in_threads(8, work)
    assert server.alive()


@pytest.mark.parametrize("workers", [0, 2, 4])
def test_connections_that_stay(serve: Callable, workers: int) -> None:
    server = serve(workers)

    def work(seed: int) -> None:
        chance = random.Random(seed)
        clients = [server.connect() for _ in range(5)]
        for _ in range(150):
            client = chance.choice(clients)
            depth = chance.randrange(1, 4)
            client.sendall(REQUEST * depth)
            data = b""
            while data.count(b"ok\n") < depth:
                piece = client.recv(65536)
                assert piece
                data += piece
        for client in clients:
            client.close()

    in_threads(8, work)
    assert server.alive()


def test_comings_and_goings(serve: Callable) -> None:
    """Half of the clients leave in the middle of something; the others must not notice."""
    server = serve(4)

    def rude(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(100):
            client = server.connect()
            client.sendall((REQUEST * 3)[: chance.randrange(len(REQUEST) * 3)])
            if chance.random() < 0.5:
                client.shutdown(socket.SHUT_WR)
            client.close()

    def polite(_: int) -> None:
        for _ in range(100):
            with server.connect() as client:
                client.sendall(REQUEST)
                assert client.recv(1000).endswith(b"ok\n")

    in_threads(8, lambda i: rude(i) if i % 2 else polite(i))
    assert server.alive()
