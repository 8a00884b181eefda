"""Little programs do natively what their `# => line` comments say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import guest.compiler

PROGRAMS = Path(__file__).parent / "programs"
NAMES = sorted(item.stem for item in PROGRAMS.glob("*.py") if item.stem != "prelude")


@pytest.mark.parametrize("opt", ["s", "2"])
@pytest.mark.parametrize("name", NAMES)
def test_program(name: str, opt: str, execute: Callable[[bytes], object]) -> None:
    file = PROGRAMS / f"{name}.py"
    expected = re.findall(r"# => (.*)", file.read_text())
    result = execute(guest.compiler.build(file, opt=opt))
    assert result.stderr == b""
    assert result.stdout.decode().splitlines() == expected
    assert result.returncode == (7 if name == "lowlevel" else 0)
