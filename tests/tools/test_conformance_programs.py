"""Programs of Debian packages say natively and emulated the same; how the results of Python's tests are read and compared."""

from pathlib import Path

import pytest

from tools.conformance import python_tests
from tools.conformance.programs import PROGRAMS, SCRIPTS, Program, program_row, slice_row
from tools.conformance.python_tests import LEFT_OUT, SLICES, Slice, difference, results
from tools.conformance.report import EQUAL, SKIPPED


@pytest.mark.slow
@pytest.mark.parametrize(
    "program", [program for program in PROGRAMS if program.short], ids=lambda program: program.name
)
def test_a_program_says_the_same(program: Program, tmp_path: Path) -> None:
    row = program_row(program, tmp_path)
    if row.result == SKIPPED:
        pytest.skip(row.note)
    assert row.result == EQUAL, row.note
    assert len(row.calls) > 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "slice_", [slice_ for slice_ in SLICES if slice_.short], ids=lambda slice_: slice_.name
)
def test_pythons_own_tests_come_to_the_same(slice_: Slice, tmp_path: Path) -> None:
    row = slice_row(slice_, tmp_path)
    if row.result == SKIPPED:
        pytest.skip(row.note)
    assert row.result == EQUAL, row.note


def test_every_script_is_run_by_a_program() -> None:
    assert {program.script for program in PROGRAMS} == {path.name for path in SCRIPTS.iterdir()}
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)


def test_a_result_is_found_behind_what_the_test_says_itself() -> None:
    output = b"""\
test_a (test.test_x.Case.test_a) ... ok
test_b (test.test_x.Case.test_b) ... Status: 0
more
ok
test_c (test.test_x.Case.test_c)
What it is for. ... skipped 'not here'
test_d (test.test_x.Case.test_d) ... FAIL

Ran 4 tests in 0.1s
"""
    case = "test.test_x.Case.test_"
    assert results(output) == {case + "a": "ok", case + "b": "ok", case + "c": "skipped", case + "d": "FAIL"}


def test_differences_are_told_by_test() -> None:
    assert difference({"test.x.a": "ok", "test.x.b": "ok"}, {"test.x.a": "ok", "test.x.b": "ok"}) == ""
    assert difference({"test.x.a": "ok"}, {"test.x.a": "FAIL"}) == "x.a: natively ok, emulated FAIL"
    assert difference({"test.x.a": "ok"}, {}) == "x.a: natively ok, emulated not run"
    assert difference({}, {}) == "no test was run natively"


def test_what_is_left_out_is_not_run_and_has_a_reason(tmp_path: Path) -> None:
    words = Slice("some", ("test_os",), only=("*Stat*",)).command(tmp_path)
    assert words[-1] == "test_os"
    assert words[words.index("--match") + 1] == "*Stat*"
    assert all(pattern in words for pattern in LEFT_OUT)
    assert all(LEFT_OUT.values())


def test_a_program_that_is_not_installed_is_skipped(tmp_path: Path) -> None:
    row = program_row(Program("none", "nothing", "posix.sh", ("/none/such",)), tmp_path)
    assert row.result == SKIPPED
    assert row.note == "not installed: /none/such"
    assert python_tests.missing(Slice("none", ("test_none_such",)))
