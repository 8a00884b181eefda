"""The benchmarks' own logic: costs, ratios, targets, reports of load generators, tables; and one tiny real measurement."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import bench  # noqa: E402
import bench_programs as programs  # noqa: E402
import bench_report as report  # noqa: E402
import bench_run  # noqa: E402
import bench_servers as servers  # noqa: E402
import bench_websocket as websocket  # noqa: E402
from bench_loops import Effort, calls  # noqa: E402

FACTS = {
    "processor": "A CPU", "cores": "2", "kernel": "6.1", "python": "3.11.7", "unicorn": "2.1.4", "load before": "0.00",
}  # fmt: skip

AB = """
Complete requests:      14321
Failed requests:        {failed}
Requests per second:    7160.30 [#/sec] (mean)
"""
WRK = """
  14321 requests in 2.00s, 2.10MB read
{errors}Requests/sec:  18079.70
"""


def row(emu: tuple[float, ...], strace: tuple[float, ...]) -> report.Row:
    made = report.Row("traced", "a traced | call", "emu-trace")
    made.series = {
        "emu-trace": report.Series("emu-trace", "us", emu),
        "strace": report.Series("strace", "us", strace),
    }
    return made


def test_start_up_is_taken_off_the_cost_of_a_call() -> None:
    assert report.per_call([0.25, 0.25], [0.75, 1.25], 10, 1010) == pytest.approx([0.0005, 0.001])


def test_calls_that_drown_in_noise_are_no_figure() -> None:
    with pytest.raises(ValueError, match="noise"):
        report.per_call([0.5], [0.4], 10, 1010)


def test_a_ratio_is_taken_round_by_round() -> None:
    fast = report.Series("emu", "us", (1.0, 2.0, 3.0))
    slow = report.Series("strace", "us", (10.0, 20.0, 90.0))
    assert report.ratio(fast, slow) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.00123, "0.00123"), (0.123, "0.123"), (1.999, "2"), (3.14159, "3.14"), (83.25, "83.2"), (150, "150"), (19144.4, "19,144")],
)  # fmt: skip
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert report.significant(value) == text


def test_targets_are_judged_by_the_median() -> None:
    judged = row((3.0, 3.5, 9.0), (60.0, 70.0, 80.0))
    judged.at_most(4.0)
    judged.relative("strace", 0.2, least=False)
    assert judged.met is True
    judged.at_most(3.4)
    assert judged.met is False


def test_a_missing_peer_is_a_note_and_a_missing_emu_a_failure() -> None:
    alone = row((3.0,), (60.0,))
    del alone.series["strace"]
    alone.relative("strace", 0.2, least=False)
    assert alone.met is None
    assert "strace" in alone.notes[0]
    del alone.series["emu-trace"]
    alone.at_most(4.0)
    assert alone.met is False


def test_markdown_has_a_line_a_row_and_the_machine() -> None:
    measured = row((3.0,), (60.0,))
    measured.at_most(4.0)
    failed = report.Row("http", "requests", "emu-trace", failure="no ab")
    lines = report.markdown([measured, failed], FACTS).splitlines()
    assert lines[0] == "| what | emu | strace -f -o | target | met |"
    assert lines[2] == "| a traced \\| call | 3 us | 60 us | at most 4 us | yes |"
    assert lines[3] == "| requests | no ab | – | – | no |"
    assert lines[-1].endswith("A CPU, 2 cores, Linux 6.1, Python 3.11.7, Unicorn 2.1.4.")


def test_json_keeps_every_round() -> None:
    data = json.loads(json.dumps(report.as_json([row((3.0, 4.0), (60.0, 61.0))], FACTS)))
    assert data["rows"][0]["series"]["strace"]["rounds"] == [60.0, 61.0]


def test_ab_and_wrk_reports() -> None:
    assert servers.parse_ab(AB.format(failed=0)) == 7160.30
    assert servers.parse_wrk(WRK.format(errors="")) == 18079.70
    with pytest.raises(bench_run.MeasureError, match="3 of 14321"):
        servers.parse_ab(AB.format(failed=3))
    with pytest.raises(bench_run.MeasureError, match="read 7"):
        servers.parse_wrk(WRK.format(errors="  Socket errors: connect 0, read 7, write 0, timeout 0\n"))
    with pytest.raises(bench_run.MeasureError, match="no request"):
        servers.parse_ab("apr_socket_recv: Connection refused (111)")


def test_frames_are_those_of_the_rfc() -> None:
    """RFC 6455 section 5.7: a masked and an unmasked "Hello"."""
    assert websocket.masked_frame(b"Hello").hex() == "818537fa213d7f9f4d5158"
    assert websocket.plain_frame(b"Hello").hex() == "810548656c6c6f"


def test_unknown_figures_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.arguments(["speed"])
    assert "no such figure: speed" in capsys.readouterr().err


def test_every_figure_is_documented() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    for name in bench.FIGURES:
        assert f"`{name}`" in text


def test_a_call_costs_something_natively(tmp_path: Path) -> None:
    installed, _ = bench_run.subjects()
    costs, notes = calls("getpid", [installed["native"]], tmp_path, Effort(rounds=1, seconds=0.02))
    assert not notes
    assert 0 < costs["native"][0] < 1e-3


def test_a_run_that_fails_is_no_measurement(tmp_path: Path) -> None:
    installed, _ = bench_run.subjects()
    elf = bench_run.build("getpid", tmp_path)
    with pytest.raises(bench_run.MeasureError, match="status 2"):
        bench_run.run(installed["native"], elf, ["many"], tmp_path)


def test_the_report_of_redis_benchmark() -> None:
    assert programs.parse_redis('"test","rps"\n"SET","62695.92","0.1"\n') == 62695.92
    with pytest.raises(bench_run.MeasureError, match="no figure"):
        programs.parse_redis("Could not connect")


def test_a_program_that_is_not_installed_is_named() -> None:
    assert programs.absent("sh") == ""
    assert programs.absent("sh", "no-such-program") == "not installed: no-such-program"
