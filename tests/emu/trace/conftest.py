"""Real traces, for the tests of what reads them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
