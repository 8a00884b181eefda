"""What every test may use: guests that run natively and emulated, and must say the same."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from guest.compiler import build

# The same examples in every run, and no verdict from a clock: what fails once fails again, on any machine.
settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")

ROOT = Path(__file__).parent.parent
SLOW = (
    "tests/emu/plugin", "tests/emu/viewer", "tests/emu/trace/test_strace_native.py", "tests/test_tutorial.py",
    "tests/server/test_limits.py", "tests/syscalls/test_signalfd.py",
)  # fmt: skip
"""What takes long as a whole: left out while working (`python3 tools/dev.py quick`)."""

GUESTS = ROOT / "tests" / "guests"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is slow as a whole, before anything is chosen by its marks."""
    for item in items:
        if item.path.is_relative_to(ROOT) and item.path.relative_to(ROOT).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Outcome:
    """What one run of a guest left behind. `status` is a shell's: 128+N when signal N ended it."""

    status: int
    stdout: bytes
    stderr: bytes


@pytest.fixture(scope="session")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compiles `tests/guests/NAME.py` (or a bundled program) once a session; returns the ELF's path."""
    folder = tmp_path_factory.mktemp("elf")
    built: dict[str, Path] = {}

    def compiled(name: str) -> Path:
        if name not in built:
            source = GUESTS / f"{name}.py"
            target = folder / f"{name.replace('/', '_')}.elf"
            target.write_bytes(build(str(source) if source.exists() else name))
            target.chmod(0o755)
            built[name] = target
        return built[name]

    return compiled


def run_native(path: Path, args: Sequence[str] = (), stdin: bytes = b"", timeout: float = 20) -> Outcome:
    """Runs the ELF on the bare kernel in an empty environment."""
    done = subprocess.run(
        [str(path), *args], input=stdin, capture_output=True, timeout=timeout, env={}, cwd="/tmp", check=False
    )
    return Outcome(
        done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout, done.stderr
    )


def run_emulated(
    path: Path,
    args: Sequence[str] = (),
    stdin: bytes = b"",
    timeout: float = 60,
    options: Sequence[str] = (),
) -> Outcome:
    """Runs the ELF under `emu run`."""
    done = subprocess.run(
        [sys.executable, "-m", "emu", "run", *options, str(path), "--", *args],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def same(elf: Callable[[str], Path]) -> Callable[..., Outcome]:
    """Runs a guest natively and emulated, asserts that both say the same, returns the native outcome."""

    def compare(name: str, *args: str, stdin: bytes = b"", status: int | None = 0) -> Outcome:
        path = elf(name)
        native = run_native(path, args, stdin)
        emulated = run_emulated(path, args, stdin)
        assert emulated.stdout.decode("latin-1") == native.stdout.decode("latin-1"), emulated.stderr.decode(
            "latin-1"
        )
        assert emulated.status == native.status, emulated.stderr.decode("latin-1")
        if status is not None:
            assert native.status == status, native.stdout.decode("latin-1") + native.stderr.decode("latin-1")
        return native

    return compare


@pytest.fixture
def native(elf: Callable[[str], Path]) -> Callable[..., Outcome]:
    """Runs a guest on the bare kernel."""

    def run(name: str, *args: str, stdin: bytes = b"") -> Outcome:
        return run_native(elf(name), args, stdin)

    return run


@pytest.fixture
def emulated(elf: Callable[[str], Path]) -> Callable[..., Outcome]:
    """Runs a guest by `emu run`; `options` stand before the program."""

    def run(name: str, *args: str, stdin: bytes = b"", options: Sequence[str] = ()) -> Outcome:
        return run_emulated(elf(name), args, stdin, options=options)

    return run
