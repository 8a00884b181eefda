"""Lanes: what is drawn of a window agrees with what the calls in it say, at every zoom."""

from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emu.trace.index import CALL, FAILED
from emu.viewer.lane import BLOCKED, NOTHING, Lane, cells, spans, ticks


def lane_of(calls: list[tuple[int, int, int, bool]]) -> Lane:
    """A lane of calls: begin, end, time blocked, whether it failed."""
    times = array("q", [call[0] for call in calls])
    ends = array("q", [call[1] for call in calls])
    lane = Lane(1000, times, ends)
    lane.started = 0
    lane.add(range(len(calls)), [call[2] for call in calls], [FAILED if call[3] else CALL for call in calls])
    return lane


def drawn(lane: Lane, start: int, end: int, width: int) -> str:
    return "".join(cell.text for cell in cells(lane, start, end, width))


def test_waiting_is_a_line_and_running_is_full() -> None:
    lane = lane_of([(100, 200, 100, False)])
    assert drawn(lane, 0, 300, 6) == "██──██"


def test_height_is_the_part_that_ran() -> None:
    lane = lane_of([(0, 50, 50, False), (100, 175, 75, False)])
    assert drawn(lane, 0, 200, 2) == "▄▂"


def test_nothing_is_drawn_before_the_start_and_after_the_end_of_a_thread() -> None:
    lane = lane_of([(100, 110, 0, False)])
    lane.started, lane.ended = 100, 200
    assert drawn(lane, 0, 300, 3) == " █ "


def test_what_a_thread_does_after_its_last_call_is_not_known_before_the_run_is_over() -> None:
    lane = lane_of([(0, 100, 100, False)])
    assert "".join(cell.text for cell in cells(lane, 0, 300, 3, is_over=False)) == "─··"
    assert drawn(lane, 0, 300, 3) == "─██"


def test_an_error_colours_the_column_in_which_it_was_returned() -> None:
    looks = [cell.look for cell in cells(lane_of([(0, 250, 250, True)]), 0, 300, 3)]
    assert looks == ["blocked", "blocked", "failed"]


def test_a_wait_that_reaches_beyond_the_window_fills_it() -> None:
    lane = lane_of([(0, 1_000_000, 1_000_000, False)])
    assert cells(lane, 400_000, 400_010, 5) == [BLOCKED] * 5


def test_wide_calls_are_named_and_narrow_ones_are_not() -> None:
    lane = lane_of([(0, 60, 60, False), (60, 62, 0, False), (70, 100, 0, False)])
    assert [(span.call, span.first, span.last, span.is_wait) for span in spans(lane, 0, 100, 50)] == [
        (0, 0, 31, True),
        (2, 35, 50, False),
    ]


def test_the_call_at_a_moment_is_the_one_that_went_on_or_the_nearest() -> None:
    lane = lane_of([(100, 200, 0, False), (300, 400, 0, False)])
    assert [lane.at(moment) for moment in (0, 150, 220, 290, 350, 900)] == [0, 0, 0, 1, 1, 1]
    assert lane_of([]).at(5) is None


gaps = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1), st.booleans()), max_size=40
)


@given(gaps, st.integers(1, 60), st.integers(0, 500), st.integers(1, 3000))
def test_the_time_blocked_in_all_columns_is_that_of_the_calls(
    given_gaps: list[tuple[int, int, float, bool]], width: int, start: int, span: int
) -> None:
    at, calls = 0, []
    for gap, length, part, failed in given_gaps:
        at += gap
        calls.append((at, at + length, round(length * part), failed))
        at += length
    lane = lane_of(calls)
    end = start + span
    found = lane.blocked_in(start, end, lane.ended_after(start), lane.begun_before(end))
    expected = sum(
        blocked * max(0, min(end, last) - max(start, first)) / max(1, last - first)
        for first, last, blocked, _ in calls
        if last > start and first < end
    )
    assert abs(found - expected) < 1e-6 * max(1, expected) + 1e-6
    row = cells(lane, start, end, width)
    assert len(row) == width
    assert NOTHING not in row


@given(st.integers(0, 10**15), st.integers(1, 10**13), st.integers(1, 300))
def test_marks_of_the_axis_are_apart_and_inside(start: int, span: int, width: int) -> None:
    columns = [column for column, _ in ticks(start, start + span, width)]
    assert all(0 <= column < width for column in columns)
    assert all(after - before >= 10 for before, after in pairwise(columns) if span > width * 14)


def test_marks_are_round_times() -> None:
    assert ticks(0, 4_000_000_000, 120) == [(0, "0"), (15, "0.5 s"), (30, "1.0 s"), (45, "1.5 s"), (60, "2.0 s"),
                                            (75, "2.5 s"), (90, "3.0 s"), (105, "3.5 s")]  # fmt: skip
