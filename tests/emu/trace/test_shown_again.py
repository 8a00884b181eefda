"""A saved trace shows exactly what the live trace showed: nothing is lost between a call and the file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.machine import Machine
from emu.trace import Sink
from emu.trace.jsonl import JsonLines
from emu.trace.live import Live
from emu.trace.read import Reader, line
from emu.trace.text import Palette


class Both:
    """A sink that passes everything to two."""

    def __init__(self, one: Sink, other: Sink) -> None:
        self.sinks = (one, other)

    def record(self, record: tuple[Any, ...]) -> None:
        for sink in self.sinks:
            sink.record(record)

    def event(self, event: dict[str, Any]) -> None:
        for sink in self.sinks:
            sink.event(event)

    def flush(self) -> None:
        for sink in self.sinks:
            sink.flush()

    def close(self) -> None:
        for sink in self.sinks:
            sink.close()


@pytest.mark.parametrize(
    "guest",
    [
        "clock_time",
        "files_descriptors",
        "files_vectors",
        "futex_basic",
        "identity_all",
        "mapping_basic",
        "pipes_basic",
        "polling_epoll",
        "polling_poll",
        "signals_state",
        "sockets_options",
        "sockets_unix",
        "threads_state",
    ],
)
def test_saved_and_live_are_the_same(elf: Callable[[str], Path], tmp_path: Path, guest: str) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    with open(tmp_path / "live", "wb") as live:
        sink = Both(Live(live.fileno()), JsonLines(tmp_path / "saved", pytest.fail))
        with Machine(
            elf(guest), stdin=null, stdout=null, stderr=null, trace=sink, say=lambda text: None
        ) as machine:
            machine.run()
    os.close(null)
    shown = (tmp_path / "live").read_text().splitlines()
    assert len(shown) > 50
    assert [line(record, Palette()) for record in Reader(tmp_path / "saved")] == shown
