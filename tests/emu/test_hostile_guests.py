"""A guest may call anything with anything: the bench answers or ends the guest, and is itself unharmed."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emu.machine import Machine
from emu.trace.jsonl import JsonLines
from emu.trace.read import Reader
from syscalls import numbers

SECONDS = 1.5


def host_fds() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@contextmanager
def null() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDWR)
    try:
        yield fd
    finally:
        os.close(fd)


def run_hostile(elf: Path, trace: Path, *args: str) -> int:
    """Runs the guest for a few seconds at the most (its calls may wait for ever) and returns its status."""
    said: list[str] = []
    with null() as fd:
        sink = JsonLines(trace, said.append)
        with Machine(
            elf, ["hostile", *args], stdin=fd, stdout=fd, stderr=fd, trace=sink, memory_limit=1 << 28,
            say=said.append, net="none",
        ) as machine:  # fmt: skip
            machine.start()
            try:
                status = machine.wait(SECONDS).shell_status
            except TimeoutError:
                status = machine.stop().shell_status
        sink.close()
    assert not any("Traceback" in line or "internal error" in line for line in said)
    return status


@pytest.mark.parametrize("seed", range(24))
def test_random_calls_with_random_arguments(elf: Callable[[str], Path], tmp_path: Path, seed: int) -> None:
    program = elf("hostile")
    before = host_fds()
    status = run_hostile(program, tmp_path / "trace.jsonl", str(seed), "400")
    assert status == 0 or status > 128
    assert host_fds() == before
    for _ in Reader(tmp_path / "trace.jsonl"):
        pass  # every line that was written can be read back


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in numbers.NAMES.values() if name not in ("exit", "exit_group")]
)
def test_each_call_with_hostile_arguments(elf: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    number = getattr(numbers, name)
    before = host_fds()
    status = run_hostile(elf("hostile"), tmp_path / "trace.jsonl", str(number), "150", str(number))
    assert status == 0 or status > 128
    assert host_fds() == before
