"""The viewer's figures: a million events are open soon, every key is answered soon, and memory does not hold the file."""

import subprocess
import sys
from pathlib import Path

import pytest

from emu.viewer.measure import measure

ROOT = Path(__file__).parents[3]
MILLION = 1_000_000


def test_the_measuring_itself(server_trace: Path) -> None:
    figures = measure(server_trace, rounds=1)
    assert 0 < figures.first_screen <= figures.all_read
    assert 0 < figures.key_median <= figures.key_slowest
    assert 20 < figures.memory <= figures.peak_memory < 200


@pytest.mark.slow
def test_a_million_events(tmp_path: Path) -> None:
    """The limits are several times what a quiet machine takes: the figures themselves are the benchmark's."""
    elf, trace = tmp_path / "write.elf", tmp_path / "million.jsonl"
    emu = [sys.executable, "-P", "-m", "emu"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}

    def run(*words: str) -> None:
        subprocess.run([*emu, *words], check=True, env=environment, stdout=subprocess.DEVNULL, timeout=100)

    run("build", str(ROOT / "tools" / "bench_guests" / "write.py"), "-o", str(elf))
    run("trace", "-o", str(trace), str(elf), "--", str(MILLION))
    figures = measure(trace)
    assert figures.first_screen < 5
    assert figures.all_read < 15
    assert figures.key_median < 100
    assert figures.peak_memory < 250
    assert figures.peak_memory < trace.stat().st_size / (1 << 20)
