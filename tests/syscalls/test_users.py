"""User and group ids and capabilities say the same natively and emulated."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emu.machine import Machine


def test_of_somebody_without_privileges(same: Callable[..., object]) -> None:
    same("users_all")


@pytest.mark.skipif(os.getuid() != 0, reason="the guest has to be root natively, too")
def test_of_root(elf: Callable[[str], Path], native: Callable[..., Any], tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb+") as out:
        machine = Machine(elf("users_all"), ["users_all", "root"], user=(0, 0), stdout=out.fileno())
        status = machine.run()
        out.seek(0)
        done = native("users_all", "root")
        assert out.read().decode() == done.stdout.decode()
        assert status == done.status == 0
