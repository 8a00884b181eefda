"""The comparison with Linux: its tables, its verdicts on two runs, the cases of hostile arguments; and a sample of them, run."""

from pathlib import Path

import pytest

from syscalls import numbers
from tools.conformance import errno_values, transcripts
from tools.conformance.errno_calls import NOT_RUN
from tools.conformance.errnos import TARGET, Comparison, compare, grouped, sample
from tools.conformance.report import DIFFERS, EQUAL, SKIPPED, Effort, Row, cells, markdown, verdict
from tools.conformance.run import Run, compared, difference, emulated, native

ROOT = Path(__file__).parent.parent.parent


def run(stdout: bytes, status: int = 0) -> Run:
    return Run(status, stdout, b"", 0.1)


def test_two_runs_are_equal_when_output_and_status_are() -> None:
    assert compared("ls", "lists", run(b"a\n"), run(b"a\n")).result == EQUAL
    assert compared("ls", "lists", run(b"a\n"), run(b"b\n")).result == DIFFERS


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        (run(b"a\nb\n"), run(b"a\nc\n"), "line 2 of stdout: natively 'b', emulated 'c'"),
        (run(b"a\nb\n"), run(b"a\n"), "stdout has 1 more lines natively, first 'b'"),
        (run(b""), run(b"x\n"), "stdout has 1 more lines emulated, first 'x'"),
        (run(b"", 0), run(b"", 139), "status natively 0, emulated 139"),
        (run(b"", 0), run(b"", -1), "status natively 0, emulated none in time"),
    ],
)
def test_the_first_difference_is_told(expected: Run, found: Run, words: str) -> None:
    assert difference(expected, found) == words


def test_a_run_that_does_not_end_is_ended() -> None:
    done = native(["/bin/sh", "-c", "echo begun; sleep 1000 & wait"], env={"PATH": "/bin:/usr/bin"}, limit=1)
    assert (done.status, done.stdout) == (-1, b"begun\n")


def test_a_signal_is_a_status_of_a_shell() -> None:
    assert native(["/bin/sh", "-c", "kill -HUP $$"]).status == 129


def test_tables() -> None:
    rows = [
        Row("ls", "lists | all", EQUAL, frozenset(["read", "write"]), 1.25, part="programs"),
        Row("x", "y", SKIPPED, note="x is\nnot installed " + "a" * 200),
    ]
    assert cells(rows[0]) == ("programs", "ls", "lists | all", "equal", "2", "1.2 s", "")
    assert markdown(rows).splitlines()[2] == "| programs | ls | lists \\| all | equal | 2 | 1.2 s |  |"
    assert len(cells(rows[1])[-1]) == 160
    assert verdict(rows) == "1 of 2 equal, 1 skipped; 2 different system calls were made"


def test_every_guest_that_tests_compare_has_its_place_among_the_transcripts() -> None:
    listed = {guest.split()[0] for guests in transcripts.FAMILIES.values() for guest in guests}
    assert not listed & set(transcripts.others())
    listed |= set(transcripts.others())
    assert {"clock_time", "errors_ordered", "fork_memory"} <= listed
    assert all((ROOT / "tests" / "guests" / f"{name}.py").exists() for name in listed)


def test_every_call_of_the_table_is_tried() -> None:
    assert {case.name for case in errno_values.cases()} | set(NOT_RUN) == set(numbers.NAMES.values())


def test_a_seed_chooses_the_sample() -> None:
    short = Effort(short=True)
    assert sample(short) == sample(short)
    assert sample(short) != sample(Effort(short=True, seed=1))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("kill", (errno_values.WORD, 9)),
        ("kill", (0xFFFFFF00, 9)),
        ("setpriority", (2, 0, 5)),
        ("ioprio_set", (3, 0, 0)),
        ("fallocate", (40, 0, 0, 0x7FFFFFFF)),
        ("reboot", (0, 0, 0, 0)),
        ("request_key", (0, 0, 0, 0)),
    ],
)
def test_what_could_harm_others_is_not_made(name: str, values: tuple[int, ...]) -> None:
    assert not errno_values.allowed(name, values, True)
    assert values not in {case.values for case in errno_values.cases() if case.name == name}


def test_what_a_guest_does_is_compared(elf: object) -> None:
    guest = elf("identity_all")  # type: ignore[operator]
    row = compared("identity", "asks who it is", native([guest]), emulated([guest], calls=True))
    assert row.result == EQUAL, row.note
    assert "getpid" in row.calls


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_sample_of_hostile_arguments() -> None:
    found: Comparison = compare(sample(Effort(short=True))[:1000])
    assert found.compared > 900
    assert not [one for one in found.different if one.emulated == "the bench died"]
    assert found.score >= TARGET, grouped(found, 3)
