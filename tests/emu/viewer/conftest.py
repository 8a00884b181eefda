"""Saved traces, pages made of them, and the terminal viewer on them."""

import asyncio
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect

from emu.machine import Machine
from emu.viewer import html

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from emu.viewer.app import Viewer

ROOT = Path(__file__).parents[3]

PATIENCE = 60
"""Seconds for what takes less than one on a quiet machine."""


@pytest.fixture(scope="session")
def traced(elf: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The saved trace of a guest of `tests/guests`, run once."""
    folder = tmp_path_factory.mktemp("traces")

    def trace(name: str) -> Path:
        target = folder / f"{name}.jsonl"
        if not target.exists():
            with open(os.devnull, "r+b") as nothing:
                null = nothing.fileno()
                machine = Machine(elf(name), stdin=null, stdout=null, stderr=null)
                machine.trace_to_file(str(target))
                machine.run()
        return target

    return trace


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., Path]:
    """Writes the page of a trace: of a file, or of records that are given."""

    def page(source: Path | list[dict[str, Any]], **options: Any) -> Path:
        if not isinstance(source, Path):
            records, source = source, tmp_path / "trace.jsonl"
            write_trace(source, records)
        target = tmp_path / "page.html"
        html.write(str(source), str(target), **options)
        return target

    return page


def write_trace(path: Path, records: list[dict[str, Any]], **header: Any) -> None:
    """Saves records as a trace."""
    first = {
        "format": "emu trace",
        "version": 1,
        "program": "/srv/guest",
        "argv": ["guest"],
        "pid": 1000,
    } | header
    path.write_text("".join(json.dumps(line) + "\n" for line in (first, *records)))


@pytest.fixture(scope="session")
def server_trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The saved trace of the bundled server with two workers: two requests, one WebSocket with an echo, the end by SIGINT."""
    target = tmp_path_factory.mktemp("server") / "server.jsonl"
    command = [
        sys.executable,
        "-m",
        "emu",
        "trace",
        "--payload",
        "4096",
        "-o",
        str(target),
        "server.elf",
        "--",
        "2",
        "127.0.0.1",
        "0",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment
    ) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        port = int(re.findall(rb":(\d+)/", said)[0])
        for path in ("/", "/nothing"):
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
                while client.recv(65536):
                    pass
        with connect(f"ws://127.0.0.1:{port}/ws", open_timeout=PATIENCE) as session:
            session.send("how are you?")
            assert session.recv(PATIENCE) == "how are you?"
        server.send_signal(signal.SIGINT)
        server.wait(PATIENCE)
    return target


Scenario = Callable[["Viewer", "Pilot[None]"], Awaitable[None]]


@pytest.fixture
def look() -> Callable[..., Any]:
    """Opens a trace in the terminal viewer, waits until it is read, and plays a scenario with its keys and mouse."""
    app, document = (importlib.import_module(f"emu.viewer.{name}") for name in ("app", "document"))

    def play(path: Path, scenario: Scenario, size: tuple[int, int] = (140, 40), **options: Any) -> Any:
        async def run() -> Any:
            viewer = app.Viewer(document.Document(path, follow=options.get("follow", False)), **options)
            async with viewer.run_test(size=size) as pilot:
                await until(lambda: viewer.is_read and not viewer.is_busy)
                await pilot.pause()
                await scenario(viewer, pilot)
            return viewer

        return asyncio.run(run())

    return play


async def until(holds: Callable[[], object]) -> None:
    """Waits until something holds, which it does at once on a quiet machine."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.01)
