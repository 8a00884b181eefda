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
from emu.trace.order import Order


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


class Script:
    """Records as a run writes them: `call` one that is complete at once, `begin` and `end` one that waits."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.now = 0
        self.sequence = 0

    def begin(
        self, tid: int, name: str, args: Any = None, objects: Any = None, **members: Any
    ) -> dict[str, Any]:
        self.now += 10
        record = {
            "event": "syscall", "sequence": self.sequence, "time": self.now, "duration": 1, "blocked": 0, "pid": 1000,
            "tid": tid, "number": 60 if name == "exit" else 1, "name": name, "registers": [0, 0, 4096, 0, 0, 0],
            "result": 0, "pc": 0, "args": args or {}, "objects": objects or {}, "fds": {},
        } | members  # fmt: skip
        self.sequence += 1
        return record

    def end(self, record: dict[str, Any], result: int | None = 0, **members: Any) -> int:
        self.now += 10
        waited = self.now - record["time"]
        self.records.append(record | {"result": result, "duration": waited, "blocked": waited - 2} | members)
        return int(record["sequence"])

    def call(
        self,
        tid: int,
        name: str,
        result: int | None = 0,
        args: Any = None,
        objects: Any = None,
        **members: Any,
    ) -> int:
        record = self.begin(tid, name, args, objects, result=result, **members)
        self.records.append(record)
        return int(record["sequence"])

    def event(self, event: str, pid: int = 1000, **members: Any) -> None:
        self.now += 10
        self.records.append({"event": event, "time": self.now, "pid": pid} | members)

    # What tests do over and over

    def fork(self, child: int, maker: int = 1000, name: str = "fork", **members: Any) -> int:
        self.event("process_start", child, tid=child, parent=maker, **members)
        return self.call(maker, name, child, pid=maker, number=57)

    def ends(self, pid: int, code: int = 0) -> int:
        sequence = self.call(pid, "exit_group", None, {"error_code": code}, pid=pid, number=231)
        self.event("process_end", pid, code=code, signal=None)
        return sequence

    def pipe(self, read: int = 1, write: int = 2, flags: str = "0") -> int:
        return self.call(
            1000, "pipe2", 0, {"pipefd": [3, 4], "flags": flags}, {"pipefd": {"3": read, "4": write}}
        )

    def pair(self, kind: str = "SOCK_STREAM") -> int:
        return self.call(1000, "socketpair", 0, {"sv": [3, 4], "type": kind}, {"sv": {"3": 1, "4": 2}})

    def eventfd(self, count: int = 0, flags: str = "0") -> int:
        return self.call(1000, "eventfd2", 3, {"count": count, "flags": flags}, {"result": 1})

    def write(self, tid: int, object: int, size: int = 1, **members: Any) -> int:
        return self.call(tid, "write", size, objects={"fd": object}, **members)

    def read(self, tid: int, object: int, size: int = 1, **members: Any) -> int:
        return self.call(tid, "read", size, objects={"fd": object}, **members)

    def edges(self) -> list[tuple[int, int, str]]:
        return [tuple(edge) for edge in Order(self.records).edges()]


@pytest.fixture
def run() -> Script:
    """Records to be made up."""
    return Script()


@pytest.fixture(scope="session")
def scripts() -> type[Script]:
    """The same for tests that make up many."""
    return Script
