"""The clients of part `soak`: HTTP requests, terminals over WebSockets, and many connections at once. Plain sockets of one process."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable

PING, PONG = b"PING\r\n", b"+PONG\r\n"
"""What redis-server is asked, and answers."""
CLOSING = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
MASKED_EXIT = b"\x82\x85\0\0\0\0exit\n"
"""A binary frame with what a person would type; a mask of zeros (RFC 6455 section 5.2)."""
ANSWER_LIMIT = 60.0
"""Seconds that an answer may take."""
AT_ONCE = 8


def connect(port: int) -> socket.socket:
    """A connection to a server of this machine."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_LIMIT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def load_http(port: int, seconds: float) -> int:
    """Rounds of new connections with one request each, for so long; returns how many were answered right. ConnectionError at a wrong answer."""
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        connections = [connect(port) for _ in range(AT_ONCE)]
        for connection in connections:
            connection.sendall(CLOSING)
        for connection in connections:
            answer = b""
            while part := connection.recv(4096):
                answer += part
            connection.close()
            if not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"ok\n")):
                raise ConnectionError(f"not the answer: {answer[:80]!r}")
            count += 1
    return count


def load_terminals(port: int, seconds: float) -> int:
    """Opens terminals one after the other, ends the shell of each by `exit`, and hears its close; returns how many."""
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        with connect(port) as connection:
            connection.sendall(
                f"GET /term HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            heard = b""
            sent = False
            while part := connection.recv(4096):
                heard += part
                if not sent and heard.partition(b"\r\n\r\n")[2]:
                    connection.sendall(MASKED_EXIT)
                    sent = True
                if b"exit status 0" in heard:
                    break
            if b"exit status 0" not in heard:
                raise ConnectionError(f"no end of the shell: {heard[-80:]!r}")
            count += 1
    return count


def hold_connections(port: int, count: int, look: Callable[[], int]) -> tuple[int, int]:
    """Opens so many connections, has one request answered on each, looks at the server when all are open, and closes them.

    Returns how many were answered, and what `look` returned. Raises the limit of open files as far as it goes.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections: list[socket.socket] = []
    answered = 0
    try:
        for _ in range(count):
            connection = connect(port)
            connections.append(connection)
            connection.sendall(PING)
            answered += connection.recv(64) == PONG
        # Once more on the first and the last: the server still knows all.
        for connection in (connections[0], connections[-1]):
            connection.sendall(PING)
            answered -= connection.recv(64) != PONG
        return answered, look()
    finally:
        for connection in connections:
            connection.close()
