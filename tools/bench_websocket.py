"""A lean WebSocket client process: sends one message on each connection, checks its echo, sends the next.

    python bench_websocket.py HOST PORT CONNECTIONS SECONDS

Prints one JSON object: echoes, seconds, and the share of that time in which this process was busy itself. The frames are
made beforehand and the answers compared as bytes, so that the client costs as little as a Python process can.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time

PATH = "/ws"
PAYLOAD = b"an echo of thirty-two bytes, yes"
MASK = bytes((0x37, 0xFA, 0x21, 0x3D))
TEXT_FINAL = 0x81  # RFC 6455 section 5.2: FIN and opcode 1
ECHO_LIMIT = 5.0  # seconds without any echo before the server counts as stuck


def masked_frame(payload: bytes) -> bytes:
    """A whole text frame from a client, of fewer than 126 bytes (RFC 6455 section 5.2)."""
    body = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes((TEXT_FINAL, 0x80 | len(payload))) + MASK + body


def plain_frame(payload: bytes) -> bytes:
    """The frame with which a server echoes it."""
    return bytes((TEXT_FINAL, len(payload))) + payload


def connect(host: str, port: int) -> socket.socket:
    """A connection on which the opening handshake is done; ConnectionError when the server does not upgrade."""
    connection = socket.create_connection((host, port), timeout=ECHO_LIMIT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(
        f"GET {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = connection.recv(4096)
        if not part:
            break
        answer += part
    # The accept value of RFC 6455 section 1.3 for the key above.
    if b" 101 " not in answer.split(b"\r\n")[0] or b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" not in answer:
        raise ConnectionError(f"no WebSocket at {PATH}: {answer[:80]!r}")
    if not answer.endswith(b"\r\n\r\n"):
        raise ConnectionError(f"bytes after the handshake that nobody asked for: {answer[-40:]!r}")
    connection.setblocking(False)
    return connection


def echoes(connections: dict[int, socket.socket], seconds: float) -> int:
    """Keeps one message under way on every connection for so long; returns how many came back whole and right.

    None is under way at the end. Raises ConnectionError at a wrong, missing or late echo.
    """
    message, expected = masked_frame(PAYLOAD), plain_frame(PAYLOAD)
    answer = bytearray(len(expected))
    parts: dict[int, bytes] = {}
    count = 0
    poller = select.epoll()
    for fd, connection in connections.items():
        poller.register(fd, select.EPOLLIN)
        connection.send(message)
    under_way = len(connections)
    deadline = time.perf_counter() + seconds
    while under_way:
        ready = poller.poll(ECHO_LIMIT)
        if not ready:
            raise ConnectionError(f"no echo for {ECHO_LIMIT:.0f} s after {count}")
        more = time.perf_counter() < deadline
        for fd, _ in ready:
            connection = connections[fd]
            size = connection.recv_into(answer)
            if size != len(expected) or fd in parts:
                whole = parts.pop(fd, b"") + bytes(answer[:size])
                if not size or not expected.startswith(whole):
                    raise ConnectionError(f"not the echo: {whole!r}")
                if whole != expected:
                    parts[fd] = whole
                    continue
            elif answer != expected:
                raise ConnectionError(f"not the echo: {bytes(answer)!r}")
            count += 1
            if more:
                connection.send(message)
            else:
                under_way -= 1
    poller.close()
    return count


def main() -> int:
    """Connects, measures, prints."""
    host, port, number, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    connections = {}
    for _ in range(number):
        connection = connect(host, port)
        connections[connection.fileno()] = connection
    echoes(connections, seconds / 10)  # to warm up
    busy = time.process_time()
    begin = time.perf_counter()
    count = echoes(connections, seconds)
    took = time.perf_counter() - begin
    busy = time.process_time() - busy
    print(json.dumps({"echoes": count, "seconds": took, "busy": busy / took}))
    for connection in connections.values():
        connection.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ConnectionError, TimeoutError) as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        sys.exit(1)
