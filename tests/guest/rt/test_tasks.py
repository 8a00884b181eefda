"""guest.rt.tasks: no wake-up is lost among four workers, whatever the generation of the slots."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def test_tokens_go_round(same: Callable) -> None:
    assert same("task_stress").stdout == b"every token went round\n"


@pytest.mark.parametrize("turn", range(5))
def test_tokens_go_round_natively(elf: Callable[[str], Path], turn: int) -> None:
    done = subprocess.run([elf("task_stress")], capture_output=True, timeout=20, check=True)
    assert done.stdout == b"every token went round\n"
