"""Real traces, for the tests of what reads them."""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from emu.machine import Machine


@pytest.fixture(scope="session")
def traced(elf: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Runs `tests/guests/NAME.py` once a session (and set of options of `Machine`); returns the trace's path."""
    folder = tmp_path_factory.mktemp("traces")
    known: dict[str, Path] = {}

    def trace(name: str, **options: Any) -> Path:
        key = f"{name}{''.join(f'-{option}-{value}' for option, value in options.items())}"
        if key not in known:
            path = folder / f"{key}.jsonl"
            null = os.open(os.devnull, os.O_RDWR)
            with Machine(
                elf(name), stdin=null, stdout=null, stderr=null, say=lambda text: None, **options
            ) as machine:
                machine.trace_to_file(str(path))
                machine.run()
            os.close(null)
            known[key] = path
        return known[key]

    return trace


@pytest.fixture(scope="session")
def conversation(elf: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace of the bundled server with an HTTP client and a WebSocket client, payloads kept whole."""
    path = tmp_path_factory.mktemp("pcapng") / "server.jsonl"
    reading, writing = os.pipe()
    with Machine(
        elf("server"), ["server.elf", "2", "127.0.0.1", "0"], stdin=None, stdout=writing, stderr=writing,
        payload_limit=65536, time_limit=60, say=lambda text: None,
    ) as machine:  # fmt: skip
        machine.trace_to_file(str(path))
        machine.start()
        said = b""
        while b"workers" not in said:
            said += os.read(reading, 1000)
        found = re.search(rb":(\d+)/", said)
        assert found
        port = int(found[1])
        with socket.create_connection(("127.0.0.1", port), 30) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while client.recv(65536):
                pass
        with connect(f"ws://127.0.0.1:{port}/ws", compression=None, open_timeout=30) as web:
            web.send("hello")
            assert web.recv(timeout=30) == "hello"
            assert web.ping().wait(30)
        machine.stop()
    os.close(reading)
    os.close(writing)
    return path
