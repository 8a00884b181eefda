"""pty_server among clients that make no sense: whatever they send, and however they leave, the server is well and nothing is left."""

import random
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

PATIENCE = 30
CLIENTS = 4
ROUNDS = 30


def nonsense(choose: random.Random, client: Any) -> bytes:
    """A frame, mostly a proper one."""
    opcode = choose.choice([0, 1, 2, 2, 2, 2, 8, 9, 10, choose.randrange(16)])
    size = choose.choice([0, 2, 125, 126] if opcode >= 8 else [0, 1, 5, 125, 126, 1000, 70000])
    payload = choose.choice([b"resize:80,24", b"pause", b"resume", choose.randbytes(size), b"x" * size])
    frame = client.frame(opcode, payload, fin=choose.random() < 0.8, masked=choose.random() < 0.98)
    return bytes(frame)


def visit(server: Any, request: bytes, seed: int) -> None:
    """One client: garbage, or a request with faults, or a session of frames in pieces; then it leaves in some manner."""
    choose = random.Random(seed)
    client = server.client()
    try:
        kind = choose.randrange(5)
        data = choose.randbytes(choose.randrange(5000))
        if kind == 1:
            faulty = bytearray(request)
            for _ in range(3):
                faulty[choose.randrange(len(faulty))] = choose.randrange(256)
            data = bytes(faulty)
        elif kind > 1:
            data = request + b"".join(nonsense(choose, client) for _ in range(choose.randrange(1, 30)))
        while data and choose.random() > 0.02:
            size = choose.choice([10, 1000, 100000])
            client.socket.sendall(data[:size])
            data = data[size:]
        client.socket.settimeout(choose.choice([0.01, 0.1]))
        for _ in range(choose.randrange(1, 50)):
            if not client.socket.recv(65536):
                break
        if choose.random() < 0.3:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # it was refused, or thrown out
    client.close()


def test_clients_that_make_no_sense(serve: Callable) -> None:
    server = serve("/bin/cat", PING_MS=1000, LINGER_MS=300)
    request = server.client().request()

    def visits(number: int) -> None:
        for turn in range(ROUNDS):
            visit(server, request, number * ROUNDS + turn)

    clients = [threading.Thread(target=visits, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert server.is_well()
    assert server.stop() == 0
    rest = server.rest_of_log()
    began, ended = rest.count(" begins "), rest.count(" ends (")
    assert began == ended > 40
    assert "status" not in rest
