"""The system calls of requests, compared with lists that people have read: the same in every run, with every seed."""

import socket
from typing import Any

import pytest

REQUEST = b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def ask(guest: Any, path: bytes = b"/healthz") -> bytes:
    """One request on a connection of its own: the reply."""
    with guest.connect() as client:
        client.sendall(REQUEST % path)
        reply = b""
        while piece := client.recv(65536):
            reply += piece
    return reply


@pytest.fixture(params=[0, 1, 4])
def workers(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_request(emu: Any, workers: int, seed: int) -> None:
    guest = emu.start("server", workers, "127.0.0.1", 0, seed=seed)
    assert ask(guest).endswith(b"\r\n\r\nok\n")
    guest.stop()
    guest.trace.matches_golden(f"one_request_{workers}_workers")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_connection(emu: Any, workers: int, seed: int) -> None:
    """Whoever serves them, and whatever else happens: what is done for one client is the same."""
    guest = emu.start("server", workers, "127.0.0.1", 0, seed=seed)
    ask(guest)
    begin = guest.trace.mark()
    for _ in range(3):
        assert ask(guest, b"/nowhere").startswith(b"HTTP/1.1 404 ")
    requests = guest.trace.only(since=begin)
    requests.each_fd("TCP", opened_by="accept4").is_closed()
    requests.matches_golden("not_found", by="fd")


def test_what_certainly_happens(emu: Any, workers: int) -> None:
    guest = emu.start("server", workers, "127.0.0.1", 0)
    clients = [guest.connect() for _ in range(5)]
    for client in clients:
        client.sendall(REQUEST % b"/")
    for client in clients:
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    trace = guest.trace
    trace.expect("socket -> bind -> listen -> accept4", same_fd=True)
    each = trace.each_fd("TCP", opened_by="accept4")
    each.is_closed()
    each.expect('recvfrom(buf="GET / HTTP/1.1*") -> sendto(buf="HTTP/1.1 200 OK*") -> close')
    each.expect("accept4 -> recvfrom -> ... -> sendto -> ... -> close", exactly=True)
    each.never("sendto = EPIPE")
    trace.never("sendto|recvfrom|close").after("close", same_fd=True)
    trace.never("%network = EBADF").at_all()
    assert trace.count("accept4 >= 0") == len(clients)
    assert {call.error for call in trace.errors()} <= {"EAGAIN"}


def test_who_leaves_early_costs_nothing(emu: Any, workers: int) -> None:
    guest = emu.start("server", workers, "127.0.0.1", 0)
    leaver = guest.connect()
    leaver.sendall(b"GET / HT")
    leaver.shutdown(socket.SHUT_WR)
    guest.trace.expect("accept4 -> recvfrom > 0 -> recvfrom = 0 -> close", same_fd=True)
    guest.trace.never("sendto").at_all()
