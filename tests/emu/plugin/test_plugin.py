"""What a failing test leaves behind, with xdist, too; and what a session without guests costs."""

import json
from collections.abc import Callable

import pytest

from emu.trace.read import Reader


def test_a_failing_test_leaves_its_trace(tests: Callable, pytester: pytest.Pytester) -> None:
    text = """
def test_it(emu):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    ask(guest)
    assert %s
"""
    run = tests(text % 0)
    run.outcomes(failed=1)
    folder = pytester.path / ".emu-failures"
    path = folder / "test_it.py-test_it" / "1-server.jsonl"
    assert (
        """
------------------------------------- emu --------------------------------------
server 1 127.0.0.1 0 (seed 0) was killed by SIGKILL (stopped by the test) after N system calls
Its stdout:
    listening on http://127.0.0.1:PORT/ (1 worker)
look at its trace: emu view .emu-failures/test_it.py-test_it/1-server.jsonl
"""
        in run.text
    )
    trace = Reader(path)
    names = [record["name"] for record in trace if record["event"] == "syscall"]
    assert trace.header["argv"] == ["server", "1", "127.0.0.1", "0"]
    assert trace.header["payload_limit"] == 4096
    assert "sendto" in names
    assert (folder / ".gitignore").read_text() == "*\n"
    tests(text % 1).outcomes(passed=1)
    assert not path.exists()


def test_a_fixture_that_fails_leaves_its_trace(tests: Callable, pytester: pytest.Pytester) -> None:
    run = tests(
        """
@pytest.fixture
def server(emu):
    guest = emu.start(source=body("return 1"))
    guest.wait_until_listening()
    yield guest


def test_it(server):
    pass
"""
    )
    run.outcomes(errors=1)
    assert "look at its trace: emu view .emu-failures/test_it.py-test_it/1-guest.jsonl" in run.text


def test_with_xdist(tests: Callable, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    run = tests(
        """
@pytest.mark.parametrize("number", range(4))
def test_it(emu, number):
    guest = emu.start("server.elf", 1, "127.0.0.1", 0)
    ask(guest)
    guest.trace.matches_golden(f"one_{number}")
    assert number != 3
""",
        "-n2",
        "--emu-update",
        apart=True,
    )
    run.outcomes(passed=3, failed=1)
    assert "emu view .emu-failures/test_it.py-test_it-3/1-server.jsonl" in run.text
    assert run.text.count("golden/one_") == 4
    golden = [(pytester.path / "golden" / f"one_{number}.txt").read_text() for number in range(4)]
    assert len(set(golden)) == 1


def test_sessions_without_guests_load_nothing(tests: Callable) -> None:
    tests(
        """
import sys


def test_it():
    assert not [name for name in sys.modules if name.startswith(("unicorn", "emu.machine", "emu.plugin.", "llvmlite"))]
""",
        apart=True,
    ).outcomes(passed=1)


def test_the_header_of_a_kept_trace(tests: Callable, pytester: pytest.Pytester) -> None:
    tests("def test_it(emu):\n    emu.run(source=body('return 0'))\n    assert 0")
    line = next((pytester.path / ".emu-failures").rglob("*.jsonl")).read_text().splitlines()[0]
    assert json.loads(line)["program"] == "guest"


def test_a_wrong_pattern_shows_the_test_and_the_place(tests: Callable) -> None:
    run = tests(
        """
def test_it(emu):
    trace = emu.run(source=body("return 0")).trace
    trace.expect("exit_grop")
"""
    )
    run.outcomes(failed=1)
    assert (
        """
>       trace.expect("exit_grop")
E       emu.plugin.pattern.PatternError: 'exit_grop' is not a system call: did you mean 'exit_group'?
E         exit_grop
E         ^
"""
        in run.text
    )
    assert "_Parser" not in run.text
