"""Compiles little guest programs and runs them on the bare kernel."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import guest.compiler

PROGRAMS = Path(__file__).parent / "programs"
Result = subprocess.CompletedProcess[bytes]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMU_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def execute(tmp_path: Path) -> Callable[[bytes], Result]:
    """Runs an ELF natively and gives its status and output."""

    def run(elf: bytes) -> Result:
        file = tmp_path / "program.elf"
        file.write_bytes(elf)
        file.chmod(0o755)
        return subprocess.run([file], capture_output=True, timeout=10, check=False)

    return run


@pytest.fixture
def write_program(tmp_path: Path) -> Callable[..., Path]:
    """Writes a program's main module, with the shared prelude beside it; gives its path."""

    def write(source: str, name: str = "main.py", **modules: str) -> Path:
        folder = tmp_path / "program"
        folder.mkdir(exist_ok=True)
        (folder / "prelude.py").write_text((PROGRAMS / "prelude.py").read_text())
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(text)
        (folder / name).write_text(source)
        return folder / name

    return write


@pytest.fixture
def run_source(
    write_program: Callable[..., Path], execute: Callable[[bytes], Result]
) -> Callable[..., Result]:
    """Compiles a program given as text and runs it."""

    def run(source: str, **modules: str) -> Result:
        return execute(guest.compiler.build(write_program(source, **modules)))

    return run
